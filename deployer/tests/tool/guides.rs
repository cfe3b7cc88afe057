//! The commands of `docs/guides` print the output that the pages show.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::trust_files::write_files;
use crate::{assert_generated, deployer, folder, root, transcript};

/// Returns what a shell script prints, with `deployer` on its path.
#[expect(clippy::disallowed_methods, reason = "the script needs the programs of the shell")]
fn output_of(script: &str, folder: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_deployer")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("AWS_REGION")
        .output()
        .unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
}

/// Replaces the output that follows a command with the program's own, command by command.
fn with_outputs(page: &str, folder: &Path) -> String {
    const COMMAND: &str = "```sh\n";
    const OUTPUT: &str = "\n```\n\n```text\n";
    let mut blocks = page.split(COMMAND);
    let mut text = blocks.next().unwrap().to_owned();
    for block in blocks {
        let (script, rest) = block.split_once("\n```\n").unwrap();
        text.extend([COMMAND, script, "\n```\n"]);
        let shown = rest.strip_prefix("\n```text\n").and_then(|shown| shown.split_once("```\n"));
        let Some((_, after)) = shown else {
            text += rest;
            continue;
        };
        text.truncate(text.len() - "\n```\n".len());
        let printed = output_of(script, folder);
        text.extend([OUTPUT, printed.trim_matches('\n'), "\n```\n", after]);
    }
    text
}

/// Completes a block of settings to a manifest: blocks of a guide show a part of an issuer.
fn manifest(block: &str) -> String {
    let has = |key: &str| block.lines().any(|line| line.starts_with(key));
    let mut manifest =
        "[api]\nname = \"a\"\nopenapi = \"openapi.yaml\"\n[integration]\nmock = true\n".to_owned();
    if !has("[authorizer.jwt]") {
        manifest += "[authorizer.jwt]\n";
    }
    if !has("[[authorizer.jwt.issuer]]") && !has("[authorizer.jwt]") {
        manifest += "[[authorizer.jwt.issuer]]\nissuer = \"https://issuer.example.com/\"\n";
        if !has("audience =") {
            manifest += "audience = [\"a\"]\n";
        }
    }
    manifest += block;
    if has("[authorizer.jwt]") && !has("[[authorizer.jwt.issuer]]") {
        manifest += "\n[[authorizer.jwt.issuer]]\nissuer = \"https://issuer.example.com/\"\naudience = [\"a\"]\n";
    }
    manifest
}

const DOCUMENT: &str = "openapi: 3.0.3\ninfo: {title: a, version: '1'}\ncomponents: {securitySchemes: {jwt: {type: http, scheme: bearer}}}\npaths: {/a: {get: {security: [jwt: [a]], responses: {'200': {description: a}}}}}\n";

#[test]
fn each_setting_of_the_guides_to_providers_and_claims_is_valid() {
    for name in ["providers", "claims"] {
        let page = fs::read_to_string(root().join(format!("docs/guides/{name}.md"))).unwrap();
        let blocks: Vec<&str> =
            page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(blocks.len() > 5, "{name}");
        for block in blocks {
            let folder = folder(&manifest(block), DOCUMENT);
            write_files(folder.path(), "https://tenant.eu.auth0.com/");
            let output = deployer(folder.path(), &["check"]);
            assert!(output.status.success(), "{block}\n{}", transcript(&output));
        }
    }
}

#[test]
fn each_command_of_a_guide_prints_the_output_that_the_guide_shows() {
    let folder = tempfile::tempdir().unwrap();
    let petstore = folder.path().join("infra/petstore");
    fs::create_dir_all(&petstore).unwrap();
    for file in fs::read_dir(root().join("infra/petstore")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), petstore.join(file.file_name())).unwrap();
    }
    for name in ["claims", "cache", "local"] {
        let path = format!("docs/guides/{name}.md");
        let page = fs::read_to_string(root().join(&path)).unwrap();
        assert_generated(&path, &with_outputs(&page, folder.path()), "guides");
    }
}
