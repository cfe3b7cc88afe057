use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use authorizer::routes::{self, Requirement, Route, RouteTable};
use authorizer::telemetry::Verdict;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{Bench, claims_with, config, response_json};

pub(crate) const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod";

pub(crate) fn route(method: &str, path: &str, scopes: &[&[&str]]) -> Route {
    let set = |all: &&[&str]| all.iter().map(|scope| (*scope).to_owned()).collect();
    Route {
        verb: method.parse().unwrap(),
        path: path.parse().unwrap(),
        requirement: Requirement::any_of(scopes.iter().map(set).collect()).unwrap(),
    }
}

pub(crate) fn document(routes: &[Route]) -> Value {
    let rows = routes.iter().map(|route| {
        let scopes: Vec<Vec<&String>> =
            route.requirement.alternatives().iter().map(|all| all.iter().collect()).collect();
        json!({"method": route.verb.name(), "path": route.path.to_string(), "scopes": scopes})
    });
    let mut config = config(&["EdDSA"]);
    config["routes"] = rows.collect();
    config["cache_ttl_seconds"] = json!(0);
    config
}

/// One key, and one token for each set of scopes.
static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("EdDSA", "k"));
static TOKENS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn token(scopes: &str) -> String {
    let mut tokens = TOKENS.lock().unwrap();
    let mint = || SIGNER.token(&claims_with(&json!({"scope": scopes})));
    tokens.entry(scopes.to_owned()).or_insert_with(mint).clone()
}

/// Returns the patterns that a caller's policy allows and denies.
fn policy_for(
    routes: &[Route],
    scopes: &str,
    mode: &str,
    request: &str,
) -> (Vec<String>, Vec<String>) {
    let mut document = document(routes);
    document["policy"] = json!(mode);
    document["policy_max_bytes"] = json!(1_048_576);
    authorize(&document, scopes, request)
}

fn bench_and_event(document: &Value, scopes: &str, request: &str) -> (Bench, Value) {
    let event = json!({
        "type": "TOKEN",
        "methodArn": format!("{STAGE}/{request}"),
        "authorizationToken": format!("Bearer {}", token(scopes)),
    });
    (Bench::with_keys(document, &[SIGNER.jwk()]), event)
}

fn authorize(document: &Value, scopes: &str, request: &str) -> (Vec<String>, Vec<String>) {
    let (bench, event) = bench_and_event(document, scopes, request);
    let outcome = bench.authorize_event(&event, crate::NOW);
    let document = response_json(&outcome)["policyDocument"].clone();
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
    let (allow, deny) = policy_for(routes, scopes, "caller", "GET/x");
    assert_eq!(
        (allow, deny),
        (
            allowed.iter().map(ToString::to_string).collect(),
            denied.iter().map(ToString::to_string).collect()
        )
    );
}

#[test]
fn a_policy_allows_the_granted_routes_and_denies_other_routes_that_a_wildcard_matches() {
    let table = [
        route("GET", "/", &[&[]]),
        route("GET", "/pets", &[&["read"]]),
        route("GET", "/pets/{id}", &[&["read"]]),
        route("GET", "/pets/{id}/secret", &[&["secret"]]),
        route("POST", "/pets", &[&["write"], &["admin", "sudo"]]),
        route("ANY", "/old/{proxy+}", &[&["admin"]]),
    ];
    check(&table, "read", &["GET/", "GET/pets", "GET/pets/*"], &["*/*/*/?*", "*//*"]);
    check(&table, "", &["GET/"], &[]);
    check(&table, "write", &["GET/", "POST/pets"], &[]);
    // The verb's wildcard matches `/` as well: `*/old/*` matches `GET/pets/old/secret`.
    check(&table, "admin", &["*/old/*", "GET/"], &["*//*", "GET/pets*"]);
    check(&table, "admin sudo", &["*/old/*", "GET/", "POST/pets"], &["*//*", "GET/pets*"]);
    // A Deny for `GET/pets/*/?*` would close the secret.
    check(&table, "read secret", &["GET/", "GET/pets", "GET/pets/*"], &[]);
    check(
        &table,
        "read write secret admin",
        &["*/old/*", "GET/", "GET/pets", "GET/pets/*", "POST/pets"],
        &[],
    );
    check(&table[1..], "nothing", &[], &["*/*"]);
}

