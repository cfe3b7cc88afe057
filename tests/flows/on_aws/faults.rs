//! Faults are injected into every call; a second run ends in the same state as a run without faults.

use std::sync::Mutex;
use std::thread;

use e2e::emulator::{Emulator, Fault, FaultProxy};
use serde_json::Value;

use super::{Account, CommandOutput, TOKEN, read_back};

/// Returns the account of a case.
fn account(number: usize) -> Account {
    Account::new(&format!("2{number:011}"))
}

const DEPLOY: [&str; 5] = ["deploy", "--stage", "dev", "--yes", "--token-command=echo aaa.bbb.ccc"];

/// Numbers the fingerprints: they depend on the account, so only their equality is compared. Each
/// follows a mark and has a length.
pub(super) fn numbered(text: &str, marks: &[(&str, usize)]) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut text = text.to_owned();
    for (mark, length) in marks {
        let mut from = 0;
        while let Some(at) = text[from..].find(mark).map(|at| from + at + mark.len()) {
            let print = text[at..at + *length].to_owned();
            let number = known.iter().position(|one| *one == print).unwrap_or(known.len());
            if number == known.len() {
                known.push(print);
            }
            text.replace_range(at..at + *length, &format!("#{number}"));
            from = at;
        }
    }
    text
}

/// Returns an account's state without account numbers and IDs.
fn state(found: &Value, key: &str) -> Value {
    let marks = [("jwt-", 8), ("petstore-authorizer-", 17), ("content=", 16)];
    let text = numbered(&found.to_string().replace(key, "ACCOUNT"), &marks);
    let mut state: Value = serde_json::from_str(&text).unwrap();
    for api in state["apis"].as_array_mut().unwrap() {
        api.as_object_mut().unwrap().remove("id");
    }
    state
}

/// Changes the cache TTL, the function's alias, a scope and the stage.
fn change(account: &Account) {
    account.edit("portcullis.toml", "petstore-authorizer:live", "petstore-authorizer:next");
    account.edit("portcullis.toml", "cache_ttl = \"5m\"", "cache_ttl = \"1m\"");
    account.edit("openapi.yaml", "- jwt: [pets:write]\n        - jwt: [admin]", "- jwt: [admin]");
    account.edit(
        "portcullis.toml",
        "[stage.dev]",
        "[stage.dev]\nvariables = { a = \"b\" }\nthrottle = { rate = 5, burst = 6 }",
    );
}

/// The faults whose effect depends on the call: the command stops, or does not know the result.
const STOPS: [Fault; 2] = [Fault::Denied, Fault::DroppedAfter];
/// The faults before a call had an effect. All calls are retried by the same code.
const RETRIES: [Fault; 4] =
    [Fault::Throttled, Fault::Conflict, Fault::Failure, Fault::DroppedBefore];

/// Returns the faults to inject, by call. Every write has those that stop it and one of the others;
/// a read, which has no effect, has one.
pub(super) fn cases(proxy: &FaultProxy) -> Vec<(usize, Fault)> {
    let forms = proxy.forms();
    let mut forms = forms.iter();
    let mut cases = Vec::new();
    for (at, (method, path)) in proxy.calls().iter().enumerate() {
        let form = (path == "/").then(|| forms.next()).flatten();
        let reads_form = form.is_some_and(|form| {
            ["Action=Get", "Action=List"].iter().any(|action| form.contains(action))
        });
        let invokes =
            path.ends_with("/invocations") || path.contains("/authorizers/") && method == "POST";
        if method == "GET" || reads_form || invokes {
            cases.push((at, Fault::ALL[at % Fault::ALL.len()]));
        } else {
            let retried = RETRIES[at % RETRIES.len()];
            cases.extend(STOPS.into_iter().chain([retried]).map(|fault| (at, fault)));
        }
    }
    cases
}

/// Deploys with faults in each call, each case in its own account; asserts that a second run ends in
/// the state of a run without faults.
fn check_all_faults(first: usize, prepare: &(dyn Fn(&Account) + Sync)) {
    let reference = check_command(first, &DEPLOY, Rerun::Always, prepare);
    // An equal state has an empty plan too.
    reference.expect_no_changes("dev");
}

/// When a command is run again.
#[derive(Clone, Copy, PartialEq)]
enum Rerun {
    /// In any case: it does nothing if it has succeeded.
    Always,
    /// Only if it failed: a second success would be a second step.
    AfterFailure,
}

/// Runs a command that failed again; if the failure names another command, runs that one.
fn run_again(account: &Account, command: &[&str], failed: &CommandOutput) {
    let named = failed.stderr.split_once("help: run `deployer ").map(|(_, help)| help);
    let named = named.and_then(|help| help.split_once('`')).map(|(named, _)| named);
    match named.filter(|named| named.starts_with("rollback ")) {
        Some(named) => {
            let named: Vec<&str> = named.split(' ').collect();
            account.run(&named).expect_exit(0);
        }
        None => _ = account.run(command).expect_exit(0),
    }
}

