//! Misspelled extensions of API Gateway, which would have no effect.

use crate::source::diagnostic::{Code, Diagnostics};
use crate::source::document::Node;

/// The largest number of typing errors in a misspelled name.
const MAX_DISTANCE: usize = 3;

/// The extensions that API Gateway supports.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html>
const KNOWN: [&str; 19] = [
    "x-amazon-apigateway-any-method",
    "x-amazon-apigateway-api-key-source",
    "x-amazon-apigateway-auth",
    "x-amazon-apigateway-authorizer",
    "x-amazon-apigateway-authtype",
    "x-amazon-apigateway-binary-media-types",
    "x-amazon-apigateway-cors",
    "x-amazon-apigateway-documentation",
    "x-amazon-apigateway-endpoint-configuration",
    "x-amazon-apigateway-gateway-responses",
    "x-amazon-apigateway-importexport-version",
    "x-amazon-apigateway-integration",
    "x-amazon-apigateway-integrations",
    "x-amazon-apigateway-minimum-compression-size",
    "x-amazon-apigateway-policy",
    "x-amazon-apigateway-request-validator",
    "x-amazon-apigateway-request-validators",
    "x-amazon-apigateway-security-policy",
    "x-amazon-apigateway-tag-value",
];

/// Reports members of the root, a path, an operation or a security scheme that are close to an
/// extension of API Gateway.
pub(super) fn check_extensions(node: &Node, diagnostics: &mut Diagnostics) {
    for entry in node.entries().iter().filter(|entry| entry.key.starts_with("x-")) {
        let name = entry.key.as_str();
        let distances = KNOWN.map(|known| (strsim::damerau_levenshtein(name, known), known));
        let Some((distance, best)) = distances.into_iter().min() else { continue };
        if (1..=MAX_DISTANCE).contains(&distance) {
            diagnostics.warning(
                Code::UnknownExtension,
                entry.key_span,
                format!("unknown extension `{name}`"),
                format!("did you mean `{best}`?"),
            );
        }
    }
}
