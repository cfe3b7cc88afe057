//! MOCK: a response from the API definition itself.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Empty;

use super::compiled::{Mappings, mock_status};
use super::{DescribedResponse, mapped};
use crate::body::body;
use crate::gateway_response::{Refusal, RefusalKind};
use crate::template::Context;
use compiler::api::{Cors, JSON};

/// Responds with the status in the rendered request template.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html>
pub fn respond(
    mappings: &Mappings,
    context: &Context<'_>,
    payload: &[u8],
) -> Result<DescribedResponse, Refusal> {
    let refused = |reason: String| Refusal::new(RefusalKind::ApiConfigurationError, reason);
    // For a media type without a template, the request's own body has the status.
    let text = mapped::request(mappings, context, payload)?;
    let status = mock_status(&String::from_utf8_lossy(&text));
    let status =
        status.ok_or_else(|| refused("mock request template has no `statusCode`".to_owned()))?;
    let mapped = mappings.response_for(&status.to_string());
    let mapped = mapped
        .ok_or_else(|| refused(format!("mock has no integration response for status {status}")))?;
    let response = mapped::response(mapped, context, &HeaderMap::new(), Bytes::new());
    Ok((response, format!("mock returned {}", mapped.status)))
}

/// Responds to a preflight request from this origin.
pub fn preflight(cors: &Cors, origin: Option<&str>) -> DescribedResponse {
    let mut response = Response::new(body(Empty::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    for (name, value) in cors.preflight_headers(origin) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    (response, "mock returned 204".to_owned())
}
