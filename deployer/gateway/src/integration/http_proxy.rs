//! HTTP_PROXY: the request goes to the backend as it is, the answer comes back as it is. HTTP:
//! both are mapped.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::{Extensions, Request, Response, Uri};
use http_body_util::Full;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::compiled::{Http, Mapped};
use super::{Answered, mapped};
use crate::API_ID;
use crate::body::{AnyBody, body, too_large, until, whole};
use crate::client::HttpClient;
use crate::gateway_response::{Refusal, Refused};
use crate::template::{Context, expression};

/// Headers between two neighbours only (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What API Gateway keeps from backends beside those.
const KEPT_BACK: [&str; 6] =
    ["content-md5", "expect", "host", "max-forwards", "server", "www-authenticate"];

/// What of an answer API Gateway passes on under another name.
const REMAPPED: [&str; 8] = [
    "authorization",
    "connection",
    "content-md5",
    "date",
    "max-forwards",
    "server",
    "user-agent",
    "www-authenticate",
];

/// Sends a request on and returns what the backend answers, whatever its status.
pub async fn forward(
    http: &Http,
    context: &Context<'_>,
    extensions: &Extensions,
    payload: AnyBody,
    client: &HttpClient,
) -> Result<Answered, Refused> {
    let headers = passed_on(context);
    let (parts, payload, place) =
        send(http, context, headers, extensions, payload, client, context.head.query.as_deref())
            .await?;
    let mut response = Response::new(payload);
    *response.status_mut() = parts.status;
    *response.headers_mut() = remapped(&parts.headers);
    *response.extensions_mut() = parts.extensions;
    Ok((response, format!("{place} answers {}", parts.status.as_u16())))
}

/// Sends what a request is mapped to and maps what the backend answers.
pub async fn forward_mapped(
    http: &Http,
    maps: &Mapped,
    context: &Context<'_>,
    payload: &[u8],
    client: &HttpClient,
) -> Result<Answered, Refused> {
    let payload = mapped::request(maps, context, payload)?;
    let mut headers = HeaderMap::new();
    let media = context.header("content-type").unwrap_or(compiler::api::JSON);
    headers.extend(HeaderValue::from_str(media).ok().map(|media| (CONTENT_TYPE, media)));
    let payload = body(Full::new(Bytes::from(payload)));
    let (parts, payload, place) =
        send(http, context, headers, &Extensions::new(), payload, client, None).await?;
    let status = parts.status.as_u16();
    let payload = whole(payload).await.map_err(|why| {
        Refused::because(Refusal::IntegrationFailure, format!("{place} broke off: {why}"))
    })?;
    let answer = maps.answer(&status.to_string()).ok_or_else(|| {
        let why = format!("{place} answers {status}, which no integration response is for");
        Refused::because(Refusal::ApiConfigurationError, why)
    })?;
    let response = mapped::response(answer, context, &parts.headers, payload);
    Ok((response, format!("{place} answers {status}, mapped to {}", answer.status)))
}

async fn send(
    http: &Http,
    context: &Context<'_>,
    mut headers: HeaderMap,
    extensions: &Extensions,
    payload: AnyBody,
    client: &HttpClient,
    query: Option<&str>,
) -> Result<(http::response::Parts, AnyBody, String), Refused> {
    let mut query = query.map(str::to_owned);
    let mut parameters: Vec<(&str, String)> =
        context.found.map(|found| found.parameters.clone()).unwrap_or_default();
    for (to, from) in &http.parameters {
        match to.split_once('.') {
            Some(("path", name)) => {
                // As it was sent: a backend that gets a decoded `/` would answer for a path
                // that nobody was authorized for.
                let own = from.strip_prefix("method.request.path.");
                let own = own.and_then(|own| parameters.iter().find(|(known, _)| *known == own));
                let encoded =
                    || utf8_percent_encode(&value(from, context), NON_ALPHANUMERIC).to_string();
                let value = own.map_or_else(encoded, |(_, value)| value.clone());
                parameters.insert(0, (name, value));
            }
            Some(("querystring", name)) => {
                let Some(value) = expression(from, context) else { continue };
                let pair = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair(name, &value)
                    .finish();
                query = Some(query.map_or_else(|| pair.clone(), |query| format!("{query}&{pair}")));
            }
            Some(("header", name)) => {
                let value = expression(from, context).and_then(|value| value.parse().ok());
                headers.extend(name.parse::<HeaderName>().ok().zip(value));
            }
            _ => {}
        }
    }
    let uri = uri(&http.uri, &parameters, query.as_deref());
    let failed = |why: String| Refused::because(Refusal::IntegrationFailure, why);
    let uri: Uri =
        uri.parse().map_err(|error| failed(format!("no URI for the backend: {error}")))?;
    let place = uri.authority().map(ToString::to_string).unwrap_or_default();
    let mut request = Request::new(payload);
    let method = http.method.as_deref().unwrap_or(&context.head.method);
    *request.method_mut() =
        method.parse().map_err(|error| failed(format!("no such method: {error}")))?;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    *request.extensions_mut() = extensions.clone();
    let deadline = tokio::time::Instant::now() + http.timeout;
    match tokio::time::timeout_at(deadline, client.request(request)).await {
        Err(_) => Err(Refused::because(
            Refusal::IntegrationTimeout,
            format!("{place} did not answer within {} ms", http.timeout.as_millis()),
        )),
        Ok(Err(error)) => {
            if let Some(refused) = too_large(&error) {
                return Err(refused);
            }
            let cause = std::error::Error::source(&error)
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            Err(failed(format!("{place} cannot be reached: {error}{cause}")))
        }
        Ok(Ok(answer)) => {
            let (parts, payload) = answer.into_parts();
            // Whoever begins an answer has the same time again for the rest of it.
            let payload = body(until(payload, deadline + http.timeout + Duration::from_secs(1)));
            Ok((parts, payload, place))
        }
    }
}

