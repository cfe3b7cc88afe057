//! An API call: what it is called, whether it may be sent twice, and how it can fail.

use std::future::Future;
use std::pin::Pin;

/// The future of what this crate does on AWS. Boxed here, so that the SDK's futures are compiled
/// once, in this crate: an `async fn` is compiled again wherever it is awaited.
pub type Call<'a, T, E = CallError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// An API call, before it is sent.
#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    pub(super) operation: &'static str,
    pub(super) context: String,
    pub(super) idempotent: bool,
}

impl ApiCall {
    /// Makes a call that has the same effect when it is sent twice, so that it may be retried.
    /// `operation` names its quota.
    pub(super) fn idempotent(operation: &'static str, context: impl Into<String>) -> Self {
        Self { operation, context: context.into(), idempotent: true }
    }

    /// Makes a call that must not be sent twice.
    pub(super) fn once(operation: &'static str, context: impl Into<String>) -> Self {
        Self { idempotent: false, ..Self::idempotent(operation, context) }
    }

    /// Returns what is being done to what.
    pub(super) fn context(&self) -> &str {
        &self.context
    }
}

/// The kind of a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// It exists already, or is being modified concurrently.
    Conflict,
    /// The caller is not authorized.
    Denied,
    /// The program is stopping.
    Interrupted,
    /// AWS rejects the request.
    Invalid,
    /// No connection could be established: nothing was sent.
    NoConnection,
    /// It does not exist.
    NotFound,
    /// There was no response, or a server error: the call may have taken effect.
    OutcomeUnknown,
    /// The quota is exceeded, and waiting did not help.
    Throttled,
    /// The caller's credentials are not valid.
    Unauthenticated,
    /// The endpoint does not have this operation.
    Unsupported,
}

/// A call that failed for good.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{context}: {message}")]
pub struct CallError {
    /// The kind of failure.
    pub kind: CallErrorKind,
    /// What was being done to what.
    pub context: String,
    /// AWS's message.
    pub message: String,
}

impl CallError {
    /// Makes a failure that AWS did not report.
    pub fn new(
        kind: CallErrorKind,
        context: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, context: context.into(), message: message.into() }
    }
}

/// Returns `None` for what does not exist.
pub(super) fn if_found<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CallError { kind: CallErrorKind::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
