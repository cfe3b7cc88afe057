//! [`ClaimPath`]: the exact name of a claim, dots included, or a JSON pointer.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

/// A claim's exact name, or, if the text begins with `/`, its JSON pointer (RFC 6901). A pointer to
/// a top-level claim is its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimPath {
    Name(String),
    Pointer { first: String, rest: String },
}

/// The name, or the first segment of the pointer, is empty, or the pointer has a `~` that is not part of
/// `~0` or `~1`: it would find no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("empty claim name or invalid JSON pointer")]
pub(crate) struct InvalidClaimPath;

impl FromStr for ClaimPath {
    type Err = InvalidClaimPath;

    fn from_str(text: &str) -> Result<Self, InvalidClaimPath> {
        let Some(pointer) = text.strip_prefix('/') else {
            return if text.is_empty() {
                Err(InvalidClaimPath)
            } else {
                Ok(Self::Name(text.to_owned()))
            };
        };
        let mut escapes = pointer.split('~').skip(1);
        if !escapes.all(|escape| escape.starts_with(['0', '1'])) {
            return Err(InvalidClaimPath);
        }
        let (first, rest) = pointer.split_at(pointer.find('/').unwrap_or(pointer.len()));
        let first = first.replace("~1", "/").replace("~0", "~");
        if first.is_empty() {
            return Err(InvalidClaimPath);
        }
        if rest.is_empty() {
            return Ok(Self::Name(first));
        }
        Ok(Self::Pointer { first, rest: rest.to_owned() })
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Pointer { first, rest } => write!(f, "/{}{rest}", escape_segment(first)),
        }
    }
}

/// Escapes a segment of a JSON pointer (RFC 6901 section 3).
pub(crate) fn escape_segment(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

impl ClaimPath {
    /// Returns the claim's value, if present.
    pub(crate) fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        match self {
            Self::Name(name) => claims.get(name),
            Self::Pointer { first, rest } => claims.get(first)?.pointer(rest),
        }
    }
}
