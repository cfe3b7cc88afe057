//! Checks that do not depend on the route, and the body of a request.

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

/// The timeout for receiving a whole body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Refuses a head or a body that is too large, and a query that is not text.
pub(super) fn check_head(head: &RequestHead) -> Result<(), Refusal> {
    let size = head.size();
    if size > MAX_HEAD_BYTES {
        let reason =
            format!("request line and headers are {size} bytes: expected at most {MAX_HEAD_BYTES}");
        return Err(Refusal::new(RefusalKind::HeadTooLarge, reason));
    }
    let declared = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let declared: Option<usize> = declared.and_then(|length| length.parse().ok());
    if declared.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(Refusal::new(RefusalKind::BodyTooLarge, "body exceeds 10 MB"));
    }
    if head.query.as_deref().is_some_and(|query| !is_text(query)) {
        let reason = "query is not percent-encoded text";
        return Err(Refusal::new(RefusalKind::BadRequest, reason));
    }
    Ok(())
}

/// Returns the path below the stage.
pub(super) fn strip_stage(stage: &str, path: &str) -> Result<String, Refusal> {
    match path.strip_prefix('/').and_then(|path| path.strip_prefix(stage)) {
        Some("") => Ok("/".to_owned()),
        Some(rest) if rest.starts_with('/') => Ok(rest.to_owned()),
        _ => {
            let reason = format!("path does not begin with the stage `/{stage}`");
            Err(Refusal::new(RefusalKind::UnknownStage, reason))
        }
    }
}

/// Returns the whole body.
pub(super) async fn collect_body(payload: AnyBody) -> Result<Bytes, Refusal> {
    let collecting = Limited::new(payload, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collecting).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(too_large(error.as_ref()).unwrap_or_else(|| {
            Refusal::new(RefusalKind::BadRequest, format!("cannot read the body: {error}"))
        })),
        Err(_) => {
            let reason = "timed out reading the body";
            Err(Refusal::new(RefusalKind::BadRequest, reason))
        }
    }
}
