//! The effect of policies beyond the routes of the table: unknown routes, empty segments, the request
//! that was sent, and after the token's expiry. The oracle here shares no code with the selection of
//! patterns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use authorizer::routes::{Route, RouteTable, Segment, compare_precedence};
use authorizer::telemetry::Verdict;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::policies::{STAGE, cases, document, requests, route, scopes, table};
use crate::{Bench, NOW, claims_with, response_json};

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("EdDSA", "k"));
static TOKENS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn token(claims: &Value) -> String {
    let mut tokens = TOKENS.lock().unwrap();
    let mint = || SIGNER.token(&claims_with(claims));
    tokens.entry(claims.to_string()).or_insert_with(mint).clone()
}

/// An authorizer for a configuration, and the answers it gives.
pub(crate) struct Caller {
    bench: Bench,
    token: String,
}

/// An answer of the authorizer: the statements of its policy, and the logged decision.
pub(crate) struct Answer {
    pub(crate) statements: Vec<Value>,
    pub(crate) allowed: Vec<String>,
    pub(crate) denied: Vec<String>,
    pub(crate) verdict: Verdict,
    pub(crate) warning: Option<&'static str>,
    reason: Option<&'static str>,
}

impl Caller {
    pub(crate) fn new(document: &Value, claims: &Value) -> Self {
        Self { bench: Bench::with_keys(document, &[SIGNER.jwk()]), token: token(claims) }
    }

    fn with_scopes(routes: &[Route], scopes: &str) -> Self {
        Self::new(&unlimited(routes), &json!({"scope": scopes}))
    }

    pub(crate) fn send(&self, request: &str) -> Answer {
        let event = json!({
            "type": "TOKEN",
            "methodArn": format!("{STAGE}/{request}"),
            "authorizationToken": format!("Bearer {}", self.token),
        });
        let outcome = self.bench.authorize_event(&event, NOW);
        let policy = response_json(&outcome)["policyDocument"].clone();
        let statements = policy["Statement"].as_array().unwrap().clone();
        Answer {
            allowed: patterns(&statements, "Allow"),
            denied: patterns(&statements, "Deny"),
            statements,
            verdict: outcome.decision.decision,
            warning: outcome.decision.warning,
            reason: outcome.decision.reason,
        }
    }
}

fn unlimited(routes: &[Route]) -> Value {
    let mut document = document(routes);
    document["policy_max_bytes"] = json!(1_048_576);
    document
}

/// The patterns of the unconditional statements with an effect, without the ARN of the stage.
fn patterns(statements: &[Value], effect: &str) -> Vec<String> {
    let with_effect = |s: &&Value| s["Effect"] == effect && s["Condition"].is_null();
    let statements = statements.iter().filter(with_effect);
    let resources = statements.flat_map(|s| s["Resource"].as_array().unwrap());
    let prefix = format!("{STAGE}/");
    resources.map(|r| r.as_str().unwrap().strip_prefix(&prefix).unwrap().to_owned()).collect()
}

/// Returns whether IAM's pattern matches a text: `*` any text, `?` any character. Computes the set of
/// positions in the pattern that each prefix of the text can reach.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.as_bytes();
    let skip = |mut positions: u128| {
        for (at, _) in pattern.iter().enumerate().filter(|(_, byte)| **byte == b'*') {
            positions |= (positions >> at & 1) << (at + 1);
        }
        positions
    };
    assert!(pattern.len() < 127);
    let mut positions = skip(1);
    for byte in text.bytes() {
        let mut next = 0;
        for (at, expected) in pattern.iter().enumerate().filter(|(at, _)| positions >> at & 1 == 1)
        {
            match expected {
                b'*' => next |= 1 << at,
                b'?' => next |= 1 << (at + 1),
                expected if *expected == byte => next |= 1 << (at + 1),
                _ => {}
            }
        }
        positions = skip(next);
    }
    positions >> pattern.len() & 1 == 1
}

impl Answer {
    pub(crate) fn opens(&self, request: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, request));
        any(&self.allowed) && !any(&self.denied)
    }
}

/// The route that API Gateway gives a request: empty segments do not count.
pub(crate) fn routed<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<&'a Route> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let fitting =
        routes.iter().filter(|route| route.verb.matches(method) && route.path.matches(&segments));
    fitting.min_by(|a, b| compare_precedence((&a.path, a.verb), (&b.path, b.verb)))
}

/// A route's own pattern.
fn own(route: &Route) -> String {
    let mut text = if route.verb.name() == "ANY" { "*" } else { route.verb.name() }.to_owned();
    for segment in route.path.segments() {
        text.push('/');
        text.push_str(if let Segment::Literal(literal) = segment { literal } else { "*" });
    }
    if route.path.segments().is_empty() { text + "/" } else { text }
}

/// A path's spellings in a method ARN: as it was sent, and without its empty segments.
pub(crate) fn spellings(method: &str, path: &str) -> [String; 2] {
    let sent = path.strip_prefix('/').unwrap_or(path);
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    [format!("{method}/{sent}"), format!("{method}/{}", segments.join("/"))]
}

