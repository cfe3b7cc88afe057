//! The page's JSON, and the AWS calls that make sense locally.

use std::collections::BTreeSet;

use http::header::HeaderValue;
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

/// The largest event of a function, and more than the form for a token.
const MAX_BYTES: usize = 6 * 1024 * 1024;

/// Returns what the page shows of an API.
pub(super) fn description(api: &Api, url: &str, issues: bool) -> Json {
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
        "parameters": parameters.collect::<Vec<_>>(),
    })
}

/// Issues a token with the scopes of the request.
pub(super) async fn token(issuer: Option<&Issuer>, request: Request<AnyBody>) -> Response<AnyBody> {
    let Some(issuer) = issuer else {
        return refuse(StatusCode::NOT_FOUND, "there is no local issuer");
    };
    let content = Limited::new(request.into_body(), MAX_BYTES).collect().await;
    let form: Option<Json> =
        content.ok().and_then(|content| serde_json::from_slice(&content.to_bytes()).ok());
    let scope = form.as_ref().and_then(|form| form.get("scope")).and_then(Json::as_str);
    let Some(scope) = scope else {
        return refuse(StatusCode::BAD_REQUEST, "send {\"scope\": \"…\"} as JSON");
    };
    let now = clock::unix_time();
    match issuer.mint("local-client", scope, None, now) {
        Ok(token) => json_reply(StatusCode::OK, &json!({"access_token": token})),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
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
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "a function is invoked by POST");
    }
    let Ok(content) = Limited::new(request.into_body(), MAX_BYTES).collect().await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "a function takes 6 MB");
    };
    match gateway.invoke(&name, content.to_bytes()).await {
        Invocation::Succeeded(answer) => reply(StatusCode::OK, ContentType::Json, answer),
        Invocation::Failed { payload, .. } => {
            let mut response = reply(StatusCode::OK, ContentType::Json, payload);
            let header = HeaderValue::from_static("Unhandled");
            response.headers_mut().insert("x-amz-function-error", header);
            response
        }
        Invocation::NotInvocable(reason) => {
            let mut response = refuse(StatusCode::NOT_FOUND, &reason);
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
    let known =
        format!("/restapis/{}/stages/{}/cache/authorizers", gateway::API_ID, loaded.api().stage);
    if method != Method::DELETE || path != known {
        let reason = format!("of API Gateway's own calls there is only DELETE {known}");
        return refuse(StatusCode::NOT_FOUND, &reason);
    }
    gateway.flush();
    let mut response = Response::new(body(Empty::new()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// Returns a refusal with its reason.
pub(super) fn refuse(status: StatusCode, reason: &str) -> Response<AnyBody> {
    json_reply(status, &json!({"message": reason}))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
