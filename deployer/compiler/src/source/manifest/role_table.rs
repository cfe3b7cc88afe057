//! `invoke_role` of `[api]`: the invoke roles that `deploy` creates. IAM's limits:
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>

use std::collections::BTreeMap;

use crate::api::RoleSettings;
use crate::source::diagnostic::Diagnostics;
use crate::source::document::{Entry, Node, Section, Value};

/// Reads the settings of the roles.
pub(super) fn invoke_role(node: &Node, diagnostics: &mut Diagnostics) -> RoleSettings {
    let mut section = Section::open(node, "invoke_role", diagnostics);
    let path = valid_text(
        &mut section,
        "path",
        is_role_path,
        "write \"/NAME/\": letters, digits and `+=,.@_-` between slashes, at most 512 characters",
        diagnostics,
    );
    let permissions_boundary = valid_text(
        &mut section,
        "permissions_boundary",
        is_policy_arn,
        "expected arn:aws:iam::ACCOUNT:policy/NAME",
        diagnostics,
    );
    let tags = section.entry("tags").map(|entry| tags(&entry.node, diagnostics));
    section.finish(diagnostics);
    RoleSettings { path, permissions_boundary, tags: tags.unwrap_or_default() }
}

fn valid_text(
    section: &mut Section<'_>,
    key: &'static str,
    is_valid: fn(&str) -> bool,
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let (text, span) = section.text(key, diagnostics)?;
    if !is_valid(text) {
        diagnostics.error(span, format!("invalid `{key}` `{text}`"), help.to_owned());
    }
    Some(text.to_owned())
}

/// Returns whether a text is a role's path. IAM allows more characters; wildcards of policies are
/// among them.
fn is_role_path(text: &str) -> bool {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || "/+=,.@_-".contains(c);
    text.starts_with('/')
        && text.ends_with('/')
        && text.len() <= 512
        && !text.contains("//")
        && text.chars().all(is_valid)
}

/// Returns whether a text is the ARN of a managed policy, of an account or of AWS.
fn is_policy_arn(text: &str) -> bool {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, "iam", "", account, resource] = fields[..] else { return false };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_valid = |c: char| c.is_ascii_alphanumeric() || "/+=,.@_-".contains(c);
    let name = resource.strip_prefix("policy/").filter(|name| !name.is_empty());
    partition.starts_with("aws")
        && (is_account || account == "aws")
        && name.is_some_and(|name| name.chars().all(is_valid))
}

fn tags(node: &Node, diagnostics: &mut Diagnostics) -> BTreeMap<String, String> {
    if !matches!(node.value, Value::Map(_)) {
        let message = format!("`tags`: expected a map, found {}", node.kind());
        diagnostics.error(node.span, message, None);
    }
    let entries = node.entries();
    if entries.len() > RoleSettings::MAX_TAGS {
        let (found, most) = (entries.len(), RoleSettings::MAX_TAGS);
        let message = format!("too many tags: {found}, expected at most {most}");
        diagnostics.error(node.span, message, None);
    }
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for entry in entries {
        // IAM does not distinguish the case of keys.
        let is_duplicate = tags.keys().any(|known| known.eq_ignore_ascii_case(&entry.key));
        match tag_value(entry).filter(|_| !is_duplicate) {
            Some(value) => _ = tags.insert(entry.key.clone(), value.to_owned()),
            None => {
                let help = "use letters, digits, spaces and `_.:/=+-@`, at most 128 characters in the key and 256 in the value; the prefixes `aws:` and `portcullis:` are reserved, and keys that differ in case only are duplicates";
                let message = format!("invalid tag `{}`", entry.key);
                diagnostics.error(entry.key_span, message, help.to_owned());
            }
        }
    }
    tags
}

/// Returns the value of a tag that IAM accepts.
fn tag_value(entry: &Entry) -> Option<&str> {
    let value = entry.node.text()?;
    let key = entry.key.to_lowercase();
    let is_valid = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    let is_accepted = (1..=128).contains(&key.chars().count())
        && value.chars().count() <= 256
        && key.chars().chain(value.chars()).all(is_valid)
        && !["aws:", "portcullis:"].iter().any(|reserved| key.starts_with(reserved));
    is_accepted.then_some(value)
}
