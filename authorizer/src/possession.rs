//! Proof of possession: DPoP (RFC 9449) and certificate-bound tokens (RFC 8705). A bound token is
//! accepted only from a client that proves possession of the key.

mod rfc_examples;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::claims::{VerifiedClaims, issued_at};
use crate::credential::{Credential, Scheme};
use crate::error::Rejection;
use crate::event::{AuthorizationRequest, Field};
use crate::issuer::{Issuer, Possession};
use crate::jwk;
use crate::normalized_uri::NormalizedUri;
use crate::pem;
use crate::signature::sha256;
use crate::time::UnixTime;
use crate::token::UnverifiedProof;

/// The maximum age of a proof: RFC 9449 section 11.1 recommends seconds or minutes.
const PROOF_LIFETIME: Duration = Duration::from_mins(1);

/// The confirmation claim `cnf` (RFC 7800 section 3.1): the thumbprints of a key and a certificate.
struct Binding<'a> {
    key: Option<&'a str>,
    certificate: Option<&'a str>,
}

/// Checks that the caller proves possession of the key and the certificate that the token is bound
/// to, by the issuer's `dpop` and `mtls`.
pub(crate) fn check(
    request: &AuthorizationRequest<'_>,
    credential: Credential<'_>,
    claims: &VerifiedClaims,
    issuer: &Issuer,
    public_urls: Option<&[NormalizedUri]>,
    now: UnixTime,
) -> Result<(), Rejection> {
    let binding = binding(claims.all())?;
    match (issuer.dpop, binding.key, credential.scheme) {
        (Possession::Forbidden, Some(_), _) => {
            return Err(Rejection::Possession("DPoP-bound token, but `dpop` is not enabled"));
        }
        (Possession::Required, None, _) => {
            return Err(Rejection::Possession("expected a DPoP-bound token"));
        }
        (_, None, Scheme::DPoP) => {
            return Err(Rejection::Possession("DPoP scheme with a token that is not DPoP-bound"));
        }
        (_, Some(_), Scheme::Bearer) => {
            return Err(Rejection::Possession("DPoP-bound token presented with the Bearer scheme"));
        }
        (_, Some(thumbprint), Scheme::DPoP) => {
            check_dpop(request, credential.token, thumbprint, issuer, public_urls, now)?;
        }
        (_, None, Scheme::Bearer) => {}
    }
    match (issuer.mtls, binding.certificate) {
        (Possession::Forbidden, Some(_)) => {
            Err(Rejection::Possession("certificate-bound token, but `mtls` is not enabled"))
        }
        (Possession::Required, None) => {
            Err(Rejection::Possession("expected a certificate-bound token"))
        }
        (_, Some(thumbprint)) => check_certificate(request, thumbprint),
        (_, None) => Ok(()),
    }
}

fn binding(claims: &Map<String, Value>) -> Result<Binding<'_>, Rejection> {
    let Some(confirmation) = claims.get("cnf") else {
        return Ok(Binding { key: None, certificate: None });
    };
    let malformed = Rejection::MalformedClaim("cnf");
    let confirmation = confirmation.as_object().ok_or(malformed)?;
    let text = |name: &str| match confirmation.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(malformed),
    };
    let binding = Binding { key: text("jkt")?, certificate: text("x5t#S256")? };
    // RFC 7800 section 3.1: unknown members are ignored, but one that is checked must be present.
    if binding.key.is_none() && binding.certificate.is_none() {
        return Err(Rejection::Possession("unsupported confirmation method in `cnf`"));
    }
    Ok(binding)
}

