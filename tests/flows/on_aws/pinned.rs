//! Pinned functions: rules, routes and function move together. One emulator has the API, another one
//! runs every version of the function; the proxy decides requests by what a stage's deployment holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use e2e::data_plane::{Decision, Served};
use e2e::emulator::{Emulator, FaultProxy};
use e2e::port::free_port;
use e2e::process::Process;
use e2e::{Dev, binary, root, tool};
use serde_json::Value;

use super::{Account, CommandOutput, REGION, python};

mod faults;
mod interrupted;
mod moves;
mod revoking;
mod settings;
mod shared;
mod similar;
mod transition;

const API: &str = "shop";
const FUNCTION: &str = "shop-authorizer";

/// The emulator that runs the functions of all accounts.
pub(super) fn functions() -> &'static str {
    static RUNNING: OnceLock<Emulator> = OnceLock::new();
    &RUNNING.get_or_init(|| Emulator::ministack(false)).address
}

/// Returns a zip file with a small binary that starts the authorizer's: a package of it takes a debug
/// build of the deployer much less time, and the authorizer reads its configuration from the package.
pub(super) fn launcher_zip() -> &'static str {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let path = MADE.get_or_init(|| {
        let folder = root().join(format!("target/tmp/launcher-zip-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (source, launcher) = (folder.join("launcher.c"), folder.join("bootstrap"));
        let program = binary("bootstrap");
        let text = format!(
            "#include <unistd.h>\nint main(int count, char **words) {{ return execv({:?}, words); }}\n",
            program.display().to_string()
        );
        fs::write(&source, text).unwrap();
        Process::build(Command::new("cc").arg("-o").arg(&launcher).arg(&source));
        let path = folder.join("authorizer.zip");
        python(&format!(
            "import zipfile\nwith zipfile.ZipFile('{}', 'w') as z:\n  z.write('{}', 'bootstrap')",
            path.display(),
            launcher.display()
        ));
        path
    });
    path.to_str().unwrap()
}

/// An account with a small API, whose function is pinned.
pub(super) struct Shop {
    pub(super) account: Account,
    token_command: Option<String>,
}

impl Shop {
    /// An account whose function trusts an issuer.
    fn new(key: &str, issuer: &Issuer) -> Self {
        let token_command = Some(format!("--token-command=printf %s {}", issuer.token("read")));
        Self { token_command, ..Self::with_issuer(key, &issuer.url) }
    }

    /// An account whose function trusts an issuer that does not run.
    pub(super) fn without_issuer(key: &str) -> Self {
        Self::with_issuer(key, "http://127.0.0.1:9")
    }

    fn with_issuer(key: &str, issuer: &str) -> Self {
        let proxy = FaultProxy::that_invokes(&Emulator::localstack().address, functions());
        let account = Account::with_proxy(key, proxy);
        account.write(
            "openapi.yaml",
            "openapi: 3.0.3
info: { title: shop, version: '1' }
security: [{ jwt: [read] }]
paths:
  /items:
    get: { operationId: list }
    post: { operationId: add, security: [{ jwt: [write] }] }
  /items/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { operationId: item }
components:
  securitySchemes:
    jwt: { type: http, scheme: bearer }
",
        );
        let function = table("");
        account.write(
            "portcullis.toml",
            &format!(
                "[api]
name = \"{API}\"
openapi = \"openapi.yaml\"
endpoint = \"regional\"

[authorizer.jwt]
{function}
cache_ttl = \"5m\"

[[authorizer.jwt.issuer]]
issuer = \"{issuer}\"
audience = [\"https://petstore.example.com\"]
algorithms = [\"RS256\"]

[integration]
http = \"https://shop.example.com\"

[stage.dev]

[stage.prod]
"
            ),
        );
        Self { account, token_command: None }
    }

    /// The arguments of a deployment with the function's zip file.
    fn deployment(&self, stage: &str, more: &[&str]) -> Vec<String> {
        let fixed = ["deploy", "--stage", stage, "--yes", "--allow-dangerous", "--function-zip"];
        let fixed =
            fixed.iter().copied().chain([launcher_zip()]).chain(self.token_command.as_deref());
        fixed.chain(more.iter().copied()).map(str::to_owned).collect()
    }

    #[track_caller]
    pub(super) fn deploy(&self, stage: &str, more: &[&str]) -> CommandOutput {
        let arguments = self.deployment(stage, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.account.run(&arguments).expect_exit(0)
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.account.run(arguments).expect_exit(0)
    }

    /// Replaces the scope of `POST /items`.
    #[track_caller]
    fn change_scope(&self, from: &str, to: &str) {
        let scope = |name: &str| format!("jwt: [{name}]");
        self.account.edit("openapi.yaml", &scope(from), &scope(to));
    }

    fn served(&self, stage: &str) -> Served {
        self.account.proxy.data_plane.stage(&self.account.key, REGION, API, stage)
    }

    fn decide(&self, at: &Served, verb: &str, path: &str, token: &str) -> Decision {
        self.account.proxy.data_plane.decide(at, verb, path, Some(token))
    }

    /// Returns the mutating API Gateway calls of the last command.
    fn writes(&self) -> Vec<String> {
        self.account.proxy.api_gateway_calls().1
    }

    /// Returns the published versions of the function, as boto3 reads them.
    fn versions(&self) -> Vec<Value> {
        let found = read_functions(REGION, &[&self.account.key]);
        let versions = &found[&self.account.key][FUNCTION]["versions"];
        versions.as_array().cloned().unwrap_or_default()
    }
}

/// The manifest's setting of the pinned function, with more settings.
fn table(more: &str) -> String {
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    format!("function = {{ name = \"{FUNCTION}\", architecture = \"{arch}\"{more} }}")
}

/// A running issuer.
pub(super) struct Issuer {
    pub(super) url: String,
    dev: Dev,
}

impl Issuer {
    pub(super) fn start() -> Self {
        let port = free_port().to_string();
        let dev = Dev::start(&["infra/petstore", "--port", "0", "--issuer-port", &port]);
        Self { url: format!("http://127.0.0.1:{port}"), dev }
    }

    pub(super) fn token(&self, scope: &str) -> String {
        self.dev.token(scope)
    }
}

/// Returns the functions of accounts, with versions and aliases, as boto3 reads them.
pub(super) fn read_functions(region: &str, keys: &[&str]) -> Value {
    let mut python = Command::new(tool("localstack/bin/python"));
    python.arg(root().join("tests/flows/read_functions.py"));
    python.args([&format!("http://{}", functions()), region]).args(keys);
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a boto3 script with API Gateway's client behind the proxy, as a person in the console would.
fn by_hand(shop: &Shop, script: &str) -> String {
    let Account { key, proxy, .. } = &shop.account;
    python(&format!(
        "import boto3\nclient = boto3.client('apigateway', endpoint_url='{}', aws_access_key_id='{key}', aws_secret_access_key='x', region_name='{REGION}')\napi = client.get_rest_apis()['items'][0]['id']\n{script}",
        proxy.url
    ))
}

/// The decisions about the requests of a caller: `GET /items` and `POST /items`.
fn decisions(shop: &Shop, at: &Served, tokens: &BTreeMap<&str, String>) -> Vec<(String, Decision)> {
    let requests = [("GET", "/items"), ("GET", "/items/1"), ("POST", "/items")];
    let decide = |(scope, token): (&&str, &String)| {
        requests.map(|(verb, path)| {
            (format!("{scope}: {verb} {path}"), shop.decide(at, verb, path, token))
        })
    };
    tokens.iter().flat_map(decide).collect()
}
