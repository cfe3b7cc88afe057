//! `TestInvokeAuthorizer` of the proxy: the requests that do not invoke the function, and the responses.

use e2e::strict::test_invoke;
use serde_json::{Value, json};

#[test]
fn an_authorizer_is_not_invoked_without_its_identity_sources() {
    let sources = "method.request.header.X-Key, method.request.querystring.q,stageVariables.a,context.identity.sourceIp";
    let request = json!({"identitySource": sources});
    let whole = json!({
        "headers": {"x-key": "k"},
        "pathWithQueryString": "/?a=b&q=c%20d",
        "stageVariables": {"a": "b"},
        "additionalContext": {"identity.sourceIp": "10.0.0.1"},
    });
    assert!(test_invoke::unmet(&request, &whole).is_empty());
    for (member, source) in [
        ("headers", "method.request.header.X-Key"),
        ("pathWithQueryString", "method.request.querystring.q"),
        ("stageVariables", "stageVariables.a"),
        ("additionalContext", "context.identity.sourceIp"),
    ] {
        let mut input = whole.clone();
        input[member] = Value::Null;
        assert_eq!(test_invoke::unmet(&request, &input), [source]);
    }
    let token = json!({
        "identitySource": "method.request.header.Authorization",
        "identityValidationExpression": "Bearer [a-z.]+",
    });
    for (value, unmet) in [("Bearer a.b", 0), ("Bearer", 1), ("", 1)] {
        let input = json!({"headers": {"Authorization": value}});
        assert_eq!(test_invoke::unmet(&token, &input).len(), unmet, "{value}");
    }
}

#[test]
fn the_response_to_a_test_shows_an_invocation_only_if_there_was_one() {
    let uri = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/f/invocations";
    let authorizer = json!({"id": "z1", "authorizerUri": uri});
    let invoked = |status: u16, policy: &str| Some((status, policy.to_owned()));
    for (invocation, status, sent, result) in [
        (None, 401, false, false),
        (invoked(401, ""), 401, true, false),
        (invoked(500, ""), 500, true, false),
        (invoked(200, "{}"), 0, true, true),
    ] {
        let found = test_invoke::response(&authorizer, "x", invocation.as_ref());
        let log = found["log"].as_str().unwrap();
        let shown = (
            log.contains("Sending request to https://lambda.amazonaws.com/2015-03-31/functions/f"),
            log.contains("Authorizer result body before parsing: {}"),
        );
        assert_eq!((&found["clientStatus"], shown), (&json!(status), (sent, result)), "{found}");
        assert_eq!(log.contains("Unauthorized request"), status == 401, "{found}");
    }
    for (headers, token) in [
        (json!({"A": "b", "X": "Bearer x"}), "Bearer x"),
        (json!({"A": "b", "X": "x"}), "b"),
        (Value::Null, ""),
    ] {
        assert_eq!(test_invoke::token(&json!({"headers": headers})), token);
    }
}
