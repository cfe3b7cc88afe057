//! Extensions of API Gateway without effect: misspelled ones, those in another place than API
//! Gateway reads them from, and those that are not carried out.

use super::extension_places::{EXTENSIONS, Extension, Place, Use};
use crate::source::diagnostic::{Code, Diagnostics, Span, closest};
use crate::source::document::{Node, Value};

/// The beginning of the names.
const PREFIX: &str = "x-amazon-apigateway-";
const ANY_METHOD: &str = "x-amazon-apigateway-any-method";
/// The largest number of typing errors in a misspelled name.
const MAX_DISTANCE: usize = 3;
/// The members whose value is data of the API and not a part of the document.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];
/// The members that map names of the API, such as those of headers.
const NAMED: [&str; 7] =
    ["callbacks", "definitions", "headers", "patternProperties", "properties", "schemas", "$defs"];

/// Reports extensions of the root and of every part that [`check_extensions`] is not called for:
/// paths, operations and security schemes are checked where they are read.
pub(super) fn check_document(root: &Node, diagnostics: &mut Diagnostics) {
    check_extensions(root, Place::Root, diagnostics);
    for entry in root.entries() {
        match entry.key.as_str() {
            "paths" => check_paths(&entry.node, diagnostics),
            "components" => check_components(&entry.node, diagnostics),
            "servers" => check_items(&entry.node, Place::Server, diagnostics),
            "tags" => check_items(&entry.node, Place::Tag, diagnostics),
            name if is_part(name) => check_parts(&entry.node, true, diagnostics),
            _ => {}
        }
    }
}

/// Reports extensions that are misspelled or have no effect in a place.
pub(super) fn check_extensions(node: &Node, place: Place, diagnostics: &mut Diagnostics) {
    for entry in node.entries().iter().filter(|entry| entry.node.value != Value::Null) {
        match find(&entry.key) {
            Some(Found::Known(extension)) => {
                check_place(extension, place, entry.key_span, diagnostics);
                let reference = entry.node.entry("$ref");
                if let Some(reference) = reference.filter(|_| place.has_settings()) {
                    let message = format!("`$ref` is not resolved in `{}`", entry.key);
                    let help = "write the value that it names".to_owned();
                    diagnostics.error(reference.key_span, message, help);
                    diagnostics.ignore_further_errors(entry.node.span);
                }
            }
            Some(Found::Misspelled(best)) => diagnostics.violation(
                Code::UnknownExtension,
                entry.key_span,
                format!("unknown extension `{}`", entry.key),
                best.map_or_else(
                    || "remove it: API Gateway has no extension of this name".to_owned(),
                    |best| format!("did you mean `{best}`?"),
                ),
            ),
            None => {}
        }
    }
}

fn check_place(extension: &Extension, place: Place, at: Span, diagnostics: &mut Diagnostics) {
    let Extension { name, places, used } = extension;
    if let Use::NotCarriedOut(help) = used {
        let message = format!("`{name}` is not carried out");
        diagnostics.warning(Code::NotImported, at, message, (*help).to_owned());
    } else if !places.contains(&place) {
        let places: Vec<&str> = places.iter().map(|place| place.name()).collect();
        let message = format!("`{name}` has no effect in {}", place.name());
        let help = format!("move it to {}", places.join(" or "));
        match used {
            Use::Guards => diagnostics.violation(Code::NotImported, at, message, help),
            _ => diagnostics.warning(Code::NotImported, at, message, help),
        }
    }
}

/// A name that is that of an extension, or similar to it.
enum Found {
    Known(&'static Extension),
    /// The extension that the name is closest to, if it is close to one.
    Misspelled(Option<&'static str>),
}

fn find(name: &str) -> Option<Found> {
    if let Some(known) = EXTENSIONS.iter().find(|known| known.name == name) {
        return Some(Found::Known(known));
    }
    // Most members of a document are excluded by their first letter or their length.
    if !name.starts_with(['x', 'X', 'a', 'A']) {
        return None;
    }
    let plain = name.to_ascii_lowercase().replace(['_', '.', ' '], "-");
    let names = EXTENSIONS.iter().map(|known| known.name);
    let similar = names.clone().filter(|known| known.len().abs_diff(name.len()) <= MAX_DISTANCE);
    let distances = similar.map(|known| (strsim::damerau_levenshtein(&plain, known), known));
    if let Some((_, best)) = distances.min().filter(|(distance, _)| *distance <= MAX_DISTANCE) {
        return Some(Found::Misspelled(Some(best)));
    }
    let is_amazon = ["x-amazon", "x-aws", "x-amz"].iter().any(|start| plain.starts_with(start));
    let rest = ["apigateway", "api-gateway", "apigw", "api-gw"]
        .iter()
        .find_map(|part| Some(plain.split_once(part)?.1.trim_start_matches('-')));
    let rest = rest.filter(|_| is_amazon)?;
    Some(Found::Misspelled(closest(&format!("{PREFIX}{rest}"), names)))
}

fn check_paths(paths: &Node, diagnostics: &mut Diagnostics) {
    check_extensions(paths, Place::Other, diagnostics);
    for path in paths.entries().iter().filter(|path| !path.key.starts_with("x-")) {
        check_path(&path.node, diagnostics);
    }
}

/// Checks the parts of a path and of its operations.
fn check_path(path: &Node, diagnostics: &mut Diagnostics) {
    for entry in path.entries() {
        match entry.key.as_str() {
            "parameters" | "servers" => check_parts(&entry.node, false, diagnostics),
            name if name.starts_with("x-") && name != ANY_METHOD => {}
            _ => {
                let parts = entry.node.entries().iter().filter(|part| is_part(&part.key));
                parts.for_each(|part| check_part(&part.key, &part.node, diagnostics));
            }
        }
    }
}

fn check_components(components: &Node, diagnostics: &mut Diagnostics) {
    check_extensions(components, Place::Components, diagnostics);
    for kind in components.entries() {
        match kind.key.as_str() {
            "securitySchemes" => check_extensions(&kind.node, Place::Other, diagnostics),
            "pathItems" => {
                kind.node.entries().iter().for_each(|path| check_path(&path.node, diagnostics));
            }
            name if is_part(name) => {
                // The members are named freely.
                let parts = kind.node.entries().iter();
                parts.for_each(|part| check_parts(&part.node, true, diagnostics));
            }
            _ => {}
        }
    }
}

fn check_items(list: &Node, place: Place, diagnostics: &mut Diagnostics) {
    list.items().iter().for_each(|item| check_extensions(item, place, diagnostics));
}

/// Checks a value and everything below it. `is_checked` is false for a map of names.
fn check_parts(node: &Node, is_checked: bool, diagnostics: &mut Diagnostics) {
    if is_checked {
        check_extensions(node, Place::Other, diagnostics);
    }
    for entry in node.entries().iter().filter(|entry| !is_checked || is_part(&entry.key)) {
        check_part(&entry.key, &entry.node, diagnostics);
    }
    node.items().iter().for_each(|item| check_parts(item, true, diagnostics));
}

fn check_part(name: &str, node: &Node, diagnostics: &mut Diagnostics) {
    check_parts(node, !NAMED.contains(&name), diagnostics);
}

/// Returns whether a member is a part of the document, which may have extensions.
fn is_part(name: &str) -> bool {
    !name.starts_with("x-") && !DATA.contains(&name)
}
