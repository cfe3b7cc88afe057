use serde_json::{Value, json};

use crate::{AUDIENCE, Bench, ISSUER, NOW, RS256, claims_with, config, response_json, verdict};

async fn verdict_for(changes: &Value) -> (u16, &'static str) {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    verdict(&bench.bearer(&RS256.token(&claims_with(changes))).await)
}

#[tokio::test]
async fn dates_issuer_audience_and_scopes_are_checked_as_their_rfcs_require() {
    let passes = (200, "-");
    let claims = (401, "invalid_claims");
    let expired = (401, "token_expired");
    let early = (401, "token_not_yet_valid");
    let wrong_type = (401, "wrong_token_type");
    for (changes, expected) in [
        (json!({}), passes),
        (json!({"exp": null}), claims),
        (json!({"exp": NOW}), expired),
        (json!({"exp": NOW + 1}), passes),
        (json!({"exp": 1_800_000_000.5}), expired),
        (json!({"exp": 1_800_000_001.5}), passes),
        (json!({"exp": "1900000000"}), claims),
        (json!({"exp": true}), claims),
        (json!({"exp": -1}), claims),
        (json!({"exp": 1e19}), claims),
        (json!({"exp": u64::MAX}), claims),
        (json!({"exp": 253_402_300_799_i64}), passes),
        (json!({"exp": 253_402_300_800_i64}), claims),
        (json!({"nbf": NOW}), passes),
        (json!({"nbf": NOW + 1}), early),
        (json!({"nbf": 1_800_000_000.1}), early),
        (json!({"nbf": null, "iat": null}), passes),
        (json!({"iat": NOW + 1}), early),
        (json!({"iat": []}), claims),
        (json!({"aud": null}), claims),
        (json!({"aud": [AUDIENCE]}), passes),
        (json!({"aud": ["x", AUDIENCE]}), passes),
        (json!({"aud": ["x"]}), claims),
        (json!({"aud": []}), claims),
        (json!({"aud": [""]}), claims),
        (json!({"aud": [AUDIENCE, 7]}), claims),
        (json!({"aud": {"a": AUDIENCE}}), claims),
        (json!({"aud": format!("{AUDIENCE}/")}), claims),
        (json!({"iss": null}), claims),
        (json!({"iss": [ISSUER]}), claims),
        (json!({"iss": ISSUER.trim_end_matches('/')}), claims),
        (json!({"iss": ISSUER.to_uppercase()}), claims),
        (json!({"iss": format!("{ISSUER}x")}), claims),
        (json!({"sub": 7}), claims),
        (json!({"sub": "a\nb"}), claims),
        (json!({"sub": ""}), claims),
        (json!({"sub": "s".repeat(513)}), claims),
        (json!({"sub": null}), passes),
        (json!({"scope": null}), passes),
        (json!({"scope": ""}), passes),
        (json!({"scope": "a  b"}), passes),
        (json!({"scope": "a\tb"}), passes),
        (json!({"scope": 7}), passes),
        (json!({"scope": ["a", 7]}), passes),
        (json!({"nonce": "n"}), wrong_type),
        (json!({"at_hash": "h"}), wrong_type),
        (json!({"token_use": "id"}), wrong_type),
        (json!({"token_use": "access"}), passes),
    ] {
        assert_eq!(verdict_for(&changes).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn unknown_claims_and_header_parameters_are_ignored() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let plain = bench.bearer(&RS256.token(&claims_with(&json!({})))).await;
    for value in
        [json!(null), json!(true), json!(7), json!(1.5), json!("x"), json!([{}]), json!({"a": []})]
    {
        let mut claims = claims_with(&json!({}));
        claims["x-unknown"] = value.clone();
        let mut header = RS256.header();
        header["x-unknown"] = value.clone();
        let token = RS256.token_with(&header.to_string(), &claims.to_string());
        assert_eq!(bench.bearer(&token).await.response, plain.response, "{value}");
    }
}

#[tokio::test]
async fn the_leeway_extends_both_ends_of_the_validity_period() {
    let mut config = config(&["RS256"]);
    config["issuers"][0]["leeway_seconds"] = json!(30);
    let bench = Bench::with_keys(&config, &[RS256.jwk()]);
    for (changes, status) in [
        (json!({"exp": NOW - 29}), 200),
        (json!({"exp": NOW - 30}), 401),
        (json!({"nbf": NOW + 30}), 200),
        (json!({"nbf": NOW + 31}), 401),
    ] {
        let outcome = bench.bearer(&RS256.token(&claims_with(&changes))).await;
        assert_eq!(verdict(&outcome).0, status, "{changes}");
    }
}

#[tokio::test]
async fn the_response_has_principal_and_context_and_omits_absent_claims() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    for (changes, principal, context) in [
        (
            json!({}),
            "user-1",
            json!({"iss": ISSUER, "sub": "user-1", "client_id": "client-1", "scope": "pets:read pets:write"}),
        ),
        (
            json!({"sub": null, "scope": null, "client_id": null, "cid": "c"}),
            "client:c",
            json!({"iss": ISSUER, "client_id": "c"}),
        ),
        (
            json!({"sub": null, "scope": null, "client_id": null}),
            "issuer:https://issuer.example.com/",
            json!({"iss": ISSUER}),
        ),
        (
            json!({"scope": null, "scp": ["b", "a"]}),
            "user-1",
            json!({"iss": ISSUER, "sub": "user-1", "client_id": "client-1", "scope": "a b"}),
        ),
    ] {
        let outcome = bench.bearer(&RS256.token(&claims_with(&changes))).await;
        let response = response_json(&outcome);
        assert_eq!(response["principalId"], principal, "{changes}");
        assert_eq!(response["context"], context, "{changes}");
    }
}
