//! Identity sources and validation expressions of authorizers.

use super::accepted::warn_ignored;
use super::{Problem, credentials, java_regex};
use crate::api::{AuthorizerShape, AuthorizerType};
use crate::source::diagnostic::{Diagnostics, suggestion};
use crate::source::document::Node;

/// The beginnings of the identity sources of a REQUEST authorizer. Others, such as path parameters, are
/// refused.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>
const SOURCES: [&str; 4] =
    ["context.", "method.request.header.", "method.request.querystring.", "stageVariables."];

/// The members of the extension. `jwtConfiguration` is that of another type of authorizer.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html>
const MEMBERS: [&str; 8] = [
    "authorizerCredentials",
    "authorizerResultTtlInSeconds",
    "authorizerUri",
    "identitySource",
    "identityValidationExpression",
    "jwtConfiguration",
    "providerARNs",
    "type",
];
/// The members for HTTP APIs alone, whose names are close to others.
const OF_HTTP_APIS: [&str; 2] = ["authorizerPayloadFormatVersion", "enableSimpleResponses"];

/// Warns of members that API Gateway ignores. A misspelled one and a reference are errors: what they
/// restrict would be allowed.
pub(super) fn check_members(node: &Node, subject: &str, diagnostics: &mut Diagnostics) {
    for entry in node.entries() {
        let name = entry.key.as_str();
        if MEMBERS.contains(&name) {
            continue;
        }
        let misspelled = suggestion(name, MEMBERS).filter(|_| !OF_HTTP_APIS.contains(&name));
        let reference = (name == "$ref").then(|| "write the authorizer here".to_owned());
        match misspelled.or(reference) {
            Some(help) => {
                let message = format!("{subject}: unknown member `{name}`");
                diagnostics.error(entry.key_span, message, help);
            }
            None => warn_ignored(entry, subject, diagnostics),
        }
    }
}

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