/// Runs a command with faults in each call, each case in its own account; asserts that a second run
/// ends in the state of a run without faults, and returns the account of that run.
fn check_command(
    first: usize,
    command: &[&str],
    rerun: Rerun,
    prepare: &(dyn Fn(&Account) + Sync),
) -> Account {
    let reference = account(first);
    prepare(&reference);
    reference.run(command).expect_exit(0);
    let count = reference.proxy.calls().len();
    let expected = state(&reference.read_back(), &reference.key);
    let cases = cases(&reference.proxy).into_iter().enumerate();
    let cases: Vec<(usize, usize, Fault)> =
        cases.map(|(n, (at, fault))| (first + 1 + n, at, fault)).collect();
    let left = Mutex::new(cases.clone());
    let failed: Mutex<Vec<usize>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((number, at, fault)) = left.lock().unwrap().pop() else { return };
                    let account = account(number);
                    prepare(&account);
                    // Access remains denied: all calls from there on fail.
                    let times = if fault == Fault::Denied { usize::MAX } else { 1 };
                    account.proxy.inject(Some((at, fault, times)));
                    let output = account.run_with_faults(command);
                    let calls = account.proxy.calls();
                    assert!(calls.len() > at, "call {at} was never made: {output:?}");
                    if output.exit != 0 {
                        failed.lock().unwrap().push(number);
                    }
                    if output.exit != 0 {
                        run_again(&account, command, &output);
                    } else if rerun == Rerun::Always {
                        account.run(command).expect_exit(0);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(!failed.is_empty() && failed.len() < cases.len(), "some are retried: {failed:?}");
    let keys: Vec<String> = cases.iter().map(|(number, ..)| account(*number).key).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let found = read_back(&keys);
    for (number, at, fault) in cases {
        let key = account(number).key;
        let actual = state(&found[&key], &key);
        assert!(
            actual == expected,
            "call {at} of {count}, {fault:?}: expected {expected:#}\nfound {actual:#}"
        );
    }
    reference
}

#[test]
fn a_first_deployment_survives_every_failure_of_every_call() {
    check_all_faults(0, &|_| {});
}

#[test]
fn a_change_survives_every_failure_of_every_call() {
    check_all_faults(1000, &|account| {
        account.run(&DEPLOY).expect_exit(0);
        change(account);
    });
}

const CANARY: [&str; 8] = [
    "deploy",
    "--stage",
    "dev",
    "--yes",
    "--allow-dangerous",
    "--token-command=echo aaa.bbb.ccc",
    "--canary",
    "10",
];

fn change_of_a_scope(account: &Account, from: &str, to: &str) {
    account.edit("openapi.yaml", &format!("- jwt: [{from}]"), &format!("- jwt: [{to}]"));
}

#[test]
fn a_canary_survives_every_failure_of_every_call() {
    check_command(4000, &CANARY, Rerun::Always, &|account| {
        account.run(&DEPLOY).expect_exit(0);
        change_of_a_scope(account, "owners:read", "owners:admin");
    });
}

#[test]
fn a_promotion_survives_every_failure_of_every_call() {
    let promote = ["promote", "--stage", "dev", "--yes", "--allow-dangerous"];
    check_command(5000, &promote, Rerun::AfterFailure, &|account| {
        account.run(&DEPLOY).expect_exit(0);
        change_of_a_scope(account, "owners:read", "owners:admin");
        account.run(&CANARY).expect_exit(0);
    });
}

#[test]
fn a_rollback_survives_every_failure_of_every_call() {
    let rollback = ["rollback", "--stage", "dev", "--yes", "--allow-dangerous"];
    // A second step is not possible: a run after one that succeeded without a response would fail.
    check_command(6000, &rollback, Rerun::AfterFailure, &|account| {
        account.run(&DEPLOY).expect_exit(0);
        change_of_a_scope(account, "owners:read", "owners:admin");
        account.run(&DEPLOY).expect_exit(0);
    });
    check_command(7000, &rollback, Rerun::AfterFailure, &|account| {
        account.run(&DEPLOY).expect_exit(0);
        change_of_a_scope(account, "owners:read", "owners:admin");
        account.run(&CANARY).expect_exit(0);
    });
}

/// The authorizer accepts an invalid token: no stage serves its deployment, whatever else fails.
#[test]
fn no_stage_serves_a_deployment_whose_authorizer_test_failed() {
    let allow_all = || -> e2e::emulator::TestInvokeAuthorizer {
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
        account.proxy = FaultProxy::in_front_of(&Emulator::localstack().address, 500, allow_all());
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
