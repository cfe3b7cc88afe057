//! From the sources to a function: `cargo lambda` builds it, an emulator runs it, and an API of
//! another emulator test-invokes it before a stage is updated.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use e2e::emulator::{Emulator, FaultProxy, TestInvokeAuthorizer};
use e2e::port::free_port;
use e2e::{Dev, http, root, tool};
use serde_json::{Value, json};

use super::{Account, CommandOutput, command, permissions};

/// The account of the Lambda emulator.
const KEY: &str = "000000000000";
const NAME: &str = "petstore-authorizer";

/// Evaluates a boto3 expression about the function.
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

/// `TestInvokeAuthorizer`: invokes the function's alias.
fn test_invoke(functions: String, broken: Arc<AtomicBool>) -> TestInvokeAuthorizer {
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
        let response = sent.json();
        match &response["policyDocument"] {
            Value::Null if response["errorMessage"] == "Unauthorized" => (401, String::new()),
            Value::Null => (500, String::new()),
            policy => (200, policy.to_string()),
        }
    })
}

#[test]
fn sources_are_built_and_published_as_an_authorizer_function() {
    let functions = Emulator::ministack(false);
    let address = functions.address.as_str();
    let broken = Arc::new(AtomicBool::new(false));
    let authorizer = test_invoke(address.to_owned(), Arc::clone(&broken));
    let proxy =
        FaultProxy::in_front_of_both(&Emulator::localstack().address, address, 500, authorizer);
    let account = Account::with_proxy(KEY, proxy);
    let port = free_port().to_string();
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
    #[expect(clippy::disallowed_methods, reason = "extends the PATH of the test")]
    let inherited = std::env::var("PATH").unwrap();
    let path = format!("{}:{inherited}", tool("cargo-lambda/bin").display());
    let build = |more: &[&str], token: &str| -> CommandOutput {
        account.proxy.inject(None);
        let token_command = format!("--token-command=printf %s {token}");
        let fixed = [
            "deploy",
            "--stage",
            "dev",
            "--yes",
            &source,
            "--architecture",
            architecture,
            &token_command,
        ];
        let mut run =
            command(KEY, &account.proxy.url, account.folder.path(), &[&fixed, more].concat());
        // Cargo sets these for its tests; a shell does not.
        for set in ["AWS_LC_SYS_NO_JITTER_ENTROPY", "CFLAGS_x86_64_unknown_linux_musl"] {
            run.env_remove(set);
        }
        run.env("PATH", &path).output().unwrap().into()
    };

    // Missing settings are reported before the build.
    let output = account.run(&["plan", "--stage", "dev"]).expect_exit(0);
    assert!(output.contains("does not exist; desired configuration: "), "{output:?}");
    let output = build(&[], &token).expect_exit(1);
    assert!(
        output.contains("does not exist, and creating it requires `--function-role`"),
        "{output:?}"
    );
    assert!(!output.contains("building"), "{output:?}");
    let bare = account.run(&["deploy", "--stage", "dev", "--yes", "--build"]).expect_exit(1);
    assert!(bare.contains("does not contain the Portcullis sources"), "{bare:?}");
    let mut deploy = command(
        KEY,
        &account.proxy.url,
        account.folder.path(),
        &["deploy", "--stage", "dev", "--yes", &source],
    );
    let output: CommandOutput = deploy.env("PATH", "/nonexistent").output().unwrap().into();
    assert!(output.expect_exit(1).contains("`cargo lambda` is not installed"));

    // A new function and a new API; every call is allowed by the printed policy.
    let policy = account.run(&["iam", "build", "--function-role", &role]).expect_exit(0).json();
    let output = build(&["--function-role", &role], &token).expect_exit(0);
    let mut actions = permissions::used_actions(&account, &policy);
    assert!(output.contains("alias petstore-authorizer:live → version 1"), "{output:?}");
    let linked = if output.contains("rustup target add") { "gnu" } else { "musl" };
    assert!(output.contains("dev serves revision 1") && !output.contains(&token), "{output:?}");
    assert_eq!(alias(address), "1");
    let packed = boto(
        address,
        &format!(
            "sorted(zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(c.get_function(FunctionName='{NAME}')['Code']['Location']).read())).namelist())"
        ),
    );
    assert_eq!(packed, json!(["authorizer.json", "bootstrap"]));
    let settings = boto(
        address,
        &format!(
            "(lambda f: [f['Runtime'], f['MemorySize'], f['Timeout'], f['Role'], f['Architectures']])(c.get_function_configuration(FunctionName='{NAME}'))"
        ),
    );
    assert_eq!(settings, json!(["provided.al2023", 256, 10, role, [architecture]]));
    account.expect_no_changes("dev");

    // The same sources again publish no version.
    let output = build(&[], &token).expect_exit(0);
    assert!(output.contains("petstore-authorizer:live is up to date (version 1)"), "{output:?}");
    assert_eq!(versions(address).as_array().unwrap().len(), 1);

    // The rules change: the plan reports it, and the API is not deployed in front of the old ones.
    account.edit(
        "openapi.yaml",
        "security:\n        - jwt: [pets:write]\n        - jwt: [admin]",
        "security:\n        - jwt: [admin]",
    );
    let output = account.run(&["plan", "--stage", "dev", "--detailed-exitcode"]).expect_exit(2);
    assert!(output.contains("version 1 has configuration"), "{output:?}");
    let output = account.run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(1);
    assert!(output.contains("does not decide every route as configured"), "{output:?}");

    // The alias is not updated to a version that rejects the token, and it is restored if API
    // Gateway cannot invoke the new version.
    let output = build(&[], "not.a.token").expect_exit(1);
    actions.extend(permissions::used_actions(&account, &policy));
    assert!(
        output
            .contains("version 2 of petstore-authorizer rejected the token from `--token-command`"),
        "{output:?}"
    );
    assert!(!output.contains("→ version") && !output.contains("not.a.token"), "{output:?}");
    assert_eq!(alias(address), "1");
    broken.store(true, Ordering::SeqCst);
    let output = build(&[], &token).expect_exit(1);
    assert!(output.contains("alias petstore-authorizer:live restored to version 1"), "{output:?}");
    assert_eq!(alias(address), "1");
    broken.store(false, Ordering::SeqCst);
    let output = build(&[], &token).expect_exit(0);
    assert!(output.contains("→ version"), "{output:?}");
    actions.extend(permissions::used_actions(&account, &policy));
    for action in ["CreateFunction", "UpdateFunctionCode", "CreateAlias", "UpdateAlias"] {
        assert!(actions.contains(&format!("lambda:{action}")), "{action}: {actions:?}");
    }
    account.expect_no_changes("dev");
    account.edit("openapi.yaml", "jwt: [admin]", "jwt: [owners:read]");

    // Manually, as in the README: the version description identifies the configuration.
    let output = account.run(&["config", "--out", "authorizer.json"]).expect_exit(0);
    let description = output.stderr.split('"').nth(1).unwrap().to_owned();
    let cargo_lambda = || {
        let mut cargo_lambda = Command::new(tool("cargo-lambda/bin/cargo-lambda"));
        cargo_lambda.env("PATH", &path);
        cargo_lambda
    };
    let mut build = cargo_lambda();
    build.args(["lambda", "build", "--quiet", "--profile", "lambda", "--package", "authorizer"]);
    build.arg("--target").arg(format!("{}-unknown-linux-{linked}", std::env::consts::ARCH));
    assert!(build.current_dir(root()).status().unwrap().success());
    // The binary is identical to the one of `--build`, independent of the folder.
    let binary = root().join("target/lambda/bootstrap/bootstrap");
    let sum = Command::new("sha256sum").arg(binary).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let described = versions(address)[0].as_str().unwrap().to_owned();
    assert!(described.ends_with(&format!("binary={}", &sum[..16])), "{described}: {sum}");
    let mut deploy = cargo_lambda();
    deploy.args(["lambda", "deploy", "--include", "authorizer.json", "--binary-name", "bootstrap"]);
    deploy.args(["--alias", "live", "--description", &description, "--manifest-path"]);
    deploy.arg(root().join("Cargo.toml")).arg(NAME).current_dir(account.folder.path());
    deploy.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", "s");
    deploy.env("AWS_REGION", "eu-west-1").args(["--endpoint-url", &format!("http://{address}")]);
    let output = deploy.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    account
        .run(&["deploy", "--stage", "dev", "--yes", &format!("--token-command=printf %s {token}")])
        .expect_exit(0);
    account.expect_no_changes("dev");
}
