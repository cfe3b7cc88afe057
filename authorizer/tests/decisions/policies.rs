use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use authorizer::routes::{self, Requirement, Route, RouteTable, Verb};
use authorizer::telemetry::Verdict;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{Bench, answer, claims_with, config};

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

/// One key and one token for each set of scopes are enough.
static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("EdDSA", "k"));
static TOKENS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn token(scopes: &str) -> String {
    let mut tokens = TOKENS.lock().unwrap();
    let mint = || SIGNER.token(&claims_with(&json!({"scope": scopes})));
    tokens.entry(scopes.to_owned()).or_insert_with(mint).clone()
}

/// Asks for a policy and says which patterns it allows and which it denies.
fn policy_for(
    routes: &[Route],
    scopes: &str,
    about: &str,
    request: &str,
) -> (Vec<String>, Vec<String>) {
    let mut document = document(routes);
    document["policy"] = json!(about);
    document["policy_max_bytes"] = json!(1_048_576);
    ask(&document, scopes, request)
}

fn asking(document: &Value, scopes: &str, request: &str) -> (Bench, Value) {
    let event = json!({
        "type": "TOKEN",
        "methodArn": format!("{STAGE}/{request}"),
        "authorizationToken": format!("Bearer {}", token(scopes)),
    });
    (Bench::with_keys(document, &[SIGNER.jwk()]), event)
}

