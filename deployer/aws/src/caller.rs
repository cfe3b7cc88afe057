//! Sends API calls: within the quotas, with retries where they are safe, and with the action and
//! the resource in every error.
//!
//! A call without a response may have taken effect. An idempotent one is retried; one that
//! creates something is not, and its caller looks up whether it was created.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_apigateway::config::http::HttpResponse;
use aws_sdk_apigateway::error::{ProvideErrorMetadata, SdkError};
use tokio::time::{Instant, sleep};

use super::api_call::{ApiCall, CallError, CallErrorKind};
use super::classify::call_error;
use super::rate_limit::RateLimit;

/// Receives the reason of every wait.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// The maximum number of attempts of a call.
const MAX_ATTEMPTS: u32 = 6;
/// The maximum of all waits between the attempts of a call together.
const MAX_BACKOFF: Duration = Duration::from_mins(2);

/// Sends calls.
pub(super) struct Caller {
    rate_limit: Mutex<RateLimit>,
    began: Instant,
    listener: Listener,
    stopping: Arc<AtomicBool>,
    custom_endpoint: bool,
}

impl Caller {
    /// Creates a caller that reports its waits to `listener`.
    pub(super) fn new(listener: Listener, custom_endpoint: bool) -> Self {
        Self {
            rate_limit: Mutex::default(),
            began: Instant::now(),
            listener,
            stopping: Arc::default(),
            custom_endpoint,
        }
    }

    /// Returns a function that makes every later API call fail.
    pub(super) fn stop(&self) -> impl Fn() + Send + 'static {
        let stopping = Arc::clone(&self.stopping);
        move || stopping.store(true, Ordering::Relaxed)
    }

    /// Waits, and reports the reason if the wait takes a second or more.
    pub(super) async fn wait(&self, delay: Duration, reason: &str) {
        if delay >= Duration::from_secs(1) {
            (self.listener)(&format!("waiting {} s: {reason}", delay.as_secs_f64().ceil()));
        }
        sleep(delay).await;
    }

    /// Sends a call, and retries it where that is safe.
    pub(super) async fn call<T, E, F>(
        &self,
        call: &ApiCall,
        send: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut waited = Duration::ZERO;
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.admit(call).await?;
            let error = match send().await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let failed = call_error(call, &error, self.custom_endpoint);
            let delay = backoff(attempt).max(retry_after(&error).unwrap_or_default());
            waited += delay;
            if !is_retryable(call, &failed) || attempt >= MAX_ATTEMPTS || waited > MAX_BACKOFF {
                return Err(failed);
            }
            self.wait(delay, &failed.message).await;
        }
    }

    /// Waits until the quotas allow the call, unless the program is stopping.
    async fn admit(&self, call: &ApiCall) -> Result<(), CallError> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(CallError::new(CallErrorKind::Interrupted, &call.context, "interrupted"));
        }
        let now = self.began.elapsed();
        let pause = {
            let mut limit = self.rate_limit.lock().unwrap_or_else(PoisonError::into_inner);
            limit.wait(call.operation, now)
        };
        if !pause.is_zero() {
            let reason = format!("quota of {} calls", call.operation);
            self.wait(pause, &reason).await;
        }
        Ok(())
    }
}

/// Returns whether a failed call may be sent again: it had no effect, or is idempotent.
fn is_retryable(call: &ApiCall, failed: &CallError) -> bool {
    match failed.kind {
        CallErrorKind::Throttled | CallErrorKind::NoConnection => true,
        CallErrorKind::Conflict => is_concurrent(failed),
        CallErrorKind::OutcomeUnknown => call.is_idempotent,
        _ => false,
    }
}

/// Returns the wait before the next attempt: exponential, with jitter.
fn backoff(attempt: u32) -> Duration {
    let most = Duration::from_millis(200) * 2_u32.saturating_pow(attempt.min(6));
    most / 2 + (most / 2).mul_f64(fastrand::f64())
}

/// Returns whether a conflict is a concurrent modification, and not an existing resource.
fn is_concurrent(error: &CallError) -> bool {
    !error.message.to_ascii_lowercase().contains("already")
}

fn retry_after<E>(error: &SdkError<E, HttpResponse>) -> Option<Duration> {
    let seconds = error.raw_response()?.headers().get("retry-after")?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_and_is_bounded() {
        for attempt in 1..20 {
            let delay = backoff(attempt);
            let most = Duration::from_millis(200) * 2_u32.pow(attempt.min(6));
            assert!(delay >= most / 2 && delay <= most, "{attempt}: {delay:?}");
        }
    }

    #[test]
    fn a_call_that_must_not_be_sent_twice_is_retried_only_if_it_had_no_effect() {
        let (idempotent, once) = (ApiCall::idempotent("", ""), ApiCall::once("", ""));
        for (kind, message, retried, retried_once) in [
            (CallErrorKind::Conflict, "the role already exists", false, false),
            (CallErrorKind::Conflict, "try again later", true, true),
            (CallErrorKind::Invalid, "", false, false),
            (CallErrorKind::NoConnection, "", true, true),
            (CallErrorKind::OutcomeUnknown, "", true, false),
            (CallErrorKind::Throttled, "", true, true),
        ] {
            let error = CallError::new(kind, "", message);
            assert_eq!(is_retryable(&idempotent, &error), retried, "{kind:?} {message}");
            assert_eq!(is_retryable(&once, &error), retried_once, "{kind:?} {message}");
        }
    }
}
