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

/// Calls a function with each method of a document: its path, its verb, and its operation.
fn methods(document: &Value, mut check: impl FnMut(&str, &str, &Value) -> Verdict) -> Verdict {
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (verb, operation) in item.as_object().into_iter().flatten() {
            let is_method = VERBS.contains(&verb.as_str());
            if is_method && operation["x-amazon-apigateway-integration"].is_object() {
                check(path, verb, operation)?;
            }
        }
    }
    Ok(())
}

const VERBS: [&str; 8] =
    ["delete", "get", "head", "options", "patch", "post", "put", "x-amazon-apigateway-any-method"];

pub(super) fn integrations(call: &Call, _: &State<'_>) -> Verdict {
    methods(&document(call), |path, verb, operation| {
        let integration = &operation["x-amazon-apigateway-integration"];
        let refused = |reason: &str| {
            refused(&format!(
                "Unable to put integration on '{verb}' for resource at path '{path}': {reason}"
            ))
        };
        let text = |name: &str| integration[name].as_str().unwrap_or_default();
        let kind = text("type").to_uppercase();
        if !["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"].contains(&kind.as_str()) {
            return refused("Enumeration value for integration type is invalid");
        }
        // The longest timeout is a quota of regional and private APIs; that of a stream is fixed.
        let is_stream = text("responseTransferMode").eq_ignore_ascii_case("stream");
        let longest = if is_stream { 900_000 } else { 300_000 };
        let timeout = integration["timeoutInMillis"].as_i64();
        if timeout.is_some_and(|timeout| !(50..=longest).contains(&timeout)) {
            return refused("Timeout should be between 50 ms and 29000 ms");
        }
        if kind == "MOCK" {
            return Ok(());
        }
        if text("httpMethod").is_empty() {
            return refused("Enumeration value for HttpMethod must be non-empty");
        }
        let uri = text("uri");
        if kind.starts_with("HTTP") {
            // A host is a name with a dot, an address, or a stage variable.
            let host = r"(\$\{stageVariables\.\w+\}|[A-Za-z0-9_\-.{}$]+\.[A-Za-z0-9_\-.{}$]+)";
            let url = format!(
                r"(https?://{host}(:(\d+|\$\{{stageVariables\.\w+\}}))?([/?].*)?|\$\{{stageVariables\.\w+\}}.*)"
            );
            let through_link = integration["connectionType"] == "VPC_LINK";
            if !through_link && !pattern::matches(&url, uri) {
                return refused("Invalid HTTP endpoint specified for URI");
            }
            return Ok(());
        }
        if !pattern::matches(r"arn:[a-z\-]+:apigateway:\S+", uri) {
            return refused("Invalid ARN specified in the request");
        }
        if !pattern::matches(r"arn:[a-z\-]+:apigateway:[^:]*:[^:]+:(path|action)/\S+", uri) {
            return refused("AWS ARN for integration must contain path or action");
        }
        let role = text("credentials");
        if pattern::matches(r"arn:[a-z\-]+:iam::\d{12}:role/.*", role)
            && role.split(':').nth(4) != Some(&call.account)
        {
            return Err(Refusal::new(
                "",
                403,
                "AccessDeniedException",
                "Cross-account pass role is not allowed.",
            ));
        }
        Ok(())
    })
}

/// Returns the names that an operation and its path declare for a location.
fn declared(document: &Value, path: &str, operation: &Value, location: &str) -> Vec<String> {
    let lists = [&operation["parameters"], &document["paths"][path]["parameters"]];
    let lists = lists.into_iter().filter_map(Value::as_array).flatten();
    let resolved = lists.map(|parameter| match parameter["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or(parameter),
        None => parameter,
    });
    let located = resolved.filter(|parameter| parameter["in"] == location);
    located.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
}

pub(super) fn mappings(call: &Call, _: &State<'_>) -> Verdict {
    let document = document(call);
    methods(&document, |path, verb, operation| {
        let integration = &operation["x-amazon-apigateway-integration"];
        let invalid = |expression: &str| {
            refused(&format!(
                "Unable to put integration on '{verb}' for resource at path '{path}': Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: {expression}]"
            ))
        };
        let is_declared = |location: &str, name: &str| {
            declared(&document, path, operation, location).iter().any(|known| known == name)
        };
        let mappings = integration["requestParameters"].as_object();
        for (target, source) in mappings.into_iter().flatten() {
            let source = source.as_str().unwrap_or_default();
            if !pattern::matches(r"integration\.request\.(header|path|querystring)\.\S+", target) {
                return invalid(target);
            }
            let parts: Vec<&str> = source.splitn(4, '.').collect();
            let is_valid = match parts[..] {
                ["method", "request", "body", ..] | ["context" | "stageVariables", ..] => true,
                ["method", "request", location, name] => match location {
                    "multivalueheader" => is_declared("header", name),
                    "multivaluequerystring" | "querystring" => is_declared("query", name),
                    "header" | "path" => is_declared(location, name),
                    _ => false,
                },
                _ => pattern::matches("'[^']*'", source),
            };
            if !is_valid {
                return invalid(source);
            }
        }
        let uri = integration["uri"].as_str().unwrap_or_default();
        let is_http = integration["type"]
            .as_str()
            .is_some_and(|kind| kind.to_lowercase().starts_with("http"));
        for part in uri.replace("${stageVariables", "").split('{').skip(1).filter(|_| is_http) {
            let name = part.split('}').next().unwrap_or_default().trim_end_matches('+');
            let key = format!("integration.request.path.{name}");
            if !mappings.is_some_and(|mappings| mappings.contains_key(&key)) {
                return invalid(&format!("{{{name}}}"));
            }
        }
        responses(path, verb, operation)
    })
}

/// Refuses responses of an integration that its method does not have.
fn responses(path: &str, verb: &str, operation: &Value) -> Verdict {
    let integration = &operation["x-amazon-apigateway-integration"];
    for response in integration["responses"].as_object().into_iter().flat_map(|all| all.values()) {
        let status = match &response["statusCode"] {
            Value::String(status) => status.clone(),
            status => status.to_string(),
        };
        let unable = |reason: &str| {
            refused(&format!(
                "Unable to put integration response on '{verb}' for resource at path '{path}': {reason}"
            ))
        };
        let method_response = &operation["responses"][&status];
        if method_response.is_null() {
            return unable("Invalid Response status code specified");
        }
        let headers = method_response["headers"].as_object();
        let mappings = response["responseParameters"].as_object();
        for (target, source) in mappings.into_iter().flatten() {
            let header = target.strip_prefix("method.response.header.").unwrap_or_default();
            let is_declared = headers.is_some_and(|headers| headers.contains_key(header));
            let source = source.as_str().unwrap_or_default();
            let sources = r"integration\.response\.(header|multivalueheader|body)\S*|context\.\S+|stageVariables\.\S+|'[^']*'";
            if !is_declared || !pattern::matches(sources, source) {
                return unable(&format!(
                    "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: {target}]"
                ));
            }
        }
    }
    Ok(())
}
