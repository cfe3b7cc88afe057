//! Proof of possession: DPoP (RFC 9449) and mutual TLS (RFC 8705). A token that is bound to a
//! key is good only in the hands of who has it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use url::Url;

use crate::claims::{VerifiedClaims, issued_at};
use crate::credential::{Credential, Scheme};
use crate::error::Rejection;
use crate::event::{AuthorizationRequest, Field};
use crate::issuer::{Issuer, Possession};
use crate::jwk;
use crate::pem;
use crate::secure_url;
use crate::signature::sha256;
use crate::time::UnixTime;
use crate::token::UnverifiedProof;

/// How old a proof may be: RFC 9449 section 11.1 asks for seconds to minutes.
const PROOF_LIFETIME: Duration = Duration::from_mins(1);

/// What a token is bound to (RFC 7800 section 3.1).
struct Binding<'a> {
    key: Option<&'a str>,
    certificate: Option<&'a str>,
}

/// Checks that the caller has what the token is bound to, as the issuer's rules ask.
pub(crate) fn check(
    request: &AuthorizationRequest<'_>,
    credential: Credential<'_>,
    claims: &VerifiedClaims,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<(), Rejection> {
    let binding = binding(claims.all())?;
    match (issuer.dpop, binding.key, credential.scheme) {
        (Possession::Forbidden, Some(_), _) => {
            return Err(Rejection::Possession("the token is bound by DPoP, which is not checked"));
        }
        (Possession::Required, None, _) => {
            return Err(Rejection::Possession("the token is not bound by DPoP"));
        }
        (_, None, Scheme::DPoP) => {
            return Err(Rejection::Possession("the scheme is DPoP and the token is not bound"));
        }
        (_, Some(_), Scheme::Bearer) => {
            return Err(Rejection::Possession("a token bound by DPoP came as a bearer token"));
        }
        (_, Some(thumbprint), Scheme::DPoP) => {
            dpop(request, credential.token, thumbprint, issuer, now)?;
        }
        (_, None, Scheme::Bearer) => {}
    }
    match (issuer.mtls, binding.certificate) {
        (Possession::Forbidden, Some(_)) => {
            Err(Rejection::Possession("the token is bound to a certificate, which is not checked"))
        }
        (Possession::Required, None) => {
            Err(Rejection::Possession("the token is not bound to a certificate"))
        }
        (_, Some(thumbprint)) => certificate(request, thumbprint),
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
    // A method of confirmation that is not understood must not be passed over.
    let known = usize::from(binding.key.is_some())
        .saturating_add(usize::from(binding.certificate.is_some()));
    if known == 0 || known != confirmation.len() {
        return Err(Rejection::Possession("the token is bound in a way that is not supported"));
    }
    Ok(binding)
}

/// RFC 9449 section 4.3, in its order.
fn dpop(
    request: &AuthorizationRequest<'_>,
    token: &str,
    thumbprint: &str,
    issuer: &Issuer,
    now: UnixTime,
) -> Result<(), Rejection> {
    let Field::One(text) = request.header("dpop") else {
        return Err(Rejection::Possession("there is not exactly one DPoP header"));
    };
    let proof = UnverifiedProof::parse(text)?;
    let key = jwk::single(proof.jwk(), proof.algorithm())
        .ok_or(Rejection::Possession("the proof's key is not a public signature key"))?;
    let made_for = jwk::thumbprint(proof.jwk());
    let claims = proof.verified_by(&key)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let (method, host, path) =
        request.target().ok_or(Rejection::Possession("the event does not say what is called"))?;
    if text("htm") != Some(method) {
        return Err(Rejection::Possession("the proof is for another method"));
    }
    if !text("htu").is_some_and(|uri| is_target(uri, host, path)) {
        return Err(Rejection::Possession("the proof is for another URI"));
    }
    if text("jti").is_none_or(str::is_empty) {
        return Err(Rejection::Possession("the proof has no `jti`"));
    }
    let made = claims
        .get("iat")
        .and_then(issued_at)
        .ok_or(Rejection::Possession("the proof has no `iat`"))?;
    if made > now.plus(issuer.leeway) || now > made.plus(PROOF_LIFETIME).plus(issuer.leeway) {
        return Err(Rejection::Possession("the proof was not made just now"));
    }
    let hash = URL_SAFE_NO_PAD.encode(sha256(token.as_bytes()));
    if text("ath") != Some(&hash) {
        return Err(Rejection::Possession("the proof is for another token"));
    }
    if made_for.as_deref() != Some(thumbprint) {
        return Err(Rejection::Possession("the proof is by another key"));
    }
    Ok(())
}

/// Section 4.3 step 9: without query and fragment, compared after normalisation. API Gateway
/// is reached by https only; http is for a gateway on this machine.
fn is_target(uri: &str, host: &str, path: &str) -> bool {
    let Ok(claimed) = Url::parse(uri) else { return false };
    if claimed.query().is_some() || claimed.fragment().is_some() {
        return false;
    }
    let Ok(actual) = Url::parse(&format!("{}://{host}{path}", claimed.scheme())) else {
        return false;
    };
    let secure = secure_url::parse(uri).is_some();
    secure && actual.query().is_none() && claimed == actual
}

/// RFC 8705 section 3.1: the SHA-256 of the certificate's DER.
fn certificate(request: &AuthorizationRequest<'_>, thumbprint: &str) -> Result<(), Rejection> {
    let pem = request
        .client_certificate()
        .ok_or(Rejection::Possession("there is no client certificate"))?;
    let certificates = pem::certificates(pem).unwrap_or_default();
    let certificate =
        certificates.first().ok_or(Rejection::Possession("the client certificate is not PEM"))?;
    if URL_SAFE_NO_PAD.encode(sha256(certificate)) == thumbprint {
        Ok(())
    } else {
        Err(Rejection::Possession("the client certificate is another one"))
    }
}
