//! Deployments that AWS would refuse are refused before anything is made, and settings that the files
//! no longer have are removed.

use std::sync::Arc;

use e2e::emulator::Fault;
use e2e::strict::state::AccountSettings;
use serde_json::{Value, json};

use super::{Account, REGION};

#[test]
fn logs_without_a_log_role_are_refused_before_anything_is_made() {
    let account = Account::new("350000000001");
    account.proxy.set_account(AccountSettings::of_small_region());
    account.edit("portcullis.toml", "[stage.dev]", "[stage.dev]\nlogging = \"info\"");
    for command in [&["plan", "--stage", "dev"][..], &["deploy", "--stage", "dev", "--yes"]] {
        let output = account.run(command).expect_exit(3);
        assert!(output.contains("stage `dev` has logs, but API Gateway has no"), "{output:?}");
    }
    let doctor = |found: &str| {
        let output = account.run(&["doctor", "--stage", "dev"]).expect_exit(1);
        assert!(output.contains(found), "{output:?}");
    };
    doctor("fail     deployment: stage `dev` has logs, but API Gateway has no");
    let state = account.read_back();
    assert_eq!((&state["apis"], &state["roles"]), (&json!([]), &json!({})));

    let throttle = "throttle = { rate = 2501, burst = 1250 }";
    account.edit("portcullis.toml", "logging = \"info\"", throttle);
    let output = account.run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(3);
    assert!(
        output.contains("the throttle of stage `dev` is above that of the account"),
        "{output:?}"
    );
    doctor("fail     deployment: the throttle of stage `dev` is above");

    // The throttle of a small Region's account is no throttle of the stage.
    account.edit("portcullis.toml", throttle, "metrics = true");
    account.deploy("dev");
    account.expect_no_changes("dev");
    let settings = account.api()["stages"]["dev"]["methodSettings"]["*/*"].clone();
    assert_eq!(settings["metricsEnabled"], true, "{settings}");
}

#[test]
fn a_private_api_without_a_resource_policy_is_refused_before_anything_is_made() {
    let account = Account::new("350000000002");
    account.edit("portcullis.toml", "[stage.dev]", "[stage.dev]\n");
    let manifest = std::fs::read_to_string(account.path("portcullis.toml")).unwrap();
    let endpoint = "endpoint = \"private\"";
    let manifest = if manifest.contains("endpoint = \"regional\"") {
        manifest.replace("endpoint = \"regional\"", endpoint)
    } else {
        manifest.replacen("[api]", &format!("[api]\n{endpoint}"), 1)
    };
    account.write("portcullis.toml", &manifest);
    let output = account.run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(3);
    assert!(output.contains("is private, but the document has no resource policy"), "{output:?}");
    assert_eq!(account.read_back()["apis"], json!([]));
}

#[test]
fn a_stage_whose_settings_are_refused_is_deleted_again() {
    let account = Account::new("350000000003");
    account.edit(
        "portcullis.toml",
        "[stage.dev]",
        "[stage.dev]\nthrottle = { rate = 5, burst = 6 }",
    );
    account.proxy.inject_into("PATCH /restapis/", Fault::Refused);
    let output = account.run_with_faults(&["deploy", "--stage", "dev", "--yes"]).expect_exit(1);
    assert!(output.contains("stage `dev` was deleted again"), "{output:?}");
    assert_eq!(account.api()["stages"], json!({}));
    account.deploy("dev");
    account.expect_no_changes("dev");
}

#[test]
fn a_usage_plan_loses_what_the_files_do_not_have() {
    let account = Account::new("350000000004");
    let key = |name: &str| {
        let create = format!("print(client.create_api_key(name='{name}', enabled=True)['id'])");
        account.boto3(&create).trim().to_owned()
    };
    let (one, two) = (key("one"), key("two"));
    let table = |text: &str| format!("[usage_plan]\n{text}\n\n[stage.dev]");
    let all = table(&format!(
        "throttle = {{ rate = 5, burst = 6 }}\nquota = {{ limit = 100, period = \"day\" }}\nkeys = [\"{one}\", \"{two}\"]"
    ));
    let some = table(&format!("keys = [\"{two}\"]"));
    account.edit("portcullis.toml", "[stage.dev]", &all);
    account.deploy("dev");
    let plan = || account.read_back()["plans"].clone();
    let found = plan();
    assert_eq!(found[0]["quota"]["limit"], 100, "{found}");
    account.edit("portcullis.toml", &all, &some);
    account.deploy("dev");
    let found = plan();
    assert_eq!(
        (&found[0]["quota"], &found[0]["throttle"], found[0]["keys"].as_array().map(Vec::len)),
        (&Value::Null, &Value::Null, Some(1)),
        "{found}"
    );
    account.expect_no_changes("dev");
    account.edit("portcullis.toml", &some, "[stage.dev]");
    let output = account.run(&["plan", "--stage", "dev"]).expect_exit(0);
    assert!(output.contains("delete usage plan petstore dev"), "{output:?}");
    account.deploy("dev");
    assert_eq!(plan(), json!([]));
    account.expect_no_changes("dev");
}

