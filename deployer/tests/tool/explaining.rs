//! `explain`, run as people run it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

fn petstore() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/petstore")
}

fn explained(folder: &Path, arguments: &[&str]) -> Value {
    let output = deployer(folder, &[&["explain", "--output", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", transcript(&output)))
}

fn of<'a>(explanation: &'a Value, route: &str) -> &'a Value {
    let routes = explanation["cache"]["routes"].as_array().unwrap();
    routes.iter().find(|other| other["route"] == route).unwrap()
}

#[test]
fn an_explanation_for_people_is_as_it_was() {
    let passes = deployer(&petstore(), &["explain", "--scopes", "pets:read", "get", "/pets/7"]);
    insta::assert_snapshot!("explain_passes", transcript(&passes));
    let refused =
        deployer(&petstore(), &["explain", "--scopes", "pets:read", "GET", "/pets/7/owner?x=1"]);
    insta::assert_snapshot!("explain_refused", transcript(&refused));
    let malformed = deployer(&petstore(), &["explain", "--token", "a.b.c", "GET", "/pets"]);
    insta::assert_snapshot!("explain_malformed", transcript(&malformed));
    let garbage = deployer(&petstore(), &["explain", "--token", "garbage", "GET", "/pets"]);
    insta::assert_snapshot!("explain_garbage", transcript(&garbage));
}

#[test]
fn what_decides_is_told_for_machines() {
    let explanation = explained(&petstore(), &["--scopes", "pets:read", "GET", "/pets/7/owner"]);
    assert_eq!(explanation["route"], "GET /pets/{petId}/owner");
    assert_eq!(explanation["decision"]["decision"], "deny");
    assert_eq!(explanation["decision"]["required_scope"], "owners:read pets:read");
    assert_eq!(
        explanation["end"],
        json!({
            "passes": false, "status": 403, "statement": 1,
            "why": "the policy denies it: none of the scope sets that open this route is held (it needs owners:read pets:read)",
            "resource": "arn:aws:execute-api:us-east-1:000000000000:local/dev/GET/pets/*/owner*",
        })
    );
    let checks = explanation["checks"].as_array().unwrap();
    let failed: Vec<&Value> = checks.iter().filter(|check| check["passed"] == false).collect();
    assert_eq!((checks.len(), failed.len()), (12, 1));
    assert_eq!(failed[0]["step"], "scopes");
    assert_eq!(explanation["cache"]["seconds"], 300);
    let pets = of(&explanation, "GET /pets/{petId}");
    assert_eq!((&pets["from_cache"], &pets["end"]["passes"]), (&json!(true), &json!(true)));
    let health = of(&explanation, "GET /health");
    assert_eq!(
        (&health["from_cache"], &health["end"]["why"]),
        (&json!(false), &json!("it is public"))
    );
}

#[test]
fn a_token_is_taken_with_its_scheme_or_without() {
    let alone = explained(&petstore(), &["--token", "a.b.c", "GET", "/pets"]);
    let with = explained(&petstore(), &["--token", "Bearer a.b.c", "GET", "/pets"]);
    assert_eq!(alone, with);
    assert_eq!(alone["decision"]["reason"], "invalid_token");
}

#[test]
fn a_route_that_no_token_opens_is_explained_without_one() {
    let more = "  /keyed:\n    get: { security: [{key: []}] }\n  /signed:\n    get: { security: [{iam: []}] }\n  /both:\n    get: { security: [{jwt: [read], key: []}] }\n  /open:";
    let folder = folder(MANIFEST, &OPENAPI.replacen("  /open:", more, 1));
    for (path, passes, status, why) in [
        ("/open", true, json!(null), "it is public"),
        ("/nowhere", false, json!(403), "no route has this method and path"),
        ("/keyed", false, json!(null), "an API key is asked for, and no token"),
        ("/signed", false, json!(null), "a request signed for AWS_IAM is asked for"),
        ("/both", true, json!(null), "the policy allows it; an API key is asked for as well"),
    ] {
        let end = &explained(folder.path(), &["--scopes", "read", "GET", path])["end"];
        assert_eq!(end["passes"], passes, "{path}");
        assert_eq!((&end["status"], &end["why"]), (&status, &json!(why)), "{path}");
    }
}

#[test]
fn an_answer_about_one_route_is_no_other_routes() {
    let paths = "  /x/{a}:\n    get: { security: [{jwt: [one]}] }\n  /x/{a}/y/{b}:\n    get: { security: [{jwt: [two]}] }\n  /x/{a}/y/{b}/w:\n    get: { security: [{jwt: [one]}] }\n  /open:";
    let openapi = OPENAPI.replacen("  /open:", paths, 1);
    let cached = explained(folder(MANIFEST, &openapi).path(), &["--scopes", "one", "GET", "/x/1"]);
    assert_eq!(cached["end"]["passes"], true);
    assert_eq!(
        cached["cache"]["by"],
        json!([
            "method.request.header.Authorization",
            "context.httpMethod",
            "context.resourcePath"
        ])
    );
    let other = of(&cached, "GET /x/{a}/y/{b}/w");
    assert_eq!((&other["from_cache"], &other["end"]), (&json!(false), &json!(null)));
    let never = MANIFEST.replace("[authorizer.jwt]", "[authorizer.jwt]\ncache_ttl = \"0s\"");
    let uncached = explained(folder(&never, OPENAPI).path(), &["--scopes", "", "GET", "/things/1"]);
    assert_eq!(
        (&uncached["cache"]["seconds"], &uncached["end"]["status"]),
        (&json!(0), &json!(403))
    );
    // A token in the query, which the gateway caches by.
    let query = "[authorizer.jwt]\ntype = \"request\"\ntoken = { query = \"t\" }";
    let query = MANIFEST.replace("[authorizer.jwt]", query);
    let query =
        explained(folder(&query, OPENAPI).path(), &["--scopes", "read", "GET", "/things/1"]);
    assert_eq!(query["end"]["passes"], true, "{query}");
    assert_eq!(query["cache"]["by"], json!(["method.request.querystring.t"]));
}

#[test]
fn what_cannot_be_explained_is_an_error() {
    for (arguments, message) in [
        (&["--scopes", "a", "GET"][..], "the request is not a method and a path: `GET`"),
        (
            &["--scopes", "a", ".", "GET", "/", "x"],
            "the request is not a method and a path: `. GET / x`",
        ),
        (
            &["--scopes", "a", "FETCH", "/"],
            "the request is not one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT: `FETCH`",
        ),
        (
            &["--scopes", "a", "GET", "pets"],
            "the request is not a path that begins with `/`: `pets`",
        ),
        (&["--scopes", "a\"b", "GET", "/pets"], "--scopes is not a list of scope names: `a\"b`"),
        (
            &["--token", "a\nb", "GET", "/pets"],
            "--token is not a text that fits into a header: `…`",
        ),
        (&["GET", "/pets"], "the following required arguments were not provided"),
        (&["--token", "a", "--scopes", "b", "GET", "/pets"], "cannot be used with"),
    ] {
        let output = deployer(&petstore(), &[&["explain"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(transcript(&output).contains(message), "{}", transcript(&output));
    }
}
