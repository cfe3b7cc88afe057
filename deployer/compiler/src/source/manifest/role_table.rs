//! `invoke_role` of `[api]`: the invoke roles that `deploy` creates. IAM's limits:
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>

use super::tag_table::{KeyCase, tags};
use crate::api::RoleSettings;
use crate::source::diagnostic::Diagnostics;
use crate::source::document::{Node, Section};

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
    let tags = tags(&mut section, KeyCase::Insensitive, diagnostics);
    section.finish(diagnostics);
    RoleSettings { path, permissions_boundary, tags }
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
