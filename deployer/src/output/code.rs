//! The error codes for programs. The meaning of a code never changes.

use clap::ValueEnum;

/// The kind of a failure. The comments of the variants are the table in docs/error-codes.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ErrorCode {
    /// AWS denied a call: the caller lacks a permission
    AccessDenied,
    /// The access log of a stage is not in the account and Region of the API
    AccessLogElsewhere,
    /// A function's ARN has no alias, which a rollback requires
    AliasMissing,
    /// Several APIs have the same tag `portcullis:api`
    AmbiguousApi,
    /// The account has no API key with an ID of the usage plan
    ApiKeyNotFound,
    /// The account and Region have no API of this name that Portcullis manages
    ApiNotFound,
    /// The API is protected from deletion
    ApiProtected,
    /// The configuration has no authorizer of this name
    AuthorizerNotFound,
    /// The configuration has several authorizers, and `--authorizer` is missing
    AuthorizerRequired,
    /// An authorizer accepted an invalid token, rejected the token from `--token-command`, failed, or was not invoked
    AuthorizerTestFailed,
    /// An authorizer of the API has a type that Portcullis does not support
    AuthorizerUnsupported,
    /// The endpoint does not support `TestInvokeAuthorizer`
    AuthorizerUntestable,
    /// No operation is protected by the authorizer
    AuthorizerUnused,
    /// AWS rejected a call because of a concurrent modification of the same resource
    AwsConflict,
    /// AWS found no resource for a call
    AwsNotFound,
    /// AWS rejected a call as invalid
    AwsRejected,
    /// AWS cannot be reached
    AwsUnreachable,
    /// A stage was updated, and its authorizer result cache was not flushed
    CacheNotFlushed,
    /// The endpoint of the API changes, which `--canary` cannot limit to a share of the requests
    CanaryOfEndpoint,
    /// `--canary` requires a revision that differs from the one that the stage serves
    CanaryWithoutChange,
    /// `--canary` requires a stage that serves a deployment
    CanaryWithoutStage,
    /// A prompt was answered with another text than it names
    Cancelled,
    /// The gateway or the local issuer cannot listen on its port
    CannotListen,
    /// The API uses a feature that is not supported locally
    CannotServeLocally,
    /// `cargo lambda` is not installed
    CargoLambdaMissing,
    /// AWS changed while the command waited for confirmation
    ChangedWhileWaiting,
    /// The stage was updated concurrently
    ConcurrentUpdate,
    /// The command requires confirmation: `--yes`, or a terminal
    ConfirmationRequired,
    /// AWS credentials are missing or unusable
    CredentialsMissing,
    /// AWS rejected the credentials
    CredentialsRejected,
    /// Dangerous changes require `--allow-dangerous`, or a terminal without `--yes`
    DangerousChanges,
    /// The API definition on AWS differs from the imported one
    DefinitionMismatch,
    /// The entry cannot be added to the deny-list in portcullis.toml
    DenyListNotEdited,
    /// A custom domain is mapped to the stage that is to be deleted
    DomainMapped,
    /// AWS does not support the change of the endpoint type
    EndpointChangeUnsupported,
    /// A file of a new project exists already
    FileExists,
    /// A file cannot be read
    FileUnreadable,
    /// A file cannot be written
    FileUnwritable,
    /// A binary is for another architecture than the function
    FunctionArchitectureMismatch,
    /// An authorizer has no `function_arn`
    FunctionArnMissing,
    /// There is no binary to publish
    FunctionBinaryMissing,
    /// The package of a published version cannot be downloaded
    FunctionDownloadFailed,
    /// A function is not in the account and Region of the API
    FunctionElsewhere,
    /// A pinned function exists, and Portcullis did not publish it
    FunctionNotManaged,
    /// A function does not know every route, or requires something else
    FunctionOutdated,
    /// A zip file has no binary that can be published
    FunctionPackageInvalid,
    /// Creating a function requires `--function-role`
    FunctionRoleMissing,
    /// Two authorizers use the same function
    FunctionShared,
    /// A new function version accepted an invalid token, rejected the token from `--token-command`, or failed
    FunctionTestFailed,
    /// A function does not describe the routes that it decides
    FunctionUndescribed,
    /// The built function or the zip file cannot be read
    FunctionUnreadable,
    /// No version was published before the steps that need its number
    FunctionVersionUnknown,
    /// The command was interrupted between two calls
    Interrupted,
    /// The compiled authorizer configuration is invalid
    InvalidAuthorizerConfiguration,
    /// The configuration is invalid; see `diagnostics`
    InvalidConfiguration,
    /// An option or argument is invalid or missing
    InvalidOption,
    /// A file is not a saved plan
    InvalidPlan,
    /// The local issuer's key cannot be generated
    IssuerKeyFailed,
    /// The configuration does not have the issuer
    IssuerNotFound,
    /// The configuration has several issuers, and `--of` is missing
    IssuerRequired,
    /// The keys of an issuer cannot be fetched, or are not usable
    KeysNotFetched,
    /// The variable `AUTHORIZER_LOG_KEY` is missing, or no valid log key
    LogKeyInvalid,
    /// A stage has logs, and API Gateway has no CloudWatch log role in the account and Region
    LogRoleMissing,
    /// The API is already managed under another name
    ManagedAsAnother,
    /// The configuration has no authorizer
    NoAuthorizer,
    /// No issuer has bundled keys
    NoBundledKeys,
    /// The stage has no canary
    NoCanary,
    /// The stage served no earlier revision without an obstacle to a rollback
    NoEarlierRevision,
    /// The operation is not protected by a JWT authorizer
    OperationNotProtected,
    /// A call got no response and may have succeeded
    OutcomeUnknown,
    /// A saved plan is for another API or stage
    PlanForAnotherStage,
    /// A saved plan has an unsupported format version
    PlanFormatUnsupported,
    /// A program exited with a failure
    ProgramFailed,
    /// A program cannot be started
    ProgramNotStarted,
    /// `HTTPS_PROXY` is empty or not the URL of a proxy
    ProxyInvalid,
    /// The account has no quota left for another API
    QuotaExceeded,
    /// The record of a revision does not exist or cannot be read
    RecordUnreadable,
    /// The Region is not a valid name
    RegionInvalid,
    /// The Region is missing
    RegionMissing,
    /// The API is private, and has no resource policy
    ResourcePolicyMissing,
    /// The account has no REST API with this ID
    RestApiNotFound,
    /// The API has no such revision
    RevisionNotFound,
    /// The revision was never served by a stage, or by a canary only
    RevisionNotServed,
    /// The stage differs from the plan, and the rollback failed
    RollbackFailed,
    /// A document cannot be serialized
    SerializationFailed,
    /// The stage failed its smoke test and was rolled back
    SmokeTestFailed,
    /// The directory does not contain the Portcullis sources
    SourcesNotFound,
    /// The stage differed from the plan and was rolled back
    StageMismatch,
    /// The API has no such stage
    StageNotFound,
    /// AWS changed since the plan was saved
    StalePlan,
    /// A local component cannot be started
    StartFailed,
    /// Stdin cannot be read
    StdinUnreadable,
    /// A throttle is above that of the account in the Region
    ThrottleAboveAccount,
    /// AWS throttled a call until the retry limit
    Throttled,
    /// The token command printed no token
    TokenCommandFailed,
    /// The endpoint does not support a call
    UnsupportedCall,
    /// The configuration has a resource in another partition
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