#[test]
fn a_literal_and_a_parameter_at_the_same_level_are_distinguished() {
    let table = [
        route("GET", "/pets/{id}", &[&["any"]]),
        route("GET", "/pets/mine", &[&["mine"]]),
        route("GET", "/pets/mine/{x}", &[&["mine"]]),
        route("GET", "/pets/{id}/{x}", &[&["deep"]]),
    ];
    let denied = ["*/*/*/?*", "*//*", "GET/pets/mine", "GET/pets/mine/"];
    check(&table, "any", &["GET/pets/*"], &denied);
    check(&table, "mine", &["GET/pets/mine", "GET/pets/mine/*"], &["*/*/*/*/?*", "*//*"]);
}

#[test]
fn a_greedy_route_is_denied_beyond_the_longest_template() {
    let table = [
        route("GET", "/{a}", &[&["r"]]),
        route("GET", "/{a}/{b}", &[&["r"]]),
        route("GET", "/{a}/{b}/{c}", &[&["r"]]),
        route("GET", "/{p+}", &[&["admin"]]),
    ];
    check(&table, "r", &["GET/*"], &["*//*", "GET/*/*/*/*"]);
}

#[test]
fn a_catch_all_is_denied_as_narrowly_as_iam_allows() {
    let table = [
        route("GET", "/pets", &[&["r"]]),
        route("GET", "/pets/{id}", &[&["r"]]),
        route("ANY", "/{proxy+}", &[&["admin"]]),
    ];
    // `*/*`, the own pattern of the catch-all, would deny the pets as well.
    let denied = ["*/*/*/?*", "*//*", "GET/pets/*/*"];
    check(&table, "r", &["GET/pets", "GET/pets/*"], &denied);
    check(&table, "admin", &["*/*"], &["*//*", "GET/pets", "GET/pets/*"]);
    assert_eq!(RouteTable::new(table.to_vec()).unwrap().policy_conflicts().count(), 1);
    // `*/`, the root with any method, also matches every path with a trailing slash.
    let root = [route("ANY", "/", &[&["r"]]), route("GET", "/{rest+}", &[&["w"]])];
    check(&root, "r", &["*/"], &["*/*/", "*//*"]);
    assert_eq!(RouteTable::new(root.to_vec()).unwrap().policy_conflicts().next(), None);
}

/// A table with long policies: none of its patterns can be merged.
fn long_table() -> Vec<Route> {
    let path = |at: usize| format!("/{}{at}/{{id}}/{}", "p".repeat(120), "q".repeat(120));
    (0..60).map(|at| route("GET", &path(at), &[&[if at % 2 == 0 { "r" } else { "w" }]])).collect()
}

