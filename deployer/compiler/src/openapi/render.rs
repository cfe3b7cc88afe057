//! [`ApiDefinition`] → the OpenAPI 3.0 document that API Gateway imports.
//!
//! Every security scheme is rewritten to a type that API Gateway maps, and every operation has
//! `security`: a scheme of another type is not mapped, and the method would be public.
//! Extensions for Portcullis alone begin with `x-portcullis-`;
//! [`remove_internal_extensions`] removes them.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::endpoint::add_endpoint;
use super::read::PREFLIGHT;
use super::resolve_security::{SCHEME_NAME, SCOPES};
use crate::api::{Api, AuthorizerShape, AuthorizerType, Route, Security, Validator};
use crate::definition::{ApiDefinition, Authorization, DefinitionError, Method, scheme_of};

/// Returns the document of an API, complete for [`super::read`].
pub fn render(api: &Api) -> Result<Json, DefinitionError> {
    let definition = ApiDefinition::from_api(api)?;
    let mut document = render_definition(&definition, &api.name, &api.version);
    add_endpoint(&mut document, &api.endpoint);
    for route in &api.routes {
        let operations = document.get_mut("paths").and_then(|p| p.get_mut(route.path.to_string()));
        let key = method_key(route.verb.name());
        if let Some(operation) = operations.and_then(|operations| operations.get_mut(key)) {
            annotate(operation, route);
        }
    }
    // Unused schemes are written for readers of the document; API Gateway ignores them.
    let Some(schemes) = document.pointer_mut("/components/securitySchemes") else {
        return Ok(document);
    };
    let known: Vec<String> =
        definition.authorizers.keys().map(|name| scheme_of(name).into()).collect();
    for name in api.authorizers.keys().chain(api.external_authorizers.keys()) {
        if !known.contains(name) {
            let unused = match api.external_authorizers.get(name) {
                Some(shape) => scheme(name, shape),
                None => json!({"type": "http", "scheme": "bearer"}),
            };
            set_member(schemes, name, unused);
        }
    }
    Ok(document)
}

/// Adds the parts of an operation that API Gateway does not store.
fn annotate(operation: &mut Json, route: &Route) {
    if let Security::Jwt { requirement, .. } = &route.security {
        set_member(operation, SCOPES, json!(requirement.alternatives()));
    }
    if let Some(cors) = &route.preflight {
        set_member(operation, PREFLIGHT, json!(cors));
    }
    for (status, description) in &route.responses {
        let responses = operation.get_mut("responses");
        if let Some(response) = responses.and_then(|responses| responses.get_mut(status)) {
            set_member(response, "description", json!(description));
        }
    }
}

/// Removes the extensions for Portcullis alone.
pub fn remove_internal_extensions(document: &mut Json) {
    match document {
        Json::Object(members) => {
            members.retain(|name, _| !name.starts_with("x-portcullis-"));
            members.values_mut().for_each(remove_internal_extensions);
        }
        Json::Array(items) => items.iter_mut().for_each(remove_internal_extensions),
        _ => {}
    }
}

/// Returns the document of an API definition.
pub fn render_definition(definition: &ApiDefinition, title: &str, version: &str) -> Json {
    let mut schemes: Map<String, Json> = definition
        .authorizers
        .iter()
        .map(|(name, shape)| (name.clone(), scheme(name, shape)))
        .collect();
    let mut paths: Map<String, Json> = Map::new();
    let mut validators = BTreeMap::new();
    for (key, method) in &definition.methods {
        if method.api_key {
            schemes.insert(API_KEY.to_owned(), api_key());
        }
        if method.authorization == Authorization::AwsIam {
            schemes.insert(AWS_IAM.to_owned(), aws_iam());
        }
        if let Some(validator) = method.validator {
            validators.insert(validator.name(), validator);
        }
        let path = paths.entry(key.path()).or_insert_with(|| json!({}));
        set_member(path, &method_key(key.method()), operation(method));
    }
    let settings = &definition.settings;
    let mut info = json!({"title": title, "version": version});
    if let Some(description) = &settings.description {
        set_member(&mut info, "description", json!(description));
    }
    let mut document = json!({
        "openapi": "3.0.1",
        "info": info,
        "paths": paths,
        "components": {"securitySchemes": schemes},
        "x-amazon-apigateway-api-key-source":
            if settings.key_from_authorizer { "AUTHORIZER" } else { "HEADER" },
    });
    if let Some(components) =
        document.get_mut("components").filter(|_| !definition.models.is_empty())
    {
        set_member(components, "schemas", json!(definition.models));
    }
    if !validators.is_empty() {
        let flags = |v: Validator| json!({"validateRequestBody": v.body, "validateRequestParameters": v.parameters});
        let named: Map<String, Json> =
            validators.into_iter().map(|(name, v)| (name.to_owned(), flags(v))).collect();
        set_member(&mut document, "x-amazon-apigateway-request-validators", named.into());
    }
    if !definition.gateway_responses.is_empty() {
        set_member(
            &mut document,
            "x-amazon-apigateway-gateway-responses",
            json!(definition.gateway_responses),
        );
    }
    if !settings.binary_media_types.is_empty() {
        set_member(
            &mut document,
            "x-amazon-apigateway-binary-media-types",
            json!(settings.binary_media_types),
        );
    }
    if let Some(size) = settings.minimum_compression_size {
        set_member(&mut document, "x-amazon-apigateway-minimum-compression-size", json!(size));
    }
    if let Some(policy) = &settings.policy {
        set_member(&mut document, "x-amazon-apigateway-policy", policy.clone());
    }
    document
}

