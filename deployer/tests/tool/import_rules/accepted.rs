//! Leniency of API Gateway beyond its documentation.

use serde_json::json;

use super::{exported, integration};
use crate::compiling::openapi;

#[test]
fn null_members_and_statuses_as_numbers_are_accepted() {
    let mock = "type: mock, httpMethod: null, requestParameters: null, requestTemplates: { application/json: '{\"statusCode\": 200}', text/plain: null }";
    let expected = exported(&format!(
        "{}, responses: {{ default: {{ statusCode: '200' }} }}",
        mock.replace(", text/plain: null", "")
            .replace("httpMethod: null, requestParameters: null, ", "")
    ));
    assert_eq!(expected["responses"]["default"], json!({"statusCode": "200"}));
    for response in [
        "statusCode: 200",
        "statusCode: 200, responseParameters: null, responseTemplates: null, contentHandling: null",
    ] {
        let responses = format!("responses: {{ default: {{ {response} }}, '5..': null }}");
        assert_eq!(exported(&format!("{mock}, {responses}")), expected, "{response}");
    }
    assert_eq!(
        integration("type: mock, responses: { default: { statusCode: 99 } }"),
        ["invalid `statusCode` `99`: expected 100 to 599 (set `statusCode` to three digits)"]
    );
    // An absent integration is that of the manifest.
    for (from, to) in [
        (
            "operationId: getThing",
            "operationId: getThing\n      x-amazon-apigateway-integration:\n      parameters:\n      requestBody:\n      responses:",
        ),
        (
            "paths:",
            "tags:\nservers:\nx-amazon-apigateway-policy:\nx-amazon-apigateway-minimum-compression-size:\nx-amazon-apigateway-gateway-responses: { THROTTLED: , DEFAULT_4XX: { statusCode: , responseParameters: } }\nx-amazon-apigateway-endpoint-configuration:\npaths:",
        ),
    ] {
        openapi(from, to, &[]);
    }
    // Nothing is public by an absent value.
    openapi(
        "security: []",
        "security: [{ jwt: }]",
        &["openapi.yaml:11:23: scopes: expected a list, found no value"],
    );
}

#[test]
fn members_that_rest_apis_ignore_are_omitted_with_a_warning() {
    let warning = |name: &str| {
        format!(
            "warning: API Gateway ignores `{name}`, so it is omitted (remove it: REST APIs do not support it)"
        )
    };
    let http = "type: http_proxy, httpMethod: GET, uri: 'https://a.example.com'";
    for (members, name) in [
        ("payloadFormatVersion: '1.0'", "payloadFormatVersion"),
        ("integrationSubtype: A", "integrationSubtype"),
        ("responseParameters: { '200': {} }", "responseParameters"),
        ("x-note: a", "x-note"),
        (
            "tlsConfig: { insecureSkipVerification: true, serverNameToVerify: a }",
            "serverNameToVerify",
        ),
        ("responses: { default: { statusCode: '200', x-note: a } }", "x-note"),
    ] {
        assert_eq!(integration(&format!("{http}, {members}")), [warning(name)], "{members}");
        assert!(!exported(&format!("{http}, {members}")).to_string().contains(name), "{members}");
    }
    for (misspelled, known) in
        [("requestParameter: {}", "requestParameters"), ("credential: a", "credentials")]
    {
        let name = misspelled.split(':').next().unwrap();
        assert_eq!(
            integration(&format!("{http}, {misspelled}")),
            [format!("unknown member `{name}` (did you mean `{known}`?)")]
        );
    }
    let found = integration(&format!("{http}, $ref: '#/a'"));
    assert!(found.len() == 1 && found[0].contains("unresolved reference `#/a`"), "{found:?}");
    let mapped = format!(
        "{http}, requestParameters: {{ integration.request.header.A: true, integration.request.header.B: context.requestId }}"
    );
    assert_eq!(
        integration(&mapped),
        [
            "warning: API Gateway ignores the boolean of `integration.request.header.A`, so it is omitted (remove it, and declare the parameter in `parameters` of the operation)"
        ]
    );
    assert_eq!(
        exported(&mapped)["requestParameters"],
        json!({"integration.request.header.B": "context.requestId"})
    );
}
