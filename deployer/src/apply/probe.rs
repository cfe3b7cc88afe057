//! Probes an authorizer before requests reach it: it must reject an invalid token and, if there
//! is one to try, accept a valid one. The judgement is apart from the calls.

use std::time::Duration;

use serde_json::Value as Json;

use aws::apigateway::AuthorizerTestResponse;
use aws::{Aws, CallError};

/// In the form of a token, so that it reaches the function, and signed by nobody.
pub const INVALID_TOKEN: &str = "eyJhbGciOiJub25lIn0.e30.AA";

/// The pause before an authorizer that failed is probed again.
const PAUSE: Duration = Duration::from_secs(3);

/// The last lines of a log that an error shows.
const LOG_LINES: usize = 5;

/// A way to send a token to an authorizer.
pub(crate) trait Transport {
    /// The number of attempts while the authorizer fails: a new role takes a while to propagate.
    fn attempts(&self) -> u32;

    /// Sends one token and returns the answer.
    async fn send(&self, token: &str) -> Result<ProbeResponse, CallError>;
}

/// What an authorizer made of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Access is allowed to something.
    Accepted,
    /// Access is denied.
    Rejected,
    /// It was not invoked, or ended without a decision.
    Failed,
}

/// An authorizer's answer, whichever call brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResponse {
    /// What it made of the token.
    pub outcome: Outcome,
    /// The status or error that was found, for messages.
    pub found: String,
    /// The end of its log, without the token.
    pub log: String,
}

impl ProbeResponse {
    /// Reads an answer to `TestInvokeAuthorizer`.
    pub fn of_test(answer: &AuthorizerTestResponse, token: &str) -> Self {
        let allows = answer.policy.as_deref().is_none_or(|policy| policy.contains("\"Allow\""));
        let outcome = match answer.status {
            200 if allows => Outcome::Accepted,
            200 | 401 | 403 => Outcome::Rejected,
            _ => Outcome::Failed,
        };
        let found = match answer.status {
            200 if !allows => "200 with a policy that denies".to_owned(),
            500.. => format!("{}: API Gateway could not invoke it", answer.status),
            status => status.to_string(),
        };
        Self { outcome, found, log: tail(&answer.log, token) }
    }

    /// Reads what a function returned to Lambda's `Invoke`.
    pub fn of_invoke(answer: &Json) -> Self {
        let error = answer.get("errorMessage").and_then(Json::as_str);
        let policy = answer.get("policyDocument").map(Policy::of);
        let (outcome, found) = match (error, policy) {
            (Some("Unauthorized"), _) => (Outcome::Rejected, "Unauthorized".to_owned()),
            (Some(error), _) => (Outcome::Failed, error.to_owned()),
            (None, Some(Policy::Allows)) => (Outcome::Accepted, "a policy that allows".to_owned()),
            (None, Some(Policy::Denies)) => (Outcome::Rejected, "a policy that denies".to_owned()),
            (None, Some(Policy::Neither)) => {
                (Outcome::Failed, "a policy without an effect".to_owned())
            }
            (None, None) => (Outcome::Failed, "neither a policy nor an error".to_owned()),
        };
        Self { outcome, found, log: String::new() }
    }
}

/// The effect of a policy, whatever it is about.
enum Policy {
    Allows,
    Denies,
    Neither,
}

impl Policy {
    /// Reads a policy: it denies if all of its statements do.
    fn of(policy: &Json) -> Self {
        let statements = match policy.get("Statement") {
            Some(Json::Array(statements)) => statements.as_slice(),
            Some(statement) => std::slice::from_ref(statement),
            None => &[],
        };
        let effects = || statements.iter().map(|statement| statement.get("Effect")?.as_str());
        if effects().any(|effect| effect == Some("Allow")) {
            Self::Allows
        } else if !statements.is_empty() && effects().all(|effect| effect == Some("Deny")) {
            Self::Denies
        } else {
            Self::Neither
        }
    }
}

/// The token that a probe sends, by what must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// It must be rejected.
    Invalid,
    /// It must be accepted.
    Given,
}

/// What an answer means for a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The authorizer decided as it must.
    Passed,
    /// It made no decision, and may at a later attempt.
    Retry(Problem),
    /// It decided wrongly.
    Wrong(Problem),
}

/// Judges the answer to a token.
pub fn evaluate(token: Token, answer: &ProbeResponse) -> Verdict {
    let found = answer.found.clone();
    match (token, answer.outcome) {
        (Token::Invalid, Outcome::Rejected) | (Token::Given, Outcome::Accepted) => Verdict::Passed,
        (Token::Invalid, Outcome::Accepted) => Verdict::Wrong(Problem::AcceptedInvalid { found }),
        (Token::Given, Outcome::Rejected) => Verdict::Wrong(Problem::RejectedGiven { found }),
        (Token::Invalid, Outcome::Failed) => Verdict::Retry(Problem::FailedOnInvalid { found }),
        (Token::Given, Outcome::Failed) => Verdict::Retry(Problem::FailedOnGiven { found }),
    }
}

/// Why an authorizer may not serve requests.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The API has no such authorizer.
    #[error("does not exist")]
    Missing,
    /// It accepted a token that it must reject.
    #[error("accepted an invalid token ({found})")]
    AcceptedInvalid {
        /// Its answer.
        found: String,
    },
    /// It rejected a token that it must accept.
    #[error("rejected the token from --token-command ({found})")]
    RejectedGiven {
        /// Its answer.
        found: String,
    },
    /// It made no decision about the invalid token.
    #[error("failed on an invalid token ({found})")]
    FailedOnInvalid {
        /// Its error.
        found: String,
    },
    /// It made no decision about the given token.
    #[error("failed on the token from --token-command ({found})")]
    FailedOnGiven {
        /// Its error.
        found: String,
    },
}

/// Why a probe did not pass.
#[derive(Debug)]
pub(crate) enum ProbeError {
    /// The authorizer was not reached.
    Call(CallError),
    /// It answered wrongly, and what it logged.
    Problem { problem: Problem, log: String },
}

/// Probes an authorizer with an invalid token, and with the given one if there is one.
pub(crate) async fn probe(
    aws: &Aws,
    transport: &impl Transport,
    given: Option<&str>,
) -> Result<(), ProbeError> {
    one(aws, transport, Token::Invalid, INVALID_TOKEN).await?;
    match given {
        Some(text) => one(aws, transport, Token::Given, text).await,
        None => Ok(()),
    }
}

async fn one(
    aws: &Aws,
    transport: &impl Transport,
    token: Token,
    text: &str,
) -> Result<(), ProbeError> {
    let mut attempt = 1;
    loop {
        let answer = transport.send(text).await.map_err(ProbeError::Call)?;
        match evaluate(token, &answer) {
            Verdict::Passed => return Ok(()),
            Verdict::Retry(_) if attempt < transport.attempts() => {
                attempt += 1;
                aws.wait(PAUSE, "the authorizer cannot be invoked yet").await;
            }
            Verdict::Retry(problem) | Verdict::Wrong(problem) => {
                return Err(ProbeError::Problem { problem, log: answer.log });
            }
        }
    }
}

/// Returns the end of a log, no more than fits a screen, and never the token.
fn tail(log: &str, token: &str) -> String {
    let log = log.replace(token, "…");
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
}
