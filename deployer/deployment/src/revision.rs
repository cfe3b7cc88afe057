//! The revision label in a deployment's description. With it and the [`record`](crate::record) of
//! the revision's parts, no state file is needed.

use std::fmt;
use std::str::FromStr;

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
    /// Its commit and its message.
    #[serde(flatten)]
    pub annotation: Annotation,
}

/// The commit and the message of a revision. They are no part of the content: revisions that differ in them only are
/// equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The commit of the project's files, if they are in a Git repository.
    pub commit: Option<Commit>,
    /// The user's message, if there is one.
    pub message: Option<Message>,
}

/// A commit: its abbreviated hash, with `-dirty` if the files had uncommitted changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Commit {
    hash: String,
    is_dirty: bool,
}

/// A message: one line of at most 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Message(String);

/// A text that is not a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a hash, or a hash and `-dirty`")]
pub struct InvalidCommit;

/// A text that is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// It has no character besides spaces.
    #[error("expected a text")]
    Empty,
    /// It has a line break or another control character.
    #[error("expected one line without control characters")]
    Lines,
    /// It is too long.
    #[error("expected at most {max} characters, found {length}", max = Message::MAX_LENGTH)]
    Long {
        /// Its length.
        length: usize,
    },
}

const DIRTY: &str = "-dirty";

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.hash, if self.is_dirty { DIRTY } else { "" })
    }
}

impl FromStr for Commit {
    type Err = InvalidCommit;

    fn from_str(text: &str) -> Result<Self, InvalidCommit> {
        let hash = text.strip_suffix(DIRTY).unwrap_or(text);
        // SHA-256 hashes have 64 digits.
        let is_hash =
            (4..=64).contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash {
            return Err(InvalidCommit);
        }
        Ok(Self { hash: hash.to_owned(), is_dirty: hash.len() != text.len() })
    }
}

impl Message {
    /// The most characters.
    pub const MAX_LENGTH: usize = 200;
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Message {
    type Err = InvalidMessage;

    fn from_str(text: &str) -> Result<Self, InvalidMessage> {
        let text = text.trim();
        let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        match text.chars().count() {
            0 => Err(InvalidMessage::Empty),
            _ if text.chars().any(is_break) => Err(InvalidMessage::Lines),
            length if length > Self::MAX_LENGTH => Err(InvalidMessage::Long { length }),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// Text ↔ value, as JSON has them.
macro_rules! as_text {
    ($name:ident, $error:ident) => {
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }
    };
}

as_text!(Commit, InvalidCommit);
as_text!(Message, InvalidMessage);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, content, tool, annotation: Annotation { commit, message } } = self;
        write!(f, "portcullis revision={number} content={content} tool={tool}")?;
        if let Some(commit) = commit {
            write!(f, " commit={commit}")?;
        }
        // The last one: it may have spaces.
        message.as_ref().map_or(Ok(()), |message| write!(f, " message={message}"))
    }
}

impl Revision {
    /// Reads a deployment's description; returns `None` if Portcullis did not write it.
    pub fn read(description: &str) -> Option<Self> {
        let text = description.strip_prefix("portcullis ")?;
        let (labels, message) = match text.split_once(" message=") {
            Some((labels, message)) => (labels, message.parse().ok()),
            None => (text, None),
        };
        let mut words = labels.split(' ');
        let mut next = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        Some(Self {
            number: next("revision")?.parse().ok()?,
            content: next("content")?.to_owned(),
            tool: next("tool")?.to_owned(),
            annotation: Annotation {
                commit: next("commit").and_then(|hash| hash.parse().ok()),
                message,
            },
        })
    }

    /// Returns whether both are the same revision, whatever their origins.
    pub fn is_same(&self, other: &Self) -> bool {
        self.number == other.number && self.content == other.content
    }
}
