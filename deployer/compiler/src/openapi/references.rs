//! References within a document (RFC 6901), followed to the value that they finally name. What a
//! reference hides may be the security of an operation, so none is ever left unresolved.

use crate::source::diagnostic::{Diagnostics, closest};
use crate::source::document::Node;

/// The member of a reference.
const REFERENCE: &str = "$ref";
/// The largest number of references on the way to one value: more refer to each other.
const MAX_STEPS: usize = 64;

/// Returns the value that a node finally refers to; a node without `$ref` is returned as it is. A
/// reference that cannot be resolved is an error.
pub(super) fn dereferenced<'a>(
    root: &'a Node,
    node: &'a Node,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Node> {
    let target = dereferenced_quietly(root, node);
    if let (None, Some(reference)) = (target, reference_of(node)) {
        report(root, reference, diagnostics);
    }
    target
}

/// Returns the reference of a node. One without a value is not an absent one: what it should name, such
/// as an operation with `security`, would be lost.
fn reference_of(node: &Node) -> Option<&Node> {
    node.entry(REFERENCE).map(|entry| &entry.node)
}

/// Returns [`dereferenced`] without a diagnostic.
pub(super) fn dereferenced_quietly<'a>(root: &'a Node, node: &'a Node) -> Option<&'a Node> {
    let Some(reference) = reference_of(node) else { return Some(node) };
    let mut steps = MAX_STEPS;
    let target = find(root, reference.text()?, &mut steps)?;
    follow(root, target, &mut steps)
}

/// Returns [`dereferenced`] for a path or an operation. OpenAPI does not define which of the members
/// beside `$ref` apply, and one of them may be `security`, so they are an error.
pub(super) fn dereferenced_alone<'a>(
    root: &'a Node,
    node: &'a Node,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Node> {
    let is_text = |key: &str| matches!(key, REFERENCE | "summary" | "description");
    let beside = node.entries().iter().find(|entry| !is_text(&entry.key));
    if let Some(entry) = beside.filter(|_| reference_of(node).is_some()) {
        let message = format!("`{}` is not allowed beside `$ref`", entry.key);
        let help = "move it to the value that `$ref` names, or remove `$ref`".to_owned();
        diagnostics.error(entry.key_span, message, help);
        return None;
    }
    dereferenced(root, node, diagnostics)
}

/// Returns the value that a reference names, which may be another reference.
pub(super) fn located<'a>(root: &'a Node, reference: &str) -> Option<&'a Node> {
    find(root, reference, &mut { MAX_STEPS })
}

/// Returns the names on the way to the value that a reference into the document names.
pub(super) fn names(reference: &str) -> Option<Vec<String>> {
    reference.strip_prefix("#/")?.split('/').map(unescaped).collect()
}

/// Reports a reference that names no value.
pub(super) fn report(root: &Node, reference: &Node, diagnostics: &mut Diagnostics) {
    let text = reference.text().unwrap_or_default();
    let help = if text.starts_with('#') {
        closest_reference(root, text).unwrap_or_else(|| {
            "use a reference into this document, such as #/components/parameters/NAME".to_owned()
        })
    } else {
        "copy the value into this document: references to others are not supported".to_owned()
    };
    diagnostics.error(reference.span, format!("unresolved reference `{text}`"), help);
}

fn find<'a>(root: &'a Node, reference: &str, steps: &mut usize) -> Option<&'a Node> {
    *steps = steps.checked_sub(1)?;
    let mut node = root;
    for name in names(reference)? {
        // A reference on the way to the value.
        node = follow(root, node, steps)?;
        let item = name.parse::<usize>().ok().and_then(|at| node.items().get(at));
        node = item.or_else(|| node.member(&name))?;
    }
    Some(node)
}

fn follow<'a>(root: &'a Node, node: &'a Node, steps: &mut usize) -> Option<&'a Node> {
    // A schema's property may have the name `$ref`; its value is not text.
    let Some(reference) = reference_of(node).and_then(Node::text) else { return Some(node) };
    let target = find(root, reference, steps)?;
    follow(root, target, steps)
}

/// Returns a name without the escapes of a URI's fragment (RFC 3986) and of a pointer (RFC 6901).
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    Some(String::from_utf8(bytes).ok()?.replace("~1", "/").replace("~0", "~"))
}

/// Returns "did you mean" for a reference whose last part is close to an existing name.
fn closest_reference(root: &Node, reference: &str) -> Option<String> {
    let (parent, name) = reference.rsplit_once('/')?;
    let name = unescaped(name)?;
    let node = if parent == "#" { root } else { located(root, parent)? };
    let names = node.entries().iter().map(|entry| entry.key.as_str());
    let best = closest(&name, names).filter(|best| *best != name)?;
    let best = best.replace('~', "~0").replace('/', "~1");
    Some(format!("did you mean `{parent}/{best}`?"))
}
