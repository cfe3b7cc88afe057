//! Mapping of requests and responses for the integrations HTTP, AWS and MOCK.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html>

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

use super::compiled::{MappedResponse, Mappings, Passthrough, template_for};
use crate::body::{AnyBody, body};
use crate::gateway_response::{Refusal, RefusalKind};
use crate::template::{Context, expression};
use compiler::api::JSON;

/// Maps a request's body.
pub(super) fn request(
    mappings: &Mappings,
    context: &Context<'_>,
    payload: &[u8],
) -> Result<Vec<u8>, Refusal> {
    if let Some(template) = template_for(&mappings.requests, context.header("content-type")) {
        return Ok(template.render(&String::from_utf8_lossy(payload), context).into_bytes());
    }
    let passes = match mappings.passthrough {
        Passthrough::WhenNoMatch => true,
        Passthrough::WhenNoTemplates => mappings.requests.is_empty(),
        Passthrough::Never => false,
    };
    if passes {
        return Ok(payload.to_vec());
    }
    let media = context.header("content-type").unwrap_or(JSON);
    let reason = format!("no request template for `{media}`");
    Err(Refusal::new(RefusalKind::UnsupportedMediaType, reason))
}

/// Maps a response. Its body passes if there is no template at all.
pub(super) fn response(
    mapped: &MappedResponse,
    context: &Context<'_>,
    headers: &HeaderMap,
    payload: Bytes,
) -> Response<AnyBody> {
    let accepted = context.header("accept").and_then(|accept| accept.split(',').next());
    let chosen = accepted
        .and_then(|media| mapped.bodies.get_key_value(media.split(';').next().unwrap_or(media)))
        .or_else(|| mapped.bodies.get_key_value(JSON))
        .or_else(|| mapped.bodies.first_key_value());
    let (media, payload) = match chosen {
        Some((media, template)) => {
            let text = template.render(&String::from_utf8_lossy(&payload), context);
            (media.as_str(), Bytes::from(text))
        }
        None => (JSON, payload),
    };
    let mut response = Response::new(body(Full::new(payload)));
    *response.status_mut() =
        StatusCode::from_u16(mapped.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let media = HeaderValue::from_str(media).ok();
    response.headers_mut().extend(media.map(|media| (CONTENT_TYPE, media)));
    for (name, from) in &mapped.headers {
        let value = match from.strip_prefix("integration.response.header.") {
            Some(of) => headers.get(of).and_then(|value| value.to_str().ok()).map(str::to_owned),
            None => expression(from, context),
        };
        let value = value.and_then(|value| value.parse::<HeaderValue>().ok());
        if let (Ok(name), Some(value)) = (name.parse::<HeaderName>(), value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
