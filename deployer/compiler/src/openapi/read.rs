//! An OpenAPI 3.0 or 3.1 document → the operations of an API.

use std::collections::BTreeMap;

use authorizer::routes::{self, PathTemplate, Segment, Verb};
use serde_json::Value as Json;

use super::endpoint::disables_default_endpoint;
use super::extension_places::Place;
use super::extensions::{check_document, check_extensions};
use super::import;
use super::method_auth::operation_security;
use super::misspelled::{OF_BODY, OF_MEDIA_TYPE, OF_OPERATION, OF_ROOT, check_members};
use super::parameter::{Declared, declared as declared_parameters};
use super::references::{dereferenced, dereferenced_alone};
use super::resolve_security::{Scheme, Schemes, schemes};
use super::schema::Models;
use super::validators::validators;
use crate::api::{
    ApiSettings, AuthorizerShape, ConnectionType, DEFAULT_TIMEOUT_MS, GatewayResponse, Integration,
    IntegrationKind, MIN_TIMEOUT_MS, Parameter, ParameterLocation, Route, Validator,
};
use crate::source::diagnostic::{Code, Diagnostics, Span, suggestion, suggestion_or_list};
use crate::source::document::{Entry, Node, Value, deserialize};
use crate::source::manifest::DefaultIntegration;

/// The extension with the CORS settings of a generated preflight operation.
pub(super) const PREFLIGHT: &str = "x-portcullis-preflight";
const INTEGRATION: &str = "x-amazon-apigateway-integration";
const VALIDATOR: &str = "x-amazon-apigateway-request-validator";
const POLICY: &str = "x-amazon-apigateway-policy";
/// The largest mapping template, in bytes.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>
const MAX_TEMPLATE: usize = 300 * 1024;
/// The default quota for the length of a resource policy.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const MAX_POLICY: usize = 8192;

/// The parts of a document that API Gateway uses.
#[derive(Debug)]
pub struct ParsedDocument {
    /// `info.version`.
    pub version: String,
    /// The operations in order of precedence, each with its range in the file.
    pub routes: Vec<(Route, Span)>,
    /// The security schemes by name, each with the authorizer that it declares, if any.
    pub schemes: BTreeMap<String, Option<AuthorizerShape>>,
    /// The settings of the API.
    pub settings: ApiSettings,
    /// True if the default endpoint of the API is disabled.
    pub disable_execute_api_endpoint: bool,
    /// The gateway responses.
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    /// The models.
    pub models: BTreeMap<String, Json>,
}

