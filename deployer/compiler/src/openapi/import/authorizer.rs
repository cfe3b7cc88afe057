//! Identity sources and validation expressions of authorizers.

use super::{Problem, credentials, java_regex};
use crate::api::{AuthorizerShape, AuthorizerType};
use crate::source::document::Node;

/// The beginnings of the identity sources of a REQUEST authorizer. Others, such as path parameters, are
/// refused.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>
const SOURCES: [&str; 4] =
    ["context.", "method.request.header.", "method.request.querystring.", "stageVariables."];

/// Returns the members of an authorizer that API Gateway refuses.
pub(super) fn problems(node: &Node, shape: &AuthorizerShape) -> Vec<Problem> {
    let mut problems = Vec::new();
    if shape.kind == AuthorizerType::Request {
        problems.extend(identity_source(node, shape));
    }
    problems.extend(credentials::problem(node, "authorizerCredentials"));
    let member = node.member("identityValidationExpression");
    let expression = member.and_then(Node::text);
    if let Some(reason) = expression.and_then(java_regex::problem) {
        let cause = format!("`identityValidationExpression` is not a regular expression: {reason}");
        let help = "write a regular expression in Java's syntax";
        problems.push(Problem::new(member, cause, help));
    }
    problems
}

fn identity_source(node: &Node, shape: &AuthorizerShape) -> Option<Problem> {
    let is_source = |source: &&String| {
        let mut names = SOURCES.iter().filter_map(|start| source.strip_prefix(start));
        names.any(|name| !name.is_empty())
    };
    let invalid = shape.identity.iter().find(|source| !is_source(source))?;
    let cause = format!("invalid identity source `{invalid}`");
    let help = "use `method.request.header.NAME`, `method.request.querystring.NAME`, `stageVariables.NAME` or `context.NAME`; for a decision by route, `context.resourcePath` and `context.httpMethod`";
    Some(Problem::new(node.member("identitySource"), cause, help))
}
