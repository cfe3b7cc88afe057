use serde_json::json;

use crate::mint::Signer;
use crate::{Bench, RS256, claims, config, verdict};

const ALGORITHMS: [&str; 10] =
    ["ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

#[tokio::test]
async fn every_algorithm_verifies_only_its_own_tokens() {
    for alg in ALGORITHMS {
        let signer = Signer::new(alg, "k");
        let bench = Bench::with_keys(&config(&ALGORITHMS), &[signer.jwk()]);
        let token = signer.token(&claims());
        assert_eq!(verdict(&bench.bearer(&token).await), (200, "-"), "{alg}");

        let (content, _) = token.rsplit_once('.').unwrap();
        let other_key = Signer::new(alg, "k").sign(content);
        assert_eq!(verdict(&bench.bearer(&other_key).await), (401, "invalid_signature"), "{alg}");

        for other in ALGORITHMS.into_iter().filter(|other| *other != alg) {
            let header = json!({"alg": other, "kid": "k"}).to_string();
            let renamed = signer.token_with(&header, &claims().to_string());
            assert_eq!(
                verdict(&bench.bearer(&renamed).await),
                (401, "unknown_key"),
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
async fn a_changed_byte_anywhere_is_rejected() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let good = RS256.token(&claims());
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let (status, _) = verdict(&bench.bearer(std::str::from_utf8(&bytes).unwrap()).await);
        assert_eq!(status, 401, "byte {at}");
    }
}