fn ask(document: &Value, scopes: &str, request: &str) -> (Vec<String>, Vec<String>) {
    let (bench, event) = asking(document, scopes, request);
    let outcome = bench.ask_event(&event, crate::NOW);
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
fn a_policy_opens_what_the_scopes_open_and_denies_what_a_wildcard_would_swallow() {
    let table = [
        route("GET", "/", &[&[]]),
        route("GET", "/pets", &[&["read"]]),
        route("GET", "/pets/{id}", &[&["read"]]),
        route("GET", "/pets/{id}/secret", &[&["secret"]]),
        route("POST", "/pets", &[&["write"], &["admin", "sudo"]]),
        route("ANY", "/old/{proxy+}", &[&["admin"]]),
    ];
    check(&table, "read", &["GET/", "GET/pets", "GET/pets/*"], &["GET/pets/*/secret*"]);
    check(&table, "", &["GET/"], &[]);
    check(&table, "write", &["GET/", "POST/pets"], &[]);
    // The verb's wildcard crosses `/` as well: `*/old/*` matches `GET/pets/old/secret`.
    check(&table, "admin", &["*/old/*", "GET/"], &["GET/pets*"]);
    check(&table, "admin sudo", &["*/old/*", "GET/", "POST/pets"], &["GET/pets*"]);
    check(&table, "read secret", &["GET/", "GET/pets*"], &[]);
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
    check(&table, "any", &["GET/pets/*"], &["GET/pets/*/*", "GET/pets/mine"]);
    check(&table, "mine", &["GET/pets/mine", "GET/pets/mine/*"], &[]);
}

#[test]
fn a_greedy_route_is_reached_beyond_the_deepest_of_the_others() {
    let table = [
        route("GET", "/{a}", &[&["r"]]),
        route("GET", "/{a}/{b}", &[&["r"]]),
        route("GET", "/{a}/{b}/{c}", &[&["r"]]),
        route("GET", "/{p+}", &[&["admin"]]),
    ];
    check(&table, "r", &["GET/*"], &["GET/*/*/*/*"]);
}

#[test]
fn what_a_catch_all_gets_is_denied_as_narrowly_as_iam_can_say() {
    let table = [
        route("GET", "/pets", &[&["r"]]),
        route("GET", "/pets/{id}", &[&["r"]]),
        route("ANY", "/{proxy+}", &[&["admin"]]),
    ];
    // `*/*`, the catch-all's own pattern, would close the pets as well.
    check(&table, "r", &["GET/pets", "GET/pets/*"], &["GET/pets/*/*"]);
    check(&table, "admin", &["*/*"], &["GET/pets", "GET/pets/*"]);
    assert_eq!(RouteTable::new(table.to_vec()).unwrap().policy_conflicts().count(), 1);
    // `*/`, the root by any method, is also whatever ends in a slash.
    let root = [route("ANY", "/", &[&["r"]]), route("GET", "/{rest+}", &[&["w"]])];
    check(&root, "r", &["*/"], &["GET/*/"]);
    assert_eq!(RouteTable::new(root.to_vec()).unwrap().policy_conflicts().next(), None);
}

#[test]
fn patterns_are_merged_where_that_opens_nothing_else() {
    let table = |orders: &str, other: &str| {
        [
            route("GET", "/orders", &[&["r"]]),
            route("POST", "/orders", &[&["w"]]),
            route("GET", "/orders/{id}", &[&["r"]]),
            route("GET", "/orders/{id}/items", &[&[orders]]),
            route("PUT", other, &[&["x"]]),
        ]
    };
    // A path and all below it.
    check(&table("r", "/other"), "r", &["GET/orders*"], &[]);
    // Not where another path begins so.
    check(&table("r", "/ordersets"), "r", &["GET/orders*"], &[]);
    let ordersets = table("r", "/ordersets").map(|row| {
        let verb = if row.verb == Verb::Put { Verb::Get } else { row.verb };
        Route { verb, ..row }
    });
    check(&ordersets, "r", &["GET/orders", "GET/orders/*"], &[]);
    // All of a verb, all verbs of a path, everything.
    check(&table("w", "/other"), "r w", &["*/orders*"], &[]);
    let others = [route("GET", "/other", &[&["r"]]), route("PUT", "/more", &[&["z"]])];
    let many: Vec<Route> = table("r", "/other").into_iter().chain(others).collect();
    check(&many, "r x", &["GET/*", "PUT/other"], &[]);
    check(&table("r", "/other"), "r w x", &["*/*"], &[]);
    // All verbs of a path would reach `GET /orders/{id}` by `GET/orders/orders`.
    check(&table("z", "/other"), "w", &["POST/orders"], &[]);
}

/// A table whose policies are long: nothing in it can be merged.
fn long_table() -> Vec<Route> {
    let path = |at: usize| format!("/{}{at}/{{id}}/{}", "p".repeat(120), "q".repeat(120));
    (0..60).map(|at| route("GET", &path(at), &[&[if at % 2 == 0 { "r" } else { "w" }]])).collect()
}

/// Policies are kept by the routes they are about and the stage: whatever was asked for before,
/// an answer is the one that an authorizer gives which was never asked.
#[test]
fn a_policy_that_was_kept_is_the_one_that_would_be_chosen() {
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
    // So little in the second that some answers are about the route that was asked for.
    let mut documents = vec![document(&routes), document(&routes)];
    documents[1]["policy_max_bytes"] = json!(1_024);
    for document in documents {
        let bench = Bench::with_keys(&document, &[SIGNER.jwk()]);
        for round in 0..3 {
            // More stages than policies are kept for.
            for stage in 0..12 {
                for scopes in ["", "a", "b", "c", "a b", "b c", "a b c"] {
                    for request in ["GET/pets", "GET/pets/7", "GET/y", "POST/pets"] {
                        let event = json!({
                            "type": "TOKEN",
                            "methodArn": format!("{STAGE}{}/{request}", (stage + round) % 12),
                            "authorizationToken": format!("Bearer {}", token(scopes)),
                        });
                        let fresh = Bench::with_keys(&document, &[SIGNER.jwk()]);
                        let expected = fresh.ask_event(&event, crate::NOW).response;
                        let found = bench.ask_event(&event, crate::NOW).response;
                        assert_eq!(found, expected, "{event}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_policy_that_would_be_too_long_is_about_the_route_alone() {
    let table = long_table();
    let (bench, event) = asking(&document(&table), "r", &format!("GET{}", table[0].path));
    let outcome = bench.ask_event(&event, crate::NOW);
    let policy = answer(&outcome)["policyDocument"].to_string();
    assert!(policy.len() <= 8192, "{}", policy.len());
    let own = format!("{STAGE}/GET{}", table[0].path.to_string().replace("{id}", "*"));
    assert!(policy.contains(&format!("\"Resource\":[\"{own}\"]")), "{policy}");
    assert_eq!(outcome.decision.decision, Verdict::Allow);
    assert!(outcome.decision.warning.unwrap().contains("policy_max_bytes"));
    // A refused route gets nothing, and a longer limit all.
    let refused = format!("GET{}", table[1].path).replace("{id}", "7");
    let (allowed, denied) = ask(&document(&table), "r", &refused);
    assert_eq!((allowed, denied), (vec![], vec!["*/*".to_owned()]));
    let mut longer = document(&table);
    longer["policy_max_bytes"] = json!(20_000);
    assert_eq!(ask(&longer, "r", "GET/x").0.len(), 30);
}

#[test]
fn a_route_that_alone_is_too_long_is_not_opened() {
    let deny =
        (0..12).map(|at| route("GET", &format!("/a/{{id}}/{}{at}", "q".repeat(200)), &[&["w"]]));
    let table: Vec<Route> =
        std::iter::once(route("GET", "/a/{id}", &[&["r"]])).chain(deny).collect();
    let mut tight = document(&table);
    tight["policy_max_bytes"] = json!(1024);
    let (bench, event) = asking(&tight, "r", "GET/a/1");
    let outcome = bench.ask_event(&event, crate::NOW);
    assert_eq!(outcome.decision.decision, Verdict::Deny);
    assert!(answer(&outcome)["policyDocument"]["Statement"][0]["Effect"] == "Deny");
    tight.as_object_mut().unwrap().remove("policy_max_bytes");
    assert_eq!(ask(&tight, "r", "GET/a/1").0, ["GET/a/*"]);
}

#[test]
fn a_deny_too_narrow_to_be_written_is_wider() {
    let (first, last) = ("p".repeat(250), "q".repeat(250));
    let table = [
        route("GET", &format!("/{first}/{{id}}"), &[&["r"]]),
        route("GET", &format!("/{{a}}/{{b}}/{last}"), &[&["w"]]),
        route("GET", &format!("/{{a}}/{{b}}/{{c}}/{last}"), &[&["r"]]),
    ];
    // `GET/pp…/*/qq…` would be enough, and too long for a resource.
    let (allowed, denied) = ask(&document(&table), "r", "GET/x");
    assert_eq!(allowed.len(), 2);
    assert_eq!(denied[0], format!("GET/*/*/{last}"), "{denied:?}");
}

#[test]
fn a_resource_that_is_too_long_is_not_written() {
    let long = format!("/{}", "q".repeat(299));
    let table = [route("GET", &long, &[&["r"]]), route("GET", "/z", &[&["w"]])];
    let api = STAGE.strip_suffix("prod").unwrap();
    // The ARN before the pattern counts.
    for (stage, allowed) in [("s".repeat(128), true), ("s".repeat(160), false)] {
        let (bench, mut event) = asking(&document(&table), "r", "GET/x");
        event["methodArn"] = json!(format!("{api}{stage}/GET{long}"));
        let outcome = bench.ask_event(&event, crate::NOW);
        let statement = answer(&outcome)["policyDocument"]["Statement"][0].clone();
        assert_eq!(statement["Effect"] == "Allow", allowed, "{statement}");
        assert!(statement["Resource"][0].as_str().unwrap().len() <= 512, "{statement}");
    }
}

#[test]
fn what_no_policy_can_say_is_found_beforehand() {
    let table = RouteTable::new(vec![
        route("GET", "/x/{a}", &[&["one"]]),
        route("GET", "/x/{a}/y/{b}", &[&["two"]]),
        route("GET", "/x/{a}/y/{b}/w", &[&["one"]]),
    ])
    .unwrap();
    let told: Vec<_> = table
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
        told.contains(&conflict("GET /x/{a}", "GET /x/{a}/y/{b}", "GET /x/{a}/y/{b}/w")),
        "{told:?}"
    );
    let fine = RouteTable::new(vec![
        route("GET", "/x/{a}", &[&["one"]]),
        route("GET", "/x/{a}/y", &[&["two"]]),
    ]);
    assert_eq!(fine.unwrap().policy_conflicts().next(), None);
}

/// `*` is any run of characters; nothing else is special here.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        Some((byte, rest)) => text.first() == Some(byte) && matches(rest, &text[1..]),
    }
}

/// What a caller may do by a policy.
struct Policy {
    allowed: Vec<String>,
    denied: Vec<String>,
}

impl Policy {
    fn opens(&self, request: &str) -> bool {
        let any = |patterns: &[String]| {
            patterns.iter().any(|pattern| matches(pattern.as_bytes(), request.as_bytes()))
        };
        any(&self.allowed) && !any(&self.denied)
    }
}

/// The route of a request, looked for in the simplest way there is.
fn routed<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<&'a Route> {
    let segments = routes::split(path);
    let fitting =
        routes.iter().filter(|route| route.verb.matches(method) && route.path.matches(&segments));
    fitting.min_by(|a, b| routes::compare_precedence((&a.path, a.verb), (&b.path, b.verb)))
}

const REQUIREMENTS: [&[&[&str]]; 5] =
    [&[&["r"]], &[&["w"]], &[&["r", "w"]], &[&["x"], &["w"]], &[&[]]];

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// Few words make routes that get into each other's way, many make tables as people write them.
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
fn table() -> impl Strategy<Value = Vec<Route>> {
    table_of(prop_oneof![3 => 1_usize..6, 3 => 6_usize..20, 1 => 20_usize..=60])
}

fn table_of(sizes: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<Route>> {
    (sizes, prop::sample::select(vec![3, 6, WORDS.len()])).prop_flat_map(|(size, words)| {
        let verb = prop::sample::select(vec!["GET", "GET", "POST", "PUT", "ANY"]);
        let scopes = prop::sample::select(&REQUIREMENTS[..]);
        let row = (verb, template(words), scopes)
            .prop_map(|(verb, path, scopes)| route(verb, &path, scopes));
        prop::collection::vec(row, size).prop_map(|rows| {
            let mut kept: Vec<Route> = Vec::new();
            for row in rows {
                let same =
                    |other: &Route| other.verb == row.verb && other.path.same_resource(&row.path);
                if !kept.iter().any(same) {
                    kept.push(row);
                }
            }
            kept
        })
    })
}

/// Makes a path that fits a template, or nearly: `choices` say what stands in the free places.
fn concrete(template: &routes::PathTemplate, choices: &[usize]) -> String {
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
                let more = choose() % 8;
                let rest: Vec<&str> = (0..=more).map(|_| texts[choose() % texts.len()]).collect();
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

/// Requests for routes of a table: most in order, some beside it.
fn requests(routes: &[Route], choices: &[Vec<usize>]) -> Vec<(&'static str, String)> {
    let mut requests = Vec::new();
    for (at, choices) in choices.iter().enumerate() {
        let template = &routes[at % routes.len()];
        let named = METHODS.iter().find(|method| template.verb.name() == **method);
        let method = named.filter(|_| choices[0] % 4 != 0).unwrap_or(&METHODS[choices[0] % 4]);
        requests.push((*method, concrete(&template.path, choices)));
    }
    requests
}

/// A request as its method ARN names it, and whether an empty segment makes it unclear which
/// route it is for.
fn named(method: &str, path: &str) -> (String, bool) {
    let trimmed = path.strip_prefix('/').unwrap_or(path);
    (format!("{method}/{trimmed}"), format!("{path}/").contains("//"))
}

/// As many as `PROPTEST_CASES` says.
#[expect(clippy::disallowed_methods, reason = "how long to try is for who runs it to say")]
pub(crate) fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(20_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn scopes() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["r", "w", "x"], 0..=3)
}

fn choices() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0_usize..1000, 9), 1..60)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_policy_opens_exactly_what_the_scopes_open_or_the_table_was_found_inexpressible(
        routes in table(),
        scopes in scopes(),
        choices in choices(),
    ) {
        let (allowed, denied) = policy_for(&routes, &scopes.join(" "), "caller", "GET/x");
        let policy = Policy { allowed, denied };
        let held: BTreeSet<String> = scopes.iter().map(ToString::to_string).collect();
        let foretold = RouteTable::new(routes.clone()).unwrap().policy_conflicts().next().is_some();
        for (method, path) in requests(&routes, &choices) {
            let Some(route) = routed(&routes, method, &path) else { continue };
            let may = route.requirement.is_met_by(&held);
            let (request, unclear) = named(method, &path);
            let opened = policy.opens(&request);
            prop_assert!(!opened || may, "{request} ({route}) is open to {held:?} and should not be: +{:?} -{:?}", policy.allowed, policy.denied);
            let slash = path.len() > 1 && path.ends_with('/');
            prop_assert!(opened || !may || foretold || slash || unclear, "{request} ({route}) is closed to {held:?}: +{:?} -{:?}", policy.allowed, policy.denied);
        }
    }
}

/// Every path of a template whose free places hold one of these texts.
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

/// Says whether some path that a pattern matches passes, with one of `fills` for each wildcard.
fn any_path(
    begun: &str,
    pattern: &str,
    fills: &[String],
    longest: usize,
    passes: &dyn Fn(&str) -> bool,
) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return passes(&format!("{begun}{pattern}"));
    };
    fills.iter().any(|fill| {
        let begun = format!("{begun}{before}{fill}");
        begun.matches('/').count() <= longest && any_path(&begun, after, fills, longest, passes)
    })
}

