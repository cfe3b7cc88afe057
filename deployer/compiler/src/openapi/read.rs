//! An OpenAPI 3.0 or 3.1 document → the operations of an API.

use std::collections::BTreeMap;

use authorizer::routes::{self, PathTemplate, Segment, Verb};
use serde_json::Value as Json;

use super::resolve_security::{SCOPES, Scheme, Schemes, resolve, schemes};
use super::schema::Models;
use crate::api::{
    ApiSettings, AuthorizerShape, ConnectionType, GatewayResponse, Integration, IntegrationKind,
    MAX_TIMEOUT_MS, MIN_TIMEOUT_MS, Parameter, ParameterLocation, Route, Validator,
};
use crate::source::diagnostic::{Diagnostics, Span, suggestion};
use crate::source::document::{Entry, Node, Value};
use crate::source::manifest::DefaultIntegration;

/// What an operation answers preflight requests with, where we made it for that.
pub(super) const PREFLIGHT: &str = "x-portcullis-preflight";
const VALIDATOR: &str = "x-amazon-apigateway-request-validator";

/// What a document says, as far as API Gateway is concerned.
#[derive(Debug)]
pub struct ParsedDocument {
    /// `info.version`.
    pub version: String,
    /// The operations in order of precedence, each with its place.
    pub routes: Vec<(Route, Span)>,
    /// The security schemes by name, with the authorizer of those that bring one along.
    pub schemes: BTreeMap<String, Option<AuthorizerShape>>,
    /// What concerns the API as a whole.
    pub settings: ApiSettings,
    /// The answers that API Gateway makes itself.
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    /// What bodies are checked with.
    pub models: BTreeMap<String, Json>,
}

/// Reads a document's tree. `ours` says which schemes an authorizer of ours serves.
pub fn read(
    root: &Node,
    ours: &dyn Fn(&str) -> bool,
    integration: Option<&DefaultIntegration>,
    diagnostics: &mut Diagnostics,
) -> Option<ParsedDocument> {
    version(root, diagnostics)?;
    let schemes = schemes(root, ours, diagnostics);
    let settings = settings(root, diagnostics);
    let gateway_responses = gateway_responses(root, diagnostics);
    let mut reader = Reader {
        root,
        schemes: &schemes,
        integration,
        validators: validators(root),
        models: Models::new(root),
        routes: Vec::new(),
        diagnostics,
    };
    let Some(paths) = root.member("paths") else {
        reader.diagnostics.error(root.span, "there is no `paths`", None);
        return None;
    };
    for path in paths.entries().iter().filter(|path| !path.key.starts_with("x-")) {
        reader.path(path);
    }
    let Reader { mut routes, models, diagnostics, .. } = reader;
    let models = models.into_found();
    if routes.is_empty() && !diagnostics.has_errors() {
        diagnostics.error(paths.span, "there is no operation in it", None);
    }
    routes
        .sort_by(|(a, _), (b, _)| routes::compare_precedence((&a.path, a.verb), (&b.path, b.verb)));
    let version = root.member("info").and_then(|info| info.member("version"));
    Some(ParsedDocument {
        version: version.and_then(Node::text).unwrap_or("1").to_owned(),
        routes,
        schemes: schemes
            .into_values()
            .map(|(name, scheme)| match scheme {
                Scheme::External(shape) => (name, Some(*shape)),
                _ => (name, None),
            })
            .collect(),
        settings,
        gateway_responses,
        models,
    })
}

fn version(root: &Node, diagnostics: &mut Diagnostics) -> Option<()> {
    let entry = root.entry("openapi");
    if entry
        .and_then(|entry| entry.node.text())
        .is_some_and(|v| v.starts_with("3.0") || v.starts_with("3.1"))
    {
        return Some(());
    }
    let span = entry.map_or(root.span, |entry| entry.node.span);
    let help = "OpenAPI 3.0 and 3.1 are read; convert a Swagger 2.0 document first".to_owned();
    diagnostics.error(span, "not an OpenAPI 3.0 or 3.1 document", help);
    None
}

