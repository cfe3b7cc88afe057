//! What a route table costs: how long policies are and how long deciding takes, for the
//! petstore and for tables of 10, 100 and 300 routes with ten scopes. Writes
//! `target/bench/policies.md` and `.json`.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on panics"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use authorizer::keys::fetch::{Fetch, FetchError, FetchFuture};
use authorizer::{Authorizer, Config, UnixTime};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{BenchmarkId, Criterion};
use serde_json::{Value, json};

const API: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdefghij";
const NOW: i64 = 1_800_000_000;

/// Nothing is fetched: the keys are bundled.
struct NoNetwork;

impl Fetch for NoNetwork {
    fn get<'a>(&'a self, url: &'a str, _: Option<&'a str>) -> FetchFuture<'a> {
        Box::pin(async move { Err(FetchError::Status { url: url.to_owned(), status: 404 }) })
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

/// Ten routes a collection: collections as REST APIs have them, in five domains with a scope
/// to read and one to write each.
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

/// The petstore's table, from where the deployer's tests keep what it compiles to.
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

/// What a policy would be that names each granted route, and each refused one that those match,
/// by itself and in both spellings.
fn unmerged(routes: &[Value], held: &[String]) -> (usize, usize) {
    let open = |route: &&Value| {
        let mut sets = route["scopes"].as_array().unwrap().iter();
        sets.any(|all| {
            all.as_array().unwrap().iter().all(|scope| held.iter().any(|held| scope == held))
        })
    };
    // `free` stands where a path has a parameter.
    let text = |route: &Value, free: &str| {
        let path = route["path"].as_str().unwrap().split('/');
        let path: Vec<&str> =
            path.map(|part| if part.starts_with('{') { free } else { part }).collect();
        format!("{}{}", route["method"].as_str().unwrap().replace("ANY", "*"), path.join("/"))
    };
    let (granted, refused): (Vec<&Value>, Vec<&Value>) = routes.iter().partition(open);
    let allowed: Vec<String> = granted.iter().map(|route| text(route, "*")).collect();
    let swallowed = |request: &str| {
        allowed.iter().any(|pattern| matches(pattern.as_bytes(), request.as_bytes()))
    };
    let denied = refused.iter().flat_map(|route| {
        let slash = swallowed(&format!("{}/", text(route, "x"))).then(|| text(route, "*") + "/");
        let plain = swallowed(&text(route, "x")).then(|| text(route, "*"));
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

/// `*` is any run of characters.
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
    let make = |routes: &[Value]| {
        let config = Config::from_json(&issuer.document(routes).to_string()).unwrap();
        Authorizer::new(config, &fetch)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let now = UnixTime::from_seconds(NOW);
    let answer = |authorizer: &Authorizer, event: &str| -> Value {
        let answer = runtime.block_on(authorizer.handle(event, now)).response.unwrap();
        serde_json::from_str(answer.as_str()).unwrap()
    };

    let reader: Vec<String> = (0..5).map(|at| format!("domain{at}:read")).collect();
    let one = scopes(&["domain0:read", "domain0:write"]);
    let three: Vec<String> = ["0:read", "0:write", "1:read", "2:read", "3:write"]
        .map(|scope| format!("domain{scope}"))
        .to_vec();
    let mut sizes = Vec::new();
    let mut size = |table: &str, routes: &[Value], caller: &'static str, held: &[String]| {
        let policy = &answer(&make(routes), &issuer.event(held, "prod", "GET/"))["policyDocument"];
        sizes.push(Size {
            table: table.to_owned(),
            caller,
            merged: (resources(policy), policy.to_string().len()),
            unmerged: unmerged(routes, held),
        });
    };
    size("petstore", &petstore(), "pets:read", &scopes(&["pets:read"]));
    size("petstore", &petstore(), "pets:read pets:write", &scopes(&["pets:read", "pets:write"]));
    for count in [10, 100, 300] {
        let (table, routes) = (format!("{count} routes"), routes(count));
        size(&table, &routes, "one domain, read and write", &one);
        size(&table, &routes, "every domain, read", &reader);
        size(&table, &routes, "five of ten scopes", &three);
    }

    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("policies");
    for count in [10, 100, 300] {
        let routes = routes(count);
        let authorizer = make(&routes);
        for (caller, held) in [("one domain", &one), ("five scopes", &three)] {
            // For more stages than policies are kept for: each is chosen anew.
            let stages = (0..32).map(|stage| format!("stage{stage}"));
            let events: Vec<String> =
                stages.map(|stage| issuer.event(held, &stage, "GET/collection0/7")).collect();
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

/// Writes what was measured, from Criterion's own figures.
fn report(sizes: &[Size]) {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let median = |name: &str, count: usize| -> Option<f64> {
        let path = target.join(format!("criterion/policies/{name}/{count}/new/estimates.json"));
        let estimates: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        Some(estimates["median"]["point_estimate"].as_f64()? / 1000.0)
    };
    let mut text = "# Policies\n\nSizes of the policy document; `unmerged` names each granted route, and each refused one that those match, by itself.\n\n| table | caller | resources | bytes | unmerged resources | unmerged bytes |\n| --- | --- | --: | --: | --: | --: |\n".to_owned();
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
    text.push_str("\nMedian time, in microseconds: a whole decision (event in, answer out) for a token seen before and a policy that was not, and reading the configuration at start.\n\n| | 10 routes | 100 routes | 300 routes |\n| --- | --: | --: | --: |\n");
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
            .push(json!({"what": name, "routes": [10, 100, 300], "median": medians}));
    }
    let folder = target.join("bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("policies.md"), &text).unwrap();
    fs::write(folder.join("policies.json"), format!("{json:#}\n")).unwrap();
    eprintln!("{text}");
}
