//! Configuration files that earlier versions of `deployer config` wrote: a newer function reads them
//! and decides as the function of that version did.

use authorizer::telemetry::Verdict;
use serde_json::{Value, json};

use crate::{Bench, NOW, RS256};

const ISSUER: &str = "https://tenant.eu.auth0.com/";
const KEYS: &str = "https://tenant.eu.auth0.com/.well-known/jwks.json";
const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";

const FILES: [(&str, &str); 3] = [
    ("1.json", include_str!("../retained/1.json")),
    ("2.json", include_str!("../retained/2.json")),
    ("3.json", include_str!("../retained/3.json")),
];

/// Decides a request of a caller with the scope `pets:read`; `changes` replace claims.
fn decide(file: &str, request: &str, changes: &Value) -> (Verdict, Option<&'static str>) {
    let bench = Bench::of(authorizer::Config::from_json(file).unwrap());
    let metadata = json!({"issuer": ISSUER, "jwks_uri": KEYS});
    bench.web.publish(&format!("{ISSUER}.well-known/openid-configuration"), &metadata);
    bench.web.publish(KEYS, &json!({"keys": [RS256.jwk()]}));
    let mut claims = json!({
        "iss": ISSUER, "aud": "https://petstore.example.com", "exp": NOW + 300, "iat": NOW,
        "sub": "auth0|1", "azp": "web", "scope": "pets:read", "org_id": "pets",
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let event = json!({
        "type": "TOKEN",
        "methodArn": format!("{STAGE}/{request}"),
        "authorizationToken": format!("Bearer {}", RS256.token(&claims)),
    });
    let decision = bench.authorize_event(&event, NOW).decision;
    (decision.decision, decision.reason)
}

#[test]
fn files_of_earlier_versions_are_read_and_decide_as_before() {
    let short = (Verdict::Deny, Some("insufficient_scope"));
    for (name, file) in FILES {
        let none = json!({});
        assert_eq!(decide(file, "GET/pets/7", &none), (Verdict::Allow, None), "{name}");
        assert_eq!(decide(file, "GET/pets/7/owner", &none), short, "{name}");
        let both = json!({"scope": "pets:read owners:read"});
        assert_eq!(decide(file, "GET/pets/7/owner", &both), (Verdict::Allow, None), "{name}");
        let audience = json!({"aud": "https://other.example.com"});
        let rejected = (Verdict::Unauthorized, Some("invalid_claims"));
        assert_eq!(decide(file, "GET/pets/7", &audience), rejected, "{name}");
    }
}

#[test]
fn rules_and_deny_list_of_an_earlier_file_decide_as_before() {
    let (_, file) = FILES[2];
    let forbidden = (Verdict::Deny, Some("forbidden"));
    let denied = (Verdict::Unauthorized, Some("denylisted"));
    for (changes, expected) in [
        (json!({"azp": "other"}), forbidden),
        (json!({"org_id": "other"}), forbidden),
        (json!({"stage": "test"}), forbidden),
        (json!({"sub": "auth0|former"}), denied),
        (json!({"jti": "revoked"}), denied),
        (json!({"azp": "app", "stage": "prod", "jti": "valid"}), (Verdict::Allow, None)),
    ] {
        assert_eq!(decide(file, "GET/pets/7", &changes), expected, "{changes}");
    }
}
