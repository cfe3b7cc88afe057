//! Suggestions for unresolved references.

use crate::source::diagnostic::closest;
use crate::source::document::Node;

/// Returns "did you mean" for a reference whose last part is close to an existing name.
pub(super) fn closest_reference(root: &Node, reference: &str) -> Option<String> {
    let (parent, name) = reference.strip_prefix("#/")?.rsplit_once('/')?;
    let node = parent.split('/').try_fold(root, |node, key| node.member(key))?;
    let best = closest(name, node.entries().iter().map(|entry| entry.key.as_str()))?;
    Some(format!("did you mean `#/{parent}/{best}`?"))
}
