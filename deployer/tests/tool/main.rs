//! Tests of the `deployer` command and of its pure modules.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a failing test panics, and test tables are long"
)]

mod cached_policies;
mod circles;
mod compiling;
mod documents;
mod examples;
mod explaining;
mod fetched_keys;
mod for_aws;
mod gateway;
mod generated;
mod glossary;
mod guards;
mod guides;
mod house;
mod iam;
mod import_rules;
mod imports;
mod infra;
mod issuers;
mod linting;
mod local_issuer;
mod log_identity;
mod messages;
mod output;
mod planning;
mod probing;
mod program;
mod reference;
mod requirements;
mod revoking;
mod schema;
mod trust_files;
mod validating;
mod writing;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A valid manifest and a valid document, from which tests derive invalid ones.
pub(crate) const MANIFEST: &str = r#"[api]
name = "shop"
openapi = "openapi.yaml"

[authorizer.jwt]
function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop:live"

[[authorizer.jwt.issuer]]
issuer = "https://issuer.example.com/"
audience = ["https://shop.example.com"]

[integration]
http = "https://backend.example.com"

[stage.dev]
"#;

pub(crate) const OPENAPI: &str = r"openapi: 3.0.3
info: { title: Shop, version: 1.2.3 }
security:
  - jwt: [read]
paths:
  /things/{id}:
    get:
      operationId: getThing
  /open:
    get:
      security: []
components:
  securitySchemes:
    jwt: { type: http, scheme: bearer }
    key: { type: apiKey, in: header, name: x-api-key }
    iam: { type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4 }
";

/// Creates a project directory with the two files.
pub(crate) fn folder(manifest: &str, openapi: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("portcullis.toml"), manifest).unwrap();
    fs::write(folder.path().join("openapi.yaml"), openapi).unwrap();
    folder
}

/// Runs the command in a directory, so that messages have relative paths.
pub(crate) fn deployer(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deployer"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("UNSET_FOR_THE_TEST")
        .output()
        .unwrap()
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Compares a generated file with the committed one; with `INSTA_UPDATE=always`, writes it
/// first, as insta does with snapshots.
pub(crate) fn assert_generated(path: &str, text: &str, module: &str) {
    let file = root().join(path);
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let changed = |from: &str, to: &str| -> Vec<String> {
        let to: BTreeSet<&str> = to.lines().collect();
        from.lines().filter(|line| !to.contains(line)).take(20).map(str::to_owned).collect()
    };
    assert!(
        found == text,
        "{path} is not up to date: run `INSTA_UPDATE=always cargo test --test tool -- {module}`\n\
         only in the file: {:#?}\nonly in the code: {:#?}",
        changed(&found, text),
        changed(text, &found),
    );
}

/// Returns the exit code and the output of a command.
pub(crate) fn transcript(output: &Output) -> String {
    format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    )
}

/// Exports the document of the files.
#[track_caller]
pub(crate) fn exported(toml: &str, openapi: &str) -> serde_json::Value {
    let folder = folder(toml, openapi);
    let output = deployer(folder.path(), &["export", "--document"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the security scheme of an authorizer, whose key ends with a fingerprint.
pub(crate) fn scheme(document: &serde_json::Value, name: &str) -> serde_json::Value {
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let found = schemes.values().find(|scheme| scheme["x-portcullis-scheme"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {schemes:?}")).clone()
}
