//! The test of an authorizer before a stage is updated proves an invocation of its function.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Account, TOKEN};

/// A token of the form that the authorizer accepts, and one that API Gateway rejects.
const GIVEN: &str = "--token-command=printf %s aaa.bbb.ccc";
const MALFORMED: &str = "--token-command=printf %s aaa";

/// Returns the requests of `TestInvokeAuthorizer` of the last command.
fn tests(account: &Account) -> Vec<Value> {
    let calls = account.proxy.calls().into_iter();
    let tests = calls.filter(|(verb, path)| verb == "POST" && path.contains("/authorizers/"));
    let paths: BTreeSet<String> = tests.map(|(_, path)| path).collect();
    paths.iter().flat_map(|path| account.proxy.bodies(&format!("POST {path}"))).collect()
}

#[test]
fn a_test_has_every_identity_source_of_an_authorizer() {
    let account = Account::new("350000000011");
    account.edit(
        "portcullis.toml",
        "cache_ttl",
        "type = \"request\"
identity_sources = [
  \"method.request.header.Authorization\",
  \"method.request.header.X-Tenant\",
  \"method.request.querystring.from\",
  \"method.request.querystring.to\",
  \"stageVariables.tenant\",
  \"context.httpMethod\",
  \"context.identity.sourceIp\",
]
cache_ttl",
    );
    account.edit(
        "portcullis.toml",
        "[stage.dev]",
        "[stage.dev]\nvariables = { tenant = \"blue\" }",
    );
    account.run(&["deploy", "--stage", "dev", "--yes", GIVEN]).expect_exit(0);
    let sent = tests(&account);
    let expected = |token: &str| {
        json!({
            "headers": {"Authorization": format!("Bearer {token}"), "X-Tenant": "portcullis-test"},
            "pathWithQueryString": "/?from=portcullis-test&to=portcullis-test",
            "stageVariables": {"tenant": "blue"},
            "additionalContext": {
                "httpMethod": "GET",
                "context.httpMethod": "GET",
                "identity.sourceIp": "test-invoke-source-ip",
                "context.identity.sourceIp": "test-invoke-source-ip",
            },
        })
    };
    assert_eq!(sent, [expected("eyJhbGciOiJub25lIn0.e30.AA"), expected(TOKEN)]);
    account.expect_no_changes("dev");
}

#[test]
fn a_rejection_before_the_authorizer_is_invoked_proves_nothing() {
    let account = Account::new("350000000012");
    account.deploy("dev");
    let before = account.api()["stages"]["dev"].clone();
    account.edit("portcullis.toml", "5m", "4m");

    // The authorizer would reject the invalid token, and API Gateway rejects the other one.
    let output = account.run(&["deploy", "--stage", "dev", "--yes", MALFORMED]).expect_exit(1);
    let text = "authorizer `jwt` was not invoked for the token from `--token-command`, so that the test proves nothing (status 401, and the log shows no invocation); no stage was updated";
    assert!(output.contains(text), "{output:?}");
    assert_eq!(account.api()["stages"]["dev"], before);

    // The authorizer of the draft has an expression that no token matches, whenever it was written.
    let set = account.set_authorizers(&[("identityValidationExpression", "never")]);
    account.proxy.after_writes(Some(Arc::new(move |call: &str| {
        let writes = ["PUT", "PATCH", "POST"].iter().any(|verb| call.starts_with(verb));
        if let Some((_, path)) = call.split_once(" /restapis/").filter(|_| writes) {
            set(path.split(['?', '/']).next().unwrap());
        }
    })));
    for more in [&[][..], &[GIVEN]] {
        let command = [&["deploy", "--stage", "dev", "--yes"], more].concat();
        let output = account.run(&command).expect_exit(1);
        let text = "authorizer `jwt` was not invoked for an invalid token, so that the test proves nothing (status 401, and the log shows no invocation); no stage was updated";
        assert!(output.contains(text), "{output:?}");
        assert!(output.contains("identity sources of the configuration"), "{output:?}");
        assert_eq!(account.api()["stages"]["dev"], before);
    }
    let command = ["deploy", "--stage", "dev", "--yes", "--untested-authorizer"];
    let output = account.run(&command).expect_exit(0);
    assert!(
        output.contains("note: authorizer `jwt` was not tested: it was not invoked"),
        "{output:?}"
    );
}
