//! The examples of RFC 7515, 7517, 7520, 7638 and 8037. Those of RFC 9449 are in `possession`.

#![cfg(test)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::error::Rejection;
use crate::json;
use crate::jwk::{KeySelector, KeySet, KeySetError, thumbprint};
use crate::signature::Algorithm;
use crate::token::UnverifiedToken;

fn examples(name: &str) -> Value {
    let mut all: Value = serde_json::from_str(include_str!("rfc_examples.json")).unwrap();
    all[name].take()
}

fn key_set(document: &Value, algorithms: &[Algorithm]) -> Result<KeySet, KeySetError> {
    KeySet::read(document.to_string().as_bytes(), algorithms)
}

/// A JWS in parts. The payload of most examples is not JSON, so they are not tokens.
struct Jws<'a> {
    kid: Option<String>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    fn parse(text: &'a str) -> Self {
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let header = json::object(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        let kid = header.get("kid").map(|kid| kid.as_str().unwrap().to_owned());
        Self { kid, signed, signature: URL_SAFE_NO_PAD.decode(signature).unwrap() }
    }

    fn is_verified(&self, keys: &KeySet, algorithm: Algorithm) -> bool {
        let kid = self.kid.as_deref();
        let selector = KeySelector { kid, algorithm, issuer: "joe", tenant: None };
        let verifies = |signed: &str| {
            let candidates = keys.candidates(selector);
            assert_eq!(candidates.len(), 1);
            candidates[0].verifies(signed.as_bytes(), &self.signature)
        };
        assert!(!verifies(&format!("{}A", self.signed)), "another message");
        verifies(self.signed)
    }
}

#[test]
fn every_signed_example_is_verified_by_its_algorithm_only() {
    let examples = examples("signatures");
    for example in examples.as_array().unwrap() {
        let (name, document) = (&example["example"], &example["key_set"]);
        let own: Algorithm = example["alg"].as_str().unwrap().parse().unwrap();
        let jws = Jws::parse(example["jws"].as_str().unwrap());
        assert!(jws.is_verified(&key_set(document, &[own]).unwrap(), own), "{name}");
        for other in Algorithm::ALL.into_iter().filter(|other| *other != own) {
            let verified =
                key_set(document, &[other]).is_ok_and(|keys| jws.is_verified(&keys, other));
            assert!(!verified, "{name} as {other}");
        }
    }
    assert_eq!(examples.as_array().unwrap().len(), 7);
}

#[test]
fn a_changed_bit_in_an_example_signature_is_rejected() {
    for example in examples("signatures").as_array().unwrap() {
        let algorithm: Algorithm = example["alg"].as_str().unwrap().parse().unwrap();
        let keys = key_set(&example["key_set"], &[algorithm]).unwrap();
        let mut jws = Jws::parse(example["jws"].as_str().unwrap());
        for at in 0..jws.signature.len() {
            jws.signature[at] ^= 1;
            assert!(!jws.is_verified(&keys, algorithm), "{}, byte {at}", example["example"]);
            jws.signature[at] ^= 1;
        }
    }
}

#[test]
fn the_claims_of_the_examples_with_claims_are_released() {
    let examples = examples("signatures");
    let tokens = examples.as_array().unwrap().iter().filter_map(|example| {
        Some((example, UnverifiedToken::parse(example["jws"].as_str()?).ok()?))
    });
    let mut released = Vec::new();
    for (example, token) in tokens {
        let algorithm = token.algorithm();
        let keys = key_set(&example["key_set"], &[algorithm]).unwrap();
        let selector = KeySelector { kid: token.kid(), algorithm, issuer: "joe", tenant: None };
        let candidates = keys.candidates(selector);
        let claims = token.verify(&candidates, false).unwrap().claims;
        assert_eq!(claims["iss"], "joe");
        assert_eq!(claims["exp"], 1_300_819_380);
        released.push(example["example"].as_str().unwrap());
    }
    assert_eq!(released, ["RFC 7515 A.2", "RFC 7515 A.3"]);
}

#[test]
fn the_hmac_examples_have_neither_an_algorithm_nor_a_key() {
    let examples = examples("hmacs");
    let errors: Vec<_> = examples
        .as_array()
        .unwrap()
        .iter()
        .map(|example| {
            let keys = key_set(&example["key_set"], &Algorithm::ALL);
            assert_eq!(keys.unwrap_err(), KeySetError::NoEligibleKey);
            UnverifiedToken::parse(example["jws"].as_str().unwrap()).err()
        })
        .collect();
    let payload_is_text = Rejection::Malformed("claims are not a JSON object with unique members");
    assert_eq!(errors, [Some(Rejection::Malformed("unsupported `alg`")), Some(payload_is_text)]);
    assert!("HS256".parse::<Algorithm>().is_err());
}

#[test]
fn of_the_example_key_sets_only_the_public_signature_key_is_used() {
    let sets = examples("key_sets");
    let public = key_set(&sets["RFC 7517 A.1"], &Algorithm::ALL).unwrap();
    assert!(public.contains("2011-04-29") && !public.contains("1"), "key `1` is for encryption");
    assert_eq!((public.skipped(), public.warning()), (1, None));
    for name in ["RFC 7517 A.2", "RFC 7517 A.3"] {
        let secret = key_set(&sets[name], &Algorithm::ALL);
        assert_eq!(secret.unwrap_err(), KeySetError::NoEligibleKey, "{name}");

        let mut both = sets["RFC 7517 A.1"].clone();
        let keys = both["keys"].as_array_mut().unwrap();
        keys.extend_from_slice(sets[name]["keys"].as_array().unwrap());
        let both = key_set(&both, &Algorithm::ALL).unwrap();
        assert_eq!(both.skipped(), 3, "{name}");
        assert_eq!(
            both.warning(),
            Some("the issuer's key set contains a private or symmetric key"),
            "{name}"
        );
    }
}

#[test]
fn the_thumbprints_are_those_of_the_examples() {
    let examples = examples("thumbprints");
    for example in examples.as_array().unwrap() {
        let computed = thumbprint(example["jwk"].as_object().unwrap());
        assert_eq!(computed.as_deref(), example["thumbprint"].as_str(), "{}", example["example"]);
    }
    assert_eq!(examples.as_array().unwrap().len(), 3);
}
