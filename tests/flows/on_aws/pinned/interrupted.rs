//! Commands that are confirmed in a terminal, refused, interrupted, or applied from a saved plan.

use std::process::{Command, Stdio};

use e2e::emulator::Fault;
use e2e::tool;
use serde_json::json;

use super::{Shop, launcher_zip};
use crate::on_aws::{CommandOutput, command};

const FLUSH: &str = "/cache/authorizers";

/// Runs the deployer in a terminal whose user confirms.
fn confirmed(shop: &Shop, arguments: &[&str]) -> CommandOutput {
    let account = &shop.account;
    account.proxy.inject(None);
    let deployer = command(&account.key, &account.proxy.url, account.folder.path(), arguments);
    let mut terminal = Command::new(tool("localstack/bin/python"));
    terminal.args([
        "-c",
        "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
    ]);
    terminal.arg(deployer.get_program()).args(deployer.get_args());
    terminal.envs(deployer.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.current_dir(account.folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = terminal.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"yes\n").unwrap();
    child.wait_with_output().unwrap().into()
}

/// Deploys with the faults that were injected before.
fn deploy_with_faults(shop: &Shop) -> CommandOutput {
    let deployment = shop.deployment("dev", &[]);
    let deployment: Vec<&str> = deployment.iter().map(String::as_str).collect();
    shop.account.run_with_faults(&deployment)
}

fn flushes(shop: &Shop) -> usize {
    let calls = shop.account.proxy.calls();
    calls.iter().filter(|(method, path)| method == "DELETE" && path.ends_with(FLUSH)).count()
}

#[test]
fn a_deployment_that_publishes_nothing_is_confirmed_in_a_terminal() {
    let shop = Shop::without_issuer("340000000001");
    shop.deploy("dev", &[]);
    // The version is that of another stage.
    let output = confirmed(&shop, &["deploy", "--stage", "prod"]);
    assert!(output.exit == 0 && output.contains("stage prod serves revision 1"), "{output:?}");
    // Only a setting of the stage.
    shop.account.edit("portcullis.toml", "[stage.prod]", "[stage.prod]\nmetrics = true");
    let output = confirmed(&shop, &["deploy", "--stage", "prod"]);
    assert!(output.exit == 0 && output.contains("stage prod serves revision 1"), "{output:?}");
    assert_eq!(shop.versions().len(), 1);
}

#[test]
fn a_deployment_without_a_binary_is_refused_before_anything_is_made() {
    let shop = Shop::without_issuer("340000000002");
    let output = shop.account.run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(1);
    assert!(output.contains("no authorizer binary for "), "{output:?}");
    // The options of functions that are released separately do not apply.
    for option in ["--architecture=arm64", "--function-role=arn:aws:iam::340000000002:role/r"] {
        let deploy =
            ["deploy", "--stage", "dev", "--yes", "--function-zip", launcher_zip(), option];
        let output = shop.account.run(&deploy).expect_exit(1);
        assert!(output.contains("in [authorizer.NAME.function] instead"), "{output:?}");
    }
    let state = shop.account.read_back();
    assert_eq!((&state["apis"], &state["roles"]), (&json!([]), &json!({})));
}

#[test]
fn a_version_that_was_refused_is_tested_again_before_a_stage_serves_it() {
    let shop = Shop::without_issuer("340000000003");
    shop.deploy("dev", &[]);
    shop.change_scope("write", "admin");
    // The description is the last invocation. Access remains denied, so the version is not deleted.
    let reference = Shop::without_issuer("340000000004");
    reference.deploy("dev", &[]);
    reference.change_scope("write", "admin");
    reference.deploy("dev", &[]);
    let calls = reference.account.proxy.calls();
    let described = calls.iter().rposition(|(_, path)| path.contains("/invocations")).unwrap();
    shop.account.proxy.inject(Some((described, Fault::Denied, usize::MAX)));
    let output = deploy_with_faults(&shop).expect_exit(1);
    assert!(output.contains("cannot be compared with the configuration"), "{output:?}");
    assert_eq!(shop.versions().len(), 2);
    shop.deploy("dev", &[]);
    let calls = shop.account.proxy.calls();
    let tests = calls.iter().filter(|(_, path)| path.ends_with("/invocations?Qualifier=2"));
    assert_eq!(tests.count(), 2, "{calls:#?}");
    assert_eq!(shop.versions().len(), 2, "the version is used");
    // Another version is not tested: the stage serves it.
    shop.account.edit("portcullis.toml", "[stage.dev]", "[stage.dev]\nmetrics = true");
    shop.deploy("dev", &[]);
    assert!(!shop.account.proxy.calls().iter().any(|(_, path)| path.contains("/invocations")));
}

#[test]
fn a_version_that_fails_its_test_is_deleted() {
    let shop = Shop::without_issuer("340000000005");
    shop.deploy("dev", &[]);
    shop.change_scope("write", "admin");
    // The function does not start.
    let folder = shop.account.folder.path();
    let python = format!(
        "import zipfile\nwith zipfile.ZipFile('{0}') as old, zipfile.ZipFile('{1}', 'w') as new:\n  new.writestr('bootstrap', old.read('bootstrap').replace(b'execv', b'execw'))",
        launcher_zip(),
        folder.join("broken.zip").display()
    );
    super::python(&python);
    let broken = ["deploy", "--stage", "dev", "--yes", "--function-zip", "broken.zip"];
    let output = shop.account.run(&broken);
    assert!(output.exit != 0 && output.contains("no stage or alias was updated"), "{output:?}");
    assert_eq!(shop.versions().len(), 1, "{output:?}");
    assert!(shop.account.run(&broken).exit != 0, "it is refused again");
}

#[test]
fn a_flush_that_was_interrupted_is_made_by_the_next_run() {
    let shop = Shop::without_issuer("340000000006");
    shop.deploy("dev", &[]);
    shop.change_scope("write", "admin");
    shop.deploy("dev", &[]);
    assert_eq!(flushes(&shop), 1);
    shop.change_scope("admin", "owner");
    shop.account.proxy.inject_into(FLUSH, Fault::Denied);
    let output = deploy_with_faults(&shop);
    assert!(output.exit != 0 && output.contains("was not flushed"), "{output:?}");
    shop.deploy("dev", &[]);
    assert_eq!(flushes(&shop), 1);
    let output = shop.run(&["rollback", "3", "--stage", "dev", "--yes"]);
    assert!(output.contains("nothing to do"), "{output:?}");
    assert_eq!(flushes(&shop), 1);
}

#[test]
fn a_version_whose_deployment_could_not_be_deleted_is_not_deleted() {
    let shop = Shop::without_issuer("340000000007");
    shop.account.edit("portcullis.toml", "[api]", "[api]\nkeep = 2");
    shop.deploy("dev", &[]);
    for (from, to) in [("write", "a"), ("a", "b"), ("b", "c")] {
        shop.change_scope(from, to);
        shop.account.proxy.inject_into("/deployments/", Fault::Refused);
        let output = deploy_with_faults(&shop);
        if to == "c" {
            assert!(output.contains("note: deleting deployment"), "{output:?}");
        }
    }
    let numbers = || -> Vec<String> {
        shop.versions().iter().map(|one| one["Version"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(numbers(), ["1", "2", "3", "4"]);
    shop.change_scope("c", "d");
    shop.deploy("dev", &[]);
    assert!(!numbers().contains(&"1".to_owned()), "{:?}", numbers());
}

#[test]
fn a_saved_plan_of_a_canary_remains_one_after_its_version_was_published() {
    let shop = Shop::without_issuer("340000000009");
    shop.deploy("dev", &[]);
    shop.change_scope("write", "admin");
    let zip = launcher_zip();
    let plan =
        ["plan", "--stage", "dev", "--canary", "10", "--message", "saved", "--out", "plan.json"];
    shop.run(&[&plan[..], &["--function-zip", zip]].concat());
    // The files decide what is published.
    shop.change_scope("admin", "other");
    let apply = ["deploy", "--stage", "dev", "--plan", "plan.json", "--function-zip", zip];
    let output = shop.account.run(&apply).expect_exit(1);
    assert!(output.contains("saved plan plan.json is stale: portcullis.toml"), "{output:?}");
    shop.change_scope("other", "admin");
    let output = shop.run(&apply);
    assert!(output.contains("stage dev serves revision 1; canary: 10 % revision 2"), "{output:?}");
    let canary = &shop.account.api()["stages"]["dev"]["canarySettings"];
    assert_eq!(canary["percentTraffic"], json!(10.0), "{canary}");
    let history = shop.run(&["history", "--stage", "dev"]);
    assert!(history.contains("revision 2: saved"), "{history:?}");
}
