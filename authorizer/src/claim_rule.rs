//! [`ClaimRule`]: a requirement on the claims, in addition to the standard checks.

use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::claim_path::ClaimPath;

/// A requirement on the claims.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClaimRule {
    /// One claim passes a test.
    Claim { claim: ClaimPath, test: ClaimTest },
    /// At least one of the rules holds.
    Any(Vec<Self>),
    /// All of the rules hold.
    All(Vec<Self>),
    /// The rule does not hold.
    Not(Box<Self>),
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
    /// It is a string that passes this test, or an array that contains one.
    Text(TextTest),
}

/// A test of a string.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TextTest {
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Matches(Pattern),
}

/// A regular expression that must match a whole string, in time linear in its length.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: String,
    regex: Regex,
}

/// The maximum size of a compiled pattern, in bytes. With [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES)
/// it bounds the work on one token.
const MAX_PATTERN_BYTES: usize = 16_384;

impl Pattern {
    /// Compiles a pattern. The error is a description.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let compile = |pattern: &str| {
            let mut builder = regex_lite::RegexBuilder::new(pattern);
            builder.size_limit(MAX_PATTERN_BYTES).build().map_err(|error| error.to_string())
        };
        // Alone first: `a)|(b` is a pattern only inside of the group that anchors it.
        compile(text)?;
        let regex = compile(&format!(r"\A(?:{text})\z"))?;
        Ok(Self { text: text.to_owned(), regex })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl ClaimRule {
    /// Returns whether the claims satisfy the rule. An absent claim satisfies no test but
    /// `exists = false`, and so the negation of every other.
    pub(crate) fn holds(&self, claims: &Map<String, Value>) -> bool {
        match self {
            Self::Claim { claim, test } => test.passes(claim.find(claims)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(claims)),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(claims)),
            Self::Not(rule) => !rule.holds(claims),
        }
    }
}

impl ClaimTest {
    fn passes(&self, value: Option<&Value>) -> bool {
        match self {
            Self::AnyOf(wanted) => {
                texts(value).any(|text| wanted.iter().any(|wanted| wanted == text))
            }
            Self::AllOf(wanted) => {
                let list: Vec<&str> = value
                    .filter(|value| value.is_array())
                    .map(|value| texts(Some(value)).collect())
                    .unwrap_or_default();
                wanted.iter().all(|wanted| list.contains(&wanted.as_str()))
            }
            Self::Equals(wanted) => value == Some(wanted),
            Self::Exists(wanted) => value.is_some() == *wanted,
            Self::Range { at_least, at_most } => {
                value.and_then(Value::as_i64).is_some_and(|number| {
                    at_least.is_none_or(|least| number >= least)
                        && at_most.is_none_or(|most| number <= most)
                })
            }
            Self::Text(test) => texts(value).any(|text| test.passes(text)),
        }
    }
}

impl TextTest {
    fn passes(&self, text: &str) -> bool {
        match self {
            Self::StartsWith(start) => text.starts_with(start),
            Self::EndsWith(end) => text.ends_with(end),
            Self::Contains(part) => text.contains(part),
            Self::Matches(pattern) => pattern.regex.is_match(text),
        }
    }
}

/// Returns a string, or the strings of an array.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let (one, list) = match value {
        Some(Value::Array(items)) => (None, items.as_slice()),
        other => (other, [].as_slice()),
    };
    one.into_iter().chain(list).filter_map(Value::as_str)
}
