//! Schemas of OpenAPI 3.0 and 3.1 → the models that API Gateway validates bodies against: JSON
//! Schema draft 4 with OpenAPI 3.0's `nullable`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::references::closest_reference;
use crate::source::diagnostic::{Code, Diagnostics, Span, suggestion};
use crate::source::document::Node;

/// The prefix of references to schemas.
const SCHEMAS: &str = "#/components/schemas/";

/// The keywords that API Gateway validates.
const VALIDATED: [&str; 24] = [
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

/// The keywords that are converted to validated ones.
const OTHER_KEYWORDS: [&str; 2] = ["const", "type"];

/// The keywords without effect on validation.
const ANNOTATIONS: [&str; 13] = [
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

/// Collects the models that bodies are validated against.
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

    /// Returns the name of the model for a schema, and adds it and the models that it refers to.
    pub(super) fn add(
        &mut self,
        schema: &Node,
        operation: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<String> {
        if let Some(reference) = schema.member("$ref").and_then(Node::text) {
            return self.component(reference, schema.span, diagnostics);
        }
        let name = format!("{}Body", model_name(operation));
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
            Some((model_name(name), schemas.member(name)?))
        });
        let Some((name, node)) = target else {
            let help = closest_reference(self.root, reference)
                .unwrap_or_else(|| format!("use a reference that begins with {SCHEMAS}"));
            diagnostics.error(span, format!("unresolved reference `{reference}`"), help);
            return None;
        };
        if !self.found.contains_key(&name) {
            // Added before its references are followed: it may refer to itself.
            self.found.insert(name.clone(), Json::Null);
            let converted = self.convert(&node.to_json(), node.span, diagnostics);
            self.found.insert(name.clone(), converted);
        }
        Some(name)
    }

    fn convert(&mut self, schema: &Json, span: Span, diagnostics: &mut Diagnostics) -> Json {
        let Json::Object(members) = schema else {
            // `true` and `false` of 3.1: any value and no value.
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
                "type" => add_type(value, &mut converted),
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
                _ if VALIDATED.contains(&name.as_str()) => {
                    converted.insert(name.clone(), value.clone());
                }
                _ if ANNOTATIONS.contains(&name.as_str()) || name.starts_with("x-") => {}
                _ => diagnostics.warning(
                    Code::UnsupportedKeyword,
                    span,
                    format!("API Gateway does not validate the keyword `{name}`"),
                    suggestion(name, VALIDATED.into_iter().chain(OTHER_KEYWORDS)).unwrap_or_else(|| {
                        "use JSON Schema draft 4, or validate it in the backend: API Gateway accepts bodies that violate it".to_owned()
                    }),
                ),
            }
        }
        converted.into()
    }
}

/// Adds `type`. OpenAPI 3.1 allows null by a list of types, 3.0 by `nullable`.
fn add_type(value: &Json, converted: &mut Map<String, Json>) {
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

/// Returns a model's name: letters and digits only, in camel case.
fn model_name(name: &str) -> String {
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
