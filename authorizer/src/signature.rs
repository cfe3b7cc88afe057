//! Signature verification, SHA-256, and HMAC for the log: the only module that calls the crypto
//! library. Tokens have only asymmetric algorithms, so a public key can never be used as an HMAC
//! secret: an `HmacKey` verifies nothing.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::{hmac, signature as crypto};
use serde::{Deserialize, Serialize};

/// A signature algorithm of RFC 7518 section 3.1, RFC 8037 or RFC 9864 that an issuer may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// Ed25519; also named `Ed25519` (RFC 9864).
    #[serde(alias = "Ed25519")]
    EdDSA,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
}

impl Algorithm {
    /// Every algorithm, sorted by name.
    pub const ALL: [Self; 10] = [
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
    ];

    /// The algorithms that are accepted for DPoP proofs (`algs` of RFC 9449 section 7.1).
    pub const FOR_PROOFS: [Self; 10] = Self::ALL;

    /// Returns the `alg` value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
        }
    }

    /// Returns the family, without the hash: `RS`, `PS`, `ES` or `Ed`.
    pub(crate) fn family(self) -> &'static str {
        self.name().get(..2).unwrap_or_default()
    }

    /// Returns whether a key of this type is for this algorithm.
    pub(crate) fn accepts(self, numbers: &PublicNumbers) -> bool {
        match numbers {
            PublicNumbers::Rsa { .. } => self.rsa().is_some(),
            PublicNumbers::P256 { .. } => self == Self::ES256,
            PublicNumbers::P384 { .. } => self == Self::ES384,
            PublicNumbers::P521 { .. } => self == Self::ES512,
            PublicNumbers::Ed25519 { .. } => self == Self::EdDSA,
        }
    }

    fn rsa(self) -> Option<&'static crypto::RsaParameters> {
        match self {
            Self::RS256 => Some(&crypto::RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Some(&crypto::RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Some(&crypto::RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => Some(&crypto::RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Some(&crypto::RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Some(&crypto::RSA_PSS_2048_8192_SHA512),
            Self::ES256 | Self::ES384 | Self::ES512 | Self::EdDSA => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownAlgorithm)
    }
}

/// The name is not that of an [`Algorithm`], as `none` and the HMAC algorithms are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512")]
pub struct UnknownAlgorithm;

/// The decoded public key parameters of a JWK (RFC 7518 section 6, RFC 8037 section 2).
pub(crate) enum PublicNumbers {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256 { x: Vec<u8>, y: Vec<u8> },
    P384 { x: Vec<u8>, y: Vec<u8> },
    P521 { x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

/// A public key, parsed once and bound to one algorithm.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: crypto::ParsedPublicKey,
}

impl VerifyingKey {
    /// Parses a key for an algorithm; `None` if it is of another type, too weak or malformed.
    pub(crate) fn new(algorithm: Algorithm, numbers: &PublicNumbers) -> Option<Self> {
        let key = match (algorithm, numbers) {
            (Algorithm::ES256, PublicNumbers::P256 { x, y }) => {
                elliptic(&crypto::ECDSA_P256_SHA256_FIXED, 32, x, y)?
            }
            (Algorithm::ES384, PublicNumbers::P384 { x, y }) => {
                elliptic(&crypto::ECDSA_P384_SHA384_FIXED, 48, x, y)?
            }
            (Algorithm::ES512, PublicNumbers::P521 { x, y }) => {
                elliptic(&crypto::ECDSA_P521_SHA512_FIXED, 66, x, y)?
            }
            (Algorithm::EdDSA, PublicNumbers::Ed25519 { x }) => {
                crypto::ParsedPublicKey::new(&crypto::ED25519, x).ok()?
            }
            (_, PublicNumbers::Rsa { n, e }) => rsa(algorithm.rsa()?, n, e)?,
            _ => return None,
        };
        Some(Self { algorithm, key })
    }

    /// Returns the algorithm the key is bound to.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns whether `signature` is valid for `message` under this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.algorithm).finish()
    }
}

/// Returns the SHA-256 digest of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

/// A key of HMAC-SHA-256 (RFC 2104), prepared once. Its `Debug` output does not contain it.
#[derive(Clone)]
pub(crate) struct HmacKey(hmac::Key);

impl HmacKey {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Returns the HMAC of the concatenated parts.
    pub(crate) fn tag<const N: usize>(&self, parts: [&[u8]; N]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        array(context.sign().as_ref())
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(…)")
    }
}

fn array(bytes: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    array
}

/// Parses an EC public key. Each coordinate has the length of the field element, leading zeros
/// included (RFC 7518 section 6.2.1).
fn elliptic(
    curve: &'static crypto::EcdsaVerificationAlgorithm,
    field_bytes: usize,
    x: &[u8],
    y: &[u8],
) -> Option<crypto::ParsedPublicKey> {
    if x.len() != field_bytes || y.len() != field_bytes {
        return None;
    }
    let uncompressed = [&[0x04], x, y].concat();
    crypto::ParsedPublicKey::new(curve, uncompressed).ok()
}

/// The odd primes that divide the modulus by which vulnerable keys are recognized.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Returns whether an RSA modulus is from the Infineon library that generates factorable keys
/// (CVE-2017-15361, "The Return of Coppersmith's Attack" section 4.1): modulo each small prime, it is
/// a power of 65537. Of other moduli, one in 2^27 is.
fn is_roca(n: &[u8]) -> bool {
    ROCA_PRIMES.into_iter().all(|prime| {
        let modulo = |number: u32| number.checked_rem(prime).unwrap_or_default();
        let append =
            |rest: u32, byte: &u8| modulo(rest.wrapping_mul(256).wrapping_add((*byte).into()));
        let residue = n.iter().fold(0, append);
        let generator = modulo(65_537);
        let powers = std::iter::successors(Some(generator), |power| {
            Some(modulo(power.wrapping_mul(generator))).filter(|next| *next != generator)
        });
        powers.take(200).any(|power| power == residue)
    })
}

/// Parses an RSA public key of 2048 bits (RFC 7518 section 3.3) to 8192 bits; beyond, verification
/// is too expensive.
fn rsa(
    parameters: &'static crypto::RsaParameters,
    n: &[u8],
    e: &[u8],
) -> Option<crypto::ParsedPublicKey> {
    let bits = |number: &[u8]| {
        let zeros = number.first().map_or(0, |first| first.leading_zeros());
        number.len().checked_mul(8)?.checked_sub(usize::try_from(zeros).ok()?)
    };
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    // AWS-LC checks the size at verification; here a key is rejected when its set is read.
    if !(2048..=8192).contains(&bits(n)?) || !odd(n) {
        return None;
    }
    // With e = 1 every message is its own signature, and an even e has no inverse. FIPS 186-5
    // A.1.1 requires at least 65537, but issuers with 3 exist.
    if !(2..=33).contains(&bits(e)?) || !odd(e) || is_roca(n) {
        return None;
    }
    crypto::RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters).ok()
}
