//! A request → the event that API Gateway sends to a Lambda authorizer or integration.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::router::Match;
use super::template::Context;
use super::{ACCOUNT, API_ID, ARN_PREFIX};
use compiler::api::AuthorizerKind;

/// Returns the method ARN: with the concrete path, without a slash at its end.
pub fn method_arn(stage: &str, method: &str, path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    format!("{ARN_PREFIX}/{stage}/{method}/{path}")
}

/// Returns the event of an authorizer.
pub fn authorizer_event(
    kind: AuthorizerKind,
    arn: &str,
    identity: &[String],
    context: &Context<'_>,
) -> Json {
    match kind {
        AuthorizerKind::Token => {
            let token = identity.first().map(String::as_str).unwrap_or_default();
            json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": token})
        }
        AuthorizerKind::Request => request_event(arn, context),
    }
}

fn request_event(arn: &str, context: &Context<'_>) -> Json {
    let mut event = json!({"type": "REQUEST", "methodArn": arn});
    add(&mut event, request_members(context));
    let identity = |name: &str| context.value(&format!("identity.{name}"));
    let mut request_context = request_context(context);
    add(
        &mut request_context,
        json!({"identity": {
            "apiKey": identity("apiKey"),
            "sourceIp": identity("sourceIp"),
            "userAgent": identity("userAgent"),
        }}),
    );
    add(&mut event, json!({"requestContext": request_context}));
    event
}

/// Returns the event of a Lambda proxy integration; `payload` is its body, and whether it is
/// base64.
pub fn proxy_event(context: &Context<'_>, payload: Option<(String, bool)>) -> Json {
    let mut event = request_members(context);
    if let Json::Object(members) = &mut event {
        // Empty maps are null here; an authorizer's event has them.
        for value in members.values_mut() {
            if value.as_object().is_some_and(Map::is_empty) {
                *value = Json::Null;
            }
        }
    }
    let authorizer: Map<String, Json> = (context.added.iter())
        .filter_map(|(name, value)| {
            Some((name.strip_prefix("authorizer.")?.to_owned(), json!(value)))
        })
        .collect();
    let identity = |name: &str| context.value(&format!("identity.{name}"));
    let mut request_context = request_context(context);
    add(
        &mut request_context,
        json!({
            "requestTime": context.value("requestTime"),
            "requestTimeEpoch": u64::try_from(context.head.time.milliseconds()).unwrap_or(0),
            "protocol": context.value("protocol"),
            "domainName": context.value("domainName"),
            "identity": {
                "accessKey": null, "accountId": null, "caller": null,
                "cognitoAuthenticationProvider": null, "cognitoAuthenticationType": null,
                "cognitoIdentityId": null, "cognitoIdentityPoolId": null,
                "apiKey": identity("apiKey"), "principalOrgId": null,
                "sourceIp": identity("sourceIp"), "user": null,
                "userAgent": identity("userAgent"), "userArn": null,
            },
        }),
    );
    if !authorizer.is_empty() {
        add(&mut request_context, json!({"authorizer": authorizer}));
    }
    let (body, is_base64) = payload.map_or((None, false), |(body, is)| (Some(body), is));
    add(
        &mut event,
        json!({"requestContext": request_context, "body": body, "isBase64Encoded": is_base64}),
    );
    event
}

/// Returns the members of a request that events of both kinds have.
fn request_members(context: &Context<'_>) -> Json {
    let head = context.head;
    let mut headers =
        multi_value(head.header_pairs().map(|(name, value)| (name, value.to_owned())));
    for (name, value) in head.forwarded() {
        headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
        headers.insert(name.to_owned(), vec![value]);
    }
    let query = multi_value(head.query_pairs().into_iter());
    let parameters: Map<String, Json> = context
        .found
        .into_iter()
        .flat_map(|found| &found.parameters)
        .map(|(name, value)| ((*name).to_owned(), Match::decoded(value).into()))
        .collect();
    json!({
        "resource": context.value("resourcePath"),
        "path": head.path,
        "httpMethod": head.method,
        "headers": single_value(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": single_value(&query),
        "multiValueQueryStringParameters": query,
        "pathParameters": parameters,
        "stageVariables": context.api.stage_settings.variables,
    })
}

/// Returns the members of `requestContext` that events of both kinds have.
fn request_context(context: &Context<'_>) -> Json {
    json!({
        "path": context.value("path"),
        "accountId": ACCOUNT,
        "resourceId": context.value("resourceId"),
        "stage": context.value("stage"),
        "domainPrefix": context.value("domainPrefix"),
        "requestId": context.value("requestId"),
        "extendedRequestId": context.value("extendedRequestId"),
        "resourcePath": context.value("resourcePath"),
        "httpMethod": context.value("httpMethod"),
        "apiId": API_ID,
    })
}

fn add(event: &mut Json, members: Json) {
    if let (Json::Object(event), Json::Object(members)) = (event, members) {
        event.extend(members);
    }
}

fn multi_value(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        map.entry(name).or_default().push(value);
    }
    map
}

/// API Gateway's single-value maps hold the last of several values.
fn single_value(multi_value: &BTreeMap<String, Vec<String>>) -> BTreeMap<&str, &str> {
    multi_value
        .iter()
        .filter_map(|(name, values)| Some((name.as_str(), values.last()?.as_str())))
        .collect()
}
