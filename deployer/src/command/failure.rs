//! The failures of commands, and the exit code of each.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use authorizer::config::ConfigErrors;
use authorizer::keys::proxy::ProxyError;
use authorizer::log_identity::InvalidLogKey;

use crate::apply::probe::Problem;
use crate::apply::{ApplyError, ConcurrentUpdate};
use crate::output::{Exit, Output};
use crate::package::PackageError;
use aws::{CallError, CallErrorKind, ConnectError};
use compiler::api::Architecture;
use compiler::definition::DefinitionError;
use compiler::project::ReadError;
use compiler::source::diagnostic::Diagnostic;
use compiler::source::revocation::RevocationError;
use deployment::desired::DesiredStateError;
use deployment::history::TargetError;
use deployment::json::JsonProblem;
use deployment::plan::{CanaryError, UnmetPrecondition};
use dev::issuer::KeyGenerationError;
use dev::serving::StartError;

mod code;
mod function;
mod help;

pub use function::{DownloadError, FunctionError, Origin};

/// The reason a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The connection to AWS failed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A plan was not applied.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The compiled authorizer configuration is invalid.
    #[error("invalid authorizer configuration: {0}")]
    AuthorizerConfig(#[from] ConfigErrors),
    /// A built function cannot be read.
    #[error("cannot read {}: {cause}", .path.display())]
    FunctionUnreadable {
        /// The function's file.
        path: PathBuf,
        /// The cause.
        cause: io::Error,
    },
    /// A published package cannot be downloaded.
    #[error("cannot download the package of {origin}: {cause}")]
    Download {
        /// The version.
        origin: Origin,
        /// The cause.
        cause: DownloadError,
    },
    /// A zip file has no binary that can be published.
    #[error("{origin} {problem}")]
    Package {
        /// The zip file.
        origin: Origin,
        /// The cause.
        problem: PackageError,
    },
    /// A binary is for another architecture.
    #[error("{origin} is for {found}, expected {expected}")]
    OtherArchitecture {
        /// The origin of the binary.
        origin: Origin,
        /// The architecture of the function.
        expected: Architecture,
        /// The architecture of the binary.
        found: Architecture,
    },
    /// A binary is for a machine that Lambda does not have.
    #[error("{0} is for a machine that Lambda does not support, expected x86_64 or arm64")]
    UnknownArchitecture(Origin),
    /// There is no binary to publish.
    #[error("no authorizer binary for {0}")]
    NoBinary(Architecture),
    /// A version has no package that can be downloaded.
    #[error("{0} has no package")]
    NoCode(Origin),
    /// A call to AWS failed, retries included.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The state of AWS is not the planned one any more.
    #[error("AWS changed while waiting for confirmation")]
    ChangedWhileWaiting,
    /// The API definition for AWS cannot be rendered.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// A program exited with a failure.
    #[error("`{program}` failed: {status}")]
    ProgramFailed {
        /// The program.
        program: &'static str,
        /// Its exit status.
        status: ExitStatus,
    },
    /// The configuration was read and is invalid.
    #[error("invalid configuration")]
    InvalidConfiguration(Vec<Diagnostic>),
    /// A function cannot be published.
    #[error("`{arn}` {problem}")]
    Function {
        /// The function.
        arn: String,
        /// The cause.
        problem: FunctionError,
    },
    /// The local issuer's key cannot be generated.
    #[error("cannot start the local issuer: {0}")]
    IssuerKey(#[from] KeyGenerationError),
    /// The keys of issuers were not fetched.
    #[error("the keys of {} not fetched", names_of(.issuers))]
    KeysNotFetched {
        /// The issuers.
        issuers: Vec<String>,
        /// The fixes of their failures.
        fixes: BTreeSet<String>,
    },
    /// A port is not available.
    #[error("cannot listen on 127.0.0.1:{port}: {cause}")]
    Listen {
        /// The port.
        port: u16,
        /// The option that sets it.
        option: &'static str,
        /// The cause.
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
    /// The configuration has a resource that cannot be in the account.
    #[error(transparent)]
    DesiredState(#[from] DesiredStateError),
    /// No API has a tag with this name.
    #[error("no API `{name}` managed by Portcullis in {account}/{region}")]
    NoApi {
        /// The name.
        name: String,
        /// The account.
        account: String,
        /// The Region.
        region: String,
    },
    /// The variable with the log key is not set.
    #[error("`AUTHORIZER_LOG_KEY` is not set")]
    NoLogKey,
    /// The variable has no valid log key.
    #[error("`AUTHORIZER_LOG_KEY` {0}")]
    InvalidLogKey(#[from] InvalidLogKey),
    /// The configuration has no authorizer.
    #[error("portcullis.toml has no authorizer")]
    NoAuthorizer,
    /// No issuer has `keys`.
    #[error("no issuer has `keys`")]
    NoBundledKeys,
    /// `cargo lambda` is not installed.
    #[error("`cargo lambda` is not installed")]
    NoCargoLambda,
    /// A canary cannot be planned.
    #[error(transparent)]
    Canary(#[from] CanaryError),
    /// AWS would refuse the deployment.
    #[error(transparent)]
    Precondition(#[from] UnmetPrecondition),
    /// A custom domain is mapped to the stage that is to be deleted.
    #[error("the custom domain {domain} is mapped to the stage, at base path `{path}`")]
    MappedDomain {
        /// The domain.
        domain: String,
        /// The base path.
        path: String,
    },
    /// A file of a new project exists already.
    #[error("{} exists already", .0.display())]
    FileExists(PathBuf),
    /// A stage was moved, and its authorizer cache was not flushed.
    #[error(
        "stage `{stage}` was updated, but its authorizer result cache was not flushed: {error}"
    )]
    CacheNotFlushed {
        /// The stage.
        stage: String,
        /// The revision that it serves, if Portcullis deployed it.
        revision: Option<u32>,
        /// The cause.
        error: CallError,
    },
    /// The stage has no canary.
    #[error("stage `{stage}` has no canary")]
    NoCanary {
        /// The stage.
        stage: String,
    },
    /// The stage cannot be rolled back to the revision, or to any.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// An entry cannot be added to a deny-list of portcullis.toml.
    #[error(transparent)]
    Revocation(#[from] RevocationError),
    /// The record of a revision cannot be read.
    #[error("the record of revision {revision} {reason}")]
    RecordUnreadable {
        /// The revision.
        revision: u32,
        /// The cause.
        reason: String,
    },
    /// The account has no REST API with this ID.
    #[error("REST API `{0}` does not exist")]
    NoRestApi(String),
    /// An authorizer of an API on AWS has a type that Portcullis does not support.
    #[error("authorizer `{name}` has the type `{kind}`, which Portcullis does not support")]
    UnsupportedAuthorizer {
        /// Its name.
        name: String,
        /// Its type.
        kind: String,
    },
    /// A directory has no sources to build.
    #[error("{} does not contain the Portcullis sources", .0.display())]
    NoSource(PathBuf),
    /// The API has no such stage.
    #[error("stage `{stage}` of API `{api}` does not exist")]
    NoStage {
        /// The API's name.
        api: String,
        /// The stage.
        stage: String,
    },
    /// The token command failed or printed nothing.
    #[error("the token command printed no token ({0})")]
    NoToken(ExitStatus),
    /// A prompt was answered with another text.
    #[error("cancelled: the prompt to {action} was answered with another text")]
    Cancelled {
        /// The change.
        action: String,
    },
    /// A change was not confirmed.
    #[error("confirmation required to {action}")]
    NotConfirmed {
        /// The change.
        action: String,
    },
    /// The API cannot be served locally.
    #[error(transparent)]
    Serve(#[from] StartError),
    /// The operation is not protected by a JWT authorizer.
    #[error("`{method} {path}` is not protected by a JWT authorizer")]
    NotProtected {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// A saved plan is for another API or stage.
    #[error("the saved plan is for stage `{}` of `{}`, expected stage `{}` of `{}`", .found.1, .found.0, .expected.1, .expected.0)]
    PlanForAnotherStage {
        /// The API and the stage of the command.
        expected: (String, String),
        /// The API and the stage of the plan.
        found: (String, String),
    },
    /// A file is not a saved plan.
    #[error("{} is not a saved plan: {cause}", .path.display())]
    InvalidPlan {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: JsonProblem,
    },
    /// A saved plan has an unsupported format version.
    #[error("{} has plan format {found}, expected {expected}", .path.display())]
    PlanFormat {
        /// The file.
        path: PathBuf,
        /// The supported format version.
        expected: u32,
        /// The plan's format version.
        found: u32,
    },
    /// A published function version failed its test.
    #[error("version {version} of {function} {problem}; no stage or alias was updated")]
    FunctionTest {
        /// The function.
        function: String,
        /// The version.
        version: String,
        /// The test's result.
        problem: Problem,
    },
    /// The binary is not the one that the plan publishes.
    #[error("the binary of {origin} is not the one of the plan, for function `{function}`")]
    OtherBinary {
        /// The origin of the binary.
        origin: Origin,
        /// The function.
        function: String,
    },
    /// The files changed since the plan was saved, and it publishes versions of functions.
    #[error("saved plan {} is stale: portcullis.toml, a file that it names, or the binary changed since it was created", .0.display())]
    FilesChanged(PathBuf),
    /// A pinned function exists, and Portcullis did not publish it.
    #[error("function `{0}` exists and is not managed by Portcullis")]
    FunctionNotManaged(String),
    /// A function does not know every route, or requires something else.
    #[error("function `{function}` does not decide every route as configured: {problem}")]
    FunctionOutdated {
        /// The function.
        function: String,
        /// The difference.
        problem: String,
    },
    /// A function does not describe the routes that it decides.
    #[error("function `{function}` cannot be compared with the configuration: {problem}")]
    FunctionUndescribed {
        /// The function.
        function: String,
        /// The cause.
        problem: String,
    },
    /// Dangerous changes are not confirmed.
    #[error("dangerous changes are not confirmed: {0}")]
    Dangerous(usize),
    /// The API is protected from deletion.
    #[error("API `{0}` is protected")]
    Protected(String),
    /// The stage failed its smoke test and was rolled back.
    #[error("{0}; stage rolled back")]
    SmokeTest(SmokeFailure),
    /// The stage failed its smoke test, and the rollback failed.
    #[error("{failure}; rollback failed: {error}")]
    SmokeNotRolledBack {
        /// The smoke test's failure.
        failure: SmokeFailure,
        /// The rollback's failure.
        error: CallError,
    },
    /// Several APIs have the same tag `portcullis:api`.
    #[error("several APIs have the tag `portcullis:api={name}`: {}", .ids.join(", "))]
    AmbiguousApi {
        /// The name.
        name: String,
        /// Their IDs.
        ids: Vec<String>,
    },
    /// A program cannot be started.
    #[error("cannot run `{program}`: {cause}")]
    ProgramNotStarted {
        /// The program.
        program: &'static str,
        /// The cause.
        cause: io::Error,
    },
    /// The proxy's environment variable is invalid.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// AWS changed since the plan was saved.
    #[error("saved plan {} is stale: AWS changed since it was created", .0.display())]
    StalePlan(PathBuf),
    /// A local component cannot be set up.
    #[error("cannot set up {what}: {cause}")]
    Start {
        /// The component.
        what: &'static str,
        /// The cause.
        cause: io::Error,
    },
    /// Stdin cannot be read.
    #[error("cannot read stdin: {0}")]
    Stdin(io::Error),
    /// The configuration has no authorizer of this name.
    #[error("unknown authorizer `{name}`")]
    UnknownAuthorizer {
        /// The name.
        name: String,
        /// The authorizers of the configuration.
        known: Vec<String>,
    },
    /// The configuration has several authorizers, and `--authorizer` is missing.
    #[error("missing `--authorizer`: the configuration has {} authorizers", .0.len())]
    AuthorizerRequired(Vec<String>),
    /// A file does not exist or cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// The authorizer protects no operation.
    #[error("no operation is protected by `{0}`")]
    UnusedAuthorizer(String),
    /// A file cannot be written.
    #[error("cannot write {}: {cause}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: io::Error,
    },
    /// A document cannot be serialized.
    #[error("cannot serialize {what}: {cause}")]
    Unserializable {
        /// The document.
        what: &'static str,
        /// The cause.
        cause: serde_json::Error,
    },
    /// The value of an option or argument is invalid.
    #[error("invalid `{option}` `{value}`: expected {expected}")]
    InvalidOption {
        /// The option or argument.
        option: &'static str,
        /// Its value.
        value: String,
        /// The expected form.
        expected: &'static str,
    },
    /// An option is missing.
    #[error("missing `{option}`: expected {expected}")]
    MissingOption {
        /// The option.
        option: &'static str,
        /// The expected form.
        expected: &'static str,
    },
}

/// The failure of a smoke test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmokeFailure {
    /// The target is not a URL.
    #[error("invalid `--smoke` `{0}`: expected a path or a URL")]
    Url(String),
    /// The request got no response.
    #[error("{url} is unreachable: {cause}")]
    Unreachable {
        /// The URL.
        url: String,
        /// The cause.
        cause: String,
    },
    /// The request timed out.
    #[error("{url} timed out after {seconds} s")]
    Timeout {
        /// The URL.
        url: String,
        /// The timeout.
        seconds: u64,
    },
    /// The response has an unexpected status.
    #[error("{url} returned status {found}, expected {}", .expected.map_or("below 500".to_owned(), |status| status.to_string()))]
    Status {
        /// The URL.
        url: String,
        /// The status of `--smoke-status`, if set.
        expected: Option<u16>,
        /// The response's status.
        found: u16,
    },
}

/// Returns the subject of a message about issuers.
fn names_of(names: &[String]) -> String {
    match names {
        [only] => format!("`{only}` were"),
        _ => format!("{} issuers were", names.len()),
    }
}

impl From<ConcurrentUpdate> for Failure {
    fn from(update: ConcurrentUpdate) -> Self {
        Self::Apply(update.into())
    }
}

impl Failure {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::InvalidConfiguration(_)
            | Self::Definition(_)
            | Self::Unreadable(_)
            | Self::DesiredState(_)
            | Self::Canary(_)
            | Self::Precondition(_)
            | Self::Connect(ConnectError::InvalidRegion(_) | ConnectError::NoRegion) => {
                Exit::InvalidConfiguration
            }
            Self::Connect(
                ConnectError::Credentials(_)
                | ConnectError::NoCredentials
                | ConnectError::NoProfileCredentials(_),
            ) => Exit::AccessDenied,
            Self::Connect(ConnectError::Call(error))
            | Self::Call(error)
            | Self::Apply(ApplyError::Call(error) | ApplyError::NotFlushed { error, .. }) => {
                match error.kind {
                    CallErrorKind::Denied | CallErrorKind::Unauthenticated => Exit::AccessDenied,
                    CallErrorKind::Conflict | CallErrorKind::PreconditionFailed => Exit::Conflict,
                    _ => Exit::Failed,
                }
            }
            Self::ChangedWhileWaiting
            | Self::PlanForAnotherStage { .. }
            | Self::InvalidPlan { .. }
            | Self::PlanFormat { .. }
            | Self::StalePlan(_)
            | Self::AmbiguousApi { .. }
            | Self::Apply(ApplyError::ConcurrentUpdate(_)) => Exit::Conflict,
            Self::SmokeTest(_) | Self::Apply(ApplyError::RolledBack(_)) => Exit::RolledBack,
            _ => Exit::Failed,
        }
    }

    /// Writes the failure and its help.
    pub(super) fn report(&self, output: Output) {
        match self {
            Self::InvalidConfiguration(diagnostics) => {
                output.invalid(self.code(), &self.to_string(), diagnostics);
            }
            _ => output.failure(self.code(), &self.to_string(), self.help().as_deref()),
        }
    }
}
