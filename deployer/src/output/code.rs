//! The codes of errors, by which programs tell them apart. A code is never given another
//! meaning.

use clap::ValueEnum;

/// The kind of a failure. Its documentation is that of docs/error-codes.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The caller may not make a call to AWS
    AccessDenied,
    /// A function's ARN names no alias, so a new version could not be rolled back
    AliasMissing,
    /// Several APIs carry the same tag
    AmbiguousApi,
    /// No API in the account and Region is managed under this name
    ApiNotFound,
    /// The API is protected from removal
    ApiProtected,
    /// The configuration has no authorizer of this name
    AuthorizerNotFound,
    /// The configuration has several authorizers, and none was chosen
    AuthorizerRequired,
    /// An authorizer accepted an invalid token, rejected the given one, or failed
    AuthorizerTestFailed,
    /// `TestInvokeAuthorizer` is not supported there
    AuthorizerUntestable,
    /// No operation is guarded by the authorizer
    AuthorizerUnused,
    /// AWS refused a call because something else changes the same resource
    AwsConflict,
    /// AWS found no resource for a call
    AwsNotFound,
    /// AWS rejected a call as invalid
    AwsRejected,
    /// There is no connection to AWS
    AwsUnreachable,
    /// A canary needs a stage that serves a deployment
    CanaryWithoutStage,
    /// A port cannot be listened on
    CannotListen,
    /// The API has something that cannot be served locally
    CannotServeLocally,
    /// `cargo lambda` is not installed
    CargoLambdaMissing,
    /// AWS changed while the command waited for confirmation
    ChangedWhileWaiting,
    /// Something else updated the stage while the command ran
    ConcurrentUpdate,
    /// The command needs `--yes`, or a terminal to ask in
    ConfirmationRequired,
    /// There are no usable AWS credentials
    CredentialsMissing,
    /// AWS rejected the credentials
    CredentialsRejected,
    /// The API definition on AWS is not the imported one
    DefinitionMismatch,
    /// A file cannot be read
    FileUnreadable,
    /// A file cannot be written
    FileUnwritable,
    /// An authorizer has no `function_arn`
    FunctionArnMissing,
    /// A function is in another account or Region than the API
    FunctionElsewhere,
    /// A new function needs `--function-role`
    FunctionRoleMissing,
    /// Two authorizers have the same function
    FunctionShared,
    /// A new version of a function accepted an invalid token, rejected the given one, or failed
    FunctionTestFailed,
    /// A function was built and cannot be read
    FunctionUnreadable,
    /// `cargo lambda deploy` reported no version
    FunctionVersionUnknown,
    /// The command was interrupted between two calls
    Interrupted,
    /// The authorizer would not start with its configuration
    InvalidAuthorizerConfiguration,
    /// The configuration is invalid; see `diagnostics`
    InvalidConfiguration,
    /// An option has a value that it does not take
    InvalidOption,
    /// A file is not a saved plan
    InvalidPlan,
    /// The local issuer's key could not be made
    IssuerKeyFailed,
    /// The API is already managed under another name
    ManagedAsAnother,
    /// The configuration has no authorizer
    NoAuthorizer,
    /// The stage served no earlier revision
    NoEarlierRevision,
    /// The operation takes no token
    OperationNotGuarded,
    /// A call got no response and may have been carried out
    OutcomeUnknown,
    /// A saved plan is for another API or stage
    PlanForAnotherStage,
    /// A saved plan has another format
    PlanFormatUnsupported,
    /// A program ended with a failure
    ProgramFailed,
    /// A program did not start
    ProgramNotStarted,
    /// The Region's name is not one
    RegionInvalid,
    /// No Region is set
    RegionMissing,
    /// The account has no REST API with this id
    RestApiNotFound,
    /// The API has no such revision
    RevisionNotFound,
    /// No stage served the revision, so it cannot be verified
    RevisionNotServed,
    /// The stage is not as planned, and rolling it back failed
    RollbackFailed,
    /// A document could not be serialized
    SerializationFailed,
    /// The stage failed its smoke test and was rolled back
    SmokeTestFailed,
    /// The folder does not hold Portcullis's sources
    SourcesNotFound,
    /// The stage was not as planned and was rolled back
    StageMismatch,
    /// The API has no such stage
    StageNotFound,
    /// AWS changed since the plan was saved
    StalePlan,
    /// Something local could not be set up
    StartFailed,
    /// The token could not be read from stdin
    StdinUnreadable,
    /// AWS throttled a call until the limit of attempts
    Throttled,
    /// The token command printed no token
    TokenCommandFailed,
    /// The endpoint does not support a call
    UnsupportedCall,
    /// The configuration names a resource of another partition
    WrongPartition,
}

impl ErrorCode {
    /// Returns every code.
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// Returns its name in JSON.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Returns its meaning.
    pub fn meaning(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }
}
