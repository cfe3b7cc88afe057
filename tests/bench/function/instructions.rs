//! Instructions of a warm call, counted by callgrind. The same binary has the same count on every
//! machine, so a regression shows without a clock. AWS-LC is not counted: its code depends on the
//! processor's features, and callgrind emulates fewer of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::root;

use crate::issuer::Issuer;
use crate::runtime_api::RuntimeApi;
use crate::subject::{Subject, number};

/// The relative increase above which a count is a regression. The number of polls of the runtime
/// varies a little.
const TOLERANCE: f64 = 0.02;

type Counts = BTreeMap<String, f64>;

fn file() -> PathBuf {
    root().join("tests/bench/function/instructions.json")
}

/// The recorded counts.
pub(crate) fn baseline() -> Counts {
    fs::read_to_string(file()).map(|text| serde_json::from_str(&text).unwrap()).unwrap_or_default()
}

/// Records the current counts.
pub(crate) fn record(issuer: &Issuer, folder: &Path) {
    let rounded = |(name, count): (String, f64)| (name, (count / 100.0).round() * 100.0);
    let counts: Counts = count(issuer, folder).into_iter().map(rounded).collect();
    fs::write(file(), serde_json::to_string_pretty(&counts).unwrap() + "\n").unwrap();
    println!("recorded in {}", file().display());
}

/// Compares the current counts with the recorded ones; panics on a regression.
pub(crate) fn compare(issuer: &Issuer, folder: &Path) {
    let (baseline, mut regressions) = (baseline(), Vec::new());
    for (name, count) in count(issuer, folder) {
        let before = baseline[&name];
        let change = count / before - 1.0;
        println!("{name}: {count:.0}, {:+.1} % of the recorded {before:.0}", change * 100.0);
        if change > TOLERANCE {
            regressions.push(name);
        }
    }
    assert!(regressions.is_empty(), "more instructions than recorded: {}", regressions.join("; "));
}

fn count(issuer: &Issuer, folder: &Path) -> Counts {
    let authorizer = |name, algorithm, events| {
        crate::authorizer(name, issuer, folder, (algorithm, true), events)
    };
    let subjects = [
        crate::runtime_alone(issuer),
        authorizer("TOKEN event, verified token cached", "RS256", issuer.event("RS256")),
        authorizer("REQUEST event, verified token cached", "RS256", issuer.request_event("RS256")),
        authorizer("TOKEN event, RS256 checked", "RS256", issuer.events("RS256")),
    ];
    subjects.iter().map(|subject| (subject.name.to_owned(), per_call(subject, folder))).collect()
}

/// Returns the instructions of one call: the difference of two runs excludes the start.
fn per_call(subject: &Subject, folder: &Path) -> f64 {
    const FEW: usize = 200;
    const MANY: usize = 1_200;
    let few = total(subject, folder, FEW);
    (total(subject, folder, MANY) - few) / number(MANY - FEW)
}

fn total(subject: &Subject, folder: &Path, calls: usize) -> f64 {
    let out = folder.join("callgrind.out");
    let to = format!("--callgrind-out-file={}", out.display());
    let api = RuntimeApi::start();
    let mut child = subject.start(&api, &["valgrind", "--tool=callgrind", "--quiet", &to]);
    api.first_poll();
    api.invoke(&subject.events, calls);
    // Valgrind writes its counts when a signal ends the program.
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
    child.wait().unwrap();
    outside_aws_lc(&fs::read_to_string(&out).unwrap())
}

/// Returns the sum of the functions' own instructions, without AWS-LC's functions.
/// <https://valgrind.org/docs/manual/cl-format.html>
fn outside_aws_lc(profile: &str) -> f64 {
    let (mut names, mut counts, mut is_call) = (BTreeMap::new(), false, false);
    let mut total = 0.0;
    for line in profile.lines() {
        if let Some(function) = line.strip_prefix("fn=").or(line.strip_prefix("cfn=")) {
            // A name is written once; later references have its number only.
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                names.insert(number, name);
            }
            if line.starts_with("fn=") {
                counts = !names[number].starts_with("aws_lc_");
            }
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '*')) {
            // The line after a call is the inclusive cost of the callee.
            if !std::mem::take(&mut is_call) && counts {
                let cost = line.split(' ').nth(1).unwrap_or("0");
                total += cost.parse::<f64>().unwrap();
            }
        }
    }
    assert!(total > 0.0, "callgrind counted nothing");
    total
}