struct Reader<'a> {
    root: &'a Node,
    schemes: &'a Schemes,
    validators: BTreeMap<String, Validator>,
    models: Models<'a>,
    integration: Option<&'a DefaultIntegration>,
    routes: Vec<(Route, Span)>,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Reader<'a> {
    fn path(&mut self, path: &'a Entry) {
        let template: PathTemplate = match path.key.parse() {
            Ok(template) => template,
            Err(error) => {
                let message = format!("API Gateway has no such path: {error}");
                self.diagnostics.error(path.key_span, message, None);
                return;
            }
        };
        if path.node.member("$ref").is_some() {
            let help = "write the path's operations here".to_owned();
            self.diagnostics.error(path.node.span, "a path that is a reference is not read", help);
            return;
        }
        for entry in path.node.entries() {
            if let Some(verb) = self.verb(entry) {
                self.operation(verb, &template, &path.node, entry);
            }
        }
    }

    /// Reads a member of a path as a method; nothing if it is none, or one that is told.
    fn verb(&mut self, entry: &Entry) -> Option<Verb> {
        match entry.key.as_str() {
            "x-amazon-apigateway-any-method" => Some(Verb::Any),
            "parameters" | "summary" | "description" | "servers" => None,
            extension if extension.starts_with("x-") => None,
            name => match name.to_ascii_uppercase().parse() {
                Ok(verb) if name.to_ascii_lowercase() == name && verb != Verb::Any => Some(verb),
                _ => {
                    let message = format!("API Gateway has no method `{name}`");
                    self.diagnostics.error(entry.key_span, message, None);
                    None
                }
            },
        }
    }

    fn operation(&mut self, verb: Verb, path: &PathTemplate, item: &'a Node, entry: &'a Entry) {
        let operation = format!("{verb} {path}");
        let same =
            |(other, _): &(Route, Span)| other.verb == verb && other.path.same_resource(path);
        if self.routes.iter().any(same) {
            let message = format!("{operation} stands there twice");
            self.diagnostics.error(entry.key_span, message, None);
            return;
        }
        let security = resolve(
            &operation,
            (entry.node.member("security"), self.root.member("security")),
            entry.node.member(SCOPES),
            entry.key_span,
            self.schemes,
            self.diagnostics,
        );
        let integration = self.integration(&operation, (verb, path), entry);
        let parameters = self.parameters(path, item, &entry.node);
        let validator = self.validator(&entry.node);
        let bodies = match validator {
            Some(Validator { body: true, .. }) => self.bodies(&operation, &entry.node),
            _ => BTreeMap::new(),
        };
        let preflight = entry.node.member(PREFLIGHT).map(Node::to_json);
        if let (Some(security), Some(integration)) = (security, integration) {
            let route = Route {
                verb,
                path: path.clone(),
                operation_id: entry
                    .node
                    .member("operationId")
                    .and_then(Node::text)
                    .map(str::to_owned),
                security,
                responses: responses(&entry.node, &integration),
                integration,
                preflight: preflight.and_then(|json| serde_json::from_value(json).ok()),
                validator,
                bodies,
                parameters,
            };
            self.routes.push((route, entry.key_span));
        }
    }

    /// Returns what is checked of the operation's requests.
    fn validator(&mut self, operation: &Node) -> Option<Validator> {
        let named = |node: &'a Node| node.member(VALIDATOR);
        let node = operation.member(VALIDATOR).or_else(|| named(self.root))?;
        let name = node.text().unwrap_or_default();
        let validator = self.validators.get(name).copied();
        if validator.is_none() {
            let help =
                suggestion(name, self.validators.keys().map(String::as_str)).unwrap_or_else(|| {
                    "declare it in x-amazon-apigateway-request-validators".to_owned()
                });
            self.diagnostics.error(node.span, format!("there is no validator `{name}`"), help);
        }
        validator.filter(|validator| validator.body || validator.parameters)
    }

    /// Returns the models that the operation's bodies are checked with.
    fn bodies(&mut self, name: &str, operation: &'a Node) -> BTreeMap<String, String> {
        let Some(body) = operation.member("requestBody") else { return BTreeMap::new() };
        let Some(body) = self.dereferenced(body) else { return BTreeMap::new() };
        let content = body.member("content").map(Node::entries).unwrap_or_default();
        let mut bodies = BTreeMap::new();
        for entry in content {
            let id = operation.member("operationId").and_then(Node::text).unwrap_or(name);
            if let Some(schema) = entry.node.member("schema")
                && let Some(model) = self.models.of(schema, id, self.diagnostics)
            {
                bodies.insert(entry.key.clone(), model);
            }
        }
        bodies
    }

    fn integration(
        &mut self,
        operation: &str,
        (verb, path): (Verb, &PathTemplate),
        entry: &Entry,
    ) -> Option<Integration> {
        if let Some(node) = entry.node.member("x-amazon-apigateway-integration") {
            return self.own_integration(operation, verb, node);
        }
        let Some(default) = self.integration else {
            let help =
                "give it `x-amazon-apigateway-integration`, or portcullis.toml an [integration]";
            self.diagnostics.error(
                entry.key_span,
                format!("nothing answers {operation}"),
                help.to_owned(),
            );
            return None;
        };
        Some(by_default(default, verb, path))
    }

    fn own_integration(&mut self, operation: &str, verb: Verb, node: &Node) -> Option<Integration> {
        let integration = Integration::read(node.to_json()).map_err(|problem| {
            let message = format!("the integration of {operation} is not one: {problem}");
            let help = "its `type` is one of http_proxy, http, aws_proxy, aws, mock".to_owned();
            self.diagnostics.error(node.span, message, help);
        });
        let mut integration = integration.ok()?;
        if let Some(problem) = unusable(&integration) {
            let message = format!("the integration of {operation} {problem}");
            self.diagnostics.error(node.span, message, None);
            return None;
        }
        if integration.kind == IntegrationKind::HttpProxy && integration.http_method.is_none() {
            integration.http_method = Some(verb.name().to_owned());
        }
        Some(integration)
    }

    fn parameters(
        &mut self,
        path: &PathTemplate,
        item: &'a Node,
        operation: &'a Node,
    ) -> Vec<Parameter> {
        let mut parameters: BTreeMap<(ParameterLocation, String), bool> = BTreeMap::new();
        for segment in path.segments() {
            if let Segment::Parameter(name) | Segment::Greedy(name) = segment {
                parameters.insert((ParameterLocation::Path, name.clone()), true);
            }
        }
        let listed = [item, operation].into_iter().filter_map(|node| node.member("parameters"));
        for node in listed.flat_map(Node::items) {
            let Some(node) = self.dereferenced(node) else { continue };
            let location = node.member("in").and_then(Node::text).and_then(ParameterLocation::read);
            let name = node.member("name").and_then(Node::text);
            let required =
                matches!(node.member("required").map(|node| &node.value), Some(Value::Bool(true)));
            let Some((location, name)) = location.zip(name) else { continue };
            let declared = (ParameterLocation::Path, name.trim_end_matches('+').to_owned());
            let known = parameters.contains_key(&declared);
            match location {
                ParameterLocation::Path if known => {}
                ParameterLocation::Path => self.diagnostics.error(
                    node.span,
                    format!("the path has no parameter `{name}`"),
                    None,
                ),
                _ => _ = parameters.insert((location, name.to_owned()), required),
            }
        }
        let parameter = |((location, name), required)| Parameter { name, location, required };
        parameters.into_iter().map(parameter).collect()
    }

    /// Follows a reference into this document.
    fn dereferenced(&mut self, node: &'a Node) -> Option<&'a Node> {
        let Some(reference) = node.member("$ref") else { return Some(node) };
        let path = reference.text().and_then(|text| text.strip_prefix("#/"));
        let target =
            path.and_then(|path| path.split('/').try_fold(self.root, |node, key| node.member(key)));
        if target.is_none() {
            let help =
                "references into this document, such as #/components/parameters/NAME, are followed"
                    .to_owned();
            self.diagnostics.error(reference.span, "the reference leads nowhere", help);
        }
        target
    }
}

