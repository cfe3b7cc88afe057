use authorizer::Outcome;
use authorizer::jwk::{KeySet, KeySetError};
use authorizer::signature::Algorithm;
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{AUDIENCE, Bench, ISSUER, JWKS, NOW, RS256, claims, claims_with, config, verdict};

/// A token that does not expire while the clock of a test runs.
fn lasting(signer: &Signer) -> String {
    format!("Bearer {}", signer.token(&claims_with(&json!({"exp": NOW + 1_000_000}))))
}

#[tokio::test]
async fn one_bad_key_never_spoils_a_set() {
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
async fn a_key_verifies_only_what_it_is_published_for() {
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
async fn a_point_that_is_not_on_the_curve_is_no_key() {
    let mut jwk = Signer::new("ES256", "k").jwk();
    jwk["y"] = json!("A".repeat(43));
    let document = json!({"keys": [jwk]}).to_string();
    assert!(KeySet::read(document.as_bytes(), &[Algorithm::ES256]).is_err());
}

#[tokio::test]
async fn without_kid_exactly_one_key_must_fit() {
    let second = Signer::new("RS256", "rsa-2");
    let token = RS256.token_with(r#"{"alg":"RS256"}"#, &claims().to_string());
    let one =
        Bench::with_keys(&config(&["RS256"]), &[RS256.jwk(), Signer::new("ES256", "ec").jwk()]);
    assert_eq!(verdict(&one.bearer(&token).await), (200, "-"));
    let two = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk(), second.jwk()]);
    assert_eq!(verdict(&two.bearer(&token).await), (401, "invalid_token"));
}

#[tokio::test]
async fn keys_of_one_name_are_all_tried_up_to_three() {
    let namesakes: Vec<Value> = (0..3).map(|_| Signer::new("ES256", "k").jwk()).collect();
    let signer = Signer::new("ES256", "k");
    for (before, expected) in [(2, (200, "-")), (3, (401, "invalid_signature"))] {
        let keys: Vec<Value> = namesakes[..before].iter().cloned().chain([signer.jwk()]).collect();
        let bench = Bench::with_keys(&config(&["ES256"]), &keys);
        assert_eq!(
            verdict(&bench.bearer(&signer.token(&claims())).await),
            expected,
            "{before} before"
        );
    }
}

#[tokio::test]
async fn an_issuers_key_verifies_no_other_issuers_tokens() {
    let other = "https://other.example.com/";
    let mine = Signer::new("ES256", "same");
    let theirs = Signer::new("ES256", "same");
    let bench = Bench::new(&json!({"issuers": [
        {"issuer": ISSUER, "audience": [AUDIENCE], "algorithms": ["ES256"], "jwks_uri": JWKS},
        {"issuer": other, "audience": [AUDIENCE], "algorithms": ["ES256"], "jwks_uri": "https://other.example.com/keys"},
    ]}));
    bench.web.publish(JWKS, &json!({"keys": [mine.jwk()]}));
    bench.web.publish("https://other.example.com/keys", &json!({"keys": [theirs.jwk()]}));
    let (my_claims, their_claims) = (claims(), claims_with(&json!({"iss": other})));
    assert_eq!(verdict(&bench.bearer(&mine.token(&my_claims)).await), (200, "-"));
    assert_eq!(verdict(&bench.bearer(&theirs.token(&their_claims)).await), (200, "-"));
    assert_eq!(
        verdict(&bench.bearer(&mine.token(&their_claims)).await),
        (401, "invalid_signature")
    );
    assert_eq!(verdict(&bench.bearer(&theirs.token(&my_claims)).await), (401, "invalid_signature"));
}

#[tokio::test]
async fn discovery_finds_the_keys_of_exactly_this_issuer() {
    let metadata = "https://issuer.example.com/.well-known/openid-configuration";
    let config = json!({"issuers": [{"issuer": ISSUER, "audience": [AUDIENCE]}]});
    for (document, expected) in [
        (json!({"issuer": ISSUER, "jwks_uri": JWKS}), (200, "-")),
        (
            json!({"issuer": "https://issuer.example.com", "jwks_uri": JWKS}),
            (500, "jwks_unavailable"),
        ),
        (
            json!({"issuer": ISSUER, "jwks_uri": "http://issuer.example.com/keys"}),
            (500, "jwks_unavailable"),
        ),
        (
            json!({"issuer": ISSUER, "jwks_uri": "https://u:p@issuer.example.com/keys"}),
            (500, "jwks_unavailable"),
        ),
        (json!({"issuer": ISSUER}), (500, "jwks_unavailable")),
        (json!([]), (500, "jwks_unavailable")),
    ] {
        let bench = Bench::with_keys(&config, &[RS256.jwk()]);
        bench.web.publish(metadata, &document);
        let outcome = bench.bearer(&RS256.token(&claims())).await;
        assert_eq!(verdict(&outcome), expected, "{document}");
        assert_eq!(bench.web.asked()[0], metadata);
    }
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_they_are_ten_minutes_old() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = lasting(&RS256);
    for (after, fetches) in [(0, 1), (1, 1), (599, 1), (600, 2), (601, 2), (1_199, 2), (1_200, 3)] {
        assert_eq!(verdict(&bench.ask_at(&token, NOW + after).await), (200, "-"));
        assert_eq!(bench.web.asked().len(), fetches, "after {after} s");
    }
}

#[tokio::test]
async fn a_removed_key_is_refused_within_ten_minutes() {
    let other = Signer::new("RS256", "rsa-2");
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk(), other.jwk()]);
    let (kept, removed) = (lasting(&RS256), lasting(&other));
    assert_eq!(verdict(&bench.ask_at(&removed, NOW).await), (200, "-"));
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk()]}));
    for after in (0..600).step_by(100) {
        assert_eq!(verdict(&bench.ask_at(&kept, NOW + after).await), (200, "-"));
    }
    assert_eq!(verdict(&bench.ask_at(&removed, NOW + 600).await), (401, "invalid_token"));
}

