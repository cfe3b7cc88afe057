//! The output for programs and terminals: JSON with a format version and codes, and color.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use compiler::source::diagnostic::Code;
use deployer::output::ErrorCode;
use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, folder, root, transcript};

const CASES: &str = "\
tokens:
  reader: { scopes: read }
cases:
  - { request: GET /open, expect: { none: 200 } }
";

/// Runs a command in a directory, without access to AWS.
fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
    command.args(arguments).current_dir(folder);
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.env("AWS_CONFIG_FILE", "/nonexistent").env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(environment.iter().copied()).output().unwrap()
}

/// Runs a command with JSON output, and returns every object that it wrote.
fn objects(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = run(folder, &[arguments, &["--output", "json"]].concat(), &[]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let lines = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let lines = lines.lines().filter(|line| line.starts_with('{'));
    let objects: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!objects.is_empty(), "{arguments:?}: {}", transcript(&output));
    objects
}

#[test]
fn every_json_object_has_a_format_version() {
    let folder = folder(MANIFEST, OPENAPI);
    fs::write(folder.path().join("cases.yaml"), CASES).unwrap();
    fs::write(folder.path().join("broken.yaml"), "cases: 1").unwrap();
    let warned = OPENAPI.replace("/open:", "/ping:");
    let warned = crate::folder(MANIFEST, &warned);
    let broken = crate::folder("[api]", OPENAPI);
    let stage = ["--stage", "dev"];
    let live = |command: &'static str| [&[command][..], &stage].concat();
    let local: Vec<(&Path, Vec<&str>)> = vec![
        (folder.path(), vec!["check"]),
        (warned.path(), vec!["check"]),
        (broken.path(), vec!["check"]),
        (folder.path(), vec!["config", "--authorizer", "other"]),
        (folder.path(), vec!["export", "--document", "--out", "/nonexistent/x"]),
        (folder.path(), vec!["explain", "--scopes", "read", "GET", "/things/1"]),
        (folder.path(), vec!["explain", "--scopes", "read", "GET", "things"]),
        (folder.path(), vec!["dev", "--function", "x"]),
        (folder.path(), vec!["test"]),
        (folder.path(), vec!["test", "broken.yaml"]),
        (folder.path(), vec!["iam", "nothing"]),
    ];
    let aws = [
        "plan", "deploy", "status", "history", "drift", "promote", "rollback", "undeploy", "doctor",
    ];
    let mut on_aws: Vec<Vec<&str>> = aws.into_iter().map(live).collect();
    on_aws.push(vec!["discover"]);
    on_aws.push(vec!["revoke", "--sub", "a"]);
    on_aws.push(vec!["adopt", "id"]);
    on_aws.push(vec!["diff", "1", "2"]);
    on_aws.push([&["sdk", "--language", "java", "--out", "x"][..], &stage].concat());
    let on_aws = on_aws.into_iter().map(|arguments| (folder.path(), arguments));
    for (folder, arguments) in local.into_iter().chain(on_aws) {
        for object in objects(folder, &arguments) {
            assert_eq!(object["format"], json!(1), "{arguments:?}: {object}");
            if object.get("error").is_some() {
                assert!(object["code"].is_string(), "{arguments:?}: {object}");
            }
        }
    }
}

#[test]
fn every_error_has_its_documented_code() {
    let folder = folder(MANIFEST, OPENAPI);
    for (arguments, code) in [
        (&["config", "--authorizer", "other"][..], "authorizer_not_found"),
        (&["config", "elsewhere"], "file_unreadable"),
        (&["config", "--out", "/nonexistent/x"], "file_unwritable"),
        (&["dev", "--function", "x"], "invalid_option"),
        (&["check", "--stage", "elsewhere"], "invalid_configuration"),
        (&["config", "--stage", "elsewhere"], "invalid_configuration"),
        (&["plan", "--stage", "dev"], "region_missing"),
        (&["plan", "--stage", "dev", "--region", "nowhere"], "region_invalid"),
        (&["deploy", "--stage", "dev", "--token-command", "false"], "token_command_failed"),
    ] {
        let found = objects(folder.path(), arguments).pop().unwrap();
        assert_eq!(found["code"], code, "{arguments:?}: {found}");
        let known = ErrorCode::all().iter().any(|known| known.name() == code);
        assert!(known, "{code}");
    }
}