/// Policies are cached by granted routes and stage: whatever the earlier requests, the response is
/// that of an authorizer with an empty cache.
#[test]
fn a_cached_policy_equals_a_newly_built_one() {
    let routes = [
        route("GET", "/pets", &[&["a"], &["c"]]),
        route("GET", "/pets/{id}", &[&["b"]]),
        route("GET", "/pets/{id}/secret", &[&["c"]]),
        route("POST", "/pets", &[&["a", "b"]]),
        route("GET", "/owners/{id}", &[&["c"]]),
        route("GET", "/visits/{id}/invoice", &[&["b"]]),
        route("GET", &format!("/{}", "x".repeat(200)), &[&["a"]]),
        route("GET", &format!("/y/{}", "y".repeat(200)), &[&["a"]]),
        route("GET", &format!("/z/{}", "z".repeat(200)), &[&["a"]]),
        route("GET", &format!("/w/{}", "w".repeat(200)), &[&["a"]]),
    ];
    // The second limit is so low that some policies cover only the requested route.
    let mut documents = vec![document(&routes), document(&routes)];
    documents[1]["policy_max_bytes"] = json!(1_024);
    for document in documents {
        let bench = Bench::with_keys(&document, &[SIGNER.jwk()]);
        for round in 0..3 {
            // More stages than the cache has entries for.
            for stage in 0..12 {
                for scopes in ["", "a", "b", "c", "a b", "b c", "a b c"] {
                    for request in ["GET/pets", "GET/pets/7", "GET/y", "POST/pets"] {
                        let event = json!({
                            "type": "TOKEN",
                            "methodArn": format!("{STAGE}{}/{request}", (stage + round) % 12),
                            "authorizationToken": format!("Bearer {}", token(scopes)),
                        });
                        let fresh = Bench::with_keys(&document, &[SIGNER.jwk()]);
                        let expected = fresh.authorize_event(&event, crate::NOW).response;
                        let found = bench.authorize_event(&event, crate::NOW).response;
                        assert_eq!(found, expected, "{event}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_policy_over_the_maximum_length_covers_only_the_requested_route() {
    let table = long_table();
    let (bench, event) = bench_and_event(&document(&table), "r", &format!("GET{}", table[0].path));
    let outcome = bench.authorize_event(&event, crate::NOW);
    let policy = response_json(&outcome)["policyDocument"].to_string();
    assert!(policy.len() <= 8192, "{}", policy.len());
    let own = format!("{STAGE}/GET{}", table[0].path.to_string().replace("{id}", "*"));
    assert!(policy.contains(&format!("\"Resource\":[\"{own}\"]")), "{policy}");
    assert_eq!(outcome.decision.decision, Verdict::Allow);
    assert!(outcome.decision.warning.unwrap().contains("policy_max_bytes"));
    // A refused route gets a policy that denies all, and a higher limit the whole grant.
    let refused = format!("GET{}", table[1].path).replace("{id}", "7");
    let (allowed, denied) = authorize(&document(&table), "r", &refused);
    assert_eq!((allowed, denied), (vec![], vec!["*/*".to_owned()]));
    let mut longer = document(&table);
    longer["policy_max_bytes"] = json!(20_000);
    assert_eq!(authorize(&longer, "r", "GET/x").0.len(), 30);
}

#[test]
fn a_route_whose_policy_exceeds_the_maximum_length_is_denied() {
    let deny =
        (0..12).map(|at| route("GET", &format!("/a/{{id}}/{}{at}", "q".repeat(200)), &[&["w"]]));
    // A Deny for all longer paths would close the second.
    let granted = ["/a/{id}", "/a/{id}/{part}"].map(|path| route("GET", path, &[&["r"]]));
    let table: Vec<Route> = granted.into_iter().chain(deny).collect();
    let mut tight = document(&table);
    tight["policy_max_bytes"] = json!(1024);
    let (bench, event) = bench_and_event(&tight, "r", "GET/a/1");
    let outcome = bench.authorize_event(&event, crate::NOW);
    assert_eq!(outcome.decision.decision, Verdict::Deny);
    assert!(response_json(&outcome)["policyDocument"]["Statement"][0]["Effect"] == "Deny");
    tight.as_object_mut().unwrap().remove("policy_max_bytes");
    assert_eq!(authorize(&tight, "r", "GET/a/1").0, ["GET/a/*"]);
}

#[test]
fn a_deny_that_exceeds_the_resource_length_is_widened() {
    let (first, last) = ("p".repeat(250), "q".repeat(250));
    let table = [
        route("GET", &format!("/{first}/{{id}}"), &[&["r"]]),
        route("GET", &format!("/{{a}}/{{b}}/{last}"), &[&["w"]]),
        route("GET", &format!("/{{a}}/{{b}}/{{c}}/{last}"), &[&["r"]]),
    ];
    // `GET/pp…/*/qq…` would suffice, but is too long for a resource.
    let (allowed, denied) = authorize(&document(&table), "r", "GET/x");
    assert_eq!(allowed.len(), 2);
    assert!(denied.contains(&format!("GET/*/*/{last}")), "{denied:?}");
}

#[test]
fn a_resource_over_512_characters_is_not_written() {
    let long = format!("/{}", "q".repeat(299));
    let table = [route("GET", &long, &[&["r"]]), route("GET", "/z", &[&["w"]])];
    let api = STAGE.strip_suffix("prod").unwrap();
    // The limit includes the ARN before the pattern.
    for (stage, allowed) in [("s".repeat(128), true), ("s".repeat(160), false)] {
        let (bench, mut event) = bench_and_event(&document(&table), "r", "GET/x");
        event["methodArn"] = json!(format!("{api}{stage}/GET{long}"));
        let outcome = bench.authorize_event(&event, crate::NOW);
        let statement = response_json(&outcome)["policyDocument"]["Statement"][0].clone();
        assert_eq!(statement["Effect"] == "Allow", allowed, "{statement}");
        assert!(statement["Resource"][0].as_str().unwrap().len() <= 512, "{statement}");
    }
}

#[test]
fn policy_conflicts_are_found_in_advance() {
    let table = RouteTable::new(vec![
        route("GET", "/x/{a}", &[&["one"]]),
        route("GET", "/x/{a}/y/{b}", &[&["two"]]),
        route("GET", "/x/{a}/y/{b}/w", &[&["one"]]),
    ])
    .unwrap();
    let conflicts: Vec<_> = table
        .policy_conflicts()
        .map(|conflict| {
            (
                conflict.granted.to_string(),
                conflict.refused.to_string(),
                conflict.closed.to_string(),
            )
        })
        .collect();
    let conflict = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert!(
        conflicts.contains(&conflict("GET /x/{a}", "GET /x/{a}/y/{b}", "GET /x/{a}/y/{b}/w")),
        "{conflicts:?}"
    );
    let without_conflict = RouteTable::new(vec![
        route("GET", "/x/{a}", &[&["one"]]),
        route("GET", "/x/{a}/y", &[&["two"]]),
    ]);
    assert_eq!(without_conflict.unwrap().policy_conflicts().next(), None);
}

/// Returns whether a pattern, in which `*` matches any characters, matches a text.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        Some((b'?', rest)) => !text.is_empty() && matches(rest, &text[1..]),
        Some((byte, rest)) => text.first() == Some(byte) && matches(rest, &text[1..]),
    }
}

/// The patterns of a policy.
struct Policy {
    allowed: Vec<String>,
    denied: Vec<String>,
}

impl Policy {
    fn allows(&self, request: &str) -> bool {
        let any = |patterns: &[String]| {
            patterns.iter().any(|pattern| matches(pattern.as_bytes(), request.as_bytes()))
        };
        any(&self.allowed) && !any(&self.denied)
    }
}

/// The route of a request, by the simplest algorithm.
fn expected_route<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<&'a Route> {
    let segments = routes::split(path);
    let matching =
        routes.iter().filter(|route| route.verb.matches(method) && route.path.matches(&segments));
    matching.min_by(|a, b| routes::compare_precedence((&a.path, a.verb), (&b.path, b.verb)))
}

const REQUIREMENTS: [&[&[&str]]; 5] =
    [&[&["r"]], &[&["w"]], &[&["r", "w"]], &[&["x"], &["w"]], &[&[]]];

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// Few words give overlapping routes, many give realistic tables.
const WORDS: [&str; 12] =
    ["a", "b", "ab", "abc", "users", "orders", "order", "items", "me", "search", "v1", "admin:x"];

fn template(words: usize) -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        3 => prop::sample::select(&WORDS[..words]).prop_map(str::to_owned),
        2 => Just("{p}".to_owned()),
    ];
    (prop::collection::vec(segment, 0..=6), prop::bool::weighted(0.15)).prop_map(
        |(mut segments, greedy)| {
            if greedy {
                segments.truncate(5);
                segments.push("{rest+}".to_owned());
            }
            format!("/{}", segments.join("/"))
        },
    )
}

/// A table of up to 60 routes, small ones more often.
pub(crate) fn table() -> impl Strategy<Value = Vec<Route>> {
    table_of(prop_oneof![3 => 1_usize..6, 3 => 6_usize..20, 1 => 20_usize..=60])
}

fn table_of(sizes: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<Route>> {
    (sizes, prop::sample::select(vec![3, 6, WORDS.len()])).prop_flat_map(|(size, words)| {
        let verb = prop::sample::select(vec!["GET", "GET", "POST", "PUT", "ANY"]);
        let scopes = prop::sample::select(&REQUIREMENTS[..]);
        let row = (verb, template(words), scopes)
            .prop_map(|(verb, path, scopes)| route(verb, &path, scopes));
        prop::collection::vec(row, size).prop_map(|rows| {
            let mut unique: Vec<Route> = Vec::new();
            for row in rows {
                let same =
                    |other: &Route| other.verb == row.verb && other.path.same_resource(&row.path);
                if !unique.iter().any(same) {
                    unique.push(row);
                }
            }
            unique
        })
    })
}

/// Returns a path that matches a template, or nearly; `choices` select the parameter values.
fn sample_path(template: &routes::PathTemplate, choices: &[usize]) -> String {
    let texts = ["a", "b", "ab", "users", "orders", "me", "z", "%2F", "a%20b", "..%2f", "*", ""];
    let mut choices = choices.iter().copied().cycle();
    let mut choose = || choices.next().unwrap_or_default();
    let mut path = String::new();
    for segment in template.segments() {
        path.push('/');
        match segment {
            routes::Segment::Literal(text) => path.push_str(text),
            routes::Segment::Parameter(_) => path.push_str(texts[choose() % texts.len()]),
            routes::Segment::Greedy(_) => {
                let extra = choose() % 8;
                let rest: Vec<&str> = (0..=extra).map(|_| texts[choose() % texts.len()]).collect();
                path.push_str(&rest.join("/"));
            }
        }
    }
    match choose() % 10 {
        0 => path + "/",
        1 => path + "/a",
        2 => path + "/z/users",
        _ => path,
    }
}

/// Requests for the routes of a table, some with another method.
pub(crate) fn requests(routes: &[Route], choices: &[Vec<usize>]) -> Vec<(&'static str, String)> {
    let mut requests = Vec::new();
    for (at, choices) in choices.iter().enumerate() {
        let template = &routes[at % routes.len()];
        let named = METHODS.iter().find(|method| template.verb.name() == **method);
        let method = named.filter(|_| choices[0] % 4 != 0).unwrap_or(&METHODS[choices[0] % 4]);
        requests.push((*method, sample_path(&template.path, choices)));
    }
    requests
}

/// Returns a request as in its method ARN, and whether its route is ambiguous because of an empty
/// segment.
fn request_arn(method: &str, path: &str) -> (String, bool) {
    let trimmed = path.strip_prefix('/').unwrap_or(path);
    (format!("{method}/{trimmed}"), format!("{path}/").contains("//"))
}

/// The configuration of property tests: `PROPTEST_CASES` sets the number of cases.
#[expect(clippy::disallowed_methods, reason = "the environment sets the number of cases")]
pub(crate) fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(20_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub(crate) fn scopes() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["r", "w", "x"], 0..=3)
}

fn choices() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0_usize..1000, 9), 1..60)
}

