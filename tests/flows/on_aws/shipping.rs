//! From the sources to a function that decides: `cargo lambda` builds and deploys it, a stand-in
//! runs it, and an API of another stand-in's asks it before its stage moves.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use e2e::stand_in::{Asked, StandIn, Wire};
use e2e::{Dev, http, root, tool};
use serde_json::{Value, json};

use super::{Account, Told, command, permitted};
use crate::function::free_port;

/// The account that the stand-in for Lambda has.
const KEY: &str = "000000000000";
const NAME: &str = "petstore-authorizer";

/// Asks boto3 about the function.
fn boto(address: &str, script: &str) -> Value {
    let script = format!(
        "import boto3, json, io, zipfile, urllib.request\nc = boto3.client('lambda', endpoint_url='http://{address}', region_name='eu-west-1', aws_access_key_id='{KEY}', aws_secret_access_key='s')\nprint(json.dumps({script}))"
    );
    let output = Command::new(tool("ministack/bin/python")).args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn alias(address: &str) -> Value {
    boto(address, &format!("c.get_alias(FunctionName='{NAME}', Name='live')['FunctionVersion']"))
}

fn versions(address: &str) -> Value {
    boto(
        address,
        &format!(
            "[v['Description'] for v in c.list_versions_by_function(FunctionName='{NAME}')['Versions'] if v['Version'] != '$LATEST']"
        ),
    )
}

/// `TestInvokeAuthorizer`: asks the function that the alias leads to.
fn asking(functions: String, broken: Arc<AtomicBool>) -> Asked {
    Arc::new(move |authorization| {
        if broken.load(Ordering::SeqCst) {
            return (500, String::new());
        }
        let event = json!({
            "type": "TOKEN",
            "authorizationToken": authorization,
            "methodArn": format!("arn:aws:execute-api:eu-west-1:{KEY}:api1234567/test-invoke-stage/GET/"),
        });
        let url =
            format!("http://{functions}/2015-03-31/functions/{NAME}/invocations?Qualifier=live");
        let keys = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
        let sent =
            http::send("POST", &url, &[("Authorization", keys)], event.to_string().as_bytes());
        let answer = sent.json();
        match &answer["policyDocument"] {
            Value::Null if answer["errorMessage"] == "Unauthorized" => (401, String::new()),
            Value::Null => (500, String::new()),
            policy => (200, policy.to_string()),
        }
    })
}

#[test]
fn sources_become_a_function_that_an_api_asks() {
    let functions = StandIn::ministack(false);
    let at = functions.address.as_str();
    let broken = Arc::new(AtomicBool::new(false));
    let asked = asking(at.to_owned(), Arc::clone(&broken));
    let wire = Wire::before_both(&StandIn::localstack().address, at, 500, asked);
    let account = Account::behind(KEY, wire);
    let port = free_port();
    let dev = Dev::start(&["infra/petstore", "--port", "0", "--issuer-port", &port]);
    account.edit(
        "portcullis.toml",
        "https://tenant.eu.auth0.com/",
        &format!("http://127.0.0.1:{port}"),
    );
    let token = dev.token("pets:read");
    let (source, architecture) = (format!("--build={}", root().display()), std::env::consts::ARCH);
    let architecture = if architecture == "aarch64" { "arm64" } else { architecture };
    let role = format!("arn:aws:iam::{KEY}:role/petstore-authorizer-execution");
    #[expect(clippy::disallowed_methods, reason = "what the test was started with, and one more")]
    let inherited = std::env::var("PATH").unwrap();
    let path = format!("{}:{inherited}", tool("cargo-lambda/bin").display());
    let build = |more: &[&str], token: &str| -> Told {
        account.wire.arm(None);
        let knows = format!("--token-command=printf %s {token}");
        let fixed =
            ["deploy", "--stage", "dev", "--yes", &source, "--architecture", architecture, &knows];
        let mut run =
            command(KEY, &account.wire.url, account.folder.path(), &[&fixed, more].concat());
        // What Cargo sets for the tests it runs, a shell does not.
        for set in ["AWS_LC_SYS_NO_JITTER_ENTROPY", "CFLAGS_x86_64_unknown_linux_musl"] {
            run.env_remove(set);
        }
        run.env("PATH", &path).output().unwrap().into()
    };

    // What is missing is told before anything is built.
    let told = account.run(&["plan", "--stage", "dev"]).exits(0);
    assert!(told.says("is not there; the files say configuration"), "{told:?}");
    let told = build(&[], &token).exits(1);
    assert!(told.says("does not exist, and creating it needs --function-role"), "{told:?}");
    assert!(!told.says("building"), "{told:?}");
    let bare = account.run(&["deploy", "--stage", "dev", "--yes", "--build"]).exits(1);
    assert!(bare.says("does not hold Portcullis's sources"), "{bare:?}");
    let mut none = command(
        KEY,
        &account.wire.url,
        account.folder.path(),
        &["deploy", "--stage", "dev", "--yes", &source],
    );
    let none: Told = none.env("PATH", "/nonexistent").output().unwrap().into();
    assert!(none.exits(1).says("cargo lambda is not installed"));

    // A new function, a new API; no call that the printed policy does not permit.
    let policy = account.run(&["iam", "build", "--function-role", &role]).exits(0).json();
    let told = build(&["--function-role", &role], &token).exits(0);
    let mut needed = permitted::needed(&account, &policy);
    assert!(told.says("alias petstore-authorizer:live → version 1"), "{told:?}");
    let linked = if told.says("rustup target add") { "gnu" } else { "musl" };
    assert!(told.says("dev serves revision 1") && !told.says(&token), "{told:?}");
    assert_eq!(alias(at), "1");
    let packed = boto(
        at,
        &format!(
            "sorted(zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(c.get_function(FunctionName='{NAME}')['Code']['Location']).read())).namelist())"
        ),
    );
    assert_eq!(packed, json!(["authorizer.json", "bootstrap"]));
    let made = boto(
        at,
        &format!(
            "(lambda f: [f['Runtime'], f['MemorySize'], f['Timeout'], f['Role'], f['Architectures']])(c.get_function_configuration(FunctionName='{NAME}'))"
        ),
    );
    assert_eq!(made, json!(["provided.al2023", 256, 10, role, [architecture]]));
    account.is_done("dev");

    // The same again publishes nothing.
    let told = build(&[], &token).exits(0);
    assert!(told.says("petstore-authorizer:live is up to date (version 1)"), "{told:?}");
    assert_eq!(versions(at).as_array().unwrap().len(), 1);

    // Rules change: the plan says so, and a deployment without --build does not hide it.
    account.edit(
        "openapi.yaml",
        "security:\n        - jwt: [pets:write]\n        - jwt: [admin]",
        "security:\n        - jwt: [admin]",
    );
    let told = account.run(&["plan", "--stage", "dev", "--detailed-exitcode"]).exits(2);
    assert!(told.says("is version 1 with configuration"), "{told:?}");
    account.run(&["deploy", "--stage", "dev", "--yes"]).exits(0);
    let told = account.run(&["plan", "--stage", "dev", "--detailed-exitcode"]).exits(2);
    assert!(told.says("is version 1 with configuration"), "{told:?}");

    // A version that does not let the token in has nothing led to it, and one that API Gateway
    // cannot ask is not led to any more.
    let told = build(&[], "not.a.token").exits(1);
    assert!(
        told.says("version 2 of petstore-authorizer rejected the token from --token-command"),
        "{told:?}"
    );
    assert!(!told.says("→ version") && !told.says("not.a.token"), "{told:?}");
    assert_eq!(alias(at), "1");
    broken.store(true, Ordering::SeqCst);
    let told = build(&[], &token).exits(1);
    assert!(told.says("alias petstore-authorizer:live restored to version 1"), "{told:?}");
    assert_eq!(alias(at), "1");
    broken.store(false, Ordering::SeqCst);
    let told = build(&[], &token).exits(0);
    assert!(told.says("→ version"), "{told:?}");
    needed.extend(permitted::needed(&account, &policy));
    for action in ["CreateFunction", "UpdateFunctionCode", "CreateAlias", "UpdateAlias"] {
        assert!(needed.contains(&format!("lambda:{action}")), "{action}: {needed:?}");
    }
    account.is_done("dev");
    account.edit("openapi.yaml", "jwt: [admin]", "jwt: [owners:read]");

    // By hand, as the README says it: the description makes it known again.
    let told = account.run(&["config", "--out", "authorizer.json"]).exits(0);
    let said = told.stderr.split('"').nth(1).unwrap().to_owned();
    let cargo_lambda = || {
        let mut cargo_lambda = Command::new(tool("cargo-lambda/bin/cargo-lambda"));
        cargo_lambda.env("PATH", &path);
        cargo_lambda
    };
    let mut made = cargo_lambda();
    made.args(["lambda", "build", "--quiet", "--profile", "lambda", "--package", "authorizer"]);
    made.arg("--target").arg(format!("{}-unknown-linux-{linked}", std::env::consts::ARCH));
    assert!(made.current_dir(root()).status().unwrap().success());
    // It is the same program as `--build` makes, whatever folder that was run in.
    let binary = root().join("target/lambda/bootstrap/bootstrap");
    let sum = Command::new("sha256sum").arg(binary).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let described = versions(at)[0].as_str().unwrap().to_owned();
    assert!(described.ends_with(&format!("binary={}", &sum[..16])), "{described}: {sum}");
    let mut by_hand = cargo_lambda();
    by_hand.args([
        "lambda",
        "deploy",
        "--include",
        "authorizer.json",
        "--binary-name",
        "bootstrap",
    ]);
    by_hand.args(["--alias", "live", "--description", &said, "--manifest-path"]);
    by_hand.arg(root().join("Cargo.toml")).arg(NAME).current_dir(account.folder.path());
    by_hand.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", "s");
    by_hand.env("AWS_REGION", "eu-west-1").args(["--endpoint-url", &format!("http://{at}")]);
    let ended = by_hand.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    account
        .run(&["deploy", "--stage", "dev", "--yes", &format!("--token-command=printf %s {token}")])
        .exits(0);
    account.is_done("dev");
}