#[test]
fn every_diagnostic_has_the_code_of_its_rule() {
    let codes = |manifest: &str, openapi: &str| -> BTreeSet<String> {
        let folder = folder(manifest, openapi);
        let found = objects(folder.path(), &["check"]).swap_remove(0);
        let found = found["diagnostics"].as_array().unwrap().clone();
        found.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    };
    for (manifest, openapi, code) in [
        ("[api]".to_owned(), OPENAPI.to_owned(), "invalid_configuration"),
        (MANIFEST.to_owned(), OPENAPI.replace("/open:", "/ping:"), "reserved_path"),
        (
            MANIFEST.replace("audience =", "dpop = \"required\"\naudience ="),
            OPENAPI.to_owned(),
            "identity_sources",
        ),
    ] {
        assert!(codes(&manifest, &openapi).contains(code), "{code}: {manifest}{openapi}");
    }
}

#[test]
fn every_code_is_unique_and_documented() {
    let errors: Vec<String> = ErrorCode::all().iter().map(|code| code.name()).collect();
    let rules = Code::ALL.map(|code| code.name().to_owned());
    for names in [&errors[..], &rules] {
        let unique: BTreeSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        assert!(names.iter().all(|name| name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/error-codes.md");
    let document = fs::read_to_string(path).unwrap();
    let row = |code: &ErrorCode| format!("| `{}` | {} |", code.name(), code.meaning());
    let table = ErrorCode::all().iter().map(row).collect::<Vec<_>>().join("\n");
    assert!(document.contains(&table), "docs/error-codes.md lacks this table:\n{table}");
    for rule in rules {
        assert!(document.contains(&format!("| `{rule}` |")), "{rule} is not documented");
    }
}

#[test]
fn every_reason_of_the_authorizer_is_documented() {
    let source = fs::read_to_string(root().join("authorizer/src/error.rs")).unwrap();
    let functions =
        source.split("fn reason(").skip(1).map(|rest| rest.split("\n    }\n").next().unwrap());
    let literals = functions.flat_map(|body| body.split('"').skip(1).step_by(2));
    let reasons: BTreeSet<&str> = literals.collect();
    assert!(reasons.len() > 12, "{reasons:?}");
    let document = fs::read_to_string(root().join("docs/error-codes.md")).unwrap();
    let (_, section) = document.split_once("# Reasons of the authorizer").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<BTreeSet<&str>>(), reasons);
}

#[test]
fn color_follows_the_options_and_the_environment() {
    let folder = folder("[api]", OPENAPI);
    let colored = |arguments: &[&str], environment: &[(&str, &str)]| {
        let output = run(folder.path(), &[&["check"][..], arguments].concat(), environment);
        transcript(&output).contains('\u{1b}')
    };
    assert!(!colored(&[], &[]), "stderr is not a terminal");
    assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colored(&["--no-color"], &[("CLICOLOR_FORCE", "1")]));
    // Errors in the arguments themselves.
    assert!(colored(&["--wrong"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colored(&["--wrong", "--no-color"], &[("CLICOLOR_FORCE", "1")]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_color_unless_disabled() {
    let folder = folder("[api]", OPENAPI);
    let colored = |term: &str, more: &str, environment: &[(&str, &str)]| {
        let command = format!("'{}' check {more}", env!("CARGO_BIN_EXE_deployer"));
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &command, "/dev/null"]).current_dir(folder.path());
        for name in ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR", "CI"] {
            terminal.env_remove(name);
        }
        let output = terminal.env("TERM", term).envs(environment.iter().copied()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", transcript(&output));
        transcript(&output).contains('\u{1b}')
    };
    assert!(colored("xterm", "", &[]));
    assert!(!colored("dumb", "", &[]));
    assert!(!colored("xterm", "", &[("NO_COLOR", "1")]));
    assert!(!colored("xterm", "--no-color", &[]));
}
