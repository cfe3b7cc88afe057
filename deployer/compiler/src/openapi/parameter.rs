//! A parameter of an operation. One that is not understood would not be validated.

use super::misspelled::{OF_PARAMETER, check_members};
use super::references::dereferenced;
use crate::api::ParameterLocation;
use crate::source::diagnostic::{Code, Diagnostics, suggestion_or_list};
use crate::source::document::{Node, Value};

const COOKIE: &str = "cookie";
const LOCATIONS: [&str; 4] = [COOKIE, "header", "path", "query"];

/// A declared parameter.
pub(super) struct Declared<'a> {
    pub(super) node: &'a Node,
    pub(super) location: ParameterLocation,
    pub(super) name: &'a str,
    pub(super) required: bool,
}

/// Reads the parameters of a path or an operation.
pub(super) fn declared<'a>(
    root: &'a Node,
    owner: &'a Node,
    diagnostics: &mut Diagnostics,
) -> Vec<Declared<'a>> {
    let Some(list) = owner.member("parameters") else { return Vec::new() };
    if !matches!(list.value, Value::List(_) | Value::Null) {
        let message = format!("`parameters`: expected a list, found {}", list.kind());
        diagnostics.error(list.span, message, None);
    }
    let items = list.items().iter();
    items
        .filter_map(|item| parameter(dereferenced(root, item, diagnostics)?, diagnostics))
        .collect()
}

fn parameter<'a>(node: &'a Node, diagnostics: &mut Diagnostics) -> Option<Declared<'a>> {
    check_members(node, &OF_PARAMETER, diagnostics);
    let name = text(node, "name", diagnostics)?;
    let found = text(node, "in", diagnostics)?;
    let required = match node.member("required") {
        Some(Node { value: Value::Bool(required), .. }) => *required,
        None | Some(Node { value: Value::Null, .. }) => false,
        Some(other) => {
            let message = format!(
                "parameter `{name}`: `required`: expected `true` or `false`, found {}",
                other.kind()
            );
            diagnostics.error(other.span, message, None);
            return None;
        }
    };
    let location = ParameterLocation::from_name(found);
    if location.is_none() && found != COOKIE {
        let message = format!("parameter `{name}`: unknown value `{found}` of `in`");
        diagnostics.error(node.span, message, suggestion_or_list(found, &LOCATIONS));
    } else if location.is_none() && required {
        let message = format!("API Gateway does not require the cookie `{name}`");
        let help = "check it in the backend".to_owned();
        diagnostics.warning(Code::NotImported, node.span, message, help);
    }
    Some(Declared { node, location: location?, name, required })
}

fn text<'a>(node: &'a Node, member: &str, diagnostics: &mut Diagnostics) -> Option<&'a str> {
    let found = node.member(member);
    let text = found.and_then(Node::text);
    if text.is_none() {
        let message = match found {
            Some(found) => {
                format!("parameter: `{member}`: expected a string, found {}", found.kind())
            }
            None => format!("parameter: missing `{member}`"),
        };
        diagnostics.error(found.unwrap_or(node).span, message, None);
    }
    text
}
