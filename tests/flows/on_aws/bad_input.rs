//! Error cases: message, help and exit code.

use std::process::Command;

use e2e::emulator::{Emulator, Fault, FaultProxy};

use super::{Account, CommandOutput, TOKEN, command};

/// Runs `plan` with a modified command line or environment.
fn plan_with(account: &Account, set: impl Fn(&mut Command)) -> CommandOutput {
    let mut command = command(
        &account.key,
        &account.proxy.url,
        account.folder.path(),
        &["plan", "--stage", "dev"],
    );
    set(&mut command);
    command.output().unwrap().into()
}

#[test]
fn connection_errors_are_reported_with_their_cause() {
    let account = Account::new("100000000061");
    let output = plan_with(&account, |plan| _ = plan.env_remove("AWS_REGION")).expect_exit(3);
    assert!(
        output.contains("no AWS Region configured") && output.contains("--region"),
        "{output:?}"
    );
    let output = plan_with(&account, |plan| _ = plan.args(["--region", "Ireland"])).expect_exit(3);
    assert!(output.contains("invalid AWS Region `Ireland`"), "{output:?}");
    let output =
        plan_with(&account, |plan| _ = plan.env_remove("AWS_ACCESS_KEY_ID")).expect_exit(4);
    assert!(
        output.contains("no AWS credentials found") && output.contains("AWS_PROFILE"),
        "{output:?}"
    );
    let output = plan_with(&account, |plan| _ = plan.args(["--profile", "missing"])).expect_exit(4);
    assert!(output.contains("profile `missing` does not exist"), "{output:?}");
    let unreachable = ["--endpoint-url", "http://127.0.0.1:9"];
    let output = plan_with(&account, |plan| _ = plan.args(unreachable)).expect_exit(1);
    assert!(
        output.contains("identifying the caller") && output.contains("check the Region"),
        "{output:?}"
    );
    // A role that can be assumed, with its external ID, and an invalid ARN.
    let role = "arn:aws:iam::100000000061:role/deployer";
    account.boto3("iam.create_role(RoleName='deployer', AssumeRolePolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': 'arn:aws:iam::100000000061:root'}, 'Action': 'sts:AssumeRole'}]}))");
    let output =
        plan_with(&account, |plan| _ = plan.args(["--assume-role", &format!("{role},secret-id")]));
    let output = output.expect_exit(0);
    assert!(!output.contains("secret-id"), "{output:?}");
    let output =
        plan_with(&account, |plan| _ = plan.args(["--assume-role", "nonsense"])).expect_exit(1);
    assert!(
        output.contains("invalid `--assume-role` `nonsense`: expected the ARN of a role"),
        "{output:?}"
    );
}

#[test]
fn an_invalid_deployment_is_rejected_before_any_write() {
    let account = Account::new("100000000062");
    let arn = "arn:aws:lambda:eu-west-1:100000000062:function:petstore-authorizer:live";
    for (from, to, exit, message) in [
        (
            arn,
            "arn:aws-cn:lambda:cn-north-1:100000000062:function:a",
            3,
            "the function of `jwt` is in partition `aws-cn`, expected `aws`, the partition of account 100000000062",
        ),
        (arn, "arn:aws:lambda:function", 3, "invalid `function_arn`"),
        (
            &format!("function_arn = \"{arn}\"\n"),
            "",
            3,
            "authorizer `jwt` has neither `function` nor `function_arn`",
        ),
        ("[stage.dev]", "[stage.other]", 3, "unknown stage `dev`"),
        (
            "[stage.dev]",
            "[stage.dev]\naccess_log = \"arn:aws:logs:eu-west-2:100000000062:log-group:petstore\"",
            3,
            "the access log of stage `dev` is in 100000000062/eu-west-2, expected 100000000062/eu-west-1",
        ),
    ] {
        let other = Account::new("100000000062");
        other.edit("portcullis.toml", from, to);
        let output = other.run(&["deploy", "--stage", "dev", "--yes"]);
        assert!(output.exit == exit && output.contains(message), "{message}: {output:?}");
        assert_eq!(other.proxy.api_gateway_calls().1, [""; 0]);
    }
    assert_eq!(account.read_back()["apis"], serde_json::json!([]));
}

