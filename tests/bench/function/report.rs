//! The report, as Markdown and JSON: figures of this machine, and ratios that hold elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use e2e::root;
use serde_json::{Value, json};

use crate::subject::Run;

pub(crate) struct Measured {
    pub(crate) rounds: usize,
    /// Microseconds of a process that exits at once.
    pub(crate) empty_process: f64,
    /// Microseconds of a signature check, by algorithm.
    pub(crate) checks: BTreeMap<&'static str, f64>,
    pub(crate) subjects: Vec<(&'static str, Vec<Run>)>,
    pub(crate) fetches_with_bundled_keys: usize,
    /// MB.
    pub(crate) binary: f64,
    pub(crate) zip: f64,
    pub(crate) instructions: BTreeMap<String, f64>,
}

/// The bound of a figure.
struct Bound {
    name: &'static str,
    value: f64,
    limit: f64,
    /// True for a lower bound.
    is_minimum: bool,
}

impl Bound {
    fn holds(&self) -> bool {
        if self.is_minimum { self.value >= self.limit } else { self.value <= self.limit }
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

impl Measured {
    fn of(&self, name: &str, figure: impl Fn(&Run) -> f64) -> f64 {
        let runs = self.subjects.iter().find(|(subject, _)| *subject == name).unwrap();
        median(&runs.1.iter().map(figure).collect::<Vec<_>>())
    }

    fn bounds(&self) -> Vec<Bound> {
        let cpu = |name: &str| self.of(name, |run| run.cpu);
        let cold = |name: &str| self.of(name, |run| run.cold);
        let memory = |name: &str| self.of(name, |run| run.memory);
        let floor = cpu("bare loop");
        let (wso2, verify) = ("WSO2's sample", "aws-jwt-verify, keys bundled");
        let most = |name, value, limit| Bound { name, value, limit, is_minimum: false };
        let least = |name, value, limit| Bound { name, value, limit, is_minimum: true };
        let count = |name: &str| self.instructions.get(name).copied().unwrap_or(f64::NAN);
        vec![
            most(
                "warm RS256: CPU / (check + bare loop)",
                cpu("RS256") / (self.checks["RS256"] + floor),
                1.6,
            ),
            most(
                "warm ES256: CPU / (check + bare loop)",
                cpu("ES256") / (self.checks["ES256"] + floor),
                1.35,
            ),
            most(
                "verified token cached: CPU / bare loop",
                cpu("RS256, verified token cached") / floor,
                1.9,
            ),
            most("cold start / empty process", cold("RS256") / self.empty_process, 2.5),
            most(
                "CPU to the first response, keys fetched, ms",
                self.of("RS256, keys fetched", |run| run.first_cpu) / 1e3,
                5.0,
            ),
            most("fetches with bundled keys", crate::number(self.fetches_with_bundled_keys), 0.0),
            least("cold start: WSO2's sample / Portcullis", cold(wso2) / cold("RS256"), 150.0),
            least("warm CPU: WSO2's sample / Portcullis", cpu(wso2) / cpu("RS256"), 8.0),
            least("memory: WSO2's sample / Portcullis", memory(wso2) / memory("RS256"), 18.0),
            least("warm CPU: aws-jwt-verify / Portcullis", cpu(verify) / cpu("RS256"), 4.0),
            most("zip, MB", self.zip, 1.6),
            most(
                "instructions of a call outside AWS-LC",
                count("TOKEN event, verified token cached"),
                110_000.0,
            ),
        ]
    }
}

/// US dollars for a million requests: the request price, and the billed duration in whole
/// milliseconds. A function's share of a processor is proportional to its memory.
/// <https://aws.amazon.com/lambda/pricing/>, x86-64, and Lambda's guide: 1,769 MB is one vCPU.
fn cost(cpu: f64, megabytes: f64) -> (f64, f64) {
    let billed = (cpu / 1e3 * (1_769.0 / megabytes).max(1.0)).ceil();
    (billed, 0.20 + billed * 1e3 * (megabytes / 1_024.0) * 0.000_016_666_7)
}

pub(crate) fn write(measured: &Measured) {
    let mut text = "# The authorizer as a function\n\n".to_owned();
    let machine = machine();
    for (name, value) in machine.as_object().unwrap() {
        let _ = writeln!(text, "- {name}: {}", value.as_str().unwrap());
    }
    let _ = writeln!(
        text,
        "- medians of {} runs of 2,000 calls each, subjects in turn, everything on one processor; \
         µs unless stated otherwise; CPU as the scheduler counts it\n- binary {:.2} MB, zip {:.2} MB\n",
        measured.rounds, measured.binary, measured.zip
    );
    text += "| function | start → first poll | first event → response | CPU to the first response | p50 | p99 | calls/s | CPU a call | peak MB | $ a million, 128 MB |\n";
    text += "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n";
    let mut rows = Vec::new();
    for (name, runs) in &measured.subjects {
        let of = |figure: fn(&Run) -> f64| median(&runs.iter().map(figure).collect::<Vec<_>>());
        let cpu = of(|run| run.cpu);
        let (billed, dollars) = cost(cpu, 128.0);
        let row = json!({
            "function": name, "cold": of(|run| run.cold), "first": of(|run| run.first),
            "first_cpu": of(|run| run.first_cpu), "p50": of(|run| run.p50),
            "p99": of(|run| run.p99), "per_second": of(|run| run.per_second), "cpu": cpu,
            "memory": of(|run| run.memory), "billed_ms": billed, "dollars": dollars,
        });
        let _ = writeln!(
            text,
            "| {name} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {cpu:.1} | {:.1} | {dollars:.3} ({billed} ms) |",
            of(|run| run.cold),
            of(|run| run.first),
            of(|run| run.first_cpu),
            of(|run| run.p50),
            of(|run| run.p99),
            of(|run| run.per_second),
            of(|run| run.memory),
        );
        rows.push(row);
    }
    let _ = writeln!(
        text,
        "\nEmpty process: {:.0}. Signature check alone: {}.\n",
        measured.empty_process,
        measured
            .checks
            .iter()
            .map(|(name, time)| format!("{name} {time:.1}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    text += "| figure | value | bound | |\n| --- | --: | --: | --- |\n";
    let bounds = measured.bounds();
    for bound in &bounds {
        let (sign, word) = (
            if bound.is_minimum { "≥" } else { "≤" },
            if bound.holds() { "holds" } else { "missed" },
        );
        let _ = writeln!(
            text,
            "| {} | {:.2} | {sign} {} | {word} |",
            bound.name, bound.value, bound.limit
        );
    }
    let bounds: Vec<Value> = bounds
        .iter()
        .map(|bound| json!({"figure": bound.name, "value": bound.value, "bound": bound.limit, "minimum": bound.is_minimum, "holds": bound.holds()}))
        .collect();
    let whole = json!({
        "machine": machine, "empty_process": measured.empty_process, "checks": measured.checks, "functions": rows,
        "bounds": bounds, "binary": measured.binary, "zip": measured.zip, "instructions": measured.instructions,
    });
    let folder = root().join("target/bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("function.json"), serde_json::to_string_pretty(&whole).unwrap()).unwrap();
    fs::write(folder.join("function.md"), &text).unwrap();
    println!("{text}");
}

/// The machine and the tool versions.
fn machine() -> Value {
    let output_of = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(root()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap();
    let processor =
        processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let lock = root().join("tests/third_party/authorizers/package.json");
    let packages: Value = serde_json::from_str(&fs::read_to_string(lock).unwrap()).unwrap();
    let packages = packages["dependencies"].as_object().unwrap().iter();
    let packages: Vec<String> =
        packages.map(|(name, version)| format!("{name} {}", version.as_str().unwrap())).collect();
    json!({
        "processor": processor.trim_start_matches([' ', '\t', ':']),
        "kernel": output_of("uname", &["-sr"]),
        "rust": output_of("rustc", &["--version"]),
        "node": output_of("node", &["--version"]),
        "compared_with": packages.join(", "),
        "commit": output_of("git", &["describe", "--always", "--dirty"]),
    })
}
