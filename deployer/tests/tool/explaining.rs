//! `deployer explain`, through the command line.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

fn petstore() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/petstore")
}

fn explain(folder: &Path, arguments: &[&str]) -> Value {
    let output = deployer(folder, &[&["explain", "--output", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", transcript(&output)))
}

fn other_route<'a>(explanation: &'a Value, route: &str) -> &'a Value {
    let routes = explanation["cache"]["routes"].as_array().unwrap();
    routes.iter().find(|other| other["route"] == route).unwrap()
}

#[test]
fn explanations_as_text_match_their_snapshots() {
    let allowed = deployer(&petstore(), &["explain", "--scopes", "pets:read", "get", "/pets/7"]);
    insta::assert_snapshot!("explain_allowed", transcript(&allowed));
    let rejected =
        deployer(&petstore(), &["explain", "--scopes", "pets:read", "GET", "/pets/7/owner?x=1"]);
    insta::assert_snapshot!("explain_rejected", transcript(&rejected));
    let malformed = deployer(&petstore(), &["explain", "--token", "a.b.c", "GET", "/pets"]);
    insta::assert_snapshot!("explain_malformed", transcript(&malformed));
    let garbage = deployer(&petstore(), &["explain", "--token", "garbage", "GET", "/pets"]);
    insta::assert_snapshot!("explain_garbage", transcript(&garbage));
}

#[test]
fn the_json_has_the_decision_the_deciding_statement_and_the_cache() {
    let explanation = explain(&petstore(), &["--scopes", "pets:read", "GET", "/pets/7/owner"]);
    assert_eq!(explanation["route"], "GET /pets/{petId}/owner");
    assert_eq!(explanation["decision"]["decision"], "deny");
    assert_eq!(explanation["decision"]["required_scope"], "owners:read pets:read");
    assert_eq!(
        explanation["outcome"],
        json!({
            "allowed": false, "status": 403, "statement": 1,
            "reason": "the policy denies it: required scopes not granted by `scope` (required: owners:read pets:read)",
            "resource": "arn:aws:execute-api:us-east-1:000000000000:local/dev/GET/pets/*/owner*",
        })
    );
    let checks = explanation["checks"].as_array().unwrap();
    let failed: Vec<&Value> = checks.iter().filter(|check| check["passed"] == false).collect();
    assert_eq!((checks.len(), failed.len()), (13, 1));
    assert_eq!(failed[0]["step"], "scopes");
    assert_eq!(explanation["cache"]["ttl"], 300);
    let pets = other_route(&explanation, "GET /pets/{petId}");
    assert_eq!((&pets["from_cache"], &pets["outcome"]["allowed"]), (&json!(true), &json!(true)));
    let health = other_route(&explanation, "GET /health");
    assert_eq!(
        (&health["from_cache"], &health["outcome"]["reason"]),
        (&json!(false), &json!("the route is public"))
    );
}

#[test]
fn a_token_is_accepted_with_and_without_the_bearer_scheme() {
    let bare = explain(&petstore(), &["--token", "a.b.c", "GET", "/pets"]);
    let with_scheme = explain(&petstore(), &["--token", "Bearer a.b.c", "GET", "/pets"]);
    assert_eq!(bare, with_scheme);
    assert_eq!(bare["decision"]["reason"], "invalid_token");
}

#[test]
fn a_route_without_a_jwt_authorizer_is_explain() {
    let more = "  /keyed:\n    get: { security: [{key: []}] }\n  /signed:\n    get: { security: [{iam: []}] }\n  /both:\n    get: { security: [{jwt: [read], key: []}] }\n  /open:";
    let folder = folder(MANIFEST, &OPENAPI.replacen("  /open:", more, 1));
    for (path, allowed, status, reason) in [
        ("/open", true, json!(null), "the route is public"),
        ("/nowhere", false, json!(403), "no route has this method and path"),
        ("/keyed", false, json!(null), "the route requires an API key, not a token"),
        ("/signed", false, json!(null), "the route requires an AWS_IAM signature"),
        ("/both", true, json!(null), "the policy allows it; an API key is required as well"),
    ] {
        let outcome = &explain(folder.path(), &["--scopes", "read", "GET", path])["outcome"];
        assert_eq!(outcome["allowed"], allowed, "{path}");
        assert_eq!((&outcome["status"], &outcome["reason"]), (&status, &json!(reason)), "{path}");
    }
}

#[test]
fn a_policy_cached_by_route_does_not_apply_to_other_routes() {
    let paths = "  /x/{a}:\n    get: { security: [{jwt: [one]}] }\n  /x/{a}/y/{b}:\n    get: { security: [{jwt: [two]}] }\n  /x/{a}/y/{b}/w:\n    get: { security: [{jwt: [one]}] }\n  /open:";
    let openapi = OPENAPI.replacen("  /open:", paths, 1);
    let cached = explain(folder(MANIFEST, &openapi).path(), &["--scopes", "one", "GET", "/x/1"]);
    assert_eq!(cached["outcome"]["allowed"], true);
    assert_eq!(
        cached["cache"]["identity_sources"],
        json!([
            "method.request.header.Authorization",
            "context.httpMethod",
            "context.resourcePath"
        ])
    );
    let other = other_route(&cached, "GET /x/{a}/y/{b}/w");
    assert_eq!((&other["from_cache"], &other["outcome"]), (&json!(false), &json!(null)));
    let disabled = MANIFEST.replace("[authorizer.jwt]", "[authorizer.jwt]\ncache_ttl = \"0s\"");
    let uncached =
        explain(folder(&disabled, OPENAPI).path(), &["--scopes", "", "GET", "/things/1"]);
    assert_eq!(
        (&uncached["cache"]["ttl"], &uncached["outcome"]["status"]),
        (&json!(0), &json!(403))
    );
    // A token in the query string, which is the identity source.
    let query = "[authorizer.jwt]\ntype = \"request\"\ntoken = { query = \"t\" }";
    let query = MANIFEST.replace("[authorizer.jwt]", query);
    let query = explain(folder(&query, OPENAPI).path(), &["--scopes", "read", "GET", "/things/1"]);
    assert_eq!(query["outcome"]["allowed"], true, "{query}");
    assert_eq!(query["cache"]["identity_sources"], json!(["method.request.querystring.t"]));
    for (token, source) in [
        ("{ cookie = \"s\" }", "method.request.header.Cookie"),
        ("{ header = \"X-Token\", scheme = \"none\" }", "method.request.header.X-Token"),
    ] {
        let manifest = format!("[authorizer.jwt]\ntoken = {token}");
        let manifest = MANIFEST.replace("[authorizer.jwt]", &manifest);
        let folder = folder(&manifest, OPENAPI);
        let explained = explain(folder.path(), &["--scopes", "read", "GET", "/things/1"]);
        assert_eq!(explained["outcome"]["allowed"], true, "{explained}");
        assert_eq!(explained["cache"]["identity_sources"], json!([source]));
    }
}

#[test]
fn invalid_requests_and_tokens_are_errors() {
    for (arguments, message) in [
        (
            &["--scopes", "a", "GET"][..],
            "invalid `METHOD PATH` `GET`: expected a method and a path",
        ),
        (
            &["--scopes", "a", ".", "GET", "/", "x"],
            "invalid `METHOD PATH` `. GET / x`: expected a method and a path",
        ),
        (
            &["--scopes", "a", "FETCH", "/"],
            "invalid `METHOD` `FETCH`: expected DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT",
        ),
        (
            &["--scopes", "a", "GET", "pets"],
            "invalid `PATH` `pets`: expected a path that starts with `/`",
        ),
        (
            &["--scopes", "a\"b", "GET", "/pets"],
            "invalid `--scopes` `a\"b`: expected space-separated scope names",
        ),
        (
            &["--token", "a\nb", "GET", "/pets"],
            "invalid `--token` `…`: expected visible ASCII characters",
        ),
        (&["GET", "/pets"], "the following required arguments were not provided"),
        (&["--token", "a", "--scopes", "b", "GET", "/pets"], "cannot be used with"),
    ] {
        let output = deployer(&petstore(), &[&["explain"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(transcript(&output).contains(message), "{}", transcript(&output));
    }
}
