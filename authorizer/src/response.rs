//! The decision → the JSON that each kind of event expects.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::claims::VerifiedClaims;
use crate::config::{Issuer, UsageKeySource};
use crate::policy::PolicyDocument;
use crate::telemetry::Decision;

/// The longest value told to the backend; API Gateway turns context into headers and log
/// fields, and has no documented limit of its own.
const MAX_VALUE_BYTES: usize = 1024;

/// All values together.
const MAX_CONTEXT_BYTES: usize = 4096;

type Context = BTreeMap<String, Value>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyResponse<'a> {
    principal_id: String,
    policy_document: &'a PolicyDocument,
    context: Context,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_identifier_key: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SimpleResponse {
    is_authorized: bool,
    context: Context,
}

/// Writes a policy's answer (REST, HTTP and WebSocket APIs).
pub(crate) fn policy_response(
    claims: &VerifiedClaims,
    issuer: &Issuer,
    policy: &PolicyDocument,
    decision: &Decision,
) -> serde_json::Result<String> {
    serde_json::to_string(&PolicyResponse {
        principal_id: principal(claims, issuer),
        policy_document: policy,
        context: context(claims, issuer, decision),
        usage_identifier_key: usage_key(claims, issuer),
    })
}

/// Writes an HTTP API's simple answer, which is about this one request.
pub(crate) fn simple_response(
    claims: &VerifiedClaims,
    issuer: &Issuer,
    is_authorized: bool,
    decision: &Decision,
) -> serde_json::Result<String> {
    serde_json::to_string(&SimpleResponse {
        is_authorized,
        context: context(claims, issuer, decision),
    })
}

/// Who is calling: the subject, else the client, else only the issuer is known.
fn principal(claims: &VerifiedClaims, issuer: &Issuer) -> String {
    let name = claims.subject().or(claims.client());
    match name {
        Some(name) if issuer.qualify_principal => format!("{}|{name}", claims.issuer()),
        Some(name) => name.to_owned(),
        None => claims.issuer().to_owned(),
    }
}

/// What the backend is told as `$context.authorizer.*`. API Gateway takes neither null nor a
/// structure, so what a token does not say is left out; what is too long or could forge a
/// header is left out as well, never cut.
fn context(claims: &VerifiedClaims, issuer: &Issuer, decision: &Decision) -> Context {
    let text = |name: &str, value: Option<&str>| Some((name.to_owned(), Value::from(value?)));
    let scopes: Vec<&str> = claims.scopes().iter().map(String::as_str).collect();
    let scopes = scopes.join(" ");
    let standard = [
        text("iss", Some(claims.issuer())),
        text("sub", claims.subject()),
        text("client_id", claims.client()),
        text("scope", Some(scopes.as_str()).filter(|scopes| !scopes.is_empty())),
        text("reason", decision.reason),
        text("required_scope", decision.required_scope.as_deref()),
    ];
    let mapped = issuer.context.iter().map(|(name, claim, json)| {
        let value = claim.find(claims.all())?;
        let value = match value {
            value if *json => Value::from(value.to_string()),
            Value::String(_) | Value::Number(_) | Value::Bool(_) => value.clone(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some((name.clone(), value))
    });
    let mut context = Context::new();
    let mut total: usize = 0;
    for (name, value) in standard.into_iter().chain(mapped).flatten() {
        let length = value.as_str().map_or(32, str::len);
        let fits = total.saturating_add(length) <= MAX_CONTEXT_BYTES && length <= MAX_VALUE_BYTES;
        if fits && value.as_str().is_none_or(|text| !text.chars().any(char::is_control)) {
            total = total.saturating_add(length);
            context.insert(name, value);
        }
    }
    context
}

fn usage_key<'a>(claims: &'a VerifiedClaims, issuer: &'a Issuer) -> Option<&'a str> {
    match issuer.usage_key.as_ref()? {
        UsageKeySource::Claim(claim) => claim.find(claims.all())?.as_str(),
        UsageKeySource::Clients(keys) => keys.get(claims.client()?).map(String::as_str),
    }
}
