//! Canaries, promotions and rollbacks: what is printed is what boto3 reads.

use std::process::Command;

use e2e::backend::Backend;
use serde_json::{Value, json};

use super::{Account, CommandOutput};

/// Replaces the scope of one route.
fn change(account: &Account, from: &str, to: &str) {
    account.edit("openapi.yaml", &format!("- jwt: [{from}]"), &format!("- jwt: [{to}]"));
}

fn deploy_canary(account: &Account, share: &str) -> CommandOutput {
    let command = ["deploy", "--stage", "dev", "--yes", "--allow-dangerous", "--canary", share];
    account.run(&command).expect_exit(0)
}

/// Returns the number of a revision in a description.
fn number(description: &Value) -> u64 {
    let word = description.as_str().unwrap().split(' ').nth(1).unwrap();
    word.trim_start_matches("revision=").parse().unwrap()
}

/// Returns the revision that the stage serves, and its canary's share and revision.
fn traffic(account: &Account) -> (u64, Option<(f64, u64)>) {
    let stage = account.api()["stages"]["dev"].clone();
    let canary = &stage["canarySettings"];
    let canary = (!canary.is_null())
        .then(|| (canary["percentTraffic"].as_f64().unwrap(), number(&canary["deployment"])));
    (number(&stage["deployment"]), canary)
}

/// Runs a command with `--output json`.
#[track_caller]
fn json_of(account: &Account, arguments: &[&str]) -> Value {
    account.run(&[arguments, &["--output", "json"]].concat()).expect_exit(0).json()
}

/// Returns the mutating API Gateway calls of the last command.
fn writes(account: &Account) -> usize {
    account.proxy.api_gateway_calls().1.len()
}

#[test]
fn a_canary_is_promoted_in_one_call() {
    let account = Account::new("110000000091");
    account.deploy("dev");
    let output = account.run(&["promote", "--stage", "dev", "--yes"]).expect_exit(1);
    assert!(output.contains("stage `dev` has no canary"), "{output:?}");
    change(&account, "owners:read", "owners:admin");
    let output = deploy_canary(&account, "10");
    assert!(
        output.contains("stage dev serves revision 1; canary: 10 % revision 2: https://"),
        "{output:?}"
    );
    assert_eq!(traffic(&account), (1, Some((10.0, 2))));

    // Another share is one call, and the same one none.
    let output = json_of(
        &account,
        &["deploy", "--stage", "dev", "--yes", "--allow-dangerous", "--canary", "25"],
    );
    assert_eq!(writes(&account), 2, "the update and the flush of the cache: {output}");
    assert_eq!(output["revision"], 1);
    assert_eq!(
        (&output["canary"]["percent"], &output["canary"]["revision"]),
        (&json!(25.0), &json!(2))
    );
    assert_eq!(traffic(&account), (1, Some((25.0, 2))));
    deploy_canary(&account, "25");
    assert_eq!(writes(&account), 1, "the flush of a recent deployment");
    let status = account.run(&["status", "--stage", "dev"]).expect_exit(0);
    assert!(status.contains("canary: 25 % revision 2"), "{status:?}");
    let history = account.run(&["history", "--stage", "dev"]).expect_exit(0);
    assert!(history.contains("← dev canary 25 %  [served by a canary only]"), "{history:?}");
    assert!(history.contains("← dev 75 %"), "{history:?}");
    let output = account
        .run(&["rollback", "2", "--stage", "dev", "--yes", "--allow-dangerous"])
        .expect_exit(1);
    assert!(output.contains("revision 2 was served by a canary only"), "{output:?}");

    let output = account.run(&["promote", "--stage", "dev"]).expect_exit(1);
    assert!(output.contains("confirmation required to promote the canary of dev"), "{output:?}");
    assert_eq!(writes(&account), 0);
    let output =
        account.run(&["promote", "--stage", "dev", "--yes", "--allow-dangerous"]).expect_exit(0);
    assert_eq!(writes(&account), 2, "the update and the flush of the cache");
    assert!(output.contains("[owners:read] → jwt [owners:admin]"), "{output:?}");
    assert!(
        output.contains("stage dev serves revision 2; promoted the canary (25 % revision 2)"),
        "{output:?}"
    );
    assert_eq!(traffic(&account), (2, None));
    account.expect_no_changes("dev");
    let back = json_of(&account, &["rollback", "--stage", "dev", "--yes", "--allow-dangerous"]);
    assert_eq!((&back["from"], &back["revision"]), (&json!(2), &json!(1)));
}

