//! MOCK: an answer from the document itself.

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http_body_util::Full;

use super::{Answered, body};
use crate::api::MockIntegration;

/// Answers.
pub fn answer(mock: &MockIntegration) -> Answered {
    let mut response = Response::new(body(Full::new(Bytes::from(mock.body.clone()))));
    if let Ok(status) = mock.status.try_into() {
        *response.status_mut() = status;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &mock.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    (response, format!("mock answers {}", mock.status))
}
