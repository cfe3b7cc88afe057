//! The gateway's result cache and the authorizer's policies together: whatever is cached, the scopes
//! of its own route decide each request.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock, Mutex};

use authorizer::config::{BundledKeys, IssuerDocument, PolicyMode};
use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::routes::{self, PathTemplate, Segment, Verb};
use authorizer::{Authorizer, Config, UnixTime};
use bytes::Bytes;
use compiler::api::{Api, Route, Security};
use compiler::compile;
use compiler::source::diagnostic::{Source, has_errors};
use dev::issuer::Issuer;
use gateway::authorizers::{AuthorizerTarget, LocalAuthorizer};
use gateway::client::client;
use gateway::functions::Functions;
use gateway::loaded_api::LoadedApi;
use gateway::pipeline::Gateway;
use gateway::trace::RequestTrace;
use http::{Request, StatusCode};
use http_body_util::Full;
use proptest::prelude::*;

use crate::MANIFEST;

const ISSUER: &str = "https://issuer.example.com/";

/// Generating an RSA key is slow; there is one token for each set of scopes.
static LOCAL: LazyLock<Issuer> = LazyLock::new(|| {
    let configured = IssuerDocument {
        issuer: ISSUER.to_owned(),
        audience: vec!["https://shop.example.com".to_owned()],
        ..IssuerDocument::default()
    };
    Issuer::new(ISSUER.to_owned(), &[configured]).unwrap()
});
static TOKENS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn token(scope: &str) -> String {
    let mint = || LOCAL.mint("client", scope, None, now()).unwrap();
    TOKENS.lock().unwrap().entry(scope.to_owned()).or_insert_with(mint).clone()
}

#[expect(clippy::disallowed_methods, reason = "the gateway reads the clock as well")]
pub(crate) fn now() -> UnixTime {
    UnixTime::from_system(std::time::SystemTime::now())
}

/// An operation: method, path, and the scopes of each alternative; none is public.
type Row = (&'static str, String, Option<Vec<Vec<&'static str>>>);

fn openapi(rows: &[Row]) -> String {
    let mut paths: BTreeMap<&str, String> = BTreeMap::new();
    for (method, path, alternatives) in rows {
        let method = match *method {
            "ANY" => "x-amazon-apigateway-any-method".to_owned(),
            method => method.to_lowercase(),
        };
        let security: Vec<String> = alternatives
            .iter()
            .flatten()
            .map(|all| format!("{{jwt: [{}]}}", all.join(", ")))
            .collect();
        let operation = format!("    {method}: {{ security: [{}] }}\n", security.join(", "));
        paths.entry(path).or_default().push_str(&operation);
    }
    let paths: Vec<String> =
        paths.iter().map(|(path, operations)| format!("  \"{path}\":\n{operations}")).collect();
    let paths = paths.concat();
    format!(
        "openapi: 3.0.3\ninfo: {{ title: t, version: '1' }}\npaths:\n{paths}components:\n  securitySchemes:\n    jwt: {{ type: http, scheme: bearer }}\n"
    )
}

fn compiled(rows: &[Row]) -> Api {
    let source =
        |name: &str, text: &str| Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let text = MANIFEST.replace("http = \"https://backend.example.com\"", "mock = true");
    let manifest_source = source("portcullis.toml", &text);
    let (manifest, _) = compile::manifest(&manifest_source, &|_| None, &|_| Err(String::new()));
    let document = openapi(rows);
    let openapi = source("openapi.yaml", &document);
    let (api, found) =
        compile::compile(&manifest.unwrap(), &manifest_source, &openapi, None, now());
    assert!(!has_errors(&found), "{document}{found:?}");
    api.unwrap()
}

/// Returns a gateway for an API that counts the authorizer's invocations.
fn gateway(api: &Api, invocations: Arc<AtomicUsize>) -> Gateway {
    gateway_with_rules(api, api, invocations)
}

