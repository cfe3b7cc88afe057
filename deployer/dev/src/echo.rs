//! The built-in backend: echoes the request.

use std::collections::BTreeMap;

use http::header::{AUTHORIZATION, COOKIE};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::json;

use gateway::body::{AnyBody, ContentType, reply};

/// Responds 200 with the request's method, path, query, headers and the size of its body.
/// Credentials are not echoed.
pub async fn handle(request: Request<AnyBody>) -> Response<AnyBody> {
    let (head, content) = request.into_parts();
    let size = content.collect().await.map(|content| content.to_bytes().len()).ok();
    let headers: BTreeMap<&str, &str> = head
        .headers
        .iter()
        .filter(|(name, _)| ![AUTHORIZATION, COOKIE].contains(name))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let echo = json!({
        "method": head.method.as_str(),
        "path": head.uri.path(),
        "query": head.uri.query(),
        "headers": headers,
        "body_bytes": size,
    });
    reply(StatusCode::OK, ContentType::Json, format!("{echo}\n"))
}
