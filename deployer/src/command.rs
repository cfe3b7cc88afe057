//! What each command does, one file a verb, and how a command can fail.

use std::path::{Path, PathBuf};
use std::{fs, io};

use authorizer::config::{IssuerDocument, secure_url};

use crate::api::Api;
use crate::cli::{Arguments, Command, Files};
use crate::compile::Environment;
use crate::dev::issuer;
use crate::diagnostic::{Diagnostic, has_errors};
use crate::openapi::RenderError;
use crate::output::{Exit, Output};
use crate::project::{self, Unreadable};

mod check;
mod config;
mod dev;
mod explain;
mod export;

/// Why a command did not do what it is for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There is more than one authorizer, or none of that name.
    #[error("{0}")]
    Authorizer(String),
    /// The files were read and are wrong.
    #[error("the files are wrong")]
    Files(Vec<Diagnostic>),
    /// A port that cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}: {cause}")]
    Listen {
        /// The port.
        port: u16,
        /// The option that sets it.
        option: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// The local issuer or the gateway could not be set up.
    #[error("cannot start {what}: {cause}")]
    Start {
        /// What.
        what: &'static str,
        /// Why.
        cause: String,
    },
    /// The API has what only AWS can do.
    #[error("{0}")]
    NotLocal(String),
    /// The document for AWS cannot be written.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A file that is not there.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A file that cannot be written.
    #[error("{} cannot be written: {cause}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// An option's value that makes no sense.
    #[error("{option} is not {expected}: `{value}`")]
    Value {
        /// The option.
        option: &'static str,
        /// What it was given.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Files(_) | Self::Render(_) | Self::Unreadable(_) => Exit::WrongFiles,
            _ => Exit::Failed,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Listen { option, .. } => {
                Some(format!("choose another port with {option}, or {option} 0 for any free one"))
            }
            Self::Unreadable(file) if file.path.ends_with(project::MANIFEST) => {
                Some("name the folder that holds portcullis.toml, or run it there".to_owned())
            }
            Self::Render(RenderError::NoFunction(name)) => {
                Some(format!("add `function_arn` to [authorizer.{name}]"))
            }
            Self::Render(RenderError::ExternalAuthorizer { scheme, .. }) => {
                Some(format!("add [authorizer.{scheme}] to portcullis.toml"))
            }
            _ => None,
        }
    }
}

/// Runs a command and says how it ended.
pub fn run(arguments: &Arguments, environment: Environment<'_>, output: Output) -> Exit {
    let result = match &arguments.command {
        Command::Check(arguments) => check::run(arguments, environment, output),
        Command::Config(arguments) => config::run(arguments, environment, output),
        Command::Explain(arguments) => explain::run(arguments, environment, output),
        Command::Export(arguments) => export::run(arguments, environment, output),
        Command::Dev(arguments) => dev::run(arguments, environment, output),
    };
    match result {
        Ok(exit) => exit,
        Err(failure) => {
            if let Failure::Files(diagnostics) = &failure {
                output.diagnostics(diagnostics);
            } else {
                output.failure(&failure.to_string(), failure.help().as_deref());
            }
            failure.exit()
        }
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

/// Trusts the issuer of a running `dev`, for the audiences of the configured ones. Only a
/// loopback URL may be plain http, and only such a one is nobody else's.
fn local_issuer(url: &str, configured: &[IssuerDocument]) -> Result<IssuerDocument, Failure> {
    if secure_url(url).is_none_or(|parsed| parsed.scheme() != "http") {
        return Err(Failure::Value {
            option: "--local-issuer",
            value: url.to_owned(),
            expected: "the http URL of a local issuer, such as http://127.0.0.1:4010",
        });
    }
    Ok(issuer::trusted(url, configured))
}

/// Writes a document to a file, whole or not at all, or to stdout.
fn write(text: &str, path: Option<&Path>, output: Output) -> Result<(), Failure> {
    let Some(path) = path else {
        output.document(text);
        return Ok(());
    };
    let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
    let mut name = path
        .file_name()
        .ok_or_else(|| unwritable(io::ErrorKind::InvalidFilename.into()))?
        .to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, format!("{text}\n")).map_err(unwritable)?;
    fs::rename(&part, path).map_err(unwritable)
}