/// Returns the statuses that the operation declares; API Gateway knows no ranges.
fn responses(operation: &Node, integration: &Integration) -> BTreeMap<String, String> {
    let declared = operation.member("responses").map(Node::entries).unwrap_or_default();
    let status = |entry: &&Entry| entry.key.parse::<u16>().is_ok_and(|s| (200..600).contains(&s));
    let described = |entry: &Entry| {
        let description = entry.node.member("description").and_then(Node::text);
        (entry.key.clone(), description.unwrap_or_default().to_owned())
    };
    let mut responses: BTreeMap<_, _> = declared.iter().filter(status).map(described).collect();
    for response in integration.responses.values() {
        responses.entry(response.status_code.clone()).or_default();
    }
    if responses.is_empty() {
        responses.insert("200".to_owned(), String::new());
    }
    responses
}

/// Says what is missing for API Gateway to call a backend.
fn unusable(integration: &Integration) -> Option<String> {
    let uri = integration.uri.as_deref();
    let http = |uri: &str| {
        ["http://", "https://", "${stageVariables."].iter().any(|start| uri.starts_with(start))
    };
    let linked = integration.connection_type == Some(ConnectionType::VpcLink);
    match integration.kind {
        IntegrationKind::Mock => None,
        _ if !(MIN_TIMEOUT_MS..=MAX_TIMEOUT_MS).contains(&integration.timeout_ms) => {
            Some("has a `timeoutInMillis` that is not from 50 to 29000".to_owned())
        }
        _ if linked != integration.connection_id.is_some() => {
            Some("needs `connectionType: VPC_LINK` and a `connectionId` together".to_owned())
        }
        IntegrationKind::Http | IntegrationKind::HttpProxy if !uri.is_some_and(http) => {
            Some("has no http `uri`".to_owned())
        }
        IntegrationKind::Aws | IntegrationKind::AwsProxy
            if !uri.is_some_and(|uri| uri.starts_with("arn:") && uri.contains(":apigateway:")) =>
        {
            Some("has no `uri` that begins with arn:PARTITION:apigateway:".to_owned())
        }
        _ => None,
    }
}

