//! HTTP_PROXY: request and response pass unchanged. HTTP: both are mapped.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use http::{Extensions, Request, Response, Uri};
use http_body_util::Full;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::compiled::{Http, Mappings};
use super::{DescribedResponse, mapped};
use crate::API_ID;
use crate::body::{AnyBody, body, collect_response, too_large, with_deadline};
use crate::client::HttpClient;
use crate::gateway_response::{Refusal, RefusalKind};
use crate::template::{Context, expression};

/// Hop-by-hop headers (RFC 9110 section 7.6.1).
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

/// Further headers that API Gateway does not send to backends.
const NOT_FORWARDED: [&str; 6] =
    ["content-md5", "expect", "host", "max-forwards", "server", "www-authenticate"];

/// Response headers that API Gateway renames.
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

/// Forwards a request and returns the backend's response, whatever its status.
pub async fn forward(
    http: &Http,
    context: &Context<'_>,
    extensions: &Extensions,
    payload: AnyBody,
    client: &HttpClient,
) -> Result<DescribedResponse, Refusal> {
    let mut request = Request::new(payload);
    *request.headers_mut() = forwarded_headers(context);
    *request.extensions_mut() = extensions.clone();
    let authority = prepare(&mut request, http, context, context.head.query.as_deref())?;
    let (parts, payload) = send(request, &authority, http.timeout, client).await?;
    let mut response = Response::new(payload);
    *response.status_mut() = parts.status;
    *response.headers_mut() = remapped(&parts.headers);
    *response.extensions_mut() = parts.extensions;
    Ok((response, format!("{authority} returned {}", parts.status.as_u16())))
}

/// Sends the mapped request and maps the backend's response.
pub async fn forward_mapped(
    http: &Http,
    mappings: &Mappings,
    context: &Context<'_>,
    payload: &[u8],
    client: &HttpClient,
) -> Result<DescribedResponse, Refusal> {
    let payload = mapped::request(mappings, context, payload)?;
    let mut request = Request::new(body(Full::new(Bytes::from(payload))));
    let media = context.header("content-type").unwrap_or(compiler::api::JSON);
    let media = HeaderValue::from_str(media).ok();
    request.headers_mut().extend(media.map(|media| (CONTENT_TYPE, media)));
    let authority = prepare(&mut request, http, context, None)?;
    let (parts, payload) = send(request, &authority, http.timeout, client).await?;
    let status = parts.status.as_u16();
    let payload = collect_response(payload).await.map_err(|reason| {
        Refusal::new(
            RefusalKind::IntegrationFailure,
            format!("cannot read the response of {authority}: {reason}"),
        )
    })?;
    let mapped = mappings.response_for(&status.to_string()).ok_or_else(|| {
        let reason = format!("no integration response matches status {status} of {authority}");
        Refusal::new(RefusalKind::ApiConfigurationError, reason)
    })?;
    let response = mapped::response(mapped, context, &parts.headers, payload);
    Ok((response, format!("{authority} returned {status}, mapped to {}", mapped.status)))
}

/// Sets method, URI and mapped headers of a request to a backend; returns the backend's authority.
fn prepare(
    request: &mut Request<AnyBody>,
    http: &Http,
    context: &Context<'_>,
    query: Option<&str>,
) -> Result<String, Refusal> {
    let mut query = query.map(str::to_owned);
    let mut parameters: Vec<(&str, String)> =
        context.found.map(|found| found.parameters.clone()).unwrap_or_default();
    for (to, from) in &http.parameters {
        match to.split_once('.') {
            Some(("path", name)) => {
                let value = path_parameter(from, &parameters, context);
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
                request.headers_mut().extend(name.parse::<HeaderName>().ok().zip(value));
            }
            _ => {}
        }
    }
    let failed = |reason: String| Refusal::new(RefusalKind::IntegrationFailure, reason);
    let uri = expand_uri(&http.uri, &parameters, query.as_deref());
    let uri: Uri = uri.parse().map_err(|error| failed(format!("invalid backend URI: {error}")))?;
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    let method = http.method.as_deref().unwrap_or(&context.head.method);
    *request.method_mut() =
        method.parse().map_err(|error| failed(format!("invalid method `{method}`: {error}")))?;
    *request.uri_mut() = uri;
    Ok(authority)
}

