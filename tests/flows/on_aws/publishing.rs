//! From a zip file to a function, without a toolchain; and with every fault in every call of the
//! publication.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use e2e::emulator::{Emulator, Fault, FaultProxy};
use e2e::{binary, http, root, tool};
use serde_json::{Value, json};

use super::pinned::launcher_zip;
use super::{Account, CommandOutput, TOKEN, command};

const NAME: &str = "petstore-authorizer";

/// An account with an emulator that runs functions.
struct Published {
    account: Account,
    functions: Emulator,
}

impl Published {
    fn new(key: &str) -> Self {
        let functions = Emulator::ministack(false);
        let accepting = FaultProxy::accepting(TOKEN);
        let control = &Emulator::localstack().address;
        let proxy = FaultProxy::in_front_of_both(control, &functions.address, 500, accepting);
        Self { account: Account::with_proxy(key, proxy), functions }
    }

    fn role(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.account.key)
    }

    /// Runs `deploy` without programs in its PATH, with the faults that were injected before.
    fn deploy_with_faults(&self, more: &[&str]) -> CommandOutput {
        let arguments = [&["deploy", "--stage", "dev", "--yes"], more].concat();
        let Account { key, proxy, folder, .. } = &self.account;
        let mut deploy = command(key, &proxy.url, folder.path(), &arguments);
        deploy.env("PATH", "/nonexistent").output().unwrap().into()
    }

    fn deploy(&self, more: &[&str]) -> CommandOutput {
        self.account.proxy.inject(None);
        self.deploy_with_faults(more)
    }

    /// Sends a request of Lambda's API about functions to the emulator.
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let key = &self.account.key;
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/lambda/aws4_request, SignedHeaders=host, Signature=0"
        );
        let url = format!("http://{}/2015-03-31/functions{path}", self.functions.address);
        let headers = [("Authorization", authorization.as_str())];
        let response = http::send(method, &url, &headers, body.to_string().as_bytes());
        serde_json::from_str(&response.body).unwrap_or_default()
    }

    /// Returns the alias and the versions, without what differs between equal functions.
    fn state(&self) -> Value {
        let alias = self.send("GET", &format!("/{NAME}/aliases/live"), &json!({}));
        let mut versions =
            self.send("GET", &format!("/{NAME}/versions"), &json!({}))["Versions"].take();
        for version in versions.as_array_mut().unwrap() {
            for name in [
                "LastModified",
                "RevisionId",
                "State",
                "StateReason",
                "StateReasonCode",
                "LastUpdateStatus",
            ] {
                version.as_object_mut().unwrap().remove(name);
            }
        }
        json!({"alias": alias["FunctionVersion"], "versions": versions})
    }
}

/// Returns a zip file with the authorizer's binary, without its debug information.
fn zip() -> &'static str {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let path = MADE.get_or_init(|| {
        let folder = root().join(format!("target/tmp/function-zip-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (stripped, path) = (folder.join("bootstrap"), folder.join("authorizer.zip"));
        let mut strip = Command::new("strip");
        let status = strip.arg("-o").arg(&stripped).arg(binary("bootstrap")).status();
        assert!(status.unwrap().success());
        python(&format!(
            "import zipfile\nwith zipfile.ZipFile('{}', 'w', zipfile.ZIP_DEFLATED) as z:\n  z.writestr('README', 'x')\n  z.write('{}', 'bootstrap')",
            path.display(),
            stripped.display()
        ));
        path
    });
    path.to_str().unwrap()
}

