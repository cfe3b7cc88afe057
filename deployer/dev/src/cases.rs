//! `cases.yaml`: requests with tokens, and their expected outcomes. Pure: text → [`Case`]s, and a
//! response → the [`Outcome`] of its case.

use std::time::Duration;

use serde_json::{Value as Json, json};

pub use parse::read;

mod junit;
mod parse;

/// A request with a token, and its expected outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The method.
    pub method: String,
    /// The path below the stage, with its query.
    pub path: String,
    /// Headers, without the token's.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
    /// The token's name in the file.
    pub token_name: String,
    /// The token.
    pub token: Token,
    /// The expected outcome.
    pub expected: Expected,
    /// The line of the expectation in the file.
    pub line: usize,
}

/// The credential of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// No credential.
    None,
    /// A text that is not a token.
    Text(String),
    /// A token of an issuer.
    Issued {
        /// Its scopes, separated by spaces.
        scopes: String,
        /// True for an expired token.
        expired: bool,
        /// Its audience, if it is not this API's.
        audience: Option<String>,
    },
}

/// The expected outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The status.
    pub status: u16,
    /// A part of the body.
    pub body: Option<String>,
    /// True if the backend must be reached.
    pub backend: Option<bool>,
}

/// The actual outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actual {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// True if the backend was reached, where that can be observed.
    pub backend: Option<bool>,
}

/// The outcome of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response is as expected.
    Passed,
    /// The response is not as expected.
    Failed(String),
    /// The request was not sent.
    Skipped(String),
}

impl Case {
    /// Returns the case's name in reports.
    pub fn name(&self) -> String {
        format!("{} {} with {}", self.method, self.path, self.token_name)
    }

    /// Compares the actual outcome with the expected one.
    pub fn evaluate(&self, actual: &Actual) -> Outcome {
        let Expected { status, body, backend } = &self.expected;
        let mut failures = Vec::new();
        if actual.status != *status {
            failures.push(format!("expected status {status}, found {}", actual.status));
        }
        if let Some(part) = body.as_ref().filter(|part| !actual.body.contains(part.as_str())) {
            failures.push(format!("expected a body with `{part}`"));
        }
        match (backend, actual.backend) {
            (Some(true), Some(false)) => {
                failures.push("expected a backend request, found none".to_owned());
            }
            (Some(false), Some(true)) => {
                failures.push("expected no backend request, found one".to_owned());
            }
            _ => {}
        }
        if failures.is_empty() { Outcome::Passed } else { Outcome::Failed(failures.join("; ")) }
    }
}

impl Outcome {
    /// Returns the outcome's name in reports, and the reason.
    fn name_and_reason(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Passed => ("passed", None),
            Self::Failed(reason) => ("failed", Some(reason)),
            Self::Skipped(reason) => ("skipped", Some(reason)),
        }
    }
}

/// A case and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseRun {
    /// The case.
    pub case: Case,
    /// Its outcome.
    pub outcome: Outcome,
    /// Its duration.
    pub time: Duration,
}

/// The results of the cases, in order.
#[derive(Clone, Debug, Default)]
pub struct Results(pub Vec<CaseRun>);

impl Results {
    /// Returns whether a case failed.
    pub fn failed(&self) -> bool {
        self.counts().1 > 0
    }

    /// Counts the cases that passed, failed and were skipped.
    fn counts(&self) -> (usize, usize, usize) {
        let count = |matches: fn(&Outcome) -> bool| {
            self.0.iter().filter(|run| matches(&run.outcome)).count()
        };
        (
            count(|outcome| *outcome == Outcome::Passed),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        )
    }

    /// Returns the totals as text.
    pub fn text(&self) -> String {
        let (passed, failed, skipped) = self.counts();
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }

    /// Returns the results as JSON.
    pub fn json(&self) -> Json {
        let (passed, failed, skipped) = self.counts();
        let cases = self.0.iter().map(|CaseRun { case, outcome, .. }| {
            let (outcome, reason) = outcome.name_and_reason();
            json!({"case": case.name(), "line": case.line, "outcome": outcome, "reason": reason})
        });
        let cases: Vec<Json> = cases.collect();
        json!({"passed": passed, "failed": failed, "skipped": skipped, "cases": cases})
    }
}
