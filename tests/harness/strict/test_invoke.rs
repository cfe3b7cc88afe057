//! `TestInvokeAuthorizer`: API Gateway rejects a request without all identity sources, or whose token
//! does not match the validation expression, before it invokes the function.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization.html>

use serde_json::{Value, json};

use super::operation::decode;
use super::pattern;

/// Returns the identity sources of an authorizer that the input of a test lacks, and the validation
/// expression that it does not match.
pub fn unmet(authorizer: &Value, input: &Value) -> Vec<String> {
    let sources = authorizer["identitySource"].as_str().unwrap_or_default();
    let sources = sources.split(',').map(str::trim).filter(|source| !source.is_empty());
    let mut unmet = Vec::new();
    let mut value = String::new();
    for source in sources {
        match identity(source, input).filter(|found| !found.is_empty()) {
            Some(found) => value = found,
            None => unmet.push(source.to_owned()),
        }
    }
    let expression = authorizer["identityValidationExpression"].as_str().unwrap_or_default();
    if unmet.is_empty() && !expression.is_empty() && !pattern::matches(expression, &value) {
        unmet.push(expression.to_owned());
    }
    unmet
}

/// Returns the value of an identity source.
fn identity(source: &str, input: &Value) -> Option<String> {
    if let Some(name) = source.strip_prefix("method.request.header.") {
        let all = [&input["headers"], &input["multiValueHeaders"]];
        let mut all = all.into_iter().filter_map(Value::as_object).flatten();
        let (_, found) = all.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        return found.as_str().or(found[0].as_str()).map(str::to_owned);
    }
    if let Some(name) = source.strip_prefix("method.request.querystring.") {
        let (_, query) = input["pathWithQueryString"].as_str()?.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        return pairs.find(|(known, _)| decode(known) == name).map(|(_, value)| decode(value));
    }
    if let Some(name) = source.strip_prefix("stageVariables.") {
        return input["stageVariables"][name].as_str().map(str::to_owned);
    }
    let context = &input["additionalContext"];
    let name = source.strip_prefix("context.")?;
    context[name].as_str().or(context[source].as_str()).map(str::to_owned)
}

/// The result of an invocation: the status that a client would get, and the policy, or an empty text.
pub type Invocation = (u16, String);

/// Returns the response to a test; without an invocation, the request was rejected before it. The
/// status is 0 if the authorizer succeeded. The log has the lines of logs that were published from
/// tests on AWS: only an invocation has the function's URI, and the result is not logged for the
/// error `Unauthorized`.
pub fn response(authorizer: &Value, token: &str, invocation: Option<&Invocation>) -> Value {
    let id = authorizer["id"].as_str().unwrap_or_default();
    let mut lines = vec![
        "Execution log for request test-request".to_owned(),
        format!(" : Starting authorizer: {id} for request: test-request"),
    ];
    if let Some((_, policy)) = invocation {
        let uri = authorizer["authorizerUri"].as_str().unwrap_or_default();
        let function = uri.split_once(":lambda:path").map_or("", |(_, path)| path);
        let uri = format!("https://lambda.amazonaws.com{function}");
        lines.push(format!(" : Incoming identity: {token}"));
        lines.push(format!(" : Endpoint request URI: {uri}"));
        lines.push(format!(" : Sending request to {uri}"));
        if !policy.is_empty() {
            lines.push(format!(" : Authorizer result body before parsing: {policy}"));
        }
    }
    let (status, policy) = match invocation {
        None => (401, ""),
        Some((200, policy)) => (0, policy.as_str()),
        Some((status, policy)) => (*status, policy.as_str()),
    };
    if status == 401 {
        lines.push(" : Unauthorized request: test-request".to_owned());
    }
    json!({"clientStatus": status, "log": lines.join("\n"), "latency": 1, "policy": policy})
}

/// Returns the value of a test's input that has the token: a bearer token, or else the first header.
pub fn token(input: &Value) -> &str {
    let headers = input["headers"].as_object();
    let values = || headers.into_iter().flatten().filter_map(|(_, value)| value.as_str());
    values().find(|value| value.starts_with("Bearer ")).or(values().next()).unwrap_or_default()
}
