//! `deployer man`: generates the manual pages, for packages.

use super::{Failure, Invocation, create_directory, write};
use crate::cli;
use crate::cli::generated::pages;
use crate::output::Exit;

pub(super) fn run(arguments: &cli::Man, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    if let Some(directory) = &arguments.dir {
        create_directory(directory)?;
    }
    for (name, page) in pages(invocation.output.program) {
        let path = arguments.dir.as_ref().map(|directory| directory.join(name));
        write(&page, path.as_deref(), invocation.output)?;
    }
    Ok(Exit::Success)
}
