//! Safety: stages, concurrent changes, and confirmation.

use std::process::Command;
use std::sync::Arc;

use e2e::emulator::{Emulator, Fault, FaultProxy};
use serde_json::{Value, json};

use super::{Account, CommandOutput, TOKEN, command};

#[test]
fn drift_is_reported_and_reverted() {
    let account = Account::new("100000000031");
    account.deploy("dev");
    account.run(&["drift", "--stage", "dev"]).expect_exit(0);
    account.boto3(
        "r = next(r for r in client.get_resources(restApiId=api)['items'] if r['path'] == '/owners')['id']
client.update_method(restApiId=api, resourceId=r, httpMethod='GET', patchOperations=[{'op': 'replace', 'path': '/authorizationType', 'value': 'NONE'}])
client.put_method(restApiId=api, resourceId=r, httpMethod='DELETE', authorizationType='NONE')",
    );
    let drift = account.run(&["drift", "--stage", "dev"]).expect_exit(2);
    assert!(drift.contains("~ GET /owners  auth: jwt → public  [becomes public]"), "{drift:?}");
    assert!(drift.contains("+ DELETE /owners  auth: public  [public]"), "{drift:?}");
    account.edit(
        "openapi.yaml",
        "operationId: listPets",
        "security: []\n      operationId: listPets",
    );
    let plan = account.plan("dev");
    let subjects = |of: &str| -> Vec<String> {
        let all = plan[of].as_array().unwrap().iter();
        let mut all: Vec<String> =
            all.map(|change| change["subject"].as_str().unwrap().to_owned()).collect();
        all.dedup();
        all
    };
    assert_eq!(subjects("changes"), ["GET /pets", "authorizer jwt"]);
    assert_eq!(plan["changes"][0]["impact"], "becomes_public");
    assert_eq!(subjects("drift"), ["GET /owners", "DELETE /owners"]);
    account.run(&["deploy", "--stage", "dev", "--yes", "--allow-dangerous"]).expect_exit(0);
    account.expect_no_changes("dev");
    let methods = account.api()["methods"].clone();
    assert_eq!(methods["GET /owners"]["authorizationType"], "CUSTOM");
    assert_eq!(methods["DELETE /owners"], Value::Null);
    assert_eq!(methods["GET /pets"]["authorizationType"], "NONE");
    account.run(&["drift", "--stage", "dev"]).expect_exit(0);
}

/// The previous version's record has format 1.
#[test]
fn a_record_of_another_format_is_not_interpreted_and_is_replaced() {
    let account = Account::new("100000000048");
    account.deploy("dev");
    account.boto3(
        "old = json.dumps({'api': {'says': {}, 'print': '0'}, 'GET /pets': {'says': {'auth': 'public'}, 'print': '0'}})
client.delete_model(restApiId=api, modelName='PortcullisRevision1')
client.create_model(restApiId=api, name='PortcullisRevision1', contentType='application/json', description=old, schema=json.dumps({'type': 'object', 'description': old}))",
    );
    let drift = account.run(&["drift", "--stage", "dev"]).expect_exit(1);
    assert!(drift.contains("drift is unknown until the next deployment"), "{drift:?}");
    assert!(drift.contains("has format 1, expected 3"), "{drift:?}");
    assert!(account.run(&["status", "--stage", "dev"]).expect_exit(0).contains("drift is unknown"));
    let plan = account.plan("dev");
    assert!(plan["notes"][0].as_str().unwrap().contains("whose record has format 1"), "{plan}");
    assert_eq!(plan["changes"], json!([]), "no observable difference");
    account.deploy("dev");
    account.expect_no_changes("dev");
    account.run(&["drift", "--stage", "dev"]).expect_exit(0);
    let rollback = ["rollback", "1", "--stage", "dev", "--yes", "--allow-dangerous"];
    let back = account.run(&rollback).expect_exit(0);
    assert!(back.contains("the changes are unknown"), "{back:?}");
}

