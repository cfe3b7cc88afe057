//! HTTP_PROXY: the request goes to the backend as it is, the answer comes back as it is.

use std::time::Duration;

use http::header::{CONNECTION, HOST, HeaderMap, HeaderName};
use http::{Request, Response, Uri};

use super::{Answered, AnyBody, HttpClient, body};
use crate::api::HttpProxy;
use crate::gateway::refusal::Refusal;
use crate::gateway::request::RequestHead;

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

/// Why there is no answer of the backend's.
pub type Failed = (Refusal, String);

/// Sends a request on and returns what the backend answers, whatever its status.
pub async fn forward(
    proxy: &HttpProxy<'_>,
    parameters: &[(&str, String)],
    head: &RequestHead,
    content: AnyBody,
    client: &HttpClient,
) -> Result<Answered, Failed> {
    let uri = uri(proxy.uri, parameters, head.query.as_deref());
    let uri: Uri = uri.parse().map_err(|error| {
        (Refusal::IntegrationFailure, format!("no URI for the backend: {error}"))
    })?;
    let mut request = Request::new(content);
    *request.uri_mut() = uri.clone();
    let method = proxy.method.unwrap_or(&head.method);
    *request.method_mut() = method
        .parse()
        .map_err(|error| (Refusal::IntegrationFailure, format!("no such method: {error}")))?;
    *request.headers_mut() = end_to_end(&head.headers);
    request.headers_mut().remove(HOST);
    let timeout = Duration::from_millis(proxy.timeout_ms.into());
    let place = || uri.authority().map(ToString::to_string).unwrap_or_default();
    match tokio::time::timeout(timeout, client.request(request)).await {
        Err(_) => Err((
            Refusal::IntegrationTimeout,
            format!("{} did not answer within {} ms", place(), proxy.timeout_ms),
        )),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error)
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            Err((
                Refusal::IntegrationFailure,
                format!("{} cannot be reached: {error}{cause}", place()),
            ))
        }
        Ok(Ok(answer)) => {
            let (parts, content) = answer.into_parts();
            let mut response = Response::new(body(content));
            *response.status_mut() = parts.status;
            *response.headers_mut() = end_to_end(&parts.headers);
            Ok((response, format!("{} answers {}", place(), parts.status.as_u16())))
        }
    }
}

/// Puts path parameters, as they were sent, and the query into a backend's URI.
fn uri(template: &str, parameters: &[(&str, String)], query: Option<&str>) -> String {
    let mut uri = template.to_owned();
    for (name, value) in parameters {
        uri = uri.replace(&format!("{{{name}}}"), value);
    }
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
