//! Starts the programs under test and the third-party ones beside them, and talks to them
//! as their users do. Whatever is started ends with the value that stands for it.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

pub mod backend;
pub mod http;
pub mod process;
pub mod stand_in;
pub mod wait;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use process::Process;
use wait::Wait;

/// The folder of the whole project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A program that `tests/run` installs.
pub fn tool(path: &str) -> PathBuf {
    let tool = root().join("target/tools").join(path);
    assert!(tool.exists(), "{} is missing: run tests/run, which installs it", tool.display());
    tool
}

/// A binary of ours, as the sources are now.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        // The same selection as in `tests/run`, so that dependencies have the features they were
        // just built with: otherwise the large ones are built once more.
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "--workspace", "--bins", "--tests"]);
        Process::build(build.current_dir(root()));
    });
    root().join("target/debug").join(name)
}

/// The petstore's files with one text replaced.
pub fn petstore_with(file: &str, from: &str, to: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["openapi.yaml", "portcullis.toml"] {
        let text = fs::read_to_string(root().join("infra/petstore").join(name)).unwrap();
        assert!(name != file || text.contains(from), "{name} has no {from}");
        let text = if name == file { text.replacen(from, to, 1) } else { text };
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// `deployer dev`, running.
pub struct Dev {
    /// What it said when it was ready.
    pub ready: Value,
    process: Process,
}

impl Dev {
    /// Starts it in the project's folder and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(binary("deployer"));
        command.args(["dev", "--output", "json"]).args(arguments).current_dir(root());
        Self::of(Process::start(&mut command))
    }

    /// Waits until a process that is `deployer dev --output json` is ready.
    pub fn of(process: Process) -> Self {
        let ready = process.json_line(Wait::Start, |line| line["event"] == "ready");
        Self { ready, process }
    }

    /// The base URL, stage included.
    pub fn url(&self) -> &str {
        self.ready["url"].as_str().unwrap()
    }

    /// The local issuer's URL.
    pub fn issuer(&self) -> &str {
        self.ready["issuer"].as_str().expect("a local issuer")
    }

    /// A token of the local issuer's.
    pub fn token(&self, scope: &str) -> String {
        let body = format!("grant_type=client_credentials&scope={}", scope.replace(' ', "+"));
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let answer =
            http::send("POST", &format!("{}/token", self.issuer()), &[form], body.as_bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Sends a request below the stage, and returns the answer with what the gateway told.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
    ) -> (http::Answer, Value) {
        let headers: Vec<(&str, &str)> =
            authorization.map(|value| ("Authorization", value)).into_iter().collect();
        let answer = http::send(method, &format!("{}{path}", self.url()), &headers, b"");
        let told = self.told(&answer);
        (answer, told)
    }

    /// What the gateway told about a request.
    pub fn told(&self, answer: &http::Answer) -> Value {
        let id = answer
            .header("x-amzn-requestid")
            .unwrap_or_else(|| panic!("no request id: {answer:?}"))
            .to_owned();
        self.process.json_line(Wait::Reply, |line| line["request_id"] == id.as_str())
    }

    /// Waits for something it says.
    pub fn said(&self, fits: impl Fn(&Value) -> bool) -> Value {
        self.process.json_line(Wait::Reply, fits)
    }

    /// Waits for something it says for the nth time, counted from 1.
    pub fn said_again(&self, fits: impl Fn(&Value) -> bool, nth: usize) -> Value {
        self.process.nth_json_line(Wait::Reply, fits, nth)
    }

    /// Waits until stderr contains a text.
    pub fn wrote_to_stderr(&self, text: &str) {
        let found = || self.process.stderr().contains(text).then_some(());
        Wait::Reply.until(&format!("`{text}` on stderr"), || self.process.output(), found);
    }

    /// Sends a signal by name, and returns the exit code.
    pub fn end(self, signal: &str) -> Option<i32> {
        self.process.end(signal)
    }
}
