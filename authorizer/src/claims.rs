//! A token's claims + its issuer's rules + `now` → [`PrevalidatedClaims`]; with a [`SignedToken`]
//! → [`VerifiedClaims`]. Nothing here reads the clock, and only this module makes
//! `VerifiedClaims`.
//!
//! The claims are checked before the signature because that is cheap and needs no keys. They are
//! readable only after the signature is verified.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::{IssuerMismatch, Rejection};
use crate::issuer::{DenyList, Issuer};
use crate::time::UnixTime;
use crate::token::{SignedToken, UnverifiedToken};

mod profile;
mod scopes;

use scopes::TokenScopes;

/// 9999-12-31T23:59:59Z. A later NumericDate is an error, usually milliseconds.
const LAST_SECOND: i64 = 253_402_300_799;

/// The maximum length of an identifier claim, in bytes. OpenID Connect Core section 2 allows a
/// `sub` of 255.
const MAX_NAME_BYTES: usize = 512;

/// Claims that satisfy the issuer's rules, of a token whose signature is not verified.
pub(crate) struct PrevalidatedClaims {
    issuer: String,
    subject: Option<String>,
    client: Option<String>,
    scopes: TokenScopes,
    rejected_from: UnixTime,
}

/// Claims of a token with a verified signature, issuer, audience and validity period.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VerifiedClaims {
    issuer: String,
    subject: Option<String>,
    client: Option<String>,
    scopes: TokenScopes,
    forbidden: Option<Rejection>,
    rejected_from: UnixTime,
    all: Map<String, Value>,
}

impl PrevalidatedClaims {
    /// Returns the verified claims. `token` is the token that these claims were checked for, with
    /// its signature verified. The issuer's `clients` and `require` are evaluated only now: a rule may
    /// cost more than a signature.
    pub(crate) fn into_verified(self, token: SignedToken, trusted: &Issuer) -> VerifiedClaims {
        let Self { issuer, subject, client, scopes, rejected_from } = self;
        let all = token.claims;
        let forbidden = forbidden(&all, client.as_deref(), trusted);
        VerifiedClaims { issuer, subject, client, scopes, forbidden, rejected_from, all }
    }
}

impl VerifiedClaims {
    /// Returns the token's `iss`.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the moment from which the token is rejected: `exp` plus the issuer's leeway.
    pub(crate) fn rejected_from(&self) -> UnixTime {
        self.rejected_from
    }

    /// Returns `sub`.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Returns the client: the first of the profile's claims that is present.
    pub(crate) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Returns the scopes of all scope claims.
    pub(crate) fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes.names
    }

    /// Returns the scope claims that the token has.
    pub(crate) fn scope_claims(&self) -> &[String] {
        &self.scopes.read_from
    }

    /// Checks that neither the issuer as a whole nor `jti`, `sub` or the client is on the deny-list.
    pub(crate) fn check_deny_list(&self, issuer: &Issuer) -> Result<(), Rejection> {
        let DenyList { jti, sub, client, all } = &issuer.deny_list;
        if *all {
            return Err(Rejection::IssuerDenied);
        }
        let token_id = self.all.get("jti").and_then(Value::as_str);
        let values = [(token_id, jti), (self.subject(), sub), (self.client(), client)];
        let is_denied = values
            .into_iter()
            .any(|(value, denied)| value.is_some_and(|value| denied.contains(value)));
        if is_denied { Err(Rejection::Denylisted) } else { Ok(()) }
    }

    /// Returns the reason the caller is denied every route although the token is valid.
    pub(crate) fn forbidden(&self) -> Option<Rejection> {
        self.forbidden
    }

    /// Returns all claims of the token.
    pub(crate) fn all(&self) -> &Map<String, Value> {
        &self.all
    }
}

/// Checks the claims against the issuer's rules (RFC 7519 section 4.1, RFC 8725 section 3).
pub(crate) fn prevalidate(
    token: &UnverifiedToken<'_>,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<PrevalidatedClaims, Rejection> {
    let claims = token.unverified_claims();
    let iss = token.unverified_issuer()?;
    profile::check(&issuer.profile, token.typ(), claims)?;
    check_issuer(claims, iss, issuer)?;
    let rejected_from = check_validity(claims, issuer, now)?;
    check_audience(claims, issuer)?;
    let subject = string_claim(claims, "sub")?;
    string_claim(claims, "jti")?;
    let mut client = None;
    for name in issuer.profile.client_claims {
        client = client.or(string_claim(claims, name)?);
    }
    Ok(PrevalidatedClaims {
        issuer: iss.to_owned(),
        subject: subject.map(str::to_owned),
        client: client.map(str::to_owned),
        scopes: TokenScopes::read(claims, &issuer.scope_claims),
        rejected_from,
    })
}

/// Checks that `iss` equals the configured issuer, or matches its template with the token's `tid`.
fn check_issuer(claims: &Map<String, Value>, iss: &str, issuer: &Issuer) -> Result<(), Rejection> {
    match issuer.tenant_of(iss) {
        Some(tenant) if string_claim(claims, "tid")? == Some(tenant) => Ok(()),
        None if issuer.is_named(iss) => Ok(()),
        _ => Err(Rejection::UntrustedIssuer(IssuerMismatch::Unknown)),
    }
}

