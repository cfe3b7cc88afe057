//! Claim requirements, deny-lists and key settings.

use authorizer::Outcome;
use authorizer::keys::KeySource;
use serde_json::{Value, json};

use crate::{Bench, ISSUER, JWKS, NOW, RS256, at, claims_with, config, token_event, verdict};

const PASSES: (u16, &str) = (200, "-");
const FORBIDDEN: (u16, &str) = (200, "forbidden");
const INVALID_CLAIMS: (u16, &str) = (401, "invalid_claims");

async fn verdict_for(settings: &Value, changes: &Value) -> (u16, &'static str) {
    verdict(&outcome(settings, changes).await)
}

async fn outcome(settings: &Value, changes: &Value) -> Outcome {
    let mut config = config(&["RS256"]);
    for (name, value) in settings.as_object().unwrap() {
        config["issuers"][0][name] = value.clone();
    }
    let bench = Bench::with_keys(&config, &[RS256.jwk()]);
    bench.bearer(&RS256.token(&claims_with(changes))).await
}

#[tokio::test]
async fn an_unmet_claim_requirement_denies_every_route() {
    for (rule, changes, expected) in [
        (json!({"claim": "roles", "any_of": ["a", "b"]}), json!({"roles": ["x", "b"]}), PASSES),
        (json!({"claim": "roles", "any_of": ["a", "b"]}), json!({"roles": "a"}), PASSES),
        (json!({"claim": "roles", "any_of": ["a", "b"]}), json!({"roles": ["ab"]}), FORBIDDEN),
        (json!({"claim": "roles", "any_of": ["1"]}), json!({"roles": [1]}), FORBIDDEN),
        (json!({"claim": "roles", "any_of": ["a"]}), json!({}), FORBIDDEN),
        (
            json!({"claim": "roles", "all_of": ["a", "b"]}),
            json!({"roles": ["b", "c", "a"]}),
            PASSES,
        ),
        (json!({"claim": "roles", "all_of": ["a", "b"]}), json!({"roles": ["a"]}), FORBIDDEN),
        (json!({"claim": "roles", "all_of": ["a"]}), json!({"roles": "a"}), FORBIDDEN),
        (json!({"claim": "level", "equals": 3}), json!({"level": 3}), PASSES),
        (json!({"claim": "level", "equals": 3}), json!({"level": "3"}), FORBIDDEN),
        (json!({"claim": "verified", "equals": true}), json!({"verified": true}), PASSES),
        (json!({"claim": "verified", "equals": true}), json!({"verified": 1}), FORBIDDEN),
        (json!({"claim": "tenant", "exists": true}), json!({"tenant": null}), FORBIDDEN),
        (json!({"claim": "tenant", "exists": true}), json!({"tenant": ""}), PASSES),
        (json!({"claim": "guest", "exists": false}), json!({}), PASSES),
        (json!({"claim": "guest", "exists": false}), json!({"guest": false}), FORBIDDEN),
        (json!({"claim": "acr", "at_least": 2}), json!({"acr": 2}), PASSES),
        (json!({"claim": "acr", "at_least": 2}), json!({"acr": 1}), FORBIDDEN),
        (json!({"claim": "acr", "at_least": 1, "at_most": 3}), json!({"acr": 3}), PASSES),
        (json!({"claim": "acr", "at_least": 1, "at_most": 3}), json!({"acr": 4}), FORBIDDEN),
        (json!({"claim": "acr", "at_most": 3}), json!({"acr": "2"}), FORBIDDEN),
    ] {
        let settings = json!({"require": [rule]});
        assert_eq!(verdict_for(&settings, &changes).await, expected, "{rule} {changes}");
    }
    let both = json!({"require": [{"claim": "a", "exists": true}, {"claim": "b", "exists": true}]});
    assert_eq!(
        verdict_for(&both, &json!({"a": 1})).await,
        FORBIDDEN,
        "every rule must be satisfied"
    );
    let detail = outcome(&both, &json!({"a": 1})).await.decision.detail;
    assert_eq!(detail.as_deref(), Some("claim requirement 2 not satisfied: `b`"));
}