/// Sets a member of an object.
pub fn set_member(object: &mut Json, name: &str, value: Json) {
    if let Json::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

fn method_key(verb: &str) -> String {
    if verb == "ANY" {
        "x-amazon-apigateway-any-method".to_owned()
    } else {
        verb.to_ascii_lowercase()
    }
}

const API_KEY: &str = "api_key";
const AWS_IAM: &str = "aws_iam";

fn api_key() -> Json {
    json!({"type": "apiKey", "name": "x-api-key", "in": "header"})
}

fn aws_iam() -> Json {
    json!({
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "awsSigv4",
    })
}

fn scheme(name: &str, shape: &AuthorizerShape) -> Json {
    // A scheme names one header; several identity sources, or other ones, have no such name.
    let sources: Vec<&String> = shape.identity.iter().collect();
    let header = match sources.as_slice() {
        [only] => only.strip_prefix("method.request.header.").unwrap_or("Unused"),
        _ => "Unused",
    };
    let kind = match shape.kind {
        AuthorizerType::CognitoUserPools => "cognito_user_pools",
        _ => "custom",
    };
    json!({
        "type": "apiKey",
        "name": header,
        "in": "header",
        "x-amazon-apigateway-authtype": kind,
        "x-amazon-apigateway-authorizer": shape.extension(),
        SCHEME_NAME: scheme_of(name),
    })
}

fn operation(method: &Method) -> Json {
    let mut security = Map::new();
    match &method.authorization {
        Authorization::Authorizer { name, scopes } => {
            security.insert(name.clone(), json!(scopes));
        }
        Authorization::AwsIam => _ = security.insert(AWS_IAM.to_owned(), json!([])),
        Authorization::None => {}
    }
    if method.api_key {
        security.insert(API_KEY.to_owned(), json!([]));
    }
    let parameters = method.parameters.iter().filter_map(|(place, required)| {
        let (location, name) = place.strip_prefix("method.request.")?.split_once('.')?;
        let location = if location == "querystring" { "query" } else { location };
        Some(json!({
            "name": name,
            "in": location,
            "required": required,
            "schema": {"type": "string"},
        }))
    });
    let responses: Map<String, Json> = (method.responses.iter())
        .map(|(status, headers)| {
            let names = headers.iter().filter_map(|h| h.strip_prefix("method.response.header."));
            let headers: Map<String, Json> =
                names.map(|h| (h.to_owned(), json!({"schema": {"type": "string"}}))).collect();
            let mut response = json!({"description": ""});
            if !headers.is_empty() {
                set_member(&mut response, "headers", headers.into());
            }
            (status.clone(), response)
        })
        .collect();
    let mut operation = json!({
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": responses,
        "security": if security.is_empty() { json!([]) } else { json!([security]) },
    });
    if let Some(integration) = &method.integration {
        set_member(&mut operation, "x-amazon-apigateway-integration", json!(integration));
    }
    if method.authorization == Authorization::AwsIam {
        set_member(&mut operation, "x-amazon-apigateway-auth", json!({"type": "AWS_IAM"}));
    }
    if let Some(validator) = method.validator {
        set_member(
            &mut operation,
            "x-amazon-apigateway-request-validator",
            json!(validator.name()),
        );
    }
    if let Some(id) = &method.operation {
        set_member(&mut operation, "operationId", json!(id));
    }
    if !method.bodies.is_empty() {
        let content: Map<String, Json> = (method.bodies.iter())
            .map(|(media, model)| {
                let reference = format!("#/components/schemas/{model}");
                (media.clone(), json!({"schema": {"$ref": reference}}))
            })
            .collect();
        set_member(&mut operation, "requestBody", json!({"content": content}));
    }
    operation
}