#[test]
fn a_caller_with_every_scope_gets_the_routes_own_patterns() {
    let routes = [
        route("GET", "/a", &[&["r"]]),
        route("DELETE", "/a", &[&["r"]]),
        route("GET", "/pets", &[&["r"]]),
        route("GET", "/pets/{id}", &[&["r"]]),
    ];
    let caller = Caller::with_scopes(&routes, "r");
    let policy = caller.send("GET/a");
    assert_eq!(policy.allowed, ["DELETE/a", "GET/a", "GET/pets", "GET/pets/*"]);
    for unknown in
        ["POST/accounts", "GET/petsitters", "POST/a", "GET/a/b", "GET/pets/7/notes", "GET/"]
    {
        assert!(!policy.opens(unknown), "{unknown}");
    }
    let mut by_route = unlimited(&routes);
    by_route["policy"] = json!("route");
    let policy = Caller::new(&by_route, &json!({"scope": "r"})).send("GET/a");
    assert_eq!(policy.allowed, ["GET/a"]);
}

#[test]
fn a_parameter_is_one_segment_where_no_granted_route_is_deeper() {
    let routes = [
        route("GET", "/pets/{id}", &[&["r"]]),
        route("PUT", "/pets/{id}", &[&["r"]]),
        route("PUT", "/pets/{id}/photo", &[&["r"]]),
        route("GET", "/owners/{id}/pets", &[&["r"]]),
    ];
    let policy = Caller::with_scopes(&routes, "r").send("GET/pets/7");
    for (request, open) in [
        ("GET/pets/7", true),
        ("GET/pets/7/", true),
        ("GET/pets/7/notes", false),
        ("PUT/pets/7/photo", true),
        ("GET/owners/7/pets", true),
        ("GET/owners/7/8/pets", false),
        // A Deny would close `PUT /pets/{id}/photo`.
        ("PUT/pets/7/notes", true),
    ] {
        assert_eq!(policy.opens(request), open, "{request}");
    }
}

#[test]
fn a_request_of_no_route_is_denied_by_the_policy_it_gets() {
    let routes = [
        route("PUT", "/pets/{id}", &[&["r"]]),
        route("PUT", "/pets/{id}/photo", &[&["r"]]),
        route("PUT", "/pets/{id}/{part}/{name}", &[&["r"]]),
    ];
    let caller = Caller::with_scopes(&routes, "r");
    for request in ["PUT/pets/7/notes", "PUT/pets/7/*", "PUT/pets/7/a%20b", "GET/pets/7", "PUT/x"] {
        let policy = caller.send(request);
        assert_eq!((policy.verdict, policy.opens(request)), (Verdict::Deny, false), "{request}");
        assert!(policy.opens("PUT/pets/7/photo") || request.contains(['%', '*']), "{request}");
    }
    let denied = caller.send("PUT/pets/${aws:x}/?*");
    assert!(!denied.denied.iter().any(|pattern| pattern.contains(['$', '%'])));
}

#[test]
fn a_request_of_no_route_closes_none_of_the_other_routes() {
    let routes = [
        route("PUT", "/pets/{id}", &[&["r"]]),
        route("PUT", "/pets/{id}/photo", &[&["r"]]),
        route("GET", "/orders", &[&["r"]]),
    ];
    let caller = Caller::with_scopes(&routes, "r");
    let long = format!("PUT/pets/7/{}", "n".repeat(500));
    for request in ["PUT/pets/7/a%20b", &long] {
        let policy = caller.send(request);
        assert_eq!((policy.verdict, policy.opens(request)), (Verdict::Deny, false), "{request}");
        assert!(policy.opens("GET/orders"), "{request}: {:?}", policy.statements);
    }
}

#[test]
fn empty_segments_do_not_bypass_a_refused_route() {
    let routes = [route("GET", "/{page}", &[&["r"]]), route("GET", "/admin", &[&["admin"]])];
    let caller = Caller::with_scopes(&routes, "r");
    let policy = caller.send("GET/home");
    assert!(policy.opens("GET/home"));
    for request in ["GET/admin", "GET//admin", "GET///admin", "GET/admin/", "GET/admin//"] {
        assert!(!policy.opens(request), "{request}");
        assert_eq!(caller.send(request).verdict, Verdict::Deny, "{request}");
    }
    assert_eq!(policy.denied, ["*/*/?*", "*//*", "GET/admin", "GET/admin/"]);
}

#[test]
fn a_greedy_route_keeps_its_paths_with_empty_segments_unless_a_refused_route_is_below() {
    let files = route("GET", "/files/{path+}", &[&["r"]]);
    let routes = [files, route("GET", "/{page}", &[&["r"]]), route("GET", "/admin", &[&["admin"]])];
    let policy = Caller::with_scopes(&routes, "r").send("GET/home");
    let open = policy.opens("GET/files/a//b") && policy.opens("GET/files//a");
    assert!(open, "{:?}", policy.statements);
    assert!(!policy.opens("GET//admin") && !policy.opens("GET/admin//"));

    let below = route("GET", "/files/secret", &[&["admin"]]);
    let routes: Vec<Route> = routes.into_iter().chain([below]).collect();
    let caller = Caller::with_scopes(&routes, "r");
    let policy = caller.send("GET/files/a//b");
    assert!(policy.opens("GET/files/a/b") && !policy.opens("GET/files//secret"));
    assert_eq!((policy.verdict, policy.reason), (Verdict::Deny, Some("policy_conflict")));
}

