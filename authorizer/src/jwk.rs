//! JWK Set bytes → the keys that may verify tokens (RFC 7517). Other keys are skipped and counted:
//! one invalid key does not invalidate the set.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::issuer::TENANT;
use crate::json;
use crate::signature::{Algorithm, PublicNumbers, VerifyingKey, sha256};

/// The maximum number of signature checks for one token, if several keys share a `kid`.
const MAX_CANDIDATES: usize = 3;

/// The eligible keys of one issuer, from one JWK Set document.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Jwk>,
    skipped: usize,
    private: usize,
    weak: usize,
    /// Keys without `alg` that `algorithms` would allow for two families.
    ambiguous: usize,
    generation: u64,
}

#[derive(Debug)]
struct Jwk {
    kid: Option<String>,
    issuer: Option<String>,
    key: VerifyingKey,
}

/// A JWK with decoded members.
struct ParsedJwk {
    kid: Option<String>,
    issuer: Option<String>,
    algorithm: Option<Algorithm>,
    numbers: PublicNumbers,
}

/// The properties by which a token selects its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySelector<'a> {
    /// The header's `kid`.
    pub(crate) kid: Option<&'a str>,
    /// The header's `alg`.
    pub(crate) algorithm: Algorithm,
    /// The token's `iss`.
    pub(crate) issuer: &'a str,
    /// The tenant in `iss`, if the configured issuer is a template.
    pub(crate) tenant: Option<&'a str>,
}

/// The reason a document is not a usable key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// Not JSON, or not an object with an array `keys`.
    #[error("not a JSON Web Key Set")]
    Malformed,
    /// RFC 8725 section 3.1: each key has one algorithm. A key without `alg` could be used for two
    /// families.
    #[error("the keys have no `alg`, and `algorithms` lists both RS and PS algorithms")]
    AmbiguousAlgorithm,
    /// No key can verify a token with one of the issuer's algorithms.
    #[error("the key set has no key for the issuer's algorithms")]
    NoEligibleKey,
    /// A key set to bundle has a private or symmetric key.
    #[error("the key set contains a private or symmetric key")]
    PrivateKey,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// Reads the key set of an issuer whose allowed algorithms are `algorithms`.
    pub fn read(document: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        let document: Document<'_> =
            serde_json::from_slice(document).map_err(|_| KeySetError::Malformed)?;
        let mut set = Self::default();
        for text in document.keys {
            let before = set.keys.len();
            let jwk = json::object(text.get().as_bytes()).ok();
            if jwk.as_ref().is_some_and(is_private) {
                set.private = set.private.saturating_add(1);
            }
            set.add(jwk.as_ref(), algorithms);
            if set.keys.len() == before {
                set.skipped = set.skipped.saturating_add(1);
            }
        }
        match (set.keys.is_empty(), set.ambiguous) {
            (false, _) => Ok(set),
            (true, 0) => Err(KeySetError::NoEligibleKey),
            (true, _) => Err(KeySetError::AmbiguousAlgorithm),
        }
    }

    /// Returns the number of keys that were skipped.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Returns a warning about the key set: a published private key is compromised, a weak or
    /// malformed key verifies nothing.
    pub fn warning(&self) -> Option<&'static str> {
        match (self.private, self.ambiguous, self.weak) {
            (0, 0, 0) => None,
            (0, 0, _) => Some("the issuer's key set contains a weak or malformed signature key"),
            (0, _, _) => Some(
                "the issuer's key set contains an RSA key without `alg`, and `algorithms` lists both RS and PS algorithms",
            ),
            (_, _, _) => Some("the issuer's key set contains a private or symmetric key"),
        }
    }

    /// Returns whether a key without `alg` was skipped because it could be used for two families.
    pub(crate) fn has_ambiguous_key(&self) -> bool {
        self.ambiguous > 0
    }

    /// Returns the generation: the number of the fetch that the set is from, counted per issuer.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the set with another generation.
    pub(crate) fn with_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// Returns whether the set has a key with this `kid`.
    pub(crate) fn contains(&self, kid: &str) -> bool {
        self.keys.iter().any(|jwk| jwk.kid.as_deref() == Some(kid))
    }

    /// Returns the keys that match the token's header, at most three.
    ///
    /// Without a `kid`, exactly one key must match; several give none. RFC 7515 section 4.1.4
    /// leaves this choice to the application.
    pub(crate) fn candidates(&self, selector: KeySelector<'_>) -> Vec<&VerifyingKey> {
        let matching = self
            .keys
            .iter()
            .filter(|jwk| jwk.key.algorithm() == selector.algorithm && jwk.is_for_issuer(selector));
        if selector.kid.is_some() {
            let with_kid = matching.filter(|jwk| jwk.kid.as_deref() == selector.kid);
            return with_kid.map(|jwk| &jwk.key).take(MAX_CANDIDATES).collect();
        }
        let keys: Vec<_> = matching.map(|jwk| &jwk.key).take(2).collect();
        if keys.len() == 1 { keys } else { Vec::new() }
    }

    /// Adds the key once for each algorithm that it is eligible for.
    fn add(&mut self, jwk: Option<&Map<String, Value>>, algorithms: &[Algorithm]) {
        let Some(parsed) = jwk.and_then(parse) else { return };
        let ParsedJwk { kid, issuer, algorithm: declared, numbers } = parsed;
        let is_eligible = |algorithm: &Algorithm| {
            declared.is_none_or(|declared| declared == *algorithm) && algorithm.accepts(&numbers)
        };
        let mut eligible = algorithms.iter().copied().filter(is_eligible).peekable();
        let family = eligible.peek().map(|algorithm| algorithm.family());
        if declared.is_none() && eligible.clone().any(|other| Some(other.family()) != family) {
            self.ambiguous = self.ambiguous.saturating_add(1);
            return;
        }
        let (has_eligible, before) = (eligible.peek().is_some(), self.keys.len());
        for algorithm in eligible {
            if let Some(key) = VerifyingKey::new(algorithm, &numbers) {
                self.keys.push(Jwk { kid: kid.clone(), issuer: issuer.clone(), key });
            }
        }
        if has_eligible && self.keys.len() == before {
            self.weak = self.weak.saturating_add(1);
        }
    }
}

