//! Generated keys and tokens, valid and invalid.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) enum PrivateKey {
    Rsa(RsaKeyPair),
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

pub(crate) struct Signer {
    pub(crate) alg: &'static str,
    pub(crate) kid: String,
    key: PrivateKey,
}

impl Signer {
    pub(crate) fn new(alg: &'static str, kid: &str) -> Self {
        let key = match alg {
            "ES256" => PrivateKey::Elliptic(
                EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            ),
            "ES384" => PrivateKey::Elliptic(
                EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            ),
            "ES512" => PrivateKey::Elliptic(
                EcdsaKeyPair::generate(&signature::ECDSA_P521_SHA512_FIXED_SIGNING).unwrap(),
            ),
            "EdDSA" => PrivateKey::Edwards(Ed25519KeyPair::generate().unwrap()),
            _ => PrivateKey::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        Self { alg, kid: kid.to_owned(), key }
    }

    /// The public key without `kid`, `alg` and `use`.
    pub(crate) fn bare_jwk(&self) -> Value {
        match &self.key {
            PrivateKey::Rsa(pair) => {
                let key = pair.public_key();
                let n = key.modulus().big_endian_without_leading_zero();
                let e = key.exponent().big_endian_without_leading_zero();
                json!({"kty": "RSA", "n": base64url(n), "e": base64url(e)})
            }
            PrivateKey::Elliptic(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at((point.len() - 1) / 2);
                let crv = match self.alg {
                    "ES256" => "P-256",
                    "ES384" => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y)})
            }
            PrivateKey::Edwards(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key())})
            }
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = self.bare_jwk();
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.alg);
        jwk["use"] = json!("sig");
        jwk
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.alg, "kid": self.kid, "typ": "at+jwt"})
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&self.header().to_string(), &claims.to_string())
    }

    /// Signs any header and claims, so that only their content can be the reason for a rejection.
    pub(crate) fn token_with(&self, header: &str, claims: &str) -> String {
        self.sign(&format!("{}.{}", base64url(header), base64url(claims)))
    }

    pub(crate) fn sign(&self, signed: &str) -> String {
        format!("{signed}.{}", base64url(self.signature(signed.as_bytes())))
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            PrivateKey::Rsa(pair) => {
                let padding: &dyn signature::RsaEncoding = match self.alg {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    other => panic!("no such algorithm: {other}"),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            PrivateKey::Elliptic(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            PrivateKey::Edwards(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}
