//! API Gateway's request validation, before the integration is called: required parameters, and
//! bodies by their models.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html>

use std::collections::BTreeMap;

use jsonschema::{Draft, Validator};
use serde_json::{Value as Json, json};

use super::gateway_response::{Refusal, RefusalKind};
use super::request::RequestHead;
use super::router::Match;
use compiler::api::{Api, JSON, ParameterLocation, Route};

/// The compiled models of an API.
#[derive(Debug, Default)]
pub struct RequestValidator(BTreeMap<String, Validator>);

impl RequestValidator {
    /// Compiles the models that bodies are validated with; fails for an invalid one.
    pub fn new(api: &Api) -> Result<Self, String> {
        let mut validators = BTreeMap::new();
        let bodies = api.routes.iter().filter(|route| validates_body(route));
        for name in bodies.flat_map(|route| route.bodies.values()) {
            let Some(schema) = api.models.get(name) else { continue };
            let mut schema = schema.clone();
            if let Json::Object(members) = &mut schema {
                // Models refer to each other by URLs of API Gateway, which `with_local_references` rewrites.
                members.insert("definitions".to_owned(), json!(api.models));
            }
            let mut schema = with_local_references(schema);
            allow_null(&mut schema);
            let options = jsonschema::options().with_draft(Draft::Draft4);
            let validator = options.build(&schema);
            let validator =
                validator.map_err(|error| format!("invalid model `{name}`: {error}"))?;
            validators.insert(name.clone(), validator);
        }
        Ok(Self(validators))
    }

    /// Refuses a request without a required parameter.
    pub fn parameters(&self, found: &Match<'_>, head: &RequestHead) -> Result<(), Refusal> {
        let route = found.route;
        if !route.validator.is_some_and(|validator| validator.parameters) {
            return Ok(());
        }
        let query = head.query_pairs();
        // An empty parameter counts as missing.
        let is_present = |name: &str, location| match location {
            ParameterLocation::Header => {
                head.headers.get(name).is_some_and(|value| !value.is_empty())
            }
            ParameterLocation::Query => {
                query.iter().any(|(known, value)| known == name && !value.is_empty())
            }
            ParameterLocation::Path => true,
        };
        let missing = route.parameters.iter().filter(|parameter| {
            parameter.required && !is_present(&parameter.name, parameter.location)
        });
        let missing: Vec<&str> = missing.map(|parameter| parameter.name.as_str()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let detail = format!("Missing required request parameters: [{}]", missing.join(", "));
        let reason = format!("missing required request parameters: {}", missing.join(", "));
        Err(Refusal {
            detail: Some(detail),
            ..Refusal::new(RefusalKind::BadRequestParameters, reason)
        })
    }

    /// Refuses a body that does not match its model. A media type without a model is not validated.
    pub fn body(&self, route: &Route, media: Option<&str>, body: &[u8]) -> Result<(), Refusal> {
        if !validates_body(route) {
            return Ok(());
        }
        let media = media.and_then(|media| media.split(';').next()).map_or(JSON, str::trim);
        let Some(model) = route.bodies.get(media).and_then(|name| self.0.get(name)) else {
            return Ok(());
        };
        let invalid = |reason: String| Err(Refusal::new(RefusalKind::BadRequestBody, reason));
        let Ok(json) = serde_json::from_slice::<Json>(body) else {
            return invalid("body is not JSON".to_owned());
        };
        let problems: Vec<String> =
            model.iter_errors(&json).take(5).map(|error| error.to_string()).collect();
        if problems.is_empty() { Ok(()) } else { invalid(format!("[{}]", problems.join(", "))) }
    }
}

/// Returns whether bodies are validated, so that they must be received as a whole.
pub fn validates_body(route: &Route) -> bool {
    route.validator.is_some_and(|validator| validator.body) && !route.bodies.is_empty()
}

/// Rewrites references to models to `definitions`.
fn with_local_references(mut schema: Json) -> Json {
    match &mut schema {
        Json::Object(members) => {
            for (name, value) in members.iter_mut() {
                match value {
                    Json::String(text) if name == "$ref" => {
                        let model = text.rsplit('/').next().unwrap_or_default();
                        *text = format!("#/definitions/{model}");
                    }
                    value => *value = with_local_references(std::mem::take(value)),
                }
            }
        }
        Json::Array(items) => {
            for item in items {
                *item = with_local_references(std::mem::take(item));
            }
        }
        _ => {}
    }
    schema
}

/// Translates OpenAPI 3.0's `nullable` to JSON Schema draft 4.
fn allow_null(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            members.values_mut().for_each(allow_null);
            if members.get("nullable") == Some(&Json::Bool(true)) {
                members.remove("nullable");
                let other = std::mem::take(members);
                members.insert("anyOf".to_owned(), json!([{"type": "null"}, other]));
            }
        }
        Json::Array(items) => items.iter_mut().for_each(allow_null),
        _ => {}
    }
}
