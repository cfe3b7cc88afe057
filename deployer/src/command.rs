//! What each command does, one file a verb, and how a command can fail.

use authorizer::config::IssuerDocument;
use authorizer::secure_url;

use crate::cli::{Arguments, Command, Files};
use crate::dev::issuer;
use crate::output::{Exit, Output};
use compiler::api::Api;
use compiler::compile::Environment;
use compiler::project;
use compiler::source::diagnostic::has_errors;

mod adopt;
mod build;
mod check;
mod config;
mod deploy;
mod dev;
mod discover;
mod doctor;
mod drift;
mod explain;
mod export;
mod failure;
mod files;
mod history;
mod iam;
mod local;
mod plan;
mod rollback;
mod sdk;
mod session;
mod smoke;
mod status;
mod test;
mod undeploy;

pub use failure::Failure;
use files::{make_folder, read_bytes, write, write_bytes};

/// Runs a command and says how it ended.
pub fn run(arguments: &Arguments, environment: Environment<'_>, output: Output) -> Exit {
    let result = match &arguments.command {
        Command::Check(arguments) => check::run(arguments, environment, output),
        Command::Config(arguments) => config::run(arguments, environment, output),
        Command::Explain(arguments) => explain::run(arguments, environment, output),
        Command::Export(asked) => export::run(asked, &arguments.access, environment, output),
        Command::Dev(arguments) => dev::run(arguments, environment, output),
        Command::Test(arguments) => test::run(arguments, environment, output),
        Command::Iam(asked) => iam::run(asked, &arguments.access, environment, output),
        command => live(command, arguments, environment, output),
    };
    match result {
        Ok(exit) => exit,
        Err(failure) => {
            failure.tell(output);
            failure.exit()
        }
    }
}

/// Runs a command that needs AWS.
fn live(
    command: &Command,
    arguments: &Arguments,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let access = &arguments.access;
    match command {
        Command::Plan(asked) => plan::run(asked, access, environment, output),
        Command::Deploy(asked) => deploy::run(asked, access, environment, output),
        Command::Status(asked) => status::run(asked, access, environment, output),
        Command::History(asked) => history::run(asked, access, environment, output),
        Command::Drift(asked) => drift::run(asked, access, environment, output),
        Command::Rollback(asked) => rollback::run(asked, access, environment, output),
        Command::Undeploy(asked) => undeploy::run(asked, access, environment, output),
        Command::Discover => discover::run(access, output),
        Command::Adopt(asked) => adopt::run(asked, access, environment, output),
        Command::Sdk(asked) => sdk::run(asked, access, environment, output),
        Command::Doctor(asked) => doctor::run(asked, access, environment, output),
        // Those that need no AWS.
        _ => Ok(Exit::Done),
    }
}

/// Compiles the files; warnings are told, errors end the command.
fn compiled(files: &Files, environment: Environment<'_>, output: Output) -> Result<Api, Failure> {
    let project = project::load(&files.dir, files.stage.as_deref(), environment)?;
    match project.api {
        Some(api) if !has_errors(&project.diagnostics) => {
            output.asides(&project.diagnostics);
            Ok(api)
        }
        _ => Err(Failure::Files(project.diagnostics)),
    }
}

/// Compiles the files for a command that does nothing with what they ask for: warnings were
/// told by those that do.
fn named(files: &Files, environment: Environment<'_>) -> Result<Api, Failure> {
    let project = project::load(&files.dir, files.stage.as_deref(), environment)?;
    project.api.ok_or(Failure::Files(project.diagnostics))
}

/// Trusts the issuer of a running `dev`, for the audiences of the configured ones. Only a
/// loopback URL may be plain http, and only such a one is nobody else's.
fn local_issuer(url: &str, configured: &[IssuerDocument]) -> Result<IssuerDocument, Failure> {
    if secure_url::parse(url).is_none_or(|parsed| parsed.scheme() != "http") {
        return Err(Failure::Value {
            option: "--local-issuer",
            value: url.to_owned(),
            expected: "the http URL of a local issuer, such as http://127.0.0.1:4010",
        });
    }
    Ok(issuer::trusted(url, configured))
}
