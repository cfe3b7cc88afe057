//! The code of each failure.

use super::{Failure, FunctionError};
use crate::apply::ApplyError;
use crate::output::ErrorCode;
use aws::{CallErrorKind, ConnectError};
use compiler::source::revocation::RevocationError;
use deployment::desired::DesiredStateError;
use deployment::history::TargetError;
use deployment::plan::{CanaryError, UnmetPrecondition};

impl Failure {
    /// Returns the failure's code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Connect(error) => connect(error),
            Self::Apply(error) => apply(error),
            Self::AuthorizerConfig(_) => ErrorCode::InvalidAuthorizerConfiguration,
            Self::FunctionUnreadable { .. } => ErrorCode::FunctionUnreadable,
            Self::Download { .. } => ErrorCode::FunctionDownloadFailed,
            Self::FileExists(_) => ErrorCode::FileExists,
            Self::MappedDomain { .. } => ErrorCode::DomainMapped,
            Self::Package { .. } | Self::UnknownArchitecture(_) => {
                ErrorCode::FunctionPackageInvalid
            }
            Self::OtherArchitecture { .. } => ErrorCode::FunctionArchitectureMismatch,
            Self::NoBinary(_) | Self::NoCode(_) => ErrorCode::FunctionBinaryMissing,
            Self::Call(error) => call(error.kind),
            Self::ChangedWhileWaiting => ErrorCode::ChangedWhileWaiting,
            Self::Definition(_) | Self::DesiredState(DesiredStateError::Definition(_)) => {
                ErrorCode::FunctionArnMissing
            }
            Self::ProgramFailed { .. } => ErrorCode::ProgramFailed,
            Self::InvalidConfiguration(_) => ErrorCode::InvalidConfiguration,
            Self::Function { problem, .. } => function(problem),
            Self::IssuerKey(_) => ErrorCode::IssuerKeyFailed,
            Self::KeysNotFetched { .. } => ErrorCode::KeysNotFetched,
            Self::Listen { .. } => ErrorCode::CannotListen,
            Self::ManagedAs { .. } => ErrorCode::ManagedAsAnother,
            Self::DesiredState(DesiredStateError::AccessLog { .. }) => {
                ErrorCode::AccessLogElsewhere
            }
            Self::DesiredState(_) => ErrorCode::WrongPartition,
            Self::NoApi { .. } => ErrorCode::ApiNotFound,
            Self::NoLogKey | Self::InvalidLogKey(_) => ErrorCode::LogKeyInvalid,
            Self::NoAuthorizer => ErrorCode::NoAuthorizer,
            Self::NoBundledKeys => ErrorCode::NoBundledKeys,
            Self::NoCargoLambda => ErrorCode::CargoLambdaMissing,
            Self::Canary(CanaryError::NoStage { .. }) => ErrorCode::CanaryWithoutStage,
            Self::Canary(CanaryError::Endpoint { .. }) => ErrorCode::CanaryOfEndpoint,
            Self::Canary(CanaryError::NoChange { .. }) => ErrorCode::CanaryWithoutChange,
            Self::CacheNotFlushed { .. } => ErrorCode::CacheNotFlushed,
            Self::Precondition(UnmetPrecondition::LogRole { .. }) => ErrorCode::LogRoleMissing,
            Self::Precondition(UnmetPrecondition::ResourcePolicy { .. }) => {
                ErrorCode::ResourcePolicyMissing
            }
            Self::Precondition(UnmetPrecondition::Throttle { .. }) => {
                ErrorCode::ThrottleAboveAccount
            }
            Self::Precondition(UnmetPrecondition::ApiKey { .. }) => ErrorCode::ApiKeyNotFound,
            Self::Precondition(UnmetPrecondition::Quota { .. }) => ErrorCode::QuotaExceeded,
            Self::Precondition(UnmetPrecondition::PrivateToEdge { .. }) => {
                ErrorCode::EndpointChangeUnsupported
            }
            Self::NoCanary { .. } => ErrorCode::NoCanary,
            Self::Target(TargetError::NoEarlier { .. }) => ErrorCode::NoEarlierRevision,
            Self::Target(TargetError::Unknown(_)) => ErrorCode::RevisionNotFound,
            Self::Target(TargetError::Obstacle { .. }) => ErrorCode::RevisionNotServed,
            Self::Revocation(error) => revocation(error),
            Self::RecordUnreadable { .. } => ErrorCode::RecordUnreadable,
            Self::UnsupportedAuthorizer { .. } => ErrorCode::AuthorizerUnsupported,
            Self::NoRestApi(_) => ErrorCode::RestApiNotFound,
            Self::NoSource(_) => ErrorCode::SourcesNotFound,
            Self::NoStage { .. } => ErrorCode::StageNotFound,
            Self::NoToken(_) => ErrorCode::TokenCommandFailed,
            Self::Cancelled { .. } => ErrorCode::Cancelled,
            Self::NotConfirmed { .. } => ErrorCode::ConfirmationRequired,
            Self::NotProtected { .. } => ErrorCode::OperationNotProtected,
            Self::Serve(_) => ErrorCode::CannotServeLocally,
            Self::PlanForAnotherStage { .. } => ErrorCode::PlanForAnotherStage,
            Self::InvalidPlan { .. } => ErrorCode::InvalidPlan,
            Self::PlanFormat { .. } => ErrorCode::PlanFormatUnsupported,
            Self::FunctionTest { .. } => ErrorCode::FunctionTestFailed,
            Self::FunctionNotManaged(_) => ErrorCode::FunctionNotManaged,
            Self::FunctionOutdated { .. } => ErrorCode::FunctionOutdated,
            Self::FunctionUndescribed { .. } => ErrorCode::FunctionUndescribed,
            Self::Dangerous(_) => ErrorCode::DangerousChanges,
            Self::Protected(_) => ErrorCode::ApiProtected,
            Self::AmbiguousApi { .. } => ErrorCode::AmbiguousApi,
            Self::SmokeTest(_) => ErrorCode::SmokeTestFailed,
            Self::SmokeNotRolledBack { .. } => ErrorCode::RollbackFailed,
            Self::ProgramNotStarted { .. } => ErrorCode::ProgramNotStarted,
            Self::Proxy(_) => ErrorCode::ProxyInvalid,
            Self::FilesChanged(_) | Self::OtherBinary { .. } | Self::StalePlan(_) => {
                ErrorCode::StalePlan
            }
            Self::Start { .. } => ErrorCode::StartFailed,
            Self::Stdin(_) => ErrorCode::StdinUnreadable,
            Self::UnknownAuthorizer { .. } => ErrorCode::AuthorizerNotFound,
            Self::AuthorizerRequired(_) => ErrorCode::AuthorizerRequired,
            Self::Unreadable(_) => ErrorCode::FileUnreadable,
            Self::UnusedAuthorizer(_) => ErrorCode::AuthorizerUnused,
            Self::Unserializable { .. } => ErrorCode::SerializationFailed,
            Self::Unwritable { .. } => ErrorCode::FileUnwritable,
            Self::InvalidOption { .. } | Self::MissingOption { .. } => ErrorCode::InvalidOption,
        }
    }
}

