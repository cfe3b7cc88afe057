//! The start of the program: reads the arguments and the environment, runs the command, and returns
//! its exit code.

use std::io::Write;
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::Parser;

use crate::cli::Arguments;
use crate::output::{Exit, Output};
use crate::program::Program;

/// Runs the program with the arguments and the environment of the process; returns its exit code.
pub fn run() -> ExitCode {
    // Before the arguments are parsed: their errors are written without color too.
    if std::env::args_os().any(|argument| argument == "--no-color") {
        ColorChoice::Never.write_global();
    }
    let program = Program::called(std::env::args_os().next().as_deref());
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => return explain_usage(&usage, program).into(),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the program's entry point reads the environment"
    )]
    let environment = |name: &str| std::env::var(name).ok();
    crate::command::run(&arguments, &environment, Output::new(program, arguments.output)).into()
}

/// Writes the help, or the reason the arguments cannot be parsed.
fn explain_usage(usage: &clap::Error, program: Program) -> Exit {
    let text = usage.render().ansi().to_string();
    let text = program.in_help(&text);
    // With both streams closed there is no way to report it.
    if usage.use_stderr() {
        let _ = write!(anstream::stderr(), "{text}");
        // Not clap's exit code: 2 means that changes are pending.
        Exit::Failed
    } else {
        let _ = write!(anstream::stdout(), "{text}");
        Exit::Success
    }
}
