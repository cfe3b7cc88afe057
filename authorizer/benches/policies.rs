//! The cost of a route table: the length of policies and the time of a decision, for the petstore
//! and for tables of 10, 100 and 300 routes with ten scopes. Writes
//! `target/bench/policies.md` and `.json`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that cannot continue panics"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use authorizer::keys::fetch::{DocumentRequest, Fetch, FetchError, FetchFuture};
use authorizer::{Authorizer, Config, UnixTime};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{BenchmarkId, Criterion};
use serde_json::{Value, json};

const API: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdefghij";
const NOW: i64 = 1_800_000_000;

/// Fails every fetch: the keys are bundled.
struct NoNetwork;

impl Fetch for NoNetwork {
    fn get<'a>(&'a self, request: DocumentRequest<'a>) -> FetchFuture<'a> {
        Box::pin(
            async move { Err(FetchError::Status { url: request.url.to_owned(), status: 404 }) },
        )
    }
}

struct Issuer(Ed25519KeyPair);

impl Issuer {
    fn document(&self, routes: &[Value]) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        let jwks =
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "k", "x": x}]});
        json!({
            "issuers": [{
                "issuer": "https://issuer.example.com/", "audience": ["a"], "algorithms": ["EdDSA"],
                "keys": {"jwks": jwks, "read_at": NOW, "lifetime_seconds": 86400},
            }],
            "routes": routes,
            "policy_max_bytes": 1_048_576,
        })
    }

    fn event(&self, scopes: &[String], stage: &str, request: &str) -> String {
        let claims = json!({
            "iss": "https://issuer.example.com/", "aud": "a", "sub": "s", "scope": scopes.join(" "),
            "iat": NOW, "exp": NOW + 3600,
        });
        let header = json!({"alg": "EdDSA", "kid": "k", "typ": "at+jwt"});
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()));
        json!({
            "type": "TOKEN",
            "methodArn": format!("{API}/{stage}/{request}"),
            "authorizationToken": format!("Bearer {signed}.{signature}"),
        })
        .to_string()
    }
}

/// Ten routes per collection, typical of REST APIs, in five domains with one scope to read and one
/// to write each.
fn routes(count: usize) -> Vec<Value> {
    let shapes = [
        ("GET", "", "read"),
        ("POST", "", "write"),
        ("GET", "/{id}", "read"),
        ("PUT", "/{id}", "write"),
        ("PATCH", "/{id}", "write"),
        ("DELETE", "/{id}", "write"),
        ("GET", "/{id}/items", "read"),
        ("POST", "/{id}/items", "write"),
        ("GET", "/{id}/items/{item}", "read"),
        ("DELETE", "/{id}/items/{item}", "write"),
    ];
    (0..count)
        .map(|at| {
            let (collection, (method, path, access)) = (at / 10, shapes[at % 10]);
            json!({
                "method": method,
                "path": format!("/collection{collection}{path}"),
                "scopes": [[format!("domain{}:{access}", collection % 5)]],
            })
        })
        .collect()
}

/// The route table of the petstore, from a snapshot of the deployer's tests.
fn petstore() -> Vec<Value> {
    let snapshot =
        "../deployer/tests/tool/snapshots/tool__compiling__petstore_authorizer_json.snap";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(snapshot)).unwrap();
    let config: Value = serde_json::from_str(text.splitn(3, "---\n").nth(2).unwrap()).unwrap();
    config["routes"].as_array().unwrap().clone()
}

fn scopes(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn resources(policy: &Value) -> usize {
    let statements = policy["Statement"].as_array().unwrap();
    statements.iter().map(|statement| statement["Resource"].as_array().unwrap().len()).sum()
}

/// Returns the number of resources and the length of a policy without merged patterns: one for
/// each granted route, and two variants for each refused route that those match.
fn unmerged(routes: &[Value], caller_scopes: &[String]) -> (usize, usize) {
    let open = |route: &&Value| {
        let mut sets = route["scopes"].as_array().unwrap().iter();
        sets.any(|all| {
            all.as_array()
                .unwrap()
                .iter()
                .all(|scope| caller_scopes.iter().any(|granted| scope == granted))
        })
    };
    // `value` replaces each parameter of the path.
    let text = |route: &Value, value: &str| {
        let path = route["path"].as_str().unwrap().split('/');
        let path: Vec<&str> =
            path.map(|part| if part.starts_with('{') { value } else { part }).collect();
        format!("{}{}", route["method"].as_str().unwrap().replace("ANY", "*"), path.join("/"))
    };
    let (granted, refused): (Vec<&Value>, Vec<&Value>) = routes.iter().partition(open);
    let allowed: Vec<String> = granted.iter().map(|route| text(route, "*")).collect();
    let is_matched = |request: &str| {
        allowed.iter().any(|pattern| matches(pattern.as_bytes(), request.as_bytes()))
    };
    let denied = refused.iter().flat_map(|route| {
        let slash = is_matched(&format!("{}/", text(route, "x"))).then(|| text(route, "*") + "/");
        let plain = is_matched(&text(route, "x")).then(|| text(route, "*"));
        plain.into_iter().chain(slash.filter(|slash| !slash.ends_with("*/")))
    });
    let denied: Vec<String> = denied.collect();
    let statement = |effect: &str, patterns: &[String]| {
        let resources: Vec<String> =
            patterns.iter().map(|pattern| format!("{API}/prod/{pattern}")).collect();
        json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": resources})
    };
    let mut statements = vec![statement("Allow", &allowed)];
    if !denied.is_empty() {
        statements.push(statement("Deny", &denied));
    }
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    (allowed.len() + denied.len(), policy.to_string().len())
}

/// Returns whether a pattern, in which `*` matches any characters, matches a text.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        Some((byte, rest)) => text.first() == Some(byte) && matches(rest, &text[1..]),
    }
}

