//! The mappings of integration responses and gateway responses.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html>

use super::Problem;
use crate::source::document::{Entry, Node};

/// The targets and sources of a kind of mapping, each by its beginning.
struct Mappings {
    targets: &'static [&'static str],
    sources: &'static [&'static str],
    target_help: &'static str,
    source_help: &'static str,
}

const OF_INTEGRATION_RESPONSES: Mappings = Mappings {
    targets: &["method.response.header."],
    sources: &[
        "context.",
        "integration.response.body",
        "integration.response.header.",
        "integration.response.multivalueheader.",
        "stageVariables.",
    ],
    target_help: "map to `method.response.header.NAME`",
    source_help: "`integration.response.header.NAME`, `integration.response.body`, `context.NAME` or `stageVariables.NAME`",
};

const OF_GATEWAY_RESPONSES: Mappings = Mappings {
    targets: &["gatewayresponse.header.", "gatewayresponse.path.", "gatewayresponse.querystring."],
    sources: &["context.", "method.request.", "stageVariables."],
    target_help: "map to `gatewayresponse.header.NAME`",
    source_help: "`method.request.header.NAME`, `context.NAME` or `stageVariables.NAME`",
};

/// Returns the mappings of an integration's responses that API Gateway refuses.
pub(super) fn in_responses(integration: &Node) -> Vec<Problem> {
    let responses = integration.member("responses").map(Node::entries).unwrap_or_default();
    responses.iter().flat_map(|entry| problems(&entry.node, &OF_INTEGRATION_RESPONSES)).collect()
}

/// Returns the mappings of a gateway response that API Gateway refuses.
pub(super) fn in_gateway_response(node: &Node) -> Vec<Problem> {
    problems(node, &OF_GATEWAY_RESPONSES)
}

fn problems(response: &Node, mappings: &Mappings) -> Vec<Problem> {
    let parameters = response.member("responseParameters").map(Node::entries).unwrap_or_default();
    parameters.iter().filter_map(|entry| problem(entry, mappings)).collect()
}

fn problem(entry: &Entry, mappings: &Mappings) -> Option<Problem> {
    let source = entry.node.text()?;
    let target = &entry.key;
    let begins = |text: &str, known: &[&str]| {
        let mut rests = known.iter().filter_map(|start| Some((start, text.strip_prefix(start)?)));
        // `integration.response.body` is a whole source.
        rests.any(|(start, rest)| !start.ends_with('.') || !rest.is_empty())
    };
    let (cause, help) = if !begins(target, mappings.targets) {
        (format!("invalid mapping to `{target}`"), mappings.target_help.to_owned())
    } else if !is_constant(source) && !begins(source, mappings.sources) {
        let help = format!(
            "write `'{source}'` for a constant, or map from {}; API Gateway rejects it: \"Invalid mapping expression specified: {source}\"",
            mappings.source_help
        );
        (format!("invalid mapping from `{source}` to `{target}`"), help)
    } else {
        return None;
    };
    Some(Problem::new(Some(&entry.node), cause, help))
}

/// Returns whether a source is a constant: a text in single quotes.
fn is_constant(source: &str) -> bool {
    source.len() >= 2 && source.starts_with('\'') && source.ends_with('\'')
}
