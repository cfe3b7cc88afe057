//! Request validation: models keep their identity, references are followed, and what is misspelled is
//! an error.

use serde_json::{Value, json};

use crate::compiling::check;
use crate::{MANIFEST, OPENAPI, deployer, exported, folder, transcript};

/// Returns the document with a validator, these members of its operation and these components.
fn document(operation: &str, components: &str) -> String {
    let validator = "x-amazon-apigateway-request-validators: { all: { validateRequestBody: true, validateRequestParameters: true } }\nx-amazon-apigateway-request-validator: all\npaths:";
    OPENAPI
        .replace("paths:", validator)
        .replace("operationId: getThing", &format!("operationId: getThing\n      {operation}"))
        .replace("components:", &format!("components:\n  {components}"))
}

/// Returns the exported operation and the model of a media type.
#[track_caller]
fn model(document: &Value, media_type: &str) -> Value {
    let schema =
        &document["paths"]["/things/{id}"]["get"]["requestBody"]["content"][media_type]["schema"];
    let reference = schema["$ref"].as_str().unwrap_or_else(|| panic!("no model: {document}"));
    document
        .pointer(&reference[1..])
        .unwrap_or_else(|| panic!("no {reference}: {document}"))
        .clone()
}

fn messages(openapi: &str) -> String {
    let folder = folder(MANIFEST, openapi);
    transcript(&deployer(folder.path(), &["check"]))
}

const INNER: &str = "schemas: { T: { properties: { inner: { type: object, required: [z] } } }, U: { $ref: '#/components/schemas/T' } }";

/// Returns a body with this schema.
fn body(schema: &str) -> String {
    format!("requestBody: {{ content: {{ application/json: {{ schema: {schema} }} }} }}")
}

#[test]
fn a_reference_to_a_reference_is_followed() {
    let components = "parameters: { A: { $ref: '#/components/parameters/B' }, B: { $ref: '#/components/parameters/C' }, C: { name: tenant, in: query, required: true } }\n  requestBodies: { A: { $ref: '#/components/requestBodies/B' }, B: { content: { application/json: { $ref: '#/components/x-types/json' } } } }\n  x-types: { json: { schema: { type: object, required: [a] } } }";
    let operation = "parameters: [{ $ref: '#/components/parameters/A' }]\n      requestBody: { $ref: '#/components/requestBodies/A' }";
    let document = exported(MANIFEST, &document(operation, components));
    let parameters = document["paths"]["/things/{id}"]["get"]["parameters"].as_array().unwrap();
    let tenant = parameters.iter().find(|one| one["name"] == "tenant").unwrap();
    assert_eq!((&tenant["in"], &tenant["required"]), (&json!("query"), &json!(true)));
    assert_eq!(model(&document, "application/json"), json!({"type": "object", "required": ["a"]}));
}

#[test]
fn references_to_each_other_are_an_error() {
    let components = "parameters: { A: { $ref: '#/components/parameters/B' }, B: { $ref: '#/components/parameters/A' } }";
    let found =
        messages(&document("parameters: [{ $ref: '#/components/parameters/A' }]", components));
    assert!(found.contains("unresolved reference `#/components/parameters/A`"), "{found}");
}

#[test]
fn a_reference_to_a_part_of_a_schema_is_a_model_of_its_own() {
    let inner = json!({"type": "object", "required": ["z"]});
    for reference in ["T/properties/inner", "U/properties/inner", "%54/properties/inner"] {
        let schema = format!("{{ $ref: '#/components/schemas/{reference}' }}");
        let document = exported(MANIFEST, &document(&body(&schema), INNER));
        assert_eq!(model(&document, "application/json"), inner, "{reference}");
    }
    // Within a schema, and to itself.
    let schema = "{ $ref: '#/components/schemas/L' }";
    let list = "schemas: { L: { properties: { first: { properties: { next: { $ref: '#/components/schemas/L/properties/first' } } } } } }";
    let document = exported(MANIFEST, &document(&body(schema), list));
    let found = model(&document, "application/json");
    let reference = found["properties"]["first"]["properties"]["next"]["$ref"].as_str().unwrap();
    let next = document.pointer(&reference[1..]).unwrap();
    assert_eq!(next["properties"]["next"]["$ref"], reference, "{document}");
}

#[test]
fn an_unresolved_reference_of_a_schema_is_an_error() {
    for reference in ["#/components/schemas/T/properties/other", "other.yaml#/T", "#/none"] {
        let schema = format!("{{ $ref: '{reference}' }}");
        let found = messages(&document(&body(&schema), INNER));
        assert!(found.contains(&format!("unresolved reference `{reference}`")), "{found}");
    }
}