#[test]
fn a_stale_plan_is_rejected_and_a_current_one_applied() {
    let account = Account::new("100000000032");
    account.deploy("dev");
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    let out = account.run(&["plan", "--stage", "dev", "--out", "plan.json"]).expect_exit(0);
    assert!(!out.contains("no changes"));
    account.edit("openapi.yaml", "- jwt: [owners:admin]", "- jwt: [owners:all]");
    // A concurrent deployment.
    account.deploy("dev");
    let stale = account.run(&["deploy", "--stage", "dev", "--plan", "plan.json"]).expect_exit(5);
    assert!(stale.contains("plan.json is stale: AWS changed since it was created"), "{stale:?}");
    assert_eq!(account.proxy.api_gateway_calls().1, [""; 0]);
    account.edit("openapi.yaml", "- jwt: [owners:all]", "- jwt: [owners:some]");
    account.run(&["plan", "--stage", "dev", "--out", "plan.json"]).expect_exit(0);
    account.run(&["deploy", "--stage", "dev", "--plan", "plan.json"]).expect_exit(0);
    account.expect_no_changes("dev");
    let other = account.run(&["deploy", "--stage", "prod", "--plan", "plan.json"]).expect_exit(5);
    assert!(other.contains("plan"), "{other:?}");
    account.write("plan.json", "{}");
    account.run(&["deploy", "--stage", "dev", "--plan", "plan.json"]).expect_exit(5);
}

/// The other deployer updates the stage during the authorizer test; the last check detects it.
#[test]
fn concurrent_deployers_do_not_both_update_a_stage() {
    let key = "100000000033";
    let first = Account::new(key);
    first.deploy("dev");
    let address = Emulator::localstack().address.clone();
    let script = format!(
        "import boto3\ns = boto3.Session(aws_access_key_id='{key}', aws_secret_access_key='x', region_name='eu-west-1')\nc = s.client('apigateway', endpoint_url='http://{address}')\napi = c.get_rest_apis()['items'][0]['id']\nd = c.create_deployment(restApiId=api, description='other')['id']\nc.update_stage(restApiId=api, stageName='dev', patchOperations=[{{'op': 'replace', 'path': '/deploymentId', 'value': d}}])"
    );
    let mut account = Account::new(key);
    account.proxy = FaultProxy::in_front_of(
        &address,
        500,
        Arc::new(move |_| {
            super::python(&script);
            (401, String::new())
        }),
    );
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    let output = account.run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(5);
    assert!(
        output.contains("stage `dev` was updated concurrently: expected deployment "),
        "{output:?}"
    );
    assert_eq!(account.api()["stages"]["dev"]["deployment"], "other");
    // The other deployment is reported as drift, and replaced by the next one.
    let drift = account.run(&["drift", "--stage", "dev"]).expect_exit(2);
    assert!(drift.contains("(not created by Portcullis)"), "{drift:?}");
    first.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    first.deploy("dev");
    first.expect_no_changes("dev");
}

/// A run that is interrupted between creating and verifying a deployment leaves an unverified one.
#[test]
fn a_revision_that_no_stage_served_is_not_rolled_back_to() {
    let scope = |account: &Account, from: &str, to: &str| {
        account.edit(
            "openapi.yaml",
            &format!("- jwt: [owners:{from}]"),
            &format!("- jwt: [owners:{to}]"),
        );
    };
    let whole = Account::new("100000000094");
    whole.deploy("dev");
    scope(&whole, "read", "admin");
    whole.deploy("dev");
    let calls = whole.proxy.calls();
    let created =
        calls.iter().position(|(verb, path)| verb == "POST" && path.ends_with("/deployments"));

    let account = Account::new("100000000095");
    account.deploy("dev");
    scope(&account, "read", "admin");
    account.proxy.inject(Some((created.unwrap() + 1, Fault::Denied, usize::MAX)));
    account.run_with_faults(&["deploy", "--stage", "dev", "--yes"]).expect_exit(4);
    assert_eq!(
        account.api()["deployments"].as_array().unwrap().len(),
        2,
        "it was interrupted after creating one"
    );
    scope(&account, "admin", "all");
    account.deploy("dev");
    let refused = account
        .run(&["rollback", "2", "--stage", "dev", "--yes", "--allow-dangerous"])
        .expect_exit(1);
    assert!(refused.contains("revision 2 was never served"), "{refused:?}");
    assert_eq!(account.proxy.api_gateway_calls().1, [""; 0]);
    // The previous revision is the one that was served before.
    let back =
        account.run(&["rollback", "--stage", "dev", "--yes", "--allow-dangerous"]).expect_exit(0);
    assert!(back.contains("stage dev serves revision 1"), "{back:?}");
    let description = account.api()["stages"]["dev"]["description"].clone();
    assert!(description.as_str().unwrap().starts_with("[portcullis served "), "{description}");

    // Revisions of another stage are not this stage's history, but they are verified.
    account.deploy("prod");
    let refused =
        account.run(&["rollback", "--stage", "prod", "--yes", "--allow-dangerous"]).expect_exit(1);
    assert!(refused.contains("stage `prod` has no earlier revision"), "{refused:?}");
    account.run(&["rollback", "1", "--stage", "prod", "--yes", "--allow-dangerous"]).expect_exit(0);
}

