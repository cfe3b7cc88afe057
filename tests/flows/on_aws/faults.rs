//! Every call in turn goes wrong in every way; a second run ends where an undisturbed one does.

use std::sync::Mutex;
use std::thread;

use e2e::emulator::{Emulator, Fault, FaultProxy};
use serde_json::Value;

use super::{Account, TOKEN, read_back};

/// Starts at an account's number; each case has an account of its own.
fn account(number: usize) -> Account {
    Account::new(&format!("2{number:011}"))
}

const DEPLOY: [&str; 5] = ["deploy", "--stage", "dev", "--yes", "--token-command=echo aaa.bbb.ccc"];

/// Fingerprints are of ARNs too, and so of accounts: only which are equal counts.
fn numbered(text: &str) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut text = text.to_owned();
    for (mark, length) in [("jwt-", 8), ("content=", 16)] {
        let mut from = 0;
        while let Some(at) = text[from..].find(mark).map(|at| from + at + mark.len()) {
            let print = text[at..at + length].to_owned();
            let number = known.iter().position(|one| *one == print).unwrap_or(known.len());
            if number == known.len() {
                known.push(print);
            }
            text.replace_range(at..at + length, &format!("#{number}"));
            from = at;
        }
    }
    text
}

/// What is there, whatever its account and ids are.
fn state(found: &Value, key: &str) -> Value {
    let text = numbered(&found.to_string().replace(key, "ACCOUNT"));
    let mut state: Value = serde_json::from_str(&text).unwrap();
    for api in state["apis"].as_array_mut().unwrap() {
        api.as_object_mut().unwrap().remove("id");
    }
    state
}

/// Changes what a second deployment is about: an authorizer's cache, a scope, a backend and the
/// stage.
fn change(account: &Account) {
    account.edit("portcullis.toml", "cache_ttl = \"5m\"", "cache_ttl = \"1m\"");
    account.edit("openapi.yaml", "- jwt: [pets:write]\n        - jwt: [admin]", "- jwt: [admin]");
    account.edit(
        "portcullis.toml",
        "[stage.dev]",
        "[stage.dev]\nvariables = { a = \"b\" }\nthrottle = { rate = 5, burst = 6 }",
    );
}

/// Deploys with every call failing in every way, each in an account of its own, and returns what
/// ended otherwise than the undisturbed deployment.
fn disturbed(first: usize, prepare: &(dyn Fn(&Account) + Sync)) {
    let undisturbed = account(first);
    prepare(&undisturbed);
    undisturbed.run(&DEPLOY).expect_exit(0);
    let count = undisturbed.proxy.calls().len();
    // Whoever ends in the same state has nothing left to do either.
    undisturbed.expect_no_changes("dev");
    let expected = state(&undisturbed.read_back(), &undisturbed.key);
    let mut cases: Vec<(usize, usize, Fault)> = Vec::new();
    for at in 0..count {
        for fault in Fault::ALL {
            cases.push((first + 1 + cases.len(), at, fault));
        }
    }
    let left = Mutex::new(cases.clone());
    let failed: Mutex<Vec<usize>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((number, at, fault)) = left.lock().unwrap().pop() else { return };
                    let account = account(number);
                    prepare(&account);
                    // Whoever may not look is not asked again: from there on nothing works.
                    let times = if fault == Fault::Denied { usize::MAX } else { 1 };
                    account.proxy.inject(Some((at, fault, times)));
                    let output = account.run_with_faults(&DEPLOY);
                    let calls = account.proxy.calls();
                    assert!(calls.len() > at, "call {at} was never made: {output:?}");
                    if output.exit != 0 {
                        failed.lock().unwrap().push(number);
                    }
                    account.run(&DEPLOY).expect_exit(0);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.len() >= count, "most faults of one call are repeated, not all: {failed:?}");
    let keys: Vec<String> = cases.iter().map(|(number, ..)| account(*number).key).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let found = read_back(&keys);
    for (number, at, fault) in cases {
        let key = account(number).key;
        let is = state(&found[&key], &key);
        assert!(is == expected, "call {at} of {count}, {fault:?}: {is:#}\nand not {expected:#}");
    }
}

#[test]
fn a_first_deployment_survives_every_failure_of_every_call() {
    disturbed(0, &|_| {});
}

#[test]
fn a_change_survives_every_failure_of_every_call() {
    disturbed(1000, &|account| {
        account.run(&DEPLOY).expect_exit(0);
        change(account);
    });
}

/// The authorizer lets garbage in: whatever goes wrong beside, no stage ever serves it.
#[test]
fn no_stage_serves_a_deployment_whose_authorizer_test_failed() {
    let lets_all_in = || -> e2e::emulator::TestInvokeAuthorizer {
        std::sync::Arc::new(|_| (200, "{\"Statement\":[{\"Effect\":\"Allow\"}]}".to_owned()))
    };
    let count = {
        let account = account(2000);
        account.run(&DEPLOY).expect_exit(0);
        account.proxy.calls().len()
    };
    for (number, at) in (0..count).enumerate() {
        let fault = Fault::ALL[at % Fault::ALL.len()];
        let mut account = account(2001 + number);
        account.proxy =
            FaultProxy::in_front_of(&Emulator::localstack().address, 500, lets_all_in());
        account.proxy.inject(Some((at, fault, 1)));
        account.run_with_faults(&DEPLOY);
        let output = account.run(&DEPLOY).expect_exit(1);
        assert!(
            output.contains("accepted an invalid token") && output.contains("no stage"),
            "{output:?}"
        );
        let api = account.api();
        assert_eq!(api["stages"], serde_json::json!({}), "call {at}, {fault:?}");
        assert_eq!(api["deployments"], serde_json::json!([]), "call {at}, {fault:?}");
    }
    assert_eq!(TOKEN, "aaa.bbb.ccc", "the token of the command line");
}
