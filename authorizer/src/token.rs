//! Compact JWS (RFC 7515 section 3.1) → [`UnverifiedToken`] → [`SignedToken`].
//!
//! Nothing of an unverified token can be read but what finding its key needs. The claims
//! come out only after a key has verified the signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::error::Rejection;
use crate::json;
use crate::signature::{Algorithm, VerifyingKey};

/// The maximum length of a token, in bytes. API Gateway's quota for request line and headers
/// together has the same number, so no longer token can arrive in a header.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
pub const MAX_TOKEN_BYTES: usize = 10_240;

/// The longest `kid` looked up; those of the known issuers have at most 90 characters.
const MAX_KID_BYTES: usize = 512;

/// A token whose form is right and whose signature nobody has checked.
pub(crate) struct UnverifiedToken<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// The claims of a token whose signature a key of its issuer's has verified. Whether
/// they are right is decided by its issuer's rules.
pub(crate) struct SignedToken {
    pub(crate) claims: Map<String, Value>,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes a compact JWS apart.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Rejection> {
        let Parts { header, claims, signed, signature } = Parts::of(text)?;
        let algorithm = algorithm(&header)?;
        let kid = text_member(&header, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(Rejection::Malformed("`kid` is longer than 512 bytes"));
        }
        let typ = text_member(&header, "typ")?;
        Ok(Self { algorithm, kid, typ, claims, signed, signature })
    }

    /// Returns what the token says its issuer is: proof of nothing, needed to find the key.
    pub(crate) fn unverified_issuer(&self) -> Result<&str, Rejection> {
        match self.claims.get("iss") {
            Some(Value::String(issuer)) => Ok(issuer),
            Some(_) => Err(Rejection::MalformedClaim("iss")),
            None => Err(Rejection::MissingClaim("iss")),
        }
    }

    /// Returns the claims, which anybody could have written: to be refused for, never to be
    /// believed.
    pub(crate) fn unverified_claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    pub(crate) fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Releases the claims if one of `keys` verifies the signature, or has before.
    pub(crate) fn verified_by(
        self,
        keys: &[&VerifyingKey],
        verified_before: bool,
    ) -> Result<SignedToken, Rejection> {
        let verifies = |key: &&VerifyingKey| {
            key.algorithm() == self.algorithm
                && key.verifies(self.signed.as_bytes(), &self.signature)
        };
        if verified_before || keys.iter().any(verifies) {
            Ok(SignedToken { claims: self.claims })
        } else {
            Err(Rejection::SignatureInvalid)
        }
    }
}

/// A DPoP proof whose form is right (RFC 9449 section 4.2) and whose signature nobody has
/// checked.
pub(crate) struct UnverifiedProof<'a> {
    algorithm: Algorithm,
    jwk: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> UnverifiedProof<'a> {
    /// Takes a proof apart.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Rejection> {
        let Parts { mut header, claims, signed, signature } = Parts::of(text)?;
        let algorithm = algorithm(&header)?;
        // Section 4.2: an explicit type, so that no other JWT can serve as a proof.
        if header
            .get("typ")
            .and_then(Value::as_str)
            .is_none_or(|typ| !typ.eq_ignore_ascii_case("dpop+jwt"))
        {
            return Err(Rejection::Possession("the proof's `typ` is not dpop+jwt"));
        }
        let Some(Value::Object(jwk)) = header.remove("jwk") else {
            return Err(Rejection::Possession("the proof brings no key"));
        };
        Ok(Self { algorithm, jwk, claims, signed, signature })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the key that the proof brings along: its own, and nobody else's.
    pub(crate) fn jwk(&self) -> &Map<String, Value> {
        &self.jwk
    }

    /// Releases the claims if the key verifies the signature.
    pub(crate) fn verified_by(self, key: &VerifyingKey) -> Result<Map<String, Value>, Rejection> {
        if key.algorithm() == self.algorithm
            && key.verifies(self.signed.as_bytes(), &self.signature)
        {
            Ok(self.claims)
        } else {
            Err(Rejection::Possession("the proof's signature is wrong"))
        }
    }
}

/// The three parts of a compact JWS, decoded.
struct Parts<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, Rejection> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::Malformed("longer than 10,240 bytes"));
        }
        let parts = || Rejection::Malformed("not three parts");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(parts)?;
        let (header, claims) = signed.split_once('.').ok_or_else(parts)?;
        if claims.contains('.') {
            return Err(parts());
        }
        let header =
            object(header, "the header is not base64url", "the header is not strict JSON")?;
        refuse_what_changes_the_meaning(&header)?;
        let claims =
            object(claims, "the claims are not base64url", "the claims are not strict JSON")?;
        let signature = decode(signature, "the signature is not base64url")?;
        Ok(Self { header, claims, signed, signature })
    }
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, Rejection> {
    let name = header.get("alg").and_then(Value::as_str);
    let algorithm = name.and_then(|name| name.parse().ok());
    algorithm.ok_or(Rejection::Malformed("`alg` is not a supported signature algorithm"))
}

/// RFC 7515 section 2 allows no padding; bits beyond the last byte must be zero, or one
/// token would have several spellings.
fn decode(part: &str, otherwise: &'static str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejection::Malformed(otherwise))
}

fn object(
    part: &str,
    not_base64url: &'static str,
    not_json: &'static str,
) -> Result<Map<String, Value>, Rejection> {
    json::object(&decode(part, not_base64url)?).map_err(|_| Rejection::Malformed(not_json))
}

fn text_member(
    header: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<String>, Rejection> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Rejection::Malformed("`kid` or `typ` is not a string")),
    }
}

/// Members that would make the same bytes mean something else. `jwk`, `jku`, `x5u` and
/// `x5c` are harmless because nothing ever reads them.
fn refuse_what_changes_the_meaning(header: &Map<String, Value>) -> Result<(), Rejection> {
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(Rejection::CriticalExtension);
    }
    // RFC 7516 section 4.1: encryption and compression; RFC 7519 section 5.2: a nested JWT.
    match ["enc", "zip", "cty"].into_iter().find(|name| header.contains_key(*name)) {
        Some(name) => Err(Rejection::HeaderMemberNotAllowed(name)),
        None => Ok(()),
    }
}