/// Checks the DPoP proof, in the order of RFC 9449 section 4.3.
fn check_dpop(
    request: &AuthorizationRequest<'_>,
    token: &str,
    thumbprint: &str,
    issuer: &Issuer,
    public_urls: Option<&[NormalizedUri]>,
    now: UnixTime,
) -> Result<(), Rejection> {
    let Field::One(text) = request.header("dpop") else {
        return Err(Rejection::Possession("expected exactly one DPoP header"));
    };
    let proof = UnverifiedProof::parse(text)?;
    let key = jwk::verifying_key(proof.jwk(), proof.algorithm())
        .ok_or(Rejection::Possession("DPoP proof `jwk` is not a public key for its `alg`"))?;
    let proof_thumbprint = jwk::thumbprint(proof.jwk());
    let claims = proof.verify(&key)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    check_target(request, &claims, public_urls)?;
    if text("jti").is_none_or(str::is_empty) {
        return Err(Rejection::Possession("DPoP proof has no `jti`"));
    }
    let iat = claims
        .get("iat")
        .and_then(issued_at)
        .ok_or(Rejection::Possession("DPoP proof has no valid `iat`"))?;
    if iat > now.plus(issuer.leeway) || now > iat.plus(PROOF_LIFETIME).plus(issuer.leeway) {
        return Err(Rejection::Possession("DPoP proof `iat` is outside the accepted window"));
    }
    let hash = URL_SAFE_NO_PAD.encode(sha256(token.as_bytes()));
    if text("ath") != Some(&hash) {
        return Err(Rejection::Possession("DPoP proof `ath` does not match the token"));
    }
    if proof_thumbprint.as_deref() != Some(thumbprint) {
        return Err(Rejection::Possession("DPoP proof key does not match `cnf.jkt`"));
    }
    Ok(())
}

/// Checks that the DPoP proof is for the method and the URI of the request (RFC 9449 section 4.3,
/// checks 8 and 9).
fn check_target(
    request: &AuthorizationRequest<'_>,
    proof: &Map<String, Value>,
    public_urls: Option<&[NormalizedUri]>,
) -> Result<(), Rejection> {
    let text = |name: &str| proof.get(name).and_then(Value::as_str);
    let method = request.http_method().ok_or(Rejection::Possession("the event has no method"))?;
    if text("htm") != Some(method) {
        return Err(Rejection::Possession("DPoP proof `htm` does not match the method"));
    }
    let claimed = text("htu").and_then(NormalizedUri::parse);
    let is_target = claimed.is_some_and(|claimed| match public_urls {
        Some(bases) => is_below(&claimed, bases, request),
        None => is_requested(&claimed, request),
    });
    if is_target {
        Ok(())
    } else {
        Err(Rejection::Possession("DPoP proof `htu` does not match the URI"))
    }
}

/// Returns whether a URI is the one of the request at API Gateway, which serves https; http is for
/// a loopback host, for local gateways.
fn is_requested(claimed: &NormalizedUri, request: &AuthorizationRequest<'_>) -> bool {
    request.target().is_some_and(|(host, path)| {
        ["https://", "http://"].into_iter().any(|scheme| {
            NormalizedUri::of_request(&[scheme, host].concat(), path).as_ref() == Some(claimed)
        })
    })
}

/// Returns whether a URI is the one of the request below a base URL. API Gateway ignores a slash at
/// its end, and the method ARN may lack it.
fn is_below(
    claimed: &NormalizedUri,
    bases: &[NormalizedUri],
    request: &AuthorizationRequest<'_>,
) -> bool {
    let Ok(arn) = request.method() else { return false };
    let claimed = claimed.clone().without_trailing_slash();
    let mut expected = bases.iter().filter_map(|base| base.below(arn.path()));
    expected.any(|uri| uri.without_trailing_slash() == claimed)
}

/// Checks the client certificate against `x5t#S256`, the SHA-256 of its DER (RFC 8705 section 3.1).
fn check_certificate(
    request: &AuthorizationRequest<'_>,
    thumbprint: &str,
) -> Result<(), Rejection> {
    let pem =
        request.client_certificate().ok_or(Rejection::Possession("missing client certificate"))?;
    let certificates = pem::certificates(pem).unwrap_or_default();
    let certificate =
        certificates.first().ok_or(Rejection::Possession("client certificate is not PEM"))?;
    if URL_SAFE_NO_PAD.encode(sha256(certificate)) == thumbprint {
        Ok(())
    } else {
        Err(Rejection::Possession("client certificate does not match `cnf.x5t#S256`"))
    }
}