struct Size {
    table: String,
    caller: &'static str,
    merged: (usize, usize),
    unmerged: (usize, usize),
}

fn main() {
    let issuer = Issuer(Ed25519KeyPair::generate().unwrap());
    let fetch: Arc<dyn Fetch> = Arc::new(NoNetwork);
    let authorizer_for = |routes: &[Value]| {
        let config = Config::from_json(&issuer.document(routes).to_string()).unwrap();
        Authorizer::new(config, &fetch)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let now = UnixTime::from_seconds(NOW);
    let respond = |authorizer: &Authorizer, event: &str| -> Value {
        let response = runtime.block_on(authorizer.handle(event, now)).response.unwrap();
        serde_json::from_str(response.as_str()).unwrap()
    };

    let reader: Vec<String> = (0..5).map(|at| format!("domain{at}:read")).collect();
    let one = scopes(&["domain0:read", "domain0:write"]);
    let three: Vec<String> = ["0:read", "0:write", "1:read", "2:read", "3:write"]
        .map(|scope| format!("domain{scope}"))
        .to_vec();
    let mut sizes = Vec::new();
    let mut measure =
        |table: &str, routes: &[Value], caller: &'static str, caller_scopes: &[String]| {
            let policy = &respond(
                &authorizer_for(routes),
                &issuer.event(caller_scopes, "prod", "GET/"),
            )["policyDocument"];
            sizes.push(Size {
                table: table.to_owned(),
                caller,
                merged: (resources(policy), policy.to_string().len()),
                unmerged: unmerged(routes, caller_scopes),
            });
        };
    measure("petstore", &petstore(), "pets:read", &scopes(&["pets:read"]));
    measure("petstore", &petstore(), "pets:read pets:write", &scopes(&["pets:read", "pets:write"]));
    for count in [10, 100, 300] {
        let (table, routes) = (format!("{count} routes"), routes(count));
        measure(&table, &routes, "one domain, read and write", &one);
        measure(&table, &routes, "every domain, read", &reader);
        measure(&table, &routes, "five of ten scopes", &three);
    }

    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("policies");
    for count in [10, 100, 300] {
        let routes = routes(count);
        let authorizer = authorizer_for(&routes);
        for (caller, caller_scopes) in [("one domain", &one), ("five scopes", &three)] {
            // More stages than the policy cache has entries for: each policy is built again.
            let stages = (0..32).map(|stage| format!("stage{stage}"));
            let events: Vec<String> = stages
                .map(|stage| issuer.event(caller_scopes, &stage, "GET/collection0/7"))
                .collect();
            let mut events = events.iter().cycle();
            let id = BenchmarkId::new(format!("decide ({caller})"), count);
            group.bench_function(id, |bencher| {
                bencher.iter(|| runtime.block_on(authorizer.handle(events.next().unwrap(), now)));
            });
        }
        let document = issuer.document(&routes).to_string();
        group.bench_function(BenchmarkId::new("start", count), |bencher| {
            bencher.iter(|| Config::from_json(&document).unwrap());
        });
    }
    group.finish();
    report(&sizes);
}

/// Writes the report, from Criterion's estimates.
fn report(sizes: &[Size]) {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let median = |name: &str, count: usize| -> Option<f64> {
        let path = target.join(format!("criterion/policies/{name}/{count}/new/estimates.json"));
        let estimates: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        Some(estimates["median"]["point_estimate"].as_f64()? / 1000.0)
    };
    let mut text = "# Policies\n\nSizes of the policy document; `unmerged` has one pattern for each granted route and for each refused route that those match.\n\n| table | caller | resources | bytes | unmerged resources | unmerged bytes |\n| --- | --- | --: | --: | --: | --: |\n".to_owned();
    let mut json = json!({"sizes": [], "microseconds": []});
    for Size { table, caller, merged, unmerged } in sizes {
        writeln!(
            text,
            "| {table} | {caller} | {} | {} | {} | {} |",
            merged.0, merged.1, unmerged.0, unmerged.1
        )
        .unwrap();
        json["sizes"].as_array_mut().unwrap().push(json!({
            "table": table, "caller": caller, "resources": merged.0, "bytes": merged.1,
            "unmerged_resources": unmerged.0, "unmerged_bytes": unmerged.1,
        }));
    }
    text.push_str("\nMedian time, in microseconds: a whole decision (event in, response out) with a cached token and a new policy, and loading the configuration at start.\n\n| | 10 routes | 100 routes | 300 routes |\n| --- | --: | --: | --: |\n");
    for (name, folder) in [
        ("decide, one domain", "decide (one domain)"),
        ("decide, five of ten scopes", "decide (five scopes)"),
        ("start", "start"),
    ] {
        let medians = [10, 100, 300].map(|count| median(folder, count));
        let cells =
            medians.map(|median| median.map_or("–".to_owned(), |median| format!("{median:.1}")));
        writeln!(text, "| {name} | {} |", cells.join(" | ")).unwrap();
        json["microseconds"]
            .as_array_mut()
            .unwrap()
            .push(json!({"measurement": name, "routes": [10, 100, 300], "median": medians}));
    }
    let folder = target.join("bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("policies.md"), &text).unwrap();
    fs::write(folder.join("policies.json"), format!("{json:#}\n")).unwrap();
    eprintln!("{text}");
}