/// Reads a document's tree. `is_managed` returns whether a scheme has an authorizer in
/// `portcullis.toml`.
pub fn read(
    root: &Node,
    is_managed: &dyn Fn(&str) -> bool,
    integration: Option<&DefaultIntegration>,
    diagnostics: &mut Diagnostics,
) -> Option<ParsedDocument> {
    version(root, diagnostics)?;
    import::check_functions(root, diagnostics)?;
    check_document(root, diagnostics);
    check_members(root, &OF_ROOT, diagnostics);
    import::check_root(root, diagnostics);
    let schemes = schemes(root, is_managed, diagnostics);
    let settings = settings(root, diagnostics);
    let disable_execute_api_endpoint = disables_default_endpoint(root, diagnostics);
    let gateway_responses = gateway_responses(root, diagnostics);
    let mut reader = Reader {
        root,
        schemes: &schemes,
        integration,
        validators: validators(root, diagnostics),
        models: Models::new(root),
        variables: BTreeMap::new(),
        routes: Vec::new(),
        diagnostics,
    };
    let Some(paths) = root.member("paths") else {
        reader.diagnostics.error(
            root.span,
            "missing `paths`",
            "add the operations under `paths`".to_owned(),
        );
        return None;
    };
    for path in paths.entries().iter().filter(|path| !path.key.starts_with("x-")) {
        reader.path(path);
    }
    let Reader { mut routes, models, diagnostics, .. } = reader;
    let models = models.into_found();
    if routes.is_empty() && !diagnostics.has_errors() {
        let help = "add an operation, such as `/pets: { get: … }`".to_owned();
        diagnostics.error(paths.span, "`paths` has no operation", help);
    }
    routes
        .sort_by(|(a, _), (b, _)| routes::compare_precedence((&a.path, a.verb), (&b.path, b.verb)));
    let version = root.member("info").and_then(|info| info.member("version"));
    Some(ParsedDocument {
        version: version.and_then(Node::text).unwrap_or("1").to_owned(),
        routes,
        disable_execute_api_endpoint,
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
    let help = "convert the document to OpenAPI 3.0 or 3.1".to_owned();
    let message = match entry.map(|entry| &entry.node) {
        Some(Node { value: Value::Text(found), .. }) => {
            format!("unsupported OpenAPI version `{found}`: expected 3.0 or 3.1")
        }
        Some(node) => {
            format!("`openapi`: expected a string such as `3.0.3`, found {}", node.kind())
        }
        None => "missing `openapi`: not an OpenAPI 3.0 or 3.1 document".to_owned(),
    };
    diagnostics.error(span, message, help);
    None
}

struct Reader<'a> {
    root: &'a Node,
    schemes: &'a Schemes,
    validators: BTreeMap<String, Validator>,
    models: Models<'a>,
    integration: Option<&'a DefaultIntegration>,
    /// The first variable segment below each path, of those that are greedy or not.
    variables: BTreeMap<(String, bool), String>,
    routes: Vec<(Route, Span)>,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Reader<'a> {
    fn path(&mut self, path: &'a Entry) {
        let template: PathTemplate = match path.key.parse() {
            Ok(template) => template,
            Err(error) => {
                let message = format!("unsupported path `{}`: {error}", path.key);
                let help =
                    "use segments such as `pets`, `{id}`, or `{proxy+}` at the end".to_owned();
                self.diagnostics.error(path.key_span, message, help);
                return;
            }
        };
        let item = dereferenced_alone(self.root, &path.node, self.diagnostics);
        let Some(item) = item else { return };
        check_extensions(item, Place::PathItem, self.diagnostics);
        for entry in item.entries() {
            if let Some(verb) = self.verb(entry) {
                self.operation(verb, &template, item, entry);
            }
        }
        // Otherwise, its operations are reported already.
        if self.routes.iter().any(|(route, _)| route.path == template) {
            self.check_variables(path);
        }
    }

    /// Reports a path with another variable segment than an earlier path has in the same position:
    /// API Gateway allows one below each resource. Whether this includes a greedy one beside one that is
    /// not is reported differently.
    fn check_variables(&mut self, path: &Entry) {
        let mut parent = String::new();
        for segment in path.key.split('/').filter(|segment| !segment.is_empty()) {
            if segment.starts_with('{') {
                let is_greedy = segment.ends_with("+}");
                let first = self.variables.entry((parent.clone(), is_greedy));
                let first = first.or_insert_with(|| segment.to_owned());
                if first != segment {
                    let message = format!(
                        "`{}` has `{segment}` where an earlier path has `{first}`, and API Gateway allows one variable below each resource",
                        path.key
                    );
                    let help = format!("write `{first}` in both paths");
                    self.diagnostics.error(path.key_span, message, help);
                    return;
                }
                if let Some(other) = self.variables.get(&(parent.clone(), !is_greedy)) {
                    let message = format!(
                        "`{}` has `{segment}` where an earlier path has `{other}`, which API Gateway may reject",
                        path.key
                    );
                    let help = format!("use only `{segment}` or only `{other}` there");
                    self.diagnostics.warning(Code::NotImported, path.key_span, message, help);
                }
            }
            parent = format!("{parent}/{segment}");
        }
    }

    /// Returns the method of a member of a path; nothing for other members. An unsupported method
    /// is an error.
    fn verb(&mut self, entry: &Entry) -> Option<Verb> {
        match entry.key.as_str() {
            "x-amazon-apigateway-any-method" => Some(Verb::Any),
            "parameters" | "summary" | "description" | "servers" => None,
            extension if extension.starts_with("x-") => None,
            name => match name.to_ascii_uppercase().parse() {
                Ok(verb) if name.to_ascii_lowercase() == name && verb != Verb::Any => Some(verb),
                _ => {
                    let known = Verb::NAMED.map(|verb| verb.name().to_ascii_lowercase());
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    let message = format!("unsupported method `{name}`");
                    let help = suggestion_or_list(name, &known);
                    self.diagnostics.error(entry.key_span, message, help);
                    None
                }
            },
        }
    }

    fn operation(&mut self, verb: Verb, path: &PathTemplate, item: &'a Node, entry: &'a Entry) {
        let operation = format!("{verb} {path}");
        let node = dereferenced_alone(self.root, &entry.node, self.diagnostics);
        let Some(node) = node else { return };
        check_extensions(node, Place::Operation, self.diagnostics);
        check_members(node, &OF_OPERATION, self.diagnostics);
        let is_same =
            |(other, _): &(Route, Span)| other.verb == verb && other.path.same_resource(path);
        if self.routes.iter().any(is_same) {
            let message = format!("duplicate route `{operation}`");
            let help = "parameter names do not distinguish routes: remove one of them".to_owned();
            self.diagnostics.error(entry.key_span, message, help);
            return;
        }
        let security = operation_security(
            &operation,
            node,
            self.root,
            entry.key_span,
            self.schemes,
            self.diagnostics,
        );
        let integration = self.integration(&operation, (verb, path), (node, entry.key_span));
        let parameters = self.parameters(path, item, node);
        if let (Some(node), Some(integration)) = (node.member(INTEGRATION), &integration)
            && let Some((problem, help)) = mapping_problem(integration, &parameters)
        {
            let message = format!("integration of `{operation}`: {problem}");
            self.diagnostics.error(node.span, message, help);
        }
        let validator = self.validator(node);
        let bodies = match validator {
            Some(Validator { body: true, .. }) => self.bodies(&operation, node),
            _ => BTreeMap::new(),
        };
        let preflight = node.member(PREFLIGHT).map(Node::to_json);
        if let (Some(security), Some(integration)) = (security, integration) {
            let route = Route {
                verb,
                path: path.clone(),
                operation_id: self.operation_id(node),
                security,
                responses: responses(node, &integration),
                integration,
                preflight: preflight.and_then(|json| serde_json::from_value(json).ok()),
                validator,
                bodies,
                parameters,
            };
            self.routes.push((route, entry.key_span));
        }
    }

    /// Returns `operationId`, unless another operation has the same one: an import warns of it.
    fn operation_id(&mut self, operation: &Node) -> Option<String> {
        let node = operation.member("operationId")?;
        let id = node.text()?;
        let is_same = |(route, _): &&(Route, Span)| route.operation_id.as_deref() == Some(id);
        if let Some((first, _)) = self.routes.iter().find(is_same) {
            let message =
                format!("`operationId` `{id}` is that of `{first}` too, so it is omitted");
            let help = "use a unique `operationId` for each operation".to_owned();
            self.diagnostics.warning(Code::NotImported, node.span, message, help);
            return None;
        }
        Some(id.to_owned())
    }

    /// Returns the request validator of an operation.
    fn validator(&mut self, operation: &Node) -> Option<Validator> {
        let declared = |node: &'a Node| node.member(VALIDATOR);
        let node = operation.member(VALIDATOR).or_else(|| declared(self.root))?;
        let name = node.text().unwrap_or_default();
        let validator = self.validators.get(name).copied();
        if validator.is_none() {
            let help =
                suggestion(name, self.validators.keys().map(String::as_str)).unwrap_or_else(|| {
                    "declare it in `x-amazon-apigateway-request-validators`".to_owned()
                });
            self.diagnostics.error(node.span, format!("unknown request validator `{name}`"), help);
        }
        validator.filter(|validator| validator.body || validator.parameters)
    }

    /// Returns the models that request bodies are validated against, by media type.
    fn bodies(&mut self, name: &str, operation: &'a Node) -> BTreeMap<String, String> {
        let mut bodies = BTreeMap::new();
        let Some(body) = operation.member("requestBody") else { return bodies };
        let Some(body) = dereferenced(self.root, body, self.diagnostics) else { return bodies };
        check_members(body, &OF_BODY, self.diagnostics);
        for entry in body.member("content").map(Node::entries).unwrap_or_default() {
            let media_type = dereferenced(self.root, &entry.node, self.diagnostics);
            let Some(media_type) = media_type else { continue };
            check_members(media_type, &OF_MEDIA_TYPE, self.diagnostics);
            let id = operation.member("operationId").and_then(Node::text).unwrap_or(name);
            if let Some(schema) = media_type.member("schema")
                && let Some(model) = self.models.add(schema, (id, &entry.key), self.diagnostics)
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
        (node, at): (&Node, Span),
    ) -> Option<Integration> {
        if let Some(node) = node.member(INTEGRATION) {
            let node = dereferenced(self.root, node, self.diagnostics)?;
            return self.own_integration(operation, verb, node);
        }
        let Some(default) = self.integration else {
            let help = "add `x-amazon-apigateway-integration`, or [integration] to portcullis.toml";
            let message = format!("`{operation}` has no integration");
            self.diagnostics.error(at, message, help.to_owned());
            return None;
        };
        Some(default_integration(default, verb, path))
    }

    fn own_integration(&mut self, operation: &str, verb: Verb, node: &Node) -> Option<Integration> {
        let subject = format!("integration of `{operation}`");
        let json = import::accepted_integration(node, &subject, self.diagnostics);
        let json = Integration::normalize_case(json);
        let integration: Integration = deserialize(node, json, &subject, self.diagnostics)?;
        let mut integration = integration.normalize();
        if import::has_placeholder(node, &subject, self.diagnostics) {
            return None;
        }
        if let Some((problem, help)) = problem(&integration) {
            let message = format!("{subject}: {problem}");
            self.diagnostics.error(node.span, message, help);
            return None;
        }
        import::check_integration(node, &integration, &subject, self.diagnostics);
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
        let names: Vec<String> = parameters.keys().map(|(_, name)| name.clone()).collect();
        let mut listed = declared_parameters(self.root, item, self.diagnostics);
        listed.extend(declared_parameters(self.root, operation, self.diagnostics));
        for Declared { node, location, name, required } in listed {
            let declared = (ParameterLocation::Path, name.trim_end_matches('+').to_owned());
            let known = parameters.contains_key(&declared);
            match location {
                ParameterLocation::Path if known => {}
                ParameterLocation::Path => self.diagnostics.error(
                    node.span,
                    format!("parameter `{name}` is not in the path `{path}`"),
                    suggestion(name, names.iter().map(String::as_str))
                        .unwrap_or_else(|| format!("add `{{{name}}}` to the path, or remove it")),
                ),
                _ if is_parameter_name(name) => {
                    parameters.insert((location, name.to_owned()), required);
                }
                _ => {
                    let message = format!(
                        "API Gateway does not accept the name of the parameter `{name}`, so it is omitted"
                    );
                    let help = "use letters, digits and `:._$-`; API Gateway passes undeclared parameters to proxy integrations, and does not check them";
                    self.diagnostics.warning(
                        Code::NotImported,
                        node.span,
                        message,
                        help.to_owned(),
                    );
                }
            }
        }
        let parameter = |((location, name), required)| Parameter { name, location, required };
        parameters.into_iter().map(parameter).collect()
    }
}

/// Returns whether API Gateway accepts a name of a parameter. It refuses others: "Parameter name
/// should match the following regular expression: `^[a-zA-Z0-9:._$-]+$`".
fn is_parameter_name(name: &str) -> bool {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || ":._$-".contains(c);
    !name.is_empty() && name.chars().all(is_valid)
}

/// Returns the cause why API Gateway rejects the mappings of an integration's request, and the fix.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html>
fn mapping_problem(
    integration: &Integration,
    parameters: &[Parameter],
) -> Option<(String, String)> {
    for (target, value) in &integration.request_parameters {
        let name =
            target.strip_prefix("integration.request.").and_then(|rest| rest.split_once('.'));
        let is_target = name.is_some_and(|(location, name)| {
            matches!(location, "header" | "path" | "querystring") && !name.is_empty()
        });
        if !is_target {
            let cause = format!("invalid mapping to `{target}`");
            let help =
                "map to `integration.request.header.NAME`, `….querystring.NAME` or `….path.NAME`";
            return Some((cause, help.to_owned()));
        }
        if !is_source(value, parameters) {
            let cause = format!("invalid mapping from `{value}`");
            let help = "map from a declared parameter (`method.request.querystring.NAME`), `method.request.body`, `context.NAME`, `stageVariables.NAME`, or a constant in single quotes";
            return Some((cause, help.to_owned()));
        }
    }
    let is_http = matches!(integration.kind, IntegrationKind::Http | IntegrationKind::HttpProxy);
    let uri = integration.uri.as_deref().filter(|_| is_http).unwrap_or_default();
    let uri = uri.replace("${", "");
    let variables = uri.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    let names = variables.map(|name| name.trim_end_matches('+'));
    let mut targets = names.map(|name| format!("integration.request.path.{name}"));
    let missing = targets.find(|target| !integration.request_parameters.contains_key(target))?;
    let cause = format!("`uri` has a variable without a mapping to `{missing}`");
    Some((cause, "add the mapping to `requestParameters`".to_owned()))
}

/// Returns whether a mapping's value exists for the operation.
fn is_source(value: &str, parameters: &[Parameter]) -> bool {
    if ["context.", "stageVariables."].iter().any(|start| value.starts_with(start)) {
        return true;
    }
    let Some(source) = value.strip_prefix("method.request.") else {
        let constant = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        return constant.is_some_and(|text| !text.contains('\''));
    };
    let Some((location, name)) = source.split_once('.') else { return source == "body" };
    let location = location.strip_prefix("multivalue").unwrap_or(location);
    let is_declared = |one: &Parameter| one.name == name && one.location.mapping_name() == location;
    location == "body" || parameters.iter().any(is_declared)
}

/// Returns whether the parameter that a value maps, if any, has a name that API Gateway accepts.
fn is_mapping(value: &str) -> bool {
    let mapped = value.strip_prefix("method.request.").and_then(|rest| rest.split_once('.'));
    mapped.is_none_or(|(location, name)| location == "body" || is_parameter_name(name))
}

/// Returns whether a text is a status that API Gateway accepts.
fn is_status(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes, [b'1'..=b'5', rest @ ..] if rest.len() == 2 && rest.iter().all(u8::is_ascii_digit))
}

/// Returns the statuses that the operation declares. Ranges such as `2XX` are left out: API
/// Gateway does not support them.
fn responses(operation: &Node, integration: &Integration) -> BTreeMap<String, String> {
    let declared = operation.member("responses").map(Node::entries).unwrap_or_default();
    let is_status =
        |entry: &&Entry| entry.key.parse::<u16>().is_ok_and(|s| (200..600).contains(&s));
    let described = |entry: &Entry| {
        let description = entry.node.member("description").and_then(Node::text);
        (entry.key.clone(), description.unwrap_or_default().to_owned())
    };
    let mut responses: BTreeMap<_, _> = declared.iter().filter(is_status).map(described).collect();
    for response in integration.responses.values() {
        responses.entry(response.status_code.clone()).or_default();
    }
    if responses.is_empty() {
        responses.insert("200".to_owned(), String::new());
    }
    responses
}

/// Returns the cause why API Gateway rejects an integration, and the fix.
fn problem(integration: &Integration) -> Option<(String, String)> {
    let uri = integration.uri.as_deref();
    let is_http = |uri: &str| {
        ["http://", "https://", "${stageVariables."].iter().any(|start| uri.starts_with(start))
    };
    let uses_vpc_link = integration.connection_type == Some(ConnectionType::VpcLink);
    let mut statuses = integration.responses.values().map(|response| &response.status_code);
    if let Some(invalid) = statuses.find(|status| !is_status(status)) {
        let cause = format!("invalid `statusCode` `{invalid}`: expected 100 to 599");
        return Some((cause, "set `statusCode` to three digits".to_owned()));
    }
    let templates = integration.responses.values().map(|response| &response.response_templates);
    let mut templates =
        templates.chain([&integration.request_templates]).flat_map(BTreeMap::values);
    if templates.any(|template| template.len() > MAX_TEMPLATE) {
        let cause = "a mapping template is larger than 300 KB".to_owned();
        return Some((cause, "shorten it, or map the body in the backend".to_owned()));
    }
    let mut mappings = integration.request_parameters.values();
    if let Some(invalid) = mappings.find(|value| !is_mapping(value)) {
        let cause = format!("API Gateway does not accept the name of the parameter in `{invalid}`");
        return Some((cause, "use letters, digits and `:._$-` in the name".to_owned()));
    }
    match integration.kind {
        IntegrationKind::Mock => None,
        _ if !(MIN_TIMEOUT_MS..=integration.max_timeout_ms()).contains(&integration.timeout_ms) => {
            let (found, longest) = (integration.timeout_ms, integration.max_timeout_ms());
            let cause = format!(
                "invalid `timeoutInMillis` `{found}`: expected {MIN_TIMEOUT_MS} to {longest}"
            );
            Some((cause, format!("set `timeoutInMillis` from {MIN_TIMEOUT_MS} to {longest}")))
        }
        _ if uses_vpc_link != integration.connection_id.is_some() => {
            let cause = "`connectionType: VPC_LINK` and `connectionId` require each other";
            Some((cause.to_owned(), "set both, or neither".to_owned()))
        }
        IntegrationKind::Http | IntegrationKind::HttpProxy if !uri.is_some_and(is_http) => {
            let cause = "`uri` must be an HTTP URL".to_owned();
            Some((cause, "set `uri: https://HOST[/PATH]`".to_owned()))
        }
        IntegrationKind::Aws | IntegrationKind::AwsProxy
            if !uri.is_some_and(|uri| uri.starts_with("arn:") && uri.contains(":apigateway:")) =>
        {
            let cause = "`uri` must begin with `arn:PARTITION:apigateway:`".to_owned();
            let help = "set `uri: arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`";
            Some((cause, help.to_owned()))
        }
        _ => None,
    }
}

fn default_integration(
    default: &DefaultIntegration,
    verb: Verb,
    path: &PathTemplate,
) -> Integration {
    match default {
        DefaultIntegration::Http { base, vpc_link, timeout, .. } => {
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
                timeout_ms: timeout.map_or(DEFAULT_TIMEOUT_MS, |timeout| timeout.ms),
                ..Integration::http_proxy(base, &path.to_string(), verb.name())
            }
        }
        DefaultIntegration::Lambda { function, credentials, timeout } => Integration {
            // Lambda functions are always invoked with POST.
            http_method: Some("POST".to_owned()),
            uri: Some(function.invocation_uri()),
            credentials: credentials.as_ref().map(|role| role.as_str().to_owned()),
            timeout_ms: timeout.map_or(DEFAULT_TIMEOUT_MS, |timeout| timeout.ms),
            ..Integration::new(IntegrationKind::AwsProxy)
        },
        DefaultIntegration::Mock => Integration::mock(200, &[]),
    }
}

