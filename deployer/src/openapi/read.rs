//! An OpenAPI 3.0 or 3.1 document → the operations of an API.

use std::collections::BTreeMap;

use authorizer::routes::{self, PathTemplate, Segment, Verb};

use super::resolve_security::{Scheme, resolve, schemes};
use crate::api::{HttpProxy, Integration, MockIntegration, Parameter, Route, Security};
use crate::diagnostic::{Diagnostics, Span};
use crate::document::{Entry, Node, Value};
use crate::manifest::DefaultIntegration;

/// The default and the longest that API Gateway waits for an integration.
const TIMEOUT_MS: std::ops::RangeInclusive<i64> = 50..=29_000;

/// What a document says, as far as API Gateway is concerned.
#[derive(Debug)]
pub struct Operations {
    /// `info.version`.
    pub version: String,
    /// The operations in order of precedence, each with its place.
    pub routes: Vec<(Route, Span)>,
    /// The security schemes that an authorizer of ours must serve.
    pub schemes: Vec<String>,
}

/// Reads a document's tree. `ours` says which schemes an authorizer of ours serves.
pub fn read(
    root: &Node,
    ours: &dyn Fn(&str) -> bool,
    integration: Option<&DefaultIntegration>,
    diagnostics: &mut Diagnostics,
) -> Option<Operations> {
    version(root, diagnostics)?;
    let schemes = schemes(root, ours, diagnostics);
    let mut reader =
        Reader { root, schemes: &schemes, integration, routes: Vec::new(), diagnostics };
    let Some(paths) = root.member("paths") else {
        reader.diagnostics.error(root.span, "there is no `paths`", None);
        return None;
    };
    for path in paths.entries().iter().filter(|path| !path.key.starts_with("x-")) {
        reader.path(path);
    }
    let mut routes = reader.routes;
    if routes.is_empty() && !diagnostics.has_errors() {
        diagnostics.error(paths.span, "there is no operation in it", None);
    }
    routes.sort_by(|(a, _), (b, _)| routes::by_precedence((&a.path, a.verb), (&b.path, b.verb)));
    let version = root.member("info").and_then(|info| info.member("version"));
    Some(Operations {
        version: version.and_then(Node::text).unwrap_or("1").to_owned(),
        routes,
        schemes: schemes.into_keys().collect(),
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
    schemes: &'a BTreeMap<String, Scheme>,
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
            entry.node.member("security"),
            self.root.member("security"),
            entry.key_span,
            self.schemes,
            self.diagnostics,
        );
        let integration = self.integration(&operation, path, entry);
        let parameters = self.parameters(path, item, &entry.node);
        if let (Some(security), Some(integration)) = (security, integration) {
            let route = route(verb, path, &entry.node, security, integration, parameters);
            self.routes.push((route, entry.key_span));
        }
    }

    fn integration(
        &mut self,
        operation: &str,
        path: &PathTemplate,
        entry: &Entry,
    ) -> Option<Integration> {
        if let Some(node) = entry.node.member("x-amazon-apigateway-integration") {
            return self.own_integration(operation, node);
        }
        match self.integration {
            Some(DefaultIntegration::Http(base)) => {
                Some(Integration::HttpProxy(HttpProxy::at(base, &path.to_string())))
            }
            Some(DefaultIntegration::Mock) => Some(Integration::Mock(MockIntegration {
                status: 200,
                body: String::new(),
                headers: BTreeMap::new(),
                raw: None,
            })),
            None => {
                let help = "give it `x-amazon-apigateway-integration`, or portcullis.toml an [integration]";
                self.diagnostics.error(
                    entry.key_span,
                    format!("nothing answers {operation}"),
                    help.to_owned(),
                );
                None
            }
        }
    }

    fn own_integration(&mut self, operation: &str, node: &Node) -> Option<Integration> {
        let text = |key| node.member(key).and_then(Node::text);
        let raw = node.to_json();
        match text("type").map(str::to_ascii_lowercase).as_deref() {
            Some("http_proxy") => {
                let Some(uri) = text("uri")
                    .filter(|uri| uri.starts_with("http://") || uri.starts_with("https://"))
                else {
                    self.diagnostics.error(
                        node.span,
                        format!("the integration of {operation} has no http `uri`"),
                        None,
                    );
                    return None;
                };
                let timeout = match node.member("timeoutInMillis").map(Node::to_json) {
                    None => *TIMEOUT_MS.end(),
                    Some(number) => number.as_i64().unwrap_or_default(),
                };
                let timeout_ms =
                    u32::try_from(timeout).ok().filter(|_| TIMEOUT_MS.contains(&timeout));
                if timeout_ms.is_none() {
                    self.diagnostics.error(
                        node.span,
                        "`timeoutInMillis` is not from 50 to 29000",
                        None,
                    );
                }
                let method =
                    text("httpMethod").filter(|method| !method.eq_ignore_ascii_case("any"));
                Some(Integration::HttpProxy(HttpProxy {
                    uri: uri.to_owned(),
                    method: method.map(str::to_ascii_uppercase),
                    timeout_ms: timeout_ms?,
                    raw: Some(raw),
                }))
            }
            Some("mock") => Some(mock(node, raw)),
            Some(kind @ ("aws_proxy" | "aws" | "http")) => {
                Some(Integration::Other { kind: kind.to_owned(), raw })
            }
            _ => {
                let help = "one of http_proxy, http, aws_proxy, aws, mock".to_owned();
                self.diagnostics.error(
                    node.span,
                    format!("the integration of {operation} has no known `type`"),
                    help,
                );
                None
            }
        }
    }

    fn parameters(
        &mut self,
        path: &PathTemplate,
        item: &'a Node,
        operation: &'a Node,
    ) -> Vec<Parameter> {
        let mut parameters: BTreeMap<(&'static str, String), bool> = BTreeMap::new();
        for segment in path.segments() {
            if let Segment::Parameter(name) | Segment::Greedy(name) = segment {
                parameters.insert(("path", name.clone()), true);
            }
        }
        let listed = [item, operation].into_iter().filter_map(|node| node.member("parameters"));
        for node in listed.flat_map(Node::items) {
            let Some(node) = self.dereferenced(node) else { continue };
            let location = ["path", "query", "header"]
                .into_iter()
                .find(|known| node.member("in").and_then(Node::text) == Some(known));
            let name = node.member("name").and_then(Node::text);
            let required =
                matches!(node.member("required").map(|node| &node.value), Some(Value::Bool(true)));
            let Some((location, name)) = location.zip(name) else { continue };
            let known = parameters.contains_key(&("path", name.trim_end_matches('+').to_owned()));
            match location {
                "path" if known => {}
                "path" => self.diagnostics.error(
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

fn route(
    verb: Verb,
    path: &PathTemplate,
    operation: &Node,
    security: Security,
    integration: Integration,
    parameters: Vec<Parameter>,
) -> Route {
    let responses = operation.member("responses").map(Node::entries).unwrap_or_default();
    let described = |entry: &Entry| {
        let description = entry.node.member("description").and_then(Node::text);
        (entry.key.clone(), description.unwrap_or_default().to_owned())
    };
    Route {
        verb,
        path: path.clone(),
        operation_id: operation.member("operationId").and_then(Node::text).map(str::to_owned),
        security,
        integration,
        parameters,
        responses: responses.iter().map(described).collect(),
    }
}

/// Reads the part of a MOCK integration that needs no template language.
fn mock(node: &Node, raw: serde_json::Value) -> Integration {
    let json = "application/json";
    let template = node.member("requestTemplates").and_then(|templates| templates.member(json));
    let status = template
        .and_then(Node::text)
        .and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok())
        .and_then(|template| u16::try_from(template.get("statusCode")?.as_u64()?).ok());
    let default = node.member("responses").and_then(|responses| responses.member("default"));
    let body = default
        .and_then(|response| response.member("responseTemplates"))
        .and_then(|templates| templates.member(json))
        .and_then(Node::text)
        .unwrap_or_default();
    let fixed = |entry: &Entry| {
        let name = entry.key.strip_prefix("method.response.header.")?;
        let value = entry.node.text()?.strip_prefix('\'')?.strip_suffix('\'')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let headers = default.and_then(|response| response.member("responseParameters"));
    let plain = status.is_some() && !body.contains(['$', '#']);
    if !plain {
        return Integration::Other { kind: "mock with templates".to_owned(), raw };
    }
    Integration::Mock(MockIntegration {
        status: status.unwrap_or(200),
        body: body.to_owned(),
        headers: headers.map(Node::entries).unwrap_or_default().iter().filter_map(fixed).collect(),
        raw: Some(raw),
    })
}
