//! What can be wrong, and what is said of it: message, help and exit code.

use std::process::Command;

use e2e::stand_in::{Fault, StandIn};

use super::{Account, TOKEN, Told, command};

/// Runs `plan` with an environment of its own.
fn planned(account: &Account, set: impl Fn(&mut Command)) -> Told {
    let mut command = command(
        &account.key,
        &account.wire.url,
        account.folder.path(),
        &["plan", "--stage", "dev"],
    );
    set(&mut command);
    command.output().unwrap().into()
}

#[test]
fn who_cannot_get_in_is_told_why() {
    let account = Account::new("100000000061");
    let told = planned(&account, |plan| _ = plan.env_remove("AWS_REGION")).exits(3);
    assert!(told.says("no Region is set") && told.says("--region"), "{told:?}");
    let told = planned(&account, |plan| _ = plan.args(["--region", "Ireland"])).exits(3);
    assert!(told.says("`Ireland` is not the name of a Region"), "{told:?}");
    let told = planned(&account, |plan| _ = plan.env_remove("AWS_ACCESS_KEY_ID")).exits(4);
    assert!(told.says("no AWS credentials") && told.says("AWS_PROFILE"), "{told:?}");
    let told = planned(&account, |plan| _ = plan.args(["--profile", "nobody"])).exits(4);
    assert!(told.says("no AWS credentials"), "{told:?}");
    let nowhere = ["--endpoint-url", "http://127.0.0.1:9"];
    let told = planned(&account, |plan| _ = plan.args(nowhere)).exits(1);
    assert!(told.says("identifying the caller") && told.says("check the Region"), "{told:?}");
    // A role that may not be assumed, and one that may, with its external id.
    let role = "arn:aws:iam::100000000061:role/deployer";
    account.python("iam.create_role(RoleName='deployer', AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': 'arn:aws:iam::100000000061:root'}, 'Action': 'sts:AssumeRole'}]}))");
    let told =
        planned(&account, |plan| _ = plan.args(["--assume-role", &format!("{role},secret-id")]));
    let told = told.exits(0);
    assert!(!told.says("secret-id"), "{told:?}");
    let told = planned(&account, |plan| _ = plan.args(["--assume-role", "nonsense"])).exits(1);
    assert!(told.says("--assume-role is not the ARN of a role"), "{told:?}");
}

#[test]
fn what_cannot_be_deployed_is_told_before_anything_is_written() {
    let account = Account::new("100000000062");
    let arn = "arn:aws:lambda:eu-west-1:100000000062:function:petstore-authorizer:live";
    for (from, to, exit, says) in [
        (
            arn,
            "arn:aws-cn:lambda:cn-north-1:100000000062:function:a",
            3,
            "the function of `jwt` is in the partition `aws-cn`, and the account 100000000062 is in `aws`",
        ),
        (arn, "arn:aws:lambda:function", 3, "`function_arn` is not such an ARN"),
        (
            &format!("function_arn = \"{arn}\"\n"),
            "",
            3,
            "the authorizer `jwt` has no `function_arn`",
        ),
        ("[stage.dev]", "[stage.other]", 3, "there is no stage `dev`"),
    ] {
        let other = Account::new("100000000062");
        other.edit("portcullis.toml", from, to);
        let told = other.run(&["deploy", "--stage", "dev", "--yes"]);
        assert!(told.exit == exit && told.says(says), "{says}: {told:?}");
        assert_eq!(other.wire.of_api_gateway().1, [""; 0]);
    }
    assert_eq!(account.read_back()["apis"], serde_json::json!([]));
}

#[test]
fn what_aws_refuses_is_told_in_its_words() {
    let account = Account::new("100000000063");
    // The stand-in takes what AWS does not; the wire refuses as AWS does.
    account.deploy("dev");
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    let go = ["deploy", "--stage", "dev", "--yes"];
    account.wire.arm(None);
    // The number of the call that puts the document: an undisturbed plan makes those before it.
    account.go(&["plan", "--stage", "dev"]).exits(0);
    let put = account.wire.calls().len();
    let before = account.api();
    for (fault, exit, says, help) in [
        (Fault::Denied, 4, "not you (AccessDeniedException)", "deployer iam COMMAND"),
        (Fault::Refused, 1, "Errors found during import: Unable to put resource (BadRequest", ""),
        (Fault::Throttled, 1, "slow (TooManyRequestsException)", "safe to re-run"),
        (Fault::Conflict, 5, "busy (ConflictException)", "another program is changing it"),
    ] {
        account.wire.arm(Some((put, fault, usize::MAX)));
        let told = account.go(&go).exits(exit);
        assert!(told.says("putting the document into "), "{told:?}");
        assert!(told.says(says) && told.says(help), "{fault:?}: {told:?}");
        assert!(!told.says(TOKEN), "{told:?}");
        assert_eq!(account.api()["stages"], before["stages"], "{fault:?}");
    }
}

#[test]
fn a_missing_authorizer_test_is_passed_over_for_stand_ins_only() {
    let account = Account::new("100000000064");
    let direct = format!("http://{}", StandIn::localstack().address);
    let go = |arguments: &[&str]| -> Told {
        let mut command = command(&account.key, &direct, account.folder.path(), arguments);
        command.output().unwrap().into()
    };
    let told = go(&["deploy", "--stage", "dev", "--yes"]).exits(1);
    assert!(
        told.says("the authorizer jwt cannot be tested") && told.says("--untested-authorizer"),
        "{told:?}"
    );
    assert_eq!(account.api()["stages"], serde_json::json!({}));
    // Not without saying where.
    go(&["deploy", "--stage", "dev", "--yes", "--untested-authorizer"]).exits(1);
    let told = go(&[
        "deploy",
        "--stage",
        "dev",
        "--yes",
        "--untested-authorizer",
        "--endpoint-url",
        &direct,
    ]);
    assert!(told.exits(0).says("was not tested"));
}
