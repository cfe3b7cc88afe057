//! The first deployment of a user who installed a package: its function comes from the package.

use std::fs;

use e2e::data_plane::Decision;
use e2e::emulator::{Emulator, FaultProxy};
use e2e::root;

use super::pinned::{Issuer, functions, read_functions};
use super::{Account, CommandOutput, REGION, python};
use crate::release::{User, packages};

const KEY: &str = "000000081001";
const FUNCTION: &str = "petstore-authorizer";
/// The command that makes Portcullis publish the function, as the guide has it.
const EDIT: &str = r#"sed -i 's/^function_arn.*/function = "petstore-authorizer"/; /^invoke_role_arn/d' petstore/portcullis.toml"#;

#[test]
fn the_packaged_function_is_deployed_without_rust_and_decides() {
    let guide = fs::read_to_string(root().join("docs/guides/install.md")).unwrap();
    assert!(guide.contains(EDIT), "the guide has a different command");
    let user = User::new();
    let wheel = packages().join("portcullis_gateway-*.whl");
    user.expect("python3 -m venv env");
    user.expect(&format!("env/bin/pip install --quiet --no-index {}", wheel.display()));
    let user = user.with_programs("env/bin");
    user.expect("portcullis init --example petstore");
    user.expect(EDIT);

    // Differences on this machine: the issuer and the architecture.
    let issuer = Issuer::start();
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    user.expect(&format!(
        r#"sed -i 's#https://tenant.eu.auth0.com/#{}#; s/^function = .*/function = {{ name = "{FUNCTION}", architecture = "{arch}" }}/' petstore/portcullis.toml"#,
        issuer.url
    ));
    let proxy = FaultProxy::that_invokes(&Emulator::localstack().address, functions());
    let account = Account::with_proxy(KEY, proxy);
    let run = |line: &str| -> CommandOutput {
        let mut shell = user.shell(line);
        shell.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", "secret");
        shell.env("AWS_REGION", REGION).env("AWS_EC2_METADATA_DISABLED", "true");
        shell.env("AWS_ENDPOINT_URL", &account.proxy.url);
        shell.output().unwrap().into()
    };
    let token = issuer.token("owners:read");
    run("portcullis plan petstore --stage dev").expect_exit(0);
    let deploy =
        format!("portcullis deploy petstore --stage dev --yes --token-command 'printf %s {token}'");
    let output = run(&deploy).expect_exit(0);
    assert!(output.contains("dev serves revision 1"), "{output:?}");

    // The version has the binary of the package.
    let found = read_functions(REGION, &[KEY]);
    let versions = found[KEY][FUNCTION]["versions"].as_array().unwrap();
    let version = versions.iter().find(|version| version["Version"] == "1").unwrap();
    let zip = packages().join(format!("authorizer-{arch}.zip"));
    let sum = python(&format!(
        "import hashlib, zipfile\nprint(hashlib.sha256(zipfile.ZipFile('{}').read('bootstrap')).hexdigest())",
        zip.display()
    ));
    let description = version["Description"].as_str().unwrap_or_else(|| panic!("{version}"));
    assert!(description.contains(&format!("binary={}", &sum[..16])), "{description}: {sum}");

    let served = account.proxy.data_plane.stage(KEY, REGION, "petstore", "dev");
    let decide = |path: &str, token: Option<&str>| {
        account.proxy.data_plane.decide(&served, "GET", path, token)
    };
    assert_eq!(decide("/owners", Some(&token)), Decision::Allowed);
    assert_eq!(decide("/owners", None), Decision::Unauthorized);
    assert_eq!(decide("/pets", Some(&token)), Decision::Denied);
    let output = run("portcullis deploy petstore --stage dev --yes").expect_exit(0);
    assert!(output.contains("no changes"), "{output:?}");
    run("portcullis undeploy petstore --delete-api --yes").expect_exit(0);
}
