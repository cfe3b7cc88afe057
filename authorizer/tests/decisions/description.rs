//! The description of a function, and the comparison with the routes of an API.

use std::sync::Arc;

use authorizer::description::{NotCovered, REQUEST};
use authorizer::keys::fetch::{DocumentRequest, Fetch, FetchFuture};
use authorizer::routes::Requirement;
use authorizer::{Authorizer, Config, Description};
use serde_json::{Value, json};

use crate::{NOW, at, verdict};

/// Any access to the network is a defect.
struct NoNetwork;

impl Fetch for NoNetwork {
    fn get<'a>(&'a self, request: DocumentRequest<'a>) -> FetchFuture<'a> {
        panic!("{} was requested", request.url)
    }
}

fn cold(document: &Value) -> Authorizer {
    let fetch: Arc<dyn Fetch> = Arc::new(NoNetwork);
    Authorizer::new(Config::from_json(&document.to_string()).unwrap(), &fetch)
}

/// A configuration with every kind of secret.
fn document(changes: &Value) -> Value {
    let mut document = json!({
        "issuers": [{
            "issuer": "https://secret-issuer.example.com/", "audience": ["secret-audience"],
            "clients": ["secret-client"], "denied": {"sub": ["secret-subject"], "jti": ["secret-id"]},
        }],
        "log_key": "secret-secret-secret-secret-secret",
    });
    document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    document
}

fn pets() -> Value {
    json!([
        {"method": "GET", "path": "/pets/{petId}", "scopes": [["pets:read"]]},
        {"method": "ANY", "path": "/pets", "scopes": [["pets:write"], ["root", "admin"], ["pets:write"]]},
        {"method": "GET", "path": "/", "scopes": [[]]},
    ])
}

fn described(changes: &Value) -> Value {
    let response = cold(&document(changes)).describe(REQUEST).expect("a description");
    assert!(!response.as_str().contains("secret"), "{}", response.as_str());
    serde_json::from_str(response.as_str()).unwrap()
}

#[test]
fn a_cold_function_describes_its_routes_without_keys_and_secrets() {
    let mut table = json!({
        // The first 16 digits of the SHA-256 hash of `routes` as compact JSON.
        "digest": "b1147161c0f55efb",
        "routes": {
            "ANY /pets": [["admin", "root"], ["pets:write"]],
            "GET /": [[]],
            "GET /pets/{petId}": [["pets:read"]],
        },
    });
    let expected = |pinned: bool, tables: Vec<Value>| {
        let version = env!("CARGO_PKG_VERSION");
        json!({"portcullis": {"format": 1, "version": version, "pinned": pinned, "tables": tables}})
    };
    assert_eq!(described(&json!({"routes": pets()})), expected(false, vec![table.clone()]));
    let pinned = json!({"routes": pets(), "pinned": true});
    assert_eq!(described(&pinned), expected(true, vec![table.clone()]));
    table["api"] = json!("abc");
    assert_eq!(described(&json!({"apis": {"abc": pets()}})), expected(false, vec![table]));
    let stage = json!({"digest": "db8992cf941b185a", "requirement": [["a", "b"]]});
    assert_eq!(described(&json!({"scopes": ["b", "a"]})), expected(false, vec![stage]));
}

#[test]
fn the_digest_is_the_hash_of_the_rules_and_of_nothing_else() {
    let digest = |routes: Value| {
        let description = described(&json!({"routes": routes}));
        description["portcullis"]["tables"][0]["digest"].clone()
    };
    let mut reversed = pets();
    reversed.as_array_mut().unwrap().reverse();
    assert_eq!(digest(pets()), digest(reversed));
    let mut another = pets();
    another[0]["scopes"] = json!([["pets:write"]]);
    assert_ne!(digest(pets()), digest(another));
}

