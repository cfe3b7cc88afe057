//! A function that is pinned to one deployment: patterns are merged where the routes' own ones exceed
//! the maximum length of a policy, and only there.

use std::collections::BTreeSet;

use authorizer::routes::{Route, RouteTable};
use authorizer::telemetry::Verdict;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::edges::{Answer, Caller, routed, spellings, unknown};
use crate::policies::{cases, document, requests, route, scopes, table};

/// The smallest maximum length that can be configured.
const LIMIT: usize = 1024;

fn limited(routes: &[Route], pinned: bool) -> Value {
    let mut document = document(routes);
    document["policy_max_bytes"] = json!(LIMIT);
    document["pinned"] = json!(pinned);
    document
}

fn caller(routes: &[Route], pinned: bool, scopes: &str) -> Caller {
    Caller::new(&limited(routes, pinned), &json!({"scope": scopes}))
}

/// More routes than own patterns fit into the limit.
fn shop() -> Vec<Route> {
    let orders = (0..20).map(|at| route("GET", &format!("/orders/parts/{at}"), &[&["r"]]));
    let others = [
        route("GET", "/orders/secret", &[&["w"]]),
        route("GET", "/customers", &[&["w"]]),
        route("GET", "/customers/{id}", &[&["r"]]),
    ];
    orders.chain(others).collect()
}

#[test]
fn patterns_are_merged_only_for_a_pinned_function_and_beyond_the_limit() {
    let routes = shop();
    let pinned = caller(&routes, true, "r").send("GET/orders/parts/3");
    assert_eq!(pinned.allowed, ["GET/customers/*", "GET/orders/parts/*"]);
    assert!(pinned.warning.is_none() && pinned.verdict == Verdict::Allow);
    for route in
        (0..20).map(|at| format!("GET/orders/parts/{at}")).chain(["GET/customers/7".into()])
    {
        assert!(pinned.opens(&route), "{route}");
    }
    assert!(!pinned.opens("GET/orders/secret") && !pinned.opens("GET/customers"));
    // Not pinned: the policy covers the requested route only.
    let other = caller(&routes, false, "r").send("GET/orders/parts/3");
    assert_eq!(other.allowed, ["GET/orders/parts/3"]);
    assert!(other.warning.is_some());
    // The routes' own patterns fit.
    let few = [&routes[..3], &routes[20..]].concat();
    let own = caller(&few, true, "r").send("GET/orders/parts/2");
    assert_eq!(own.allowed.len(), 4);
    assert_eq!(own.statements, caller(&few, false, "r").send("GET/orders/parts/2").statements);
    // Merged patterns do not fit either.
    let long = (0..12).map(|at| route("GET", &format!("/{at}/{}", "q".repeat(200)), &[&["r"]]));
    let other = (0..12).map(|at| route("GET", &format!("/{at}/w"), &[&["w"]]));
    let long: Vec<Route> = long.chain(other).collect();
    let request = format!("GET/3/{}", "q".repeat(200));
    let single = caller(&long, true, "r").send(&request);
    assert_eq!(single.allowed, [request.as_str()]);
    assert!(single.warning.is_some());
}

#[test]
fn an_unknown_request_is_denied_by_the_policy_it_gets_from_a_pinned_function() {
    let pinned = caller(&shop(), true, "r");
    // A cached policy of another request allows it: the merged pattern matches it.
    assert!(pinned.send("GET/orders/parts/3").opens("GET/orders/parts/99"));
    for request in ["GET/orders/parts/99", "GET/orders/parts/3/notes", "GET/customers/7/notes"] {
        let answer = pinned.send(request);
        assert_eq!((answer.verdict, answer.opens(request)), (Verdict::Deny, false), "{request}");
        assert!(answer.opens("GET/orders/parts/3"), "{request}: {:?}", answer.statements);
    }
}