#[test]
fn a_rollback_ends_a_canary_first_and_skips_marked_revisions() {
    let account = Account::new("110000000092");
    account.deploy("dev");
    for scope in [("owners:read", "a"), ("a", "b")] {
        change(&account, scope.0, scope.1);
        account.deploy("dev");
    }
    change(&account, "b", "c");
    deploy_canary(&account, "10");
    assert_eq!(traffic(&account), (3, Some((10.0, 4))));
    let back =
        account.run(&["rollback", "--stage", "dev", "--yes", "--allow-dangerous"]).expect_exit(0);
    assert_eq!(writes(&account), 2, "the update and the flush of the cache");
    assert!(
        back.contains("stage dev serves revision 3; ended the canary (10 % revision 4)"),
        "{back:?}"
    );
    assert_eq!(traffic(&account), (3, None));

    // 3 → 2 → 1: each one is marked. Forward to 2 again, and the next one is 1, not 3.
    let rollback = ["rollback", "--stage", "dev", "--yes", "--allow-dangerous"];
    for revision in [2, 1] {
        assert_eq!(json_of(&account, &rollback)["revision"], revision);
        assert_eq!(traffic(&account), (revision, None));
    }
    let output = account.run(&rollback).expect_exit(1);
    assert!(output.contains("no earlier revision"), "{output:?}");
    json_of(&account, &["rollback", "3", "--stage", "dev", "--yes", "--allow-dangerous"]);
    let history = json_of(&account, &["history", "--stage", "dev"]);
    let obstacles: Vec<(&Value, &Value)> = (history["deployments"].as_array().unwrap().iter())
        .map(|one| (&one["revision"]["number"], &one["obstacle"]))
        .collect();
    let rolled_back = json!("rolled_back");
    assert_eq!(
        obstacles,
        [
            (&json!(4), &rolled_back),
            (&json!(3), &Value::Null),
            (&json!(2), &rolled_back),
            (&json!(1), &Value::Null),
        ]
    );
    assert_eq!(json_of(&account, &rollback)["revision"], 1, "2 is skipped");

    // A revision with a number ends the canary too.
    change(&account, "c", "d");
    deploy_canary(&account, "5");
    let back =
        json_of(&account, &["rollback", "2", "--stage", "dev", "--yes", "--allow-dangerous"]);
    assert_eq!((&back["from"], &back["revision"]), (&json!(1), &json!(2)));
    assert_eq!(back["ended_canary"]["revision"], 5);
    assert_eq!(traffic(&account), (2, None));
}

#[test]
fn a_canary_that_cannot_be_is_refused_by_the_plan() {
    let account = Account::new("110000000093");
    let canary =
        |command: &str, share: &str| account.run(&[command, "--stage", "dev", "--canary", share]);
    for command in ["plan", "deploy"] {
        let output = canary(command, "10").expect_exit(3);
        assert!(output.contains("stage `dev` serves no deployment"), "{output:?}");
        assert_eq!(writes(&account), 0);
        for share in ["0", "100", "2.5", "-1"] {
            let output = account
                .run(&[command, "--stage", "dev", &format!("--canary={share}")])
                .expect_exit(1);
            assert!(output.contains("expected an integer from 1 to 99"), "{output:?}");
        }
    }
    account.deploy("dev");
    let output = canary("plan", "10").expect_exit(3);
    assert!(output.contains("serves revision 1, which matches the configuration"), "{output:?}");
}

#[test]
fn a_saved_plan_has_its_canary() {
    let account = Account::new("110000000094");
    account.deploy("dev");
    change(&account, "owners:read", "owners:admin");
    account.edit("portcullis.toml", "[stage.dev]", "[stage.dev]\nvariables = { a = \"b\" }");
    let plan = ["plan", "--stage", "dev", "--canary", "7", "--message", "one scope", "--out", "p"];
    let output = account.run(&plan).expect_exit(0);
    assert!(output.contains("a canary does not apply the settings of stage dev: variable a"));
    let deploy = ["deploy", "--stage", "dev", "--plan", "p"];
    account.run(&[&deploy[..], &["--canary", "8"]].concat()).expect_exit(1);
    account.run(&deploy).expect_exit(0);
    assert_eq!(traffic(&account), (1, Some((7.0, 2))));
    assert_eq!(account.api()["stages"]["dev"]["variables"], Value::Null);
    // The deployment ends the canary and applies the settings.
    change(&account, "owners:admin", "owners:write");
    let output = account.run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(0);
    assert!(output.contains("serves revision 3; ended the canary (7 % revision 2)"), "{output:?}");
    assert_eq!(traffic(&account), (3, None));
    assert_eq!(account.api()["stages"]["dev"]["variables"], json!({"a": "b"}));
    let history = account.run(&["history", "--stage", "dev"]).expect_exit(0);
    assert!(history.contains("revision 2: one scope  [never served]"), "{history:?}");
}

