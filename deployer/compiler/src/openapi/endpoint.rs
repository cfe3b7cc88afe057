//! `x-amazon-apigateway-endpoint-configuration`: below the servers of OpenAPI 3.0, or in the root. The
//! documentation and AWS's tools disagree about the place, so both are read.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-endpoint-configuration.html>

use serde_json::{Map, Value as Json, json};

use crate::api::EndpointConfiguration;
use crate::source::diagnostic::{Code, Diagnostics, suggestion};
use crate::source::document::{Node, Value};

const EXTENSION: &str = "x-amazon-apigateway-endpoint-configuration";
const DISABLED: &str = "disableExecuteApiEndpoint";
const VPC_ENDPOINTS: &str = "vpcEndpointIds";

/// Returns whether a document disables the default endpoint of its API.
pub(super) fn disables_default_endpoint(root: &Node, diagnostics: &mut Diagnostics) -> bool {
    let servers = root.member("servers").map(Node::items).unwrap_or_default();
    let mut is_disabled = false;
    for extension in [root].into_iter().chain(servers).filter_map(|node| node.member(EXTENSION)) {
        if !matches!(extension.value, Value::Map(_) | Value::Null) {
            let help = "write a map, such as { disableExecuteApiEndpoint: true }".to_owned();
            diagnostics.error(extension.span, format!("invalid `{EXTENSION}`"), help);
        }
        for entry in extension.entries() {
            let span = entry.node.span;
            match (entry.key.as_str(), entry.node.to_json()) {
                (_, Json::Null) => {}
                (DISABLED, Json::Bool(value)) => is_disabled |= value,
                (DISABLED, _) => {
                    let help = "write true or false".to_owned();
                    diagnostics.error(span, format!("invalid `{DISABLED}`"), help);
                }
                (VPC_ENDPOINTS, _) => {
                    let message = format!("`{VPC_ENDPOINTS}` of the document has no effect");
                    let help = "list the VPC endpoints in `vpc_endpoints` of [api]".to_owned();
                    diagnostics.warning(Code::NotImported, span, message, help);
                }
                (name, _) => {
                    let message = format!("`{name}` of `{EXTENSION}` has no effect");
                    match suggestion(name, [DISABLED, VPC_ENDPOINTS]) {
                        Some(help) => diagnostics.error(entry.key_span, message, help),
                        None => {
                            let help = "remove it".to_owned();
                            diagnostics.warning(Code::NotImported, span, message, help);
                        }
                    }
                }
            }
        }
    }
    is_disabled
}

/// Adds a server with the parts of an endpoint that a document can have.
pub fn add_endpoint(document: &mut Json, endpoint: &EndpointConfiguration) {
    let mut extension = Map::new();
    if !endpoint.vpc_endpoints.is_empty() {
        extension.insert(VPC_ENDPOINTS.to_owned(), json!(endpoint.vpc_endpoints));
    }
    if endpoint.disable_execute_api_endpoint {
        extension.insert(DISABLED.to_owned(), Json::Bool(true));
    }
    if let (Json::Object(members), false) = (document, extension.is_empty()) {
        members.insert("servers".to_owned(), json!([{"url": "/", EXTENSION: extension}]));
    }
}
