//! The distinction between access tokens and other JWTs (RFC 8725 section 3.12: validation rules
//! for different kinds of JWTs must be mutually exclusive).

use serde_json::{Map, Value};

use crate::error::Rejection;
use crate::issuer::{ClaimType, HeaderType, ProfileRules};

/// Checks that `typ` and the claims are those of an access token by these rules.
pub(crate) fn check(
    rules: &ProfileRules,
    typ: Option<&str>,
    claims: &Map<String, Value>,
) -> Result<(), Rejection> {
    check_header_type(rules.header_type, typ)?;
    check_claim_type(rules.claim_type, claims)?;
    if rules.rejects_other_tokens {
        reject_other_tokens(rules, claims)?;
    }
    for alternatives in rules.required {
        let missing = Rejection::MissingClaim(alternatives.first().copied().unwrap_or_default());
        alternatives.iter().find(|name| claims.contains_key(**name)).ok_or(missing)?;
    }
    if rules.service_account && !is_of_service_account(claims) {
        return Err(Rejection::NotServiceAccount);
    }
    Ok(())
}

/// Checks the header parameter `typ`: case-insensitive, and `application/` may be omitted (RFC 7515
/// section 4.1.9).
fn check_header_type(accepted: HeaderType, typ: Option<&str>) -> Result<(), Rejection> {
    let typ = typ.map(str::to_ascii_lowercase);
    let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    match (accepted, typ) {
        (HeaderType::Any, _)
        | (HeaderType::AccessToken | HeaderType::Rfc9068, Some("at+jwt"))
        | (HeaderType::AccessToken, None | Some("jwt")) => Ok(()),
        (HeaderType::AccessToken | HeaderType::Rfc9068, _) => Err(Rejection::TokenType),
    }
}

/// The claim `typ` of Keycloak's tokens that are not access tokens.
const OTHER_TYPES: [&str; 5] = ["id", "logout", "offline", "refresh", "serialized-id"];

fn check_claim_type(accepted: ClaimType, claims: &Map<String, Value>) -> Result<(), Rejection> {
    let typ = claims.get("typ").and_then(Value::as_str).map(str::to_ascii_lowercase);
    match (accepted, typ.as_deref()) {
        (ClaimType::AccessToken, None) => Err(Rejection::MissingClaim("typ")),
        (ClaimType::AccessToken, _) if !is_typed_access_token(claims) => Err(Rejection::TokenType),
        (ClaimType::NotAnotherToken, Some(typ)) if OTHER_TYPES.contains(&typ) => {
            Err(Rejection::TokenType)
        }
        _ => Ok(()),
    }
}

/// Returns whether the claim `typ` is that of an access token: `Bearer`, or `DPoP` of one that is
/// bound to a key, as Keycloak sets it.
fn is_typed_access_token(claims: &Map<String, Value>) -> bool {
    match claims.get("typ").and_then(Value::as_str) {
        Some(typ) if typ.eq_ignore_ascii_case("bearer") => true,
        Some(typ) if typ.eq_ignore_ascii_case("dpop") => claims.contains_key("cnf"),
        _ => false,
    }
}

/// Rejects ID tokens (OpenID Connect Core section 2), logout tokens and other security event tokens
/// (RFC 8417 section 2.2) by their claims.
fn reject_other_tokens(rules: &ProfileRules, claims: &Map<String, Value>) -> Result<(), Rejection> {
    if claims.contains_key("events") {
        return Err(Rejection::EventToken);
    }
    let is_nonce_allowed = is_typed_access_token(claims)
        || rules.nonce_beside.is_some_and(|claim| claims.contains_key(claim));
    let marks = ["at_hash", "c_hash", "s_hash", "nonce"].into_iter();
    let mut marks = marks.filter(|mark| *mark != "nonce" || !is_nonce_allowed);
    if let Some(mark) = marks.find(|mark| claims.contains_key(*mark)) {
        return Err(Rejection::IdToken(mark));
    }
    // Amazon Cognito: `access` or `id`.
    match claims.get("token_use") {
        Some(usage) if usage != "access" => Err(Rejection::IdToken("token_use")),
        _ => Ok(()),
    }
}

/// Returns whether the token is one of a Google service account: signed by the account itself or an ID
/// token for it. A user has no e-mail address in Google's domain, and the `azp` of a user's ID token is
/// an application.
fn is_of_service_account(claims: &Map<String, Value>) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_account = |email: &str| email.ends_with(".gserviceaccount.com") && email.contains('@');
    let is_own_client = text("azp").is_some() && text("azp") == text("sub");
    let is_verified = claims.get("email_verified") != Some(&Value::Bool(false));
    is_own_client
        || text("iss").is_some_and(is_account)
        || (is_verified && text("email").is_some_and(is_account))
}
