//! One call: paced, repeated where that is safe, and its failure said so that people know what
//! was being done to what.
//!
//! A call whose answer was lost may have been done. Reading and replacing are repeated; making
//! something new is not, and whoever asked looks whether it is there.

use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_apigateway::config::http::HttpResponse;
use aws_sdk_apigateway::error::{ProvideErrorMetadata, SdkError};
use tokio::time::{Instant, sleep};

use super::rate_limit::Pace;

/// Is told what is being waited for.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// The future of what this crate does on AWS. Boxed here, so that the SDK's futures are compiled
/// once, in this crate: an `async fn` is compiled again wherever it is awaited.
pub type Call<'a, T, E = CallError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub struct Asked {
    operation: String,
    doing: String,
    repeats: bool,
}

impl Asked {
    /// A call that changes nothing, or that may be made twice.
    pub fn reading(operation: &str, doing: impl Into<String>) -> Self {
        Self { operation: operation.to_owned(), doing: doing.into(), repeats: true }
    }

    /// A call that makes something new each time.
    pub fn making(operation: &str, doing: impl Into<String>) -> Self {
        Self { repeats: false, ..Self::reading(operation, doing) }
    }

    /// Returns what is being done to what.
    pub fn doing(&self) -> &str {
        &self.doing
    }
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is there already, or somebody else is changing it.
    Conflict,
    /// The caller may not.
    Denied,
    /// The program was told to stop.
    Interrupted,
    /// AWS does not take what was sent.
    Invalid,
    /// The answer did not come, or was a failure of AWS's: it may have been done.
    Lost,
    /// Nobody answers there.
    NoConnection,
    /// It is not there.
    NotFound,
    /// Too many calls, and waiting did not help.
    Throttled,
    /// The caller's credentials are not good.
    Unauthenticated,
    /// There is no such call there: a stand-in's gap.
    Unsupported,
}

/// A call that failed for good.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing}: {message}")]
pub struct CallError {
    /// What kind of failure.
    pub kind: Kind,
    /// What was being done to what.
    pub doing: String,
    /// What AWS said.
    pub message: String,
}

impl CallError {
    /// Makes one of ours.
    pub fn new(kind: Kind, doing: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), message: message.into() }
    }
}

/// Takes what is not there as nothing.
pub(super) fn if_there<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CallError { kind: Kind::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How often a call is made at most.
const TRIES: u32 = 6;
/// How long all waiting for one call may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Makes calls.
pub struct Caller {
    pace: Mutex<Pace>,
    began: Instant,
    listener: Listener,
    stopping: Arc<AtomicBool>,
}

impl Caller {
    /// Makes one that tells what it waits for.
    pub fn new(listener: Listener) -> Self {
        Self { pace: Mutex::default(), began: Instant::now(), listener, stopping: Arc::default() }
    }

    /// Returns what makes every later call fail.
    pub fn stop(&self) -> impl Fn() + Send + 'static {
        let stopping = Arc::clone(&self.stopping);
        move || stopping.store(true, Ordering::Relaxed)
    }

    /// Tells what is being waited for.
    pub fn tell(&self, text: &str) {
        (self.listener)(text);
    }

    /// Waits, unless the program is to stop.
    pub async fn wait(&self, delay: Duration, why: &str) {
        if delay >= Duration::from_secs(1) {
            self.tell(&format!("waiting {} s: {why}", delay.as_secs_f64().ceil()));
        }
        sleep(delay).await;
    }

    /// Makes a call, and makes it again where that is safe.
    pub async fn call<T, E, F>(&self, asked: &Asked, send: impl Fn() -> F) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut waited = Duration::ZERO;
        let mut tries = 0;
        loop {
            if self.stopping.load(Ordering::Relaxed) {
                return Err(CallError::new(Kind::Interrupted, &asked.doing, "stopped"));
            }
            let now = self.began.elapsed();
            let pause = {
                let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
                pace.wait(&asked.operation, now)
            };
            if !pause.is_zero() {
                let why = format!("API Gateway takes {} no more often", asked.operation);
                self.wait(pause, &why).await;
            }
            let error = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            let failed = failed(asked, &error);
            let delay = backoff(tries).max(retry_after(&error).unwrap_or_default());
            let again = match failed.kind {
                Kind::Throttled | Kind::NoConnection => true,
                Kind::Conflict => is_busy(&failed),
                Kind::Lost => asked.repeats,
                _ => false,
            };
            if !again || tries >= TRIES || waited + delay > PATIENCE {
                return Err(failed);
            }
            waited += delay;
            self.wait(delay, &failed.message).await;
        }
    }
}

