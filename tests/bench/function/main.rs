//! Measures the authorizer as a function, through the Runtime API, beside other authorizers in the
//! same run. Writes `target/bench/function.md` and `.json`. `tests/bench/run function` builds the
//! programs.
//!
//! With `instructions` it counts instructions under callgrind and compares them with
//! `instructions.json`; `instructions keep` records the new counts.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark measures time, and panics on failure"
)]

mod instructions;
mod issuer;
#[path = "../../../authorizer/tests/decisions/mint.rs"]
mod mint;
mod report;
mod runtime_api;
mod subject;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::signature as crypto;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{root, tool};
use issuer::Issuer;
use subject::{Run, Subject, empty_process, micros, number};

const ROUNDS: usize = 9;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::start();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => measure(&issuer, folder.path()),
        ["instructions"] => instructions::compare(&issuer, folder.path()),
        ["instructions", "keep"] => instructions::record(&issuer, folder.path()),
        other => panic!("unknown measurement: {other:?}"),
    }
}

/// The shipped authorizer binary.
fn bootstrap() -> PathBuf {
    root().join("target/lambda/bootstrap/bootstrap")
}

/// The authorizer with its own configuration.
fn authorizer(
    name: &'static str,
    issuer: &Issuer,
    folder: &Path,
    (algorithm, bundled): (&str, bool),
    events: Arc<Vec<String>>,
) -> Subject {
    let config = folder.join(format!("{algorithm}-{bundled}.json"));
    fs::write(&config, issuer.configuration(algorithm, bundled).to_string()).unwrap();
    let config = config.to_str().unwrap().to_owned();
    Subject {
        name,
        command: vec![bootstrap().into()],
        variables: BTreeMap::from([("AUTHORIZER_CONFIG", config)]),
        events,
    }
}

/// The authorizer's runtime alone, with a constant response.
fn runtime_alone(issuer: &Issuer) -> Subject {
    Subject {
        name: "lambda_runtime alone",
        command: vec![root().join("target/lambda/bare/bootstrap").into()],
        variables: BTreeMap::new(),
        events: issuer.events("RS256"),
    }
}

/// A third-party authorizer, on AWS's Runtime API client for Node.
fn node_authorizer(name: &'static str, handler: &str, issuer: &Issuer, folder: &Path) -> Subject {
    let (certificate, jwks) = (folder.join("issuer.pem"), folder.join("jwks.json"));
    fs::write(&certificate, &issuer.certificate).unwrap();
    fs::write(&jwks, issuer.jwks().to_string()).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let start = format!(
        "cd '{}' && exec node node_modules/aws-lambda-ric/bin/index.mjs {handler}.handler",
        tool("authorizers").display()
    );
    Subject {
        name,
        command: ["sh", "-c", start.as_str()].map(OsString::from).to_vec(),
        variables: BTreeMap::from([
            ("PATH", std::env::var("PATH").unwrap()),
            ("NODE_EXTRA_CA_CERTS", text(&certificate)),
            ("JWKS_FILE", text(&jwks)),
            ("JWKS_URI", format!("{}/keys", issuer.url)),
            ("ISSUER", issuer.url.clone()),
            ("AUDIENCE", issuer::AUDIENCE.to_owned()),
        ]),
        events: issuer.events("RS256"),
    }
}

fn measure(issuer: &Issuer, folder: &Path) {
    let floor = root().join("target/bench/floor");
    let subjects = [
        Subject {
            name: "bare loop",
            command: vec![floor.clone().into()],
            variables: BTreeMap::new(),
            events: issuer.events("RS256"),
        },
        runtime_alone(issuer),
        authorizer("RS256, keys fetched", issuer, folder, ("RS256", false), issuer.events("RS256")),
        authorizer("RS256", issuer, folder, ("RS256", true), issuer.events("RS256")),
        authorizer(
            "RS256, verified token cached",
            issuer,
            folder,
            ("RS256", true),
            issuer.event("RS256"),
        ),
        authorizer("ES256", issuer, folder, ("ES256", true), issuer.events("ES256")),
        authorizer(
            "ES256, verified token cached",
            issuer,
            folder,
            ("ES256", true),
            issuer.event("ES256"),
        ),
        authorizer("EdDSA", issuer, folder, ("EdDSA", true), issuer.events("EdDSA")),
        node_authorizer("WSO2's sample", "wso2", issuer, folder),
        node_authorizer("aws-jwt-verify, keys bundled", "aws-jwt-verify", issuer, folder),
    ];
    let mut runs: Vec<Vec<Run>> = subjects.iter().map(|_| Vec::new()).collect();
    let (mut empty_processes, mut fetches) = (Vec::new(), 0);
    let mut checks: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for algorithm in ["RS256", "ES256", "EdDSA"] {
            checks.entry(algorithm).or_default().push(check(issuer, algorithm));
        }
        for (subject, runs) in subjects.iter().zip(&mut runs) {
            let before = issuer.fetches();
            empty_processes.push(empty_process(&floor.clone().into()));
            runs.push(subject.run());
            if subject.name == "RS256" {
                fetches += issuer.fetches() - before;
            }
        }
    }
    let measured = report::Measured {
        rounds: ROUNDS,
        empty_process: report::median(&empty_processes),
        checks: checks.into_iter().map(|(name, times)| (name, report::median(&times))).collect(),
        subjects: subjects.iter().map(|subject| subject.name).zip(runs).collect(),
        fetches_with_bundled_keys: fetches,
        binary: size(&bootstrap()),
        zip: size(&bootstrap().with_extension("zip")),
        instructions: instructions::baseline(),
    };
    report::write(&measured);
}

fn size(path: &Path) -> f64 {
    let bytes = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    number(usize::try_from(bytes.len()).unwrap()) / 1e6
}

/// Microseconds of a signature check by AWS-LC with a parsed key.
fn check(issuer: &Issuer, algorithm: &str) -> f64 {
    const TIMES: usize = 3_000;
    let message = [7; 600];
    let signature = issuer.signature(algorithm, &message);
    let key = parsed(issuer, algorithm);
    let started = Instant::now();
    for _ in 0..TIMES {
        key.verify_sig(&message, &signature).unwrap();
    }
    micros(started.elapsed()) / number(TIMES)
}

fn parsed(issuer: &Issuer, algorithm: &str) -> crypto::ParsedPublicKey {
    let jwks = issuer.jwks();
    let jwk = jwks["keys"].as_array().unwrap().iter().find(|jwk| jwk["alg"] == algorithm).unwrap();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    match algorithm {
        "RS256" => crypto::RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }
            .to_parsed_public_key(&crypto::RSA_PKCS1_2048_8192_SHA256)
            .unwrap(),
        "ES256" => {
            let point = [vec![4], bytes("x"), bytes("y")].concat();
            crypto::ParsedPublicKey::new(&crypto::ECDSA_P256_SHA256_FIXED, point).unwrap()
        }
        _ => crypto::ParsedPublicKey::new(&crypto::ED25519, bytes("x")).unwrap(),
    }
}
