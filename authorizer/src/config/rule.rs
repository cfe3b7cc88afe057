//! [`RuleDocument`] → [`ClaimRule`].

use serde_json::Value;

use super::document::RuleDocument;
use crate::claim_rule::{ClaimRule, ClaimTest, Pattern, TextTest};

/// The maximum depth of `any`, `all` and `not`.
const MAX_DEPTH: usize = 8;

/// The reason a document is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RuleError {
    /// A `claim` beside `any`, `all` or `not`, which have their own.
    #[error("must not have `claim` beside `any`, `all` or `not` in a rule")]
    ClaimOfCombination,
    /// `claim` is empty.
    #[error("has a rule with an empty claim name")]
    EmptyClaimName,
    /// An empty list or text, which no token would satisfy, or every one.
    #[error("has a rule with an empty `{0}`")]
    Empty(&'static str),
    /// A test without a `claim`.
    #[error("must have `claim` in each rule that is not `any`, `all` or `not`")]
    MissingClaim,
    /// No test, or several.
    #[error(
        "must have exactly one of `any_of`, `all_of`, `equals`, `exists`, a range (`at_least`, `at_most`), `starts_with`, `ends_with`, `contains`, `matches`, `any`, `all` and `not` in each rule"
    )]
    NotOneTest,
    /// `equals` is not a scalar.
    #[error("has a rule whose `equals` is not a string, number or boolean")]
    NotScalar,
    /// `matches` is not a regular expression, or too large a one.
    #[error("has a rule whose `matches` is not a regular expression: {0}")]
    Pattern(String),
    /// Combinations within combinations.
    #[error("has rules that are nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Validates a rule: exactly one test, and none that every token or no token satisfies.
pub(super) fn resolve(document: &RuleDocument) -> Result<ClaimRule, RuleError> {
    resolve_at(document, MAX_DEPTH)
}

/// A test of a claim, or a combination of rules.
enum Content {
    Test(ClaimTest),
    Combination(ClaimRule),
}

fn resolve_at(document: &RuleDocument, depth: usize) -> Result<ClaimRule, RuleError> {
    let depth = depth.checked_sub(1).ok_or(RuleError::TooDeep)?;
    let mut contents = tests(document)?.into_iter().map(Content::Test);
    let mut combinations = combinations(document, depth)?.into_iter().map(Content::Combination);
    let mut contents = contents.by_ref().chain(combinations.by_ref());
    match (contents.next(), contents.next(), &document.claim) {
        (Some(Content::Test(test)), None, Some(claim)) => {
            let claim = claim.parse().map_err(|_| RuleError::EmptyClaimName)?;
            Ok(ClaimRule::Claim { claim, test })
        }
        (Some(Content::Test(_)), None, None) => Err(RuleError::MissingClaim),
        (Some(Content::Combination(rule)), None, None) => Ok(rule),
        (Some(Content::Combination(_)), None, Some(_)) => Err(RuleError::ClaimOfCombination),
        _ => Err(RuleError::NotOneTest),
    }
}

/// Returns the tests of a claim.
fn tests(document: &RuleDocument) -> Result<Vec<ClaimTest>, RuleError> {
    let RuleDocument { any_of, all_of, equals, exists, at_least, at_most, .. } = document;
    let RuleDocument { starts_with, ends_with, contains, matches, .. } = document;
    let list = |name, list: &Option<Vec<String>>| match list {
        Some(list) if list.is_empty() => Err(RuleError::Empty(name)),
        other => Ok(other.clone()),
    };
    let text = |name, text: &Option<String>| match text {
        Some(text) if text.is_empty() => Err(RuleError::Empty(name)),
        other => Ok(other.clone()),
    };
    if matches!(equals, Some(Value::Null | Value::Array(_) | Value::Object(_))) {
        return Err(RuleError::NotScalar);
    }
    let range = (at_least.is_some() || at_most.is_some())
        .then_some(ClaimTest::Range { at_least: *at_least, at_most: *at_most });
    let pattern = text("matches", matches)?
        .map(|text| Pattern::new(&text).map_err(RuleError::Pattern))
        .transpose()?;
    let texts = [
        text("starts_with", starts_with)?.map(TextTest::StartsWith),
        text("ends_with", ends_with)?.map(TextTest::EndsWith),
        text("contains", contains)?.map(TextTest::Contains),
        pattern.map(TextTest::Matches),
    ];
    let others = [
        list("any_of", any_of)?.map(ClaimTest::AnyOf),
        list("all_of", all_of)?.map(ClaimTest::AllOf),
        equals.clone().map(ClaimTest::Equals),
        exists.map(ClaimTest::Exists),
        range,
    ];
    Ok(others.into_iter().chain(texts.map(|text| text.map(ClaimTest::Text))).flatten().collect())
}

/// Returns the combinations of rules.
fn combinations(document: &RuleDocument, depth: usize) -> Result<Vec<ClaimRule>, RuleError> {
    let RuleDocument { any, all, not, .. } = document;
    let rules = |name, rules: &Option<Vec<RuleDocument>>| match rules {
        None => Ok(None),
        Some(rules) if rules.is_empty() => Err(RuleError::Empty(name)),
        Some(rules) => rules
            .iter()
            .map(|rule| resolve_at(rule, depth))
            .collect::<Result<Vec<_>, _>>()
            .map(Some),
    };
    let not = not.as_deref().map(|rule| resolve_at(rule, depth)).transpose()?;
    let combinations = [
        rules("any", any)?.map(ClaimRule::Any),
        rules("all", all)?.map(ClaimRule::All),
        not.map(|rule| ClaimRule::Not(Box::new(rule))),
    ];
    Ok(combinations.into_iter().flatten().collect())
}
