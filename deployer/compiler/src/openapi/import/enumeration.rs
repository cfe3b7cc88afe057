//! Values of enumerations. API Gateway accepts any case.

use super::Problem;
use crate::api::{Integration, IntegrationKind};
use crate::source::diagnostic::suggestion_or_list;
use crate::source::document::Node;

const CONTENT_HANDLING: (&str, &[&str]) =
    ("contentHandling", &["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"]);
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html>
const OF_INTEGRATION: [(&str, &[&str]); 4] = [
    ("connectionType", &["INTERNET", "VPC_LINK"]),
    CONTENT_HANDLING,
    ("passthroughBehavior", &["never", "when_no_match", "when_no_templates"]),
    ("responseTransferMode", &["BUFFERED", "STREAM"]),
];
const METHODS: (&str, &[&str]) =
    ("httpMethod", &["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);
const KEY_SOURCE: (&str, &[&str]) =
    ("x-amazon-apigateway-api-key-source", &["AUTHORIZER", "HEADER"]);

/// Returns the members of an integration and its responses with unknown values, and a missing method.
pub(super) fn in_integration(node: &Node, integration: &Integration) -> Vec<Problem> {
    let own = OF_INTEGRATION.iter().filter_map(|member| unknown(node, member));
    let responses = node.member("responses").map(Node::entries).unwrap_or_default();
    let responses = responses.iter().filter_map(|entry| unknown(&entry.node, &CONTENT_HANDLING));
    let mut problems: Vec<Problem> = own.chain(responses).collect();
    // A MOCK integration has no request.
    if integration.kind != IntegrationKind::Mock {
        problems.extend(unknown(node, &METHODS));
    }
    if matches!(integration.kind, IntegrationKind::Aws | IntegrationKind::Http)
        && integration.http_method.is_none()
    {
        let help = "set the method of the request to the backend; API Gateway rejects it: \"Enumeration value for HttpMethod must be non-empty\"";
        problems.push(Problem::new(node.member("type"), "missing `httpMethod`", help));
    }
    problems
}

/// Returns the settings of the root with unknown values.
pub(super) fn in_root(root: &Node) -> Option<Problem> {
    unknown(root, &KEY_SOURCE)
}

fn unknown(node: &Node, (name, known): &(&str, &[&str])) -> Option<Problem> {
    let member = node.member(name)?;
    let value = member.text()?;
    if known.iter().any(|one| one.eq_ignore_ascii_case(value)) {
        return None;
    }
    let cause = format!("unknown `{name}` `{value}`");
    Some(Problem::new(Some(member), cause, suggestion_or_list(value, known)))
}
