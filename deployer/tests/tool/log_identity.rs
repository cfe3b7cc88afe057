//! `log_identity` and `log_key` of `portcullis.toml`, and `deployer hash`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, folder, transcript};

const KEY: &str = "5b1d0c8e6a7f4f0e9d3c2b1a00112233";

/// Runs the command with a log key in the environment, under two names.
fn run(folder: &Path, arguments: &[&str], key: Option<&str>, stdin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
    command.args(arguments).current_dir(folder).env_remove("AUTHORIZER_LOG_KEY");
    command.envs(key.map(|key| ("AUTHORIZER_LOG_KEY", key)));
    command.envs(key.map(|key| ("SHOP_LOG_KEY", key)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn manifest(settings: &str) -> String {
    MANIFEST.replace("[authorizer.jwt]\n", &format!("[authorizer.jwt]\n{settings}\n"))
}

#[test]
fn the_settings_are_compiled_into_the_authorizers_configuration() {
    for (settings, identity, key) in [
        ("", Value::Null, Value::Null),
        ("log_identity = \"hashed\"", Value::Null, Value::Null),
        ("log_identity = \"none\"", json!("none"), Value::Null),
        ("log_identity = \"plain\"", json!("plain"), Value::Null),
        ("log_key = \"${env:SHOP_LOG_KEY}\"", Value::Null, json!(KEY)),
    ] {
        let folder = folder(&manifest(settings), OPENAPI);
        let output = run(folder.path(), &["config"], Some(KEY), "");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&document["log_identity"], &document["log_key"]),
            (&identity, &key),
            "{settings}"
        );
    }
}

#[test]
fn no_output_but_the_authorizers_configuration_contains_the_log_key() {
    let folder = folder(&manifest("log_key = \"${env:SHOP_LOG_KEY}\""), OPENAPI);
    let fingerprint = |key: &str| {
        let arguments = ["config", "--out", "authorizer.json"];
        let shown = transcript(&run(folder.path(), &arguments, Some(key), ""));
        assert!(shown.contains("portcullis config=") && !shown.contains(key), "{shown}");
        assert!(fs::read_to_string(folder.path().join("authorizer.json")).unwrap().contains(key));
        shown
    };
    // Another key is another configuration, so that it is deployed.
    assert_eq!(fingerprint(KEY), fingerprint(KEY));
    assert_ne!(fingerprint(KEY), fingerprint(&KEY.replace('5', "6")));
    for arguments in [
        &["check"][..],
        &["export", "--document"],
        &["iam", "deploy"],
        &["iam", "execution"],
        &["explain", "--scopes", "read", "GET", "/things/7"],
    ] {
        for format in ["human", "json"] {
            let arguments = [arguments, &["--output", format]].concat();
            let shown = transcript(&run(folder.path(), &arguments, Some(KEY), ""));
            assert!(shown.starts_with("exit 0") && !shown.contains(&KEY[..8]), "{shown}");
        }
    }
}

#[test]
fn an_invalid_log_key_is_reported_and_not_shown() {
    let variable = "log_key = \"${env:SHOP_LOG_KEY}\"";
    let short = "swordfish-0123456789";
    for (settings, key, message) in [
        (variable.to_owned(), Some(short), "`log_key` must be at least 32 characters"),
        (variable.to_owned(), None, "environment variable `SHOP_LOG_KEY` is not set"),
        (
            format!("{variable}\nlog_identity = \"plain\""),
            Some(KEY),
            "`log_key` has no effect with `log_identity` `plain`",
        ),
        (format!("log_key = \"{KEY}\""), None, "`log_key` must be an environment variable"),
        // Beside another error, whose excerpt would show it.
        (
            format!("typo = 1\nlog_key = \"\"\"{short}\n{KEY}\"\"\"\ntypo2 = 1"),
            None,
            "`log_key` must be an environment variable",
        ),
        (
            format!("log_key = \"{KEY}${{env:HOME}}\""),
            None,
            "`log_key` must be an environment variable",
        ),
        ("log_key = 7".to_owned(), None, "`log_key`: expected a string"),
        ("log_identity = \"clear\"".to_owned(), None, "invalid `log_identity` `clear`"),
    ] {
        let folder = folder(&manifest(&settings), OPENAPI);
        for format in ["human", "json"] {
            let arguments = ["check", "--output", format];
            let shown = transcript(&run(folder.path(), &arguments, key, ""));
            assert!(shown.starts_with("exit 3") && shown.contains(message), "{settings}: {shown}");
            assert!(!shown.contains(short) && !shown.contains(&KEY[..8]), "{settings}: {shown}");
        }
    }
}

#[test]
fn no_excerpt_shows_a_literal_log_key() {
    let tail = "ab".repeat(16);
    for settings in [
        format!("log_key = [\"{KEY}\"]"),
        format!("log_key = [\n  \"{KEY}\",\n]"),
        format!("log_key = {{ a = \"{KEY}\" }}"),
        format!("log_key = \"${{env:SHOP_LOG_KEY}}\"\nlog_key = \"{KEY}\""),
        format!("log_key = \"{KEY}\"\nlog_key = \"${{env:SHOP_LOG_KEY}}\""),
        format!("log_key = \"{KEY}"),
        format!("log_key = '{KEY}"),
        format!("log_key = {KEY}"),
        format!("log_key =\n\"{KEY}\""),
        format!("log_key = \"\"\"a = 1\n{KEY} = 1\n"),
        format!("log_key = \"\"\"x\nb = 1\n{KEY}\"\"\"\ntypo = 1"),
        format!("typo = 1\nlog_keys = \"{KEY}\"\ntypo2 = 1"),
        format!("Log_key = \"{KEY}\""),
        format!("log-key = \"{KEY}\""),
        format!("LOG_KEYS=\"{KEY}\""),
        format!("logkey = \"{KEY}\""),
        format!("\"log_key\" = \"{KEY}"),
        format!("typo = 1\n# log_key = \"{KEY}\""),
        format!("log_key = \"${{env:SHOP_LOG_KEY}}\" \"{KEY}\""),
        format!("log_key = \"${{env:SHOP_LOG_KEY}}{KEY}\""),
        format!("typo = {{ log_key = \"${{env:SHOP_LOG_KEY}}\", log_keys = \"{KEY}\" }}"),
    ] {
        for format in ["human", "json"] {
            let folder = folder(&manifest(&settings), OPENAPI);
            let arguments = ["check", "--output", format];
            let shown = transcript(&run(folder.path(), &arguments, Some(&tail), ""));
            assert!(shown.starts_with("exit 3"), "{settings}: {shown}");
            assert!(!shown.contains(&KEY[..8]) && !shown.contains(&tail), "{settings}: {shown}");
        }
    }
}

#[test]
fn excerpts_show_variables_and_the_other_settings() {
    for line in ["log_key = \"${env:SHOP_LOG_KEY}\" # here", "log_key = '${env:SHOP_LOG_KEY}'"] {
        let folder = folder(&manifest(&format!("{line}\ntypo = 1")), OPENAPI);
        let shown = transcript(&run(folder.path(), &["check"], Some(KEY), ""));
        assert!(shown.contains(line) && shown.contains("typo = 1"), "{shown}");
    }
    let folder = folder(&manifest(&format!("log_key = \"{KEY}\"\nfirst = 1\nsecond = 1")), OPENAPI);
    let shown = transcript(&run(folder.path(), &["check"], None, ""));
    assert!(shown.contains("log_key = ****") && shown.contains("first = 1"), "{shown}");
}

#[test]
fn a_configuration_with_the_log_key_is_named_as_a_secret() {
    let arguments = ["config", "--out", "authorizer.json"];
    for (settings, has_key) in [("log_key = \"${env:SHOP_LOG_KEY}\"", true), ("", false)] {
        let folder = folder(&manifest(settings), OPENAPI);
        let shown = transcript(&run(folder.path(), &arguments, Some(KEY), ""));
        assert!(shown.starts_with("exit 0") && !shown.contains(KEY), "{shown}");
        assert_eq!(shown.contains("keep it out of version control"), has_key, "{shown}");
    }
}

#[test]
fn the_error_of_a_log_key_is_the_only_one_and_has_its_fix() {
    let variable = "log_key = \"${env:SHOP_LOG_KEY}\"";
    let plain = format!("log_identity = \"plain\"\n{variable}");
    for (settings, key, help) in [
        (variable, None, "help: set SHOP_LOG_KEY (create a key with `openssl rand -hex 32`)\n"),
        (&plain, None, "help: set SHOP_LOG_KEY (create a key with `openssl rand -hex 32`)\n"),
        (variable, Some("short"), "help: create a key with `openssl rand -hex 32`\n"),
        (&plain, Some(KEY), "help: remove `log_key`, or set `log_identity = \"hashed\"`\n"),
    ] {
        let folder = folder(&manifest(settings), OPENAPI);
        let shown = transcript(&run(folder.path(), &["check"], key, ""));
        assert!(shown.contains(help), "{settings}: {shown}");
        assert_eq!(shown.matches("error: ").count(), 1, "{shown}");
    }
}

#[test]
fn a_local_function_reads_a_configuration_that_other_users_cannot() {
    let folder = folder(&manifest("log_key = \"${env:SHOP_LOG_KEY}\""), OPENAPI);
    let script = "stat -c %a \"$AUTHORIZER_CONFIG\" \"${AUTHORIZER_CONFIG%/*}\" > modes\n";
    fs::write(folder.path().join("function.sh"), script).unwrap();
    let case = "tokens:\n  reader: { scopes: read }\ncases:\n  - request: GET /things/1\n    expect: { reader: 500 }\n";
    fs::write(folder.path().join("cases.yaml"), case).unwrap();
    let arguments = ["test", "cases.yaml", "--function", "jwt=sh function.sh"];
    let shown = transcript(&run(folder.path(), &arguments, Some(KEY), ""));
    let modes = fs::read_to_string(folder.path().join("modes"));
    assert_eq!(modes.unwrap_or(shown), "600\n700\n");
}

#[test]
fn a_hash_is_that_of_the_authorizers_log() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["hash", "--issuer", "https://issuer.example.com/"];
    let hash = |value: &str, stdin: &str, key: Option<&str>| {
        transcript(&run(folder.path(), &[&arguments[..], &[value]].concat(), key, stdin))
    };
    // printf 'https://issuer.example.com/\0user-1' | openssl dgst -sha256 -hmac "$KEY"
    let known = "exit 0\n--- stdout\n2be29f6d852dce37215ce3bf484eabb5\n--- stderr\n";
    let key = Some("0123456789abcdef0123456789abcdef");
    assert_eq!(hash("user-1", "", key), known);
    for stdin in ["user-1", "user-1\n", "user-1\r\n"] {
        assert_eq!(hash("-", stdin, key), known, "{stdin:?}");
    }
    assert_ne!(hash("-", " user-1", key), known);
    for (value, key, message) in [
        ("user-1", None, "`AUTHORIZER_LOG_KEY` is not set"),
        ("user-1", Some("swordfish"), "`AUTHORIZER_LOG_KEY` must be at least 32 characters"),
        ("", key, "invalid `VALUE`"),
        (&"x".repeat(513), key, "expected 1 to 512 bytes"),
    ] {
        let shown = hash(value, "", key);
        assert!(shown.starts_with("exit 1\n--- stdout\n--- stderr\n"), "{shown}");
        assert!(shown.contains(message) && !shown.contains("swordfish"), "{shown}");
    }
    let json = [&arguments[..], &["user-1", "--output", "json"]].concat();
    let output = run(folder.path(), &json, key, "");
    let output: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "format": 1, "issuer": arguments[2], "hash": "2be29f6d852dce37215ce3bf484eabb5",
    });
    assert_eq!(output, expected);
}
