//! A token's claims + its issuer's rules + `now` → [`PrevalidatedClaims`], and with proof that the issuer
//! signed them → [`VerifiedClaims`]. Nothing here reads the clock, and nothing else makes a
//! `VerifiedClaims`.
//!
//! Judging comes before the signature is checked, because it is cheap and needs no keys; what
//! was judged cannot be used until the signature is.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::error::Rejection;
use crate::issuer::{Issuer, Profile};
use crate::scope::is_scope_name;
use crate::time::UnixTime;
use crate::token::{SignedToken, UnverifiedToken};

mod profile;

/// 9999-12-31T23:59:59Z: a NumericDate beyond it is a mistake (milliseconds, most often).
const LAST_SECOND: i64 = 253_402_300_799;

/// The longest subject that becomes a principal. OpenID Connect Core section 2 allows 255.
const MAX_NAME_BYTES: usize = 512;

/// Claims that are right if the issuer signed them.
pub(crate) struct PrevalidatedClaims {
    issuer: String,
    subject: Option<String>,
    client: Option<String>,
    scopes: BTreeSet<String>,
    forbidden: Option<Rejection>,
}

/// Claims of a token that its issuer signed and that is meant for us, now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VerifiedClaims {
    issuer: String,
    subject: Option<String>,
    client: Option<String>,
    scopes: BTreeSet<String>,
    forbidden: Option<Rejection>,
    all: Map<String, Value>,
}

impl PrevalidatedClaims {
    /// Returns the claims as verified, given the token that was judged, its signature checked.
    pub(crate) fn into_verified(self, token: SignedToken) -> VerifiedClaims {
        let Self { issuer, subject, client, scopes, forbidden } = self;
        VerifiedClaims { issuer, subject, client, scopes, forbidden, all: token.claims }
    }
}

impl VerifiedClaims {
    /// Returns the token's `iss`.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns `sub`.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Returns `client_id`, `azp`, `cid` or `appid`, the first there is (RFC 9068 section 2.2).
    pub(crate) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Returns the scopes of the first configured scope claim that is there.
    pub(crate) fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// Returns why the caller, whoever they rightly are, may call nothing at all.
    pub(crate) fn forbidden(&self) -> Option<Rejection> {
        self.forbidden
    }

    /// Returns every claim, as signed.
    pub(crate) fn all(&self) -> &Map<String, Value> {
        &self.all
    }
}

/// Judges the claims by the issuer's rules (RFC 7519 section 4.1, RFC 8725 section 3).
pub(crate) fn judge(
    token: &UnverifiedToken<'_>,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<PrevalidatedClaims, Rejection> {
    let claims = token.unverified_claims();
    let iss = token.unverified_issuer()?;
    profile::check(issuer.profile, token.typ(), claims)?;
    named(claims, iss, issuer)?;
    times(claims, issuer, now)?;
    audience(claims, issuer)?;
    let subject = text(claims, "sub")?;
    let mut client = None;
    for name in ["client_id", "azp", "cid", "appid"] {
        client = client.or(text(claims, name)?);
    }
    if text(claims, "jti")?.is_some_and(|jti| issuer.denied_jti.contains(jti))
        || subject.is_some_and(|subject| issuer.denied_sub.contains(subject))
    {
        return Err(Rejection::Revoked);
    }
    Ok(PrevalidatedClaims {
        issuer: iss.to_owned(),
        subject: subject.map(str::to_owned),
        client: client.map(str::to_owned),
        scopes: scopes(claims, issuer)?,
        forbidden: forbidden(claims, client, issuer),
    })
}

/// The issuer is byte-equal to the configured one, or fits its template for the `tid` claimed.
fn named(claims: &Map<String, Value>, iss: &str, issuer: &Issuer) -> Result<(), Rejection> {
    match issuer.tenant_of(iss) {
        Some(tenant) if text(claims, "tid")? == Some(tenant) => Ok(()),
        None if issuer.is_named(iss) => Ok(()),
        _ => Err(Rejection::UnknownIssuer),
    }
}

