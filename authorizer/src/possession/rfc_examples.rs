//! The examples of RFC 9449: a proof for the token endpoint (section 4.1) and one for a protected
//! resource (section 7.1).

#![cfg(test)]

use serde_json::{Value, json};

use super::check_dpop;
use crate::config::Config;
use crate::error::Rejection;
use crate::event::Event;
use crate::jwk;
use crate::time::UnixTime;
use crate::token::UnverifiedProof;

const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const ISSUED: i64 = 1_562_262_618;

fn proof(section: &str) -> String {
    let all: Value = serde_json::from_str(include_str!("../vectors/rfc_examples.json")).unwrap();
    all["dpop_proofs"][section].as_str().unwrap().to_owned()
}

fn get(host: &str, proof: &str) -> Value {
    json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/protectedresource",
        "headers": {"DPoP": proof},
        "requestContext": {
            "httpMethod": "GET", "path": "/protectedresource", "domainName": host,
        },
    })
}

fn check(event: &Value, token: &str, thumbprint: &str, now: i64) -> Result<(), Rejection> {
    let config = json!({"issuers": [{
        "issuer": "https://server.example.com", "audience": ["a"], "algorithms": ["ES256"],
        "jwks_uri": "https://server.example.com/keys", "dpop": "required", "leeway_seconds": 0,
    }]});
    let config = Config::from_json(&config.to_string()).unwrap();
    let text = event.to_string();
    let event = Event::parse(&text).unwrap();
    let now = UnixTime::from_seconds(now);
    check_dpop(&event.request().unwrap(), token, thumbprint, &config.issuers()[0], None, now)
}

#[test]
fn the_example_proof_is_accepted_with_its_request_token_and_key_only() {
    let event = get("resource.example.org", &proof("RFC 9449 7.1"));
    assert_eq!(check(&event, TOKEN, THUMBPRINT, ISSUED), Ok(()));

    let mut post = event.clone();
    post["requestContext"]["httpMethod"] = json!("POST");
    let elsewhere = get("server.example.com", &proof("RFC 9449 7.1"));
    let other_key = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    for (event, token, thumbprint, now, error) in [
        (&post, TOKEN, THUMBPRINT, ISSUED, "DPoP proof `htm` does not match the method"),
        (&elsewhere, TOKEN, THUMBPRINT, ISSUED, "DPoP proof `htu` does not match the URI"),
        (&event, TOKEN, THUMBPRINT, ISSUED + 61, "DPoP proof `iat` is outside the accepted window"),
        (&event, "x", THUMBPRINT, ISSUED, "DPoP proof `ath` does not match the token"),
        (&event, TOKEN, other_key, ISSUED, "DPoP proof key does not match `cnf.jkt`"),
    ] {
        assert_eq!(check(event, token, thumbprint, now), Err(Rejection::Possession(error)));
    }
}

#[test]
fn the_example_proof_for_the_token_endpoint_is_signed_but_is_not_bound_to_a_token() {
    let text = proof("RFC 9449 4.1");
    let proof = UnverifiedProof::parse(&text).unwrap();
    assert_eq!(jwk::thumbprint(proof.jwk()).as_deref(), Some(THUMBPRINT));
    let key = jwk::verifying_key(proof.jwk(), proof.algorithm()).unwrap();
    let claims = proof.verify(&key).unwrap();
    assert_eq!(claims["htm"], "POST");
    assert_eq!(claims["htu"], "https://server.example.com/token");

    let mut event = get("server.example.com", &text);
    event["requestContext"]["httpMethod"] = json!("POST");
    event["requestContext"]["path"] = json!("/token");
    assert_eq!(
        check(&event, TOKEN, THUMBPRINT, ISSUED),
        Err(Rejection::Possession("DPoP proof `ath` does not match the token"))
    );
}