#[test]
fn aws_errors_are_reported_with_code_and_message() {
    let account = Account::new("100000000063");
    // The emulator accepts what AWS rejects; the proxy returns AWS's errors.
    account.deploy("dev");
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    let deploy = ["deploy", "--stage", "dev", "--yes"];
    account.proxy.inject(None);
    // The index of the PutRestApi call: a plan makes all calls before it but the one that describes the
    // function.
    account.run_with_faults(&["plan", "--stage", "dev"]).expect_exit(0);
    let put = account.proxy.calls().len() + 1;
    let before = account.api();
    for (fault, exit, message, help) in [
        (Fault::Denied, 4, "not authorized (AccessDeniedException)", "deployer iam COMMAND"),
        (Fault::Refused, 1, "Errors found during import: Unable to put resource (BadRequest", ""),
        (Fault::Throttled, 1, "slow (TooManyRequestsException)", "safe to re-run"),
        (Fault::Conflict, 5, "busy (ConflictException)", "concurrent change"),
    ] {
        account.proxy.inject(Some((put, fault, usize::MAX)));
        let output = account.run_with_faults(&deploy).expect_exit(exit);
        assert!(output.contains("importing the definition of API "), "{output:?}");
        assert!(output.contains(message) && output.contains(help), "{fault:?}: {output:?}");
        assert!(!output.contains(TOKEN), "{output:?}");
        assert_eq!(account.api()["stages"], before["stages"], "{fault:?}");
    }
}

/// Returns the index of the call that creates the role of a new API.
fn index_of_role_creation(account: &Account) -> usize {
    account.deploy("dev");
    let forms = account.proxy.forms();
    let nth = forms.iter().position(|form| form.contains("Action=CreateRole")).unwrap();
    let calls = account.proxy.calls();
    let forms = calls.iter().enumerate().filter(|(_, (_, path))| path == "/");
    forms.map(|(index, _)| index).nth(nth).unwrap()
}

#[test]
fn a_reached_quota_is_reported_at_once_and_a_concurrent_change_is_awaited() {
    let index = index_of_role_creation(&Account::new("100000000065"));
    let deploy = ["deploy", "--stage", "dev", "--yes"];
    let account = Account::new("100000000066");
    let creations = |account: &Account| {
        let forms = account.proxy.forms();
        forms.iter().filter(|form| form.contains("Action=CreateRole")).count()
    };
    account.proxy.inject(Some((index, Fault::RoleLimitExceeded, usize::MAX)));
    let output = account.run_with_faults(&deploy).expect_exit(1);
    assert!(
        output.contains("Cannot exceed quota for RolesPerAccount: 1000 (LimitExceeded)"),
        "{output:?}"
    );
    assert_eq!(creations(&account), 1);
    account.proxy.inject(None);
    account.run_with_faults(&["plan", "--stage", "dev"]).expect_exit(0);
    // API Gateway's quotas have the status of its throttling.
    let calls = account.proxy.calls();
    let list = calls.iter().position(|(_, path)| path.starts_with("/restapis")).unwrap();
    account.proxy.inject(Some((list, Fault::LimitExceeded, usize::MAX)));
    let output = account.run_with_faults(&["plan", "--stage", "dev"]).expect_exit(1);
    assert!(output.contains("(LimitExceededException)"), "{output:?}");
    assert_eq!(account.proxy.calls().len(), list + 1, "{:?}", account.proxy.calls());
    let account = Account::new("100000000067");
    account.proxy.inject(Some((index, Fault::ConcurrentModification, 2)));
    account.run_with_faults(&deploy).expect_exit(0);
    assert_eq!(creations(&account), 3);
}

#[test]
fn an_unavailable_authorizer_test_is_skipped_at_custom_endpoints_only() {
    let account = Account::new("100000000064");
    let direct = FaultProxy::unchanged(&Emulator::localstack().address).url;
    let run = |arguments: &[&str]| -> CommandOutput {
        let mut command = command(&account.key, &direct, account.folder.path(), arguments);
        command.output().unwrap().into()
    };
    let output = run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(1);
    assert!(
        output.contains("cannot be compared with the configuration")
            && output.contains("--untested-authorizer"),
        "{output:?}"
    );
    assert_eq!(account.read_back()["apis"], serde_json::json!([]));
    let output = run(&[
        "deploy",
        "--stage",
        "dev",
        "--yes",
        "--untested-authorizer",
        "--endpoint-url",
        &direct,
    ]);
    assert!(output.expect_exit(0).contains("was not tested"));
}
