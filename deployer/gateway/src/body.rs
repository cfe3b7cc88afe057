//! Bodies of requests and responses: their type, their limits, and responses built from text.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::Value as Json;
use tokio::time::{Instant, Sleep};

use super::gateway_response::{Refusal, RefusalKind};

/// API Gateway's payload limit.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The body of a request or a response.
pub type AnyBody = BoxBody<Bytes, BodyError>;

/// The error that ended a body early.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BodyError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The future of a response. Boxed, because a future is compiled by the crate that awaits it:
/// request handling is compiled here, once, with this crate's optimization.
pub type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Response<AnyBody>> + Send + 'a>>;

/// Boxes a body of any kind.
pub fn body<B>(body: B) -> AnyBody
where
    B: Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    body.map_err(|error| BodyError(error.into())).boxed()
}

/// The content type of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `text/css`, in UTF-8.
    Css,
    /// `text/html`, in UTF-8.
    Html,
    /// `text/javascript`, in UTF-8.
    JavaScript,
    /// `application/json`
    Json,
    /// `image/svg+xml`
    Svg,
    /// `text/plain`
    Text,
}

impl ContentType {
    /// Returns the value of the `Content-Type` header.
    pub const fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Css => "text/css; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::JavaScript => "text/javascript; charset=utf-8",
            Self::Json => "application/json",
            Self::Svg => "image/svg+xml",
            Self::Text => "text/plain",
        })
    }
}

/// Returns a response with this content.
pub fn reply(
    status: StatusCode,
    content_type: ContentType,
    content: impl Into<Bytes>,
) -> Response<AnyBody> {
    let mut response = Response::new(body(Full::new(content.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type.value());
    response
}

/// Returns a response with a JSON document.
pub fn json_reply(status: StatusCode, json: &Json) -> Response<AnyBody> {
    reply(status, ContentType::Json, json.to_string())
}

/// Returns the refusal of a request whose body exceeds [`MAX_BODY_BYTES`], if that caused the
/// error.
pub(super) fn too_large(error: &(dyn std::error::Error + 'static)) -> Option<Refusal> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            let reason = "body exceeds 10 MB";
            return Some(Refusal::new(RefusalKind::BodyTooLarge, reason));
        }
        cause = error.source();
    }
    None
}

/// Returns the whole body of a backend's response.
pub(super) async fn collect_response(mut content: AnyBody) -> Result<Bytes, String> {
    let mut read = BytesMut::new();
    while let Some(frame) = content.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        read.extend_from_slice(frame.data_ref().map(Bytes::as_ref).unwrap_or_default());
        if read.len() > MAX_BODY_BYTES {
            return Err("response exceeds 10 MB".to_owned());
        }
    }
    Ok(read.freeze())
}

/// Ends a body with an error at the deadline, so that a silent backend does not keep its client
/// waiting.
pub(super) fn with_deadline<B>(body: B, deadline: Instant) -> DeadlineBody<B> {
    DeadlineBody { body, sleep: Box::pin(tokio::time::sleep_until(deadline)) }
}

/// A body with a deadline.
pub(super) struct DeadlineBody<B> {
    body: B,
    sleep: Pin<Box<Sleep>>,
}

impl<B> Body for DeadlineBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.sleep.as_mut().poll(task).is_ready() {
            let late = "timed out reading the backend's response";
            return Poll::Ready(Some(Err(BodyError(late.into()))));
        }
        Pin::new(&mut self.body).poll_frame(task).map_err(|error| BodyError(error.into()))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