/// The authorizer is deleted between the plan and its test.
#[test]
fn a_missing_authorizer_fails_its_test() {
    let account = Account::new("100000000096");
    account.deploy("dev");
    account.proxy.empty_list("/authorizers?");
    let output = account.run_with_faults(&["deploy", "--stage", "prod", "--yes"]).expect_exit(1);
    assert!(output.contains("authorizer `jwt` does not exist; no stage was updated"), "{output:?}");
    let stages = account.api()["stages"].clone();
    assert_eq!(stages.as_object().unwrap().keys().collect::<Vec<_>>(), ["dev"]);
}

#[test]
fn a_failed_authorizer_test_updates_no_stage() {
    let allow = "{\"Statement\":[{\"Effect\":\"Allow\",\"Resource\":\"*\"}]}".to_owned();
    let deny = "{\"Statement\":[{\"Effect\":\"Deny\",\"Resource\":\"*\"}]}".to_owned();
    let authorizer =
        |garbage: (u16, String), token: (u16, String)| -> e2e::emulator::TestInvokeAuthorizer {
            Arc::new(move |authorization| {
                let known = authorization == format!("Bearer {TOKEN}");
                if known { token.clone() } else { garbage.clone() }
            })
        };
    let refused = (401, String::new());
    for (number, garbage, token, expected) in [
        (
            41,
            (200, allow.clone()),
            refused.clone(),
            Err("accepted an invalid token (a policy that allows access)"),
        ),
        (
            42,
            (500, String::new()),
            refused.clone(),
            Err("failed on an invalid token (status 500: API Gateway could not invoke it)"),
        ),
        (
            43,
            refused.clone(),
            refused.clone(),
            Err("rejected the token from `--token-command` (status 401)"),
        ),
        (
            44,
            refused.clone(),
            (200, deny.clone()),
            Err("rejected the token from `--token-command` (a policy that denies access)"),
        ),
        (45, (200, deny), (200, allow.clone()), Ok(())),
        (46, (403, String::new()), (200, allow), Ok(())),
    ] {
        let account = Account::with_authorizer(
            &format!("1000000000{number}"),
            500,
            authorizer(garbage, token),
        );
        // An existing role: IAM does not have to propagate it first.
        let role = format!("invoke_role_arn = \"arn:aws:iam::1000000000{number}:role/r\"\n");
        account.edit("portcullis.toml", "cache_ttl", &format!("{role}cache_ttl"));
        let token = "--token-command=echo aaa.bbb.ccc";
        let output = account.run(&["deploy", "--stage", "dev", "--yes", token]);
        match expected {
            Ok(()) => assert_eq!(output.exit, 0, "{output:?}"),
            Err(text) => {
                assert!(
                    output.exit == 1 && output.contains(text) && output.contains("no stage"),
                    "{output:?}"
                );
                assert_eq!(account.api()["stages"], json!({}));
            }
        }
        assert!(!output.contains(TOKEN), "a token is never printed: {output:?}");
    }
}

#[test]
fn a_failed_smoke_test_rolls_the_stage_back() {
    let account = Account::new("100000000034");
    let backend = e2e::backend::Backend::responding("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n");
    let smoke = ["deploy", "--stage", "dev", "--yes", "--smoke", &backend.url];
    let output = account.run(&smoke).expect_exit(6);
    assert!(
        output.contains("returned status 500, expected below 500; stage rolled back"),
        "{output:?}"
    );
    assert_eq!(account.api()["stages"], json!({}), "the stage did not exist before");
    account.deploy("dev");
    let before = account.api()["stages"].clone();
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    account.edit(
        "portcullis.toml",
        "[stage.dev]",
        "[stage.dev]\nvariables = { a = \"b\" }\nthrottle = { rate = 5, burst = 6 }",
    );
    account.run(&smoke).expect_exit(6);
    let now = account.api()["stages"].clone();
    assert_eq!(now["dev"]["deployment"], before["dev"]["deployment"]);
    assert_eq!(now["dev"]["variables"], before["dev"]["variables"]);
    assert!(backend.requests().len() > 20, "the smoke test is retried");
    let accepting =
        e2e::backend::Backend::responding("HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n");
    let output = account.run(&[
        "deploy",
        "--stage",
        "dev",
        "--yes",
        "--smoke",
        &accepting.url,
        "--smoke-status",
        "403",
        "--flush-auth-cache",
        "--token-command=echo aaa.bbb.ccc",
    ]);
    output.expect_exit(0);
    assert!(account.proxy.calls().iter().any(|(_, path)| path.ends_with("/cache/authorizers")));
    assert!(
        accepting.requests()[0].contains("authorization: Bearer aaa.bbb.ccc"),
        "{:?}",
        accepting.requests()
    );
}