/// Twice as long each time, and not the same for two programs.
fn backoff(tries: u32) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1000;
    let most = Duration::from_millis(200) * 2_u32.saturating_pow(tries.min(6));
    most / 2 + most.mul_f64(f64::from(u32::try_from(random).unwrap_or_default()) / 2000.0)
}

/// Somebody else is changing it, as opposed to: it is there already.
fn is_busy(error: &CallError) -> bool {
    !error.message.to_ascii_lowercase().contains("already")
}

fn retry_after<E>(error: &SdkError<E, HttpResponse>) -> Option<Duration> {
    let seconds = error.raw_response()?.headers().get("retry-after")?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn failed<E>(asked: &Asked, error: &SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (code, said) = (error.code().unwrap_or_default(), error.message());
    let kind = match error {
        SdkError::DispatchFailure(_) => {
            if connected(error) {
                Kind::Lost
            } else {
                Kind::NoConnection
            }
        }
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Kind::Lost,
        SdkError::ConstructionFailure(_) => Kind::Invalid,
        _ => kind(code, status.unwrap_or_default(), said.unwrap_or_default()),
    };
    let message = match (said, code) {
        (Some(said), "") => said.to_owned(),
        (Some(said), code) => format!("{said} ({code})"),
        (None, "") => chain(error),
        (None, code) => code.to_owned(),
    };
    let message = match status.filter(|_| said.is_none()) {
        Some(status) => format!("{message} (HTTP {status})"),
        None => message,
    };
    CallError::new(kind, &asked.doing, message)
}

/// Says whether a failure came after there was a connection: the call may have been done.
fn connected(failure: &dyn std::error::Error) -> bool {
    let mut cause = failure.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if text.contains("tcp connect") || text.contains("dns error") || text.contains("Connect,") {
            return false;
        }
        cause = error.source();
    }
    true
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

fn kind(code: &str, status: u16, message: &str) -> Kind {
    let lower = message.to_ascii_lowercase();
    match (code, status) {
        ("Throttling" | "ThrottlingException" | "RequestLimitExceeded", _) | (_, 429) => {
            Kind::Throttled
        }
        _ if lower.contains("not been implemented")
            || lower.contains("no moto route")
            || lower.contains("unknown api gateway v1 path") =>
        {
            Kind::Unsupported
        }
        ("NotImplemented" | "UnknownOperationException", _) | (_, 501) => Kind::Unsupported,
        (
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature",
            _,
        ) => Kind::Unauthenticated,
        ("EntityAlreadyExists" | "ResourceConflictException", _) | (_, 409) => Kind::Conflict,
        ("NoSuchEntity", _) | (_, 404) => Kind::NotFound,
        ("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation", _) | (_, 403) => {
            Kind::Denied
        }
        (_, 500..) => Kind::Lost,
        _ => Kind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        for (code, status, message, expected) in [
            ("TooManyRequestsException", 429, "slow down", Kind::Throttled),
            ("Throttling", 400, "rate exceeded", Kind::Throttled),
            ("ConflictException", 409, "busy", Kind::Conflict),
            ("EntityAlreadyExists", 409, "the role already exists", Kind::Conflict),
            ("NotFoundException", 404, "no such stage", Kind::NotFound),
            ("NotFoundException", 404, "Unknown API Gateway v1 path: /x", Kind::Unsupported),
            ("NoSuchEntity", 404, "no such role", Kind::NotFound),
            ("AccessDeniedException", 403, "not authorized", Kind::Denied),
            ("UnrecognizedClientException", 403, "bad token", Kind::Unauthenticated),
            ("BadRequestException", 400, "no", Kind::Invalid),
            ("InternalFailure", 501, "no", Kind::Unsupported),
            ("InternalFailure", 500, "it has not been implemented", Kind::Unsupported),
            ("InternalFailure", 500, "oops", Kind::Lost),
            ("", 503, "", Kind::Lost),
        ] {
            assert_eq!(kind(code, status, message), expected, "{code} {status} {message}");
        }
    }

    #[test]
    fn waiting_grows_and_is_bounded() {
        for tries in 1..20 {
            let delay = backoff(tries);
            let most = Duration::from_millis(200) * 2_u32.pow(tries.min(6));
            assert!(delay >= most / 2 && delay <= most, "{tries}: {delay:?}");
        }
    }
}
