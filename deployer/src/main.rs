//! The `deployer` command: reads arguments and environment, runs, and ends with its code.

use std::process::ExitCode;

use anstream::ColorChoice;
use clap::Parser;
use deployer::cli::Arguments;
use deployer::output::{Exit, Output};

fn main() -> ExitCode {
    // Before the arguments are parsed: what is wrong with them is written without colour too.
    if std::env::args_os().any(|argument| argument == "--no-color") {
        ColorChoice::Never.write_global();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Not clap's exit code: 2 means that changes are pending.
            let exit = if usage.use_stderr() { Exit::Failed } else { Exit::Done };
            // Nobody is left to tell if both are closed.
            let _ = usage.print();
            return exit.into();
        }
    };
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the environment")]
    let environment = |name: &str| std::env::var(name).ok();
    deployer::command::run(&arguments, &environment, Output::new(arguments.output)).into()
}
