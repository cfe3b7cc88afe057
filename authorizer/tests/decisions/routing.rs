//! The route of a request.

use authorizer::routes::{self, PathTemplate, Router, Verb};
use proptest::prelude::*;

use crate::policies::cases;

type Pair = (PathTemplate, Verb);

fn pair(verb: &str, path: &str) -> Pair {
    (path.parse().unwrap(), verb.parse().unwrap())
}

fn router(pairs: &[Pair]) -> Router {
    Router::new(pairs.iter().map(|(path, verb)| (path, *verb))).unwrap()
}

#[test]
fn routing_prefers_literal_to_parameter_to_greedy_and_falls_through_by_verb() {
    let pairs = [
        pair("POST", "/admin"),
        pair("ANY", "/{proxy+}"),
        pair("GET", "/pets/{id}"),
        pair("ANY", "/pets/mine"),
        pair("PUT", "/pets/mine"),
        pair("GET", "/"),
    ];
    let router = router(&pairs);
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
        let found = router.find(method, &routes::split(path));
        let found = found.map(|index| format!("{} {}", pairs[index].1, pairs[index].0));
        assert_eq!(found.as_deref(), expected, "{method} {path}");
    }
    assert_eq!(Verb::NAMED.len(), 7);
}

#[test]
fn duplicate_routes_are_rejected_whatever_the_names_of_their_parameters() {
    let routes = [pair("GET", "/pets/{id}"), pair("GET", "/pets/{name}")];
    let error = Router::new(routes.iter().map(|(path, verb)| (path, *verb))).unwrap_err();
    assert!(error.to_string().contains("GET /pets/{name}"), "{error}");
}

/// Few words and short paths, so that most templates overlap.
fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let segment = prop::sample::select(vec!["a", "b", "{p}", "{q}"]);
    let segments = prop::collection::vec(segment, 0..4);
    let greedy = prop::option::weighted(0.3, prop::sample::select(vec!["{r+}", "{s+}"]));
    let path = (segments, greedy).prop_map(|(mut segments, greedy)| {
        segments.extend(greedy);
        format!("/{}", segments.join("/"))
    });
    let verb = prop::sample::select(vec!["GET", "POST", "ANY"]);
    let pair = (verb, path).prop_map(|(verb, path)| pair(verb, &path));
    prop::collection::vec(pair, 0..20).prop_map(|pairs| {
        let mut unique: Vec<Pair> = Vec::new();
        for (path, verb) in pairs {
            if !unique.iter().any(|(other, by)| *by == verb && other.same_resource(&path)) {
                unique.push((path, verb));
            }
        }
        unique
    })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_router_finds_the_first_matching_route_by_precedence(
        pairs in pairs(),
        method in prop::sample::select(vec!["GET", "POST", "PUT"]),
        path in prop::collection::vec(prop::sample::select(vec!["a", "b", "z", ""]), 0..6),
    ) {
        let compare_precedence = |a: &&Pair, b: &&Pair| routes::compare_precedence((&a.0, a.1), (&b.0, b.1));
        let matches = |(template, verb): &&Pair| verb.matches(method) && template.matches(&path);
        let expected = pairs.iter().filter(matches).min_by(compare_precedence);
        let found = router(&pairs).find(method, &path).map(|index| &pairs[index]);
        prop_assert_eq!(found, expected);
    }
}