#[test]
fn no_merged_pattern_opens_a_refused_route_by_an_empty_segment() {
    let parts = (0..20).map(|at| route("GET", &format!("/{{shop}}/admin/{at}"), &[&["r"]]));
    let admin = ["/admin/3", "/admin/x"].map(|path| route("GET", path, &[&["admin"]]));
    let routes: Vec<Route> = parts.chain(admin).collect();
    let policy = caller(&routes, true, "r").send("GET/a/admin/3");
    assert!(
        policy.allowed.iter().any(|pattern| pattern == "GET/*/admin/*"),
        "{:?}",
        policy.allowed
    );
    for request in ["GET//admin/3", "GET//admin/x", "GET/admin/3"] {
        assert!(!policy.opens(request), "{request}: {:?}", policy.statements);
    }
}

#[test]
fn a_pinned_function_has_one_route_table() {
    let config = |changes: Value| {
        let mut document = crate::config(&["RS256"]);
        document["pinned"] = json!(true);
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        authorizer::Config::from_json(&document.to_string()).map(|_| ()).map_err(|e| e.to_string())
    };
    let routes = json!([{"method": "GET", "path": "/a", "scopes": [[]]}]);
    assert_eq!(config(json!({"routes": routes})), Ok(()));
    let apis = config(json!({"apis": {"abc": routes}}));
    assert_eq!(apis, Err("`pinned` is not allowed together with `apis`".to_owned()));
    assert_eq!(config(json!({})), Err("`pinned` requires `routes`".to_owned()));
    assert_eq!(config(json!({"pinned": false, "apis": {"abc": routes}})), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases().cases / 4, ..cases() })]

    #[test]
    fn merged_patterns_decide_each_request_of_the_table_by_its_own_route(
        routes in table(),
        scopes in scopes(),
        choices in prop::collection::vec(prop::collection::vec(0_usize..1000, 9), 1..40),
        unknown in unknown(),
    ) {
        let held: BTreeSet<String> = scopes.iter().map(ToString::to_string).collect();
        let may = |route: &Route| route.requirement.is_met_by(&held);
        let conflicting = RouteTable::new(routes.clone()).unwrap().policy_conflicts().next().is_some();
        let [pinned, other] = [true, false].map(|pinned| caller(&routes, pinned, &scopes.join(" ")));
        let methods = ["GET", "POST", "PUT", "DELETE"];
        let beside = unknown.iter().enumerate().map(|(at, path)| (methods[at % 4], path.clone()));
        let requests: Vec<_> = beside.chain(requests(&routes, &choices)).collect();
        let mut cached: Option<Answer> = None;
        for (method, path) in requests.iter().step_by(3) {
            let [_, sent] = spellings(method, path);
            let (answer, own) = (pinned.send(&sent), other.send(&sent));
            prop_assert_eq!(answer.verdict == Verdict::Allow, answer.opens(&sent), "{}: {:?}", sent, answer.statements);
            if own.warning.is_none() || answer.warning.is_some() {
                // The own patterns fit, or no patterns do.
                prop_assert_eq!(&answer.statements, &own.statements, "{}", sent);
                continue;
            }
            let route = routed(&routes, method, path);
            if route.is_none() {
                prop_assert!(answer.verdict == Verdict::Deny, "{sent}: {:?}", answer.statements);
                continue;
            }
            // The same policy, whichever request of the table it was made for.
            if let Some(cached) = &cached {
                prop_assert_eq!(&cached.statements, &answer.statements);
            }
            for (method, path) in &requests {
                let route = routed(&routes, method, path);
                for spelling in spellings(method, path) {
                    let context = || format!("{spelling} ({}) for {held:?}: +{:?} -{:?}", route.map_or("no route".to_owned(), ToString::to_string), answer.allowed, answer.denied);
                    if let Some(route) = route {
                        prop_assert!(!answer.opens(&spelling) || may(route), "open: {}", context());
                    }
                }
                let [_, plain] = spellings(method, path);
                if let Some(route) = route && may(route) && !conflicting {
                    prop_assert!(answer.opens(&plain), "closed: {plain} ({route}) for {held:?}: +{:?} -{:?}", answer.allowed, answer.denied);
                }
            }
            cached = Some(answer);
        }
    }
}