#[test]
fn a_revision_has_a_commit_and_a_message() {
    let account = Account::new("110000000095");
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.current_dir(account.folder.path()).args(["-c", "user.name=t", "-c", "user.email=t@t"]);
        let output = git.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    account.deploy("dev");
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["checkout", "-q", "--detach"]);
    git(&["tag", "-a", "v1", "-m", "v1"]);
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    change(&account, "owners:read", "owners:admin");
    let deploy =
        |message: &str| account.run(&["deploy", "--stage", "dev", "--yes", "--message", message]);
    let output = deploy("two\nlines").expect_exit(1);
    assert!(output.contains("expected one line without control characters"), "{output:?}");
    deploy("fewer owners: commit=none").expect_exit(0);
    git(&["commit", "-q", "-a", "-m", "two"]);
    let second = git(&["rev-parse", "--short=12", "HEAD"]);
    change(&account, "owners:admin", "owners:write");
    git(&["commit", "-q", "-a", "-m", "three"]);
    let third = git(&["rev-parse", "--short=12", "HEAD"]);
    assert!(commit != second && second != third);
    account.deploy("dev");
    let history = json_of(&account, &["history", "--stage", "dev"]);
    let revision = |number: usize| history["deployments"][3 - number]["revision"].clone();
    assert_eq!((&revision(1)["commit"], &revision(1)["message"]), (&Value::Null, &Value::Null));
    assert_eq!(revision(2)["commit"], format!("{commit}-dirty"));
    assert_eq!(revision(2)["message"], "fewer owners: commit=none");
    assert_eq!(revision(3)["commit"], third);
    let text = account.run(&["history", "--stage", "dev"]).expect_exit(0);
    let line = format!("revision 2, commit {commit}-dirty: fewer owners: commit=none");
    assert!(text.contains(&line), "{text:?}");
    let status = json_of(&account, &["status", "--stage", "dev"]);
    assert_eq!(status["revision"]["commit"], third);
    // Neither is a reason to deploy.
    account.run(&["deploy", "--stage", "dev", "--yes", "--message", "again"]).expect_exit(0);
    assert_eq!(writes(&account), 1, "the flush of a recent deployment");
}

#[test]
fn two_revisions_are_compared_by_route() {
    let account = Account::new("110000000096");
    account.deploy("dev");
    change(&account, "owners:read", "owners:admin");
    account.deploy("dev");
    let output = account.run(&["diff", "1", "2"]).expect_exit(0);
    assert!(output.contains("revision 1 → revision 2"), "{output:?}");
    assert!(output.contains("auth: jwt [owners:read] → jwt [owners:admin]  [more access]"));
    let back = json_of(&account, &["diff", "2", "1", ".", "--stage", "dev"]);
    assert_eq!((&back["from"], &back["revision"]), (&json!(2), &json!(1)));
    let change = back["changes"].as_array().unwrap().iter().find(|one| one["aspect"] == "auth");
    assert_eq!(change.unwrap()["after"], "jwt [owners:read]");
    assert!(account.run(&["diff", "2", "2"]).expect_exit(0).contains("no changes"));
    let output = account.run(&["diff", "1", "9"]).expect_exit(1);
    assert!(output.contains("revision 9 does not exist"), "{output:?}");
    account.boto3("client.delete_model(restApiId=api, modelName='PortcullisRevision1')");
    let output = account.run(&["diff", "1", "2"]).expect_exit(1);
    assert!(output.contains("the record of revision 1 does not exist"), "{output:?}");
    let history = account.run(&["history", "--stage", "dev"]).expect_exit(0);
    assert!(history.contains("revision 1  [record unreadable]"), "{history:?}");
}

#[test]
fn a_failed_smoke_test_marks_the_revision_and_restores_the_canary() {
    let account = Account::new("110000000097");
    account.deploy("dev");
    change(&account, "owners:read", "a");
    deploy_canary(&account, "10");
    change(&account, "a", "b");
    let backend = Backend::responding("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n");
    let smoke = ["--smoke", &backend.url, "--smoke-status", "200"];
    let canary = ["deploy", "--stage", "dev", "--yes", "--allow-dangerous", "--canary", "50"];
    let output = account.run(&[&canary[..], &smoke].concat()).expect_exit(6);
    assert!(output.contains("stage rolled back"), "{output:?}");
    assert_eq!(traffic(&account), (1, Some((10.0, 2))));
    let deploy = ["deploy", "--stage", "dev", "--yes"];
    account.run(&[&deploy[..], &smoke].concat()).expect_exit(6);
    assert_eq!(traffic(&account), (1, Some((10.0, 2))));
    let description = account.api()["stages"]["dev"]["description"].clone();
    assert!(description.as_str().unwrap().contains("!portcullis revision=3 "), "{description}");
}