/// What a wildcard can stand for in a request that belongs to a template: any part of it.
fn parts(template: &routes::PathTemplate) -> Vec<String> {
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
    fn a_policy_for_one_route_opens_that_route_all_of_it_and_nothing_to_who_may_not(
        routes in table(),
        scopes in scopes(),
        choices in choices(),
    ) {
        let held: BTreeSet<String> = scopes.iter().map(ToString::to_string).collect();
        let requests = requests(&routes, &choices);
        let (method, path) = &requests[0];
        if let Some(asked) = routed(&routes, method, path) {
            let may = asked.requirement.is_met_by(&held);
            let (allowed, denied) = policy_for(&routes, &scopes.join(" "), "route", &named(method, path).0);
            let policy = Policy { allowed, denied };
            for (method, path) in instances(&asked.path).iter().map(|path| (method, path)).chain(requests.iter().map(|(m, p)| (m, p))) {
                // What the cache knows a request by.
                if routed(&routes, method, path) != Some(asked) || path.ends_with('/') && path.len() > 1 {
                    continue;
                }
                let (request, unclear) = named(method, path);
                prop_assert!(policy.opens(&request) == may || unclear, "{request} ({asked}): {may}, +{:?} -{:?}", policy.allowed, policy.denied);
            }
        }
    }

    #[test]
    fn what_is_found_inexpressible_is(routes in table_of(2..6_usize)) {
        let table = RouteTable::new(routes.clone()).unwrap();
        for conflict in table.policy_conflicts().take(4) {
            let scopes: Vec<&str> = conflict.scopes.iter().map(String::as_str).collect();
            let (allowed, denied) = policy_for(&routes, &scopes.join(" "), "caller", "GET/x");
            let policy = Policy { allowed, denied };
            let fills = parts(&conflict.closed.path);
            let closed = policy.denied.iter().any(|pattern| {
                let (verb, path) = pattern.split_once('/').unwrap();
                let fits = |method: &&&str| verb == "*" || verb == **method;
                METHODS.iter().filter(fits).any(|method| {
                    let passes = |path: &str| routed(&routes, method, path) == Some(conflict.closed);
                    any_path("/", path, &fills, conflict.closed.path.segments().len() + 8, &passes)
                })
            });
            prop_assert!(closed, "{conflict:?} +{:?} -{:?}", policy.allowed, policy.denied);
        }
    }
}
