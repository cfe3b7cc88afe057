//! The decision → the response JSON for each kind of event.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::claims::VerifiedClaims;
use crate::error::Fault;
use crate::issuer::{ContextForm, Issuer, UsageKeySource};
use crate::json;
use crate::policy::PolicyDocument;
use crate::telemetry::Decision;

/// The maximum length of a context value. API Gateway maps context to headers and log fields, and
/// documents no limit of its own.
const MAX_VALUE_BYTES: usize = 1024;

/// The maximum length of all context values together.
const MAX_CONTEXT_BYTES: usize = 4096;

/// The response of the function, as JSON text.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct AuthorizerResponse(Box<RawValue>);

impl AuthorizerResponse {
    pub(crate) fn new(response: &impl Serialize) -> Result<Self, Fault> {
        json::serialize(response).map(Self)
    }

    /// Returns the JSON text.
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

/// The authorizer context (`$context.authorizer.*`): standard members and mapped claims.
type Context<'a> = BTreeMap<&'a str, ContextValue<'a>>;

/// A context value of a type that API Gateway accepts: a string, number or boolean.
#[derive(Serialize)]
#[serde(untagged)]
enum ContextValue<'a> {
    Text(Cow<'a, str>),
    Scalar(&'a Value),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyResponse<'a> {
    principal_id: Cow<'a, str>,
    policy_document: &'a PolicyDocument<'a>,
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

/// Writes the response with an IAM policy (REST, HTTP and WebSocket APIs).
pub(crate) fn policy_response(
    claims: &VerifiedClaims,
    issuer: &Issuer,
    policy: &PolicyDocument<'_>,
    decision: &Decision,
) -> Result<AuthorizerResponse, Fault> {
    AuthorizerResponse::new(&PolicyResponse {
        principal_id: principal(claims, issuer),
        policy_document: policy,
        context: context(claims, issuer, decision),
        usage_identifier_key: usage_identifier_key(claims, issuer),
    })
}

/// Writes the simple response of an HTTP API, which decides this request only.
pub(crate) fn simple_response(
    claims: &VerifiedClaims,
    issuer: &Issuer,
    is_authorized: bool,
    decision: &Decision,
) -> Result<AuthorizerResponse, Fault> {
    AuthorizerResponse::new(&SimpleResponse {
        is_authorized,
        context: context(claims, issuer, decision),
    })
}

/// Returns the principal: the subject, else the client, else the issuer. A client is never the
/// principal of a user, whatever the user's `sub`: RFC 9068 section 5 warns of the confusion.
fn principal<'a>(claims: &'a VerifiedClaims, issuer: &Issuer) -> Cow<'a, str> {
    let principal = match (claims.subject(), claims.client()) {
        (Some(subject), _) if RESERVED.iter().any(|prefix| subject.starts_with(prefix)) => {
            format!("sub:{subject}").into()
        }
        (Some(subject), _) => Cow::from(subject),
        (None, Some(client)) => format!("client:{client}").into(),
        (None, None) => format!("issuer:{}", claims.issuer()).into(),
    };
    if issuer.qualify_principal {
        format!("{}|{principal}", claims.issuer()).into()
    } else {
        principal
    }
}

/// The prefixes of principals that differ from the `sub`.
const RESERVED: [&str; 3] = ["client:", "issuer:", "sub:"];

/// Returns the authorizer context passed to the integration. API Gateway accepts neither null nor
/// objects nor arrays, so absent claims are omitted. Values that are too long, or have control
/// characters that could forge a header, are omitted as well, never truncated.
fn context<'a>(
    claims: &'a VerifiedClaims,
    issuer: &'a Issuer,
    decision: &'a Decision,
) -> Context<'a> {
    let text = |name, value: Option<&'a str>| Some((name, ContextValue::Text(value?.into())));
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
        scopes.map(|scopes| ("scope", ContextValue::Text(scopes.into()))),
        text("reason", decision.reason),
        text("required_scope", decision.required_scope.as_deref()),
    ];
    let mapped = issuer.context.iter().map(|mapped| {
        let value = match mapped.claim.find(claims.all())? {
            value if mapped.form == ContextForm::Json => {
                ContextValue::Text(value.to_string().into())
            }
            Value::String(text) => ContextValue::Text(text.into()),
            value @ (Value::Number(_) | Value::Bool(_)) => ContextValue::Scalar(value),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some((mapped.name.as_str(), value))
    });
    let mut context = Context::new();
    let mut total: usize = 0;
    for (name, value) in standard.into_iter().chain(mapped).flatten() {
        let (length, clean) = match &value {
            ContextValue::Text(text) => (text.len(), !text.chars().any(char::is_control)),
            ContextValue::Scalar(_) => (32, true),
        };
        let fits = total.saturating_add(length) <= MAX_CONTEXT_BYTES && length <= MAX_VALUE_BYTES;
        if fits && clean {
            total = total.saturating_add(length);
            context.insert(name, value);
        }
    }
    context
}

fn usage_identifier_key<'a>(claims: &'a VerifiedClaims, issuer: &'a Issuer) -> Option<&'a str> {
    match issuer.usage_key.as_ref()? {
        UsageKeySource::Claim(claim) => claim.find(claims.all())?.as_str(),
        UsageKeySource::Clients(keys) => keys.get(claims.client()?).map(String::as_str),
    }
}
