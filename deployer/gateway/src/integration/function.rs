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

use super::compiled::{Function, Mapped};
use super::{Answered, http_proxy, mapped};
use crate::body::{AnyBody, body};
use crate::event::proxy_event;
use crate::functions::{Functions, Invocation};
use crate::gateway_response::{Refusal, RefusalKind};
use crate::template::Context;
use compiler::api::JSON;

/// The largest event of a function.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// A function's answer; other members are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyAnswer {
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
) -> Result<Answered, Refusal> {
    let payload = if payload.is_empty() {
        None
    } else if is_binary(context, context.header("content-type")) {
        Some((STANDARD.encode(payload), true))
    } else {
        Some((String::from_utf8_lossy(payload).into_owned(), false))
    };
    let event = proxy_event(context, payload);
    let answer = match invoke(function, event.to_string(), functions).await? {
        Invocation::Succeeded(answer) => answer,
        Invocation::Failed { message, .. } => {
            let reason = format!("{} failed: {message}", function.name);
            return Err(Refusal::new(RefusalKind::MalformedProxyResponse, reason));
        }
        Invocation::NotInvocable(reason) => return Err(not_invocable(function, &reason)),
    };
    let response = proxy_response(&answer, context).map_err(|reason| {
        let reason = format!("{} answers no response: {reason}", function.name);
        Refusal::new(RefusalKind::MalformedProxyResponse, reason)
    })?;
    let status = response.status().as_u16();
    Ok((response, format!("{} answers {status}", function.name)))
}

/// Returns whether a media type is one of the API's binary ones.
fn is_binary(context: &Context<'_>, media: Option<&str>) -> bool {
    let binary = &context.api.settings.binary_media_types;
    let media = media.and_then(|media| media.split([';', ',']).next()).map(str::trim);
    binary.contains("*/*") || media.is_some_and(|media| binary.contains(media))
}

/// Returns the response that a function's answer describes, or why it describes none.
fn proxy_response(answer: &str, context: &Context<'_>) -> Result<Response<AnyBody>, String> {
    let answer: ProxyAnswer = serde_json::from_str(answer).map_err(|error| error.to_string())?;
    let status = status(&answer.status_code).ok_or("its statusCode is none")?;
    let headers = response_headers(answer.headers, answer.multi_value_headers, context);
    let text = answer.body.unwrap_or_default();
    let is_encoded = answer.is_base64_encoded == Some(true);
    let payload = if is_encoded && is_binary(context, context.header("accept")) {
        let decoded = STANDARD.decode(text.as_bytes());
        decoded.map_err(|error| format!("its body is no base64: {error}"))?
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

/// Returns the headers of the response: the function's, as API Gateway passes them on, and its own.
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
        // A header in both maps has the values of this one.
        if let Ok(name) = name.parse::<HeaderName>() {
            headers.remove(name);
        }
        headers.extend(values.iter().filter_map(|value| header(&name, value)));
    }
    let length = headers.remove("content-length");
    let mut kept = http_proxy::remapped(&headers);
    kept.extend(
        length.map(|length| (HeaderName::from_static("x-amzn-remapped-content-length"), length)),
    );
    if !kept.contains_key(CONTENT_TYPE) {
        kept.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    }
    kept.extend(
        HeaderValue::from_str(&context.head.trace_id())
            .ok()
            .map(|id| (HeaderName::from_static("x-amzn-trace-id"), id)),
    );
    kept
}

/// Sends the mapped request and maps the function's answer.
pub async fn call(
    function: &Function,
    maps: &Mapped,
    context: &Context<'_>,
    payload: &[u8],
    functions: &Functions,
) -> Result<Answered, Refusal> {
    let payload = mapped::request(maps, context, payload)?;
    let payload = String::from_utf8_lossy(&payload).into_owned();
    let payload = if payload.is_empty() { "{}".to_owned() } else { payload };
    // An error's message selects the integration response; a success has none.
    let (message, payload) = match invoke(function, payload, functions).await? {
        Invocation::Succeeded(answer) => (String::new(), answer),
        Invocation::Failed { message, payload } => (message, payload),
        Invocation::NotInvocable(reason) => return Err(not_invocable(function, &reason)),
    };
    let failed = !message.is_empty();
    let answer = if failed { maps.answer(&message) } else { maps.default() };
    let answer = answer.ok_or_else(|| {
        let reason = format!("no integration response is for what {} answers", function.name);
        Refusal::new(RefusalKind::ApiConfigurationError, reason)
    })?;
    let response = mapped::response(answer, context, &HeaderMap::new(), Bytes::from(payload));
    let what = if failed { format!("fails ({message})") } else { "answers".to_owned() };
    Ok((response, format!("{} {what}, mapped to {}", function.name, answer.status)))
}

async fn invoke(
    function: &Function,
    payload: String,
    functions: &Functions,
) -> Result<Invocation, Refusal> {
    if payload.len() > MAX_EVENT_BYTES {
        let reason = format!("{} takes 6 MB, and this is {} bytes", function.name, payload.len());
        return Err(Refusal::new(RefusalKind::EventTooLarge, reason));
    }
    let invoked = functions.invoke(&function.name, Bytes::from(payload));
    tokio::time::timeout(function.timeout, invoked).await.map_err(|_| {
        let within = function.timeout.as_millis();
        let reason = format!("{} did not answer within {within} ms", function.name);
        Refusal::new(RefusalKind::IntegrationTimeout, reason)
    })
}

fn not_invocable(function: &Function, reason: &str) -> Refusal {
    let reason = format!("{} cannot be invoked: {reason}", function.name);
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