/// The paths of a template, with sample values for its parameters.
fn instances(template: &routes::PathTemplate) -> Vec<String> {
    let mut paths = vec![String::new()];
    for segment in template.segments() {
        let texts: Vec<&str> = match segment {
            routes::Segment::Literal(text) => vec![text],
            routes::Segment::Parameter(_) => vec!["a", "b", "ab", "z"],
            routes::Segment::Greedy(_) => {
                vec!["a", "z", "z/z", "a/z", "z/a", "z/z/z/a", "z/a/z/z", "z/z/z/z/z/z/z", "b/ab/z"]
            }
        };
        let longer = |path: &String| texts.iter().map(|text| format!("{path}/{text}")).collect();
        paths = paths.iter().flat_map(|path| -> Vec<String> { longer(path) }).collect();
        paths.truncate(20_000);
    }
    paths
}

/// The most paths of a pattern that are tried: their number is exponential in its wildcards.
const MAX_PATHS: usize = 100_000;

/// Returns whether `accepts` returns true for a path that a pattern matches, with one of `fillers`
/// for each wildcard. Not more than `left` paths are tried.
fn any_path(
    prefix: &str,
    pattern: &str,
    fillers: &[String],
    max_segments: usize,
    left: &Cell<usize>,
    accepts: &dyn Fn(&str) -> bool,
) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        left.set(left.get().saturating_sub(1));
        return accepts(&format!("{prefix}{pattern}"));
    };
    fillers.iter().take_while(|_| left.get() > 0).any(|filler| {
        let prefix = format!("{prefix}{before}{filler}");
        prefix.matches('/').count() <= max_segments
            && any_path(&prefix, after, fillers, max_segments, left, accepts)
    })
}