fn python(script: &str) -> String {
    let output = Command::new(tool("ministack/bin/python")).args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns this machine's architecture, and the other one, as Lambda names them.
fn architectures() -> (&'static str, &'static str) {
    if std::env::consts::ARCH == "aarch64" { ("arm64", "x86_64") } else { ("x86_64", "arm64") }
}

#[test]
fn a_zip_file_is_published_without_a_toolchain() {
    let published = Published::new("310000000001");
    let (account, from_zip) = (&published.account, format!("--function-zip={}", zip()));
    let (architecture, other) = architectures();
    let role = published.role("execution");
    let first = [from_zip.as_str(), "--function-role", &role];

    // A file that cannot be published is reported before anything is created.
    account.write("text.zip", "not a zip");
    for (arguments, message) in [
        (vec![from_zip.as_str()], "creating it requires `--function-role`".to_owned()),
        (vec!["--function-zip=text.zip", "--function-role", &role], "is not a zip file".to_owned()),
        (vec!["--function-zip=no.zip", "--function-role", &role], "cannot read no.zip".to_owned()),
        (
            [&first[..], &["--architecture", other]].concat(),
            format!("is for {architecture}, expected {other}"),
        ),
    ] {
        let output = published.deploy(&arguments).expect_exit(1);
        assert!(output.contains(&message), "{message}: {output:?}");
        assert!(!account.proxy.calls().iter().any(|(method, _)| method == "PUT"), "{output:?}");
    }
    let output = published.deploy(&[&from_zip, "--build"]);
    assert!(output.exit != 0 && output.contains("cannot be used with"), "{output:?}");

    let output = published.deploy(&first).expect_exit(0);
    assert!(output.contains("alias petstore-authorizer:live → version 1"), "{output:?}");
    let publications = account.proxy.bodies(&format!("POST /2015-03-31/functions/{NAME}/versions"));
    let [publication] = publications.as_slice() else { panic!("{publications:?}") };
    let version = &published.state()["versions"][1];
    assert_eq!(publication["CodeSha256"], version["CodeSha256"]);
    assert_eq!(publication["Description"], version["Description"]);
    assert!(publication["RevisionId"].is_string(), "{publication}");
    let settings =
        ["Runtime", "Handler", "Role", "MemorySize", "Timeout"].map(|name| version[name].clone());
    let expected = json!(["provided.al2023", "bootstrap", role, 256, 10]);
    assert_eq!(json!(settings), expected);
    assert_eq!(version["Architectures"], json!([architecture]));

    // The package, as Python reads it.
    let found = published.send("GET", &format!("/{NAME}"), &json!({}));
    let url = found["Code"]["Location"].as_str().unwrap();
    let packed = python(&format!(
        "import io, json, urllib.request, zipfile\nz = zipfile.ZipFile(io.BytesIO(urllib.request.urlopen('{url}').read()))\nprint(json.dumps([[i.filename, oct(i.external_attr >> 16 & 0o777), i.date_time[0]] for i in z.infolist()]))"
    ));
    let packed: Value = serde_json::from_str(&packed).unwrap();
    assert_eq!(packed, json!([["bootstrap", "0o755", 1980], ["authorizer.json", "0o644", 1980]]));

    // The same file again publishes no version, and updates nothing.
    let output = published.deploy(&[&from_zip]).expect_exit(0);
    assert!(output.contains("petstore-authorizer:live is up to date (version 1)"), "{output:?}");
    assert_eq!(published.state()["versions"].as_array().unwrap().len(), 2);
    account.expect_no_changes("dev");

    // An execution role is a setting of the version.
    account.edit("openapi.yaml", "- jwt: [pets:write]\n        - jwt: [admin]", "- jwt: [admin]");
    let other_role = published.role("other");
    published.deploy(&[&from_zip, "--function-role", &other_role]).expect_exit(0);
    let state = published.state();
    assert_eq!((&state["alias"], &state["versions"][2]["Role"]), (&json!("2"), &json!(other_role)));
    assert_eq!(state["versions"][1]["Role"], json!(role));

    // Earlier rules are an earlier version, which is used again.
    account.edit("openapi.yaml", "- jwt: [admin]", "- jwt: [pets:write]\n        - jwt: [admin]");
    published.deploy(&[&from_zip, "--function-role", &role]).expect_exit(0);
    let state = published.state();
    assert_eq!((&state["alias"], state["versions"].as_array().unwrap().len()), (&json!("1"), 3));
}

/// The stage moved, so the alias must not move back.
#[test]
fn an_alias_is_not_restored_after_the_stage_was_updated() {
    let published = Published::new("310000000004");
    let role = published.role("execution");
    let arguments = ["--function-zip", launcher_zip(), "--function-role", &role];
    published.deploy(&arguments).expect_exit(0);
    let account = &published.account;
    account.edit("openapi.yaml", "- jwt: [pets:write]\n        - jwt: [admin]", "- jwt: [admin]");
    account.edit(
        "portcullis.toml",
        "[stage.dev]",
        "[usage_plan]\nthrottle = { rate = 5, burst = 6 }\n\n[stage.dev]",
    );
    account.proxy.inject_into("POST /usageplans", Fault::Refused);
    let output = published.deploy_with_faults(&arguments).expect_exit(1);
    assert!(output.contains("creating usage plan"), "{output:?}");
    assert_eq!(published.state()["alias"], "2", "{output:?}");
    let status = account.run(&["status", "--stage", "dev"]).expect_exit(0);
    assert!(status.contains("serves revision 2"), "{status:?}");
    published.deploy(&arguments).expect_exit(0);
    account.expect_no_changes("dev");
}

/// Publishes with each fault in each call to Lambda, and asserts that a second run ends in the state
/// of a run without faults.
fn check_all_faults(key: &str, prepare: &dyn Fn(&Published)) {
    let published = Published::new(key);
    let role = published.role("execution");
    let arguments = ["--function-zip", launcher_zip(), "--function-role", &role];
    // The API exists, so that a case consists of the publication.
    published.deploy(&arguments).expect_exit(0);
    prepare(&published);
    published.deploy(&arguments).expect_exit(0);
    let expected = published.state();
    let mut cases: Vec<(usize, Fault)> = Vec::new();
    let mut known = BTreeSet::new();
    for (at, call) in published.account.proxy.calls().into_iter().enumerate() {
        let (method, path) = &call;
        if !path.contains("/functions") {
            continue;
        }
        let is_read = method == "GET";
        let faults = [Fault::Throttled, Fault::Failure, Fault::DroppedBefore, Fault::DroppedAfter];
        // Reads are repeated until a state is reached; one of each is enough, and one fault: it
        // cannot have had an effect.
        let faults = if is_read { &faults[1..2] } else { &faults[..] };
        if known.insert(call.clone()) || !is_read {
            cases.extend(faults.iter().map(|fault| (at, *fault)));
        }
    }
    assert!(cases.len() > 20, "{cases:?}");
    for (at, fault) in cases {
        prepare(&published);
        published.account.proxy.inject(Some((at, fault, 1)));
        let first = published.deploy_with_faults(&arguments);
        let call = published.account.proxy.calls().get(at).cloned();
        published.deploy(&arguments).expect_exit(0);
        let found = published.state();
        assert!(
            found == expected,
            "call {at}, {call:?}, {fault:?}: {first:?}\nexpected {expected:#}\nfound {found:#}"
        );
    }
}

#[test]
fn a_first_publication_survives_every_failure_of_every_call() {
    check_all_faults("310000000002", &|published| {
        published.send("DELETE", &format!("/{NAME}"), &json!({}));
    });
}

#[test]
fn an_update_survives_every_failure_of_every_call() {
    // A function with other code and other settings, whose version is in use.
    let old = python(
        "import base64, io, zipfile\nb = io.BytesIO()\nz = zipfile.ZipFile(b, 'w')\nz.writestr('bootstrap', 'old')\nz.close()\nprint(base64.b64encode(b.getvalue()).decode())",
    );
    let (architecture, _) = architectures();
    check_all_faults("310000000003", &|published| {
        published.send("DELETE", &format!("/{NAME}"), &json!({}));
        let function = json!({
            "FunctionName": NAME,
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Role": published.role("old"),
            "Architectures": [architecture],
            "MemorySize": 512,
            "Environment": {"Variables": {"OLD": "b"}},
            "Code": {"ZipFile": old},
        });
        published.send("POST", "", &function);
        let version = published.send("POST", &format!("/{NAME}/versions"), &json!({}));
        let alias = json!({"Name": "live", "FunctionVersion": version["Version"]});
        published.send("POST", &format!("/{NAME}/aliases"), &alias);
    });
}
