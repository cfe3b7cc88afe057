use std::collections::BTreeMap;

use authorizer::Config;
use serde_json::{Value, json};

use crate::{Bench, RS256, answer, claims, verdict};

fn issuer() -> Value {
    json!({"issuer": "https://i.example.com/", "audience": ["a"]})
}

#[track_caller]
fn problems(document: &Value, expected: &[&str]) {
    let found = Config::from_json(&document.to_string())
        .err()
        .map(|p| p.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>())
        .unwrap_or_default();
    assert_eq!(found, expected, "{document}");
}

#[test]
fn every_problem_is_told_at_once() {
    problems(
        &json!({"issuers": [
            {"issuer": "", "audience": []},
            {"issuer": "http://i.example.com", "audience": [""], "algorithms": [], "leeway_seconds": 301, "scope_claims": []},
            {"issuer": "x", "audience": ["a"], "jwks_uri": "http://i.example.com/keys", "algorithms": ["HS256"]},
        ]}),
        &[
            "issuers[0].issuer: is empty",
            "issuers[0].audience: is empty, which would take every token of the issuer's",
            "issuers[1].issuer: is no https URL (http for loopback), so `jwks_uri` must be given",
            "issuers[1].audience: is empty, which would take every token of the issuer's",
            "issuers[1].algorithms: is empty",
            "issuers[1].scope_claims: is empty",
            "issuers[1].leeway_seconds: is more than 300",
            "issuers[2].jwks_uri: is no https URL (http for loopback)",
            "issuers[2].algorithms: has a name that is not one of ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512",
        ],
    );
}

#[test]
fn empty_never_means_any() {
    problems(&json!({"issuers": []}), &["issuers: is empty, so no token could ever be accepted"]);
    problems(&json!({"issuers": [issuer(), issuer()]}), &["issuers[1].issuer: stands there twice"]);
    problems(
        &json!({"issuers": [issuer()], "routes": []}),
        &["routes: is empty; leave it out if every valid token may call everything"],
    );
    problems(&json!({"issuers": [issuer()], "apis": {}}), &["apis: is empty"]);
    problems(
        &json!({"issuers": [issuer()], "routes": [{"method": "GET", "path": "/a", "scopes": []}]}),
        &["routes[0].scopes: is empty; [[]] opens the route to every valid token"],
    );
}

#[test]
fn a_route_table_is_checked_row_by_row() {
    let row = |method: &str, path: &str| json!({"method": method, "path": path, "scopes": [["s"]]});
    problems(
        &json!({"issuers": [issuer()], "routes": [
            row("GET", "/ok/{id}"), row("get", "/a"), row("GET", "a"), row("GET", "/a//b"), row("GET", "/a/"),
            row("GET", "/{p+}/a"), row("GET", "/a*"), row("GET", "/x{id}"), row("GET", "/{}"), row("GET", "/a?b"),
        ]}),
        &[
            "routes[1].method: `get` is not one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, ANY",
            "routes[2].path: `a`: it does not begin with `/`",
            "routes[3].path: `/a//b`: a segment is empty",
            "routes[4].path: `/a/`: a segment is empty",
            "routes[5].path: `/{p+}/a`: something follows the greedy segment `p`",
            "routes[6].path: `/a*`: the segment `a*` has characters other than letters, digits and `.` `_` `-` `:`",
            "routes[7].path: `/x{id}`: the segment `x{id}` is not wholly a parameter",
            "routes[8].path: `/{}`: the segment `{}` is not wholly a parameter",
            "routes[9].path: `/a?b`: the segment `a?b` has characters other than letters, digits and `.` `_` `-` `:`",
        ],
    );
    problems(
        &json!({"issuers": [issuer()], "routes": [row("GET", "/a/{x}"), row("GET", "/a/{y}")]}),
        &["routes: `GET /a/{y}` stands in the table twice"],
    );
    problems(
        &json!({"issuers": [issuer()], "routes": [{"method": "GET", "path": "/a", "scopes": [["a b"]]}]}),
        &["routes[0].scopes: `a b` is not a scope name (RFC 6749 section 3.3)"],
    );
    for wrong in [0, 1023, 1_048_577] {
        problems(
            &json!({"issuers": [issuer()], "policy_max_bytes": wrong}),
            &["policy_max_bytes: is not from 1024 to 1048576"],
        );
    }
}

