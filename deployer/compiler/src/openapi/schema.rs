//! Schemas of OpenAPI 3.0 and 3.1 → the models that API Gateway validates bodies against: JSON
//! Schema draft 4 with OpenAPI 3.0's `nullable`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html>

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::references::{located, names as names_of, report};
use crate::fingerprint::fingerprint;
use crate::source::diagnostic::{Code, Diagnostics, Span, suggestion};
use crate::source::document::{Entry, Node, Value};

/// The prefix of references to schemas.
const SCHEMAS: &str = "#/components/schemas/";

/// The keywords that API Gateway validates.
const VALIDATED: [&str; 22] = [
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
    "maximum",
    "minItems",
    "minLength",
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

/// The keywords that an import omits, or that JSON Schema draft 4 does not have.
const NOT_VALIDATED: [&str; 28] = [
    "$anchor",
    "$defs",
    "$dynamicAnchor",
    "$dynamicRef",
    "$id",
    "$recursiveAnchor",
    "$recursiveRef",
    "$vocabulary",
    "additionalItems",
    "contains",
    "definitions",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "id",
    "if",
    "maxContains",
    "maxProperties",
    "minContains",
    "minProperties",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
];

/// The keywords without effect on validation.
const ANNOTATIONS: [&str; 16] = [
    "$comment",
    "$schema",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
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

/// The largest model, in bytes.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html>
const MAX_MODEL: usize = 400 * 1024;

/// The beginning of the names of the models in which deployments store their records.
const RECORDS: &str = "PortcullisRevision";

/// Collects the models that bodies are validated against.
pub(super) struct Models<'a> {
    root: &'a Node,
    /// True for a document of OpenAPI 3.1, where keywords beside `$ref` apply.
    is_3_1: bool,
    /// The names of the models, by the names of their schemas.
    names: BTreeMap<&'a str, String>,
    found: BTreeMap<String, Json>,
    /// The models that are referred to and not converted yet: a chain of references can be long.
    pending: Vec<(String, &'a Node)>,
}

impl<'a> Models<'a> {
    pub(super) fn new(root: &'a Node) -> Self {
        let schemas = root.member("components").and_then(|node| node.member("schemas"));
        let schemas = schemas.map(Node::entries).unwrap_or_default();
        let version = root.member("openapi").and_then(Node::text).unwrap_or_default();
        let is_3_1 = version.starts_with("3.1");
        Self { root, is_3_1, names: names(schemas), found: BTreeMap::new(), pending: Vec::new() }
    }

    pub(super) fn into_found(self) -> BTreeMap<String, Json> {
        self.found
    }

    /// Returns the name of the model for a schema, and adds it and the models that it refers to.
    /// `body` is the operation and the media type of the body that has the schema.
    pub(super) fn add(
        &mut self,
        schema: &'a Node,
        body: (&str, &str),
        diagnostics: &mut Diagnostics,
    ) -> Option<String> {
        let name = self.body(schema, body, diagnostics);
        while let Some((name, node)) = self.pending.pop() {
            let converted = self.convert(node, diagnostics);
            check_size(&converted, node.span, diagnostics);
            self.found.insert(name, converted);
        }
        name
    }

    fn body(
        &mut self,
        schema: &'a Node,
        body: (&str, &str),
        diagnostics: &mut Diagnostics,
    ) -> Option<String> {
        let is_beside = |entry: &Entry| entry.key != "$ref" && is_validated(&entry.key);
        let is_alone = !schema.entries().iter().any(is_beside);
        if let Some(reference) = schema.member("$ref").filter(|_| is_alone) {
            return self.referenced(reference, diagnostics);
        }
        let converted = self.convert(schema, diagnostics);
        check_size(&converted, schema.span, diagnostics);
        let name = format!("{}Body", model_name(body.0));
        let is_taken = self.names.values().any(|known| *known == name)
            || self.found.get(&name).is_some_and(|known| *known != converted);
        let name = if is_taken { distinct(&name, &body) } else { name };
        self.found.insert(name.clone(), converted);
        Some(name)
    }

    /// Returns the name of the model for the schema that `$ref` names.
    fn referenced(&mut self, reference: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
        let text = reference.text().unwrap_or_default();
        let Some((name, node)) = self.name(text).zip(located(self.root, text)) else {
            report(self.root, reference, diagnostics);
            return None;
        };
        if !self.found.contains_key(&name) {
            self.found.insert(name.clone(), Json::Null);
            self.pending.push((name.clone(), node));
        }
        Some(name)
    }

    /// Returns the name of the model for a reference. The name of a part of a schema has a fingerprint,
    /// so that it differs from those of all schemas.
    fn name(&self, reference: &str) -> Option<String> {
        let names = names_of(reference)?;
        match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["components", "schemas", name] => self.names.get(*name).cloned(),
            [.., last] => Some(distinct(&model_name(last), &names)),
            [] => None,
        }
    }

    fn convert(&mut self, schema: &'a Node, diagnostics: &mut Diagnostics) -> Json {
        let members = match &schema.value {
            Value::Map(members) => members,
            // `true` and `false` of 3.1: any value and no value.
            Value::Bool(true) => return json!({}),
            Value::Bool(false) => return json!({"not": {}}),
            _ => {
                let message = format!("schema: expected a map, found {}", schema.kind());
                diagnostics.error(schema.span, message, None);
                return json!({});
            }
        };
        let has_reference = schema.member("$ref").is_some();
        let mut converted = Map::new();
        for entry in members {
            if has_reference && !self.is_3_1 && is_validated(&entry.key) && entry.key != "$ref" {
                let message = format!("OpenAPI 3.0 ignores `{}` beside `$ref`", entry.key);
                let help = "write `allOf` with the reference and a schema with the keyword";
                let help = help.to_owned();
                diagnostics.warning(Code::UnsupportedKeyword, entry.key_span, message, help);
            } else {
                self.keyword(entry, &mut converted, diagnostics);
            }
        }
        // In JSON Schema draft 4, keywords beside a reference have no effect.
        match converted.remove("$ref") {
            Some(reference) if converted.is_empty() => json!({"$ref": reference}),
            Some(reference) => json!({"allOf": [{"$ref": reference}, converted]}),
            None => converted.into(),
        }
    }

    /// Adds a keyword of a schema as a model has it.
    fn keyword(
        &mut self,
        Entry { key, key_span, node }: &'a Entry,
        converted: &mut Map<String, Json>,
        diagnostics: &mut Diagnostics,
    ) {
        let name = key.as_str();
        match name {
            "$ref" => {
                if let Some(model) = self.referenced(node, diagnostics) {
                    converted.insert(name.to_owned(), json!(format!("{SCHEMAS}{model}")));
                }
            }
            "type" => add_type(&node.to_json(), converted),
            "const" => _ = converted.insert("enum".to_owned(), json!([node.to_json()])),
            "exclusiveMinimum" | "exclusiveMaximum" if matches!(node.value, Value::Number(_)) => {
                let bound = if name == "exclusiveMinimum" { "minimum" } else { "maximum" };
                converted.insert(bound.to_owned(), node.to_json());
                converted.insert(name.to_owned(), json!(true));
            }
            "properties" => {
                let properties = node.entries().iter();
                let properties: Map<String, Json> = properties
                    .map(|entry| (entry.key.clone(), self.convert(&entry.node, diagnostics)))
                    .collect();
                converted.insert(name.to_owned(), properties.into());
            }
            "allOf" | "anyOf" | "oneOf" => {
                let all = node.items().iter();
                let all: Vec<Json> = all.map(|one| self.convert(one, diagnostics)).collect();
                converted.insert(name.to_owned(), all.into());
            }
            "items" | "not" | "additionalProperties" if matches!(node.value, Value::Map(_)) => {
                converted.insert(name.to_owned(), self.convert(node, diagnostics));
            }
            _ if VALIDATED.contains(&name) => {
                converted.insert(name.to_owned(), node.to_json());
            }
            _ if ANNOTATIONS.contains(&name) || name.starts_with("x-") => {}
            _ => diagnostics.warning(
                Code::UnsupportedKeyword,
                *key_span,
                format!("API Gateway does not validate the keyword `{name}`"),
                not_validated_help(name),
            ),
        }
    }
}

/// Returns whether API Gateway validates a keyword, or one that it is converted to.
fn is_validated(name: &str) -> bool {
    VALIDATED.contains(&name) || OTHER_KEYWORDS.contains(&name)
}

fn check_size(model: &Json, span: Span, diagnostics: &mut Diagnostics) {
    if model.to_string().len() > MAX_MODEL {
        let help = "split it: a reference to another schema is a model of its own".to_owned();
        diagnostics.error(span, "the schema is larger than 400 KB, the limit of a model", help);
    }
}

/// Returns the fix of a keyword that is not validated.
fn not_validated_help(name: &str) -> String {
    let known = VALIDATED.into_iter().chain(OTHER_KEYWORDS).chain(NOT_VALIDATED);
    let misspelled = if NOT_VALIDATED.contains(&name) { None } else { suggestion(name, known) };
    misspelled.unwrap_or_else(|| {
        "validate it in the backend: API Gateway accepts bodies that violate it".to_owned()
    })
}

/// Returns the name of the model of each schema. Schemas whose names differ only in characters that
/// models cannot have get distinct names.
fn names(schemas: &[Entry]) -> BTreeMap<&str, String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in schemas {
        *counts.entry(model_name(&entry.key)).or_default() += 1;
    }
    let name = |schema: &str| {
        let name = model_name(schema);
        let is_unique = counts.get(&name) == Some(&1) || name == schema;
        let is_record = name.strip_prefix(RECORDS).is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        if name.is_empty() || !is_unique || is_record {
            return distinct(&format!("{name}Model"), &schema);
        }
        name
    };
    schemas.iter().map(|entry| (entry.key.as_str(), name(&entry.key))).collect()
}

/// Returns a name with a fingerprint that distinguishes it.
fn distinct(name: &str, of: &impl Serialize) -> String {
    format!("{name}{}", fingerprint(of).get(..8).unwrap_or_default())
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