#[test]
fn keywords_beside_a_reference_apply_in_openapi_3_1_and_are_reported_in_3_0() {
    let schema = "{ $ref: '#/components/schemas/T', required: [b], description: x }";
    let text = document(&body(schema), "schemas: { T: { type: object } }");
    let in_3_1 = exported(MANIFEST, &text.replace("openapi: 3.0.3", "openapi: 3.1.0"));
    assert_eq!(
        model(&in_3_1, "application/json"),
        json!({"allOf": [{"$ref": "#/components/schemas/T"}, {"required": ["b"]}]})
    );
    let found = messages(&text);
    assert!(found.contains("OpenAPI 3.0 ignores `required` beside `$ref`"), "{found}");
    assert!(!found.contains("ignores `description`"), "{found}");
}

#[test]
fn schemas_and_media_types_have_distinct_models() {
    let schemas = "schemas: { order_item: { required: [a] }, orderItem: { required: [b] } }";
    let content = "requestBody: { content: { a/a: { schema: { $ref: '#/components/schemas/order_item' } }, a/b: { schema: { $ref: '#/components/schemas/orderItem' } }, a/c: { schema: { required: [c] } }, a/d: { schema: { required: [d] } } } }";
    let document = exported(MANIFEST, &document(content, schemas));
    for name in ["a", "b", "c", "d"] {
        let found = model(&document, &format!("a/{name}"));
        assert_eq!(found, json!({"required": [name]}), "{document}");
    }
}

#[test]
fn a_validator_that_is_not_understood_is_an_error() {
    let found = |validators: &str| {
        let text = format!("x-amazon-apigateway-request-validators: {validators}\npaths:");
        let found = check(("", ""), ("paths:", &text));
        found
            .into_iter()
            .map(|text| text.split_once(": ").unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    let valid = "{ all: { validateRequestBody: true, validateRequestParameters: null }, none: {} }";
    assert_eq!(found(valid), [""; 0]);
    for (validators, expected) in [
        (
            "{ all: { validateRequestBodies: true } }",
            "request validator `all`: unknown member `validateRequestBodies` (did you mean `validateRequestBody`?)",
        ),
        (
            "{ all: { body: true } }",
            "request validator `all`: unknown member `body` (expected `validateRequestBody` or `validateRequestParameters`)",
        ),
        (
            "{ all: { validateRequestBody: 'true' } }",
            "request validator `all`: `validateRequestBody`: expected `true` or `false`, found a string",
        ),
        (
            "{ all: true }",
            "request validator `all`: expected a map, found a boolean (write { validateRequestBody: true, validateRequestParameters: true })",
        ),
        ("[all]", "`x-amazon-apigateway-request-validators`: expected a map, found a list"),
    ] {
        assert_eq!(found(validators), [expected], "{validators}");
    }
}

#[test]
fn a_parameter_that_is_not_understood_is_an_error() {
    for (parameters, expected) in [
        (
            "[{ name: q, in: qurey, required: true }]",
            "parameter `q`: unknown value `qurey` of `in`",
        ),
        ("[{ name: q, required: true }]", "parameter: missing `in`"),
        ("[{ in: query, required: true }]", "parameter: missing `name`"),
        ("[{ name: 1, in: query }]", "parameter: `name`: expected a string, found a number"),
        (
            "[{ name: q, in: query, required: 'true' }]",
            "parameter `q`: `required`: expected `true` or `false`, found a string",
        ),
        ("[{ name: q, in: query, requird: true }]", "unknown member `requird`"),
        ("{ name: q, in: query }", "`parameters`: expected a list, found a map"),
        (
            "[{ name: q, in: cookie, required: true }]",
            "API Gateway does not require the cookie `q`",
        ),
    ] {
        let operation = format!("operationId: getThing\n      parameters: {parameters}");
        let found = check(("", ""), ("operationId: getThing", &operation));
        assert!(found.len() == 1 && found[0].contains(expected), "{parameters}: {found:?}");
    }
    let valid = "operationId: getThing\n      parameters: [{ name: q, in: cookie }, { name: r, in: query, required: null }]";
    assert_eq!(check(("", ""), ("operationId: getThing", valid)), [""; 0]);
}

#[test]
fn a_misspelled_member_of_a_body_is_an_error() {
    for (body, name) in [
        ("{ contents: { application/json: { schema: { required: [a] } } } }", "contents"),
        ("{ content: { application/json: { shema: { required: [a] } } } }", "shema"),
    ] {
        let found = messages(&document(&format!("requestBody: {body}"), "examples: {}"));
        assert!(found.contains(&format!("unknown member `{name}`")), "{found}");
    }
}

#[test]
fn a_long_chain_of_references_between_schemas_is_followed() {
    let count = 5000;
    let schema = |at: usize| {
        let next = at + 1;
        format!("S{at}: {{ properties: {{ next: {{ $ref: '#/components/schemas/S{next}' }} }} }}")
    };
    let schemas: Vec<String> = (0..count).map(schema).collect();
    let components =
        format!("schemas: {{ {}, S{count}: {{ required: [a] }} }}", schemas.join(", "));
    let document =
        exported(MANIFEST, &document(&body("{ $ref: '#/components/schemas/S0' }"), &components));
    assert_eq!(document["components"]["schemas"]["S5000"], json!({"required": ["a"]}));
}
