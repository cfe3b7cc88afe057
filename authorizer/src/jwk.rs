//! Key-set bytes → the keys that may verify tokens (RFC 7517). What cannot is skipped and
//! counted: one bad key never spoils a set.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::json;
use crate::signature::{Algorithm, PublicNumbers, VerifyingKey};

/// The most signatures checked for one token, where several keys share a `kid`.
const MAX_CANDIDATES: usize = 3;

/// The eligible keys of one issuer, as read at one moment.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Jwk>,
    skipped: usize,
}

#[derive(Debug)]
struct Jwk {
    kid: Option<String>,
    key: VerifyingKey,
}

/// Why a document is no key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// Not JSON, or not an object with an array `keys`.
    #[error("the document is not a JSON Web Key Set")]
    Malformed,
    /// Nothing in it can verify a token under the issuer's algorithms.
    #[error("the key set has no key that fits the issuer's algorithms")]
    NoEligibleKey,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Reads a key set for an issuer that may use `algorithms`.
    pub fn read(document: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        let document: Document<'_> =
            serde_json::from_slice(document).map_err(|_| KeySetError::Malformed)?;
        let mut set = Self::default();
        for text in document.keys {
            let before = set.keys.len();
            set.add(text.get().as_bytes(), algorithms);
            if set.keys.len() == before {
                set.skipped = set.skipped.saturating_add(1);
            }
        }
        if set.keys.is_empty() { Err(KeySetError::NoEligibleKey) } else { Ok(set) }
    }

    /// Returns how many keys of the document were passed over.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Says whether a key of this name is in the set.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|jwk| jwk.kid.as_deref() == Some(kid))
    }

    /// Returns the keys that may have signed a token with this header, at most three.
    ///
    /// Without a `kid` there must be exactly one that fits (RFC 7515 section 4.1.4 leaves the
    /// choice to the application): guessing among several would weaken rotation.
    pub(crate) fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<&VerifyingKey> {
        let fitting = self.keys.iter().filter(|jwk| jwk.key.algorithm() == algorithm);
        if kid.is_some() {
            let named = fitting.filter(|jwk| jwk.kid.as_deref() == kid);
            return named.map(|jwk| &jwk.key).take(MAX_CANDIDATES).collect();
        }
        let keys: Vec<_> = fitting.map(|jwk| &jwk.key).take(2).collect();
        if keys.len() == 1 { keys } else { Vec::new() }
    }

    /// Adds the key once for each algorithm it may serve; does nothing if it may serve none.
    fn add(&mut self, text: &[u8], algorithms: &[Algorithm]) {
        let Some((kid, declared, numbers)) = json::object(text).ok().and_then(|jwk| eligible(&jwk))
        else {
            return;
        };
        for &algorithm in algorithms {
            if declared.is_some_and(|declared| declared != algorithm) {
                continue;
            }
            if let Some(key) = VerifyingKey::new(algorithm, &numbers) {
                self.keys.push(Jwk { kid: kid.clone(), key });
            }
        }
    }
}

/// Reads one key; `None` if it is not a public signature key.
fn eligible(
    jwk: &Map<String, Value>,
) -> Option<(Option<String>, Option<Algorithm>, PublicNumbers)> {
    let kid = match jwk.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str()?.to_owned()),
    };
    let declared = match jwk.get("alg") {
        None => None,
        Some(name) => Some(name.as_str()?.parse().ok()?),
    };
    // RFC 7517 sections 4.2 and 4.3: an encryption key never verifies a signature.
    if jwk.get("use").is_some_and(|usage| usage != "sig") {
        return None;
    }
    if let Some(operations) = jwk.get("key_ops") {
        operations.as_array()?.iter().find(|operation| *operation == "verify")?;
    }
    // A published private key is known to everyone: what it signs proves nothing.
    if jwk.contains_key("d") || jwk.contains_key("k") {
        return None;
    }
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
    let curve = || jwk.get("crv")?.as_str();
    let numbers = match (jwk.get("kty")?.as_str()?, curve()) {
        ("RSA", _) => {
            let (n, e) = (number("n")?, number("e")?);
            PublicNumbers::Rsa { n: unpadded(&n).to_vec(), e: unpadded(&e).to_vec() }
        }
        ("EC", Some("P-256")) => PublicNumbers::P256 { x: number("x")?, y: number("y")? },
        ("EC", Some("P-384")) => PublicNumbers::P384 { x: number("x")?, y: number("y")? },
        ("OKP", Some("Ed25519")) => PublicNumbers::Ed25519 { x: number("x")? },
        _ => return None,
    };
    Some((kid, declared, numbers))
}

/// Some issuers write the sign byte of ASN.1 into `n`, against RFC 7518 section 6.3.1.1.
fn unpadded(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