fn by_default(default: &DefaultIntegration, verb: Verb, path: &PathTemplate) -> Integration {
    match default {
        DefaultIntegration::Http { base, vpc_link, timeout_ms } => {
            let names = path.segments().iter().filter_map(|segment| match segment {
                Segment::Parameter(name) | Segment::Greedy(name) => Some(name),
                Segment::Literal(_) => None,
            });
            let mapped = names.map(|name| {
                let from = format!("method.request.path.{name}");
                (format!("integration.request.path.{name}"), from)
            });
            Integration {
                connection_type: vpc_link.as_ref().map(|_| ConnectionType::VpcLink),
                connection_id: vpc_link.clone(),
                request_parameters: mapped.collect(),
                timeout_ms: timeout_ms.unwrap_or(MAX_TIMEOUT_MS),
                ..Integration::http_proxy(base, &path.to_string(), verb.name())
            }
        }
        DefaultIntegration::Lambda { function, credentials, timeout_ms } => Integration {
            // Whatever the method, a function is invoked by POST.
            http_method: Some("POST".to_owned()),
            uri: Some(function.invocation_uri()),
            credentials: credentials.as_ref().map(|role| role.as_str().to_owned()),
            timeout_ms: timeout_ms.unwrap_or(MAX_TIMEOUT_MS),
            ..Integration::new(IntegrationKind::AwsProxy)
        },
        DefaultIntegration::Mock => Integration::mock(200, &[]),
    }
}

/// Reads what API Gateway checks of requests, by the names that the document gives it.
fn validators(root: &Node) -> BTreeMap<String, Validator> {
    let declared = root.member("x-amazon-apigateway-request-validators");
    let truth = |node: &Node, name| {
        matches!(node.member(name).map(|node| &node.value), Some(Value::Bool(true)))
    };
    let validator = |entry: &Entry| {
        let node = &entry.node;
        let validator = Validator {
            body: truth(node, "validateRequestBody"),
            parameters: truth(node, "validateRequestParameters"),
        };
        (entry.key.clone(), validator)
    };
    declared.map(Node::entries).unwrap_or_default().iter().map(validator).collect()
}

/// Reads what concerns the API as a whole.
fn settings(root: &Node, diagnostics: &mut Diagnostics) -> ApiSettings {
    let text = |name: &str| root.member(name).and_then(Node::text);
    let binary = root.member("x-amazon-apigateway-binary-media-types").map(Node::items);
    let size = root.member("x-amazon-apigateway-minimum-compression-size");
    let read = size.map(|node| node.to_json().as_i64().and_then(|size| i32::try_from(size).ok()));
    let fits = |size: &i32| (0..=10_485_760).contains(size);
    let minimum_compression_size = read.flatten().filter(fits);
    if let (Some(node), None) = (size, minimum_compression_size) {
        let message = "the minimum compression size is not from 0 to 10485760 bytes";
        diagnostics.error(node.span, message, None);
    }
    ApiSettings {
        description: root
            .member("info")
            .and_then(|info| info.member("description"))
            .and_then(Node::text)
            .map(str::to_owned),
        key_from_authorizer: text("x-amazon-apigateway-api-key-source")
            .is_some_and(|source| source.eq_ignore_ascii_case("authorizer")),
        binary_media_types: binary
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item.text().map(str::to_owned))
            .collect(),
        minimum_compression_size,
        policy: root.member("x-amazon-apigateway-policy").map(Node::to_json),
    }
    .normalize()
}

/// Reads the answers that API Gateway makes itself.
fn gateway_responses(
    root: &Node,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, GatewayResponse> {
    let declared = root.member("x-amazon-apigateway-gateway-responses").map(Node::entries);
    let mut responses = BTreeMap::new();
    for entry in declared.unwrap_or_default() {
        let mut json = entry.node.to_json();
        // A status may be written as a number.
        if let Some(status) = json.get_mut("statusCode")
            && status.is_number()
        {
            *status = status.to_string().into();
        }
        match serde_json::from_value::<GatewayResponse>(json) {
            Ok(response) => _ = responses.insert(entry.key.clone(), response.normalize(&entry.key)),
            Err(problem) => {
                let message = format!("the gateway response {} is not one: {problem}", entry.key);
                diagnostics.error(entry.key_span, message, None);
            }
        }
    }
    responses
}
