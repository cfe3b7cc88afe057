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
    #[error("must not have `claim` beside `any`, `all` or `not`")]
    ClaimOfCombination,
    /// `claim` is empty, or an invalid pointer.
    #[error("must have a claim name or a JSON pointer (RFC 6901) in `claim`")]
    InvalidClaim,
    /// An empty list or text, which no token would satisfy, or every one.
    #[error("has an empty `{0}`")]
    Empty(&'static str),
    /// A test without a `claim`.
    #[error("must have `claim` beside its test")]
    MissingClaim,
    /// No test, or several.
    #[error(
        "must have exactly one of `any_of`, `all_of`, `equals`, `exists`, a range (`at_least`, `at_most`), `starts_with`, `ends_with`, `contains`, `matches`, `any`, `all` and `not`"
    )]
    NotOneTest,
    /// `equals` is not a scalar.
    #[error("must have a string, number or boolean in `equals`")]
    NotScalar,
    /// `matches` is not a regular expression, or too large a one.
    #[error("has an invalid regular expression in `matches`: {0}")]
    Pattern(String),
    /// No integer is in the range.
    #[error("has `at_least` greater than `at_most`")]
    EmptyRange,
    /// Combinations within combinations.
    #[error("is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// An error, and the rule that has it: a path from the outermost one, such as `.any[1].not`.
pub(super) type RuleErrorAt = (String, RuleError);

/// Validates a rule: exactly one test, and none that every token or no token satisfies.
pub(super) fn resolve(document: &RuleDocument) -> Result<ClaimRule, RuleErrorAt> {
    resolve_at(document, MAX_DEPTH)
}

/// A test of a claim, or a combination of rules.
enum Content {
    Test(ClaimTest),
    Combination(ClaimRule),
}

fn resolve_at(document: &RuleDocument, depth: usize) -> Result<ClaimRule, RuleErrorAt> {
    let here = |error| (String::new(), error);
    let depth = depth.checked_sub(1).ok_or_else(|| here(RuleError::TooDeep))?;
    let mut contents = tests(document).map_err(here)?.into_iter().map(Content::Test);
    let mut combinations = combinations(document, depth)?.into_iter().map(Content::Combination);
    let mut contents = contents.by_ref().chain(combinations.by_ref());
    match (contents.next(), contents.next(), &document.claim) {
        (Some(Content::Test(test)), None, Some(claim)) => {
            let claim = claim.parse().map_err(|_| here(RuleError::InvalidClaim))?;
            Ok(ClaimRule::Claim { claim, test })
        }
        (Some(Content::Test(_)), None, None) => Err(here(RuleError::MissingClaim)),
        (Some(Content::Combination(rule)), None, None) => Ok(rule),
        (Some(Content::Combination(_)), None, Some(_)) => Err(here(RuleError::ClaimOfCombination)),
        _ => Err(here(RuleError::NotOneTest)),
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
    if at_least.zip(*at_most).is_some_and(|(least, most)| least > most) {
        return Err(RuleError::EmptyRange);
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
fn combinations(document: &RuleDocument, depth: usize) -> Result<Vec<ClaimRule>, RuleErrorAt> {
    let below = |path: String| move |(rest, error): RuleErrorAt| (format!("{path}{rest}"), error);
    let RuleDocument { any, all, not, .. } = document;
    let rules = |name: &'static str, rules: &Option<Vec<RuleDocument>>| match rules {
        None => Ok(None),
        Some(rules) if rules.is_empty() => Err((String::new(), RuleError::Empty(name))),
        Some(rules) => {
            let resolved = rules
                .iter()
                .enumerate()
                .map(|(at, rule)| resolve_at(rule, depth).map_err(below(format!(".{name}[{at}]"))));
            resolved.collect::<Result<Vec<_>, _>>().map(Some)
        }
    };
    let not = not.as_deref().map(|rule| resolve_at(rule, depth).map_err(below(".not".to_owned())));
    let not = not.transpose()?;
    let combinations = [
        rules("any", any)?.map(ClaimRule::Any),
        rules("all", all)?.map(ClaimRule::All),
        not.map(|rule| ClaimRule::Not(Box::new(rule))),
    ];
    Ok(combinations.into_iter().flatten().collect())
}
