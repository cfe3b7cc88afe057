//! Faults are injected into the calls to API Gateway, IAM and Lambda; a second run ends in the same
//! state as a run without faults.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use e2e::emulator::Fault;
use serde_json::{Value, json};

use super::{FUNCTION, Shop, read_functions};
use crate::on_aws::faults::{cases, numbered};
use crate::on_aws::{CommandOutput, REGION, read_back};

fn key(number: usize) -> String {
    format!("33{number:010}")
}

/// Returns an account's state without account numbers, IDs and fingerprints.
fn state(gateway: &Value, functions: &Value, key: &str) -> Value {
    let mut gateway = gateway.clone();
    for api in gateway["apis"].as_array_mut().unwrap() {
        api.as_object_mut().unwrap().remove("id");
    }
    // `$LATEST` is whatever was published last.
    let function = &functions[FUNCTION];
    let state = json!({
        "gateway": gateway,
        "versions": function["versions"],
        "aliases": function["aliases"],
        "tags": function["tags"],
    });
    let marks = [
        ("jwt-", 8),
        ("\"shop-jwt-", 8),
        ("shop-authorizer-", 17),
        ("content=", 16),
        ("config=", 16),
        ("api=", 16),
    ];
    let text = numbered(&state.to_string().replace(key, "ACCOUNT"), &marks);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// When a command is run again.
#[derive(Clone, Copy, PartialEq)]
enum Rerun {
    /// In any case: it does nothing if it has succeeded.
    Always,
    /// In any case: it only flushes if it has succeeded.
    Flushes,
    /// Only if it failed before the stage was updated: a second success would be a second step.
    /// The number is that of the revision that the stage serves in the end.
    BeforeUpdate(&'static str),
}

const FLUSH: &str = "/cache/authorizers";
const NOT_FLUSHED: &str = "its authorizer result cache was not flushed";

/// Returns the command that follows one with a fault. What was not flushed is flushed.
fn second(output: &CommandOutput, rerun: Rerun, command: Vec<String>) -> Option<Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let flush = words(if output.contains(NOT_FLUSHED) { &["--flush-auth-cache"] } else { &[] });
    match rerun {
        Rerun::Always => Some([command, flush].concat()),
        Rerun::Flushes => Some(command),
        Rerun::BeforeUpdate(_) if output.exit == 0 => None,
        Rerun::BeforeUpdate(_) if flush.is_empty() => Some(command),
        Rerun::BeforeUpdate(live) => {
            Some([words(&["rollback", live, "--stage", "dev", "--yes"]), flush].concat())
        }
    }
}

fn run_command(shop: &Shop, command: &[String]) -> CommandOutput {
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    shop.account.run_with_faults(&command)
}

/// Runs a command with faults in its calls, each case in its own account; asserts that a second run
/// ends in the state of a run without faults.
fn check(
    first: usize,
    command: &(dyn Fn(&Shop) -> Vec<String> + Sync),
    rerun: Rerun,
    prepare: &(dyn Fn(&Shop) + Sync),
) {
    let run = |shop: &Shop| run_command(shop, &command(shop));
    let reference = Shop::without_issuer(&key(first));
    prepare(&reference);
    reference.account.proxy.inject(None);
    run(&reference).expect_exit(0);
    let cases = cases(&reference.account.proxy);
    let cases: Vec<(usize, usize, Fault)> =
        cases.into_iter().enumerate().map(|(n, (at, fault))| (first + 1 + n, at, fault)).collect();
    println!("{} cases in {} calls", cases.len(), reference.account.proxy.calls().len());
    let left = Mutex::new(cases.clone());
    let outputs = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((number, at, fault)) = left.lock().unwrap().pop() else { return };
                    let shop = Shop::without_issuer(&key(number));
                    prepare(&shop);
                    // Access remains denied: all calls from there on fail.
                    let times = if fault == Fault::Denied { usize::MAX } else { 1 };
                    shop.account.proxy.inject(Some((at, fault, times)));
                    let output = run(&shop);
                    let call = shop.account.proxy.calls().get(at).cloned();
                    let call = call.unwrap_or_else(|| panic!("no call {at}: {output:?}"));
                    if let Some(command) = second(&output, rerun, command(&shop)) {
                        shop.account.proxy.inject(None);
                        let again = run_command(&shop, &command);
                        let case =
                            || format!("call {at}, {call:?}, {fault:?}: {output:?}\n{again:?}");
                        assert_eq!(again.exit, 0, "{}", case());
                        let calls = shop.account.proxy.calls();
                        let flushes = calls.iter().any(|(_, path)| path.ends_with(FLUSH));
                        assert!(flushes || !output.contains(NOT_FLUSHED), "{}", case());
                    }
                    outputs.lock().unwrap().push((number, call, output));
                }
            });
        }
    });
    let outputs = outputs.into_inner().unwrap();
    assert!(outputs.iter().any(|(.., output)| output.exit != 0), "no fault is a failure");
    let keys: Vec<String> = (first..=first + cases.len()).map(key).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (gateway, functions) = (read_back(&keys), read_functions(REGION, &keys));
    let state = |number: usize| {
        let key = key(number);
        state(&gateway[&key], &functions[&key], &key)
    };
    let expected = state(first);
    let published: BTreeSet<String> = (expected["versions"].as_array().unwrap().iter())
        .map(|version| format!("{} {version}", version["CodeSha256"]))
        .collect();
    assert_eq!(published.len(), expected["versions"].as_array().unwrap().len());
    for (number, call, output) in &outputs {
        let (_, at, fault) = cases[number - first - 1];
        let found = state(*number);
        assert!(
            found == expected,
            "call {at}, {call:?}, {fault:?}: {output:?}\nexpected {expected:#}\nfound {found:#}"
        );
    }
}

fn deployment(shop: &Shop) -> Vec<String> {
    shop.deployment("dev", &[])
}

fn moved(command: &str) -> Vec<String> {
    [command, "--stage", "dev", "--yes", "--allow-dangerous"].map(str::to_owned).to_vec()
}

fn deployed(shop: &Shop) {
    shop.deploy("dev", &[]);
}

fn changed(shop: &Shop) {
    deployed(shop);
    shop.change_scope("write", "admin");
}

#[test]
fn a_first_deployment_survives_every_failure_of_every_call() {
    check(0, &deployment, Rerun::Always, &|_| {});
}

#[test]
fn a_change_survives_every_failure_of_every_call() {
    check(1000, &deployment, Rerun::Always, &changed);
}

#[test]
fn a_canary_survives_every_failure_of_every_call() {
    let canary = |shop: &Shop| shop.deployment("dev", &["--canary", "10"]);
    check(2000, &canary, Rerun::Always, &changed);
}

#[test]
fn a_promotion_survives_every_failure_of_every_call() {
    check(3000, &|_| moved("promote"), Rerun::BeforeUpdate("2"), &|shop| {
        changed(shop);
        shop.deploy("dev", &["--canary", "10"]);
    });
}

#[test]
fn a_rollback_survives_every_failure_of_every_call() {
    check(4000, &|_| moved("rollback"), Rerun::BeforeUpdate("1"), &|shop| {
        changed(shop);
        deployed(shop);
    });
}

#[test]
fn a_revocation_survives_every_failure_of_every_call() {
    // Without a zip file, the binary is that of the version that the stage serves.
    let revoke =
        ["revoke", "--sub", "leaver", "--stage", "dev", "--yes"].map(str::to_owned).to_vec();
    check(5000, &|_| revoke.clone(), Rerun::Flushes, &deployed);
}
