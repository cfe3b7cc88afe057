//! The `deployer` command: reads arguments and environment, runs, and ends with its code.

use std::process::ExitCode;

use clap::Parser;
use deployer::cli::Arguments;
use deployer::output::{Exit, Output};

fn main() -> ExitCode {
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
    let colour =
        !arguments.no_color && environment("NO_COLOR").is_none_or(|value| value.is_empty());
    let output = Output::new(arguments.output, colour);
    deployer::command::run(&arguments, &environment, output).into()
}
