//! Imported documents.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Verdict;
use super::authorizers::Settings;
use crate::strict::Refusal;
use crate::strict::model::Service;
use crate::strict::operation::Call;
use crate::strict::pattern;
use crate::strict::state::State;

fn refused(message: &str) -> Verdict {
    Err(Refusal::bad_request(format!("Errors found during import:\n\t{message}")))
}

/// Returns the imported document; `Null` for other calls.
pub(super) fn document(call: &Call) -> Value {
    serde_json::from_str(call.text("body")).unwrap_or_default()
}

pub(super) fn size(call: &Call, _: &State<'_>) -> Verdict {
    if call.text("body").len() > 6 * 1024 * 1024 {
        return Err(Refusal::bad_request("The request body exceeds 6 MB"));
    }
    Ok(())
}

pub(super) fn version(call: &Call, _: &State<'_>) -> Verdict {
    let document = document(call);
    let is_2 = document["swagger"] == "2.0";
    if is_2 || document["openapi"].as_str().is_some_and(|version| version.starts_with("3.0.")) {
        return Ok(());
    }
    Err(Refusal::bad_request("Invalid OpenAPI input: only versions 2.0 and 3.0 are supported"))
}

pub(super) fn paths(call: &Call, _: &State<'_>) -> Verdict {
    let document = document(call);
    // The variable below each parent.
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for path in document["paths"].as_object().into_iter().flat_map(|paths| paths.keys()) {
        let unable = |reason: &str| {
            refused(&format!("Unable to create resource at path '{path}': {reason}"))
        };
        let mut parent = String::new();
        let mut is_greedy = false;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if is_greedy {
                return unable(&format!(
                    "Cannot create a child of a resource with a greedy path variable: {parent}"
                ));
            }
            if !pattern::matches(r"[a-zA-Z0-9._\-:$@,]+|\{[a-zA-Z0-9._\-:]+\+?\}", segment) {
                return unable(
                    "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.",
                );
            }
            if segment.starts_with('{') {
                let known = variables.entry(parent.clone()).or_insert_with(|| segment.to_owned());
                if known != segment {
                    return unable(&format!(
                        "A sibling ({known}) of this resource already has a variable path part -- only one is allowed"
                    ));
                }
            }
            is_greedy = segment.ends_with("+}");
            parent = format!("{parent}/{segment}");
        }
    }
    Ok(())
}

pub(super) fn gateway_responses(call: &Call, _: &State<'_>) -> Verdict {
    let document = document(call);
    let known =
        Service::ApiGateway.model().shape("GatewayResponseType")["enum"].as_array().unwrap();
    let responses = document["x-amazon-apigateway-gateway-responses"].as_object();
    for (kind, response) in responses.into_iter().flatten() {
        if !known.contains(&Value::from(&**kind)) {
            return refused(&format!(
                "Unable to put gateway response of type {kind}: unknown type"
            ));
        }
        let status = match &response["statusCode"] {
            Value::Null => continue,
            status => status.as_str().map_or_else(|| status.to_string(), str::to_owned),
        };
        if !pattern::matches(r"[1-5]\d\d", &status) {
            return refused(&format!(
                "Unable to put gateway response of type {kind}: status {status}"
            ));
        }
    }
    Ok(())
}

pub(super) fn authorizers(call: &Call, _: &State<'_>) -> Verdict {
    let document = document(call);
    let schemes = [&document["components"]["securitySchemes"], &document["securityDefinitions"]];
    for (name, scheme) in schemes.into_iter().filter_map(Value::as_object).flatten() {
        let found = &scheme["x-amazon-apigateway-authorizer"];
        if found.is_null() {
            continue;
        }
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        let kind = text("type").to_uppercase();
        let header = scheme["name"].as_str().map(|name| format!("method.request.header.{name}"));
        let source = Some(text("identitySource")).filter(|source| !source.is_empty());
        let settings = Settings {
            source: source.or_else(|| header.filter(|_| kind == "TOKEN")).unwrap_or_default(),
            kind,
            uri: text("authorizerUri"),
            ttl: found["authorizerResultTtlInSeconds"].as_i64(),
            expression: text("identityValidationExpression"),
        };
        if let Err(reason) = settings.check() {
            return refused(&format!("Unable to put authorizer '{name}': {reason}"));
        }
    }
    Ok(())
}

pub(super) fn models(call: &Call, _: &State<'_>) -> Verdict {
    let document = document(call);
    let models = [&document["components"]["schemas"], &document["definitions"]];
    for (name, schema) in models.into_iter().filter_map(Value::as_object).flatten() {
        if !pattern::matches("[a-zA-Z0-9]+", name) {
            return refused(&format!(
                "Unable to create model '{name}': Model name must be alphanumeric: {name}"
            ));
        }
        if schema.to_string().len() > 400 * 1024 {
            return refused(&format!("Unable to create model '{name}': it exceeds 400 KB"));
        }
    }
    Ok(())
}
