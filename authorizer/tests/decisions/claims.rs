use serde_json::{Value, json};

use crate::{AUDIENCE, Bench, ISSUER, NOW, RS256, answer, claims_with, config, verdict};

async fn judge(changes: &Value) -> (u16, &'static str) {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    verdict(&bench.bearer(&RS256.token(&claims_with(changes))).await)
}

#[tokio::test]
async fn times_issuer_and_audience_are_judged_by_their_rfc() {
    let fine = (200, "-");
    let claims = (401, "invalid_claims");
    let expired = (401, "token_expired");
    for (changes, expected) in [
        (json!({}), fine),
        (json!({"exp": null}), claims),
        (json!({"exp": NOW}), expired),
        (json!({"exp": NOW + 1}), fine),
        (json!({"exp": 1_800_000_000.5}), expired),
        (json!({"exp": 1_800_000_001.5}), fine),
        (json!({"exp": "1900000000"}), claims),
        (json!({"exp": true}), claims),
        (json!({"exp": -1}), claims),
        (json!({"exp": 1e19}), claims),
        (json!({"exp": u64::MAX}), claims),
        (json!({"exp": 253_402_300_799_i64}), fine),
        (json!({"exp": 253_402_300_800_i64}), claims),
        (json!({"nbf": NOW}), fine),
        (json!({"nbf": NOW + 1}), claims),
        (json!({"nbf": 1_800_000_000.1}), claims),
        (json!({"nbf": null, "iat": null}), fine),
        (json!({"iat": NOW + 1}), claims),
        (json!({"iat": []}), claims),
        (json!({"aud": null}), claims),
        (json!({"aud": [AUDIENCE]}), fine),
        (json!({"aud": ["x", AUDIENCE]}), fine),
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
        (json!({"sub": null}), fine),
        (json!({"scope": null}), fine),
        (json!({"scope": ""}), fine),
        (json!({"scope": "a  b"}), claims),
        (json!({"scope": "a\tb"}), claims),
        (json!({"scope": 7}), claims),
        (json!({"scope": ["a", 7]}), claims),
        (json!({"nonce": "n"}), claims),
        (json!({"at_hash": "h"}), claims),
        (json!({"token_use": "id"}), claims),
        (json!({"token_use": "access"}), fine),
    ] {
        assert_eq!(judge(&changes).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn the_leeway_moves_both_ends_and_no_further() {
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
async fn the_answer_names_the_caller_and_leaves_out_what_the_token_does_not_say() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    for (changes, principal, context) in [
        (
            json!({}),
            "user-1",
            json!({"iss": ISSUER, "sub": "user-1", "client_id": "client-1", "scope": "pets:read pets:write"}),
        ),
        (
            json!({"sub": null, "scope": null, "client_id": null, "cid": "c"}),
            "c",
            json!({"iss": ISSUER, "client_id": "c"}),
        ),
        (json!({"sub": null, "scope": null, "client_id": null}), ISSUER, json!({"iss": ISSUER})),
        (
            json!({"scope": null, "scp": ["b", "a"]}),
            "user-1",
            json!({"iss": ISSUER, "sub": "user-1", "client_id": "client-1", "scope": "a b"}),
        ),
    ] {
        let outcome = bench.bearer(&RS256.token(&claims_with(&changes))).await;
        let answer = answer(&outcome);
        assert_eq!(answer["principalId"], principal, "{changes}");
        assert_eq!(answer["context"], context, "{changes}");
    }
}
