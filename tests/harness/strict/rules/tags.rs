//! Tags.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Verdict;
use crate::strict::Refusal;
use crate::strict::model::Service;
use crate::strict::operation::Call;
use crate::strict::pattern;
use crate::strict::state::State;

/// The characters of tags.
const TEXT: &str = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*";

fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

/// Returns the reason why tags in a map are refused.
fn reason(tags: &Value) -> Option<String> {
    let tags = tags.as_object()?;
    if tags.len() > 50 {
        return Some(format!("A resource can have at most 50 tags: {}", tags.len()));
    }
    for (key, value) in tags {
        let value = value.as_str().unwrap_or_default();
        if is_reserved(key) {
            return Some(format!("Tag keys must not start with aws: {key}"));
        }
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            return Some(format!(
                "Tag keys have 1 to 128 characters, and values at most 256: {key}"
            ));
        }
        if !pattern::matches(TEXT, key) || !pattern::matches(TEXT, value) {
            return Some(format!("Invalid characters in tag {key}: {value}"));
        }
    }
    None
}

pub(super) fn of_apis(call: &Call, _: &State<'_>) -> Verdict {
    if call.service != Service::ApiGateway {
        return Ok(());
    }
    reason(&call.input["tags"]).map_or(Ok(()), |reason| Err(Refusal::bad_request(reason)))
}

pub(super) fn of_functions(call: &Call, _: &State<'_>) -> Verdict {
    if call.service != Service::Lambda {
        return Ok(());
    }
    let refused = |reason| Err(Refusal::new("", 400, "InvalidParameterValueException", reason));
    reason(&call.input["Tags"]).map_or(Ok(()), refused)
}

pub(super) fn of_roles(call: &Call, _: &State<'_>) -> Verdict {
    let tags = call.input["Tags"].as_array().into_iter().flatten();
    let keys: Vec<&str> = tags.filter_map(|tag| tag["Key"].as_str()).collect();
    if let Some(key) = keys.iter().find(|key| is_reserved(key)) {
        let message = format!("Tag keys with the prefix aws: are reserved: {key}");
        return Err(Refusal::new("", 400, "InvalidInput", message));
    }
    let different: BTreeSet<String> = keys.iter().map(|key| key.to_lowercase()).collect();
    if different.len() < keys.len() {
        let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        return Err(Refusal::new("", 400, "InvalidInput", message));
    }
    Ok(())
}
