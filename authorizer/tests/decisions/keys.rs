use authorizer::Outcome;
use authorizer::jwk::{KeySet, KeySetError};
use authorizer::signature::Algorithm;
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{Bench, JWKS, NOW, RS256, claims, claims_with, config, verdict};

/// A token that does not expire while the clock of a test runs.
fn long_lived_token(signer: &Signer) -> String {
    format!("Bearer {}", signer.token(&claims_with(&json!({"exp": NOW + 1_000_000}))))
}

#[tokio::test]
async fn one_invalid_key_does_not_invalidate_the_set() {
    let bad = [
        json!({"kty": "oct", "k": "AAAA", "kid": "rsa-1"}),
        json!({"kid": 7, "kty": "RSA"}),
        json!({"kty": "RSA", "n": "!!", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "unheard-of"}),
        json!(null),
        json!([]),
    ];
    let set = |keys: &[Value]| json!({"keys": keys}).to_string();
    let all: Vec<Value> = bad.iter().cloned().chain([RS256.jwk()]).collect();
    let read = KeySet::read(set(&all).as_bytes(), &[Algorithm::RS256]).unwrap();
    assert_eq!(read.skipped(), bad.len());
    assert_eq!(
        KeySet::read(set(&bad).as_bytes(), &[Algorithm::RS256]).unwrap_err(),
        KeySetError::NoEligibleKey
    );
    for document in ["", "{}", "[]", "<html>", r#"{"keys":{}}"#] {
        assert_eq!(
            KeySet::read(document.as_bytes(), &[Algorithm::RS256]).unwrap_err(),
            KeySetError::Malformed
        );
    }
}

#[tokio::test]
async fn a_key_is_used_only_for_its_published_purpose() {
    let weak = "AQAB".repeat(40);
    let changed = |member: &str, value: Value| {
        let mut jwk = RS256.jwk();
        jwk[member] = value;
        jwk
    };
    for (name, jwk, usable) in [
        ("as it is", RS256.jwk(), true),
        ("may verify", changed("key_ops", json!(["verify"])), true),
        ("may not verify", changed("key_ops", json!(["encrypt"])), false),
        ("for encryption", changed("use", json!("enc")), false),
        ("for another algorithm", changed("alg", json!("RS512")), false),
        ("for an encryption algorithm", changed("alg", json!("RSA-OAEP")), false),
        ("with its private half", changed("d", json!("AAAA")), false),
        ("with a weak modulus", changed("n", json!(weak)), false),
        ("with exponent 1", changed("e", json!("AQ")), false),
        ("with an even exponent", changed("e", json!("Ag")), false),
        ("without exponent", changed("e", Value::Null), false),
        ("padded base64url", changed("e", json!("AQAB==")), false),
    ] {
        let document = json!({"keys": [jwk]}).to_string();
        let read = KeySet::read(document.as_bytes(), &[Algorithm::RS256]);
        assert_eq!(read.is_ok(), usable, "{name}");
    }
}

#[tokio::test]
async fn a_point_that_is_not_on_the_curve_is_rejected() {
    let mut jwk = Signer::new("ES256", "k").jwk();
    jwk["y"] = json!("A".repeat(43));
    let document = json!({"keys": [jwk]}).to_string();
    assert!(KeySet::read(document.as_bytes(), &[Algorithm::ES256]).is_err());
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_after_ten_minutes() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = long_lived_token(&RS256);
    for (after, fetches) in [(0, 1), (1, 1), (599, 1), (600, 2), (601, 2), (1_199, 2), (1_200, 3)] {
        assert_eq!(verdict(&bench.authorize_at(&token, NOW + after).await), (200, "-"));
        assert_eq!(bench.web.requested_urls().len(), fetches, "after {after} s");
    }
}

#[tokio::test]
async fn unknown_kids_cause_one_fetch_in_thirty_seconds_and_a_new_key_is_found() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let (good, other_key) = (long_lived_token(&RS256), Signer::new("EdDSA", ""));
    assert_eq!(verdict(&bench.authorize_at(&good, NOW).await), (200, "-"));
    for second in 0..30 {
        for n in 0..20 {
            let header = json!({"alg": "RS256", "kid": format!("random-{second}-{n}")}).to_string();
            let token = format!("Bearer {}", other_key.token_with(&header, &claims().to_string()));
            assert_eq!(
                verdict(&bench.authorize_at(&token, NOW + second).await),
                (401, "invalid_token")
            );
        }
        assert_eq!(verdict(&bench.authorize_at(&good, NOW + second).await), (200, "-"));
    }
    assert_eq!(bench.web.requested_urls().len(), 2, "the first, and one for all the unknown ones");

    let rotated = Signer::new("RS256", "rsa-2");
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk(), rotated.jwk()]}));
    assert_eq!(
        verdict(&bench.authorize_at(&long_lived_token(&rotated), NOW + 29).await),
        (401, "invalid_token")
    );
    assert_eq!(
        verdict(&bench.authorize_at(&long_lived_token(&rotated), NOW + 30).await),
        (200, "-")
    );
    assert_eq!(bench.web.requested_urls().len(), 3);
}

#[tokio::test]
async fn concurrent_callers_share_one_fetch() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = long_lived_token(&RS256);
    let outcomes: Vec<Outcome> =
        futures_util::future::join_all((0..50).map(|_| bench.authorize(&token))).await;
    assert!(outcomes.iter().all(|outcome| verdict(outcome) == (200, "-")));
    assert_eq!(bench.web.requested_urls().len(), 1);
}

#[tokio::test]
async fn a_cancelled_fetch_does_not_block_the_next() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = long_lived_token(&RS256);
    {
        let mut pending = Box::pin(bench.authorize(&token));
        let polled = futures_util::poll!(&mut pending);
        assert!(polled.is_pending(), "the fetch is under way");
    }
    assert_eq!(verdict(&bench.authorize(&token).await), (200, "-"));
    assert_eq!(bench.web.requested_urls().len(), 2);
}

#[tokio::test]
async fn an_unavailable_issuer_is_a_fault() {
    let bench = Bench::new(&config(&["RS256"]));
    bench.web.fail(JWKS);
    let token = long_lived_token(&RS256);
    for (after, fetches) in [(0, 1), (0, 1), (1, 2), (2, 2), (3, 3), (6, 3), (7, 4), (15, 5)] {
        let outcome = bench.authorize_at(&token, NOW + after).await;
        assert_eq!(verdict(&outcome), (500, "jwks_unavailable"));
        assert_eq!(bench.web.requested_urls().len(), fetches, "after {after} s");
    }
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk()]}));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW + 60).await), (200, "-"));
}

#[tokio::test]
async fn a_clock_set_back_by_more_than_a_minute_expires_the_keys() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = format!("Bearer {}", RS256.token(&claims_with(&json!({"nbf": null, "iat": null}))));
    for (now, fetches) in [(NOW, 1), (NOW - 60, 1), (NOW - 61, 2)] {
        assert_eq!(verdict(&bench.authorize_at(&token, now).await), (200, "-"));
        assert_eq!(bench.web.requested_urls().len(), fetches, "at {now}");
    }
}
