//! The trace of a request: its steps and outcome. Tokens and keys are never in it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use compiler::api::IdentitySource;
use compiler::fingerprint::fingerprint;

/// The trace of a request.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RequestTrace {
    /// The request's id, also in the response's `x-amzn-RequestId`.
    pub request_id: String,
    /// The time of its receipt (RFC 3339).
    pub time: String,
    /// The method.
    pub method: String,
    /// The path, stage included.
    pub path: String,
    /// The status.
    pub status: u16,
    /// Its route.
    pub route: Option<String>,
    /// The route's security.
    pub security: Option<String>,
    /// The gateway response type of a refusal.
    pub response_type: Option<&'static str>,
    /// True if the authorizer was invoked.
    pub authorizer_invoked: bool,
    /// The age of the cached policy in seconds, if one was used.
    pub cache_age: Option<i64>,
    /// The reason for the outcome.
    pub reason: String,
    /// The duration in milliseconds.
    pub milliseconds: u128,
    /// The authorizer's part.
    pub authorizer: Option<AuthorizerTrace>,
    /// The integration's part.
    pub integration: Option<IntegrationTrace>,
    /// The context variables of the authorizer and of a refusal, for the access log.
    #[serde(skip)]
    pub variables: BTreeMap<String, String>,
}

/// The authorizer's part of a trace.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AuthorizerTrace {
    /// The authorizer's name.
    pub name: String,
    /// A fingerprint of the identity, since a token may be in it.
    pub identity: String,
    /// Lambda's id of the invocation; none if it was not invoked, or in this process.
    pub request_id: Option<String>,
    /// The event, secrets masked.
    pub event: Option<Json>,
    /// The authorizer's response.
    pub response: Option<Json>,
    /// The index of the statement that decided, from 0.
    pub statement: Option<usize>,
    /// The statement's resource that matched.
    pub resource: Option<String>,
    /// The duration in milliseconds; none if it was not invoked.
    pub milliseconds: Option<u128>,
}

/// The integration's part.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IntegrationTrace {
    /// The kind of integration.
    pub kind: &'static str,
    /// The time until its response began, in milliseconds.
    pub milliseconds: u128,
}

impl RequestTrace {
    /// Returns the trace as a log line: without the authorizer's event and response.
    pub fn line(&self) -> Json {
        let mut line = serde_json::to_value(self).unwrap_or_default();
        if let Some(authorizer) = line.get_mut("authorizer").and_then(Json::as_object_mut) {
            authorizer.remove("event");
            authorizer.remove("response");
        }
        line
    }
}

/// Returns the fingerprint of an identity.
pub fn identity_fingerprint(identity: &[String]) -> String {
    fingerprint(&identity)
}

/// Headers with credentials.
const SECRET_HEADERS: [&str; 7] = [
    "authorization",
    "cookie",
    "dpop",
    "proxy-authorization",
    "sec-websocket-protocol",
    "x-amz-security-token",
    "x-api-key",
];

/// The query parameter with an access token (RFC 6750, section 2.3).
const ACCESS_TOKEN: &str = "access_token";

/// Masks the secrets in an authorizer's event: credentials, and the values of `sources`.
pub fn masked(mut event: Json, sources: &[&IdentitySource]) -> Json {
    let is_secret = |name: &str| {
        SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str())
            || name.eq_ignore_ascii_case(ACCESS_TOKEN)
            || sources.iter().any(|source| match source {
                IdentitySource::Header(header) => header.eq_ignore_ascii_case(name),
                IdentitySource::Query(parameter) => parameter == name,
                _ => false,
            })
    };
    let maps = [
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
    ];
    for map in maps {
        let members = event.get_mut(map).and_then(Json::as_object_mut).into_iter().flatten();
        members.filter(|(name, _)| is_secret(name)).for_each(|(_, value)| mask(value));
    }
    if let Some(token) = event.get_mut("authorizationToken") {
        mask(token);
    }
    if let Some(key) = event.pointer_mut("/requestContext/identity/apiKey") {
        mask(key);
    }
    event
}

fn mask(value: &mut Json) {
    match value {
        Json::String(text) => *text = format!("… ({} characters)", text.chars().count()),
        Json::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}
