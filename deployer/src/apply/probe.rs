//! Probes an authorizer before requests reach it: it must reject an invalid token and accept the
//! token from `--token-command`. The evaluation is separate from the calls.

use std::fmt;
use std::time::Duration;

use serde_json::Value as Json;

use aws::apigateway::AuthorizerTestResponse;
use aws::{Aws, CallError};

/// An unsigned token, well-formed so that API Gateway invokes the function.
pub const INVALID_TOKEN: &str = "eyJhbGciOiJub25lIn0.e30.AA";

/// The pause before an authorizer that failed is probed again.
const PAUSE: Duration = Duration::from_secs(3);

/// The number of log lines that an error shows.
const LOG_LINES: usize = 5;

/// A way to send a token to an authorizer.
pub(crate) trait Transport {
    /// The number of attempts while the authorizer fails: a new role takes time to propagate.
    fn attempts(&self) -> u32;

    /// Sends one token and returns the response.
    async fn send(&self, token: &str) -> Result<ProbeResponse, CallError>;
}

/// The decision of an authorizer about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The policy allows something.
    Accepted,
    /// Access is denied.
    Rejected,
    /// The invocation failed, or ended without a decision.
    Failed,
    /// The request was rejected before the authorizer was invoked: nothing is known about it.
    NotInvoked,
}

/// An authorizer's response, from either call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeResponse {
    /// The decision.
    pub outcome: Outcome,
    /// The status or error, for messages.
    pub found: String,
    /// The end of its log, without the token.
    pub log: String,
}

impl ProbeResponse {
    /// Reads the response of `TestInvokeAuthorizer`.
    ///
    /// The status is 0 if the authorizer succeeded, that is if it returned a policy, which proves its
    /// invocation. API Gateway itself rejects requests too: without an identity source, or with a token
    /// that does not match the validation expression. So a rejection without a policy counts only if
    /// the log shows the invocation. The documentation describes the log as a member of each response;
    /// an endpoint that returns none proves nothing.
    /// <https://docs.aws.amazon.com/apigateway/latest/api/API_TestInvokeAuthorizer.html>
    /// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>
    pub fn of_test(response: &AuthorizerTestResponse, token: &str) -> Self {
        let AuthorizerTestResponse { status, policy, log } = response;
        let has_effect = |effect: &str| {
            policy.as_deref().is_some_and(|policy| policy.contains(&format!("\"{effect}\"")))
        };
        let is_invoked = policy.is_some() || shows_invocation(log);
        let (outcome, found) = match status {
            0 | 200 if has_effect("Allow") => {
                (Outcome::Accepted, "a policy that allows access".to_owned())
            }
            0 | 200 if has_effect("Deny") => {
                (Outcome::Rejected, "a policy that denies access".to_owned())
            }
            0 | 200 => (Outcome::Failed, "a response without a policy".to_owned()),
            401 | 403 if is_invoked => (Outcome::Rejected, format!("status {status}")),
            401 | 403 => {
                (Outcome::NotInvoked, format!("status {status}, and the log shows no invocation"))
            }
            500.. => (Outcome::Failed, format!("status {status}: API Gateway could not invoke it")),
            _ => (Outcome::Failed, format!("status {status}")),
        };
        Self { outcome, found, log: log_tail(log, token) }
    }

    /// Reads the response of Lambda's `Invoke`.
    pub fn of_invoke(response: &Json) -> Self {
        let error = response.get("errorMessage").and_then(Json::as_str);
        let policy = response.get("policyDocument").map(Policy::read);
        let (outcome, found) = match (error, policy) {
            (Some("Unauthorized"), _) => (Outcome::Rejected, "Unauthorized".to_owned()),
            (Some(error), _) => (Outcome::Failed, error.to_owned()),
            (None, Some(Policy::Allow)) => {
                (Outcome::Accepted, "a policy that allows access".to_owned())
            }
            (None, Some(Policy::Deny)) => {
                (Outcome::Rejected, "a policy that denies access".to_owned())
            }
            (None, Some(Policy::Neither)) => {
                (Outcome::Failed, "a policy without `Effect`".to_owned())
            }
            (None, None) => {
                (Outcome::Failed, "a response with neither a policy nor an error".to_owned())
            }
        };
        Self { outcome, found, log: String::new() }
    }
}

/// The effect of a policy, for any resource.
enum Policy {
    Allow,
    Deny,
    Neither,
}

impl Policy {
    /// Reads a policy; it denies if all of its statements do.
    fn read(policy: &Json) -> Self {
        let statements = match policy.get("Statement") {
            Some(Json::Array(statements)) => statements.as_slice(),
            Some(statement) => std::slice::from_ref(statement),
            None => &[],
        };
        let effects = || statements.iter().map(|statement| statement.get("Effect")?.as_str());
        if effects().any(|effect| effect == Some("Allow")) {
            Self::Allow
        } else if !statements.is_empty() && effects().all(|effect| effect == Some("Deny")) {
            Self::Deny
        } else {
            Self::Neither
        }
    }
}

