//! The revision label in a deployment's description. With it and the [`record`](crate::record) of
//! the revision's parts, no state file is needed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The revision of a deployment, as its description has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The number, from 1.
    pub number: u32,
    /// The fingerprint of its record.
    pub content: String,
    /// The version of the tool that created it.
    pub tool: String,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, content, tool } = self;
        write!(f, "portcullis revision={number} content={content} tool={tool}")
    }
}

impl Revision {
    /// Reads a deployment's description; returns `None` if Portcullis did not write it.
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
