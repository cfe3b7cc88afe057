//! A record ↔ the model of the API that it is stored as.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Record;

/// The format that records are written in, and the only one that is read.
///
/// Format 1 had no number and held texts for people, whose meaning would have to be guessed.
pub const FORMAT: u64 = 2;

/// Models of ours are called this and the revision's number.
const MODEL: &str = "PortcullisRevision";

#[derive(Serialize)]
struct Stored<'a> {
    format: u64,
    record: &'a Record,
}

/// The records of an API, by revision, as far as they can be read.
pub type Records = BTreeMap<u32, Result<Record, UnreadableRecord>>;

/// A record that this version cannot read. Nothing is guessed of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct UnreadableRecord {
    /// Its text, which is kept as long as its deployment is: another version may read it.
    pub text: String,
    /// Why it cannot be read.
    pub reason: UnreadableReason,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableReason {
    /// It is of another format.
    #[error("has format {0}, which this version cannot read")]
    Format(u64),
    /// It is not what was stored.
    #[error("is damaged ({0})")]
    Damaged(String),
}

impl Record {
    /// Returns the model's name and schema.
    pub fn model(&self, revision: u32) -> (String, Json) {
        // A map with keys of ours cannot fail to be JSON.
        let text = serde_json::to_string(&Stored { format: FORMAT, record: self });
        schema(revision, &text.unwrap_or_default())
    }

    /// Reads a model: its revision and the record; nothing if it is no record of ours.
    pub fn read(name: &str, schema: &Json) -> Option<(u32, Result<Self, UnreadableRecord>)> {
        let revision = name.strip_prefix(MODEL)?.parse().ok()?;
        let text = schema.get("description").and_then(Json::as_str).unwrap_or_default();
        let record =
            parse(text).map_err(|reason| UnreadableRecord { text: text.to_owned(), reason });
        Some((revision, record))
    }
}

impl UnreadableRecord {
    /// Returns the model's name and schema.
    pub fn model(&self, revision: u32) -> (String, Json) {
        schema(revision, &self.text)
    }
}

/// Only a description is kept as it is: AWS writes the rest of a schema in its own words.
fn schema(revision: u32, text: &str) -> (String, Json) {
    (format!("{MODEL}{revision}"), json!({"type": "object", "description": text}))
}

fn parse(text: &str) -> Result<Record, UnreadableReason> {
    let damaged = |cause: String| UnreadableReason::Damaged(cause);
    let mut stored: Json =
        serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let Json::Object(members) = &mut stored else {
        return Err(damaged("it is no object".to_owned()));
    };
    match members.get("format").map(Json::as_u64) {
        Some(Some(FORMAT)) => {}
        Some(Some(other)) => return Err(UnreadableReason::Format(other)),
        Some(None) => return Err(damaged("its format is no number".to_owned())),
        None => return Err(UnreadableReason::Format(1)),
    }
    let record = members.remove("record").unwrap_or_default();
    serde_json::from_value(record).map_err(|error| damaged(error.to_string()))
}