#[tokio::test]
async fn random_kids_cause_one_fetch_in_thirty_seconds_and_a_new_key_is_found() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let (good, stranger) = (lasting(&RS256), Signer::new("EdDSA", ""));
    assert_eq!(verdict(&bench.ask_at(&good, NOW).await), (200, "-"));
    for second in 0..30 {
        for n in 0..20 {
            let header = json!({"alg": "RS256", "kid": format!("random-{second}-{n}")}).to_string();
            let token = format!("Bearer {}", stranger.token_with(&header, &claims().to_string()));
            assert_eq!(verdict(&bench.ask_at(&token, NOW + second).await), (401, "invalid_token"));
        }
        assert_eq!(verdict(&bench.ask_at(&good, NOW + second).await), (200, "-"));
    }
    assert_eq!(bench.web.asked().len(), 2, "the first, and one for all the unknown ones");

    let rotated = Signer::new("RS256", "rsa-2");
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk(), rotated.jwk()]}));
    assert_eq!(verdict(&bench.ask_at(&lasting(&rotated), NOW + 29).await), (401, "invalid_token"));
    assert_eq!(verdict(&bench.ask_at(&lasting(&rotated), NOW + 30).await), (200, "-"));
    assert_eq!(bench.web.asked().len(), 3);
}

#[tokio::test]
async fn concurrent_callers_share_one_fetch() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = lasting(&RS256);
    let outcomes: Vec<Outcome> =
        futures_util::future::join_all((0..50).map(|_| bench.ask(&token))).await;
    assert!(outcomes.iter().all(|outcome| verdict(outcome) == (200, "-")));
    assert_eq!(bench.web.asked().len(), 1);
}

#[tokio::test]
async fn an_abandoned_fetch_does_not_block_the_next() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = lasting(&RS256);
    {
        let mut asking = Box::pin(bench.ask(&token));
        let polled = futures_util::poll!(&mut asking);
        assert!(polled.is_pending(), "the fetch is under way");
    }
    assert_eq!(verdict(&bench.ask(&token).await), (200, "-"));
    assert_eq!(bench.web.asked().len(), 2);
}

#[tokio::test]
async fn an_issuer_that_is_down_is_neither_a_refusal_nor_a_grant() {
    let bench = Bench::new(&config(&["RS256"]));
    bench.web.fail(JWKS);
    let token = lasting(&RS256);
    for (after, fetches) in [(0, 1), (0, 1), (1, 2), (2, 2), (3, 3), (6, 3), (7, 4), (15, 5)] {
        let outcome = bench.ask_at(&token, NOW + after).await;
        assert_eq!(verdict(&outcome), (500, "jwks_unavailable"));
        assert_eq!(bench.web.asked().len(), fetches, "after {after} s");
    }
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk()]}));
    assert_eq!(verdict(&bench.ask_at(&token, NOW + 60).await), (200, "-"));
}

#[tokio::test]
async fn known_keys_serve_through_an_outage_for_an_hour_and_no_longer() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = lasting(&RS256);
    assert_eq!(verdict(&bench.ask_at(&token, NOW).await), (200, "-"));
    for document in ["", "<html>", "{}", r#"{"keys":[]}"#] {
        bench.web.publish(JWKS, &document);
        assert_eq!(verdict(&bench.ask_at(&token, NOW + 700).await), (200, "-"), "{document}");
    }
    bench.web.fail(JWKS);
    assert_eq!(verdict(&bench.ask_at(&token, NOW + 4_199).await), (200, "-"));
    assert_eq!(verdict(&bench.ask_at(&token, NOW + 4_200).await), (500, "jwks_unavailable"));
}

#[tokio::test]
async fn a_clock_that_steps_back_far_makes_the_keys_old() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = format!("Bearer {}", RS256.token(&claims_with(&json!({"nbf": null, "iat": null}))));
    for (now, fetches) in [(NOW, 1), (NOW - 60, 1), (NOW - 61, 2)] {
        assert_eq!(verdict(&bench.ask_at(&token, now).await), (200, "-"));
        assert_eq!(bench.web.asked().len(), fetches, "at {now}");
    }
}
