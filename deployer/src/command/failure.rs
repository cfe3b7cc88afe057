//! How a command can fail, what it ends with then, and what to do next.

use std::io;
use std::path::PathBuf;

use crate::apply::ApplyError;
use crate::dev::serving::StartError;
use crate::output::{Exit, Output};
use aws::{CallError, ConnectError, Kind};
use compiler::definition::DefinitionError;
use compiler::project::{self, Unreadable};
use compiler::source::diagnostic::Diagnostic;
use deployment::desired::DesiredStateError;

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
    StartError(#[from] StartError),
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
    pub(super) fn exit(&self) -> Exit {
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
    pub(super) fn tell(&self, output: Output) {
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
