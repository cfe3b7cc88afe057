//! `tags` of `[api]` and of `[api.invoke_role]`. The tags of the API are also those of its pinned
//! functions, so both tables have the limits of all three services:
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html>
//! <https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html>
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html>

use std::collections::BTreeMap;

use super::values::map;
use crate::api::RoleSettings;
use crate::source::diagnostic::Diagnostics;
use crate::source::document::{Entry, Section};

const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;
const RESERVED: [&str; 2] = ["aws:", "portcullis:"];

/// The distinction of keys that differ in case only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyCase {
    /// They are different keys.
    Sensitive,
    /// They are the same key, as in IAM.
    Insensitive,
}

/// Reads the setting `tags`.
pub(super) fn tags(
    section: &mut Section<'_>,
    case: KeyCase,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, String> {
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    let Some(node) = map(section, "tags", diagnostics) else { return tags };
    let (found, most) = (node.entries().len(), RoleSettings::MAX_TAGS);
    if found > most {
        let message = format!("too many tags: {found}, expected at most {most}");
        let help = "AWS allows 50 for each resource, and `deploy` adds up to three".to_owned();
        diagnostics.error(node.span, message, help);
    }
    for entry in node.entries() {
        let is_duplicate = case == KeyCase::Insensitive
            && tags.keys().any(|known| known.to_lowercase() == entry.key.to_lowercase());
        let value = if is_duplicate {
            Err("remove one of the tags: IAM does not distinguish keys that differ in case only")
        } else {
            value(entry)
        };
        match value {
            Ok(value) => _ = tags.insert(entry.key.clone(), value.to_owned()),
            Err(help) => {
                let message = format!("invalid tag `{}`", entry.key);
                diagnostics.error(entry.key_span, message, help.to_owned());
            }
        }
    }
    tags
}

/// Returns the value of a tag, or the fix of an invalid one.
fn value(entry: &Entry) -> Result<&str, &'static str> {
    let value = entry.node.text().ok_or("use a string as value")?;
    let key = entry.key.to_lowercase();
    if RESERVED.iter().any(|reserved| key.starts_with(reserved)) {
        return Err("use another prefix: `aws:` and `portcullis:` are reserved");
    }
    if !(1..=MAX_KEY).contains(&entry.key.chars().count()) {
        return Err("use 1 to 128 characters in the key");
    }
    if value.chars().count() > MAX_VALUE {
        return Err("use at most 256 characters in the value");
    }
    if !entry.key.chars().chain(value.chars()).all(is_tag_character) {
        return Err("use letters, digits, spaces and `_.:/=+-@` in the key and in the value");
    }
    Ok(value)
}

/// Returns whether a character is in `[\p{L}\p{Z}\p{N}_.:/=+\-@]`. Some marks of scripts are accepted
/// too, because the standard library has no general categories.
fn is_tag_character(c: char) -> bool {
    let is_separator = c.is_whitespace() && !c.is_control();
    c.is_alphanumeric() || is_separator || "_.:/=+-@".contains(c)
}
