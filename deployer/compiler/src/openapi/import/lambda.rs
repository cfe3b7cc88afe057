//! The URIs and methods of integrations with AWS services.

use super::Problem;
use crate::api::{Integration, IntegrationKind, ResponseTransferMode};
use crate::source::document::Node;

/// The version of Lambda's API and the end of the URI, by operation.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>,
/// <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html>,
/// <https://docs.aws.amazon.com/lambda/latest/api/API_InvokeAsync.html>
const INVOKE: (&str, &str) = ("2015-03-31", "invocations");
const STREAM: (&str, &str) = ("2021-11-15", "response-streaming-invocations");
const INVOKE_ASYNC: (&str, &str) = ("2014-11-13", "invoke-async");

/// Returns the cause why API Gateway refuses an integration with an AWS service, or cannot call it.
pub(super) fn problem(node: &Node, integration: &Integration) -> Option<Problem> {
    let is_proxy = integration.kind == IntegrationKind::AwsProxy;
    if !is_proxy && integration.kind != IntegrationKind::Aws {
        return None;
    }
    let uri = integration.uri.as_deref()?;
    let at_uri = |cause: String, help: &str| Problem::new(node.member("uri"), cause, help);
    let fields: Vec<&str> = uri.splitn(6, ':').collect();
    let ["arn", _, "apigateway", _, service, target] = fields[..] else { return None };
    if !["path/", "action/"].iter().any(|start| target.starts_with(start)) {
        return Some(at_uri(
            "`uri` has neither a path nor an action".to_owned(),
            "write arn:PARTITION:apigateway:REGION:SERVICE:path/PATH or …:action/ACTION; API Gateway rejects it: \"AWS ARN for integration must contain path or action\"",
        ));
    }
    if is_proxy && !service.contains('$') && !["lambda", "firehose"].contains(&service) {
        return Some(at_uri(
            format!("`aws_proxy` with the service `{service}`"),
            "use the type `aws`; API Gateway rejects it: \"Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations\"",
        ));
    }
    let path = target.strip_prefix("path/").filter(|_| service == "lambda")?;
    if let Some(cause) = invocation_problem(path, integration) {
        let help = if is_stream(integration) {
            "set `uri: arn:aws:apigateway:REGION:lambda:path/2021-11-15/functions/ARN/response-streaming-invocations`"
        } else {
            "set `uri: arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`"
        };
        return Some(at_uri(cause, help));
    }
    let method = integration.http_method.as_deref().filter(|method| *method != "POST")?;
    let cause = format!("`httpMethod` is `{method}`, and functions are invoked with POST");
    Some(Problem::new(node.member("httpMethod"), cause, "set `httpMethod: POST`"))
}

fn is_stream(integration: &Integration) -> bool {
    integration.response_transfer_mode == Some(ResponseTransferMode::Stream)
}

/// Returns the cause why a path is not the one with which a function is invoked in the transfer mode.
fn invocation_problem(path: &str, integration: &Integration) -> Option<String> {
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let [date, "functions", function, operation] = parts[..] else {
        return Some("`uri` is not the invocation URI of a function".to_owned());
    };
    if function.is_empty() {
        return Some("`uri` has no function".to_owned());
    }
    let is_stream = is_stream(integration);
    match [INVOKE, STREAM, INVOKE_ASYNC].iter().find(|known| known.1 == operation) {
        None => Some(format!("`uri` ends with `{operation}`, which is not an invocation")),
        Some((expected, _)) if *expected != date => {
            Some(format!("`uri` has the date `{date}`: expected `{expected}`"))
        }
        Some(known) if is_stream != (*known == STREAM) => {
            let cause = if is_stream {
                "`responseTransferMode: STREAM` requires a URI with `response-streaming-invocations`"
            } else {
                "a URI with `response-streaming-invocations` requires `responseTransferMode: STREAM`"
            };
            Some(cause.to_owned())
        }
        Some(_) => None,
    }
}