#[test]
fn an_access_log_is_written_to_a_delivery_stream_and_removed_again() {
    let account = Account::new("350000000005");
    let stream =
        format!("arn:aws:firehose:eu-west-1:{}:deliverystream/amazon-apigateway-a", account.key);
    let log = format!("[stage.dev]\naccess_log = {{ destination = \"{stream}\" }}");
    account.edit("portcullis.toml", "[stage.dev]", &log);
    account.deploy("dev");
    account.expect_no_changes("dev");
    let found = account.api()["stages"]["dev"]["accessLogSettings"].clone();
    assert_eq!(found["destinationArn"], stream, "{found}");
    account.edit("portcullis.toml", &log, "[stage.dev]");
    account.deploy("dev");
    account.expect_no_changes("dev");
    assert_eq!(account.api()["stages"]["dev"]["accessLogSettings"], Value::Null);
}

/// The hook changes the authorizers after each import, so that they differ from the document.
#[test]
fn an_authorizer_loses_what_the_document_does_not_have() {
    let account = Account::new("350000000013");
    let uri = format!(
        "arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:{}:function:other/invocations",
        account.key
    );
    account.edit(
        "openapi.yaml",
        "  securitySchemes:",
        &format!(
            "  securitySchemes:
    other:
      type: apiKey
      in: header
      name: Authorization
      x-amazon-apigateway-authtype: custom
      x-amazon-apigateway-authorizer: {{ type: token, authorizerUri: \"{uri}\" }}"
        ),
    );
    account.edit(
        "openapi.yaml",
        "paths:",
        "paths:\n  /other: { get: { security: [{ other: [] }] } }",
    );
    let set = account.set_authorizers(&[
        ("authorizerCredentials", "arn:aws:iam::123456789012:role/other"),
        ("identityValidationExpression", "other"),
    ]);
    account.proxy.after_writes(Some(Arc::new(move |call: &str| {
        if let Some(path) = call.strip_prefix("PUT /restapis/") {
            set(path.split(['?', '/']).next().unwrap());
        }
    })));
    account.deploy("dev");
    let found = account.api()["authorizers"].clone();
    let other =
        found.as_array().unwrap().iter().find(|one| one["authorizerUri"].as_str() == Some(&uri));
    let calls = account.proxy.calls();
    let is_update =
        |(verb, path): &(String, String)| verb == "PATCH" && path.contains("/authorizers/");
    assert!(calls.iter().any(is_update), "{calls:?}");
    let empty = |name: &str| other.unwrap()[name].as_str().unwrap_or_default().is_empty();
    assert!(empty("authorizerCredentials") && empty("identityValidationExpression"), "{found}");
    account.proxy.after_writes(None);
    account.expect_no_changes("dev");
}

#[test]
fn an_api_key_that_does_not_exist_is_refused_before_anything_is_made() {
    let account = Account::new("350000000007");
    let table = |key: &str| format!("[usage_plan]\nkeys = [\"{key}\"]\n\n[stage.dev]");
    account.edit("portcullis.toml", "[stage.dev]", &table("none"));
    let output = account.run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(3);
    assert!(output.contains("no API key with the ID `none`"), "{output:?}");
    assert_eq!(account.read_back()["apis"], json!([]));

    let create = "print(client.create_api_key(name='one', enabled=True)['id'])";
    let key = account.boto3(create).trim().to_owned();
    account.edit("portcullis.toml", "\"none\"", &format!("\"{key}\""));
    account.proxy.inject_into("POST /usageplans/", Fault::Conflict);
    let output = account.run_with_faults(&["deploy", "--stage", "dev", "--yes"]).expect_exit(5);
    assert!(output.contains("adding API key"), "{output:?}");
    account.deploy("dev");
    account.expect_no_changes("dev");
    assert_eq!(account.read_back()["plans"][0]["keys"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_stage_with_a_mapped_domain_is_deleted_completely_or_not_at_all() {
    let account = Account::new("350000000008");
    account.edit(
        "portcullis.toml",
        "[stage.dev]",
        "[usage_plan]\nthrottle = { rate = 5, burst = 6 }\n\n[stage.dev]",
    );
    account.deploy("dev");
    account.boto3("client.create_domain_name(domainName='api.example.com', regionalCertificateArn='arn:aws:acm:eu-west-1:123456789012:certificate/a', endpointConfiguration={'types': ['REGIONAL']})\nclient.create_base_path_mapping(domainName='api.example.com', basePath='v1', restApiId=api, stage='dev')");
    for arguments in
        [&["undeploy", "--stage", "dev", "--yes"], &["undeploy", "--delete-api", "--yes"][..]]
    {
        let output = account.run(arguments).expect_exit(1);
        assert!(output.contains("custom domain api.example.com is mapped"), "{output:?}");
        account.expect_no_changes("dev");
        assert_eq!(account.read_back()["plans"].as_array().map(Vec::len), Some(1));
    }
    account.boto3("client.delete_base_path_mapping(domainName='api.example.com', basePath='v1')");
    account.run(&["undeploy", "--stage", "dev", "--yes"]).expect_exit(0);
    assert_eq!(account.read_back()["plans"], json!([]));
}
