//! The authorizer as a Lambda function: `bootstrap` under `cargo lambda watch`.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::port::free_port;
use e2e::process::Process;
use e2e::wait::Wait;
use e2e::{Dev, binary, http, root, tool};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:local/dev/GET/pets";

/// A `cargo lambda` command in the authorizer's folder.
fn cargo_lambda(command: &str) -> Command {
    let mut cargo_lambda = Command::new(tool("cargo-lambda/bin/cargo-lambda"));
    cargo_lambda.args(["lambda", command]).current_dir(root().join("authorizer"));
    cargo_lambda
}

/// Starts the function. `cargo lambda watch` compiles it at the first invocation, which may take
/// longer than API Gateway's timeout, so it is compiled beforehand with the same options.
pub(crate) fn watch(config: &Path, port: &str) -> Process {
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--bin", "bootstrap"]).current_dir(root().join("authorizer"));
    Process::build(&mut build);
    let mut watch = cargo_lambda("watch");
    watch.args(["--invoke-address", "127.0.0.1", "--invoke-port", port, "--ignore-changes"]);
    let process =
        Process::start(watch.env("AUTHORIZER_CONFIG", config).env("AWS_LAMBDA_LOG_LEVEL", "TRACE"));
    let listens = || std::net::TcpStream::connect(format!("127.0.0.1:{port}")).ok();
    Wait::Start.until("connection to cargo lambda watch", || process.output(), listens);
    process
}

#[test]
fn the_function_serves_the_gateway_and_direct_invocations() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("authorizer.json");
    let (issuer_port, function_port) = (free_port().to_string(), free_port().to_string());
    let issuer = format!("http://127.0.0.1:{issuer_port}");
    let written = Command::new(binary("deployer"))
        .args([
            "config",
            "infra/petstore",
            "--local-issuer",
            &issuer,
            "--out",
            config.to_str().unwrap(),
        ])
        .current_dir(root())
        .status();
    assert!(written.unwrap().success());
    let function = watch(&config, &function_port);
    let endpoint =
        format!("http://127.0.0.1:{function_port}/2015-03-31/functions/bootstrap/invocations");
    let dev = Dev::start(&[
        "infra/petstore",
        "--port",
        "0",
        "--issuer-port",
        &issuer_port,
        "--authorizer-url",
        &endpoint,
    ]);

    // Through the gateway: the example commands that `dev` prints.
    for example in dev.ready["examples"].as_array().unwrap() {
        let line = example["curl"].as_str().unwrap();
        let output = Command::new("sh").args(["-c", line]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.starts_with(&format!("HTTP/1.1 {}", example["status"])), "{line}: {text}");
    }
    let garbage = dev.request("GET", "/pets", Some("Bearer gar.ba.ge"));
    assert_eq!(garbage.0.status, 401, "{}", garbage.1);
    assert_eq!(garbage.1["authorizer_invoked"], true);

    // By plain HTTP.
    let event = |authorization: &str| json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": authorization});
    let invoke = |event: &str| http::send("POST", &endpoint, &[], event.as_bytes());
    let token = format!("Bearer {}", dev.token("pets:read"));
    let response = invoke(&event(&token).to_string());
    assert_eq!(response.status, 200, "{response:?}");
    assert_allows_pets(&response.json());
    let refused = invoke(&event("Bearer x").to_string()).json();
    assert_eq!(refused, json!({"errorType": "Unauthorized", "errorMessage": "Unauthorized"}));
    let fault = invoke(r#"{"type":"TOKEN"}"#).json();
    assert_eq!(fault, json!({"errorType": "AuthorizerFault", "errorMessage": "malformed_event"}));
    // The description, which is not logged as a decision.
    let described = invoke(r#"{"portcullis": "describe"}"#).json();
    let routes = &described["portcullis"]["tables"][0]["routes"];
    assert_eq!(routes["GET /pets/{petId}"], json!([["pets:read"]]), "{described}");
    assert!(!described.to_string().contains(&issuer), "{described}");
    for invalid in ["not JSON", "", "[", "\"\u{0}\""] {
        let response = invoke(invalid);
        assert!(response.status >= 400, "{invalid}: {response:?}");
    }
    // The function still runs.
    assert_eq!(invoke(&event(&token).to_string()).status, 200);

    // By `cargo lambda invoke`.
    let file = folder.path().join("event.json");
    fs::write(&file, event(&token).to_string()).unwrap();
    let invoked = cargo_lambda("invoke")
        .args([
            "bootstrap",
            "--invoke-address",
            "127.0.0.1",
            "--invoke-port",
            &function_port,
            "--data-file",
        ])
        .arg(&file)
        .output()
        .unwrap();
    assert!(invoked.status.success(), "{}", String::from_utf8_lossy(&invoked.stderr));
    assert_allows_pets(&serde_json::from_slice(&invoked.stdout).unwrap());

    // One log line for each decision, without any part of a token.
    function.json_line(Wait::Reply, |line| {
        line["reason"] == "invalid_token" && line["decision"] == "unauthorized"
    });
    let allowed = function
        .json_line(Wait::Reply, |line| line["decision"] == "allow" && line["route"] == "GET /pets");
    assert_eq!(allowed["issuer"], issuer);
    let log = format!("{allowed}{}", function.stderr());
    for piece in token.as_bytes()[7..].windows(12) {
        assert!(!log.contains(std::str::from_utf8(piece).unwrap()), "{log}");
    }
    assert!(!log.contains("panicked"), "{log}");
}

fn assert_allows_pets(response: &Value) {
    assert_eq!(response["principalId"], "local-client");
    assert_eq!(response["context"]["scope"], "pets:read");
    let statement = &response["policyDocument"]["Statement"][0];
    assert_eq!(statement["Effect"], "Allow");
    assert!(statement["Resource"].as_array().unwrap().contains(&json!(ARN)), "{response}");
}