/// The texts that a wildcard can match in a request of a template: any run of its segments.
fn segment_runs(template: &routes::PathTemplate) -> Vec<String> {
    let texts: Vec<&str> = template
        .segments()
        .iter()
        .flat_map(|segment| match segment {
            routes::Segment::Literal(text) => vec![text.as_str()],
            routes::Segment::Parameter(_) => vec!["z"],
            routes::Segment::Greedy(_) => vec!["z"; 7],
        })
        .collect();
    let ends = |from: usize| (from + 1..=texts.len()).map(move |to| (from, to));
    let ranges = (0..texts.len()).flat_map(ends);
    let parts: BTreeSet<String> = ranges.map(|(from, to)| texts[from..to].join("/")).collect();
    parts.into_iter().chain([String::new()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases().cases / 10, ..cases() })]

    #[test]
    fn a_single_route_policy_allows_the_whole_route_if_and_only_if_it_is_granted(
        routes in table(),
        scopes in scopes(),
        choices in choices(),
    ) {
        let granted_scopes: BTreeSet<String> = scopes.iter().map(ToString::to_string).collect();
        let requests = requests(&routes, &choices);
        let (method, path) = &requests[0];
        if let Some(requested) = expected_route(&routes, method, path) {
            let is_granted = requested.requirement.is_met_by(&granted_scopes);
            let (allowed, denied) = policy_for(&routes, &scopes.join(" "), "route", &request_arn(method, path).0);
            let policy = Policy { allowed, denied };
            for (method, path) in instances(&requested.path).iter().map(|path| (method, path)).chain(requests.iter().map(|(m, p)| (m, p))) {
                // The requests with the same cache key: those of the same route.
                if expected_route(&routes, method, path) != Some(requested) || path.ends_with('/') && path.len() > 1 {
                    continue;
                }
                let (request, is_ambiguous) = request_arn(method, path);
                prop_assert!(policy.allows(&request) == is_granted || is_ambiguous, "{request} ({requested}): {is_granted}, +{:?} -{:?}", policy.allowed, policy.denied);
            }
        }
    }

    #[test]
    fn every_reported_policy_conflict_denies_a_granted_request(routes in table_of(2..6_usize)) {
        let table = RouteTable::new(routes.clone()).unwrap();
        for conflict in table.policy_conflicts().take(4) {
            let scopes: Vec<&str> = conflict.scopes.iter().map(String::as_str).collect();
            let (allowed, denied) = policy_for(&routes, &scopes.join(" "), "caller", "GET/x");
            let policy = Policy { allowed, denied };
            let fillers = segment_runs(&conflict.closed.path);
            let left = Cell::new(MAX_PATHS);
            // Denies for requests outside the table close no route.
            let denies = policy.denied.iter();
            let mut denies = denies.filter(|pattern| !pattern.contains('?') && !pattern.contains("//"));
            let closed = denies.any(|pattern| {
                let (verb, path) = pattern.split_once('/').unwrap();
                let fits = |method: &&&str| verb == "*" || verb == **method;
                METHODS.iter().filter(fits).any(|method| {
                    let is_closed = |path: &str| expected_route(&routes, method, path) == Some(conflict.closed);
                    let max_segments = conflict.closed.path.segments().len() + 8;
                    any_path("/", path, &fillers, max_segments, &left, &is_closed)
                })
            });
            // Without a path among those that were tried, nothing is known.
            let is_unknown = left.get() == 0;
            prop_assert!(closed || is_unknown, "{conflict:?} +{:?} -{:?}", policy.allowed, policy.denied);
        }
    }
}
