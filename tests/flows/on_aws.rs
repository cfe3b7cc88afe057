//! The deployer against third-party AWS emulators; boto3 reads the result.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use e2e::emulator::{Emulator, FaultProxy, TestInvokeAuthorizer, describe_functions, is_emulator};
use e2e::{binary, http, root, tool};
use serde_json::{Value, json};
use tempfile::TempDir;

mod access;
mod authorizer_test;
mod automation;
mod bad_input;
mod canary;
mod command_output;
mod endpoints;
mod everything;
mod faults;
mod inspection;
mod interrupts;
mod invoke_roles;
mod lifecycle;
mod packaged;
mod permissions;
mod pinned;
mod preconditions;
mod publishing;
mod real_authorizer;
mod safety;
mod shipping;
mod size;

/// The token that the test's authorizer accepts.
const TOKEN: &str = "aaa.bbb.ccc";
const REGION: &str = "eu-west-1";

/// An account of the emulator, and the project to deploy there.
struct Account {
    key: String,
    proxy: FaultProxy,
    folder: TempDir,
}

/// The exit code and output of a command.
struct CommandOutput {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl CommandOutput {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    fn expect_exit(self, exit: i32) -> Self {
        assert_eq!(self.exit, exit, "{self:?}");
        self
    }

    /// Returns whether stdout or stderr contains a text.
    fn contains(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }
}

impl std::fmt::Debug for CommandOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { exit, stdout, stderr } = self;
        write!(f, "exit {exit}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

impl From<Output> for CommandOutput {
    fn from(output: Output) -> Self {
        Self {
            exit: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Returns a `deployer` command with this access key. The endpoint is that of a proxy, so that AWS's
/// rules apply to every call.
#[track_caller]
fn command(key: &str, endpoint: &str, folder: &Path, arguments: &[&str]) -> Command {
    let has_emulator = is_emulator(endpoint) || arguments.iter().any(|text| is_emulator(text));
    assert!(!has_emulator, "no proxy in front of the emulator: {endpoint} {arguments:?}");
    let mut command = Command::new(binary("deployer"));
    command
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", REGION)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_ENDPOINT_URL", endpoint);
    command
}

impl Account {
    /// An account with the petstore's project, whose invoke role the deployer manages.
    fn new(key: &str) -> Self {
        Self::with_authorizer(key, 500, FaultProxy::accepting(TOKEN))
    }

    fn with_authorizer(key: &str, page: usize, authorizer: TestInvokeAuthorizer) -> Self {
        Self::with_proxy(
            key,
            FaultProxy::in_front_of(&Emulator::localstack().address, page, authorizer),
        )
    }

    fn with_proxy(key: &str, proxy: FaultProxy) -> Self {
        // Tests run concurrently on one emulator: an account belongs to one test. A thread that a
        // test starts has no name.
        static OWNERS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
        if let Some(test) = std::thread::current().name() {
            let mut owners = OWNERS.lock().unwrap();
            let owner = owners.entry(key.to_owned()).or_insert_with(|| test.to_owned());
            assert_eq!(owner, test, "two tests use the account {key}");
        }
        let account = Self { key: key.to_owned(), proxy, folder: tempfile::tempdir().unwrap() };
        describe_functions(key, account.folder.path());
        for name in ["openapi.yaml", "portcullis.toml"] {
            fs::copy(root().join("infra/petstore").join(name), account.path(name)).unwrap();
        }
        let role = "invoke_role_arn = \"arn:aws:iam::123456789012:role/petstore-invoke\"\n";
        account.edit("portcullis.toml", role, "");
        account.edit("portcullis.toml", "123456789012", key);
        account
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces the first occurrence of a text in a file.
    #[track_caller]
    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.proxy.inject(None);
        self.run_with_faults(arguments)
    }

    /// Runs a command with the faults that were injected before.
    fn run_with_faults(&self, arguments: &[&str]) -> CommandOutput {
        let mut command = command(&self.key, &self.proxy.url, self.folder.path(), arguments);
        command.output().unwrap().into()
    }

    #[track_caller]
    fn deploy(&self, stage: &str) -> CommandOutput {
        self.run(&["deploy", "--stage", stage, "--yes", "--output", "json"]).expect_exit(0)
    }

    #[track_caller]
    fn plan(&self, stage: &str) -> Value {
        self.run(&["plan", "--stage", stage, "--output", "json"]).expect_exit(0).json()
    }

    /// Plans, and expects an empty plan.
    #[track_caller]
    fn expect_no_changes(&self, stage: &str) {
        let output = self.run(&["plan", "--stage", stage, "--detailed-exitcode"]).expect_exit(0);
        assert!(output.contains("no changes"), "{output:?}");
    }

    fn read_back(&self) -> Value {
        read_back(&[&self.key])[&self.key].clone()
    }

    /// Returns a function that sets these members of every authorizer of an API, without the proxy.
    fn set_authorizers(&self, members: &[(&str, &str)]) -> impl Fn(&str) + Send + Sync + 'static {
        let replaced = |(name, value): &(&str, &str)| json!({"op": "replace", "path": format!("/{name}"), "value": value});
        let patches: Vec<Value> = members.iter().map(replaced).collect();
        let body = json!({"patchOperations": patches}).to_string();
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{REGION}/apigateway/aws4_request, SignedHeaders=host, Signature=0",
            self.key
        );
        move |api: &str| {
            let emulator = &Emulator::localstack().address;
            let base = format!("http://{emulator}/restapis/{api}/authorizers");
            let headers =
                [("Authorization", credential.as_str()), ("Content-Type", "application/json")];
            let found = http::send("GET", &base, &headers, b"").json();
            for authorizer in found["item"].as_array().into_iter().flatten() {
                let url = format!("{base}/{}", authorizer["id"].as_str().unwrap());
                let response = http::send("PATCH", &url, &headers, body.as_bytes());
                assert_eq!(response.status, 200, "{response:?}");
            }
        }
    }

    /// Returns the account's only API, as boto3 reads it.
    #[track_caller]
    fn api(&self) -> Value {
        let found = self.read_back();
        assert_eq!(found["apis"].as_array().unwrap().len(), 1, "{found}");
        found["apis"][0].clone()
    }

    /// Runs a boto3 script: `client` is API Gateway's client and `api` the ID of the first API.
    fn boto3(&self, script: &str) -> String {
        let key = &self.key;
        let endpoint = &Emulator::localstack().address;
        python(&format!(
            "import boto3, json\ns = boto3.Session(aws_access_key_id='{key}', aws_secret_access_key='x', region_name='{REGION}')\nclient = s.client('apigateway', endpoint_url='http://{endpoint}')\niam = s.client('iam', endpoint_url='http://{endpoint}')\nawslambda = s.client('lambda', endpoint_url='http://{endpoint}')\napis = client.get_rest_apis()['items']\napi = apis[0]['id'] if apis else None\n{script}"
        ))
    }
}

fn python(script: &str) -> String {
    let mut python = Command::new(tool("localstack/bin/python"));
    let output = python.args(["-c", script]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns the state of accounts, as boto3 reads it.
fn read_back(accounts: &[&str]) -> Value {
    read_back_in(REGION, accounts)
}

fn read_back_in(region: &str, accounts: &[&str]) -> Value {
    let mut python = Command::new(tool("localstack/bin/python"));
    python.arg(root().join("tests/flows/read_back.py"));
    python.args([&format!("http://{}", Emulator::localstack().address), region]).args(accounts);
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns a plan's changes of one subject.
fn changes_of<'a>(plan: &'a Value, subject: &str) -> Vec<&'a Value> {
    let all = plan["changes"].as_array().unwrap();
    all.iter().filter(|change| change["subject"].as_str() == Some(subject)).collect()
}
