//! Identity sources: the cache key of authorizer results.

use std::fmt;
use std::str::FromStr;

/// An identity source, as API Gateway names it.
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

/// The text is not an identity source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid identity source")]
pub struct InvalidIdentitySource;

impl IdentitySource {
    /// Returns the identity sources that identify a route: the HTTP method and the resource path.
    pub fn route() -> [Self; 2] {
        ["httpMethod", "resourcePath"].map(|name| Self::Context(name.to_owned()))
    }

    /// Returns whether both are the same source; header names are compared without case.
    pub fn is_equivalent(&self, other: &Self) -> bool {
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
            let is_name_char =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '$');
            !name.is_empty() && name.chars().all(is_name_char)
        };
        let parse = |start| text.strip_prefix(start).filter(is_name).map(str::to_owned);
        (parse(HEADER).map(Self::Header))
            .or_else(|| parse(QUERY).map(Self::Query))
            .or_else(|| parse(STAGE_VARIABLE).map(Self::StageVariable))
            .or_else(|| parse(CONTEXT).map(Self::Context))
            .ok_or(InvalidIdentitySource)
    }
}
