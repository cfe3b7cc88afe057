//! The `deployer` program: reads the arguments and the environment, runs the command, and exits with
//! its code.

use std::process::ExitCode;

use anstream::ColorChoice;
use clap::Parser;
use deployer::cli::Arguments;
use deployer::output::{Exit, Output};

fn main() -> ExitCode {
    // Before the arguments are parsed: their errors are written without color too.
    if std::env::args_os().any(|argument| argument == "--no-color") {
        ColorChoice::Never.write_global();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Not clap's exit code: 2 means that changes are pending.
            let exit = if usage.use_stderr() { Exit::Failed } else { Exit::Success };
            // With both streams closed there is no way to report it.
            let _ = usage.print();
            return exit.into();
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the program's entry point reads the environment"
    )]
    let environment = |name: &str| std::env::var(name).ok();
    deployer::command::run(&arguments, &environment, Output::new(arguments.output)).into()
}