#[tokio::test]
async fn a_text_test_passes_for_a_string_or_one_of_an_array() {
    for (test, text, list, other) in [
        (json!({"starts_with": "svc-"}), "svc-a", json!(["x", "svc-a"]), "a-svc-"),
        (
            json!({"ends_with": "@example.com"}),
            "a@example.com",
            json!(["a@example.com"]),
            "a@example.com.evil",
        ),
        (json!({"contains": "/admins/"}), "g/admins/x", json!(["g/admins/x", 7]), "g/admin/x"),
        (json!({"matches": "[a-z]+-[0-9]{2}"}), "ab-12", json!([["x"], "ab-12"]), "ab-123"),
        (json!({"matches": "a|b"}), "b", json!(["b"]), "ab"),
        (json!({"matches": "(?m)^a$"}), "a", json!(["a"]), "a\nb"),
        (json!({"matches": "a(?x) b # comment\n"}), "ab", json!(["ab"]), "a b"),
        (json!({"matches": "É."}), "Éé", json!(["Éé"]), "É"),
    ] {
        let mut rule = test.clone();
        rule["claim"] = json!("email");
        let settings = json!({"require": [rule]});
        assert_eq!(verdict_for(&settings, &json!({"email": text})).await, PASSES, "{test} {text}");
        assert_eq!(verdict_for(&settings, &json!({"email": list})).await, PASSES, "{test} {list}");
        for refused in
            [json!(other), json!([other]), json!([]), json!(7), json!({"a": text}), Value::Null]
        {
            let verdict = verdict_for(&settings, &json!({"email": refused})).await;
            assert_eq!(verdict, FORBIDDEN, "{test} {refused}");
        }
    }
}

#[tokio::test]
async fn rules_are_composed_by_any_all_and_not() {
    let staff = json!({"claim": "roles", "any_of": ["staff"]});
    let guest = json!({"claim": "guest", "equals": true});
    let eu = json!({"claim": "region", "starts_with": "eu-"});
    for (rule, changes, expected) in [
        (json!({"any": [staff, eu]}), json!({"roles": ["staff"]}), PASSES),
        (json!({"any": [staff, eu]}), json!({"region": "eu-west-1"}), PASSES),
        (json!({"any": [staff, eu]}), json!({"region": "us-east-1"}), FORBIDDEN),
        (json!({"all": [staff, eu]}), json!({"roles": ["staff"], "region": "eu-west-1"}), PASSES),
        (json!({"all": [staff, eu]}), json!({"roles": ["staff"]}), FORBIDDEN),
        (json!({"not": guest}), json!({"guest": true}), FORBIDDEN),
        (json!({"not": guest}), json!({"guest": false}), PASSES),
        (json!({"not": guest}), json!({}), PASSES),
        // A value of another type satisfies neither the test nor its negation.
        (json!({"not": guest}), json!({"guest": "true"}), FORBIDDEN),
        (json!({"not": {"claim": "n", "equals": 1}}), json!({"n": 1.0}), FORBIDDEN),
        (json!({"claim": "n", "equals": 1}), json!({"n": 1.0}), PASSES),
        (json!({"not": {"claim": "n", "equals": 1}}), json!({"n": 2}), PASSES),
        (json!({"not": {"claim": "n", "at_least": 5}}), json!({"n": 4}), PASSES),
        (json!({"not": {"claim": "n", "at_least": 5}}), json!({"n": 9.5}), FORBIDDEN),
        (json!({"not": {"claim": "n", "at_least": 5}}), json!({"n": "9"}), FORBIDDEN),
        (json!({"not": {"claim": "n", "at_least": 5}}), json!({"n": u64::MAX}), FORBIDDEN),
        (json!({"not": staff}), json!({"roles": {"v": "staff"}}), FORBIDDEN),
        (json!({"not": staff}), json!({"roles": [["staff"]]}), FORBIDDEN),
        (json!({"not": staff}), json!({"roles": ["guest"]}), PASSES),
        (json!({"not": staff}), json!({"roles": []}), PASSES),
        (json!({"not": eu}), json!({"region": 7}), FORBIDDEN),
        (json!({"not": {"claim": "roles", "all_of": ["a"]}}), json!({"roles": "a"}), FORBIDDEN),
        (json!({"not": {"any": [staff, guest]}}), json!({"roles": 7}), FORBIDDEN),
        (json!({"not": {"all": [staff, guest]}}), json!({"roles": 7, "guest": false}), PASSES),
        (json!({"any": [staff, guest]}), json!({"roles": 7, "guest": true}), PASSES),
        (json!({"all": [staff, guest]}), json!({"roles": 7, "guest": true}), FORBIDDEN),
        (json!({"not": {"any": [guest, eu]}}), json!({"region": "eu-west-1"}), FORBIDDEN),
        (json!({"all": [{"any": [staff, eu]}, {"not": guest}]}), json!({"roles": "staff"}), PASSES),
        (
            json!({"all": [{"any": [staff, eu]}, {"not": guest}]}),
            json!({"roles": "staff", "guest": true}),
            FORBIDDEN,
        ),
    ] {
        let settings = json!({"require": [rule]});
        assert_eq!(verdict_for(&settings, &changes).await, expected, "{rule} {changes}");
    }
}

