//! An API call: its operation, whether it may be retried, and its errors.

use std::future::Future;
use std::pin::Pin;

/// The future of an operation of this crate. It is boxed, so that the SDK's futures are compiled
/// once, in this crate: an `async fn` is compiled again wherever it is awaited.
pub type Call<'a, T, E = CallError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// An API call, before it is sent.
#[derive(Clone, Debug)]
pub(super) struct ApiCall {
    pub(super) operation: &'static str,
    pub(super) context: String,
    pub(super) is_idempotent: bool,
}

impl ApiCall {
    /// Creates a call that has the same effect when it is sent twice, so that it may be retried.
    /// `operation` selects its quota; `context` is the action for messages, such as `reading the
    /// stages of API a1b2c3`.
    pub(super) fn idempotent(operation: &'static str, context: impl Into<String>) -> Self {
        Self { operation, context: context.into(), is_idempotent: true }
    }

    /// Creates a call that must not be sent twice.
    pub(super) fn once(operation: &'static str, context: impl Into<String>) -> Self {
        Self { is_idempotent: false, ..Self::idempotent(operation, context) }
    }

    /// Returns the action and its resource, for messages.
    pub(super) fn context(&self) -> &str {
        &self.context
    }
}

/// The kind of a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// The resource exists already, or is being modified concurrently.
    Conflict,
    /// The caller is not authorized.
    Denied,
    /// The program is stopping.
    Interrupted,
    /// AWS rejects the request.
    Invalid,
    /// No connection could be established: nothing was sent.
    NoConnection,
    /// The resource does not exist.
    NotFound,
    /// No response, or a server error: the call may have taken effect.
    OutcomeUnknown,
    /// The resource was changed since it was read.
    PreconditionFailed,
    /// The quota is still exceeded after all retries.
    Throttled,
    /// The caller's credentials are not valid.
    Unauthenticated,
    /// The endpoint does not have this operation.
    Unsupported,
}

/// A call that failed after all retries.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{context}: {message}")]
pub struct CallError {
    /// The kind of failure.
    pub kind: CallErrorKind,
    /// The action and its resource.
    pub context: String,
    /// AWS's message, or this program's.
    pub message: String,
}

impl CallError {
    /// Creates an error that AWS did not report.
    pub fn new(
        kind: CallErrorKind,
        context: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, context: context.into(), message: message.into() }
    }
}

/// Returns `None` if the caller is not authorized; a call that needs the value fails later.
pub(super) fn if_allowed<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CallError { kind: CallErrorKind::Denied, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns `None` if the resource does not exist.
pub(super) fn if_found<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CallError { kind: CallErrorKind::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
