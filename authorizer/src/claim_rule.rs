//! What else must be true of the claims, as the security team wrote it.

use serde_json::{Map, Value};

use crate::claim_path::ClaimPath;
use crate::config::RuleDocument;

/// A rule about one claim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    claim: ClaimPath,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    AnyOf(Vec<String>),
    AllOf(Vec<String>),
    Equals(Value),
    Exists(bool),
    Range { at_least: Option<i64>, at_most: Option<i64> },
}

impl Rule {
    /// Reads a rule: exactly one test, and none that everything or nothing passes.
    pub(crate) fn resolve(document: &RuleDocument) -> Result<Self, &'static str> {
        let claim = document.claim.parse().map_err(|_| "has a rule whose claim has no name")?;
        let RuleDocument { any_of, all_of, equals, exists, at_least, at_most, .. } =
            document.clone();
        let range =
            (at_least.is_some() || at_most.is_some()).then_some(Test::Range { at_least, at_most });
        let tests = [
            any_of.map(Test::AnyOf),
            all_of.map(Test::AllOf),
            equals.map(Test::Equals),
            exists.map(Test::Exists),
            range,
        ];
        let mut tests = tests.into_iter().flatten();
        match (tests.next(), tests.next()) {
            (Some(Test::AnyOf(list) | Test::AllOf(list)), None) if list.is_empty() => {
                Err("has a rule with an empty list")
            }
            (Some(Test::Equals(Value::Null | Value::Array(_) | Value::Object(_))), None) => Err(
                "has a rule that compares with something other than a text, number or truth value",
            ),
            (Some(test), None) => Ok(Self { claim, test }),
            _ => Err(
                "has a rule without exactly one of any_of, all_of, equals, exists, at_least and at_most",
            ),
        }
    }

    /// Says whether the claims keep the rule. A claim that is not there keeps none but
    /// `exists = false`.
    pub(crate) fn holds(&self, claims: &Map<String, Value>) -> bool {
        let value = self.claim.find(claims);
        let texts = || match value {
            Some(Value::String(text)) => vec![text.as_str()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        match &self.test {
            Test::AnyOf(wanted) => {
                texts().iter().any(|text| wanted.iter().any(|wanted| wanted == text))
            }
            Test::AllOf(wanted) => {
                let texts = texts();
                wanted.iter().all(|wanted| texts.contains(&wanted.as_str()))
            }
            Test::Equals(wanted) => value == Some(wanted),
            Test::Exists(wanted) => value.is_some() == *wanted,
            Test::Range { at_least, at_most } => {
                value.and_then(Value::as_i64).is_some_and(|number| {
                    at_least.is_none_or(|least| number >= least)
                        && at_most.is_none_or(|most| number <= most)
                })
            }
        }
    }
}
