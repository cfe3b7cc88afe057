//! AWS_PROXY and AWS: a Lambda function responds.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::compiled::{Function, Mappings};
use super::{DescribedResponse, http_proxy, mapped};
use crate::body::{AnyBody, body};
use crate::event::proxy_event;
use crate::functions::{Functions, Invocation};
use crate::gateway_response::{Refusal, RefusalKind};
use crate::template::Context;
use compiler::api::JSON;
use compiler::source::document::MemberError;

/// The largest event of a function.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// A function's proxy response; other members are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyResponse {
    status_code: Json,
    #[serde(default)]
    headers: Option<Map<String, Json>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<Json>>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// Sends a request as an event and returns the function's response.
pub async fn proxy(
    function: &Function,
    context: &Context<'_>,
    payload: &[u8],
    functions: &Functions,
) -> Result<DescribedResponse, Refusal> {
    let payload = if payload.is_empty() {
        None
    } else if is_binary(context, context.header("content-type")) {
        Some((STANDARD.encode(payload), true))
    } else {
        Some((String::from_utf8_lossy(payload).into_owned(), false))
    };
    let event = proxy_event(context, payload);
    let output = match invoke(function, event.to_string(), functions).await? {
        Invocation::Succeeded(output) => output,
        Invocation::Failed { message, .. } => {
            let reason = format!("function `{}` failed: {message}", function.name);
            return Err(Refusal::new(RefusalKind::MalformedProxyResponse, reason));
        }
        Invocation::NotInvocable(reason) => return Err(not_invocable(function, &reason)),
    };
    let response = proxy_response(&output, context).map_err(|reason| {
        let reason = format!("invalid proxy response from function `{}`: {reason}", function.name);
        Refusal::new(RefusalKind::MalformedProxyResponse, reason)
    })?;
    let status = response.status().as_u16();
    Ok((response, format!("function `{}` returned {status}", function.name)))
}

/// Returns whether a media type is one of the API's binary ones.
fn is_binary(context: &Context<'_>, media: Option<&str>) -> bool {
    let binary = &context.api.settings.binary_media_types;
    let media = media.and_then(|media| media.split([';', ',']).next()).map(str::trim);
    binary.contains("*/*") || media.is_some_and(|media| binary.contains(media))
}

/// Returns the response that a function's output describes; fails if it describes none.
fn proxy_response(output: &str, context: &Context<'_>) -> Result<Response<AnyBody>, String> {
    let proxy: ProxyResponse =
        serde_json::from_str(output).map_err(|error| MemberError::from(&error).cause)?;
    let status = status(&proxy.status_code).ok_or("invalid `statusCode`")?;
    let headers = response_headers(proxy.headers, proxy.multi_value_headers, context);
    let text = proxy.body.unwrap_or_default();
    let is_encoded = proxy.is_base64_encoded == Some(true);
    let payload = if is_encoded && is_binary(context, context.header("accept")) {
        let decoded = STANDARD.decode(text.as_bytes());
        decoded.map_err(|error| format!("`body` is not base64: {error}"))?
    } else {
        text.into_bytes()
    };
    let mut response = Response::new(body(Full::new(Bytes::from(payload))));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn status(code: &Json) -> Option<StatusCode> {
    let status = match code {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    StatusCode::from_u16(u16::try_from(status?).ok()?).ok()
}

/// Returns the headers of the response: the function's, remapped, and API Gateway's own.
fn response_headers(
    single: Option<Map<String, Json>>,
    multiple: Option<BTreeMap<String, Vec<Json>>>,
    context: &Context<'_>,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in single.into_iter().flatten() {
        headers.extend(header(&name, &value));
    }
    for (name, values) in multiple.into_iter().flatten() {
        // A header in both maps has this map's values.
        if let Ok(name) = name.parse::<HeaderName>() {
            headers.remove(name);
        }
        headers.extend(values.iter().filter_map(|value| header(&name, value)));
    }
    let length = headers.remove("content-length");
    let mut headers = http_proxy::remapped(&headers);
    headers.extend(
        length.map(|length| (HeaderName::from_static("x-amzn-remapped-content-length"), length)),
    );
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    headers.extend(
        HeaderValue::from_str(&context.head.trace_id())
            .ok()
            .map(|id| (HeaderName::from_static("x-amzn-trace-id"), id)),
    );
    headers
}

/// Sends the mapped request and maps the function's output.
pub async fn call(
    function: &Function,
    mappings: &Mappings,
    context: &Context<'_>,
    payload: &[u8],
    functions: &Functions,
) -> Result<DescribedResponse, Refusal> {
    let payload = mapped::request(mappings, context, payload)?;
    let payload = String::from_utf8_lossy(&payload).into_owned();
    let payload = if payload.is_empty() { "{}".to_owned() } else { payload };
    // An error's message selects the integration response; a success has none.
    let (message, payload) = match invoke(function, payload, functions).await? {
        Invocation::Succeeded(output) => (String::new(), output),
        Invocation::Failed { message, payload } => (message, payload),
        Invocation::NotInvocable(reason) => return Err(not_invocable(function, &reason)),
    };
    let failed = !message.is_empty();
    let mapped = if failed { mappings.response_for(&message) } else { mappings.default_response() };
    let mapped = mapped.ok_or_else(|| {
        let reason =
            format!("no integration response matches the output of function `{}`", function.name);
        Refusal::new(RefusalKind::ApiConfigurationError, reason)
    })?;
    let response = mapped::response(mapped, context, &HeaderMap::new(), Bytes::from(payload));
    let outcome = if failed { format!("failed ({message})") } else { "succeeded".to_owned() };
    Ok((response, format!("function `{}` {outcome}, mapped to {}", function.name, mapped.status)))
}

async fn invoke(
    function: &Function,
    payload: String,
    functions: &Functions,
) -> Result<Invocation, Refusal> {
    if payload.len() > MAX_EVENT_BYTES {
        let reason = format!(
            "event for function `{}` is {} bytes: expected at most {MAX_EVENT_BYTES}",
            function.name,
            payload.len()
        );
        return Err(Refusal::new(RefusalKind::EventTooLarge, reason));
    }
    let invoked = functions.invoke(&function.name, Bytes::from(payload));
    let invoked = tokio::time::timeout(function.timeout, invoked).await.map_err(|_| {
        let limit = function.timeout.as_millis();
        let reason = format!("function `{}` timed out after {limit} ms", function.name);
        Refusal::new(RefusalKind::IntegrationTimeout, reason)
    })?;
    Ok(invoked.outcome)
}

fn not_invocable(function: &Function, reason: &str) -> Refusal {
    let reason = format!("function `{}` cannot be invoked: {reason}", function.name);
    Refusal::new(RefusalKind::ApiConfigurationError, reason)
}

fn header(name: &str, value: &Json) -> Option<(HeaderName, HeaderValue)> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        _ => return None,
    };
    Some((name.parse().ok()?, text.parse().ok()?))
}