/// Returns a gateway for an API whose authorizer was built for the routes of another one.
fn gateway_with_rules(api: &Api, rules: &Api, invocations: Arc<AtomicUsize>) -> Gateway {
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::default());
    let mut authorizers = BTreeMap::new();
    if let Some(mut document) = rules.authorizer_document("jwt")
        && document.routes.as_ref().is_some_and(|routes| !routes.is_empty())
    {
        document.issuers[0].keys = Some(BundledKeys {
            jwks: LOCAL.key_set().clone(),
            read_at: now().seconds(),
            lifetime_seconds: 86_400,
        });
        let config = Config::resolve(&document).unwrap();
        let target = AuthorizerTarget::InProcess(Box::new(Authorizer::new(config, &fetch)));
        authorizers.insert(
            "jwt".to_owned(),
            LocalAuthorizer::new(&api.authorizers["jwt"], target).unwrap(),
        );
    }
    let functions = Functions::new(client());
    let loaded = LoadedApi::new(api.clone(), authorizers, &functions)
        .unwrap_or_else(|problems| panic!("{problems:?}"));
    let observer = Box::new(move |trace: &RequestTrace| {
        invocations.fetch_add(usize::from(trace.authorizer_invoked), Relaxed);
    });
    Gateway::new(loaded, functions, client(), BTreeSet::new(), observer)
}

/// Returns the route of a request, found by a linear search.
fn matched_route<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<&'a Route> {
    let segments = routes::split(path);
    let matches = |route: &&Route| route.verb.matches(method) && route.path.matches(&segments);
    routes
        .iter()
        .filter(matches)
        .min_by(|a, b| routes::compare_precedence((&a.path, a.verb), (&b.path, b.verb)))
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let segment = prop_oneof![
        3 => prop::sample::select(&["a", "b", "ab", "users", "me"][..]).prop_map(str::to_owned),
        2 => Just("{p}".to_owned()),
    ];
    let path = (prop::collection::vec(segment, 0..=6), prop::bool::weighted(0.15)).prop_map(
        |(mut segments, greedy)| {
            for (at, segment) in segments.iter_mut().enumerate() {
                if segment == "{p}" {
                    *segment = format!("{{p{at}}}");
                }
            }
            if greedy {
                segments.push("{rest+}".to_owned());
            }
            format!("/{}", segments.join("/"))
        },
    );
    let scopes = prop_oneof![
        1 => Just(None),
        8 => prop::sample::select(vec![
            vec![vec!["r"]],
            vec![vec!["w"]],
            vec![vec!["r", "w"]],
            vec![vec!["x"], vec!["w"]],
            vec![vec![]],
        ])
        .prop_map(Some),
    ];
    let verb = prop::sample::select(vec!["GET", "GET", "POST", "PUT", "ANY"]);
    let row = (verb, path, scopes);
    let sizes = prop_oneof![3 => 1_usize..8, 2 => 8_usize..30, 1 => 30_usize..=60];
    sizes.prop_flat_map(move |size| prop::collection::vec(row.clone(), size)).prop_map(|rows| {
        let mut unique: Vec<(Row, Verb, PathTemplate)> = Vec::new();
        for row in rows {
            let (verb, template) = (row.0.parse().unwrap(), row.1.parse::<PathTemplate>().unwrap());
            let same = |other: &(Row, Verb, PathTemplate)| {
                other.1 == verb && other.2.same_resource(&template)
            };
            if !unique.iter().any(same) {
                unique.push((row, verb, template));
            }
        }
        unique.into_iter().map(|(row, ..)| row).collect()
    })
}

fn concrete(template: &PathTemplate, choices: &[usize]) -> String {
    let texts = ["a", "b", "users", "me", "z", "%2F", "a%20b", "*"];
    let mut choices = choices.iter().copied().cycle();
    let mut choose = || choices.next().unwrap();
    let mut path = String::new();
    for segment in template.segments() {
        path.push('/');
        match segment {
            Segment::Literal(text) => path.push_str(text),
            Segment::Parameter(_) => path.push_str(texts[choose() % texts.len()]),
            Segment::Greedy(_) => {
                let rest: Vec<&str> =
                    (0..=choose() % 7).map(|_| texts[choose() % texts.len()]).collect();
                path.push_str(&rest.join("/"));
            }
        }
    }
    match choose() % 8 {
        0 => path + "/",
        1 => path + "/z/users",
        _ if path.is_empty() => "/".to_owned(),
        _ => path,
    }
}

