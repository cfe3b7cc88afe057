//! Authorizers that a document declares itself, and security schemes.

use serde_json::Value;

use super::{FUNCTION, authorizer};
use crate::compiling::{check, openapi};
use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

#[test]
fn identity_sources_that_a_request_authorizer_cannot_have_are_errors() {
    let uri = format!(
        "authorizerUri: 'arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations'"
    );
    let source =
        |source: &str| authorizer(&format!("type: request, {uri}, identitySource: '{source}'"));
    for valid in [
        "method.request.header.A, method.request.querystring.a",
        "context.identity.sourceIp,stageVariables.a",
    ] {
        assert_eq!(source(valid), [""; 0], "{valid}");
    }
    let help = "(use `method.request.header.NAME`, `method.request.querystring.NAME`, `stageVariables.NAME` or `context.NAME`; for a decision by route, `context.resourcePath` and `context.httpMethod`)";
    for invalid in [
        "method.request.path.id",
        "method.request.body",
        "$request.header.A",
        "method.request.header.",
    ] {
        let expected = format!("invalid identity source `{invalid}` {help}");
        assert_eq!(source(&format!("method.request.header.A,{invalid}")), [expected]);
    }
}

#[test]
fn a_ttl_as_text_is_its_number() {
    let authorizer = |ttl: &str| {
        format!(
            "    own: {{ type: apiKey, in: header, name: A, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {{ type: token, authorizerUri: 'arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations', authorizerResultTtlInSeconds: {ttl} }} }}\n    key:"
        )
    };
    for (ttl, expected) in [("'0'", 0), ("'60'", 60), ("0", 0), ("null", 300)] {
        let text = OPENAPI
            .replace("    key:", &authorizer(ttl))
            .replace("security: []", "security: [{ own: [] }]");
        let folder = folder(MANIFEST, &text);
        let output = deployer(folder.path(), &["export", "--document"]);
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", transcript(&output)));
        let found = &crate::scheme(&document, "own")["x-amazon-apigateway-authorizer"];
        assert_eq!(found["authorizerResultTtlInSeconds"], expected, "{ttl}");
    }
    for ttl in ["'3601'", "'5m'", "''"] {
        let found = check(("", ""), ("    key:", &authorizer(ttl)));
        assert!(
            found.len() == 1 && found[0].contains("invalid `authorizerResultTtlInSeconds`"),
            "{found:?}"
        );
    }
}

#[test]
fn a_scheme_that_no_operation_uses_needs_no_support() {
    let basic = "basic: { type: http, scheme: basic }\n    mutual: { type: mutualTLS }\n    other: { type: openIdConnect }\n    key: { type: apiKey";
    openapi("key: { type: apiKey", basic, &[]);
    let text = OPENAPI
        .replace("key: { type: apiKey", basic)
        .replace("security: []", "security: [{ basic: [] }]")
        .replace("operationId: getThing", "operationId: getThing\n      security: [{ basic: [] }]");
    let folder = folder(MANIFEST, &text);
    let output = deployer(folder.path(), &["check", "--output", "json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = found["diagnostics"].as_array().unwrap();
    assert!(
        found.len() == 1 && found[0]["message"] == "unsupported security scheme `basic`",
        "{found:?}"
    );
}