fn connect(error: &ConnectError) -> ErrorCode {
    match error {
        ConnectError::NoRegion => ErrorCode::RegionMissing,
        ConnectError::InvalidRegion(_) => ErrorCode::RegionInvalid,
        ConnectError::Credentials(_)
        | ConnectError::NoCredentials
        | ConnectError::NoProfileCredentials(_) => ErrorCode::CredentialsMissing,
        ConnectError::Call(error) => call(error.kind),
        _ => ErrorCode::AwsUnreachable,
    }
}

fn apply(error: &ApplyError) -> ErrorCode {
    match error {
        ApplyError::Authorizer { .. } => ErrorCode::AuthorizerTestFailed,
        ApplyError::Call(error) | ApplyError::StageNotCreated { error, .. } => call(error.kind),
        ApplyError::ConcurrentUpdate(_) => ErrorCode::ConcurrentUpdate,
        ApplyError::Definition { .. } => ErrorCode::DefinitionMismatch,
        ApplyError::NotFlushed { .. } => ErrorCode::CacheNotFlushed,
        ApplyError::RollbackFailed { .. } | ApplyError::StageNotDeleted { .. } => {
            ErrorCode::RollbackFailed
        }
        ApplyError::RolledBack(_) => ErrorCode::StageMismatch,
        ApplyError::Unpublished(_) => ErrorCode::FunctionVersionUnknown,
        ApplyError::Untestable(_) => ErrorCode::AuthorizerUntestable,
    }
}

const fn call(kind: CallErrorKind) -> ErrorCode {
    match kind {
        CallErrorKind::Conflict | CallErrorKind::PreconditionFailed => ErrorCode::AwsConflict,
        CallErrorKind::Denied => ErrorCode::AccessDenied,
        CallErrorKind::Interrupted => ErrorCode::Interrupted,
        CallErrorKind::Invalid => ErrorCode::AwsRejected,
        CallErrorKind::OutcomeUnknown => ErrorCode::OutcomeUnknown,
        CallErrorKind::NoConnection => ErrorCode::AwsUnreachable,
        CallErrorKind::NotFound => ErrorCode::AwsNotFound,
        CallErrorKind::Throttled => ErrorCode::Throttled,
        CallErrorKind::Unauthenticated => ErrorCode::CredentialsRejected,
        CallErrorKind::Unsupported => ErrorCode::UnsupportedCall,
    }
}

const fn revocation(error: &RevocationError) -> ErrorCode {
    match error {
        RevocationError::NoIssuer | RevocationError::UnknownIssuer { .. } => {
            ErrorCode::IssuerNotFound
        }
        RevocationError::SeveralIssuers(_) => ErrorCode::IssuerRequired,
        RevocationError::Variable | RevocationError::NotEditable { .. } => {
            ErrorCode::DenyListNotEdited
        }
    }
}

const fn function(problem: &FunctionError) -> ErrorCode {
    match problem {
        FunctionError::NoAlias => ErrorCode::AliasMissing,
        FunctionError::NoRole => ErrorCode::FunctionRoleMissing,
        FunctionError::Elsewhere { .. } => ErrorCode::FunctionElsewhere,
        FunctionError::Shared => ErrorCode::FunctionShared,
    }
}
