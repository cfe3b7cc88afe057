//! Authorizers of the manifest over security schemes that the document enforces otherwise.

use super::authorizer_members::{AUTHORIZER, AUTHTYPE, SIGV4};
use super::references::dereferenced_quietly;
use super::resolve_security::{SCHEME_NAME, is_api_key, scheme_name};
use crate::source::diagnostic::{Code, Diagnostics, Span};
use crate::source::document::Node;

/// Reports authorizers of the manifest that replace those of the document, or that are never invoked.
pub fn check_overrides<'a>(
    root: &Node,
    managed: impl Iterator<Item = (&'a str, Span)>,
    diagnostics: &mut Diagnostics,
) {
    let schemes = root.member("components").and_then(|node| node.member("securitySchemes"));
    let schemes = schemes.map(Node::entries).unwrap_or_default();
    for (name, span) in managed {
        let Some(entry) = schemes.iter().find(|entry| scheme_name(entry) == name) else { continue };
        let Some(node) = dereferenced_quietly(root, &entry.node) else { continue };
        let enforced = if node.member(AUTHTYPE).and_then(Node::text) == Some(SIGV4) {
            "IAM authorization"
        } else if node.member(AUTHORIZER).is_some() {
            // A document that Portcullis exported declares the authorizers of its manifest.
            if node.member(SCHEME_NAME).is_none() {
                let message = format!(
                    "[authorizer.{name}] replaces the authorizer that security scheme `{name}` declares"
                );
                let help = format!(
                    "remove `{AUTHORIZER}` from the security scheme, or [authorizer.{name}]"
                );
                diagnostics.warning(Code::ReplacedAuthorizer, span, message, help);
            }
            continue;
        } else if is_api_key(node) {
            "an API key"
        } else {
            continue;
        };
        let message = format!(
            "[authorizer.{name}] is never invoked: security scheme `{name}` requires {enforced}"
        );
        let help = format!(
            "remove [authorizer.{name}], or change the security scheme to `http` with `bearer`"
        );
        diagnostics.error(span, message, help);
    }
}
