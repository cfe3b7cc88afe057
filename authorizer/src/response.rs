//! The decision → the JSON that each kind of event expects.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::claims::VerifiedClaims;
use crate::error::Fault;
use crate::issuer::{ContextForm, Issuer, UsageKeySource};
use crate::json;
use crate::telemetry::Decision;

/// The longest value told to the backend; API Gateway turns context into headers and log
/// fields, and has no documented limit of its own.
const MAX_VALUE_BYTES: usize = 1024;

/// All values together.
const MAX_CONTEXT_BYTES: usize = 4096;

/// The JSON that a function answers.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct AuthorizerResponse(Box<RawValue>);

impl AuthorizerResponse {
    fn of(response: &impl Serialize) -> Result<Self, Fault> {
        json::answer(response).map(Self)
    }

    /// Returns the JSON's text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for AuthorizerResponse {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for AuthorizerResponse {}

/// The names of RFC 7519 and ours, in the order in which they are told, and claims.
type Context<'a> = BTreeMap<&'a str, Told<'a>>;

/// What API Gateway takes: a text, or a number or truth value as it was claimed.
#[derive(Serialize)]
#[serde(untagged)]
enum Told<'a> {
    Text(Cow<'a, str>),
    Other(&'a Value),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyResponse<'a> {
    principal_id: Cow<'a, str>,
    policy_document: &'a RawValue,
    context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_identifier_key: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SimpleResponse<'a> {
    is_authorized: bool,
    context: Context<'a>,
}

/// Writes a policy's answer (REST, HTTP and WebSocket APIs).
pub(crate) fn policy_response(
    claims: &VerifiedClaims,
    issuer: &Issuer,
    policy: &RawValue,
    decision: &Decision,
) -> Result<AuthorizerResponse, Fault> {
    AuthorizerResponse::of(&PolicyResponse {
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
) -> Result<AuthorizerResponse, Fault> {
    AuthorizerResponse::of(&SimpleResponse {
        is_authorized,
        context: context(claims, issuer, decision),
    })
}

/// Who is calling: the subject, else the client, else only the issuer is known.
fn principal<'a>(claims: &'a VerifiedClaims, issuer: &Issuer) -> Cow<'a, str> {
    let name = claims.subject().or(claims.client());
    match name {
        Some(name) if issuer.qualify_principal => format!("{}|{name}", claims.issuer()).into(),
        Some(name) => name.into(),
        None => claims.issuer().into(),
    }
}

/// What the backend is told as `$context.authorizer.*`. API Gateway takes neither null nor a
/// structure, so what a token does not say is left out; what is too long or could forge a
/// header is left out as well, never cut.
fn context<'a>(
    claims: &'a VerifiedClaims,
    issuer: &'a Issuer,
    decision: &'a Decision,
) -> Context<'a> {
    let text = |name, value: Option<&'a str>| Some((name, Told::Text(value?.into())));
    let scopes = Some(claims.scopes()).filter(|scopes| !scopes.is_empty());
    let scopes = scopes.map(|scopes| {
        scopes.iter().fold(String::new(), |mut all, scope| {
            if !all.is_empty() {
                all.push(' ');
            }
            all.push_str(scope);
            all
        })
    });
    let standard = [
        text("iss", Some(claims.issuer())),
        text("sub", claims.subject()),
        text("client_id", claims.client()),
        scopes.map(|scopes| ("scope", Told::Text(scopes.into()))),
        text("reason", decision.reason),
        text("required_scope", decision.required_scope.as_deref()),
    ];
    let mapped = issuer.context.iter().map(|mapped| {
        let value = match mapped.claim.find(claims.all())? {
            value if mapped.form == ContextForm::Json => Told::Text(value.to_string().into()),
            Value::String(text) => Told::Text(text.into()),
            value @ (Value::Number(_) | Value::Bool(_)) => Told::Other(value),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some((mapped.name.as_str(), value))
    });
    let mut context = Context::new();
    let mut total: usize = 0;
    for (name, value) in standard.into_iter().chain(mapped).flatten() {
        let (length, clean) = match &value {
            Told::Text(text) => (text.len(), !text.chars().any(char::is_control)),
            Told::Other(_) => (32, true),
        };
        let fits = total.saturating_add(length) <= MAX_CONTEXT_BYTES && length <= MAX_VALUE_BYTES;
        if fits && clean {
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
