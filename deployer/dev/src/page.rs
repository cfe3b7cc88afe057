//! Paths of the gateway's port outside the API: the page at `/_portcullis/`, the traces that it
//! shows, the AWS API calls that are supported locally, and `/ping`.
//!
//! Pages of other origins must not read any of it: the `Host` must be a loopback name, and requests
//! that change something must be same-origin.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CACHE_CONTROL, HOST, HeaderValue, LOCATION, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value as Json, json};

use super::issuer::Issuer;
use api::error_response;
use gateway::body::{AnyBody, ContentType, json_reply, reply};
use gateway::pipeline::Gateway;
use gateway::trace::RequestTrace;

mod api;

/// The path of the page.
pub const PAGE: &str = "/_portcullis/";

/// The prefix of Lambda's Invoke.
const FUNCTIONS: &str = "/2015-03-31/functions/";

/// The prefix of API Gateway's own API.
const APIS: &str = "/restapis/";

/// The maximum number of stored traces.
const MAX_TRACES: usize = 500;

/// The page's files.
const FILES: [(&str, ContentType, &str); 4] = [
    ("", ContentType::Html, include_str!("page/index.html")),
    ("icon.svg", ContentType::Svg, include_str!("page/icon.svg")),
    ("page.css", ContentType::Css, include_str!("page/page.css")),
    ("page.js", ContentType::JavaScript, include_str!("page/page.js")),
];

/// The traces of recent requests, the latest last.
#[derive(Debug, Default)]
pub struct Log(Mutex<VecDeque<RequestTrace>>);

impl Log {
    /// Adds the trace of a request.
    pub fn push(&self, trace: &RequestTrace) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() >= MAX_TRACES {
            log.pop_front();
        }
        log.push_back(trace.clone());
    }

    fn find(&self, id: &str) -> Option<RequestTrace> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().find(|trace| trace.request_id == id).cloned()
    }

    fn lines(&self) -> Vec<Json> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().rev().take(100).map(RequestTrace::line).collect()
    }
}

/// The page, and the sources of what it shows.
pub struct Page {
    issuer: Option<Arc<Issuer>>,
    url: String,
    log: Arc<Log>,
}

impl Page {
    /// Creates the page of a gateway at this URL.
    pub fn new(issuer: Option<Arc<Issuer>>, url: &str, log: Arc<Log>) -> Self {
        Self { issuer, url: url.to_owned(), log }
    }

    /// Handles a request that is not for the API; returns any other.
    pub async fn handle(
        &self,
        request: Request<AnyBody>,
        gateway: &Gateway,
    ) -> Result<Response<AnyBody>, Request<AnyBody>> {
        if !is_outside_api(request.uri().path()) {
            return Err(request);
        }
        let mut response = self.respond(request, gateway).await;
        protect(response.headers_mut());
        Ok(response)
    }

    async fn respond(&self, request: Request<AnyBody>, gateway: &Gateway) -> Response<AnyBody> {
        let path = request.uri().path().to_owned();
        if is_health_check(&path) {
            return reply(StatusCode::OK, ContentType::Text, "healthy");
        }
        if !has_loopback_host(request.headers()) {
            return error_response(
                StatusCode::FORBIDDEN,
                "`Host` must be localhost or a loopback address",
            );
        }
        if request.method() != Method::GET && !is_same_origin(request.headers()) {
            let reason = "cross-origin requests are not allowed";
            return error_response(StatusCode::FORBIDDEN, reason);
        }
        if let Some(rest) = path.strip_prefix(FUNCTIONS) {
            return api::invoke(rest, request, gateway).await;
        }
        if path.starts_with(APIS) {
            return api::flush(&path, request.method(), gateway);
        }
        self.page(&path, request, gateway).await
    }

    async fn page(
        &self,
        path: &str,
        request: Request<AnyBody>,
        gateway: &Gateway,
    ) -> Response<AnyBody> {
        let not_found = || error_response(StatusCode::NOT_FOUND, "not found");
        let Some(name) = path.strip_prefix(PAGE) else {
            let mut response = reply(StatusCode::PERMANENT_REDIRECT, ContentType::Text, "");
            response.headers_mut().insert(LOCATION, HeaderValue::from_static(PAGE));
            return response;
        };
        match (request.method(), name) {
            (&Method::GET, "api") => {
                let description =
                    api::description(gateway.loaded().api(), &self.url, self.issuer.is_some());
                json_reply(StatusCode::OK, &description)
            }
            (&Method::GET, "requests") => {
                json_reply(StatusCode::OK, &json!({"requests": self.log.lines()}))
            }
            (&Method::POST, "token") => api::token(self.issuer.as_deref(), request).await,
            (&Method::GET, name) => {
                if let Some(id) = name.strip_prefix("requests/") {
                    let trace =
                        self.log.find(id).and_then(|trace| serde_json::to_value(trace).ok());
                    return trace
                        .map_or_else(not_found, |trace| json_reply(StatusCode::OK, &trace));
                }
                let file = FILES.iter().find(|(known, ..)| *known == name);
                file.map_or_else(not_found, |(_, content_type, text)| {
                    reply(StatusCode::OK, *content_type, *text)
                })
            }
            _ => not_found(),
        }
    }
}

/// Returns whether a path is outside the API.
fn is_outside_api(path: &str) -> bool {
    is_health_check(path)
        || path.starts_with(PAGE.trim_end_matches('/'))
        || path.starts_with(FUNCTIONS)
        || path.starts_with(APIS)
}

/// Returns whether a path is one of API Gateway's health checks.
fn is_health_check(path: &str) -> bool {
    matches!(path, "/ping" | "/sping")
}

/// Returns whether the `Host` is a loopback name: another domain that resolves to this machine is
/// not one.
fn has_loopback_host(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// Returns whether a request is same-origin, or has no `Origin`.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = text(ORIGIN) else { return true };
    let host = text(HOST).unwrap_or_default();
    origin.strip_prefix("http://").is_some_and(|origin| origin == host)
}

/// Adds the headers that prevent caching, and use by pages of other origins.
fn protect(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        ("content-security-policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
