//! A request → the event that API Gateway sends to an authorizer.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::request::RequestHead;
use super::router::Match;
use super::{ACCOUNT, API_ID, ARN_PREFIX};
use crate::api::AuthorizerKind;

/// Returns the ARN of what is called: the concrete path, without a slash at its end.
pub fn method_arn(stage: &str, method: &str, path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    format!("{ARN_PREFIX}/{stage}/{method}/{path}")
}

/// Writes the event.
pub fn event(
    kind: AuthorizerKind,
    stage: &str,
    arn: &str,
    authorization: &str,
    head: &RequestHead,
    found: &Match<'_>,
) -> Json {
    match kind {
        AuthorizerKind::Token => json!({
            "type": "TOKEN",
            "methodArn": arn,
            "authorizationToken": authorization,
        }),
        AuthorizerKind::Request => request_event(stage, arn, head, found),
    }
}

fn request_event(stage: &str, arn: &str, head: &RequestHead, found: &Match<'_>) -> Json {
    let template = found.route.path.to_string();
    let headers =
        multiple(head.header_pairs().map(|(name, value)| (name.to_owned(), value.to_owned())));
    let query = multiple(head.query_pairs().into_iter());
    let parameters: Map<String, Json> = found
        .parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Match::decoded(value).into()))
        .collect();
    json!({
        "type": "REQUEST",
        "methodArn": arn,
        "resource": template,
        "path": head.path,
        "httpMethod": head.method,
        "headers": single(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": single(&query),
        "multiValueQueryStringParameters": query,
        "pathParameters": parameters,
        "stageVariables": {},
        "requestContext": {
            "path": format!("/{stage}{}", head.path),
            "accountId": ACCOUNT,
            "resourceId": template,
            "stage": stage,
            "requestId": head.id,
            "resourcePath": template,
            "httpMethod": head.method,
            "apiId": API_ID,
            "identity": {"sourceIp": head.source_ip},
        },
    })
}

fn multiple(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        map.entry(name).or_default().push(value);
    }
    map
}

/// API Gateway's single-value maps hold the last of several values.
fn single(multiple: &BTreeMap<String, Vec<String>>) -> BTreeMap<&str, &str> {
    multiple
        .iter()
        .filter_map(|(name, values)| Some((name.as_str(), values.last()?.as_str())))
        .collect()
}
