//! [`ClaimRule`]: a requirement on the claims, in addition to the standard checks.

use std::fmt;

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
const MAX_PATTERN_BYTES: usize = 8_192;

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
        self.evaluate(claims) == Some(true)
    }

    /// Evaluates the rule. `None` is a value of a type that a test is not about, such as the text
    /// `"true"` for `equals = true`: it satisfies neither the test nor its negation.
    fn evaluate(&self, claims: &Map<String, Value>) -> Option<bool> {
        match self {
            Self::Claim { claim, test } => match claim.find(claims) {
                None => Some(*test == ClaimTest::Exists(false)),
                Some(value) => test.evaluate(value),
            },
            Self::Any(rules) => find(rules.iter().map(|rule| rule.evaluate(claims)), true),
            Self::All(rules) => find(rules.iter().map(|rule| rule.evaluate(claims)), false),
            Self::Not(rule) => rule.evaluate(claims).map(|holds| !holds),
        }
    }
}

/// Returns `wanted` if a result is that, else `None` if one is, else the opposite: the disjunction of
/// three-valued logic for `true`, the conjunction for `false`.
fn find(results: impl Iterator<Item = Option<bool>>, wanted: bool) -> Option<bool> {
    let mut found = Some(!wanted);
    for result in results {
        match result {
            Some(value) if value == wanted => return Some(wanted),
            Some(_) => {}
            None => found = None,
        }
    }
    found
}

/// The claims of the rule, such as `` any of `groups`, `email` ``. Values are left out.
impl fmt::Display for ClaimRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name: &str, rules: &[Self]| {
            let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
            write!(f, "{name} ({})", rules.join(", "))
        };
        match self {
            Self::Claim { claim, .. } => write!(f, "`{claim}`"),
            Self::Any(rules) => list(f, "any", rules),
            Self::All(rules) => list(f, "all", rules),
            Self::Not(rule) => write!(f, "not {rule}"),
        }
    }
}

impl ClaimTest {
    /// Tests a claim that is present; `None` if it is of a type that the test is not about.
    fn evaluate(&self, value: &Value) -> Option<bool> {
        match self {
            Self::AnyOf(wanted) => {
                any_text(value, |text| wanted.iter().any(|wanted| wanted == text))
            }
            Self::AllOf(wanted) => find(
                wanted.iter().map(|wanted| match value {
                    Value::Array(_) => any_text(value, |text| wanted == text),
                    _ => None,
                }),
                false,
            ),
            Self::Equals(wanted) => equal(wanted, value),
            Self::Exists(wanted) => Some(*wanted),
            Self::Range { at_least, at_most } => value.as_i64().map(|number| {
                at_least.is_none_or(|least| number >= least)
                    && at_most.is_none_or(|most| number <= most)
            }),
            Self::Text(test) => any_text(value, |text| test.passes(text)),
        }
    }
}

/// Tests a string, or the items of an array for one string that passes.
fn any_text(value: &Value, passes: impl Fn(&str) -> bool) -> Option<bool> {
    match value {
        Value::String(text) => Some(passes(text)),
        Value::Array(items) => find(items.iter().map(|item| item.as_str().map(&passes)), true),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// Compares scalars of one type, numbers by their value.
fn equal(wanted: &Value, value: &Value) -> Option<bool> {
    match (wanted, value) {
        (Value::Bool(wanted), Value::Bool(value)) => Some(wanted == value),
        (Value::String(wanted), Value::String(value)) => Some(wanted == value),
        (Value::Number(wanted), Value::Number(value)) => {
            Some(wanted == value || wanted.as_f64() == value.as_f64())
        }
        _ => None,
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
