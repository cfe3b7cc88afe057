//! `export --document`: write what API Gateway imports.

use super::{Failure, compiled, write};
use crate::cli;
use crate::compile::Environment;
use crate::openapi::render;
use crate::output::{Exit, Output};

pub(super) fn run(
    arguments: &cli::Export,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let api = compiled(&arguments.files, environment, output)?;
    let document = format!("{:#}", render(&api)?);
    write(&document, arguments.out.as_deref(), output)?;
    Ok(Exit::Done)
}
