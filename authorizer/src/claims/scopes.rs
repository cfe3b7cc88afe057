//! The scopes of a token: the union of its scope claims.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::claim_path::ClaimPath;
use crate::scope::is_scope_name;

/// The scopes of a token, and the scope claims that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenScopes {
    /// The scopes.
    pub(crate) names: BTreeSet<String>,
    /// The scope claims that are present.
    pub(crate) read_from: Vec<String>,
}

impl TokenScopes {
    /// Reads the scope claims. A value that is no scope name, which no route can require, is ignored.
    pub(crate) fn read(claims: &Map<String, Value>, scope_claims: &[ClaimPath]) -> Self {
        let mut scopes = Self::default();
        for claim in scope_claims {
            let Some(value) = claim.find(claims) else { continue };
            scopes.read_from.push(claim.to_string());
            let values = values(claim, value).into_iter().filter(|name| is_scope_name(name));
            scopes.names.extend(values.map(str::to_owned));
        }
        scopes
    }
}

/// Returns the values of a claim. Only the text of OAuth's claims is a list separated by spaces (RFC
/// 8693 section 4.2): a group with the name `Domain Users` is not the group `Users`.
fn values<'a>(claim: &ClaimPath, value: &'a Value) -> Vec<&'a str> {
    match value {
        Value::String(text) if is_of_oauth(claim) => text.split(' ').collect(),
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

fn is_of_oauth(claim: &ClaimPath) -> bool {
    matches!(claim, ClaimPath::Name(name) if name == "scope" || name == "scp")
}
