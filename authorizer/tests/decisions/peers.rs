//! One test for each defect of widely used sample authorizers, with the correct decision.

use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{Bench, JWKS, NOW, RS256, claims, claims_with, config, verdict};

const UNAUTHORIZED: u16 = 401;

fn bench() -> Bench {
    Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()])
}

async fn status(changes: &Value) -> u16 {
    verdict(&bench().bearer(&RS256.token(&claims_with(changes))).await).0
}

async fn status_of(authorization: &str) -> u16 {
    verdict(&bench().authorize(authorization).await).0
}

#[tokio::test]
async fn another_audience_or_issuer_is_rejected() {
    assert_eq!(status(&json!({"aud": "https://other.example.com"})).await, UNAUTHORIZED);
    assert_eq!(status(&json!({"iss": "https://other.example.com/"})).await, UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_without_exp_is_rejected() {
    assert_eq!(status(&json!({"exp": null})).await, UNAUTHORIZED);
}

#[tokio::test]
async fn another_alg_with_a_key_published_for_rs256_is_rejected() {
    for alg in ["RS512", "PS256"] {
        let signer = Signer::new(alg, "k");
        let mut jwk = signer.jwk();
        jwk["alg"] = json!("RS256");
        let bench = Bench::with_keys(&config(&["RS256", "RS512", "PS256"]), &[jwk]);
        assert_eq!(verdict(&bench.bearer(&signer.token(&claims())).await).0, UNAUTHORIZED, "{alg}");
    }
}

#[tokio::test]
async fn an_id_token_is_rejected() {
    assert_eq!(status(&json!({"nonce": "n", "at_hash": "h"})).await, UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_without_a_scheme_is_rejected() {
    assert_eq!(status_of(&RS256.token(&claims())).await, UNAUTHORIZED);
}

#[tokio::test]
async fn expired_early_and_forged_tokens_are_rejected() {
    assert_eq!(status(&json!({"exp": NOW - 1})).await, UNAUTHORIZED);
    assert_eq!(status(&json!({"nbf": NOW + 1})).await, UNAUTHORIZED);
    let forged = Signer::new("RS256", "rsa-1").token(&claims());
    assert_eq!(status_of(&format!("Bearer {forged}")).await, UNAUTHORIZED);
}

#[tokio::test]
async fn other_authorization_headers_are_rejected() {
    for authorization in ["Bearer abc", "Bearer ", "Basic dTpw", "", "Bearer  abc"] {
        assert_eq!(status_of(authorization).await, UNAUTHORIZED, "{authorization}");
    }
}

#[tokio::test]
async fn the_scheme_is_case_insensitive() {
    assert_eq!(status_of(&format!("bearer {}", RS256.token(&claims()))).await, 200);
}

#[tokio::test]
async fn an_unknown_kid_and_no_kid_with_two_keys_are_rejected() {
    let unknown = RS256.token_with(r#"{"alg":"RS256","kid":"unknown"}"#, &claims().to_string());
    assert_eq!(status_of(&format!("Bearer {unknown}")).await, UNAUTHORIZED);
    let two =
        Bench::with_keys(&config(&["RS256"]), &[RS256.jwk(), Signer::new("RS256", "rsa-2").jwk()]);
    let none = RS256.token_with(r#"{"alg":"RS256"}"#, &claims().to_string());
    assert_eq!(verdict(&two.bearer(&none).await).0, UNAUTHORIZED);
}

#[tokio::test]
async fn unknown_kids_do_not_block_a_rotated_key() {
    let bench = bench();
    assert_eq!(verdict(&bench.bearer(&RS256.token(&claims())).await).0, 200);
    for n in 0..15 {
        let header = json!({"alg": "RS256", "kid": format!("random-{n}")}).to_string();
        let token = RS256.token_with(&header, &claims().to_string());
        assert_eq!(verdict(&bench.bearer(&token).await).0, UNAUTHORIZED);
    }
    assert_eq!(bench.web.requested_urls().len(), 2, "at most one download per cool-down");
    let rotated = Signer::new("RS256", "rsa-2");
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk(), rotated.jwk()]}));
    let token = format!("Bearer {}", rotated.token(&claims()));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW + 30).await).0, 200);
}

#[tokio::test]
async fn tokens_of_a_removed_key_are_rejected() {
    let bench = bench();
    let token = format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": NOW + 10_000}))));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW).await).0, 200);
    bench.web.publish(JWKS, &json!({"keys": [Signer::new("RS256", "rsa-2").jwk()]}));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW + 600).await).0, UNAUTHORIZED);
}

#[tokio::test]
async fn tokens_are_never_logged() {
    let token = RS256.token(&claims());
    let output = format!("{:?}", bench().bearer(&token).await.decision);
    assert!(
        token
            .as_bytes()
            .windows(12)
            .all(|piece| !output.contains(std::str::from_utf8(piece).unwrap()))
    );
}