#[tokio::test]
async fn only_the_exact_object_requests_the_description() {
    let authorizer = cold(&document(&json!({"routes": pets()})));
    for event in [r#"{"portcullis":"describe"}"#, " { \"portcullis\" :\n\"describe\" } "] {
        assert!(authorizer.describe(event).is_some(), "{event}");
    }
    for event in [
        r#"{"portcullis":"x"}"#,
        r#"{"portcullis":"Describe"}"#,
        r#"{"portcullis":null}"#,
        r#"{"portcullis":["describe"]}"#,
        r#"{"portcullis":{"describe":null}}"#,
        r#"{"Portcullis":"describe"}"#,
        r#"{"portcullis":"describe","type":"TOKEN"}"#,
        r#"{"type":"TOKEN","portcullis":"describe"}"#,
        r#"{"portcullis":"describe","portcullis":"describe"}"#,
        r#"{"portcullis":"describe"} {}"#,
        r#"["portcullis","describe"]"#,
        r#"["describe"]"#,
        r#""portcullis""#,
        r#""describe""#,
        "{}",
        "null",
        "",
    ] {
        assert_eq!(authorizer.describe(event), None, "{event}");
        let outcome = authorizer.handle(event, at(NOW)).await;
        assert_eq!(verdict(&outcome), (500, "malformed_event"), "{event}");
    }
}

fn requirement(scopes: &[&[&str]]) -> Requirement {
    let set = |all: &&[&str]| all.iter().map(ToString::to_string).collect();
    Requirement::any_of(scopes.iter().map(set).collect()).unwrap()
}

