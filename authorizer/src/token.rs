//! Compact JWS (RFC 7515 section 3.1) → [`UnverifiedToken`] → [`SignedToken`].
//!
//! The claims of an unverified token serve only to select its key and to reject it early. They
//! are released as [`SignedToken`] only after a key has verified the signature.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::error::Rejection;
use crate::json;
use crate::signature::{Algorithm, VerifyingKey};

/// The maximum length of a token, in bytes. API Gateway's quota for request line and headers
/// together is the same, so a header cannot contain a longer token.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
pub const MAX_TOKEN_BYTES: usize = 10_240;

/// The maximum length of a `kid`, in bytes. Those of known issuers have at most 90.
const MAX_KID_BYTES: usize = 512;

/// A well-formed token whose signature is not verified.
pub(crate) struct UnverifiedToken<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    has_nonce: bool,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

/// The claims of a token whose signature is verified. They are not yet checked against the
/// issuer's rules.
pub(crate) struct SignedToken {
    pub(crate) claims: Map<String, Value>,
}

impl<'a> UnverifiedToken<'a> {
    /// Parses a compact JWS.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Rejection> {
        let Parts { header, claims, signed, signature } = Parts::of(text)?;
        let algorithm = algorithm(&header)?;
        let kid = string_parameter(&header, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(Rejection::Malformed("`kid` is longer than 512 bytes"));
        }
        let typ = string_parameter(&header, "typ")?;
        let has_nonce = header.contains_key("nonce");
        Ok(Self { algorithm, kid, typ, has_nonce, claims, signed, signature })
    }

    /// Returns the unverified `iss`, to select the issuer whose keys are tried.
    pub(crate) fn unverified_issuer(&self) -> Result<&str, Rejection> {
        match self.claims.get("iss") {
            Some(Value::String(issuer)) => Ok(issuer),
            Some(_) => Err(Rejection::MalformedClaim("iss")),
            None => Err(Rejection::MissingClaim("iss")),
        }
    }

    /// Returns the unverified claims, which an attacker may have written. They may cause a
    /// rejection and never a grant.
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

    /// Releases the claims if one of `keys` verifies the signature. `previously_verified` skips
    /// the check for a token that the verified-token cache contains.
    pub(crate) fn verify(
        self,
        keys: &[&VerifyingKey],
        previously_verified: bool,
    ) -> Result<SignedToken, Rejection> {
        let verifies = |key: &&VerifyingKey| {
            key.algorithm() == self.algorithm
                && key.verifies(self.signed.as_bytes(), &self.signature)
        };
        if previously_verified || keys.iter().any(verifies) {
            Ok(SignedToken { claims: self.claims })
        } else if self.has_nonce {
            Err(Rejection::GraphToken)
        } else {
            Err(Rejection::InvalidSignature)
        }
    }
}

/// A well-formed DPoP proof (RFC 9449 section 4.2) whose signature is not verified.
pub(crate) struct UnverifiedProof<'a> {
    algorithm: Algorithm,
    jwk: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> UnverifiedProof<'a> {
    /// Parses a DPoP proof. Every error is one of the proof, not of the token.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Rejection> {
        let of_proof = |error| match error {
            Rejection::Malformed(detail) => Rejection::Possession(detail),
            _ => Rejection::Possession("DPoP proof has an unsupported header parameter"),
        };
        let Parts { mut header, claims, signed, signature } = Parts::of(text).map_err(of_proof)?;
        let algorithm = algorithm(&header).map_err(of_proof)?;
        if !Algorithm::FOR_PROOFS.contains(&algorithm) {
            return Err(Rejection::Possession("DPoP proof `alg` is not accepted"));
        }
        // Section 4.2: an explicit type, so that no other JWT is accepted as a proof.
        if header
            .get("typ")
            .and_then(Value::as_str)
            .is_none_or(|typ| !typ.eq_ignore_ascii_case("dpop+jwt"))
        {
            return Err(Rejection::Possession("DPoP proof `typ` is not `dpop+jwt`"));
        }
        let Some(Value::Object(jwk)) = header.remove("jwk") else {
            return Err(Rejection::Possession("DPoP proof has no `jwk`"));
        };
        Ok(Self { algorithm, jwk, claims, signed, signature })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public key embedded in the proof.
    pub(crate) fn jwk(&self) -> &Map<String, Value> {
        &self.jwk
    }

    /// Releases the claims if the key verifies the signature.
    pub(crate) fn verify(self, key: &VerifyingKey) -> Result<Map<String, Value>, Rejection> {
        if key.algorithm() == self.algorithm
            && key.verifies(self.signed.as_bytes(), &self.signature)
        {
            Ok(self.claims)
        } else {
            Err(Rejection::Possession("DPoP proof signature verification failed"))
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
        let malformed = || match text.bytes().filter(|byte| *byte == b'.').count() {
            4 => Rejection::Malformed("encrypted (JWE); request a token with the API's audience"),
            _ => Rejection::Malformed(
                "expected three parts; a token that was requested without an audience is opaque",
            ),
        };
        let (signed, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        if claims.contains('.') {
            return Err(malformed());
        }
        let header = object(
            header,
            "header is not base64url",
            "header is not a JSON object with unique members",
        )?;
        reject_unsupported_parameters(&header)?;
        let claims = object(
            claims,
            "claims are not base64url",
            "claims are not a JSON object with unique members",
        )?;
        let signature = decode(signature, "signature is not base64url")?;
        Ok(Self { header, claims, signed, signature })
    }
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, Rejection> {
    let name = header.get("alg").and_then(Value::as_str);
    let algorithm = name.and_then(|name| name.parse().ok());
    algorithm.ok_or(Rejection::Malformed("unsupported `alg`"))
}

/// Decodes base64url without padding (RFC 7515 section 2). Unused trailing bits must be zero, or
/// one token would have several encodings.
fn decode(part: &str, error: &'static str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejection::Malformed(error))
}

fn object(
    part: &str,
    not_base64url: &'static str,
    not_json: &'static str,
) -> Result<Map<String, Value>, Rejection> {
    json::object(&decode(part, not_base64url)?).map_err(|_| Rejection::Malformed(not_json))
}

fn string_parameter(
    header: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<String>, Rejection> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Rejection::Malformed("`kid` or `typ` is not a string")),
    }
}

/// Rejects header parameters that would change how the token is processed. `jwk`, `jku`, `x5u`
/// and `x5c` of an access token are never read, so they are accepted.
fn reject_unsupported_parameters(header: &Map<String, Value>) -> Result<(), Rejection> {
    if header.contains_key("crit") || header.contains_key("b64") {
        return Err(Rejection::CriticalExtension);
    }
    // RFC 7516 section 4.1: encryption and compression; RFC 7519 section 5.2: a nested JWT.
    match ["enc", "zip", "cty"].into_iter().find(|name| header.contains_key(*name)) {
        Some(name) => Err(Rejection::HeaderParameterNotAllowed(name)),
        None => Ok(()),
    }
}