#[test]
fn unknown_members_and_other_json_are_refused() {
    for (text, part) in [
        ("", "EOF"),
        ("[]", "invalid"),
        (r#"{"issuers":[],"isuers":[]}"#, "unknown field `isuers`"),
        ("{}", "missing field `issuers`"),
        (r#"{"issuers":[{"issuer":"x"}]}"#, "missing field `audience`"),
    ] {
        let problems = Config::from_json(text).unwrap_err().to_string();
        assert!(problems.contains(part), "{text}: {problems}");
    }
}

fn environment(settings: &[(&str, &str)]) -> Result<Config, String> {
    let settings: BTreeMap<_, _> = settings.iter().copied().collect();
    Config::from_environment(|key| settings.get(key).map(|value| (*value).to_owned()))
        .map_err(|p| p.to_string())
}

#[test]
fn the_environment_configures_a_single_issuer() {
    let config = environment(&[
        ("AUTHORIZER_ISSUER", "https://i.example.com/"),
        ("AUTHORIZER_AUDIENCE", "a, b"),
        ("AUTHORIZER_ALGORITHMS", "RS256,ES256"),
        ("AUTHORIZER_JWKS_URI", "https://i.example.com/keys"),
    ])
    .unwrap();
    let [issuer] = config.issuers() else { panic!("one issuer") };
    assert_eq!(issuer.issuer(), "https://i.example.com/");
    assert_eq!(issuer.audience(), ["a", "b"]);
    assert_eq!(issuer.jwks_uri(), Some("https://i.example.com/keys"));
    assert_eq!(issuer.algorithms().len(), 2);
}

#[test]
fn an_environment_that_says_too_little_does_not_start() {
    let both = "AUTHORIZER_ISSUER: is not set, and there is no authorizer.json; \
                AUTHORIZER_AUDIENCE: is not set, and there is no authorizer.json";
    assert_eq!(environment(&[]).unwrap_err(), both);
    assert_eq!(
        environment(&[("AUTHORIZER_ISSUER", " "), ("AUTHORIZER_AUDIENCE", "")]).unwrap_err(),
        both
    );
    let with = |key, value| {
        environment(&[
            ("AUTHORIZER_ISSUER", "https://i.example.com"),
            ("AUTHORIZER_AUDIENCE", "a"),
            (key, value),
        ])
    };
    assert!(with("AUTHORIZER_ALGORITHMS", "").unwrap_err().contains("algorithms"));
    assert!(with("AUTHORIZER_JWKS_URI", "").unwrap_err().contains("jwks_uri"));
    assert!(with("AUTHORIZER_LEEWAY", "-1").unwrap_err().contains("AUTHORIZER_LEEWAY"));
    assert!(with("AUTHORIZER_AUDIENCE", ",").unwrap_err().contains("audience"));
    assert!(with("AUTHORIZER_LEEWAY", "10").is_ok());
}

#[tokio::test]
async fn scopes_of_the_environment_are_asked_of_every_token() {
    for (scopes, effect, reason) in [
        ("", "Allow", "-"),
        ("pets:read", "Allow", "-"),
        (" pets:read  pets:write ", "Allow", "-"),
        ("pets:read admin", "Deny", "insufficient_scope"),
    ] {
        let config = environment(&[
            ("AUTHORIZER_ISSUER", crate::ISSUER),
            ("AUTHORIZER_AUDIENCE", crate::AUDIENCE),
            ("AUTHORIZER_JWKS_URI", crate::JWKS),
            ("AUTHORIZER_SCOPES", scopes),
        ]);
        let bench = Bench::of(config.unwrap());
        bench.web.publish(crate::JWKS, &json!({"keys": [RS256.jwk()]}));
        let outcome = bench.bearer(&RS256.token(&claims())).await;
        assert_eq!(
            answer(&outcome)["policyDocument"]["Statement"][0]["Effect"],
            effect,
            "{scopes}"
        );
        assert_eq!(verdict(&outcome), (200, reason));
    }
}

#[tokio::test]
async fn a_table_never_answers_for_another_api() {
    for (api, expected) in [("abc123", (200, "-")), ("other", (500, "unknown_api"))] {
        let mut config = crate::config(&["RS256"]);
        config["apis"] =
            json!({api: [{"method": "GET", "path": "/pets/{id}", "scopes": [["pets:read"]]}]});
        let bench = Bench::with_keys(&config, &[RS256.jwk()]);
        assert_eq!(verdict(&bench.bearer(&RS256.token(&claims())).await), expected, "{api}");
    }
}