impl Jwk {
    /// Returns whether the key may sign for the token's issuer. In key sets of Microsoft Entra ID, each
    /// key has an `issuer` member: an issuer identifier, or a template of all tenants'.
    fn is_for_issuer(&self, selector: KeySelector<'_>) -> bool {
        let Some(issuer) = &self.issuer else { return true };
        match (issuer.split_once(TENANT), selector.tenant) {
            (None, _) => issuer == selector.issuer,
            (Some((before, after)), tenant) => {
                let found = selector.issuer.strip_prefix(before);
                let found = found.and_then(|rest| rest.strip_suffix(after));
                found.is_some_and(|found| match tenant {
                    Some(tenant) => found == tenant,
                    None => !found.is_empty() && !found.contains('/'),
                })
            }
        }
    }
}

/// Returns the verifying key of a single JWK, such as that of a DPoP proof; `None` if it is
/// private or not eligible for `algorithm`.
pub(crate) fn verifying_key(
    jwk: &Map<String, Value>,
    algorithm: Algorithm,
) -> Option<VerifyingKey> {
    let parsed = parse(jwk)?;
    let fits = parsed.algorithm.is_none_or(|declared| declared == algorithm);
    if fits { VerifyingKey::new(algorithm, &parsed.numbers) } else { None }
}

/// Returns the JWK thumbprint of a public key (RFC 7638): the SHA-256 of its required members in
/// lexicographic order, in base64url.
pub(crate) fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let members: &[&str] = match jwk.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    let member = |name: &&str| {
        Some(((*name).to_owned(), Value::String(jwk.get(*name)?.as_str()?.to_owned())))
    };
    // `serde_json` maps are sorted by name, as section 3 requires.
    let canonical: Map<String, Value> = members.iter().map(member).collect::<Option<_>>()?;
    Some(URL_SAFE_NO_PAD.encode(sha256(Value::Object(canonical).to_string().as_bytes())))
}

/// Parses a JWK; `None` if it is not a public signature key.
fn parse(jwk: &Map<String, Value>) -> Option<ParsedJwk> {
    let text = |name: &str| match jwk.get(name) {
        None => Some(None),
        Some(value) => Some(Some(value.as_str()?.to_owned())),
    };
    let algorithm = match text("alg")? {
        None => None,
        Some(name) => Some(name.parse().ok()?),
    };
    // RFC 7517 sections 4.2 and 4.3: an encryption key never verifies a signature.
    if jwk.get("use").is_some_and(|usage| usage != "sig") {
        return None;
    }
    if let Some(operations) = jwk.get("key_ops") {
        operations.as_array()?.iter().find(|operation| *operation == "verify")?;
    }
    if is_private(jwk) {
        return None;
    }
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
    let curve = || jwk.get("crv")?.as_str();
    let numbers = match (jwk.get("kty")?.as_str()?, curve()) {
        ("RSA", _) => {
            let (n, e) = (number("n")?, number("e")?);
            PublicNumbers::Rsa {
                n: without_leading_zeros(&n).to_vec(),
                e: without_leading_zeros(&e).to_vec(),
            }
        }
        ("EC", Some("P-256")) => PublicNumbers::P256 { x: number("x")?, y: number("y")? },
        ("EC", Some("P-384")) => PublicNumbers::P384 { x: number("x")?, y: number("y")? },
        ("EC", Some("P-521")) => PublicNumbers::P521 { x: number("x")?, y: number("y")? },
        ("OKP", Some("Ed25519")) => PublicNumbers::Ed25519 { x: number("x")? },
        _ => return None,
    };
    Some(ParsedJwk { kid: text("kid")?, issuer: text("issuer")?, algorithm, numbers })
}

/// Returns whether the JWK has private or symmetric key material. Once published, such a key is
/// compromised.
fn is_private(jwk: &Map<String, Value>) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].into_iter().any(|member| jwk.contains_key(member))
}

/// Returns whether a key set has private or symmetric key material.
pub fn has_private_key(jwks: &Value) -> bool {
    let keys = jwks.get("keys").and_then(Value::as_array);
    keys.into_iter().flatten().filter_map(Value::as_object).any(is_private)
}

/// Removes the ASN.1 sign byte, which some issuers write in `n` against RFC 7518 section 6.3.1.1.
fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
