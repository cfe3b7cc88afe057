//! Completion scripts and manual pages, generated from the command line definition.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{deployer, transcript};

const COMMANDS: [&str; 25] = [
    "init",
    "check",
    "config",
    "export",
    "explain",
    "dev",
    "test",
    "plan",
    "deploy",
    "status",
    "history",
    "diff",
    "drift",
    "promote",
    "rollback",
    "revoke",
    "undeploy",
    "discover",
    "adopt",
    "sdk",
    "iam",
    "hash",
    "doctor",
    "keys",
    "completions",
];

/// The commands below another one.
const INNER: [&str; 1] = ["keys-fetch"];

/// Returns a shell's syntax errors of a script; nothing if the shell is not installed.
fn syntax_errors(shell: &str, script: &[u8]) -> Option<String> {
    let mut parser = Command::new(shell)
        .arg("-n")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    parser.stdin.take().unwrap().write_all(script).unwrap();
    let output = parser.wait_with_output().unwrap();
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_shell_has_a_completion_script_with_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = deployer(Path::new("."), &["completions", shell]);
        assert!(output.status.success() && output.stderr.is_empty(), "{}", transcript(&output));
        let script = String::from_utf8(output.stdout.clone()).unwrap();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: no {command}");
        }
        if matches!(shell, "bash" | "fish" | "zsh") {
            let errors = syntax_errors(shell, &output.stdout);
            assert!(shell != "bash" || errors.is_some(), "bash is not installed");
            assert_eq!(errors.unwrap_or_default(), "", "{shell}");
        }
    }
    let output = deployer(Path::new("."), &["completions", "cobol"]);
    assert_eq!(output.status.code(), Some(1), "{}", transcript(&output));
}

#[test]
fn every_command_of_the_help_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let output = deployer(folder.path(), &["man", "share/man1"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", transcript(&output));
    let pages = fs::read_dir(folder.path().join("share/man1")).unwrap();
    let names: BTreeSet<String> =
        pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    let commands = COMMANDS.iter().chain(&INNER).map(|command| format!("deployer-{command}.1"));
    assert_eq!(names, commands.chain(["deployer.1".to_owned()]).collect());
    let help = transcript(&deployer(folder.path(), &["--help"]));
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    for (name, text) in [
        ("deployer.1", "deployer\\-deploy(1)"),
        ("deployer-deploy.1", "\\fB\\-\\-smoke\\-status\\fR"),
        ("deployer-deploy.1", "\\fB\\-\\-region\\fR"),
    ] {
        let page = fs::read_to_string(folder.path().join("share/man1").join(name)).unwrap();
        assert!(page.contains(text), "{name}: {page}");
    }
    let all = transcript(&deployer(folder.path(), &["man"]));
    assert_eq!(all.matches("\n.TH ").count(), COMMANDS.len() + INNER.len() + 1);
    assert!(!help.contains("  man "), "it is for packages: {help}");
}
