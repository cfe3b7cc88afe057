//! Key-set bytes → the keys that may verify tokens (RFC 7517). What cannot is skipped and
//! counted: one bad key never spoils a set.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::json;
use crate::signature::{Algorithm, PublicNumbers, VerifyingKey, sha256};

/// The most signatures checked for one token, where several keys share a `kid`.
const MAX_CANDIDATES: usize = 3;

/// The eligible keys of one issuer, as read at one moment.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Jwk>,
    skipped: usize,
    private: usize,
    weak: usize,
    generation: u64,
}

#[derive(Debug)]
struct Jwk {
    kid: Option<String>,
    issuer: Option<String>,
    key: VerifyingKey,
}

/// A JWK, its members decoded.
struct ParsedJwk {
    kid: Option<String>,
    issuer: Option<String>,
    algorithm: Option<Algorithm>,
    numbers: PublicNumbers,
}

/// The key that a token needs: its header's `kid` and `alg`, and the issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySelector<'a> {
    /// The header's `kid`.
    pub(crate) kid: Option<&'a str>,
    /// The header's `alg`.
    pub(crate) algorithm: Algorithm,
    /// The token's `iss`.
    pub(crate) issuer: &'a str,
    /// The tenant in it, where the configured issuer is a template.
    pub(crate) tenant: Option<&'a str>,
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
            let jwk = json::object(text.get().as_bytes()).ok();
            if jwk.as_ref().is_some_and(is_private) {
                set.private = set.private.saturating_add(1);
            }
            set.add(jwk.as_ref(), algorithms);
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

    /// Returns what the issuer should be told about its key set, if anything. A published
    /// private key is everybody's; a key that is too weak or malformed verifies nothing.
    pub fn warning(&self) -> Option<&'static str> {
        match (self.private, self.weak) {
            (0, 0) => None,
            (0, _) => Some("the issuer publishes a signature key that is too weak or malformed"),
            (_, _) => Some("the issuer publishes a private or symmetric key"),
        }
    }

    /// Returns which of its issuer's sets this is, counted from the start of the process.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Makes it the set of a generation.
    pub(crate) fn of_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// Says whether a key of this name is in the set.
    pub(crate) fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|jwk| jwk.kid.as_deref() == Some(kid))
    }

    /// Returns the keys that may have signed a token with this header, at most three.
    ///
    /// Without a `kid` there must be exactly one that fits (RFC 7515 section 4.1.4 leaves the
    /// choice to the application): guessing among several would weaken rotation.
    pub(crate) fn candidates(&self, selector: KeySelector<'_>) -> Vec<&VerifyingKey> {
        let fitting = self
            .keys
            .iter()
            .filter(|jwk| jwk.key.algorithm() == selector.algorithm && jwk.serves(selector));
        if selector.kid.is_some() {
            let named = fitting.filter(|jwk| jwk.kid.as_deref() == selector.kid);
            return named.map(|jwk| &jwk.key).take(MAX_CANDIDATES).collect();
        }
        let keys: Vec<_> = fitting.map(|jwk| &jwk.key).take(2).collect();
        if keys.len() == 1 { keys } else { Vec::new() }
    }

    /// Adds the key once for each algorithm it may serve; does nothing if it may serve none.
    fn add(&mut self, jwk: Option<&Map<String, Value>>, algorithms: &[Algorithm]) {
        let Some(parsed) = jwk.and_then(parse) else { return };
        let ParsedJwk { kid, issuer, algorithm: declared, numbers } = parsed;
        let wanted = |algorithm: &Algorithm| {
            declared.is_none_or(|declared| declared == *algorithm) && algorithm.takes(&numbers)
        };
        let mut wanted = algorithms.iter().copied().filter(wanted).peekable();
        let (asked_for, before) = (wanted.peek().is_some(), self.keys.len());
        for algorithm in wanted {
            if let Some(key) = VerifyingKey::new(algorithm, &numbers) {
                self.keys.push(Jwk { kid: kid.clone(), issuer: issuer.clone(), key });
            }
        }
        if asked_for && self.keys.len() == before {
            self.weak = self.weak.saturating_add(1);
        }
    }
}

impl Jwk {
    /// Microsoft's key sets for many tenants say whose tokens a key is for.
    fn serves(&self, selector: KeySelector<'_>) -> bool {
        match (&self.issuer, selector.tenant) {
            (Some(issuer), Some(tenant)) => issuer.replace("{tenantid}", tenant) == selector.issuer,
            (_, _) => true,
        }
    }
}

/// Makes a key of a JWK that is not in a set, such as a proof's; nothing if it is private or
/// does not fit.
pub(crate) fn single(jwk: &Map<String, Value>, algorithm: Algorithm) -> Option<VerifyingKey> {
    let parsed = parse(jwk)?;
    let fits = parsed.algorithm.is_none_or(|declared| declared == algorithm);
    if fits { VerifyingKey::new(algorithm, &parsed.numbers) } else { None }
}

/// Returns the thumbprint of a public key (RFC 7638): the hash of its required members, in
/// order.
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
    // `serde_json`'s maps are in the order of their names, as section 3 asks for.
    let canonical: Map<String, Value> = members.iter().map(member).collect::<Option<_>>()?;
    Some(URL_SAFE_NO_PAD.encode(sha256(Value::Object(canonical).to_string().as_bytes())))
}

/// Reads one key; `None` if it is not a public signature key.
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
            PublicNumbers::Rsa { n: unpadded(&n).to_vec(), e: unpadded(&e).to_vec() }
        }
        ("EC", Some("P-256")) => PublicNumbers::P256 { x: number("x")?, y: number("y")? },
        ("EC", Some("P-384")) => PublicNumbers::P384 { x: number("x")?, y: number("y")? },
        ("EC", Some("P-521")) => PublicNumbers::P521 { x: number("x")?, y: number("y")? },
        ("OKP", Some("Ed25519")) => PublicNumbers::Ed25519 { x: number("x")? },
        _ => return None,
    };
    Some(ParsedJwk { kid: text("kid")?, issuer: text("issuer")?, algorithm, numbers })
}

/// A published private or symmetric key is known to everyone: what it signs proves nothing.
fn is_private(jwk: &Map<String, Value>) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].into_iter().any(|member| jwk.contains_key(member))
}

/// Some issuers write the sign byte of ASN.1 into `n`, against RFC 7518 section 6.3.1.1.
fn unpadded(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