/// What makes no token wrong but keeps its holder out.
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
    let broken = issuer.rules.iter().position(|rule| !rule.holds(claims))?;
    Some(Rejection::RequirementUnmet { rule: broken.saturating_add(1) })
}

fn times(claims: &Map<String, Value>, issuer: &Issuer, now: UnixTime) -> Result<(), Rejection> {
    let expires = date(claims, "exp", Rounding::Down)?.ok_or(Rejection::MissingClaim("exp"))?;
    // Section 4.1.4: not accepted *on* or after the expiration time.
    if now >= expires.plus(issuer.leeway) {
        return Err(Rejection::TokenExpired { expired: expires.seconds(), now: now.seconds() });
    }
    for name in ["nbf", "iat"] {
        if let Some(start) = date(claims, name, Rounding::Up)?
            && now < start.minus(issuer.leeway)
        {
            return Err(Rejection::NotYetValid { not_before: start.seconds(), now: now.seconds() });
        }
    }
    if let Some(longest) = issuer.max_token_age {
        let start = date(claims, "iat", Rounding::Down)?.ok_or(Rejection::MissingClaim("iat"))?;
        if expires > start.plus(longest) {
            return Err(Rejection::LivesTooLong);
        }
    }
    Ok(())
}

/// Where a fraction of a second goes: always against the token.
#[derive(Clone, Copy)]
enum Rounding {
    Down,
    Up,
}

/// Reads a NumericDate (RFC 7519 section 2): a finite, non-negative number before year 10000.
fn date(
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
        (None, Some(seconds)) => whole(match rounding {
            Rounding::Down => seconds.floor(),
            Rounding::Up => seconds.ceil(),
        }),
        (None, None) => None,
    };
    seconds.filter(|seconds| (0..=LAST_SECOND).contains(seconds)).map(UnixTime::from_seconds)
}

/// Reads the time at which something was made, such as a proof.
pub(crate) fn issued_at(value: &Value) -> Option<UnixTime> {
    numeric_date(value, Rounding::Up)
}

/// The standard library converts floats by `as` only; below 2⁵³ that is exact.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the range is checked first, and every whole number in it is exact in an f64"
)]
fn whole(seconds: f64) -> Option<i64> {
    (0.0..=LAST_SECOND as f64).contains(&seconds).then_some(seconds as i64)
}

/// RFC 7519 section 4.1.3: one string or a list of them; one of ours must be there. Cognito's
/// access tokens have none and name their client instead.
fn audience(claims: &Map<String, Value>, issuer: &Issuer) -> Result<(), Rejection> {
    let name = match issuer.profile {
        Profile::Cognito if !claims.contains_key("aud") => "client_id",
        _ => "aud",
    };
    let ours = |audience: &str| issuer.audience().iter().any(|configured| configured == audience);
    let found = match claims.get(name).ok_or(Rejection::MissingClaim(name))? {
        Value::String(audience) => ours(audience),
        Value::Array(audiences) => {
            let mut found = false;
            for audience in audiences {
                found |= ours(audience.as_str().ok_or(Rejection::MalformedClaim("aud"))?);
            }
            found
        }
        _ => return Err(Rejection::MalformedClaim(name)),
    };
    if found { Ok(()) } else { Err(Rejection::AudienceMismatch) }
}

/// Reads the first scope claim there is: RFC 8693 section 4.2 makes it one string of names
/// between single spaces; Okta and Entra ID write lists.
fn scopes(claims: &Map<String, Value>, issuer: &Issuer) -> Result<BTreeSet<String>, Rejection> {
    let malformed = Rejection::MalformedClaim("scope");
    let names: Vec<&str> = match issuer.scope_claims.iter().find_map(|claim| claim.find(claims)) {
        None => Vec::new(),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => text.split(' ').collect(),
        Some(Value::Array(items)) => {
            items.iter().map(Value::as_str).collect::<Option<_>>().ok_or(malformed)?
        }
        Some(_) => return Err(malformed),
    };
    if names.iter().all(|name| is_scope_name(name)) {
        Ok(names.into_iter().map(str::to_owned).collect())
    } else {
        Err(malformed)
    }
}

/// Reads a claim that names someone; what could break a log line or a header is malformed.
fn text<'a>(
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
