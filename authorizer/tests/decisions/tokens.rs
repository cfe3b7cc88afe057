use serde_json::{Value, json};

use crate::mint::{Signer, base64url};
use crate::{Bench, RS256, claims, config, verdict};

const ALGORITHMS: [&str; 10] =
    ["ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

#[tokio::test]
async fn every_algorithm_verifies_its_own_tokens_and_no_others() {
    for alg in ALGORITHMS {
        let signer = Signer::new(alg, "k");
        let bench = Bench::with_keys(&config(&ALGORITHMS), &[signer.jwk()]);
        let token = signer.token(&claims());
        assert_eq!(verdict(&bench.bearer(&token).await), (200, "-"), "{alg}");

        let (content, _) = token.rsplit_once('.').unwrap();
        let stranger = Signer::new(alg, "k").sign(content);
        assert_eq!(verdict(&bench.bearer(&stranger).await), (401, "invalid_signature"), "{alg}");

        for other in ALGORITHMS.into_iter().filter(|other| *other != alg) {
            let header = json!({"alg": other, "kid": "k"}).to_string();
            let renamed = signer.token_with(&header, &claims().to_string());
            assert_eq!(
                verdict(&bench.bearer(&renamed).await),
                (401, "invalid_token"),
                "{alg} as {other}"
            );
        }
    }
}

#[tokio::test]
async fn ed25519_is_another_name_of_eddsa() {
    let signer = Signer::new("EdDSA", "k");
    let bench = Bench::with_keys(&config(&["Ed25519"]), &[signer.jwk()]);
    let token = signer.token_with(r#"{"alg":"Ed25519","kid":"k"}"#, &claims().to_string());
    assert_eq!(verdict(&bench.bearer(&token).await), (200, "-"));
}

#[tokio::test]
async fn what_is_not_a_strict_compact_jws_is_refused_before_any_key_is_fetched() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let good = RS256.token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, body, signature] = parts[..] else { panic!("three parts") };
    let with_header = |header: Value| RS256.token_with(&header.to_string(), &claims().to_string());
    let head = |member: &str, value: Value| {
        let mut header = RS256.header();
        header[member] = value;
        with_header(header)
    };
    let long = "a".repeat(11_000);
    let cases = [
        ("no dots", "abc".to_owned()),
        ("two parts", format!("{header}.{body}")),
        ("five parts", format!("{good}.{body}.{body}")),
        ("only dots", "..".to_owned()),
        ("ten thousand dots", ".".repeat(10_000)),
        ("too long", format!("{good}{long}")),
        ("unsigned", format!("{}.{body}.", base64url(r#"{"alg":"none"}"#))),
        ("unsigned in capitals", format!("{}.{body}.", base64url(r#"{"alg":"NONE"}"#))),
        ("no alg", with_header(json!({"kid": "rsa-1"}))),
        ("alg null", head("alg", Value::Null)),
        ("alg a list", head("alg", json!(["RS256"]))),
        ("alg HS256", head("alg", json!("HS256"))),
        ("alg in another case", head("alg", json!("rs256"))),
        ("an allowed algorithm that the issuer may not use", head("alg", json!("RS512"))),
        ("crit", head("crit", json!(["exp"]))),
        ("empty crit", head("crit", json!([]))),
        ("b64", head("b64", json!(false))),
        ("enc", head("enc", json!("A256GCM"))),
        ("zip", head("zip", json!("DEF"))),
        ("cty", head("cty", json!("JWT"))),
        ("kid a number", head("kid", json!(1))),
        ("kid an object", head("kid", json!({}))),
        ("kid of 8 KB", head("kid", json!("k".repeat(6000)))),
        ("typ a number", head("typ", json!(1))),
        ("trailing bits", format!("{header}.{body}.{}", last_bits_set(signature))),
        ("header not JSON", RS256.token_with("x", "{}")),
        ("header a list", RS256.token_with("[]", "{}")),
        ("header with a member twice", RS256.token_with(r#"{"alg":"RS256","alg":"RS256"}"#, "{}")),
        ("claims a list", RS256.token_with(&RS256.header().to_string(), "[]")),
        (
            "claims with a member twice",
            RS256.token_with(&RS256.header().to_string(), r#"{"a":{"b":1,"\u0062":2}}"#),
        ),
        (
            "claims with a byte order mark",
            RS256.token_with(&RS256.header().to_string(), "\u{feff}{}"),
        ),
        ("claims with trailing data", RS256.token_with(&RS256.header().to_string(), "{}{}")),
    ];
    for (name, token) in cases {
        assert_eq!(verdict(&bench.bearer(&token).await), (401, "invalid_token"), "{name}");
    }
    assert!(bench.web.asked().is_empty(), "{:?}", bench.web.asked());
    assert_eq!(verdict(&bench.bearer(&good).await), (200, "-"));
}

/// The same signature bytes with the bits behind the last byte set.
fn last_bits_set(part: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = part.chars().last().unwrap();
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    format!("{}{next}", &part[..part.len() - 1])
}

#[tokio::test]
async fn a_changed_byte_anywhere_is_refused() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let good = RS256.token(&claims());
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let (status, _) = verdict(&bench.bearer(std::str::from_utf8(&bytes).unwrap()).await);
        assert_eq!(status, 401, "byte {at}");
    }
}
