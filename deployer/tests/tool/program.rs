//! The name of the program in texts.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap_complete::Shell;
use deployer::cli::generated::{completions, pages};
use deployer::program::Program;

#[test]
fn the_name_is_that_of_the_called_file() {
    for (argument, expected) in [
        ("portcullis", Program::Portcullis),
        ("/usr/bin/portcullis", Program::Portcullis),
        ("bin/deployer", Program::Deployer),
        ("portcullis-old", Program::Deployer),
        ("", Program::Deployer),
    ] {
        assert_eq!(Program::called(Some(OsStr::new(argument))), expected, "{argument}");
    }
    assert_eq!(Program::called(None), Program::Deployer);
}

#[test]
fn commands_in_messages_have_the_called_name_and_other_words_do_not_change() {
    let text = "run `deployer plan`; the deployer of `a deployer x`";
    let renamed = "run `portcullis plan`; the deployer of `a deployer x`";
    assert_eq!(Program::Portcullis.in_message(text), renamed);
    assert_eq!(Program::Deployer.in_message(text), text);
}

/// Returns what the program writes if it is called by this name.
fn output(name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployer"));
    let output = command.arg0(name).args(arguments).output().unwrap();
    [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat()
}

#[test]
fn help_errors_and_generated_files_have_the_called_name() {
    for arguments in [
        &["--version"][..],
        &["--help"],
        &["deploy", "--help"],
        &["deploy", "--stge", "dev"],
        &["promote", "nowhere", "--stage", "dev"],
        &["completions", "zsh"],
        &["man"],
    ] {
        let text = output("portcullis", arguments);
        assert!(!text.contains("deployer "), "{arguments:?}: {text}");
        let original = output("deployer", arguments);
        assert!(!original.contains("portcullis deploy"), "{arguments:?}: {original}");
    }
    assert_eq!(output("/opt/portcullis", &["-V"]).split(' ').next(), Some("portcullis"));
    assert!(output("deployer", &["deploy", "--help"]).contains("  deployer deploy --stage dev"));
    assert!(
        output("portcullis", &["deploy", "--help"]).contains("  portcullis deploy --stage dev")
    );
    let names: Vec<String> = pages(Program::Portcullis).into_iter().map(|(name, _)| name).collect();
    assert!(names.iter().all(|name| name.starts_with("portcullis")), "{names:?}");
    assert!(completions(Program::Portcullis, Shell::Bash).contains("complete -F _portcullis"));
}
