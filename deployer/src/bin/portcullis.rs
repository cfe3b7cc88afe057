//! The same program under the name that packages install.

use std::process::ExitCode;

fn main() -> ExitCode {
    deployer::start::run()
}
