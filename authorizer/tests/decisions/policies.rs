use std::collections::BTreeSet;

use authorizer::routes::{self, Requirement, Route, RouteTable, Verb};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{Bench, answer, at, claims_with, config};

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";

fn route(method: &str, path: &str, scopes: &[&[&str]]) -> Route {
    let set = |all: &&[&str]| all.iter().map(|scope| (*scope).to_owned()).collect();
    Route {
        verb: method.parse().unwrap(),
        path: path.parse().unwrap(),
        requirement: Requirement::any_of(scopes.iter().map(set).collect()).unwrap(),
    }
}

fn document(routes: &[Route]) -> Value {
    let rows = routes.iter().map(|route| {
        let scopes: Vec<Vec<&String>> =
            route.requirement.alternatives().iter().map(|all| all.iter().collect()).collect();
        json!({"method": route.verb.name(), "path": route.path.to_string(), "scopes": scopes})
    });
    let mut config = config(&["EdDSA"]);
    config["routes"] = rows.collect();
    config
}

/// Asks for a policy and says which patterns it allows and which it denies.
fn policy(routes: &[Route], scopes: &str) -> (Vec<String>, Vec<String>) {
    let signer = Signer::new("EdDSA", "k");
    let bench = Bench::with_keys(&document(routes), &[signer.jwk()]);
    let token = signer.token(&claims_with(&json!({"scope": scopes})));
    let event = json!({"type": "TOKEN", "methodArn": format!("{STAGE}/GET/x"), "authorizationToken": format!("Bearer {token}")});
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcome = runtime.block_on(bench.authorizer.handle(&event.to_string(), at(crate::NOW)));
    let document = answer(&outcome)["policyDocument"].clone();
    assert_eq!(document["Version"], "2012-10-17");
    let patterns = |effect: &str| {
        let statements =
            document["Statement"].as_array().unwrap().iter().filter(|s| s["Effect"] == effect);
        let resources = statements.flat_map(|s| {
            assert_eq!(s["Action"], "execute-api:Invoke");
            s["Resource"].as_array().unwrap()
        });
        resources
            .map(|r| r.as_str().unwrap().strip_prefix(&format!("{STAGE}/")).unwrap().to_owned())
            .collect()
    };
    (patterns("Allow"), patterns("Deny"))
}

#[track_caller]
fn check(routes: &[Route], scopes: &str, allowed: &[&str], denied: &[&str]) {
    let (allow, deny) = policy(routes, scopes);
    assert_eq!(
        (allow, deny),
        (
            allowed.iter().map(ToString::to_string).collect(),
            denied.iter().map(ToString::to_string).collect()
        )
    );
}

#[test]
fn a_policy_opens_what_the_scopes_open_and_denies_what_a_wildcard_would_swallow() {
    let table = [
        route("GET", "/", &[&[]]),
        route("GET", "/pets", &[&["read"]]),
        route("GET", "/pets/{id}", &[&["read"]]),
        route("GET", "/pets/{id}/secret", &[&["secret"]]),
        route("POST", "/pets", &[&["write"], &["admin", "sudo"]]),
        route("ANY", "/old/{proxy+}", &[&["admin"]]),
    ];
    check(
        &table,
        "read",
        &["GET/", "GET/pets", "GET/pets/*"],
        &["GET/pets/*/secret", "GET/pets/*/secret/"],
    );
    check(&table, "", &["GET/"], &[]);
    check(&table, "write", &["GET/", "POST/pets"], &[]);
    // The verb's wildcard crosses `/` as well: `*/old/*` matches `GET/pets/old/secret`.
    let swallowed = ["GET/pets/*/", "GET/pets/*/secret", "GET/pets/*/secret/"];
    check(&table, "admin", &["*/old/*", "GET/"], &swallowed);
    check(&table, "admin sudo", &["*/old/*", "GET/", "POST/pets"], &swallowed);
    check(&table, "read secret", &["GET/", "GET/pets", "GET/pets/*", "GET/pets/*/secret"], &[]);
    check(&table, "read write secret admin", &["*/*"], &[]);
    check(&table[1..], "nothing", &[], &["*/*"]);
}

#[test]
fn a_literal_beside_a_parameter_is_told_apart() {
    let table = [
        route("GET", "/pets/{id}", &[&["any"]]),
        route("GET", "/pets/mine", &[&["mine"]]),
        route("GET", "/pets/mine/{x}", &[&["mine"]]),
        route("GET", "/pets/{id}/{x}", &[&["deep"]]),
    ];
    check(
        &table,
        "any",
        &["GET/pets/*"],
        &["GET/pets/*/*", "GET/pets/mine", "GET/pets/mine/", "GET/pets/mine/*"],
    );
    check(&table, "mine", &["GET/pets/mine", "GET/pets/mine/*"], &[]);
}

