//! [`RuleDocument`] → [`ClaimRule`].

use serde_json::Value;

use super::document::RuleDocument;
use crate::claim_rule::{ClaimRule, ClaimTest};

/// The reason a document is not a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RuleError {
    /// An empty list: no token would satisfy `any_of`, and every token `all_of`.
    #[error("has a rule with an empty list")]
    EmptyList,
    /// No test, or several.
    #[error(
        "must have exactly one of `any_of`, `all_of`, `equals`, `exists` and a range (`at_least`, `at_most`) in each rule"
    )]
    NotOneTest,
    /// `equals` is not a scalar.
    #[error("has a rule whose `equals` is not a string, number or boolean")]
    NotScalar,
    /// `claim` is empty.
    #[error("has a rule with an empty claim name")]
    EmptyClaimName,
}

/// Validates a rule: exactly one test, and none that every token or no token satisfies.
pub(super) fn resolve(document: &RuleDocument) -> Result<ClaimRule, RuleError> {
    let claim = document.claim.parse().map_err(|_| RuleError::EmptyClaimName)?;
    let RuleDocument { any_of, all_of, equals, exists, at_least, at_most, .. } = document.clone();
    let range =
        (at_least.is_some() || at_most.is_some()).then_some(ClaimTest::Range { at_least, at_most });
    let tests = [
        any_of.map(ClaimTest::AnyOf),
        all_of.map(ClaimTest::AllOf),
        equals.map(ClaimTest::Equals),
        exists.map(ClaimTest::Exists),
        range,
    ];
    let mut tests = tests.into_iter().flatten();
    match (tests.next(), tests.next()) {
        (Some(ClaimTest::AnyOf(list) | ClaimTest::AllOf(list)), None) if list.is_empty() => {
            Err(RuleError::EmptyList)
        }
        (Some(ClaimTest::Equals(Value::Null | Value::Array(_) | Value::Object(_))), None) => {
            Err(RuleError::NotScalar)
        }
        (Some(test), None) => Ok(ClaimRule { claim, test }),
        _ => Err(RuleError::NotOneTest),
    }
}