/// Returns the unknown and the different routes.
fn missing(
    description: &Description,
    api: Option<&str>,
    wanted: &[(&str, &[&[&str]])],
) -> (Vec<String>, Vec<String>) {
    let wanted = wanted.iter().map(|(route, scopes)| ((*route).to_owned(), requirement(scopes)));
    match description.covers(api, &wanted.collect()) {
        Ok(()) => (Vec::new(), Vec::new()),
        Err(NotCovered { unknown, different, shadowing }) => {
            assert_eq!(shadowing, [""; 0]);
            assert!(!unknown.is_empty() || !different.is_empty());
            (unknown, different)
        }
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

const READ: &[&[&str]] = &[&["pets:read"]];
const WRITE: &[&[&str]] = &[&["admin", "root"], &["pets:write"]];

#[test]
fn a_function_covers_the_routes_that_it_contains_with_the_same_requirement() {
    let read = |changes: &Value| Description::read(&described(changes)).unwrap();
    let function = read(&json!({"routes": pets()}));
    let covered = (vec![], vec![]);
    assert_eq!(missing(&function, None, &[]), covered);
    assert_eq!(missing(&function, Some("abc"), &[("GET /pets/{petId}", READ)]), covered);
    // The names of parameters do not affect routing, nor the order of scopes access.
    assert_eq!(
        missing(&function, None, &[("GET /pets/{id}", READ), ("ANY /pets", WRITE)]),
        covered
    );
    let wanted: &[(&str, &[&[&str]])] = &[
        ("ANY /pets", &[&["pets:write"]]),
        ("GET /", READ),
        ("GET /pets", WRITE),
        ("GET /pets/{petId+}", READ),
        ("GET /pets/{petId}", READ),
        ("POST /pets/{petId}", READ),
    ];
    let unknown = names(&["GET /pets", "GET /pets/{petId+}", "POST /pets/{petId}"]);
    let different = names(&["ANY /pets", "GET /"]);
    assert_eq!(missing(&function, None, wanted), (unknown.clone(), different.clone()));
    let error = NotCovered { unknown, different, shadowing: vec![] };
    assert_eq!(
        error.to_string(),
        "the function does not contain `GET /pets`, `GET /pets/{petId+}`, `POST /pets/{petId}`; the function has another requirement for `ANY /pets`, `GET /`"
    );
}

#[test]
fn a_route_of_the_function_only_must_not_decide_requests_of_another_route() {
    let row = |method: &str, path: &str, scope: &str| json!({"method": method, "path": path, "scopes": [[scope]]});
    let shadowing = |extra: &[Value], wanted: &[(&str, &[&[&str]])]| {
        let mut routes = vec![row("GET", "/{proxy+}", "admin"), row("POST", "/a", "admin")];
        routes.extend(extra.iter().cloned());
        let function = Description::read(&described(&json!({"routes": routes}))).unwrap();
        let wanted = wanted.iter().map(|(route, all)| ((*route).to_owned(), requirement(all)));
        match function.covers(None, &wanted.collect()) {
            Ok(()) => vec![],
            Err(NotCovered { unknown, different, shadowing }) => {
                assert_eq!((unknown, different), (vec![], vec![]));
                shadowing
            }
        }
    };
    let wanted: &[(&str, &[&[&str]])] =
        &[("GET /{path+}", &[&["admin"]]), ("POST /a", &[&["admin"]])];
    assert_eq!(shadowing(&[], wanted), [""; 0]);
    let item = row("GET", "/items/{id}", "read");
    assert_eq!(shadowing(std::slice::from_ref(&item), wanted), ["GET /items/{id}"]);
    // `ANY` decides `GET`, for which the API has a greedy route, and no other method of it.
    assert_eq!(shadowing(&[row("ANY", "/items", "read")], wanted), ["ANY /items"]);
    // With the same requirement, or without a wanted route for the requests, it changes nothing.
    assert_eq!(shadowing(&[row("GET", "/items/{id}", "admin")], wanted), [""; 0]);
    assert_eq!(shadowing(&[row("PUT", "/items/{id}", "read")], wanted), [""; 0]);
    // The function decides `GET /a` by its greedy route, as the API does.
    assert_eq!(shadowing(&[row("ANY", "/a", "admin")], wanted), [""; 0]);
    let own: &[(&str, &[&[&str]])] =
        &[("GET /{path+}", &[&["admin"]]), ("GET /items/{item}", &[&["read"]])];
    assert_eq!(shadowing(&[item], own), [""; 0]);
    let error =
        NotCovered { unknown: vec![], different: vec![], shadowing: names(&["GET /items/{id}"]) };
    assert_eq!(
        error.to_string(),
        "the function contains `GET /items/{id}`, whose requests the API routes to another requirement"
    );
}

#[test]
fn a_table_of_another_api_covers_nothing_and_a_stage_wide_requirement_its_equals() {
    let read = |changes: &Value| Description::read(&described(changes)).unwrap();
    let by_api = read(&json!({"apis": {"abc": pets()}}));
    let wanted: &[(&str, &[&[&str]])] = &[("GET /pets/{petId}", READ)];
    let unknown = (names(&["GET /pets/{petId}"]), vec![]);
    assert_eq!(missing(&by_api, Some("abc"), wanted), (vec![], vec![]));
    assert_eq!(missing(&by_api, Some("abd"), wanted), unknown);
    assert_eq!(missing(&by_api, None, wanted), unknown);
    let stage = read(&json!({"scopes": ["pets:read"]}));
    assert_eq!(missing(&stage, None, wanted), (vec![], vec![]));
    let different = (vec![], names(&["ANY /pets"]));
    assert_eq!(missing(&stage, None, &[wanted[0], ("ANY /pets", WRITE)]), different);
}

#[test]
fn a_description_of_a_newer_function_is_read_and_anything_else_is_not() {
    let response = described(&json!({"apis": {"abc": pets(), "abd": pets()}}));
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut response = response.clone();
        change(&mut response["portcullis"]);
        Description::read(&response)
    };
    let description = changed(&|_| {}).unwrap();
    assert_eq!(
        (description.is_pinned(), description.version()),
        (false, env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(description.tables().len(), 2);
    let newer = changed(&|description| {
        description["memory"] = json!(512);
        description["tables"][0]["hosts"] = json!(["x"]);
    });
    assert_eq!(newer, Some(description));
    for (name, read) in [
        ("format", changed(&|description| description["format"] = json!(2))),
        ("no tables", changed(&|description| drop(description["tables"].take()))),
        ("pinned", changed(&|description| description["pinned"] = json!("no"))),
        ("two tables", changed(&|description| description["tables"][0]["api"] = json!("abd"))),
        (
            "rules",
            changed(&|description| {
                drop(description["tables"][0].as_object_mut().unwrap().remove("routes"));
            }),
        ),
        ("scopes", changed(&|d| d["tables"][0]["routes"]["GET /"] = json!("public"))),
        ("error", Description::read(&json!({"errorType": "AuthorizerFault"}))),
        ("text", Description::read(&json!("portcullis"))),
        ("null", Description::read(&json!({"portcullis": null}))),
    ] {
        assert_eq!(read, None, "{name}");
    }
}
