//! [`ClaimRule`]: a requirement on one claim, in addition to the standard checks.

use serde_json::{Map, Value};

use crate::claim_path::ClaimPath;

/// A requirement on one claim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClaimRule {
    pub(crate) claim: ClaimPath,
    pub(crate) test: ClaimTest,
}

/// The condition that the claim's value must meet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClaimTest {
    /// It is one of these strings, or an array that contains one of them.
    AnyOf(Vec<String>),
    /// It is an array that contains all of these strings.
    AllOf(Vec<String>),
    /// It is this string, number or boolean.
    Equals(Value),
    /// It is present, or absent.
    Exists(bool),
    /// It is an integer within these bounds.
    Range { at_least: Option<i64>, at_most: Option<i64> },
}

impl ClaimRule {
    /// Returns whether the claims satisfy the rule. An absent claim satisfies no rule but
    /// `exists = false`.
    pub(crate) fn holds(&self, claims: &Map<String, Value>) -> bool {
        let value = self.claim.find(claims);
        let texts = || match value {
            Some(Value::String(text)) => vec![text.as_str()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        match &self.test {
            ClaimTest::AnyOf(wanted) => {
                texts().iter().any(|text| wanted.iter().any(|wanted| wanted == text))
            }
            ClaimTest::AllOf(wanted) => {
                let texts = texts();
                wanted.iter().all(|wanted| texts.contains(&wanted.as_str()))
            }
            ClaimTest::Equals(wanted) => value == Some(wanted),
            ClaimTest::Exists(wanted) => value.is_some() == *wanted,
            ClaimTest::Range { at_least, at_most } => {
                value.and_then(Value::as_i64).is_some_and(|number| {
                    at_least.is_none_or(|least| number >= least)
                        && at_most.is_none_or(|most| number <= most)
                })
            }
        }
    }
}
