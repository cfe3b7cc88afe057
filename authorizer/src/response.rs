//! The decision → the JSON that API Gateway expects of a REST API's authorizer.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::claims::VerifiedClaims;
use crate::policy::PolicyDocument;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    principal_id: &'a str,
    policy_document: &'a PolicyDocument,
    context: BTreeMap<&'static str, String>,
}

/// Writes the answer. The context goes to the backend as `$context.authorizer.*`; what a
/// token does not say is left out, because API Gateway takes neither null nor a structure.
pub(crate) fn policy_response(
    claims: &VerifiedClaims,
    policy: &PolicyDocument,
) -> serde_json::Result<String> {
    let scopes: Vec<&str> = claims.scopes().iter().map(String::as_str).collect();
    let context = [
        ("iss", Some(claims.issuer().to_owned())),
        ("sub", claims.subject().map(str::to_owned)),
        ("client_id", claims.client().map(str::to_owned)),
        ("scope", (!scopes.is_empty()).then(|| scopes.join(" "))),
    ];
    serde_json::to_string(&Response {
        principal_id: claims.principal(),
        policy_document: policy,
        context: context.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
    })
}