/// Returns the value of a mapped path parameter, percent-encoded. A path parameter of the request is
/// not changed: a backend that receives a decoded `/` would serve another path than the authorized
/// one.
fn path_parameter(from: &str, parameters: &[(&str, String)], context: &Context<'_>) -> String {
    let own = from.strip_prefix("method.request.path.");
    let own = own.and_then(|own| parameters.iter().find(|(known, _)| *known == own));
    let encoded = || {
        let value = expression(from, context).unwrap_or_default();
        utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string()
    };
    own.map_or_else(encoded, |(_, value)| value.clone())
}

/// Sends a request to the backend at `authority`; the body of the response has a deadline too.
async fn send(
    request: Request<AnyBody>,
    authority: &str,
    timeout: Duration,
    client: &HttpClient,
) -> Result<(http::response::Parts, AnyBody), Refusal> {
    let deadline = tokio::time::Instant::now() + timeout;
    match tokio::time::timeout_at(deadline, client.request(request)).await {
        Err(_) => Err(Refusal::new(
            RefusalKind::IntegrationTimeout,
            format!("{authority} timed out after {} ms", timeout.as_millis()),
        )),
        Ok(Err(error)) => {
            if let Some(refused) = too_large(&error) {
                return Err(refused);
            }
            let cause = std::error::Error::source(&error)
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            let reason = format!("cannot reach {authority}: {error}{cause}");
            Err(Refusal::new(RefusalKind::IntegrationFailure, reason))
        }
        Ok(Ok(response)) => {
            let (parts, payload) = response.into_parts();
            // A response that has begun has the timeout again for its body.
            let payload = body(with_deadline(payload, deadline + timeout + Duration::from_secs(1)));
            Ok((parts, payload))
        }
    }
}

/// Returns the headers for the backend.
fn forwarded_headers(context: &Context<'_>) -> HeaderMap {
    let head = context.head;
    let mut headers = end_to_end(&head.headers);
    for name in NOT_FORWARDED {
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

/// Returns the headers of a backend's response as the caller receives them.
pub(super) fn remapped(headers: &HeaderMap) -> HeaderMap {
    let mut renamed = end_to_end(headers);
    renamed.remove(HOST);
    for name in REMAPPED {
        let values: Vec<&HeaderValue> = headers.get_all(name).iter().collect();
        renamed.remove(name);
        if let Ok(name) = format!("x-amzn-remapped-{name}").parse::<HeaderName>() {
            renamed.extend(values.into_iter().map(|value| (name.clone(), value.clone())));
        }
    }
    renamed
}

/// Inserts path parameters, as sent, and the query into a backend's URI.
fn expand_uri(template: &str, parameters: &[(&str, String)], query: Option<&str>) -> String {
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

/// Removes hop-by-hop headers, and those that `Connection` lists.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let mut end_to_end = headers.clone();
    for name in HOP_BY_HOP {
        end_to_end.remove(name);
    }
    for name in named {
        end_to_end.remove(name);
    }
    end_to_end
}

#[cfg(test)]
mod tests {
    use super::{end_to_end, expand_uri};
    use http::HeaderMap;

    #[test]
    fn path_parameters_are_inserted_as_sent_and_the_query_is_appended() {
        let parameters = [("id", "a%2Fb".to_owned()), ("proxy", "x/y".to_owned())];
        for (template, query, expected) in [
            ("http://b/pets/{id}", None, "http://b/pets/a%2Fb"),
            ("http://b/{proxy}/{id}", Some("q=1"), "http://b/x/y/a%2Fb?q=1"),
            ("http://b/?k=v", Some("q=1"), "http://b/?k=v&q=1"),
        ] {
            assert_eq!(expand_uri(template, &parameters, query), expected);
        }
    }

    #[test]
    fn hop_by_hop_headers_are_removed() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-private"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let remaining = end_to_end(&headers);
        assert_eq!(remaining.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}
