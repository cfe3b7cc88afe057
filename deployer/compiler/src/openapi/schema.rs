//! Schemas of OpenAPI 3.0 and 3.1 → the models that API Gateway checks bodies with: JSON
//! Schema draft 4 with OpenAPI 3.0's `nullable`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::source::diagnostic::{Code, Diagnostics, Span};
use crate::source::document::Node;

/// Where schemas stand in a document.
const SCHEMAS: &str = "#/components/schemas/";

/// What a check can be made of.
const CHECKS: [&str; 24] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "properties",
    "required",
];

/// What says something to people only.
const NOTES: [&str; 13] = [
    "$comment",
    "$schema",
    "default",
    "deprecated",
    "description",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "readOnly",
    "title",
    "writeOnly",
    "xml",
];

/// Collects the models that bodies are checked with.
pub(super) struct Models<'a> {
    root: &'a Node,
    found: BTreeMap<String, Json>,
}

impl<'a> Models<'a> {
    pub(super) fn new(root: &'a Node) -> Self {
        Self { root, found: BTreeMap::new() }
    }

    pub(super) fn into_found(self) -> BTreeMap<String, Json> {
        self.found
    }

    /// Returns the name of the model for a schema, and adds it with all it refers to.
    pub(super) fn of(
        &mut self,
        schema: &Node,
        operation: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<String> {
        if let Some(reference) = schema.member("$ref").and_then(Node::text) {
            return self.component(reference, schema.span, diagnostics);
        }
        let name = format!("{}Body", alphanumeric(operation));
        let converted = self.convert(&schema.to_json(), schema.span, diagnostics);
        self.found.insert(name.clone(), converted);
        Some(name)
    }

    fn component(
        &mut self,
        reference: &str,
        span: Span,
        diagnostics: &mut Diagnostics,
    ) -> Option<String> {
        let target = reference.strip_prefix(SCHEMAS).and_then(|name| {
            let schemas = self.root.member("components")?.member("schemas")?;
            Some((alphanumeric(name), schemas.member(name)?))
        });
        let Some((name, node)) = target else {
            let help = format!("references to schemas begin with {SCHEMAS}");
            diagnostics.error(span, format!("`{reference}` leads to no schema"), help);
            return None;
        };
        if !self.found.contains_key(&name) {
            // Before what it refers to, which may be itself.
            self.found.insert(name.clone(), Json::Null);
            let converted = self.convert(&node.to_json(), node.span, diagnostics);
            self.found.insert(name.clone(), converted);
        }
        Some(name)
    }

    fn convert(&mut self, schema: &Json, span: Span, diagnostics: &mut Diagnostics) -> Json {
        let Json::Object(members) = schema else {
            // 3.1's `true` and `false`: anything, and nothing.
            return if *schema == Json::Bool(false) { json!({"not": {}}) } else { json!({}) };
        };
        let mut converted = Map::new();
        for (name, value) in members {
            match name.as_str() {
                "$ref" => {
                    let reference = value.as_str().unwrap_or_default();
                    if let Some(model) = self.component(reference, span, diagnostics) {
                        converted.insert(name.clone(), json!(format!("{SCHEMAS}{model}")));
                    }
                }
                "type" => kind(value, &mut converted),
                "const" => _ = converted.insert("enum".to_owned(), json!([value])),
                "exclusiveMinimum" | "exclusiveMaximum" if value.is_number() => {
                    let bound = if name == "exclusiveMinimum" { "minimum" } else { "maximum" };
                    converted.insert(bound.to_owned(), value.clone());
                    converted.insert(name.clone(), json!(true));
                }
                "properties" => {
                    let properties = value.as_object().into_iter().flatten();
                    let properties: Map<String, Json> = properties
                        .map(|(key, value)| (key.clone(), self.convert(value, span, diagnostics)))
                        .collect();
                    converted.insert(name.clone(), properties.into());
                }
                "allOf" | "anyOf" | "oneOf" => {
                    let all = value.as_array().into_iter().flatten();
                    let all: Vec<Json> =
                        all.map(|value| self.convert(value, span, diagnostics)).collect();
                    converted.insert(name.clone(), all.into());
                }
                "items" | "not" | "additionalProperties" if value.is_object() => {
                    converted.insert(name.clone(), self.convert(value, span, diagnostics));
                }
                _ if CHECKS.contains(&name.as_str()) => {
                    converted.insert(name.clone(), value.clone());
                }
                _ if NOTES.contains(&name.as_str()) || name.starts_with("x-") => {}
                _ => diagnostics.warning(
                    Code::UnsupportedKeyword,
                    span,
                    format!("API Gateway cannot check `{name}`: bodies are taken without it"),
                    "say it in JSON Schema draft 4, or check it behind the gateway".to_owned(),
                ),
            }
        }
        converted.into()
    }
}

/// 3.1 says "or null" by a list of types, 3.0 by a word of its own.
fn kind(value: &Json, converted: &mut Map<String, Json>) {
    let listed = value.as_array().map(Vec::as_slice);
    let kinds: Vec<&Json> =
        listed.unwrap_or_default().iter().filter(|kind| kind.as_str() != Some("null")).collect();
    if listed.is_some_and(|all| all.len() > kinds.len()) {
        converted.insert("nullable".to_owned(), json!(true));
    }
    match (listed, kinds.as_slice()) {
        (None, _) => _ = converted.insert("type".to_owned(), value.clone()),
        (Some(_), []) => _ = converted.insert("enum".to_owned(), json!([null])),
        (Some(_), [only]) => _ = converted.insert("type".to_owned(), (*only).clone()),
        (Some(_), several) => {
            let any: Vec<Json> = several.iter().map(|kind| json!({"type": kind})).collect();
            converted.insert("anyOf".to_owned(), any.into());
        }
    }
}

/// A model's name has letters and digits only.
fn alphanumeric(name: &str) -> String {
    let mut found = String::new();
    let mut capital = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            capital = true;
        } else if capital {
            found.push(c.to_ascii_uppercase());
            capital = false;
        } else {
            found.push(c);
        }
    }
    found
}
