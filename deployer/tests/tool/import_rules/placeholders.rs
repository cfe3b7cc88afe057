//! Placeholders and functions of other tools, and resource policies.

use super::{authorizer, integration};
use crate::compiling::{check, manifest, openapi};

#[test]
fn placeholders_that_nothing_resolves_are_errors() {
    let help = "(write its value; a value that differs by stage can be a stage variable, `${stageVariables.NAME}`)";
    let error = |member: &str, name: &str, tool: &str| {
        format!(
            "`{member}` has the placeholder `${{{name}}}`, which is not resolved: it is one of {tool} {help}"
        )
    };
    let either = "CloudFormation or Terraform";
    let at_region =
        "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations";
    assert_eq!(
        integration(&format!("type: aws_proxy, uri: '{at_region}'")),
        [error("uri", "AWS::Region", "CloudFormation")]
    );
    assert_eq!(
        integration("type: aws_proxy, uri: '${lambda_arn}'"),
        [error("uri", "lambda_arn", either)]
    );
    assert_eq!(
        integration("type: aws_proxy, uri: '${self:custom.uri}'"),
        [error("uri", "self:custom.uri", "the Serverless Framework")]
    );
    assert_eq!(
        integration(
            "type: http_proxy, uri: 'https://${host}/', connectionType: VPC_LINK, connectionId: '${link}'"
        ),
        [error("uri", "host", either), error("connectionId", "link", either)]
    );
    assert_eq!(integration("type: http_proxy, uri: 'https://${stageVariables.host}/'"), [""; 0]);
    assert_eq!(
        authorizer("type: token, authorizerUri: '${authorizer_arn}'"),
        [error("authorizerUri", "authorizer_arn", either)]
    );
    assert_eq!(
        authorizer("type: cognito_user_pools, providerARNs: ['${Pool.Arn}']"),
        [error("providerARNs", "Pool.Arn", either)]
    );
    let policy = |resource: &str| {
        format!(
            "x-amazon-apigateway-policy: {{ Statement: [{{ Effect: Deny, Principal: '*', Action: '*', Resource: '{resource}' }}] }}\npaths:"
        )
    };
    openapi("paths:", &policy("execute-api:/*/${aws:PrincipalTag/a}"), &[]);
    openapi(
        "paths:",
        &policy("arn:aws:execute-api:${AWS::Region}:*"),
        &[
            "openapi.yaml:5:98: the resource policy has the placeholder `${AWS::Region}`, which is not resolved: it is one of CloudFormation (write its value; `execute-api:/STAGE/METHOD/PATH` needs no Region and no account)",
        ],
    );
    manifest(
        "https://backend.example.com",
        "https://${host}/a",
        &[
            "portcullis.toml:13:8: `http` has the placeholder `${host}`, which is not resolved (write `${env:NAME}` for an environment variable, or `${stageVariables.NAME}` for a stage variable)",
        ],
    );
    let found = check(("lambda:eu-west-1:", "lambda:${region}:"), ("", ""));
    assert!(found.iter().any(|one| one.contains("invalid `function_arn`")), "{found:?}");
}

#[test]
fn functions_of_cloudformation_are_errors_once_each_with_their_number() {
    let function = |name: &str, at: &str, places: &str| {
        format!(
            "openapi.yaml:{at}: `{name}` is a function of CloudFormation, which is not resolved{places} (write its result, such as an ARN; values that differ by stage can be stage variables, `${{stageVariables.NAME}}`)"
        )
    };
    let uri = "{ Fn::Sub: 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${F.Arn}/invocations' }";
    let operation = |uri: &str| {
        format!(
            "operationId: getThing\n      x-amazon-apigateway-integration: {{ type: aws_proxy, uri: {uri} }}"
        )
    };
    openapi("operationId: getThing", &operation(uri), &[&function("Fn::Sub", "9:66", "")]);
    openapi("operationId: getThing", &operation("{ Ref: F }"), &[&function("Ref", "9:66", "")]);
    let found = check(("", ""), ("operationId: getThing", &operation("!Sub a")));
    assert!(found.contains(&function("!Sub", "9:64", "")), "{found:?}");
    let scheme = format!(
        "    own: {{ type: apiKey, in: header, name: A, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {{ type: token, authorizerResultTtlInSeconds: '0', authorizerUri: {uri}, authorizerCredentials: {uri} }} }}\n    key:"
    );
    openapi("    key:", &scheme, &[&function("Fn::Sub", "15:184", " (2 places)")]);
    // A property of a schema, and an example.
    openapi(
        "operationId: getThing",
        "operationId: getThing\n      requestBody: { content: { a/b: { example: { Fn::Sub: a }, schema: { properties: { Ref: { type: string } } } } } }",
        &[],
    );
}

#[test]
fn resource_policies_that_iam_does_not_read_are_errors() {
    let policy = |policy: &str| {
        check(("", ""), ("paths:", &format!("x-amazon-apigateway-policy: {policy}\npaths:")))
    };
    let allow = "Effect: Allow, Principal: '*', Action: '*', Resource: '*'";
    for valid in [
        format!("{{ Version: '2012-10-17', Statement: [{{ Sid: a, {allow}, Condition: {{}} }}] }}"),
        format!("{{ Statement: {{ {allow} }} }}"),
        "{ Statement: [{ Effect: Deny, NotPrincipal: { AWS: a }, NotAction: a, NotResource: a }] }"
            .to_owned(),
    ] {
        assert_eq!(policy(&valid), [""; 0], "{valid}");
    }
    for (invalid, expected) in [
        (
            "[]".to_owned(),
            "5:29: the resource policy has no `Statement` (write `Version: \"2012-10-17\"` and `Statement: [{ Effect: Allow, … }]`)",
        ),
        (
            format!("{{ Version: '2020', Statement: [{{ {allow} }}] }}"),
            "5:40: the resource policy has an unknown `Version` (write `Version: \"2012-10-17\"`)",
        ),
        (
            "{ Statement: [{ Effect: Allow, Principal: '*', Action: '*' }] }".to_owned(),
            "5:43: a statement of the resource policy has no `Resource` (add `Resource`)",
        ),
        (
            format!("{{ Statement: [{{ {} }}] }}", allow.replace("Allow", "allow")),
            "5:53: unknown `Effect` of the resource policy (write `Allow` or `Deny`)",
        ),
        (
            format!("{{ Statement: [{{ {allow}, Conditions: {{}} }}] }}"),
            "5:104: unknown element `Conditions` of the resource policy (did you mean `Condition`?)",
        ),
    ] {
        assert_eq!(policy(&invalid), [format!("openapi.yaml:{expected}")], "{invalid}");
    }
}
