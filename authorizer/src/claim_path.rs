//! How a claim is named: by its exact name, dots and all, or by a JSON pointer.

use std::str::FromStr;

use serde_json::{Map, Value};

/// A claim's exact name, or, if it begins with `/`, where it is (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClaimPath {
    Name(String),
    Pointer { first: String, rest: String },
}

/// The text names no claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claim has no name")]
pub(crate) struct NoName;

impl FromStr for ClaimPath {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let Some(pointer) = text.strip_prefix('/') else {
            return if text.is_empty() { Err(NoName) } else { Ok(Self::Name(text.to_owned())) };
        };
        let (first, rest) = pointer.split_at(pointer.find('/').unwrap_or(pointer.len()));
        let first = first.replace("~1", "/").replace("~0", "~");
        if first.is_empty() {
            return Err(NoName);
        }
        Ok(Self::Pointer { first, rest: rest.to_owned() })
    }
}

impl ClaimPath {
    /// Returns the claim's value.
    pub(crate) fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        match self {
            Self::Name(name) => claims.get(name),
            Self::Pointer { first, rest } => claims.get(first)?.pointer(rest),
        }
    }
}