#[test]
fn what_no_policy_can_say_is_found_beforehand() {
    let table = RouteTable::new(vec![
        route("GET", "/x/{a}", &[&["one"]]),
        route("GET", "/x/{a}/y/{b}", &[&["two"]]),
        route("GET", "/x/{a}/y/{b}/w", &[&["one"]]),
    ])
    .unwrap();
    let found = table.inexpressible();
    let told: Vec<_> = found
        .iter()
        .map(|triple| {
            (triple.granted.to_string(), triple.refused.to_string(), triple.closed.to_string())
        })
        .collect();
    let triple = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert!(
        told.contains(&triple("GET /x/{a}", "GET /x/{a}/y/{b}", "GET /x/{a}/y/{b}/w")),
        "{told:?}"
    );
    let fine = RouteTable::new(vec![
        route("GET", "/x/{a}", &[&["one"]]),
        route("GET", "/x/{a}/y", &[&["two"]]),
    ]);
    assert_eq!(fine.unwrap().inexpressible(), []);
}

/// `*` is any run of characters; nothing else is special here.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        Some((byte, rest)) => text.first() == Some(byte) && matches(rest, &text[1..]),
    }
}

const REQUIREMENTS: [&[&[&str]]; 5] =
    [&[&["r"]], &[&["w"]], &[&["r", "w"]], &[&["x"], &["w"]], &[&[]]];

const WORDS: [&str; 4] = ["a", "b", "c", "ab"];

fn template() -> impl Strategy<Value = String> {
    let segment = prop_oneof![3 => prop::sample::select(&WORDS[..]).prop_map(str::to_owned), 2 => Just("{p}".to_owned())];
    (prop::collection::vec(segment, 0..4), prop::bool::weighted(0.2)).prop_map(
        |(mut segments, greedy)| {
            if greedy {
                segments.push("{rest+}".to_owned());
            }
            format!("/{}", segments.join("/"))
        },
    )
}

fn table() -> impl Strategy<Value = Vec<Route>> {
    let verb = prop::sample::select(vec!["GET", "POST", "ANY"]);
    let scopes = prop::sample::select(&REQUIREMENTS[..]);
    let row =
        (verb, template(), scopes).prop_map(|(verb, path, scopes)| route(verb, &path, scopes));
    prop::collection::vec(row, 1..12).prop_map(|rows| {
        let mut kept: Vec<Route> = Vec::new();
        for row in rows {
            if !kept
                .iter()
                .any(|other| other.verb == row.verb && other.path.same_resource(&row.path))
            {
                kept.push(row);
            }
        }
        kept
    })
}

fn path() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "ab", "%2F", "z"]), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_never_opens_more_than_the_scopes_do_and_no_less_unless_foretold(
        routes in table(),
        scopes in prop::sample::subsequence(vec!["r", "w", "x"], 0..=3),
        requests in prop::collection::vec((prop::sample::select(vec!["GET", "POST", "PUT"]), path()), 40),
    ) {
        let (allowed, denied) = policy(&routes, &scopes.join(" "));
        let held: BTreeSet<String> = scopes.iter().map(ToString::to_string).collect();
        let table = RouteTable::new(routes).unwrap();
        let foretold = !table.inexpressible().is_empty();
        for (method, path) in requests {
            let concrete = format!("{method}/{}", path.join("/"));
            let Some(route) = table.find(method, &routes::split(&path.join("/"))) else { continue };
            let any = |patterns: &[String]| patterns.iter().any(|p| matches(p.as_bytes(), concrete.as_bytes()));
            let opened = any(&allowed) && !any(&denied);
            let may = route.requirement.is_met_by(&held);
            prop_assert!(!opened || may, "{concrete} is open to {held:?} and should not be: +{allowed:?} -{denied:?}");
            prop_assert!(opened || !may || foretold, "{concrete} is closed to {held:?}: +{allowed:?} -{denied:?}");
        }
    }
}

#[test]
fn routing_prefers_literal_to_parameter_to_greedy_and_falls_through_by_verb() {
    let table = RouteTable::new(vec![
        route("POST", "/admin", &[&["admin"]]),
        route("ANY", "/{proxy+}", &[&[]]),
        route("GET", "/pets/{id}", &[&[]]),
        route("ANY", "/pets/mine", &[&[]]),
        route("PUT", "/pets/mine", &[&[]]),
        route("GET", "/", &[&[]]),
    ])
    .unwrap();
    for (method, path, expected) in [
        ("POST", "/admin", Some("POST /admin")),
        ("GET", "/admin", Some("ANY /{proxy+}")),
        ("GET", "/pets/7", Some("GET /pets/{id}")),
        ("GET", "/pets/mine", Some("ANY /pets/mine")),
        ("PUT", "/pets/mine", Some("PUT /pets/mine")),
        ("POST", "/pets/7", Some("ANY /{proxy+}")),
        ("GET", "/pets/7/x", Some("ANY /{proxy+}")),
        ("GET", "/", Some("GET /")),
        ("GET", "", Some("GET /")),
        ("POST", "/", None),
        ("GET", "/Admin", Some("ANY /{proxy+}")),
        ("POST", "/admin/", Some("POST /admin")),
    ] {
        let found = table.find(method, &routes::split(path)).map(ToString::to_string);
        assert_eq!(found.as_deref(), expected, "{method} {path}");
    }
    assert_eq!(Verb::NAMED.len(), 7);
}
