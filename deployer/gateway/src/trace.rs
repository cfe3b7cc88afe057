//! What happened to a request, and why. No token or key is ever in it.

use serde::Serialize;
use serde_json::Value as Json;

use compiler::api::IdentitySource;
use compiler::fingerprint::fingerprint;

/// What happened to a request, and why.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RequestTrace {
    /// The request's id, also in the response's `x-amzn-RequestId`.
    pub request_id: String,
    /// When it came, as RFC 3339 writes it.
    pub time: String,
    /// The method.
    pub method: String,
    /// The path, stage included.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The route it belongs to.
    pub route: Option<String>,
    /// Who may call that.
    pub security: Option<String>,
    /// The type of the gateway response, if it was refused.
    pub response_type: Option<&'static str>,
    /// Whether the authorizer was asked.
    pub authorizer_called: bool,
    /// How old the cached policy was, in seconds, if one was used.
    pub cache_age: Option<i64>,
    /// Why it ended so.
    pub why: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u128,
    /// What the authorizer was asked, and what it said.
    pub authorizer: Option<AuthorizerTrace>,
    /// What answered.
    pub integration: Option<IntegrationTrace>,
}

/// What an authorizer was asked, and what it said.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AuthorizerTrace {
    /// Its name.
    pub name: String,
    /// What its answer is cached by: a fingerprint, since a token may be in it.
    pub identity: String,
    /// The event, without secrets.
    pub event: Option<Json>,
    /// What it answered.
    pub answer: Option<Json>,
    /// The statement that decided, from 0.
    pub statement: Option<usize>,
    /// The resource of it that matched.
    pub resource: Option<String>,
    /// How long it took, in milliseconds; nothing if it was not asked.
    pub milliseconds: Option<u128>,
}

/// What answered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IntegrationTrace {
    /// What kind of integration.
    pub kind: &'static str,
    /// How long it took to begin its answer, in milliseconds.
    pub milliseconds: u128,
}

impl RequestTrace {
    /// Returns what a line for machines has: all but what an authorizer was asked and said.
    pub fn line(&self) -> Json {
        let mut line = serde_json::to_value(self).unwrap_or_default();
        if let Some(authorizer) = line.get_mut("authorizer").and_then(Json::as_object_mut) {
            authorizer.remove("event");
            authorizer.remove("answer");
        }
        line
    }
}

/// Returns what stands for an identity.
pub fn identity_key(identity: &[String]) -> String {
    fingerprint(&identity)
}

/// Headers whose values say who somebody is.
const SECRET: [&str; 6] =
    ["authorization", "cookie", "dpop", "proxy-authorization", "x-amz-security-token", "x-api-key"];

/// Takes the secrets out of an authorizer's event: what is known as such, and what the
/// authorizer's answers are cached by.
pub fn masked(mut event: Json, identity: &[IdentitySource]) -> Json {
    let named = |name: &str| {
        SECRET.contains(&name.to_ascii_lowercase().as_str())
            || identity.iter().any(|source| match source {
                IdentitySource::Header(header) => header.eq_ignore_ascii_case(name),
                IdentitySource::Query(parameter) => parameter == name,
                _ => false,
            })
    };
    let places = [
        "headers",
        "multiValueHeaders",
        "queryStringParameters",
        "multiValueQueryStringParameters",
    ];
    for place in places {
        let members = event.get_mut(place).and_then(Json::as_object_mut).into_iter().flatten();
        members.filter(|(name, _)| named(name)).for_each(|(_, value)| mask(value));
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
