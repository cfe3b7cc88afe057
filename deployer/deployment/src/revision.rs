//! The label in a deployment's description: which revision it holds. With it and the
//! [`record`](crate::record) of its parts, no state is kept anywhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a deployment's description says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Counts up from 1.
    pub number: u32,
    /// A fingerprint of all that it holds.
    pub content: String,
    /// The version of the tool that made it.
    pub tool: String,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, content, tool } = self;
        write!(f, "portcullis revision={number} content={content} tool={tool}")
    }
}

impl Revision {
    /// Reads a deployment's description; nothing if it is not one of ours.
    pub fn read(description: &str) -> Option<Self> {
        let mut words = description.strip_prefix("portcullis ")?.split(' ');
        let mut next = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        Some(Self {
            number: next("revision")?.parse().ok()?,
            content: next("content")?.to_owned(),
            tool: next("tool")?.to_owned(),
        })
    }
}