/// Returns the configuration: `PROPTEST_CASES` cases, of sixty requests each.
#[expect(clippy::disallowed_methods, reason = "the number of cases is configurable")]
fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(2_500),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A route that was deployed after the function was built is unknown to its route table.
#[test]
fn a_route_that_the_authorizer_does_not_know_is_denied_cached_or_not() {
    let known = |method, path: &str| (method, path.to_owned(), Some(vec![vec!["r"]]));
    let rules = [
        known("GET", "/a"),
        known("DELETE", "/a"),
        known("GET", "/pets"),
        known("GET", "/pets/{id}"),
        known("POST", "/pets/{id}"),
        known("POST", "/pets/{id}/photo"),
    ];
    let added = [
        known("POST", "/accounts"),
        known("GET", "/petsitters"),
        known("GET", "/pets/{id}/notes"),
        known("PUT", "/pets/{id}"),
        known("PUT", "/a"),
        known("GET", "/"),
        known("ANY", "/a/{rest+}"),
        ("GET", "/open".to_owned(), Some(vec![vec!["r"], vec!["w"]])),
    ];
    let rows: Vec<Row> = rules.iter().chain(&added).cloned().collect();
    let gateway = gateway_with_rules(&compiled(&rows), &compiled(&rules), Arc::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let token = token("r");
    let status = |method: &str, path: &str, is_cached: bool| {
        if !is_cached {
            gateway.flush();
        }
        let request = Request::builder().method(method).uri(format!("http://gateway/dev{path}"));
        let request = request.header("Authorization", format!("Bearer {token}"));
        let request = request.body(Full::new(Bytes::new())).unwrap().map(gateway::body::body);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        runtime.block_on(gateway.handle(request, peer)).status()
    };
    for is_cached in [false, true] {
        for (method, template, _) in &rules {
            let path = template.replace("{id}", "7");
            assert_eq!(status(method, &path, is_cached), StatusCode::OK, "{method} {path}");
        }
        for (method, template, _) in &added {
            let method = if *method == "ANY" { "GET" } else { method };
            let path = template.replace("{id}", "7").replace("{rest+}", "b/c");
            let status = status(method, &path, is_cached);
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}, cached: {is_cached}");
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn each_request_is_decided_by_its_own_route_in_any_order(
        rows in rows(),
        requests in prop::collection::vec((0_usize..60, 0_usize..4, prop::collection::vec(0_usize..1000, 9)), 60),
    ) {
        let api = compiled(&rows);
        let invocations = Arc::new(AtomicUsize::new(0));
        let gateway = gateway(&api, Arc::clone(&invocations));
        // The cache keys so far.
        let mut cached = BTreeSet::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let scopes = ["", "r", "r w", "x"];
        for (at, caller, choices) in requests {
            let template = &api.routes[at % api.routes.len()];
            let method = match template.verb {
                Verb::Any => ["GET", "POST", "DELETE"][choices[8] % 3],
                verb => verb.name(),
            };
            let path = concrete(&template.path, &choices);
            let granted: BTreeSet<String> =
                scopes[caller].split_whitespace().map(str::to_owned).collect();
            let request = Request::builder()
                .method(method)
                .uri(format!("http://gateway/dev{path}"))
                .header("Authorization", format!("Bearer {}", token(scopes[caller])))
                .body(Full::new(Bytes::new()))
                .unwrap();
            let peer = SocketAddr::from(([127, 0, 0, 1], 1));
            let status = runtime.block_on(gateway.handle(request.map(gateway::body::body), peer)).status();
            let route = matched_route(&api.routes, method, &path);
            if let Some(route) = route.filter(|route| route.security != Security::Public) {
                let by_route = api.authorizers["jwt"].policy == PolicyMode::Route;
                cached.insert((caller, by_route.then(|| (method, route.path.to_string()))));
            }
            let expected = match route.map(|route| &route.security) {
                Some(Security::Public) => StatusCode::OK,
                Some(Security::Jwt { requirement, .. }) if requirement.is_met_by(&granted) => {
                    StatusCode::OK
                }
                _ => StatusCode::FORBIDDEN,
            };
            prop_assert_eq!(status, expected, "{} {} ({:?}) by {:?}", method, path, route.map(ToString::to_string), granted);
        }
        prop_assert_eq!(invocations.load(Relaxed), cached.len(), "cached results are not requested again");
    }
}
