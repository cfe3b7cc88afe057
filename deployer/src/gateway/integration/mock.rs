//! MOCK: an answer from the document itself.

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http_body_util::Full;

use super::{Answered, body};
use crate::api::{Cors, MockAnswer};

/// Answers.
pub fn answer(mock: &MockAnswer<'_>) -> Answered {
    let mut response = Response::new(body(Full::new(Bytes::from(mock.body.to_owned()))));
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

/// Answers a preflight request from this origin.
pub fn preflight(cors: &Cors, origin: Option<&str>) -> Answered {
    let headers = cors.preflight(origin);
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    answer(&MockAnswer { status: 204, body: "", headers })
}
