//! The roles that API Gateway assumes.

use super::Problem;
use crate::source::document::Node;

/// Instead of a role, the caller's own credentials.
const CALLER: &str = "arn:aws:iam::*:user/*";

/// Returns the member with a role that is not the ARN of one. A part of it may be a stage variable.
pub(super) fn problem(node: &Node, name: &str) -> Option<Problem> {
    let member = node.member(name)?;
    let role = member.text()?;
    let is_role = role.starts_with("arn:") && role.contains(":iam::") && role.contains(":role/");
    if is_role || role.contains("${stageVariables.") || role == CALLER {
        return None;
    }
    let cause = format!("`{name}` is not the ARN of a role: `{role}`");
    let help = "write arn:aws:iam::ACCOUNT:role/NAME; API Gateway rejects it: \"Invalid ARN specified in the request\"";
    Some(Problem::new(Some(member), cause, help))
}