fn value(from: &str, context: &Context<'_>) -> String {
    expression(from, context).unwrap_or_default()
}

/// Returns the headers that a backend gets.
fn passed_on(context: &Context<'_>) -> HeaderMap {
    let head = context.head;
    let mut headers = end_to_end(&head.headers);
    for name in KEPT_BACK {
        headers.remove(name);
    }
    let signed = |value: &HeaderValue| value.as_bytes().starts_with(b"AWS4-HMAC-SHA256");
    if headers.get(AUTHORIZATION).is_some_and(signed) {
        headers.remove(AUTHORIZATION);
    }
    for (name, value) in head.forwarded() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
            headers.insert(name, value);
        }
    }
    let api = HeaderValue::from_static(API_ID);
    headers.insert("x-amzn-apigateway-api-id", api);
    if !headers.contains_key(USER_AGENT) {
        let agent = HeaderValue::from_str(&format!("AmazonAPIGateway_{API_ID}"));
        headers.extend(agent.ok().map(|agent| (USER_AGENT, agent)));
    }
    headers
}

/// Returns the headers of an answer as the caller gets them.
pub(super) fn remapped(headers: &HeaderMap) -> HeaderMap {
    let mut kept = end_to_end(headers);
    kept.remove(HOST);
    for name in REMAPPED {
        let values: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
        kept.remove(name);
        if let Ok(name) = format!("x-amzn-remapped-{name}").parse::<HeaderName>() {
            kept.extend(values.into_iter().map(|value| (name.clone(), value.clone())));
        }
    }
    kept
}

/// Puts path parameters, as they were sent, and the query into a backend's URI.
fn uri(template: &str, parameters: &[(&str, String)], query: Option<&str>) -> String {
    let mut uri = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        uri.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            rest = after;
            break;
        };
        let value = parameters.iter().find(|(known, _)| *known == name);
        uri.push_str(value.map(|(_, value)| value.as_str()).unwrap_or_default());
        rest = after;
    }
    uri.push_str(rest);
    match query {
        Some(query) if uri.contains('?') => format!("{uri}&{query}"),
        Some(query) => format!("{uri}?{query}"),
        None => uri,
    }
}

/// Leaves out what is between neighbours, and what `Connection` names as such.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let mut kept = headers.clone();
    for name in HOP_BY_HOP {
        kept.remove(name);
    }
    for name in named {
        kept.remove(name);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{end_to_end, uri};
    use http::HeaderMap;

    #[test]
    fn a_uri_takes_parameters_as_sent_and_the_query() {
        let parameters = [("id", "a%2Fb".to_owned()), ("proxy", "x/y".to_owned())];
        for (template, query, expected) in [
            ("http://b/pets/{id}", None, "http://b/pets/a%2Fb"),
            ("http://b/{proxy}/{id}", Some("q=1"), "http://b/x/y/a%2Fb?q=1"),
            ("http://b/?k=v", Some("q=1"), "http://b/?k=v&q=1"),
        ] {
            assert_eq!(uri(template, &parameters, query), expected);
        }
    }

    #[test]
    fn headers_between_neighbours_stay_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-private"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let kept = end_to_end(&headers);
        assert_eq!(kept.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}