/// Reads the settings of the API.
fn settings(root: &Node, diagnostics: &mut Diagnostics) -> ApiSettings {
    let text = |name: &str| root.member(name).and_then(Node::text);
    let binary = root.member("x-amazon-apigateway-binary-media-types").map(Node::items);
    let size = root.member("x-amazon-apigateway-minimum-compression-size");
    let read = size.map(|node| node.to_json().as_i64().and_then(|size| i32::try_from(size).ok()));
    let is_valid = |size: &i32| (0..=10_485_760).contains(size);
    let minimum_compression_size = read.flatten().filter(is_valid);
    if let (Some(node), None) = (size, minimum_compression_size) {
        let message =
            "`x-amazon-apigateway-minimum-compression-size`: expected 0 to 10485760 bytes";
        diagnostics.error(node.span, message, None);
    }
    let settings = ApiSettings {
        description: root
            .member("info")
            .and_then(|info| info.member("description"))
            .and_then(Node::text)
            // The description of an API cannot be empty.
            .filter(|text| !text.trim().is_empty())
            .map(str::to_owned),
        key_from_authorizer: text("x-amazon-apigateway-api-key-source")
            .is_some_and(|source| source.eq_ignore_ascii_case("authorizer")),
        binary_media_types: binary
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item.text().map(str::to_owned))
            .collect(),
        minimum_compression_size,
        policy: root.member(POLICY).map(Node::to_json),
    }
    .normalize();
    let length = settings.policy.as_ref().map_or(0, |policy| policy.to_string().chars().count());
    if let Some(node) = root.member(POLICY).filter(|_| length > MAX_POLICY) {
        let message = format!(
            "the resource policy has {length} characters, and the default quota is {MAX_POLICY}"
        );
        let help = "shorten it, or request a higher quota of the account".to_owned();
        diagnostics.warning(Code::DefaultQuota, node.span, message, help);
    }
    settings
}

