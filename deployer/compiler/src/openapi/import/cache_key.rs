//! The parameters of the cache key of an integration's responses.

use super::Problem;
use crate::source::document::Node;

/// The beginnings of the parameters.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-caching.html>
const PARAMETERS: [&str; 6] = [
    "integration.request.header.",
    "integration.request.path.",
    "integration.request.querystring.",
    "method.request.header.",
    "method.request.path.",
    "method.request.querystring.",
];
const HELP: &str = "write `method.request.querystring.NAME`, `….header.NAME` or `….path.NAME`; API Gateway rejects it: \"Invalid cache key parameter specified\"";

/// Returns the parameters that API Gateway refuses.
pub(super) fn problems(integration: &Node) -> Vec<Problem> {
    let parameters = integration.member("cacheKeyParameters").map(Node::items).unwrap_or_default();
    let is_parameter = |text: &str| {
        let text = text.replace(".multivalue", ".");
        PARAMETERS.iter().any(|start| text.len() > start.len() && text.starts_with(start))
    };
    let invalid = parameters.iter().filter_map(|node| Some((node, node.text()?)));
    invalid
        .filter(|(_, text)| !is_parameter(text))
        .map(|(node, text)| {
            Problem::new(Some(node), format!("invalid cache key parameter `{text}`"), HELP)
        })
        .collect()
}
