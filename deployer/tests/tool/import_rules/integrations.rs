//! Invocations, roles, cache keys and timeouts of integrations.

use super::{FUNCTION, authorizer, integration, invocation, lambda};
use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

#[test]
fn invocations_that_lambda_does_not_have_are_errors() {
    let invoke =
        "set `uri: arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`";
    let stream = "set `uri: arn:aws:apigateway:REGION:lambda:path/2021-11-15/functions/ARN/response-streaming-invocations`";
    let streamed = "responseTransferMode: STREAM";
    let (date, operation) = ("2015-03-31", "invocations");
    let uri = invocation(date, operation);
    let stream_uri = invocation("2021-11-15", "response-streaming-invocations");
    for (members, expected) in [
        (format!("type: aws_proxy, {uri}"), None),
        (format!("type: aws_proxy, httpMethod: post, {uri}"), None),
        (format!("type: aws, httpMethod: POST, {}", invocation("2014-11-13", "invoke-async/")), None),
        (format!("type: aws_proxy, {}", lambda("2015-03-31/functions/${stageVariables.f}/invocations")), None),
        (format!("type: aws_proxy, {stream_uri}, {streamed}, timeoutInMillis: 900000"), None),
        (format!("type: http_proxy, uri: 'https://a.example.com', {streamed}, timeoutInMillis: 900000"), None),
        ("type: aws, httpMethod: GET, uri: 'arn:aws:apigateway:eu-west-1:s3:path/bucket/key'".to_owned(), None),
        (format!("type: aws_proxy, httpMethod: GET, {uri}"), Some("`httpMethod` is `GET`, and functions are invoked with POST (set `httpMethod: POST`)".to_owned())),
        (format!("type: aws, httpMethod: ANY, {uri}"), Some("`httpMethod` is `ANY`, and functions are invoked with POST (set `httpMethod: POST`)".to_owned())),
        (format!("type: aws_proxy, {}", invocation("2015-03-01", operation)), Some(format!("`uri` has the date `2015-03-01`: expected `2015-03-31` ({invoke})"))),
        (format!("type: aws_proxy, {}", invocation("2021-11-15", operation)), Some(format!("`uri` has the date `2021-11-15`: expected `2015-03-31` ({invoke})"))),
        (format!("type: aws_proxy, {}", invocation(date, "invocation")), Some(format!("`uri` ends with `invocation`, which is not an invocation ({invoke})"))),
        (format!("type: aws_proxy, {}", lambda("2015-03-31/functions//invocations")), Some(format!("`uri` has no function ({invoke})"))),
        (format!("type: aws_proxy, {}", lambda(FUNCTION)), Some(format!("`uri` is not the invocation URI of a function ({invoke})"))),
        (format!("type: aws_proxy, {stream_uri}"), Some(format!("a URI with `response-streaming-invocations` requires `responseTransferMode: STREAM` ({invoke})"))),
        (format!("type: aws_proxy, {uri}, {streamed}"), Some(format!("`responseTransferMode: STREAM` requires a URI with `response-streaming-invocations` ({stream})"))),
        (format!("type: http, httpMethod: GET, uri: 'https://a.example.com', {streamed}"), Some("`responseTransferMode: STREAM` with the type `http` (use the type `http_proxy` or `aws_proxy`, or remove `responseTransferMode`)".to_owned())),
        (format!("type: aws_proxy, {stream_uri}, {streamed}, timeoutInMillis: 900001"), Some("invalid `timeoutInMillis` `900001`: expected 50 to 900000 (set `timeoutInMillis` from 50 to 900000)".to_owned())),
        ("type: aws, httpMethod: POST, uri: 'arn:aws:apigateway:eu-west-1:sns:Publish'".to_owned(), Some("`uri` has neither a path nor an action (write arn:PARTITION:apigateway:REGION:SERVICE:path/PATH or …:action/ACTION; API Gateway rejects it: \"AWS ARN for integration must contain path or action\")".to_owned())),
        ("type: aws_proxy, uri: 'arn:aws:apigateway:eu-west-1:sns:action/Publish'".to_owned(), Some("`aws_proxy` with the service `sns` (use the type `aws`; API Gateway rejects it: \"Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations\")".to_owned())),
    ] {
        assert_eq!(integration(&members), expected.into_iter().collect::<Vec<_>>(), "{members}");
    }
}

#[test]
fn a_streaming_function_is_named_by_its_arn() {
    let operation = format!(
        "operationId: getThing\n      x-amazon-apigateway-integration: {{ type: aws_proxy, {}, responseTransferMode: STREAM }}",
        invocation("2021-11-15", "response-streaming-invocations")
    );
    let folder = folder(MANIFEST, &OPENAPI.replace("operationId: getThing", &operation));
    let cases = "cases: [{ request: GET /things/1, expect: { none: 401 } }]";
    std::fs::write(folder.path().join("cases.yaml"), cases).unwrap();
    let output = transcript(&deployer(folder.path(), &["test", "cases.yaml"]));
    assert!(output.contains("function `f` has no local implementation"), "{output}");
}

#[test]
fn roles_and_cache_keys_that_api_gateway_refuses_are_errors() {
    let http = "type: http_proxy, uri: 'https://a.example.com'";
    let role = "(write arn:aws:iam::ACCOUNT:role/NAME; API Gateway rejects it: \"Invalid ARN specified in the request\")";
    for (credentials, is_valid) in [
        ("arn:aws:iam::123456789012:role/a/b", true),
        ("arn:aws:iam::*:user/*", true),
        ("arn:aws:iam::${stageVariables.account}:role/a", true),
        ("invoke", false),
        ("arn:aws:iam::123456789012:user/a", false),
    ] {
        let found = integration(&format!("{http}, credentials: '{credentials}'"));
        let error = format!("`credentials` is not the ARN of a role: `{credentials}` {role}");
        let expected: &[String] = if is_valid { &[] } else { &[error] };
        assert_eq!(found, expected, "{credentials}");
    }
    let uri = format!(
        "authorizerUri: 'arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations'"
    );
    assert_eq!(
        authorizer(&format!("type: token, {uri}, authorizerCredentials: invoke")),
        [format!("`authorizerCredentials` is not the ARN of a role: `invoke` {role}")]
    );
    let key = "(write `method.request.querystring.NAME`, `….header.NAME` or `….path.NAME`; API Gateway rejects it: \"Invalid cache key parameter specified\")";
    for (parameter, is_valid) in [
        ("method.request.path.id", true),
        ("method.request.multivaluequerystring.q", true),
        ("integration.request.header.A", true),
        ("method.input.params.id", false),
        ("method.request.path.", false),
        ("id", false),
    ] {
        let found = integration(&format!("{http}, cacheKeyParameters: ['{parameter}']"));
        let error = format!("invalid cache key parameter `{parameter}` {key}");
        let expected: &[String] = if is_valid { &[] } else { &[error] };
        assert_eq!(found, expected, "{parameter}");
    }
}
