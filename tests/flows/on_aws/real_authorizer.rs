//! The shipped function, invoked as by `TestInvokeAuthorizer` before a stage is updated.

use std::process::Command;
use std::sync::Arc;

use e2e::port::free_port;
use e2e::{Dev, binary, http, root};
use serde_json::{Value, json};

use super::Account;
use crate::function::watch;

#[test]
fn the_shipped_function_passes_the_authorizer_test() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("authorizer.json");
    let (issuer_port, function_port) = (free_port().to_string(), free_port().to_string());
    let issuer = format!("http://127.0.0.1:{issuer_port}");
    let out = config.to_str().unwrap();
    let written = Command::new(binary("deployer"))
        .args(["config", "infra/petstore", "--local-issuer", &issuer, "--out", out])
        .current_dir(root())
        .status();
    assert!(written.unwrap().success());
    let _function = watch(&config, &function_port);
    let dev = Dev::start(&["infra/petstore", "--port", "0", "--issuer-port", &issuer_port]);
    let token = dev.token("pets:read");
    let endpoint =
        format!("http://127.0.0.1:{function_port}/2015-03-31/functions/bootstrap/invocations");
    let account = Account::with_authorizer(
        "100000000071",
        500,
        Arc::new(move |authorization| {
            let event = json!({
                "type": "TOKEN",
                "authorizationToken": authorization,
                "methodArn": "arn:aws:execute-api:eu-west-1:100000000071:api1234567/test-invoke-stage/GET/",
            });
            let response = http::send("POST", &endpoint, &[], event.to_string().as_bytes()).json();
            match &response["policyDocument"] {
                Value::Null if response["errorMessage"] == "Unauthorized" => (401, String::new()),
                Value::Null => (500, String::new()),
                policy => (200, policy.to_string()),
            }
        }),
    );
    let deploy = |token: &str| {
        let command = format!("--token-command=printf %s {token}");
        account.run(&["deploy", "--stage", "dev", "--yes", &command])
    };
    let output = deploy("not.a.token").expect_exit(1);
    assert!(
        output.contains("rejected the token from `--token-command` (status 401)"),
        "{output:?}"
    );
    let output = deploy(&token).expect_exit(0);
    assert!(!output.contains(&token), "a token is never printed");
    account.expect_no_changes("dev");
}
