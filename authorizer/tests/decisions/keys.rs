use authorizer::Outcome;
use authorizer::jwk::{KeySet, KeySetError};
use authorizer::keys::KeySource;
use authorizer::signature::Algorithm;
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{AUDIENCE, Bench, ISSUER, JWKS, NOW, RS256, at, claims, claims_with, config, verdict};

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
                (401, "unknown_key")
            );
        }
        assert_eq!(verdict(&bench.authorize_at(&good, NOW + second).await), (200, "-"));
    }
    assert_eq!(bench.web.requested_urls().len(), 2, "the first, and one for all the unknown ones");

    let rotated = Signer::new("RS256", "rsa-2");
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk(), rotated.jwk()]}));
    assert_eq!(
        verdict(&bench.authorize_at(&long_lived_token(&rotated), NOW + 29).await),
        (401, "unknown_key")
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

#[tokio::test]
async fn after_a_timeout_an_issuer_is_not_tried_again_for_thirty_seconds() {
    let bench = Bench::new(&config(&["RS256"]));
    bench.web.hang(JWKS, true);
    let token = long_lived_token(&RS256);
    for after in [0, 1, 10, 29] {
        let outcome = bench.authorize_at(&token, NOW + after).await;
        assert_eq!(verdict(&outcome), (500, "jwks_unavailable"));
        assert!(
            outcome.decision.detail.unwrap().ends_with(&format!("{JWKS} did not respond in time"))
        );
        assert_eq!(bench.web.requested_urls().len(), 1, "after {after} s");
    }
    bench.web.hang(JWKS, false);
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk()]}));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW + 60).await), (200, "-"));
}

#[tokio::test]
async fn stale_keys_are_used_within_the_backoff() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = long_lived_token(&RS256);
    assert_eq!(verdict(&bench.authorize_at(&token, NOW).await), (200, "-"));
    bench.web.hang(JWKS, true);
    for after in [600, 601, 629] {
        let outcome = bench.authorize_at(&token, NOW + after).await;
        assert_eq!(verdict(&outcome), (200, "-"));
        assert_eq!(outcome.decision.keys, Some(KeySource::Stale));
        assert_eq!(bench.web.requested_urls().len(), 2, "after {after} s");
    }
}

#[tokio::test]
async fn a_fetch_that_is_past_its_deadline_is_not_joined() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    bench.web.hang(JWKS, true);
    let token = long_lived_token(&RS256);
    let mut frozen = Box::pin(bench.authorize(&token));
    for _ in 0..3 {
        assert!(futures_util::poll!(&mut frozen).is_pending());
    }
    bench.web.hang(JWKS, false);
    assert_eq!(verdict(&bench.authorize_at(&token, NOW + 600).await), (200, "-"));
    assert_eq!(bench.web.requested_urls().len(), 2);
}

#[tokio::test]
async fn a_prefetch_that_times_out_counts_as_failed() {
    let other = "https://other.example.com/keys";
    let mut two = config(&["RS256"]);
    let second =
        json!({"issuer": "https://other.example.com/", "audience": [AUDIENCE], "jwks_uri": other});
    two["issuers"].as_array_mut().unwrap().push(second);
    let bench = Bench::with_keys(&two, &[RS256.jwk()]);
    bench.web.hang(other, true);
    bench.authorizer.prefetch(at(NOW)).await;
    let sick = claims_with(&json!({"iss": "https://other.example.com/"}));
    for after in 0..30 {
        let token = RS256.token(&sick);
        let outcome = bench.authorize_at(&format!("Bearer {token}"), NOW + after).await;
        assert_eq!(verdict(&outcome), (500, "jwks_unavailable"));
        assert!(
            outcome.decision.detail.unwrap().ends_with(&format!("{other} did not respond in time"))
        );
    }
    assert_eq!(verdict(&bench.bearer(&RS256.token(&claims())).await), (200, "-"));
    assert_eq!(bench.web.requested_urls().len(), 2, "one for each issuer");
}

#[tokio::test]
async fn stale_keys_are_used_for_the_configured_time() {
    let token = long_lived_token(&RS256);
    for (setting, seconds) in [(None, 3_600), (Some(0), 0), (Some(60), 60), (Some(86_400), 86_400)]
    {
        let mut config = config(&["RS256"]);
        if let Some(seconds) = setting {
            config["issuers"][0]["keys_stale_for_seconds"] = json!(seconds);
        }
        let bench = Bench::with_keys(&config, &[RS256.jwk()]);
        assert_eq!(verdict(&bench.authorize_at(&token, NOW).await), (200, "-"));
        bench.web.fail(JWKS);
        if seconds > 0 {
            let last = bench.authorize_at(&token, NOW + 600 + seconds - 1).await;
            assert_eq!(verdict(&last), (200, "-"), "{setting:?}");
        }
        let after = bench.authorize_at(&token, NOW + 600 + seconds).await;
        assert_eq!(verdict(&after), (500, "jwks_unavailable"), "{setting:?}");
    }
    let mut config = config(&["RS256"]);
    config["issuers"][0]["keys_stale_for_seconds"] = json!(86_401);
    let errors = authorizer::Config::from_json(&config.to_string()).unwrap_err().to_string();
    assert_eq!(errors, "`issuers[0].keys_stale_for_seconds` must be 0 to 86400 seconds");
}

