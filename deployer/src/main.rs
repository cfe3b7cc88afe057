//! The `deployer` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    deployer::start::run()
}
