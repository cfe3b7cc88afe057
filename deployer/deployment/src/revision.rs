//! What a deployment of ours says of itself: a line in its description, and a record of what
//! every part of it does, kept as a model of the API. With these no state is kept anywhere else.
//!
//! API Gateway cannot show what a deployment holds. The record can, so a plan compares with
//! what a stage serves and not with what somebody left in the editor; and the two differ by
//! what is drift.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use compiler::api::{Api, Cors, Integration};
use compiler::definition::{ApiDefinition, Method, scheme_of};
use compiler::fingerprint::fingerprint;

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

/// What every part of a revision does: `GET /pets`, `authorizer jwt`, `api`…
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record(pub BTreeMap<String, Part>);

/// What one part does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What people are told of it, by what it is about: `auth`, `integration`…
    pub says: BTreeMap<String, String>,
    /// What of that can be seen on AWS, where it is said otherwise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<String, String>,
    /// A fingerprint of what API Gateway holds of it.
    pub print: String,
}

impl Part {
    /// Returns what can be seen of it on AWS.
    pub fn visible(&self) -> BTreeMap<String, String> {
        let mut visible = self.says.clone();
        visible.extend(self.seen.clone());
        visible.retain(|aspect, _| aspect != "rules" && aspect != "cors");
        visible
    }
}

/// Models of ours are called this and the revision's number.
const MODEL: &str = "PortcullisRevision";

impl Record {
    /// Makes the record of what the files ask for.
    pub fn of(api: &Api, draft: &ApiDefinition) -> Self {
        let mut record = Self::observed(draft);
        for route in &api.routes {
            let Some(part) = record.0.get_mut(&route.to_string()) else { continue };
            let seen = part.says.insert("auth".to_owned(), route.security.to_string());
            if let Some(seen) = seen.filter(|seen| part.says.get("auth") != Some(seen)) {
                part.seen.insert("auth".to_owned(), seen);
            }
            if let Some(cors) = &route.preflight {
                if let Some(seen) = part.says.remove("integration") {
                    part.seen.insert("integration".to_owned(), seen);
                }
                part.says.insert("cors".to_owned(), allowed(cors));
            }
        }
        for name in api.authorizers.keys() {
            // What the function was given to decide with is not API Gateway's to know.
            if let (Some(part), Some(document)) =
                (record.0.get_mut(&format!("authorizer {name}")), api.authorizer_document(name))
            {
                part.says.insert("rules".to_owned(), fingerprint(&document));
            }
        }
        record
    }

    /// Makes the record of what can be seen on AWS: without scopes, which it does not know.
    pub fn observed(draft: &ApiDefinition) -> Self {
        let prints = draft.parts();
        let mut parts: BTreeMap<String, Part> = prints
            .into_iter()
            .map(|(name, print)| (name, Part { print, ..Part::default() }))
            .collect();
        for (name, method) in &draft.methods {
            if let Some(part) = parts.get_mut(&name.to_string()) {
                part.says = says(method);
            }
        }
        for (name, shape) in &draft.authorizers {
            if let Some(part) = parts.get_mut(&format!("authorizer {}", scheme_of(name))) {
                let function = shape.function().unwrap_or_default().to_owned();
                part.says.insert("function".to_owned(), function);
                let role = shape.credentials.clone();
                part.says.insert("invoke role".to_owned(), role.unwrap_or_default());
                part.says.insert("cache".to_owned(), format!("{} s", shape.ttl));
                let by: Vec<&str> = shape.identity.iter().map(String::as_str).collect();
                part.says.insert("cached by".to_owned(), by.join(", "));
                part.says.insert("kind".to_owned(), shape.kind.to_string());
            }
        }
        Self(parts)
    }

    /// Returns what says whether two revisions hold the same.
    pub fn content(&self) -> String {
        fingerprint(self)
    }

    /// Returns the model's name and schema.
    pub fn model(&self, revision: u32) -> (String, Json) {
        // What a description says is kept as it is; of other words nobody says so.
        let text = serde_json::to_string(self).unwrap_or_default();
        (format!("{MODEL}{revision}"), json!({"type": "object", "description": text}))
    }

    /// Reads a model: its revision, and its record if it is still readable.
    pub fn read(name: &str, schema: &Json) -> Option<(u32, Option<Self>)> {
        let revision = name.strip_prefix(MODEL)?.parse().ok()?;
        let text = schema.get("description").and_then(Json::as_str).unwrap_or_default();
        Some((revision, serde_json::from_str(text).ok()))
    }
}

fn says(method: &Method) -> BTreeMap<String, String> {
    let mut auth = method.authorization.to_string();
    if method.api_key {
        auth = if auth == "public" { "API key".to_owned() } else { format!("{auth} and API key") };
    }
    let integration =
        method.integration.as_ref().map_or("nothing".to_owned(), Integration::to_string);
    let checks = method.validator.map_or("nothing", compiler::api::Validator::name);
    BTreeMap::from([
        ("auth".to_owned(), auth),
        ("integration".to_owned(), integration),
        ("checks".to_owned(), checks.to_owned()),
    ])
}

fn allowed(cors: &Cors) -> String {
    format!("{} may {}", cors.allow_origins.join(", "), cors.allow_methods.join(", "))
}
