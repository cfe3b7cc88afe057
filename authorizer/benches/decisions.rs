//! The time of a decision in one process, event in and response out: by algorithm, for cached and
//! new tokens, and by the number of routes. Writes
//! `target/bench/decisions.md` and `.json`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that cannot continue panics"
)]

#[path = "../tests/decisions/mint.rs"]
mod mint;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use authorizer::keys::fetch::{DocumentRequest, Fetch, FetchError, FetchFuture};
use authorizer::{Authorizer, Config, UnixTime};
use criterion::{BenchmarkId, Criterion};
use mint::Signer;
use serde_json::{Value, json};

const ALGORITHMS: [&str; 3] = ["RS256", "ES256", "EdDSA"];
const ROUTES: [usize; 3] = [1, 100, 300];
const NOW: i64 = 1_800_000_000;

/// More than the verified-token cache holds: used in turn, each is evicted before its next use.
const TOKENS: usize = 1_200;

/// Fails every fetch: the keys are bundled.
struct NoNetwork;

impl Fetch for NoNetwork {
    fn get<'a>(&'a self, request: DocumentRequest<'a>) -> FetchFuture<'a> {
        Box::pin(
            async move { Err(FetchError::Status { url: request.url.to_owned(), status: 404 }) },
        )
    }
}

/// Five routes per collection; the caller may read and not write.
fn routes(count: usize) -> Vec<Value> {
    let shapes = [
        ("GET", "", "read"),
        ("POST", "", "write"),
        ("GET", "/{id}", "read"),
        ("DELETE", "/{id}", "write"),
        ("GET", "/{id}/items", "read"),
    ];
    let route = |at: usize| {
        let (method, path, scope) = shapes[at % 5];
        json!({"method": method, "path": format!("/c{}{path}", at / 5), "scopes": [[scope]]})
    };
    (0..count).map(route).collect()
}

fn authorizer(signer: &Signer, count: usize) -> Authorizer {
    let document = json!({
        "issuers": [{
            "issuer": "https://issuer.example.com/", "audience": ["a"], "algorithms": [signer.alg],
            "keys": {"jwks": {"keys": [signer.jwk()]}, "read_at": NOW, "lifetime_seconds": 86400},
        }],
        "routes": routes(count),
        "policy_max_bytes": 1_048_576,
    });
    let fetch: Arc<dyn Fetch> = Arc::new(NoNetwork);
    Authorizer::new(Config::from_json(&document.to_string()).unwrap(), &fetch)
}

fn event(signer: &Signer, number: usize) -> String {
    let token = signer.token(&json!({
        "iss": "https://issuer.example.com/", "aud": "a", "sub": format!("user-{number}"),
        "client_id": "app", "scope": "read", "iat": NOW, "exp": NOW + 3600, "jti": number.to_string(),
    }));
    json!({
        "type": "TOKEN",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abcdefghij/prod/GET/c0",
        "authorizationToken": format!("Bearer {token}"),
    })
    .to_string()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let now = UnixTime::from_seconds(NOW);
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut group = criterion.benchmark_group("decisions");
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm, "k");
        let all: Vec<String> = (0..TOKENS).map(|number| event(&signer, number)).collect();
        for count in ROUTES {
            for (token, events) in [("cached", &all[..1]), ("new", &all[..])] {
                let authorizer = authorizer(&signer, count);
                let first = runtime.block_on(authorizer.handle(&events[0], now));
                assert!(first.response.is_ok(), "{first:?}");
                let mut events = events.iter().cycle();
                let id = BenchmarkId::new(format!("{algorithm} {token}"), count);
                group.bench_function(id, |bencher| {
                    bencher
                        .iter(|| runtime.block_on(authorizer.handle(events.next().unwrap(), now)));
                });
            }
        }
    }
    group.finish();
    report();
}

/// Writes the report, from Criterion's estimates.
fn report() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let median = |name: &str, count: usize| -> Option<f64> {
        let path = target.join(format!("criterion/decisions/{name}/{count}/new/estimates.json"));
        let estimates: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        Some(estimates["median"]["point_estimate"].as_f64()? / 1000.0)
    };
    let mut text = "# Decisions\n\nMedian time of a whole decision, in microseconds.\n\n| token | 1 route | 100 routes | 300 routes |\n| --- | --: | --: | --: |\n".to_owned();
    let mut rows = Vec::new();
    for algorithm in ALGORITHMS {
        for token in ["new", "cached"] {
            let medians = ROUTES.map(|count| median(&format!("{algorithm} {token}"), count));
            let cells =
                medians.map(|time| time.map_or("–".to_owned(), |time| format!("{time:.1}")));
            writeln!(text, "| {algorithm}, {token} | {} |", cells.join(" | ")).unwrap();
            rows.push(
                json!({"algorithm": algorithm, "token": token, "routes": ROUTES, "median": medians}),
            );
        }
    }
    let folder = target.join("bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("decisions.md"), &text).unwrap();
    let json = json!({"microseconds": rows});
    fs::write(folder.join("decisions.json"), format!("{json:#}\n")).unwrap();
    eprintln!("{text}");
}
