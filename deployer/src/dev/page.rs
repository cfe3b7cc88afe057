//! What the gateway's port answers beside the API: the page at `/_portcullis/`, explanations,
//! the calls of AWS's own that make sense here, and `/ping`.
//!
//! A page of somebody else's must not read any of it: requests must be to this machine by its
//! own names, and what changes something must come from the page itself.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};

use super::issuer::Issuer;
use compiler::api::{Api, Route, Security};
use gateway::body::{AnyBody, body};
use gateway::clock;
use gateway::functions::Invocation;
use gateway::integration::compiled::function_name;
use gateway::pipeline::Gateway;
use gateway::trace::RequestTrace;

/// Where the page is.
pub const PAGE: &str = "/_portcullis/";

/// How many requests are remembered.
const REMEMBERED: usize = 500;

/// What a function can be sent, and more than a form.
const MAX_BYTES: usize = 6 * 1024 * 1024;

/// The page's files.
const FILES: [(&str, &str, &str); 4] = [
    ("", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
];

/// What was asked lately, the latest last.
#[derive(Debug, Default)]
pub struct Log(Mutex<VecDeque<RequestTrace>>);

impl Log {
    /// Remembers a request.
    pub fn push(&self, trace: &RequestTrace) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() >= REMEMBERED {
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

/// The page, and what it shows.
pub struct Page {
    issuer: Option<Arc<Issuer>>,
    url: String,
    log: Arc<Log>,
}

impl Page {
    /// Makes the page of a gateway at this URL.
    pub fn new(issuer: Option<Arc<Issuer>>, url: &str, log: Arc<Log>) -> Self {
        Self { issuer, url: url.to_owned(), log }
    }

    /// Answers what is not for the API; gives back what is.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        gateway: &Gateway,
    ) -> Result<Response<AnyBody>, Request<Incoming>> {
        let path = request.uri().path().to_owned();
        // A health check of API Gateway's own.
        if matches!(path.as_str(), "/ping" | "/sping") {
            return Ok(reply(StatusCode::OK, "text/plain", "healthy".to_owned()));
        }
        let functions = path.strip_prefix("/2015-03-31/functions/");
        let is_ours = path.starts_with(PAGE.trim_end_matches('/'))
            || functions.is_some()
            || path.starts_with("/restapis/");
        if !is_ours {
            return Err(request);
        }
        if !is_local(request.headers()) {
            let why = "this is for the machine that it runs on";
            return Ok(refuse(StatusCode::FORBIDDEN, why));
        }
        if request.method() != Method::GET && !is_own(request.headers()) {
            let why = "this is for the page itself, and for programs";
            return Ok(refuse(StatusCode::FORBIDDEN, why));
        }
        if let Some(rest) = functions {
            return Ok(self.invoke(rest.to_owned(), request, gateway).await);
        }
        if path.starts_with("/restapis/") {
            return Ok(flush(&path, request.method(), gateway));
        }
        Ok(self.page(&path, request, gateway).await)
    }

    async fn page(
        &self,
        path: &str,
        request: Request<Incoming>,
        gateway: &Gateway,
    ) -> Response<AnyBody> {
        let nothing = || refuse(StatusCode::NOT_FOUND, "there is nothing of this name");
        let Some(name) = path.strip_prefix(PAGE) else {
            let mut response = reply(StatusCode::PERMANENT_REDIRECT, "text/plain", String::new());
            let place = HeaderValue::from_static(PAGE);
            response.headers_mut().insert(http::header::LOCATION, place);
            return response;
        };
        match (request.method(), name) {
            (&Method::GET, "api") => {
                let loaded = gateway.loaded();
                json_reply(StatusCode::OK, &shown(loaded.api(), &self.url, self.issuer.is_some()))
            }
            (&Method::GET, "requests") => {
                json_reply(StatusCode::OK, &json!({"requests": self.log.lines()}))
            }
            (&Method::POST, "token") => self.token(request).await,
            (&Method::GET, name) => {
                if let Some(id) = name.strip_prefix("requests/") {
                    let trace =
                        self.log.find(id).and_then(|trace| serde_json::to_value(trace).ok());
                    return trace.map_or_else(nothing, |trace| json_reply(StatusCode::OK, &trace));
                }
                let file = FILES.iter().find(|(known, ..)| *known == name);
                file.map_or_else(nothing, |(_, media, text)| {
                    reply(StatusCode::OK, media, (*text).to_owned())
                })
            }
            _ => nothing(),
        }
    }

    /// Makes a token with the scopes asked for.
    async fn token(&self, request: Request<Incoming>) -> Response<AnyBody> {
        let Some(issuer) = &self.issuer else {
            return refuse(StatusCode::NOT_FOUND, "there is no local issuer");
        };
        let content = Limited::new(request.into_body(), MAX_BYTES).collect().await;
        let asked: Option<Json> =
            content.ok().and_then(|content| serde_json::from_slice(&content.to_bytes()).ok());
        let scope = asked.as_ref().and_then(|asked| asked.get("scope")).and_then(Json::as_str);
        let Some(scope) = scope else {
            return refuse(StatusCode::BAD_REQUEST, "send {\"scope\": \"…\"} as JSON");
        };
        let now = clock::unix_time();
        match issuer.mint("local-client", scope, None, now) {
            Ok(token) => json_reply(StatusCode::OK, &json!({"access_token": token})),
            Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    /// Lambda's Invoke, for the functions that are here and for the authorizers.
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    async fn invoke(
        &self,
        rest: String,
        request: Request<Incoming>,
        gateway: &Gateway,
    ) -> Response<AnyBody> {
        let name = rest.strip_suffix("/invocations").map(decoded).unwrap_or_default();
        let name = function_name(&name)
            .unwrap_or_else(|_| name.split(':').next().unwrap_or_default().to_owned());
        if request.method() != Method::POST {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "a function is invoked by POST");
        }
        let Ok(content) = Limited::new(request.into_body(), MAX_BYTES).collect().await else {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "a function takes 6 MB");
        };
        match gateway.invoke(&name, content.to_bytes()).await {
            Invocation::Answered(answer) => reply(StatusCode::OK, "application/json", answer),
            Invocation::Failed { payload, .. } => {
                let mut response = reply(StatusCode::OK, "application/json", payload);
                let header = HeaderValue::from_static("Unhandled");
                response.headers_mut().insert("x-amz-function-error", header);
                response
            }
            Invocation::NotInvocable(why) => {
                let mut response = refuse(StatusCode::NOT_FOUND, &why);
                let kind = HeaderValue::from_static("ResourceNotFoundException");
                response.headers_mut().insert("x-amzn-errortype", kind);
                response
            }
        }
    }
}

/// API Gateway's `FlushStageAuthorizersCache`.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_FlushStageAuthorizersCache.html>
fn flush(path: &str, method: &Method, gateway: &Gateway) -> Response<AnyBody> {
    let loaded = gateway.loaded();
    let known =
        format!("/restapis/{}/stages/{}/cache/authorizers", gateway::API_ID, loaded.api().stage);
    if method != Method::DELETE || path != known {
        let why = format!("of API Gateway's own calls there is only DELETE {known}");
        return refuse(StatusCode::NOT_FOUND, &why);
    }
    gateway.flush();
    let mut response = Response::new(body(Empty::new()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// Says whether a request is to this machine by its own names: a name that somebody else made
/// to lead here is not.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// Says whether a request comes from a page of ours, or from no page at all.
fn is_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = text(ORIGIN) else { return true };
    let host = text(HOST).unwrap_or_default();
    origin.strip_prefix("http://").is_some_and(|origin| origin == host)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What the page shows of an API.
fn shown(api: &Api, url: &str, issues: bool) -> Json {
    let mut scopes: BTreeSet<&str> = BTreeSet::new();
    for route in &api.routes {
        if let Security::Jwt { requirement, .. } = &route.security {
            scopes.extend(requirement.alternatives().iter().flatten().map(String::as_str));
        }
    }
    let routes: Vec<Json> =
        api.routes.iter().filter(|route| route.preflight.is_none()).map(route).collect();
    json!({
        "api": api.name,
        "stage": api.stage,
        "url": format!("{url}/{}", api.stage),
        "tokens": issues,
        "scopes": scopes,
        "routes": routes,
    })
}

fn route(route: &Route) -> Json {
    let parameters = route.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": parameter.location,
            "required": parameter.required || parameter.location == "path",
        })
    });
    json!({
        "method": route.verb.name(),
        "path": route.path.to_string(),
        "operation": route.operation_id,
        "security": route.security.to_string(),
        "public": route.security == Security::Public,
        "parameters": parameters.collect::<Vec<_>>(),
    })
}

fn refuse(status: StatusCode, why: &str) -> Response<AnyBody> {
    json_reply(status, &json!({"message": why}))
}

fn json_reply(status: StatusCode, json: &Json) -> Response<AnyBody> {
    reply(status, "application/json", json.to_string())
}

fn reply(status: StatusCode, media: &'static str, text: String) -> Response<AnyBody> {
    let mut response = Response::new(body(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in [
        ("content-security-policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
