//! Patterns, mappings and values of enumerations.

use super::{FUNCTION, authorizer, integration};
use crate::compiling::{check, openapi};

#[test]
fn patterns_that_are_not_regular_expressions_are_errors() {
    let help = "(write a regular expression in Java's syntax, such as `4\\d{2}`, or `default`)";
    let responses = |pattern: &str| {
        integration(&format!(
            "type: http, httpMethod: GET, uri: 'https://a.example.com', responses: {{ '{pattern}': {{ statusCode: '200' }} }}"
        ))
    };
    for pattern in ["default", "4\\d{2}", "(?s).*\\\"code\\\".*", "a*+", "(?<!x)y", "^$"] {
        assert_eq!(responses(pattern), [""; 0], "{pattern}");
    }
    for (pattern, reason) in [
        ("4\\d{2", "`{` is not closed"),
        ("[A-Z", "`[` is not closed"),
        ("(a|b", "`(` is not closed"),
        ("*", "`*`, `+` or `?` without an expression to repeat"),
    ] {
        let expected = format!(
            "the selection pattern `{pattern}` is not a regular expression: {reason} {help}"
        );
        assert_eq!(responses(pattern), [expected]);
    }
    // The place is that of the pattern.
    let found = check(
        ("", ""),
        (
            "operationId: getThing",
            "operationId: getThing\n      x-amazon-apigateway-integration:\n        type: mock\n        responses:\n          '[': { statusCode: '200' }",
        ),
    );
    assert!(found.len() == 1 && found[0].starts_with("openapi.yaml:12:11: "), "{found:?}");
    let uri = format!(
        "authorizerUri: 'arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations'"
    );
    let token = |expression: &str| {
        authorizer(&format!("type: token, {uri}, identityValidationExpression: '{expression}'"))
    };
    assert_eq!(token("^Bearer [-0-9a-zA-Z._]*$"), [""; 0]);
    assert_eq!(
        token("^Bearer [A-Z"),
        [
            "`identityValidationExpression` is not a regular expression: `[` is not closed (write a regular expression in Java's syntax)"
        ]
    );
}

#[test]
fn mappings_of_responses_from_unquoted_constants_are_errors() {
    let rejected = |source: &str, sources: &str| {
        format!(
            "(write `'{source}'` for a constant, or map from {sources}; API Gateway rejects it: \"Invalid mapping expression specified: {source}\")"
        )
    };
    let sources = "`integration.response.header.NAME`, `integration.response.body`, `context.NAME` or `stageVariables.NAME`";
    let mapped = |target: &str, source: &str| {
        integration(&format!(
            "type: mock, responses: {{ default: {{ statusCode: '200', responseParameters: {{ {target}: \"{source}\" }} }} }}"
        ))
    };
    let header = "method.response.header.A";
    for source in [
        "'*'",
        "''",
        "'it''s'",
        "context.requestId",
        "stageVariables.a",
        "integration.response.header.A",
        "integration.response.multivalueheader.A",
        "integration.response.body",
        "integration.response.body.a[0]",
    ] {
        assert_eq!(mapped(header, source), [""; 0], "{source}");
    }
    for source in ["*", "'*", "true", "integration.response.header.", "method.request.header.A"] {
        let help = rejected(source, sources);
        assert_eq!(
            mapped(header, source),
            [format!("invalid mapping from `{source}` to `{header}` {help}")]
        );
    }
    for target in ["method.response.querystring.A", "header.A", "method.response.header."] {
        assert_eq!(
            mapped(target, "'a'"),
            [format!("invalid mapping to `{target}` (map to `method.response.header.NAME`)")]
        );
    }
    let gateway = |target: &str, source: &str| {
        check(
            ("", ""),
            (
                "paths:",
                &format!(
                    "x-amazon-apigateway-gateway-responses:\n  DEFAULT_4XX:\n    responseParameters:\n      {target}: \"{source}\"\npaths:"
                ),
            ),
        )
    };
    let header = "gatewayresponse.header.A";
    for source in ["'*'", "context.error.message", "stageVariables.a", "method.request.header.A"] {
        assert_eq!(gateway(header, source), [""; 0], "{source}");
    }
    let help =
        rejected("*", "`method.request.header.NAME`, `context.NAME` or `stageVariables.NAME`");
    assert_eq!(
        gateway(header, "*"),
        [format!(
            "openapi.yaml:8:33: gateway response `DEFAULT_4XX`: invalid mapping from `*` to `{header}` {help}"
        )]
    );
    assert_eq!(
        gateway("method.response.header.A", "'a'"),
        [
            "openapi.yaml:8:33: gateway response `DEFAULT_4XX`: invalid mapping to `method.response.header.A` (map to `gatewayresponse.header.NAME`)"
        ]
    );
}

#[test]
fn unknown_values_of_enumerations_are_errors() {
    let http = "type: http, httpMethod: GET, uri: 'https://a.example.com'";
    let passthrough = "`never`, `when_no_match`, `when_no_templates`";
    for (members, expected) in [
        ("passthroughBehavior: WHEN_NO_MATCH, contentHandling: convert_to_text", None),
        ("connectionType: internet, responses: { default: { statusCode: '200', contentHandling: CONVERT_TO_BINARY } }", None),
        ("passthroughBehavior: sometimes", Some(format!("unknown `passthroughBehavior` `sometimes` (expected one of {passthrough})"))),
        ("passthroughBehavior: when_no_matches", Some("unknown `passthroughBehavior` `when_no_matches` (did you mean `when_no_match`?)".to_owned())),
        ("contentHandling: CONVERT", Some("unknown `contentHandling` `CONVERT` (expected `CONVERT_TO_BINARY` or `CONVERT_TO_TEXT`)".to_owned())),
        ("responses: { default: { statusCode: '200', contentHandling: BINARY } }", Some("unknown `contentHandling` `BINARY` (expected `CONVERT_TO_BINARY` or `CONVERT_TO_TEXT`)".to_owned())),
        ("connectionType: INTRANET", Some("unknown `connectionType` `INTRANET` (did you mean `INTERNET`?)".to_owned())),
        ("responseTransferMode: CHUNKED", Some("unknown `responseTransferMode` `CHUNKED` (expected `BUFFERED` or `STREAM`)".to_owned())),
    ] {
        let found = integration(&format!("{http}, {members}"));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{members}");
    }
    let method =
        |method: &str| integration(&format!("type: http, uri: 'https://a.example.com', {method}"));
    assert_eq!(
        method("httpMethod: QUERYING"),
        [
            "unknown `httpMethod` `QUERYING` (expected one of `ANY`, `DELETE`, `GET`, `HEAD`, `OPTIONS`, `PATCH`, `POST`, `PUT`)"
        ]
    );
    assert_eq!(
        method("timeoutInMillis: 50"),
        [
            "missing `httpMethod` (set the method of the request to the backend; API Gateway rejects it: \"Enumeration value for HttpMethod must be non-empty\")"
        ]
    );
    openapi(
        "paths:",
        "x-amazon-apigateway-api-key-source: AUTHORIZERS\npaths:",
        &[
            "openapi.yaml:5:37: unknown `x-amazon-apigateway-api-key-source` `AUTHORIZERS` (did you mean `AUTHORIZER`?)",
        ],
    );
}
