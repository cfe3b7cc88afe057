//! Refusals that do not depend on the route, and the body of a request.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, Limited};

use crate::body::{AnyBody, MAX_BODY_BYTES, too_large};
use crate::gateway_response::{Refusal, RefusalKind};
use crate::request::RequestHead;
use crate::router::is_text;

/// API Gateway's limit for request line and headers.
const MAX_HEAD_BYTES: usize = 10_240;

/// The limit for receiving a body that must be there as a whole.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Refuses a head or a body that is too large, and a query that is not text.
pub(super) fn check_head(head: &RequestHead) -> Result<(), Refusal> {
    let size = head.size();
    if size > MAX_HEAD_BYTES {
        let reason = format!("request line and headers have {size} bytes, more than 10240");
        return Err(Refusal::new(RefusalKind::HeadTooLarge, reason));
    }
    let declared = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let declared: Option<usize> = declared.and_then(|length| length.parse().ok());
    if declared.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(Refusal::new(RefusalKind::BodyTooLarge, "the body is larger than 10 MB"));
    }
    if head.query.as_deref().is_some_and(|query| !is_text(query)) {
        let reason = "the query is not percent-encoded text";
        return Err(Refusal::new(RefusalKind::BadRequest, reason));
    }
    Ok(())
}

/// Returns the path below the stage.
pub(super) fn below_stage(stage: &str, path: &str) -> Result<String, Refusal> {
    match path.strip_prefix('/').and_then(|path| path.strip_prefix(stage)) {
        Some("") => Ok("/".to_owned()),
        Some(rest) if rest.starts_with('/') => Ok(rest.to_owned()),
        _ => {
            let reason = format!("the path does not begin with the stage, /{stage}");
            Err(Refusal::new(RefusalKind::UnknownStage, reason))
        }
    }
}

/// Receives the whole body.
pub(super) async fn collected(payload: AnyBody) -> Result<Bytes, Refusal> {
    let collecting = Limited::new(payload, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collecting).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(too_large(error.as_ref()).unwrap_or_else(|| {
            Refusal::new(RefusalKind::BadRequest, format!("the body broke off: {error}"))
        })),
        Err(_) => {
            let reason = "the client did not send its body in time";
            Err(Refusal::new(RefusalKind::BadRequest, reason))
        }
    }
}