#[tokio::test]
async fn an_unmet_rule_names_its_claims_and_no_values() {
    let rule = json!({"any": [
        {"claim": "/a/b", "any_of": ["secret"]},
        {"all": [{"claim": "c", "exists": true}, {"not": {"claim": "d", "equals": 1}}]},
    ]});
    let detail = outcome(&json!({"require": [rule]}), &json!({})).await.decision.detail;
    let expected = "claim requirement 1 not satisfied: any (`/a/b`, all (`c`, not `d`))";
    assert_eq!(detail.as_deref(), Some(expected));
}

#[tokio::test]
async fn only_allowed_clients_are_granted_access() {
    let settings = json!({"clients": ["client-1", "app"]});
    for (changes, expected) in [
        (json!({}), PASSES),
        (json!({"client_id": "other"}), FORBIDDEN),
        (json!({"client_id": null, "azp": "app"}), PASSES),
        (json!({"client_id": null, "cid": "app"}), PASSES),
        (json!({"client_id": null, "appid": "app"}), PASSES),
        (json!({"client_id": "other", "azp": "app"}), FORBIDDEN),
        (json!({"client_id": null}), FORBIDDEN),
    ] {
        assert_eq!(verdict_for(&settings, &changes).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn denylisted_tokens_and_subjects_are_rejected() {
    let settings = json!({"denied": {"jti": ["denied-jti"], "sub": ["denied-sub"]}});
    for (changes, expected) in [
        (json!({"jti": "other-jti"}), PASSES),
        (json!({"jti": "denied-jti"}), (401, "denylisted")),
        (json!({"sub": "denied-sub"}), (401, "denylisted")),
        (json!({"sub": "denied-jti", "jti": "denied-sub"}), PASSES),
    ] {
        assert_eq!(verdict_for(&settings, &changes).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn denylisted_clients_are_rejected_by_the_claim_of_the_profile() {
    let denied = (401, "denylisted");
    let settings = json!({"denied": {"client": ["former"]}});
    for (changes, expected) in [
        (json!({}), PASSES),
        (json!({"client_id": null}), PASSES),
        (json!({"client_id": "former"}), denied),
        (json!({"client_id": null, "azp": "former"}), denied),
        (json!({"client_id": "app", "azp": "former"}), PASSES),
        (json!({"sub": "former", "jti": "former"}), PASSES),
    ] {
        assert_eq!(verdict_for(&settings, &changes).await, expected, "{changes}");
    }
    let allowed_too = json!({"clients": ["former"], "denied": {"client": ["former"]}});
    let former = json!({"client_id": "former"});
    assert_eq!(verdict_for(&allowed_too, &former).await, denied);
}

#[tokio::test]
async fn every_token_of_a_denied_issuer_is_rejected() {
    let settings = json!({"denied": {"all": true}});
    for changes in [json!({}), json!({"sub": null, "client_id": null}), json!({"jti": "any"})] {
        assert_eq!(verdict_for(&settings, &changes).await, (401, "issuer_denied"), "{changes}");
    }
    // The signature is verified first: an unsigned token is not identified.
    let none = json!({"denied": {"all": false}});
    assert_eq!(verdict_for(&none, &json!({})).await, PASSES);
}

#[tokio::test]
async fn a_template_binds_the_tenant_to_tid_and_its_keys() {
    let template = "https://login.example.com/{tenantid}/v2.0";
    let settings = |more: Value| {
        let mut config = config(&["RS256"]);
        config["issuers"][0]["issuer"] = json!(template);
        for (name, value) in more.as_object().unwrap() {
            config["issuers"][0][name] = value.clone();
        }
        config
    };
    let jwk = |issuer: Option<&str>| {
        let mut jwk = RS256.jwk();
        if let Some(issuer) = issuer {
            jwk["issuer"] = json!(issuer);
        }
        jwk
    };
    let mine = "https://login.example.com/aaaa-1/v2.0";
    for (iss, tid, key, expected) in [
        (mine, json!("aaaa-1"), jwk(None), PASSES),
        (mine, json!("aaaa-1"), jwk(Some(template)), PASSES),
        (mine, json!("aaaa-1"), jwk(Some(mine)), PASSES),
        (
            mine,
            json!("aaaa-1"),
            jwk(Some("https://login.example.com/bbbb-2/v2.0")),
            (401, "unknown_key"),
        ),
        (mine, json!("bbbb-2"), jwk(None), INVALID_CLAIMS),
        (mine, Value::Null, jwk(None), INVALID_CLAIMS),
        ("https://login.example.com//v2.0", json!(""), jwk(None), INVALID_CLAIMS),
        ("https://login.example.com/a/b/v2.0", json!("a/b"), jwk(None), INVALID_CLAIMS),
        (
            "https://login.example.com/{tenantid}/v2.0",
            json!("{tenantid}"),
            jwk(None),
            INVALID_CLAIMS,
        ),
        ("https://evil.example.com/aaaa-1/v2.0", json!("aaaa-1"), jwk(None), INVALID_CLAIMS),
    ] {
        let bench = Bench::with_keys(&settings(json!({})), &[key]);
        let token = RS256.token(&claims_with(&json!({"iss": iss, "tid": tid})));
        assert_eq!(verdict(&bench.bearer(&token).await), expected, "{iss} {tid}");
    }
    let allowed = settings(json!({"require": [{"claim": "tid", "any_of": ["bbbb-2"]}]}));
    let bench = Bench::with_keys(&allowed, &[RS256.jwk()]);
    let token = RS256.token(&claims_with(&json!({"iss": mine, "tid": "aaaa-1"})));
    assert_eq!(verdict(&bench.bearer(&token).await), FORBIDDEN);
}

#[tokio::test]
async fn bundled_keys_are_used_without_network_for_their_lifetime() {
    let mut config = config(&["RS256"]);
    config["issuers"][0]["keys"] = json!({"jwks": {"keys": [RS256.jwk()]}, "read_at": NOW - 1_000, "lifetime_seconds": 86_400});
    let bench = Bench::new(&config);
    let token = format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": NOW + 1_000_000}))));
    for after in [0, 50_000, 85_399] {
        assert_eq!(verdict(&bench.authorize_at(&token, NOW + after).await), PASSES);
    }
    assert!(bench.web.requested_urls().is_empty(), "no network at all");
    // Then keys are fetched; while the issuer is unavailable, the stale keys are used.
    assert_eq!(verdict(&bench.authorize_at(&token, NOW + 85_400).await), PASSES);
    assert_eq!(bench.web.requested_urls(), [JWKS]);
    assert_eq!(
        verdict(&bench.authorize_at(&token, NOW + 85_400 + 3_600).await),
        (500, "jwks_unavailable")
    );
}

#[tokio::test]
async fn cache_control_of_the_issuer_is_honoured_within_bounds() {
    for (max_age, maximum, used_for) in [
        (None, 600, 600),
        (Some(120), 600, 120),
        (Some(0), 600, 60),
        (Some(9_999), 600, 600),
        (Some(9_999), 7_200, 7_200),
    ] {
        let mut config = config(&["RS256"]);
        config["issuers"][0]["key_max_age_seconds"] = json!(maximum);
        let bench = Bench::new(&config);
        bench.web.publish_with(JWKS, &json!({"keys": [RS256.jwk()]}), None, max_age);
        let token = format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": NOW + 100_000}))));
        for (after, fetches) in [(0, 1), (used_for - 1, 1), (used_for, 2)] {
            assert_eq!(verdict(&bench.authorize_at(&token, NOW + after).await), PASSES);
            assert_eq!(
                bench.web.requested_urls().len(),
                fetches,
                "{max_age:?} of {maximum}: after {after} s"
            );
        }
    }
}

#[tokio::test]
async fn an_unchanged_key_set_is_revalidated_by_its_entity_tag() {
    let bench = Bench::new(&config(&["RS256"]));
    bench.web.publish_with(JWKS, &json!({"keys": [RS256.jwk()]}), Some("v1"), None);
    let token = format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": NOW + 100_000}))));
    for after in [0, 600, 1_200] {
        let outcome = bench.authorize_at(&token, NOW + after).await;
        assert_eq!(
            (verdict(&outcome), outcome.decision.keys),
            (PASSES, Some(KeySource::Fetched)),
            "after {after} s"
        );
    }
    let v1 = Some("v1".to_owned());
    assert_eq!(bench.web.tags(), [None, v1.clone(), v1]);
    bench.web.publish_with(
        JWKS,
        &json!({"keys": [crate::mint::Signer::new("RS256", "new").jwk()]}),
        Some("v2"),
        None,
    );
    assert_eq!(
        verdict(&bench.authorize_at(&token, NOW + 1_800).await),
        (401, "unknown_key"),
        "a new tag brings the new set"
    );
}

#[tokio::test]
async fn prefetched_keys_serve_the_first_request_and_a_failed_prefetch_is_ignored() {
    let other = "https://other.example.com/keys";
    let mut two = config(&["RS256"]);
    let second =
        json!({"issuer": "https://other.example.com/", "audience": ["a"], "jwks_uri": other});
    two["issuers"].as_array_mut().unwrap().push(second);
    let bench = Bench::with_keys(&two, &[RS256.jwk()]);
    bench.web.fail(other);
    bench.authorizer.prefetch(at(NOW)).await;
    assert_eq!(bench.web.requested_urls().len(), 2);
    let event =
        token_event(&format!("Bearer {}", RS256.token(&claims_with(&json!({"iss": ISSUER})))));
    let outcome = bench.authorizer.handle(&event.to_string(), at(NOW)).await;
    assert_eq!((verdict(&outcome), outcome.decision.keys), (PASSES, Some(KeySource::Cached)));
    assert_eq!(bench.web.requested_urls().len(), 2, "the first call needs no fetch");
}