#[test]
fn a_canary_gets_its_share_of_traffic_and_is_promoted_or_removed() {
    let account = Account::new("100000000035");
    let output = account
        .run(&["deploy", "--stage", "dev", "--yes", "--allow-dangerous", "--canary", "10"])
        .expect_exit(3);
    assert!(output.contains("stage `dev` serves no deployment"), "{output:?}");
    account.deploy("dev");
    let change = |from: &str, to: &str| account.edit("openapi.yaml", from, to);
    change("- jwt: [owners:read]", "- jwt: [owners:admin]");
    account
        .run(&["deploy", "--stage", "dev", "--yes", "--allow-dangerous", "--canary", "10"])
        .expect_exit(0);
    let stage = account.api()["stages"]["dev"].clone();
    assert!(stage["deployment"].as_str().unwrap().contains("revision=1 "), "{stage}");
    assert!(stage["canarySettings"]["deployment"].as_str().unwrap().contains("revision=2 "));
    assert_eq!(stage["canarySettings"]["percentTraffic"], 10.0);
    let status = account.run(&["status", "--stage", "dev"]).expect_exit(0);
    assert!(status.contains("canary: 10 % revision 2"), "{status:?}");
    // Rollback ends the canary; the next deployment promotes it.
    account.run(&["rollback", "1", "--stage", "dev", "--yes", "--allow-dangerous"]).expect_exit(0);
    assert_eq!(account.api()["stages"]["dev"]["canarySettings"], Value::Null);
    account
        .run(&["deploy", "--stage", "dev", "--yes", "--allow-dangerous", "--canary", "25"])
        .expect_exit(0);
    account.deploy("dev");
    account.expect_no_changes("dev");
    let stage = account.api()["stages"]["dev"].clone();
    assert_eq!(stage["canarySettings"], Value::Null);
    assert!(stage["deployment"].as_str().unwrap().contains("revision=2 "), "{stage}");
}

#[test]
fn nothing_is_written_without_confirmation() {
    let account = Account::new("100000000036");
    let output = account.run(&["deploy", "--stage", "dev"]).expect_exit(1);
    assert!(output.contains("confirmation required") && output.contains("--yes"), "{output:?}");
    assert_eq!(account.proxy.api_gateway_calls().1, [""; 0]);
    account.deploy("dev");
    account.run(&["rollback", "1", "--stage", "dev"]).expect_exit(0);
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    account.deploy("dev");
    assert!(account.run(&["rollback", "--stage", "dev"]).expect_exit(1).contains("--yes"));
    assert_eq!(account.proxy.api_gateway_calls().1, [""; 0]);
}

#[test]
fn old_deployments_are_deleted_and_used_ones_retained() {
    let account = Account::new("100000000037");
    account.edit("portcullis.toml", "[api]", "[api]\nkeep = 2");
    account.deploy("dev");
    account.deploy("prod");
    for (from, to) in [("owners:read", "a"), ("a", "b"), ("b", "c")] {
        account.edit("openapi.yaml", &format!("- jwt: [{from}]"), &format!("- jwt: [{to}]"));
        account.deploy("dev");
    }
    let revisions: Vec<String> = (account.api()["deployments"].as_array().unwrap().iter())
        .map(|text| text.as_str().unwrap().split(' ').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(revisions, ["revision=1", "revision=3", "revision=4"], "prod serves revision 1");
    let models = account.api()["models"].clone();
    let records: Vec<&str> = models
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|name| name.as_str()?.strip_prefix("PortcullisRevision"))
        .collect();
    assert!(records.contains(&"1") && records.contains(&"4"), "{records:?}");
}