/// Reads the gateway responses.
fn gateway_responses(
    root: &Node,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, GatewayResponse> {
    let declared = root.member("x-amazon-apigateway-gateway-responses").map(Node::entries);
    let mut responses = BTreeMap::new();
    for entry in declared.unwrap_or_default().iter().filter(|one| one.node.value != Value::Null) {
        if !GatewayResponse::TYPES.contains(&entry.key.as_str()) {
            let message = format!("unknown type of gateway response `{}`", entry.key);
            let help = suggestion_or_list(&entry.key, &GatewayResponse::TYPES);
            diagnostics.error(entry.key_span, message, help);
            continue;
        }
        let mut json = import::without_null_members(entry.node.to_json());
        // A status may be written as a number.
        if let Some(status) = json.get_mut("statusCode")
            && status.is_number()
        {
            *status = status.to_string().into();
        }
        let subject = format!("gateway response `{}`", entry.key);
        let response: Option<GatewayResponse> =
            deserialize(&entry.node, json, &subject, diagnostics);
        if let Some(response) = response {
            import::check_gateway_response(&entry.node, &subject, diagnostics);
            let status = response.status_code.as_deref();
            if let Some(invalid) = status.filter(|status| !is_status(status)) {
                let message =
                    format!("{subject}: invalid `statusCode` `{invalid}`: expected 100 to 599");
                diagnostics.error(entry.node.span, message, None);
            }
            responses.insert(entry.key.clone(), response.normalize(&entry.key));
        }
    }
    responses
}
