//! [`SignedToken`] + issuer's rules + `now` → [`VerifiedClaims`]. Nothing here reads the
//! clock, and nothing else makes a `VerifiedClaims`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::config::{Issuer, is_scope_name};
use crate::error::Rejection;
use crate::time::UnixTime;
use crate::token::SignedToken;

/// 9999-12-31T23:59:59Z: a NumericDate beyond it is a mistake (milliseconds, most often).
const LAST_SECOND: i64 = 253_402_300_799;

/// The longest subject that becomes a principal. OpenID Connect Core section 2 allows 255.
const MAX_PRINCIPAL_BYTES: usize = 512;

/// Claims of a token that its issuer signed and that is meant for us, now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VerifiedClaims {
    issuer: String,
    subject: Option<String>,
    client: Option<String>,
    scopes: BTreeSet<String>,
}

impl VerifiedClaims {
    /// Returns the issuer, byte-equal to a configured one.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns `sub`.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Returns `client_id`, `azp` or `cid`, the first there is (RFC 9068 section 2.2).
    pub(crate) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Returns the scopes of the first configured scope claim that is there.
    pub(crate) fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// Returns who is calling: the subject, else the client, else only the issuer is known.
    pub(crate) fn principal(&self) -> &str {
        self.subject().or(self.client()).unwrap_or(&self.issuer)
    }
}

/// Judges the claims by the issuer's rules (RFC 7519 section 4.1, RFC 8725 section 3).
pub(crate) fn verify(
    token: &SignedToken,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<VerifiedClaims, Rejection> {
    let claims = &token.claims;
    access_token(token)?;
    if text(claims, "iss")?.ok_or(Rejection::MissingClaim("iss"))? != issuer.issuer() {
        return Err(Rejection::UnknownIssuer);
    }
    times(claims, issuer, now)?;
    audience(claims, issuer)?;
    let client = [text(claims, "client_id")?, text(claims, "azp")?, text(claims, "cid")?];
    Ok(VerifiedClaims {
        issuer: issuer.issuer().to_owned(),
        subject: text(claims, "sub")?.map(str::to_owned),
        client: client.into_iter().flatten().next().map(str::to_owned),
        scopes: scopes(claims, issuer)?,
    })
}

/// RFC 8725 section 3.12: tokens of different kinds must not stand in for each other.
fn access_token(token: &SignedToken) -> Result<(), Rejection> {
    // RFC 7515 section 4.1.9: compared without case, `application/` may be left out.
    let typ = token.typ.as_deref().map(str::to_ascii_lowercase);
    match typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ)) {
        None | Some("jwt" | "at+jwt") => {}
        Some(_) => return Err(Rejection::TokenType),
    }
    if let Some(mark) =
        ["at_hash", "c_hash", "nonce"].into_iter().find(|mark| token.claims.contains_key(*mark))
    {
        return Err(Rejection::IdToken(mark));
    }
    // Amazon Cognito's mark.
    if token.claims.get("token_use").is_some_and(|usage| usage != "access") {
        return Err(Rejection::IdToken("token_use"));
    }
    Ok(())
}

fn times(claims: &Map<String, Value>, issuer: &Issuer, now: UnixTime) -> Result<(), Rejection> {
    let expires = date(claims, "exp", Rounding::Down)?.ok_or(Rejection::MissingClaim("exp"))?;
    // Section 4.1.4: not accepted *on* or after the expiration time.
    if now >= expires.plus(issuer.leeway()) {
        return Err(Rejection::TokenExpired { expired: expires.seconds(), now: now.seconds() });
    }
    for name in ["nbf", "iat"] {
        if let Some(start) = date(claims, name, Rounding::Up)?
            && now < start.minus(issuer.leeway())
        {
            return Err(Rejection::NotYetValid { not_before: start.seconds(), now: now.seconds() });
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
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = match (value.as_i64(), value.as_f64()) {
        (Some(seconds), _) => Some(seconds),
        (None, Some(seconds)) => whole(match rounding {
            Rounding::Down => seconds.floor(),
            Rounding::Up => seconds.ceil(),
        }),
        (None, None) => None,
    };
    seconds
        .filter(|seconds| (0..=LAST_SECOND).contains(seconds))
        .map(|seconds| Some(UnixTime::from_seconds(seconds)))
        .ok_or(Rejection::MalformedClaim(name))
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

/// RFC 7519 section 4.1.3: one string or a list of them; one of ours must be there.
fn audience(claims: &Map<String, Value>, issuer: &Issuer) -> Result<(), Rejection> {
    let ours = |audience: &str| issuer.audience().iter().any(|configured| configured == audience);
    let found = match claims.get("aud").ok_or(Rejection::MissingClaim("aud"))? {
        Value::String(audience) => ours(audience),
        Value::Array(audiences) => {
            let mut found = false;
            for audience in audiences {
                found |= ours(audience.as_str().ok_or(Rejection::MalformedClaim("aud"))?);
            }
            found
        }
        _ => return Err(Rejection::MalformedClaim("aud")),
    };
    if found { Ok(()) } else { Err(Rejection::AudienceMismatch) }
}

/// Reads the first scope claim there is: RFC 8693 section 4.2 makes it one string of names
/// between single spaces; Okta and Entra ID write lists.
fn scopes(claims: &Map<String, Value>, issuer: &Issuer) -> Result<BTreeSet<String>, Rejection> {
    let malformed = Rejection::MalformedClaim("scope");
    let names: Vec<&str> = match issuer.scope_claims().iter().find_map(|name| claims.get(name)) {
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
                && text.len() <= MAX_PRINCIPAL_BYTES
                && !text.chars().any(char::is_control) =>
        {
            Ok(Some(text))
        }
        Some(_) => Err(Rejection::MalformedClaim(name)),
    }
}
