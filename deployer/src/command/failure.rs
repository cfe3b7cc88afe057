//! How a command can fail, and the exit code of each failure.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use authorizer::config::ConfigErrors;

use crate::apply::probe::Problem;
use crate::apply::{ApplyError, ConcurrentUpdate};
use crate::output::{Exit, Output};
use aws::{CallError, CallErrorKind, ConnectError};
use compiler::definition::DefinitionError;
use compiler::project::ReadError;
use compiler::source::diagnostic::Diagnostic;
use deployment::desired::DesiredStateError;
use deployment::json::JsonProblem;
use dev::issuer::KeyGenerationError;
use dev::serving::StartError;

mod code;
mod help;

/// Why a command did not do what it is for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// AWS cannot be reached as this caller.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A plan was not carried out.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The authorizer would not start with its configuration.
    #[error("invalid authorizer configuration: {0}")]
    AuthorizerConfig(#[from] ConfigErrors),
    /// A function that was built cannot be read.
    #[error("{} cannot be read: {cause}", .path.display())]
    Binary {
        /// The function's file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A call to AWS failed for good.
    #[error(transparent)]
    Call(#[from] CallError),
    /// AWS is not any more what was planned for.
    #[error("AWS changed while waiting for confirmation")]
    ChangedWhileWaiting,
    /// The API definition for AWS cannot be written.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A program ended with a failure.
    #[error("{program} failed: {status}")]
    Ended {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
    },
    /// The configuration was read and is invalid.
    #[error("invalid configuration")]
    Files(Vec<Diagnostic>),
    /// A function cannot be published.
    #[error("{arn} {problem}")]
    Function {
        /// The function.
        arn: String,
        /// Why.
        problem: FunctionProblem,
    },
    /// The local issuer's key could not be made.
    #[error("cannot start the local issuer: {0}")]
    IssuerKey(#[from] KeyGenerationError),
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
    /// An API carries another API's tag.
    #[error("API {id} is already managed as `{found}`, not `{expected}`")]
    ManagedAs {
        /// The API's id.
        id: String,
        /// The name in the configuration.
        expected: String,
        /// The name in its tag.
        found: String,
    },
    /// The configuration names what cannot be in that account.
    #[error(transparent)]
    DesiredState(#[from] DesiredStateError),
    /// No API carries this name's tag.
    #[error("no API `{name}` managed by Portcullis in {account}/{region}")]
    NoApi {
        /// The name.
        name: String,
        /// The account.
        account: String,
        /// The Region.
        region: String,
    },
    /// The configuration has no authorizer.
    #[error("portcullis.toml has no authorizer")]
    NoAuthorizer,
    /// There is no `cargo lambda`.
    #[error("cargo lambda is not installed, and builds the function")]
    NoCargoLambda,
    /// The stage served no revision before this one.
    #[error("stage {stage} served no earlier revision")]
    NoEarlierRevision {
        /// The stage.
        stage: String,
    },
    /// The account has no REST API with this id.
    #[error("no REST API {0}")]
    NoRestApi(String),
    /// The API has no such revision.
    #[error("no revision {0}")]
    NoRevision(u32),
    /// There are no sources to build.
    #[error("{} does not hold Portcullis's sources", .0.display())]
    NoSource(PathBuf),
    /// The API has no such stage.
    #[error("{api} has no stage {stage}")]
    NoStage {
        /// The API's name.
        api: String,
        /// The stage.
        stage: String,
    },
    /// The token command printed nothing.
    #[error("the token command ended with {0} and printed no token")]
    NoToken(ExitStatus),
    /// `cargo lambda deploy` reported no version.
    #[error("cargo lambda deploy reported no version")]
    NoVersion,
    /// A change was not confirmed.
    #[error("{action}: confirmation required")]
    NotConfirmed {
        /// What would have been done.
        action: String,
    },
    /// The API cannot be served here.
    #[error(transparent)]
    StartError(#[from] StartError),
    /// No authorizer of ours guards the operation.
    #[error("{method} {path} does not take a token")]
    NotGuarded {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// A saved plan is for another API or stage.
    #[error("the plan is for stage {} of {}, expected stage {} of {}", .found.1, .found.0, .expected.1, .expected.0)]
    OtherPlan {
        /// The API and the stage of the command.
        expected: (String, String),
        /// The API and the stage of the plan.
        found: (String, String),
    },
    /// A file is not a saved plan.
    #[error("{} is not a plan: {cause}", .path.display())]
    PlanFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        cause: JsonProblem,
    },
    /// A saved plan has another format.
    #[error("{} has plan format {found}, expected {expected}", .path.display())]
    PlanFormat {
        /// The file.
        path: PathBuf,
        /// The format of this program's plans.
        expected: u32,
        /// The format of this plan.
        found: u32,
    },
    /// A published version of a function does not decide as it must.
    #[error("version {version} of {function} {problem}; no alias was updated")]
    Probe {
        /// The function.
        function: String,
        /// The version.
        version: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// It may not be undeployed.
    #[error("{0} is protected")]
    Protected(String),
    /// The stage failed its smoke test and was rolled back.
    #[error("{0}; stage rolled back")]
    Smoke(SmokeFailure),
    /// The stage failed its smoke test, and rolling it back failed.
    #[error("{failure}; rollback failed: {error}")]
    SmokeNotRolledBack {
        /// How it answered.
        failure: SmokeFailure,
        /// Why it still serves the new deployment.
        error: CallError,
    },
    /// Several APIs carry the same tag.
    #[error("several APIs are tagged as {name}: {}", .ids.join(", "))]
    Several {
        /// The name.
        name: String,
        /// Their ids.
        ids: Vec<String>,
    },
    /// A program did not start.
    #[error("{program} cannot be started: {cause}")]
    Spawn {
        /// The program.
        program: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// A saved plan was made of another state of AWS.
    #[error("saved plan {} is stale: AWS changed since it was created", .0.display())]
    StalePlan(PathBuf),
    /// Something local could not be set up.
    #[error("cannot start {what}: {cause}")]
    Start {
        /// What.
        what: &'static str,
        /// Why.
        cause: io::Error,
    },
    /// The token was not read from stdin.
    #[error("the token cannot be read from stdin: {0}")]
    Stdin(io::Error),
    /// The configuration has no authorizer of this name.
    #[error("no authorizer `{name}`, expected one of: {}", .known.join(", "))]
    UnknownAuthorizer {
        /// The name.
        name: String,
        /// The authorizers of the configuration.
        known: Vec<String>,
    },
    /// The configuration has several authorizers, and none was chosen.
    #[error("several authorizers: choose one of {} with --authorizer", .0.join(", "))]
    UnnamedAuthorizer(Vec<String>),
    /// A file that does not exist or cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// No stage ever served the revision.
    #[error("revision {0} was never served by a stage and cannot be verified")]
    UnservedRevision(u32),
    /// No operation needs the authorizer.
    #[error("no operation is guarded by `{0}`")]
    UnusedAuthorizer(String),
    /// A file that cannot be written.
    #[error("{} cannot be written: {cause}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A document could not be serialized.
    #[error("{what} cannot be serialized: {cause}")]
    Unserializable {
        /// The document.
        what: &'static str,
        /// Why.
        cause: serde_json::Error,
    },
    /// An option's value is not one that it takes.
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

/// Why a function cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionProblem {
    /// Its ARN has no alias.
    #[error("must name an alias (…:function:NAME:ALIAS) so that it can be rolled back")]
    NoAlias,
    /// It would be created, and no role was named.
    #[error("does not exist, and creating it needs --function-role")]
    NoRole,
    /// It is not where the API is deployed.
    #[error("must be in {expected}, where the API is deployed")]
    Elsewhere {
        /// The account and Region of the API.
        expected: String,
    },
    /// Two authorizers name it.
    #[error("serves two authorizers, and a function has one configuration")]
    Shared,
}

/// How a stage failed its smoke test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmokeFailure {
    /// Its address is not a URL.
    #[error("`{0}` is not a URL")]
    Url(String),
    /// The request was not sent, or got no response.
    #[error("{url} cannot be reached: {cause}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        cause: String,
    },
    /// The response took too long.
    #[error("{url} did not answer within {seconds} s")]
    Timeout {
        /// The address.
        url: String,
        /// The limit.
        seconds: u64,
    },
    /// The response has another status.
    #[error("{url} answered {found}, expected {}", .expected.map_or("below 500".to_owned(), |status| status.to_string()))]
    Status {
        /// The address.
        url: String,
        /// The status of `--smoke-status`, if there is one.
        expected: Option<u16>,
        /// The response's status.
        found: u16,
    },
}

impl From<ConcurrentUpdate> for Failure {
    fn from(update: ConcurrentUpdate) -> Self {
        Self::Apply(update.into())
    }
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Files(_)
            | Self::Definition(_)
            | Self::Unreadable(_)
            | Self::DesiredState(_)
            | Self::Connect(ConnectError::InvalidRegion(_) | ConnectError::NoRegion) => {
                Exit::WrongFiles
            }
            Self::Connect(
                ConnectError::Credentials(_)
                | ConnectError::NoCredentials
                | ConnectError::NoProfileCredentials(_),
            ) => Exit::NotPermitted,
            Self::Connect(ConnectError::Call(error))
            | Self::Call(error)
            | Self::Apply(ApplyError::Call(error)) => match error.kind {
                CallErrorKind::Denied | CallErrorKind::Unauthenticated => Exit::NotPermitted,
                CallErrorKind::Conflict => Exit::Conflict,
                _ => Exit::Failed,
            },
            Self::ChangedWhileWaiting
            | Self::OtherPlan { .. }
            | Self::PlanFile { .. }
            | Self::PlanFormat { .. }
            | Self::StalePlan(_)
            | Self::Several { .. }
            | Self::Apply(ApplyError::ConcurrentUpdate(_)) => Exit::Conflict,
            Self::Smoke(_) | Self::Apply(ApplyError::RolledBack(_)) => Exit::RolledBack,
            _ => Exit::Failed,
        }
    }

    /// Reports the failure, and what to do about it.
    pub(super) fn tell(&self, output: Output) {
        match self {
            Self::Files(diagnostics) => {
                output.invalid(self.code(), &self.to_string(), diagnostics);
            }
            _ => output.failure(self.code(), &self.to_string(), self.help().as_deref()),
        }
    }
}
