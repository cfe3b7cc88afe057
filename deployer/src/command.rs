//! What each command does, one file a verb, and how a command can fail.

use std::path::{Path, PathBuf};
use std::{fs, io};

use authorizer::config::IssuerDocument;
use authorizer::secure_url;

use crate::apply::ApplyError;
use crate::cli::{Arguments, Command, Files};
use crate::dev::issuer;
use crate::dev::serving::StartError;
use crate::output::{Exit, Output};
use aws::{CallError, ConnectError, Kind};
use compiler::api::Api;
use compiler::compile::Environment;
use compiler::definition::DefinitionError;
use compiler::project::{self, Unreadable};
use compiler::source::diagnostic::{Diagnostic, has_errors};
use deployment::desired::DesiredStateError;

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

/// Why a command did not do what it is for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// AWS cannot be reached as this caller.
    #[error(transparent)]
    Access(#[from] ConnectError),
    /// A plan was not carried out.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// There is more than one authorizer, or none of that name.
    #[error("{0}")]
    Authorizer(String),
    /// A function was not built or published.
    #[error("{0}")]
    Build(String),
    /// A call to AWS failed for good.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is no `cargo lambda`.
    #[error("cargo lambda is not installed, and builds the function")]
    NoCargoLambda,
    /// There are no sources to build.
    #[error("{} does not hold Portcullis's sources", .0.display())]
    NoSource(PathBuf),
    /// Several APIs carry the same tag.
    #[error("several APIs are tagged as {name}: {}", .ids.join(", "))]
    Several {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// What the files ask for cannot be in that account.
    #[error(transparent)]
    DesiredState(#[from] DesiredStateError),
    /// There is no API with our tag, or not what was asked of it.
    #[error("{0}")]
    NotThere(String),
    /// Nobody said yes.
    #[error("{0}: nobody said yes")]
    NotConfirmed(String),
    /// It may not be undeployed.
    #[error("{0} is protected")]
    Protected(String),
    /// What was planned is not so any more.
    #[error("{0}")]
    Stale(String),
    /// The stage answered wrongly and was moved back.
    #[error("{0}; the stage was moved back")]
    Smoke(String),
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
    /// The API cannot be served here.
    #[error(transparent)]
    NotServed(#[from] StartError),
    /// The document for AWS cannot be written.
    #[error(transparent)]
    Draft(#[from] DefinitionError),
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
            Self::Files(_)
            | Self::Draft(_)
            | Self::Unreadable(_)
            | Self::DesiredState(_)
            | Self::Access(ConnectError::NotARegion(_) | ConnectError::NoRegion) => {
                Exit::WrongFiles
            }
            Self::Access(ConnectError::NoCredentials(_)) => Exit::NotPermitted,
            Self::Access(ConnectError::Call(error))
            | Self::Call(error)
            | Self::Apply(ApplyError::Call(error)) => match error.kind {
                Kind::Denied | Kind::Unauthenticated => Exit::NotPermitted,
                Kind::Conflict => Exit::Conflict,
                _ => Exit::Failed,
            },
            Self::Stale(_) | Self::Several { .. } | Self::Apply(ApplyError::Stale(_)) => {
                Exit::Conflict
            }
            Self::Smoke(_) | Self::Apply(ApplyError::RolledBack(_)) => Exit::RolledBack,
            _ => Exit::Failed,
        }
    }

    /// Says why, and what to do next.
    fn tell(&self, output: Output) {
        match self {
            Self::Files(diagnostics) => output.diagnostics(diagnostics),
            _ => output.failure(&self.to_string(), self.help().as_deref()),
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
            Self::Draft(DefinitionError::NoFunction(name)) => {
                Some(format!("add `function_arn` to [authorizer.{name}]"))
            }
            Self::Access(ConnectError::NoRegion | ConnectError::NotARegion(_)) => Some(
                "name one with --region, AWS_REGION or the profile, such as eu-west-1".to_owned(),
            ),
            Self::Access(ConnectError::NoCredentials(_)) => {
                Some("log in, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or name a --profile".to_owned())
            }
            Self::Access(ConnectError::Call(error))
            | Self::Call(error)
            | Self::Apply(ApplyError::Call(error)) => call_help(error),
            Self::Apply(ApplyError::Authorizer { log, .. }) => Some(if log.is_empty() {
                "`deployer doctor` looks at the function and the role".to_owned()
            } else {
                format!(
                    "`deployer doctor` looks at the function and the role; its log ends:\n{log}"
                )
            }),
            Self::Apply(ApplyError::NotBack(..)) => {
                Some("`deployer rollback --stage STAGE` tries again".to_owned())
            }
            Self::Apply(ApplyError::Untestable(_)) => {
                Some("for a stand-in of AWS's, add --untested-authorizer".to_owned())
            }
            Self::Apply(ApplyError::Draft(_)) => {
                Some("somebody else may be changing the API; run it again".to_owned())
            }
            Self::Apply(ApplyError::Stale(_)) | Self::Stale(_) => {
                Some("look at the new plan, and run it again".to_owned())
            }
            Self::NoCargoLambda => Some(
                "pip install cargo-lambda==1.9.2, or see https://www.cargo-lambda.info".to_owned(),
            ),
            Self::NoSource(_) => Some("name their folder: --build=SOURCE".to_owned()),
            Self::Several { .. } => {
                Some("remove the tag portcullis:api from all but one of them".to_owned())
            }
            Self::NotConfirmed(_) => Some("add --yes to go on without being asked".to_owned()),
            Self::Protected(_) => Some("set `protect = false` in portcullis.toml first".to_owned()),
            Self::DesiredState(_) => Some(
                "name what is in the account's own partition, or use other credentials".to_owned(),
            ),
            _ => None,
        }
    }
}

fn call_help(error: &CallError) -> Option<String> {
    Some(match error.kind {
        Kind::Denied => "`deployer iam COMMAND` prints the policy that a command needs".to_owned(),
        Kind::Unauthenticated => "log in again, or name other credentials".to_owned(),
        Kind::Interrupted => "run it again: it goes on where it stopped".to_owned(),
        Kind::Conflict => "somebody else is changing it; run it again".to_owned(),
        Kind::OutcomeUnknown | Kind::Throttled => {
            "run it again: what was done is not done twice".to_owned()
        }
        Kind::NoConnection => "is there such a Region or endpoint, and a way to it?".to_owned(),
        Kind::Invalid | Kind::NotFound | Kind::Unsupported => return None,
    })
}

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

/// Reads a file's bytes.
fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path)
        .map_err(|error| Failure::Build(format!("{} cannot be read: {error}", path.display())))
}

/// Makes a folder, if it is not there.
fn make_folder(path: &Path) -> Result<(), Failure> {
    let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
    fs::create_dir_all(path).map_err(unwritable)
}

/// Writes bytes to a file.
fn write_bytes(bytes: &[u8], path: &Path) -> Result<(), Failure> {
    let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
    fs::write(path, bytes).map_err(unwritable)
}
