//! Keys that must not verify, principals that must not be confused, and events and logs with hostile
//! characters.

use authorizer::Config;
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{Bench, NOW, RS256, claims, claims_with, config, response_json, token_event, verdict};

/// A modulus of the kind that CVE-2017-15361 is about: a power of 65537 modulo the product of the
/// primes up to 167, and otherwise random.
const ROCA: &str = "mPE10l9VcgMwGFDFo4_VR5I6c2mU47-RGmHb4i5EFYuul7qU0O2oL49tBVhO-Ko4kidmWB4nocCKamPsJO3mpGtMskJKI9WWIhe-rdvElsuOgZc-C-zXsDiY0ZD569rMDLHinGWM2hSV5gr1k70Ezw_WMPHynQ2plT9I8aCfdrWhcLM4OSYwWfKMEF0fsXwjkMGSz9OslK8PId22bK1KJo0Rbs4XOPfZPZwXJBHiC49rDVSbbwNnWhYAo1oJmVDYNvZ1zIHnTvXo4l2UDtkEdZUxmF1dncn4GBjoEYkvkCvSPwgkFrwYST_uQ_7VYcw3xDyNnMYc9GWp782Jdi91Lw";

#[tokio::test]
async fn a_factorable_key_is_rejected() {
    let key =
        |n: &Value| json!({"kty": "RSA", "kid": "rsa-1", "alg": "RS256", "n": n, "e": "AQAB"});
    let sound = RS256.jwk()["n"].clone();
    for (n, expected) in [(&sound, (200, "-")), (&json!(ROCA), (500, "jwks_unavailable"))] {
        let bench = Bench::with_keys(&config(&["RS256"]), &[key(n)]);
        assert_eq!(verdict(&bench.bearer(&RS256.token(&claims())).await), expected);
    }
    let bench = Bench::with_keys(&config(&["RS256"]), &[key(&json!(ROCA)), RS256.jwk()]);
    let outcome = bench.bearer(&RS256.token(&claims())).await;
    assert!(outcome.decision.warning.unwrap().contains("weak"), "{:?}", outcome.decision);
}

#[tokio::test]
async fn the_issuer_of_a_key_is_respected() {
    for (issuer, accepted) in [
        (json!(crate::ISSUER), true),
        (json!("https://{tenantid}/"), true),
        (json!("https://other.example.com/"), false),
        (json!("https://issuer.example.com/{tenantid}/v2.0"), false),
        (json!("{tenantid}"), false),
        (json!(""), false),
    ] {
        let mut jwk = RS256.jwk();
        jwk["issuer"] = issuer.clone();
        let bench = Bench::with_keys(&config(&["RS256"]), &[jwk]);
        let outcome = bench.bearer(&RS256.token(&claims())).await;
        assert_eq!(verdict(&outcome).0 == 200, accepted, "{issuer}: {:?}", outcome.decision);
    }
}

#[tokio::test]
async fn a_key_without_alg_has_one_algorithm_family() {
    let mut jwk = RS256.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    for (algorithms, expected) in [
        (vec!["RS256"], (200, "-")),
        (vec!["RS512", "RS256"], (200, "-")),
        (vec!["RS256", "ES256"], (200, "-")),
        (vec!["RS256", "PS256"], (500, "jwks_unavailable")),
    ] {
        let bench = Bench::with_keys(&config(&algorithms), &[jwk.clone()]);
        let outcome = bench.bearer(&RS256.token(&claims())).await;
        assert_eq!(verdict(&outcome), expected, "{algorithms:?}: {:?}", outcome.decision);
    }
    // Known at start: it does not start.
    let mut bundled = config(&["RS256", "PS256"]);
    let other = Signer::new("RS256", "other").jwk();
    for keys in [json!([jwk]), json!([jwk, other])] {
        bundled["issuers"][0]["keys"] =
            json!({"jwks": {"keys": keys}, "read_at": NOW, "lifetime_seconds": 60});
        let error = Config::from_json(&bundled.to_string()).unwrap_err().to_string();
        assert!(error.contains("issuers[0].algorithms"), "{error}");
    }
}

#[tokio::test]
async fn a_client_never_has_the_principal_of_a_user() {
    let principal = async |changes: Value| {
        let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
        let outcome = bench.bearer(&RS256.token(&claims_with(&changes))).await;
        response_json(&outcome)["principalId"].as_str().unwrap().to_owned()
    };
    let client = principal(json!({"sub": null, "client_id": "billing"})).await;
    assert_eq!(client, "client:billing");
    for subject in ["billing", "client:billing", "sub:client:billing", "sub:billing", "7"] {
        let user = principal(json!({"sub": subject, "client_id": "billing"})).await;
        assert_ne!(user, client, "{subject}");
    }
    // No two users share one.
    assert_eq!(principal(json!({"sub": "7"})).await, "7");
    assert_eq!(principal(json!({"sub": "client:billing"})).await, "sub:client:billing");
    assert_eq!(principal(json!({"sub": "sub:client:billing"})).await, "sub:sub:client:billing");
}

#[tokio::test]
async fn an_unpaired_surrogate_in_a_header_is_the_callers_401() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let token = RS256.token(&claims());
    let event = token_event(&format!("Bearer {token}HERE")).to_string();
    for (escape, expected) in [
        ("", (200, "-")),
        ("\\ud800", (401, "invalid_token")),
        ("\\uDC00", (401, "invalid_token")),
        ("\\ud800\\ud800", (401, "invalid_token")),
        ("\\ud83d\\ude00", (401, "invalid_token")),
        ("\\ud800x", (401, "invalid_token")),
        ("\\ud800\\n", (401, "invalid_token")),
        ("\\\\ud800", (401, "invalid_token")),
        // Not JSON: no caller can cause it.
        ("\\ud8", (500, "malformed_event")),
        ("\\x", (500, "malformed_event")),
    ] {
        let event = event.replace("HERE", escape);
        let outcome = bench.authorizer.handle(&event, crate::at(NOW)).await;
        assert_eq!(verdict(&outcome), expected, "{escape}");
    }
    // Beside a valid token it is harmless.
    let event = token_event(&format!("Bearer {token}"));
    let event = event.to_string().replacen('{', "{\"x\":\"\\ud800\",", 1);
    assert_eq!(verdict(&bench.authorizer.handle(&event, crate::at(NOW)).await), (200, "-"));
}