#[test]
fn a_policy_that_may_outlive_its_token_denies_everything_after_it() {
    let routes = [route("GET", "/pets", &[&["r"]])];
    let expiry = |document: &Value, seconds: i64| {
        let claims = json!({"scope": "r", "exp": NOW + seconds});
        let policy = Caller::new(document, &claims).send("GET/pets");
        policy.statements.into_iter().find(|s| !s["Condition"].is_null())
    };
    let mut settings = document(&routes);
    settings.as_object_mut().unwrap().remove("cache_ttl_seconds");
    // Without the TTL it is taken to be the longest there is.
    assert!(expiry(&settings, 3629).is_none());
    assert!(expiry(&settings, 3628).is_some());
    let statement = expiry(&settings, 3599).unwrap();
    let at = "2027-01-15T08:59:59Z";
    assert_eq!(
        statement,
        json!({
            "Action": "execute-api:Invoke", "Effect": "Deny", "Resource": [format!("{STAGE}/*")],
            "Condition": {"DateGreaterThan": {"aws:CurrentTime": at}},
        })
    );
    settings["cache_ttl_seconds"] = json!(300);
    // The TTL starts up to 29 seconds later, when the result is returned.
    assert!(expiry(&settings, 329).is_none());
    assert!(expiry(&settings, 328).is_some());
    settings["issuers"][0]["leeway_seconds"] = json!(30);
    assert!(expiry(&settings, 299).is_none());
    settings["policy_outlives_token"] = json!(true);
    assert!(expiry(&settings, 10).is_none());
    settings["policy_outlives_token"] = json!(false);
    settings["cache_ttl_seconds"] = json!(0);
    assert!(expiry(&settings, 1).is_none());
}

/// Paths beside the table's: empty segments in them, and other texts.
pub(crate) fn unknown() -> impl Strategy<Value = Vec<String>> {
    let segment = prop::sample::select(vec!["a", "b", "abc", "users", "orders", "z", "", "", "9"]);
    let path = prop::collection::vec(segment, 0..7)
        .prop_map(|segments| format!("/{}", segments.join("/")));
    prop::collection::vec(path, 12)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_policy_opens_own_patterns_only_and_no_refused_route_in_any_spelling(
        routes in table(),
        scopes in scopes(),
        choices in prop::collection::vec(prop::collection::vec(0_usize..1000, 9), 1..40),
        unknown in unknown(),
    ) {
        let held: BTreeSet<String> = scopes.iter().map(ToString::to_string).collect();
        let may = |route: &Route| route.requirement.is_met_by(&held);
        let own: Vec<String> = routes.iter().filter(|route| may(route)).map(own).collect();
        let conflicting = RouteTable::new(routes.clone()).unwrap().policy_conflicts().next().is_some();
        let caller = Caller::with_scopes(&routes, &scopes.join(" "));
        let methods = ["GET", "POST", "PUT", "DELETE"];
        let beside = unknown.iter().enumerate().map(|(at, path)| (methods[at % 4], path.clone()));
        let requests: Vec<_> = beside.chain(requests(&routes, &choices)).collect();
        let first = caller.send("GET/x");
        for pattern in &first.allowed {
            prop_assert!(own.iter().any(|own| own == pattern), "{pattern} is no granted route's");
        }
        for (at, (method, path)) in requests.iter().enumerate() {
            let route = routed(&routes, method, path);
            let policies = if at < 20 && at % 4 == 0 {
                let [sent, _] = spellings(method, path);
                let policy = caller.send(&sent);
                prop_assert_eq!(policy.verdict == Verdict::Allow, policy.opens(&sent), "{} of {:?}: +{:?} -{:?}", sent, held, policy.allowed, policy.denied);
                vec![policy]
            } else {
                Vec::new()
            };
            for spelling in spellings(method, path) {
                for policy in policies.iter().chain([&first]) {
                    let open = policy.opens(&spelling);
                    let context = || format!("{spelling} ({}) for {held:?}: +{:?} -{:?}", route.map_or("no route".to_owned(), ToString::to_string), policy.allowed, policy.denied);
                    match route {
                        Some(route) => prop_assert!(!open || may(route), "open: {}", context()),
                        None => prop_assert!(!open || own.iter().any(|own| matches(own, &spelling)), "open: {}", context()),
                    }
                }
            }
            let [_, plain] = spellings(method, path);
            if let Some(route) = route && may(route) && !conflicting {
                prop_assert!(first.opens(&plain), "closed: {plain} ({route}) for {held:?}: +{:?} -{:?}", first.allowed, first.denied);
            }
        }
    }
}
