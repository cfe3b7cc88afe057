//! The rules of API Gateway's import, one a file: the parts of a document that it refuses or ignores. What
//! it refuses is an error here, without a call to AWS.

use serde_json::Value as Json;

use crate::api::{AuthorizerShape, Integration};
use crate::source::diagnostic::{Diagnostics, Span};
use crate::source::document::Node;

mod accepted;
mod authorizer;
mod cache_key;
mod cloudformation;
mod credentials;
mod enumeration;
mod java_regex;
mod lambda;
mod mapping;
mod placeholder;
mod policy;
mod streaming;

pub(super) use accepted::without_null_members;
pub(super) use cloudformation::check_functions;

/// A part of a document that API Gateway refuses.
struct Problem {
    /// The range of the member that must change; that of the whole part if it is missing.
    span: Option<Span>,
    cause: String,
    help: String,
}

impl Problem {
    fn new(member: Option<&Node>, cause: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span: member.map(|node| node.span), cause: cause.into(), help: help.into() }
    }

    fn report(self, whole: &Node, subject: &str, diagnostics: &mut Diagnostics) {
        let message = format!("{subject}: {}", self.cause);
        diagnostics.error(self.span.unwrap_or(whole.span), message, self.help);
    }
}

/// Returns the JSON of an integration without the members that API Gateway ignores, which are
/// reported.
pub(super) fn accepted_integration(
    node: &Node,
    subject: &str,
    diagnostics: &mut Diagnostics,
) -> Json {
    accepted::integration(node, subject, diagnostics)
}

/// Reports the unresolved placeholders of an integration. Returns whether there is one: other errors
/// would be its consequences.
pub(super) fn has_placeholder(node: &Node, subject: &str, diagnostics: &mut Diagnostics) -> bool {
    let problems = placeholder::in_integration(node);
    let is_found = !problems.is_empty();
    for problem in problems {
        problem.report(node, subject, diagnostics);
    }
    is_found
}

/// Reports the members of an integration that API Gateway refuses.
pub(super) fn check_integration(
    node: &Node,
    integration: &Integration,
    subject: &str,
    diagnostics: &mut Diagnostics,
) {
    let problems = (lambda::problem(node, integration).into_iter())
        .chain(streaming::problem(node, integration))
        .chain(credentials::problem(node, "credentials"))
        .chain(enumeration::in_integration(node, integration))
        .chain(cache_key::problems(node))
        .chain(java_regex::in_selection_patterns(node))
        .chain(mapping::in_responses(node));
    for problem in problems {
        problem.report(node, subject, diagnostics);
    }
}

/// Reports the members of an authorizer that API Gateway refuses.
pub(super) fn check_authorizer(
    node: &Node,
    shape: &AuthorizerShape,
    subject: &str,
    diagnostics: &mut Diagnostics,
) {
    let problems = placeholder::in_authorizer(node);
    let others = authorizer::problems(node, shape);
    // An unresolved placeholder is the cause of an invalid URI.
    let rule = shape.problem(&node.to_json()).filter(|_| problems.is_empty());
    let rule = rule.map(|(cause, help)| Problem::new(None, cause, help));
    for problem in problems.into_iter().chain(rule).chain(others) {
        problem.report(node, subject, diagnostics);
    }
}

/// Reports the mappings of a gateway response that API Gateway refuses.
pub(super) fn check_gateway_response(node: &Node, subject: &str, diagnostics: &mut Diagnostics) {
    for problem in mapping::in_gateway_response(node) {
        problem.report(node, subject, diagnostics);
    }
}

/// Reports the settings of the root that API Gateway refuses.
pub(super) fn check_root(root: &Node, diagnostics: &mut Diagnostics) {
    let problems = (enumeration::in_root(root).into_iter())
        .chain(policy::problems(root))
        .chain(placeholder::in_policy(root));
    for problem in problems {
        diagnostics.error(problem.span.unwrap_or(root.span), problem.cause, problem.help);
    }
}
