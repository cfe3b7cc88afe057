//! A record ↔ the model of the API that it is stored as.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Record;
use crate::json::JsonProblem;

/// The format of records. Format 2 is read too: it lacks the rules of authorizers, and is otherwise
/// the same.
///
/// Format 1 had no number and held display texts, which cannot be compared.
pub const FORMAT: u64 = 3;
const WITHOUT_RULES: u64 = 2;

/// The name of a record's model, without the revision's number.
const MODEL: &str = "PortcullisRevision";

#[derive(Serialize)]
struct Stored<'a> {
    format: u64,
    record: &'a Record,
}

/// The records of an API, by revision number, readable or not.
pub type Records = BTreeMap<u32, Result<Record, UnreadableRecord>>;

/// Returns the ARNs of the functions that records name, also those that this version cannot read.
pub fn named_functions(records: &Records) -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for record in records.values() {
        match record {
            Ok(record) => {
                functions.extend(record.functions().into_values().flatten().map(str::to_owned));
            }
            // An ARN has no character that JSON escapes.
            Err(UnreadableRecord { text, .. }) => {
                let arns = text.split(['"', '\\']);
                let arns =
                    arns.filter(|part| part.starts_with("arn:") && part.contains(":function:"));
                functions.extend(arns.map(str::to_owned));
            }
        }
    }
    functions
}

/// A record that this version cannot read. It is not interpreted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct UnreadableRecord {
    /// Its text. It is retained with its deployment, because another version may read it.
    pub text: String,
    /// The reason it cannot be read.
    pub reason: UnreadableReason,
}

/// The reason a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableReason {
    /// The record has another format.
    #[error("has format {0}, expected {FORMAT}")]
    Format(u64),
    /// The deployment with its number has another content: two deployers may have used the number at
    /// once.
    #[error("is of another deployment")]
    OtherDeployment,
    /// The record is not in its format.
    #[error("is damaged ({0})")]
    Damaged(String),
}

impl Record {
    /// Returns the name and the schema of the record's model.
    pub fn model(&self, revision: u32) -> (String, Json) {
        // It cannot fail: every key is a string.
        let text = serde_json::to_string(&Stored { format: FORMAT, record: self });
        schema(revision, &text.unwrap_or_default())
    }

    /// Reads a model's revision and record; returns `None` if the model is not a record.
    pub fn read(name: &str, schema: &Json) -> Option<(u32, Result<Self, UnreadableRecord>)> {
        let revision = name.strip_prefix(MODEL)?.parse().ok()?;
        let text = schema.get("description").and_then(Json::as_str).unwrap_or_default();
        let record =
            parse(text).map_err(|reason| UnreadableRecord { text: text.to_owned(), reason });
        Some((revision, record))
    }
}

impl UnreadableRecord {
    /// Returns a record that is not the one of the deployment with its number.
    pub fn of_other_deployment(record: &Record) -> Self {
        // It cannot fail: every key is a string.
        let text = serde_json::to_string(&Stored { format: FORMAT, record });
        Self { text: text.unwrap_or_default(), reason: UnreadableReason::OtherDeployment }
    }

    /// Returns the name and the schema of the record's model.
    pub fn model(&self, revision: u32) -> (String, Json) {
        schema(revision, &self.text)
    }
}

/// AWS keeps the description unchanged, and rewrites the rest of a schema.
fn schema(revision: u32, text: &str) -> (String, Json) {
    (format!("{MODEL}{revision}"), json!({"type": "object", "description": text}))
}

fn parse(text: &str) -> Result<Record, UnreadableReason> {
    let damaged = |cause: &str| UnreadableReason::Damaged(cause.to_owned());
    let mut stored: Json = serde_json::from_str(text)
        .map_err(|error| damaged(&JsonProblem::from(error).to_string()))?;
    let Json::Object(members) = &mut stored else {
        return Err(damaged("expected an object"));
    };
    match members.get("format").map(Json::as_u64) {
        Some(Some(FORMAT | WITHOUT_RULES)) => {}
        Some(Some(other)) => return Err(UnreadableReason::Format(other)),
        Some(None) => return Err(damaged("invalid `format`: expected a number")),
        None => return Err(UnreadableReason::Format(1)),
    }
    let record = members.remove("record").unwrap_or_default();
    serde_json::from_value(record).map_err(|error| damaged(&JsonProblem::from(error).to_string()))
}
