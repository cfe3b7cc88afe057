//! The code of each failure.

use super::{Failure, FunctionProblem};
use crate::apply::ApplyError;
use crate::output::ErrorCode;
use aws::{CallErrorKind, ConnectError};
use deployment::desired::DesiredStateError;

impl Failure {
    /// Returns the failure's code.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Connect(error) => connect(error),
            Self::Apply(error) => apply(error),
            Self::AuthorizerConfig(_) => ErrorCode::InvalidAuthorizerConfiguration,
            Self::Binary { .. } => ErrorCode::FunctionUnreadable,
            Self::Call(error) => call(error.kind),
            Self::ChangedWhileWaiting => ErrorCode::ChangedWhileWaiting,
            Self::Definition(_) | Self::DesiredState(DesiredStateError::Definition(_)) => {
                ErrorCode::FunctionArnMissing
            }
            Self::Ended { .. } => ErrorCode::ProgramFailed,
            Self::Files(_) => ErrorCode::InvalidConfiguration,
            Self::Function { problem, .. } => function(problem),
            Self::IssuerKey(_) => ErrorCode::IssuerKeyFailed,
            Self::Listen { .. } => ErrorCode::CannotListen,
            Self::ManagedAs { .. } => ErrorCode::ManagedAsAnother,
            Self::DesiredState(_) => ErrorCode::WrongPartition,
            Self::NoApi { .. } => ErrorCode::ApiNotFound,
            Self::NoAuthorizer => ErrorCode::NoAuthorizer,
            Self::NoCargoLambda => ErrorCode::CargoLambdaMissing,
            Self::NoEarlierRevision { .. } => ErrorCode::NoEarlierRevision,
            Self::NoRestApi(_) => ErrorCode::RestApiNotFound,
            Self::NoRevision(_) => ErrorCode::RevisionNotFound,
            Self::NoSource(_) => ErrorCode::SourcesNotFound,
            Self::NoStage { .. } => ErrorCode::StageNotFound,
            Self::NoToken(_) => ErrorCode::TokenCommandFailed,
            Self::NoVersion => ErrorCode::FunctionVersionUnknown,
            Self::NotConfirmed { .. } => ErrorCode::ConfirmationRequired,
            Self::NotGuarded { .. } => ErrorCode::OperationNotGuarded,
            Self::StartError(_) => ErrorCode::CannotServeLocally,
            Self::OtherPlan { .. } => ErrorCode::PlanForAnotherStage,
            Self::PlanFile { .. } => ErrorCode::InvalidPlan,
            Self::PlanFormat { .. } => ErrorCode::PlanFormatUnsupported,
            Self::Probe { .. } => ErrorCode::FunctionTestFailed,
            Self::Protected(_) => ErrorCode::ApiProtected,
            Self::Several { .. } => ErrorCode::AmbiguousApi,
            Self::Smoke(_) => ErrorCode::SmokeTestFailed,
            Self::SmokeNotRolledBack { .. } => ErrorCode::RollbackFailed,
            Self::Spawn { .. } => ErrorCode::ProgramNotStarted,
            Self::StalePlan(_) => ErrorCode::StalePlan,
            Self::Start { .. } => ErrorCode::StartFailed,
            Self::Stdin(_) => ErrorCode::StdinUnreadable,
            Self::UnknownAuthorizer { .. } => ErrorCode::AuthorizerNotFound,
            Self::UnnamedAuthorizer(_) => ErrorCode::AuthorizerRequired,
            Self::Unreadable(_) => ErrorCode::FileUnreadable,
            Self::UnservedRevision(_) => ErrorCode::RevisionNotServed,
            Self::UnusedAuthorizer(_) => ErrorCode::AuthorizerUnused,
            Self::Unserializable { .. } => ErrorCode::SerializationFailed,
            Self::Unwritable { .. } => ErrorCode::FileUnwritable,
            Self::Value { .. } => ErrorCode::InvalidOption,
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
        ApplyError::Call(error) => call(error.kind),
        ApplyError::ConcurrentUpdate(_) => ErrorCode::ConcurrentUpdate,
        ApplyError::Definition { .. } => ErrorCode::DefinitionMismatch,
        ApplyError::NoStage(_) => ErrorCode::CanaryWithoutStage,
        ApplyError::RollbackFailed { .. } => ErrorCode::RollbackFailed,
        ApplyError::RolledBack(_) => ErrorCode::StageMismatch,
        ApplyError::Untestable(_) => ErrorCode::AuthorizerUntestable,
    }
}

const fn call(kind: CallErrorKind) -> ErrorCode {
    match kind {
        CallErrorKind::Conflict => ErrorCode::AwsConflict,
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

const fn function(problem: &FunctionProblem) -> ErrorCode {
    match problem {
        FunctionProblem::NoAlias => ErrorCode::AliasMissing,
        FunctionProblem::NoRole => ErrorCode::FunctionRoleMissing,
        FunctionProblem::Elsewhere { .. } => ErrorCode::FunctionElsewhere,
        FunctionProblem::Shared => ErrorCode::FunctionShared,
    }
}