/// The token that a probe sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// An invalid one, which must be rejected.
    Invalid,
    /// The one from `--token-command`, which must be accepted.
    Given,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "an invalid token",
            Self::Given => "the token from `--token-command`",
        })
    }
}

/// The verdict on a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The decision is correct.
    Passed,
    /// There is no decision yet; a later attempt may get one.
    Retry(Problem),
    /// The decision is incorrect.
    Failed(Problem),
}

/// Evaluates the response to a token.
pub fn evaluate(token: Token, response: &ProbeResponse) -> Verdict {
    let found = response.found.clone();
    match (token, response.outcome) {
        (Token::Invalid, Outcome::Rejected) | (Token::Given, Outcome::Accepted) => Verdict::Passed,
        (Token::Invalid, Outcome::Accepted) => Verdict::Failed(Problem::AcceptedInvalid { found }),
        (Token::Given, Outcome::Rejected) => Verdict::Failed(Problem::RejectedGiven { found }),
        (Token::Invalid, Outcome::Failed) => Verdict::Retry(Problem::FailedOnInvalid { found }),
        (Token::Given, Outcome::Failed) => Verdict::Retry(Problem::FailedOnGiven { found }),
        (_, Outcome::NotInvoked) => Verdict::Failed(Problem::NotInvoked { token, found }),
    }
}

/// The reason an authorizer failed its test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The authorizer does not exist.
    #[error("does not exist")]
    Missing,
    /// The authorizer accepted the invalid token.
    #[error("accepted an invalid token ({found})")]
    AcceptedInvalid {
        /// The response.
        found: String,
    },
    /// The authorizer rejected the token from `--token-command`.
    #[error("rejected the token from `--token-command` ({found})")]
    RejectedGiven {
        /// The response.
        found: String,
    },
    /// The authorizer failed on the invalid token.
    #[error("failed on an invalid token ({found})")]
    FailedOnInvalid {
        /// The error.
        found: String,
    },
    /// The authorizer failed on the token from `--token-command`.
    #[error("failed on the token from `--token-command` ({found})")]
    FailedOnGiven {
        /// The error.
        found: String,
    },
    /// API Gateway rejected the request before it invoked the authorizer.
    #[error("was not invoked for {token}, so that the test proves nothing ({found})")]
    NotInvoked {
        /// The token of the request.
        token: Token,
        /// The response.
        found: String,
    },
}

/// The reason a probe did not pass.
#[derive(Debug)]
pub(crate) enum ProbeError {
    /// The call failed.
    Call(CallError),
    /// The authorizer failed the test; with the end of its log.
    Problem { problem: Problem, log: String },
}

/// Probes an authorizer with an invalid token, and with the given token if there is one.
pub(crate) async fn probe(
    aws: &Aws,
    transport: &impl Transport,
    given: Option<&str>,
) -> Result<(), ProbeError> {
    send_until_decided(aws, transport, Token::Invalid, INVALID_TOKEN).await?;
    match given {
        Some(text) => send_until_decided(aws, transport, Token::Given, text).await,
        None => Ok(()),
    }
}

async fn send_until_decided(
    aws: &Aws,
    transport: &impl Transport,
    token: Token,
    text: &str,
) -> Result<(), ProbeError> {
    let mut attempt = 1;
    loop {
        let response = transport.send(text).await.map_err(ProbeError::Call)?;
        match evaluate(token, &response) {
            Verdict::Passed => return Ok(()),
            Verdict::Retry(_) if attempt < transport.attempts() => {
                attempt += 1;
                aws.wait(PAUSE, "the authorizer cannot be invoked yet").await;
            }
            Verdict::Retry(problem) | Verdict::Failed(problem) => {
                return Err(ProbeError::Problem { problem, log: response.log });
            }
        }
    }
}

/// The parts of an execution log that only an invocation of a function has, from published logs of
/// tests on AWS. The result is not logged for the error `Unauthorized`, and `Sending request` not in
/// older logs. Requests that API Gateway rejects itself have none of them.
const INVOCATION: [&str; 3] = [
    "Endpoint request URI: https://lambda",
    "Sending request to https://lambda",
    "Authorizer result body before parsing: ",
];

/// Returns whether an execution log shows that a function was invoked.
fn shows_invocation(log: &str) -> bool {
    log.lines().any(|line| INVOCATION.iter().any(|part| line.contains(part)))
}

/// The parts of an execution log with the request to the function: API Gateway's credentials, and the
/// token, which may be truncated.
const REQUEST: [&str; 2] = ["Endpoint request headers: ", "Endpoint request body"];

/// Returns the last lines of a log, without credentials and with the token redacted.
fn log_tail(log: &str, token: &str) -> String {
    let log = log.replace(token, "…");
    let is_shown = |line: &&str| !REQUEST.iter().any(|part| line.contains(part));
    let lines: Vec<&str> = log.lines().filter(is_shown).collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
}
