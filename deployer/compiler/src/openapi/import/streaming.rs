//! Response streaming.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html>

use super::Problem;
use crate::api::{Integration, IntegrationKind, ResponseTransferMode};
use crate::source::document::Node;

/// Returns the cause why an integration cannot stream its response.
pub(super) fn problem(node: &Node, integration: &Integration) -> Option<Problem> {
    let is_proxy =
        matches!(integration.kind, IntegrationKind::AwsProxy | IntegrationKind::HttpProxy);
    let is_stream = integration.response_transfer_mode == Some(ResponseTransferMode::Stream);
    (is_stream && !is_proxy).then(|| {
        let kind = integration.kind.name().to_ascii_lowercase();
        let cause = format!("`responseTransferMode: STREAM` with the type `{kind}`");
        let help = "use the type `http_proxy` or `aws_proxy`, or remove `responseTransferMode`";
        Problem::new(node.member("responseTransferMode"), cause, help)
    })
}
