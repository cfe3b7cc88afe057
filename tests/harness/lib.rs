//! Starts the programs under test and third-party ones, and uses them as their users do. A
//! program ends when the value that represents it is dropped.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failing test panics"
)]

pub mod backend;
pub mod data_plane;
pub mod emulator;
pub mod http;
pub mod port;
pub mod process;
pub mod strict;
pub mod wait;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use process::Process;
use wait::Wait;

/// The root folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A program that `tests/run` installs.
pub fn tool(path: &str) -> PathBuf {
    let tool = root().join("target/tools").join(path);
    assert!(tool.exists(), "{} is missing: run tests/run, which installs it", tool.display());
    tool
}

/// A binary of this workspace, built from the current sources.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        // The same package selection as in `tests/run`, so that the features of the dependencies
        // are the same: otherwise the large ones are built again.
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "--workspace", "--bins", "--tests"]);
        Process::build(build.current_dir(root()));
    });
    root().join("target/debug").join(name)
}

/// A copy of the petstore's files with one text replaced.
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

/// A running `deployer dev`.
pub struct Dev {
    /// Its `ready` event.
    pub ready: Value,
    process: Process,
}

impl Dev {
    /// Starts it in the project's folder and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(binary("deployer"));
        command.args(["dev", "--output", "json"]).args(arguments).current_dir(root());
        Self::from_process(Process::start(&mut command))
    }

    /// Waits until a `deployer dev --output json` process is ready.
    pub fn from_process(process: Process) -> Self {
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

    /// A token of the local issuer.
    pub fn token(&self, scope: &str) -> String {
        let body = format!("grant_type=client_credentials&scope={}", scope.replace(' ', "+"));
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let response =
            http::send("POST", &format!("{}/token", self.issuer()), &[form], body.as_bytes());
        assert_eq!(response.status, 200, "{response:?}");
        response.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Sends a request to a path of the stage; returns the response and the gateway's trace.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
    ) -> (http::Response, Value) {
        let headers: Vec<(&str, &str)> =
            authorization.map(|value| ("Authorization", value)).into_iter().collect();
        let response = http::send(method, &format!("{}{path}", self.url()), &headers, b"");
        let trace = self.trace(&response);
        (response, trace)
    }

    /// The gateway's trace of a request, from its log.
    pub fn trace(&self, response: &http::Response) -> Value {
        let id = response
            .header("x-amzn-requestid")
            .unwrap_or_else(|| panic!("no request id: {response:?}"))
            .to_owned();
        self.process.json_line(Wait::Reply, |line| line["request_id"] == id.as_str())
    }

    /// Waits for an event of its log.
    pub fn wait_for_event(&self, matches: impl Fn(&Value) -> bool) -> Value {
        self.process.json_line(Wait::Reply, matches)
    }

    /// Waits for the nth matching event, counted from 1.
    pub fn wait_for_nth_event(&self, matches: impl Fn(&Value) -> bool, nth: usize) -> Value {
        self.process.nth_json_line(Wait::Reply, matches, nth)
    }

    /// Waits for a JSON line that a function wrote.
    pub fn function_line(&self, matches: impl Fn(&Value) -> bool) -> Value {
        let found = || {
            let stderr = self.process.stderr();
            let lines = stderr.lines().filter_map(|line| line.strip_prefix("  | "));
            let mut json = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            json.find(&matches)
        };
        Wait::Reply.until("matching line of a function", || self.process.output(), found)
    }

    /// Waits until stderr contains a text.
    pub fn wait_for_stderr(&self, text: &str) {
        let found = || self.process.stderr().contains(text).then_some(());
        Wait::Reply.until(&format!("`{text}` on stderr"), || self.process.output(), found);
    }

    /// Sends a signal by name, and returns the exit code.
    pub fn stop(self, signal: &str) -> Option<i32> {
        self.process.stop(signal)
    }
}
