//! What an authorizer's answers are cached by.

use std::fmt;
use std::str::FromStr;

/// A part of a request that tells callers apart, as API Gateway names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentitySource {
    /// `context.NAME`
    Context(String),
    /// `method.request.header.NAME`
    Header(String),
    /// `method.request.querystring.NAME`
    Query(String),
    /// `stageVariables.NAME`
    StageVariable(String),
}

const CONTEXT: &str = "context.";
const HEADER: &str = "method.request.header.";
const QUERY: &str = "method.request.querystring.";
const STAGE_VARIABLE: &str = "stageVariables.";

/// The text names no part of a request that API Gateway can cache by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identity source")]
pub struct InvalidIdentitySource;

impl IdentitySource {
    /// The request's method and the path template of its resource: what tells routes apart.
    pub fn route() -> [Self; 2] {
        ["httpMethod", "resourcePath"].map(|name| Self::Context(name.to_owned()))
    }

    /// Says whether both name the same part; headers are compared without case.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(a), Self::Header(b)) => a.eq_ignore_ascii_case(b),
            _ => self == other,
        }
    }
}

impl fmt::Display for IdentitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Context(name) => write!(f, "{CONTEXT}{name}"),
            Self::Header(name) => write!(f, "{HEADER}{name}"),
            Self::Query(name) => write!(f, "{QUERY}{name}"),
            Self::StageVariable(name) => write!(f, "{STAGE_VARIABLE}{name}"),
        }
    }
}

impl FromStr for IdentitySource {
    type Err = InvalidIdentitySource;

    fn from_str(text: &str) -> Result<Self, InvalidIdentitySource> {
        let is_name = |name: &&str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '$');
            !name.is_empty() && name.chars().all(fits)
        };
        let named = |start| text.strip_prefix(start).filter(is_name).map(str::to_owned);
        (named(HEADER).map(Self::Header))
            .or_else(|| named(QUERY).map(Self::Query))
            .or_else(|| named(STAGE_VARIABLE).map(Self::StageVariable))
            .or_else(|| named(CONTEXT).map(Self::Context))
            .ok_or(InvalidIdentitySource)
    }
}