/// Returns the first unmet rule about the client or the claims: 403 rather than 401, because the
/// token is valid.
fn forbidden(
    claims: &Map<String, Value>,
    client: Option<&str>,
    issuer: &Issuer,
) -> Option<Rejection> {
    let allowed =
        |clients: &BTreeSet<String>| client.is_some_and(|client| clients.contains(client));
    if issuer.clients.as_ref().is_some_and(|clients| !allowed(clients)) {
        return Some(Rejection::ClientNotAllowed);
    }
    let unmet = issuer.rules.iter().position(|rule| !rule.holds(claims))?;
    Some(Rejection::RequirementUnmet { rule: unmet.saturating_add(1) })
}

/// Returns the moment from which the token is rejected: `exp` plus the leeway.
fn check_validity(
    claims: &Map<String, Value>,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<UnixTime, Rejection> {
    let expires =
        date_claim(claims, "exp", Rounding::Down)?.ok_or(Rejection::MissingClaim("exp"))?;
    let rejected_from = expires.plus(issuer.leeway);
    // RFC 7519 section 4.1.4: not accepted *on* or after the expiration time.
    if now >= rejected_from {
        return Err(Rejection::TokenExpired { expired: expires.seconds(), now: now.seconds() });
    }
    for name in ["nbf", "iat"] {
        if let Some(start) = date_claim(claims, name, Rounding::Up)?
            && now < start.minus(issuer.leeway)
        {
            return Err(Rejection::NotYetValid { not_before: start.seconds(), now: now.seconds() });
        }
    }
    if let Some(maximum) = issuer.max_token_age {
        let start =
            date_claim(claims, "iat", Rounding::Down)?.ok_or(Rejection::MissingClaim("iat"))?;
        if expires > start.plus(maximum) {
            return Err(Rejection::LifetimeExceeded);
        }
    }
    Ok(rejected_from)
}

/// The rounding of a fraction of a second, always against the token.
#[derive(Clone, Copy)]
enum Rounding {
    Down,
    Up,
}

/// Reads a NumericDate (RFC 7519 section 2): a finite, non-negative number before year 10000.
fn date_claim(
    claims: &Map<String, Value>,
    name: &'static str,
    rounding: Rounding,
) -> Result<Option<UnixTime>, Rejection> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    numeric_date(value, rounding).map(Some).ok_or(Rejection::MalformedClaim(name))
}

fn numeric_date(value: &Value, rounding: Rounding) -> Option<UnixTime> {
    let seconds = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => Some(seconds),
        (None, Some(seconds)) => to_integer(match rounding {
            Rounding::Down => seconds.floor(),
            Rounding::Up => seconds.ceil(),
        }),
        (None, None) => None,
    };
    seconds.filter(|seconds| (0..=LAST_SECOND).contains(seconds)).map(UnixTime::from_seconds)
}

/// Reads the `iat` of a DPoP proof.
pub(crate) fn issued_at(value: &Value) -> Option<UnixTime> {
    numeric_date(value, Rounding::Up)
}

/// Converts an integral float. The standard library converts floats only by `as`, exact below 2⁵³.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the range is checked first, and every integer in it is exact in an f64"
)]
fn to_integer(seconds: f64) -> Option<i64> {
    (0.0..=LAST_SECOND as f64).contains(&seconds).then_some(seconds as i64)
}

/// Checks that a configured audience is in `aud`, a string or an array of strings (RFC 7519
/// section 4.1.3). The issuer's `audience_claim` is read only if the token has no `aud`: one that is
/// present must match.
fn check_audience(claims: &Map<String, Value>, issuer: &Issuer) -> Result<(), Rejection> {
    let (name, value) = match (claims.get("aud"), &issuer.audience_claim) {
        (Some(value), _) => ("aud", value),
        (None, None) => return Err(Rejection::MissingClaim("aud")),
        (None, Some(claim)) => {
            ("audience_claim", claim.find(claims).ok_or(Rejection::AudienceMissing)?)
        }
    };
    let is_configured =
        |audience: &str| issuer.audience().iter().any(|configured| configured == audience);
    let found = match value {
        Value::String(audience) => is_configured(audience),
        Value::Array(audiences) => {
            let mut found = false;
            for audience in audiences {
                found |= is_configured(audience.as_str().ok_or(Rejection::MalformedClaim(name))?);
            }
            found
        }
        _ => return Err(Rejection::MalformedClaim(name)),
    };
    if found { Ok(()) } else { Err(Rejection::AudienceMismatch(name)) }
}

/// Reads an identifier claim. One with control characters, which could forge a log line or a
/// header, is malformed.
fn string_claim<'a>(
    claims: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, Rejection> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text))
            if !text.is_empty()
                && text.len() <= MAX_NAME_BYTES
                && !text.chars().any(char::is_control) =>
        {
            Ok(Some(text))
        }
        Some(_) => Err(Rejection::MalformedClaim(name)),
    }
}
