//! `x-amazon-apigateway-request-validators`: a misspelled member would switch a validation off.

use std::collections::BTreeMap;

use crate::api::Validator;
use crate::source::diagnostic::{Diagnostics, suggestion_or_list};
use crate::source::document::{Node, Value};

const EXTENSION: &str = "x-amazon-apigateway-request-validators";
const BODY: &str = "validateRequestBody";
const PARAMETERS: &str = "validateRequestParameters";

/// Reads the declared request validators, by name.
pub(super) fn validators(
    root: &Node,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, Validator> {
    let mut validators = BTreeMap::new();
    let Some(declared) = root.member(EXTENSION) else { return validators };
    if !matches!(declared.value, Value::Map(_) | Value::Null) {
        let message = format!("`{EXTENSION}`: expected a map, found {}", declared.kind());
        diagnostics.error(declared.span, message, None);
    }
    for entry in declared.entries() {
        let validator = validator(&entry.key, &entry.node, diagnostics);
        validators.insert(entry.key.clone(), validator);
    }
    validators
}

fn validator(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Validator {
    let subject = format!("request validator `{name}`");
    if !matches!(node.value, Value::Map(_)) {
        let message = format!("{subject}: expected a map, found {}", node.kind());
        let help = format!("write {{ {BODY}: true, {PARAMETERS}: true }}");
        diagnostics.error(node.span, message, help);
    }
    let mut validator = Validator { body: false, parameters: false };
    for entry in node.entries() {
        match (entry.key.as_str(), &entry.node.value) {
            (BODY, Value::Bool(value)) => validator.body = *value,
            (PARAMETERS, Value::Bool(value)) => validator.parameters = *value,
            (BODY | PARAMETERS, Value::Null) => {}
            (BODY | PARAMETERS, _) => {
                let found = entry.node.kind();
                let message = format!(
                    "{subject}: `{}`: expected `true` or `false`, found {found}",
                    entry.key
                );
                diagnostics.error(entry.node.span, message, None);
            }
            (extension, _) if extension.starts_with("x-") => {}
            (unknown, _) => {
                let help = suggestion_or_list(unknown, &[BODY, PARAMETERS]);
                let message = format!("{subject}: unknown member `{unknown}`");
                diagnostics.error(entry.key_span, message, help);
            }
        }
    }
    validator
}
