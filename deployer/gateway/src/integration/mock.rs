//! MOCK: a response from the API definition itself.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Empty;

use super::compiled::{Mapped, mock_status};
use super::{Answered, mapped};
use crate::body::body;
use crate::gateway_response::{Refusal, RefusalKind};
use crate::template::Context;
use compiler::api::{Cors, JSON};

/// Responds with the status in the rendered request template.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html>
pub fn respond(maps: &Mapped, context: &Context<'_>, payload: &[u8]) -> Result<Answered, Refusal> {
    let wrong = |reason: &str| Refusal::new(RefusalKind::ApiConfigurationError, reason);
    // For a media type without a template, the request's own body has the status.
    let text = mapped::request(maps, context, payload)?;
    let status = mock_status(&String::from_utf8_lossy(&text));
    let status = status.ok_or_else(|| wrong("the mock's request template says no statusCode"))?;
    let found = maps.answer(&status.to_string());
    let answer = found.ok_or_else(|| wrong("the mock has no integration response"))?;
    let response = mapped::response(answer, context, &HeaderMap::new(), Bytes::new());
    Ok((response, format!("mock answers {}", answer.status)))
}

/// Answers a preflight request from this origin.
pub fn preflight(cors: &Cors, origin: Option<&str>) -> Answered {
    let mut response = Response::new(body(Empty::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    for (name, value) in cors.preflight_headers(origin) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    (response, "mock answers 204".to_owned())
}