/// Ctrl-C during the authorizer test: the call completes, no further one is made, and a re-run of
/// the command completes the deployment.
#[test]
fn ctrl_c_stops_after_the_current_call_and_a_rerun_completes() {
    let mut account = Account::new("100000000038");
    account.proxy = FaultProxy::in_front_of(
        &Emulator::localstack().address,
        500,
        Arc::new(|_| {
            let mark = "echo interrupted-token-command";
            Command::new("pkill").args(["-INT", "-f", mark]).status().unwrap();
            (401, String::new())
        }),
    );
    let output = account.run(&[
        "deploy",
        "--stage",
        "dev",
        "--yes",
        "--token-command=echo interrupted-token-command",
    ]);
    assert!(
        output.exit == 1 && output.contains("interrupted") && output.contains("re-run to resume"),
        "{output:?}"
    );
    assert!(account.proxy.calls().last().unwrap().1.contains("/authorizers/"));
    let api = account.api();
    assert_eq!((&api["stages"], &api["deployments"]), (&json!({}), &json!([])));
    account.proxy =
        FaultProxy::in_front_of(&Emulator::localstack().address, 500, FaultProxy::accepting(TOKEN));
    account.deploy("dev");
    account.expect_no_changes("dev");
}

#[test]
fn a_partially_updated_stage_is_rolled_back() {
    let account = Account::new("100000000039");
    account.edit(
        "portcullis.toml",
        "[stage.dev]",
        "[stage.dev]\nthrottle = { rate = 5, burst = 6 }",
    );
    account.proxy.drop_patches("throttling");
    let deploy = ["deploy", "--stage", "dev", "--yes"];
    let output = account.run_with_faults(&deploy).expect_exit(6);
    assert!(
        output.contains("stage settings were only partially applied: /*/*/throttling/"),
        "{output:?}"
    );
    assert!(output.contains(" not set; stage rolled back"), "{output:?}");
    assert_eq!(account.api()["stages"], json!({}));
    account.deploy("dev");
    let before = account.api()["stages"].clone();
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    account.edit("portcullis.toml", "rate = 5", "rate = 7");
    account.proxy.drop_patches("throttling");
    account.run_with_faults(&deploy).expect_exit(6);
    assert_eq!(account.api()["stages"]["dev"]["deployment"], before["dev"]["deployment"]);
    account.proxy.drop_patches("/deploymentId");
    let output = account.run_with_faults(&deploy).expect_exit(6);
    assert!(output.contains("stage points at an unexpected deployment: expected "), "{output:?}");
    account.deploy("dev");
    account.expect_no_changes("dev");
}

/// The emulator imports neither `AWS_IAM` nor gateway responses. Without the proxy, which does,
/// the deployer repairs them by single calls, and no deployment contains the public methods.
#[test]
fn methods_that_an_import_left_public_are_secured_before_a_stage_serves_them() {
    let account = Account::new("100000000040");
    account.edit(
        "openapi.yaml",
        "operationId: listOwners\n      security:\n        - jwt: [owners:read]",
        "operationId: listOwners\n      security:\n        - iam: []",
    );
    account.edit("openapi.yaml", "  securitySchemes:", "  securitySchemes:\n    iam: { type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4 }");
    let direct = FaultProxy::unchanged(&Emulator::localstack().address).url;
    let run = |arguments: &[&str]| -> CommandOutput {
        let more = ["--endpoint-url", &direct];
        let arguments = [arguments, &more].concat();
        command(&account.key, &direct, account.folder.path(), &arguments).output().unwrap().into()
    };
    run(&["deploy", "--stage", "dev", "--yes", "--untested-authorizer"]).expect_exit(0);
    let api = account.api();
    assert_eq!(api["methods"]["GET /owners"]["authorizationType"], "AWS_IAM");
    assert_eq!(
        api["gatewayResponses"]["UNAUTHORIZED"]["responseParameters"],
        json!({"gatewayresponse.header.WWW-Authenticate": "'Bearer realm=\"petstore\"'"})
    );
    // The deployment of the incomplete import was deleted.
    assert_eq!(api["deployments"].as_array().unwrap().len(), 1);
    assert!(api["stages"]["dev"]["deployment"].as_str().unwrap().contains("revision=1 "));
    run(&["plan", "--stage", "dev", "--detailed-exitcode"]).expect_exit(0);
}