#[tokio::test]
async fn bundled_keys_of_an_issuer_without_a_url_expire() {
    let keys = json!({"jwks": {"keys": [RS256.jwk()]}, "read_at": NOW, "lifetime_seconds": 1_000});
    for (issuer, iss) in [
        ("my-issuer", "my-issuer"),
        ("https://i.example.com/{tenantid}/", "https://i.example.com/t/"),
    ] {
        let config = json!({"issuers": [{"issuer": issuer, "audience": [AUDIENCE], "keys": keys}]});
        let bench = Bench::new(&config);
        let changes = json!({"iss": iss, "tid": "t", "exp": NOW + 1_000_000});
        let token = format!("Bearer {}", RS256.token(&claims_with(&changes)));
        assert_eq!(verdict(&bench.authorize_at(&token, NOW + 999).await), (200, "-"));
        let other = Signer::new("RS256", "unknown").token(&claims_with(&changes));
        let unknown = bench.authorize_at(&format!("Bearer {other}"), NOW + 999).await;
        assert_eq!(verdict(&unknown), (401, "unknown_key"));
        let expired = bench.authorize_at(&token, NOW + 1_000).await;
        assert_eq!(verdict(&expired), (500, "jwks_unavailable"));
        assert_eq!(
            expired.decision.detail.unwrap(),
            format!(
                "keys of issuer `{issuer}` are unavailable: \
                 the bundled keys have expired and the issuer has no `jwks_uri`"
            )
        );
        assert!(bench.web.requested_urls().is_empty());
    }
}

#[test]
fn the_lifetime_of_bundled_keys_is_limited() {
    for (seconds, valid) in [(0, false), (1, true), (31_536_000, true), (31_536_001, false)] {
        let mut config = config(&["RS256"]);
        config["issuers"][0]["keys"] =
            json!({"jwks": {"keys": [RS256.jwk()]}, "read_at": NOW, "lifetime_seconds": seconds});
        let result = authorizer::Config::from_json(&config.to_string());
        assert_eq!(result.is_ok(), valid, "{seconds}");
    }
}

#[tokio::test]
async fn a_jwks_uri_of_metadata_is_remote_unless_the_issuer_is_loopback() {
    let token = |issuer: &str| RS256.token(&claims_with(&json!({"iss": issuer})));
    for (issuer, jwks_uri, accepted) in [
        (ISSUER, "https://keys.example.com/", true),
        (ISSUER, "https://10.0.0.1/", true),
        (ISSUER, "http://127.0.0.1:8080/", false),
        (ISSUER, "http://localhost/", false),
        (ISSUER, "https://127.0.0.1/", false),
        (ISSUER, "https://0x7f.1/", false),
        (ISSUER, "https://0.0.0.0/", false),
        (ISSUER, "https://[::]/", false),
        (ISSUER, "https://[::1]/", false),
        (ISSUER, "https://169.254.169.254/", false),
        (ISSUER, "https://[::ffff:169.254.169.254]/", false),
        (ISSUER, "https://[fd00:ec2::254]/", false),
        (ISSUER, "https://[fe80::1]/", false),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8081/keys", true),
        ("http://localhost:8080", "https://127.0.0.1/keys", true),
        ("http://localhost:8080", "http://keys.example.com/", false),
    ] {
        let bench = Bench::new(&json!({"issuers": [{"issuer": issuer, "audience": [AUDIENCE]}]}));
        let metadata = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        bench.web.publish(&metadata, &json!({"issuer": issuer, "jwks_uri": jwks_uri}));
        bench.web.publish(jwks_uri, &json!({"keys": [RS256.jwk()]}));
        let expected = if accepted { (200, "-") } else { (500, "jwks_unavailable") };
        assert_eq!(verdict(&bench.bearer(&token(issuer)).await), expected, "{issuer} {jwks_uri}");
        let requests = bench.web.requested_urls().len();
        assert_eq!(requests, if accepted { 2 } else { 1 }, "{issuer} {jwks_uri}");
    }
}
