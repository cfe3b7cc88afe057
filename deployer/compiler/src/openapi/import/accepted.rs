//! Leniency of API Gateway beyond its documentation: absent members as `null`, a status as a number,
//! and members without effect.

use serde_json::Value as Json;

use crate::source::diagnostic::{Code, Diagnostics, closest};
use crate::source::document::{Entry, Node, Value};

/// The members of an integration.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html>
const MEMBERS: [&str; 17] = [
    "cacheKeyParameters",
    "cacheNamespace",
    "connectionId",
    "connectionType",
    "contentHandling",
    "credentials",
    "httpMethod",
    "integrationTarget",
    "passthroughBehavior",
    "requestParameters",
    "requestTemplates",
    "responseTransferMode",
    "responses",
    "timeoutInMillis",
    "tlsConfig",
    "type",
    "uri",
];
/// The members of an integration response.
const RESPONSE_MEMBERS: [&str; 4] =
    ["contentHandling", "responseParameters", "responseTemplates", "statusCode"];
/// The members for HTTP APIs alone, whose names are close to others.
const OF_HTTP_APIS: [&str; 4] =
    ["integrationSubtype", "payloadFormatVersion", "responseParameters", "serverNameToVerify"];

/// Removes the members of maps that are `null`: API Gateway reads them as absent.
pub(in super::super) fn without_null_members(mut json: Json) -> Json {
    match &mut json {
        Json::Object(members) => {
            members.retain(|_, value| !value.is_null());
            for value in members.values_mut() {
                *value = without_null_members(value.take());
            }
        }
        Json::Array(items) => {
            for item in items {
                *item = without_null_members(item.take());
            }
        }
        _ => {}
    }
    json
}

/// Returns the JSON of an integration, with the members that API Gateway reads and in its types.
pub(super) fn integration(node: &Node, subject: &str, diagnostics: &mut Diagnostics) -> Json {
    let mut json = without_null_members(node.to_json());
    remove_ignored(&mut json, node, &MEMBERS, subject, diagnostics);
    if let (Some(json), Some(node)) = (json.get_mut("tlsConfig"), node.member("tlsConfig")) {
        remove_ignored(json, node, &["insecureSkipVerification"], subject, diagnostics);
    }
    let responses = node.member("responses").map(Node::entries).unwrap_or_default();
    for entry in responses {
        let Some(json) = json.get_mut("responses").and_then(|all| all.get_mut(&entry.key)) else {
            continue;
        };
        remove_ignored(json, &entry.node, &RESPONSE_MEMBERS, subject, diagnostics);
        if let Some(status) = json.get_mut("statusCode").filter(|status| status.is_number()) {
            *status = status.to_string().into();
        }
    }
    remove_boolean_parameters(&mut json, node, subject, diagnostics);
    json
}

/// Reports a member that API Gateway ignores.
pub(super) fn warn_ignored(entry: &Entry, subject: &str, diagnostics: &mut Diagnostics) {
    let message = format!("{subject}: API Gateway ignores `{}`, so it is omitted", entry.key);
    let help = "remove it: REST APIs do not support it".to_owned();
    diagnostics.warning(Code::NotImported, entry.key_span, message, help);
}

/// Removes the members that API Gateway ignores, with a warning each. A misspelled one and a reference
/// are left in: they are errors.
fn remove_ignored(
    json: &mut Json,
    node: &Node,
    known: &[&str],
    subject: &str,
    diagnostics: &mut Diagnostics,
) {
    let Json::Object(members) = json else { return };
    for entry in node.entries() {
        let name = entry.key.as_str();
        let is_misspelled =
            || !OF_HTTP_APIS.contains(&name) && closest(name, known.iter().copied()).is_some();
        let is_read = known.contains(&name) || name == "$ref" || is_misspelled();
        if is_read || members.remove(name).is_none() {
            continue;
        }
        warn_ignored(entry, subject, diagnostics);
    }
}

/// Removes request parameters that are mapped from a boolean: they declare a parameter of a method, as
/// in a template of CloudFormation.
fn remove_boolean_parameters(
    json: &mut Json,
    node: &Node,
    subject: &str,
    diagnostics: &mut Diagnostics,
) {
    let Some(Json::Object(mappings)) = json.get_mut("requestParameters") else { return };
    let declared = node.member("requestParameters").map(Node::entries).unwrap_or_default();
    for entry in declared.iter().filter(|entry| matches!(entry.node.value, Value::Bool(_))) {
        mappings.remove(&entry.key);
        let message = format!(
            "{subject}: API Gateway ignores the boolean of `{}`, so it is omitted",
            entry.key
        );
        let help = "remove it, and declare the parameter in `parameters` of the operation";
        diagnostics.warning(Code::NotImported, entry.key_span, message, help.to_owned());
    }
}
