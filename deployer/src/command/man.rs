//! `deployer man`: the manual pages, for packages.

use super::{Failure, Invocation, make_folder, write};
use crate::cli;
use crate::cli::generated::pages;
use crate::output::Exit;

pub(super) fn run(arguments: &cli::Man, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    if let Some(folder) = &arguments.dir {
        make_folder(folder)?;
    }
    for (name, page) in pages() {
        let path = arguments.dir.as_ref().map(|folder| folder.join(name));
        write(&page, path.as_deref(), invocation.output)?;
    }
    Ok(Exit::Done)
}
