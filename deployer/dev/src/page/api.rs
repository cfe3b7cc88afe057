//! The page's JSON, and the AWS API calls that are supported locally.

use std::collections::BTreeSet;

use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};

use crate::issuer::Issuer;
use compiler::api::{Api, ParameterLocation, Route, Security};
use gateway::body::{AnyBody, ContentType, body, json_reply, reply};
use gateway::clock;
use gateway::functions::Invocation;
use gateway::integration::compiled::function_name;
use gateway::pipeline::Gateway;

/// The largest event of a function; token requests are smaller.
const MAX_BYTES: usize = 6 * 1024 * 1024;

/// Returns the description of an API for the page.
pub(super) fn description(api: &Api, url: &str, has_issuer: bool) -> Json {
    let mut scopes: BTreeSet<&str> = BTreeSet::new();
    for route in &api.routes {
        if let Security::Jwt { requirement, .. } = &route.security {
            scopes.extend(requirement.alternatives().iter().flatten().map(String::as_str));
        }
    }
    let routes: Vec<Json> = api
        .routes
        .iter()
        .filter(|route| route.preflight.is_none())
        .map(|one| route(api, one))
        .collect();
    json!({
        "api": api.name,
        "stage": api.stage,
        "url": format!("{url}/{}", api.stage),
        "tokens": has_issuer,
        "scopes": scopes,
        "routes": routes,
    })
}

fn route(api: &Api, route: &Route) -> Json {
    let parameters = route.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "in": parameter.location.name(),
            "required": parameter.required || parameter.location == ParameterLocation::Path,
        })
    });
    json!({
        "method": route.verb.name(),
        "path": route.path.to_string(),
        "operation": route.operation_id,
        "security": route.security.to_string(),
        "public": route.security == Security::Public,
        "token": api.token_source(Some(route)),
        "parameters": parameters.collect::<Vec<_>>(),
    })
}

/// Issues a token with the scopes of the request.
pub(super) async fn token(issuer: Option<&Issuer>, request: Request<AnyBody>) -> Response<AnyBody> {
    let Some(issuer) = issuer else {
        return error_response(StatusCode::NOT_FOUND, "no local issuer");
    };
    let content = Limited::new(request.into_body(), MAX_BYTES).collect().await;
    let body: Option<Json> =
        content.ok().and_then(|content| serde_json::from_slice(&content.to_bytes()).ok());
    let scope = body.as_ref().and_then(|body| body.get("scope")).and_then(Json::as_str);
    let Some(scope) = scope else {
        return error_response(StatusCode::BAD_REQUEST, "expected JSON {\"scope\": \"…\"}");
    };
    let now = clock::unix_time();
    match issuer.mint("local-client", scope, None, now) {
        Ok(token) => json_reply(StatusCode::OK, &json!({"access_token": token})),
        Err(error) => error_response(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Lambda's Invoke, for the local functions and for the authorizers.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub(super) async fn invoke(
    rest: &str,
    request: Request<AnyBody>,
    gateway: &Gateway,
) -> Response<AnyBody> {
    let name = rest.strip_suffix("/invocations").map(decoded).unwrap_or_default();
    let name = function_name(&name)
        .unwrap_or_else(|_| name.split(':').next().unwrap_or_default().to_owned());
    if request.method() != Method::POST {
        return error_response(StatusCode::METHOD_NOT_ALLOWED, "method must be POST");
    }
    let Ok(content) = Limited::new(request.into_body(), MAX_BYTES).collect().await else {
        return error_response(StatusCode::PAYLOAD_TOO_LARGE, "payload exceeds 6 MB");
    };
    let invoked = gateway.invoke(&name, content.to_bytes()).await;
    let mut response = outcome(invoked.outcome);
    let id = invoked.request_id.and_then(|id| HeaderValue::from_str(&id).ok());
    response.headers_mut().extend(id.map(|id| (HeaderName::from_static("x-amzn-requestid"), id)));
    response
}

fn outcome(invocation: Invocation) -> Response<AnyBody> {
    match invocation {
        Invocation::Succeeded(output) => reply(StatusCode::OK, ContentType::Json, output),
        Invocation::Failed { payload, .. } => {
            let mut response = reply(StatusCode::OK, ContentType::Json, payload);
            let header = HeaderValue::from_static("Unhandled");
            response.headers_mut().insert("x-amz-function-error", header);
            response
        }
        Invocation::NotInvocable(reason) => {
            let mut response = error_response(StatusCode::NOT_FOUND, &reason);
            let kind = HeaderValue::from_static("ResourceNotFoundException");
            response.headers_mut().insert("x-amzn-errortype", kind);
            response
        }
    }
}

/// API Gateway's `FlushStageAuthorizersCache`.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_FlushStageAuthorizersCache.html>
pub(super) fn flush(path: &str, method: &Method, gateway: &Gateway) -> Response<AnyBody> {
    let loaded = gateway.loaded();
    let supported =
        format!("/restapis/{}/stages/{}/cache/authorizers", gateway::API_ID, loaded.api().stage);
    if method != Method::DELETE || path != supported {
        let reason = format!("only `DELETE {supported}` is supported");
        return error_response(StatusCode::NOT_FOUND, &reason);
    }
    gateway.flush();
    let mut response = Response::new(body(Empty::new()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// Returns an error response with its message.
pub(super) fn error_response(status: StatusCode, message: &str) -> Response<AnyBody> {
    json_reply(status, &json!({"message": message}))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
