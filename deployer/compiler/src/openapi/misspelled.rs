//! Misspelled members of OpenAPI that limit access or requests: without them, another security or no
//! validation would apply.

use crate::source::diagnostic::{Diagnostics, suggestion};
use crate::source::document::Node;

/// The members of the root that limit access.
pub(super) const OF_ROOT: [&str; 1] = ["security"];
/// The members of an operation that limit access or requests.
pub(super) const OF_OPERATION: [&str; 3] = ["security", "parameters", "requestBody"];
/// The member of a request body that limits requests.
pub(super) const OF_BODY: [&str; 1] = ["content"];
/// The member of a media type that limits requests.
pub(super) const OF_MEDIA_TYPE: [&str; 1] = ["schema"];
/// The member of a parameter that limits requests.
pub(super) const OF_PARAMETER: [&str; 1] = ["required"];

/// Reports members whose names are close to one of these.
pub(super) fn check_members(node: &Node, names: &[&str], diagnostics: &mut Diagnostics) {
    for entry in node.entries() {
        let name = entry.key.as_str();
        if name.starts_with("x-") || names.contains(&name) {
            continue;
        }
        let similar = names.iter().filter(|known| known.len().abs_diff(name.len()) <= 3);
        if let Some(help) = suggestion(name, similar.copied()) {
            diagnostics.error(entry.key_span, format!("unknown member `{name}`"), help);
        }
    }
}
