//! `portcullis.toml` → [`Manifest`]. Unknown keys, empty lists and unset references are
//! errors at their place.

use std::collections::BTreeMap;

use crate::api::{Arn, Authorizer, Endpoint};
use crate::diagnostic::{Diagnostics, Span, suggestion};
use crate::document::{Entry, Node, Section, Value};

mod authorizer_table;

use authorizer_table::{authorizer, function_arn};

/// What the file says.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The API's name.
    pub name: String,
    /// The OpenAPI document, relative to the manifest's folder.
    pub openapi: (String, Span),
    /// Where the API is reached from.
    pub endpoint: Endpoint,
    /// The authorizers by the name of their security scheme.
    pub authorizers: BTreeMap<String, Declared>,
    /// What answers an operation that does not say.
    pub integration: Option<DefaultIntegration>,
    /// The stages by name.
    pub stages: BTreeMap<String, Stage>,
}

/// An authorizer as the file has it.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its settings.
    pub settings: Authorizer,
    /// Whether the file says what it is sent.
    pub kind_is_given: bool,
    /// The place of its name.
    pub span: Span,
}

/// What answers an operation that does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultIntegration {
    /// A backend's base URL.
    Http(String),
    /// API Gateway itself, with 200 and nothing in it.
    Mock,
}

/// What one stage has otherwise.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// Its default integration.
    pub integration: Option<DefaultIntegration>,
    /// Its authorizer functions, by authorizer.
    pub functions: BTreeMap<String, Arn>,
}

/// Reads the manifest's tree. `environment` looks up `${env:NAME}`.
pub fn read(
    mut root: Node,
    environment: &dyn Fn(&str) -> Option<String>,
    diagnostics: &mut Diagnostics,
) -> Option<Manifest> {
    expand(&mut root, environment, diagnostics);
    let mut top = Section::open(&root, "portcullis.toml", diagnostics);
    let api = top.entry("api");
    if api.is_none() {
        diagnostics.error(
            Span::default(),
            "there is no [api] table",
            "begin with [api] and its `name` and `openapi`".to_owned(),
        );
    }
    let authorizers = named(&mut top, "authorizer", diagnostics, |entry, diagnostics| {
        Some(authorizer(entry, diagnostics))
    });
    let integration =
        top.entry("integration").map(|entry| default_integration(&entry.node, diagnostics));
    let stages = named(&mut top, "stage", diagnostics, |entry, diagnostics| {
        stage(entry, &authorizers, diagnostics)
    });
    top.finish(diagnostics);

    let mut api = Section::open(&api?.node, "api", diagnostics);
    let name = required(&mut api, "name", diagnostics);
    let openapi = required(&mut api, "openapi", diagnostics);
    let endpoint = choice(&mut api, "endpoint", &Endpoint::NAMES, diagnostics).unwrap_or_default();
    api.finish(diagnostics);
    let name = name.map(|(name, _)| name).unwrap_or_default();
    Some(Manifest { name, openapi: openapi?, endpoint, authorizers, integration, stages })
}

/// Puts the environment's values in the place of `${env:NAME}`.
fn expand(
    node: &mut Node,
    environment: &dyn Fn(&str) -> Option<String>,
    diagnostics: &mut Diagnostics,
) {
    match &mut node.value {
        Value::Text(text) => {
            while let Some((before, rest)) = text.split_once("${env:") {
                let Some((name, after)) = rest.split_once('}') else {
                    diagnostics.error(node.span, "`${env:` is not closed by `}`", None);
                    return;
                };
                let Some(value) = environment(name) else {
                    let help = format!("set {name}, or write the value itself");
                    diagnostics.error(
                        node.span,
                        format!("the environment variable `{name}` is not set"),
                        help,
                    );
                    return;
                };
                // A value that itself looks like a reference stays text.
                if value.contains("${env:") {
                    diagnostics.error(
                        node.span,
                        format!("the value of `{name}` holds a reference itself"),
                        None,
                    );
                    return;
                }
                *text = format!("{before}{value}{after}");
            }
        }
        Value::List(items) => {
            for item in items {
                expand(item, environment, diagnostics);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.node, environment, diagnostics);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads a table of named tables.
fn named<T>(
    top: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
    read: impl Fn(&Entry, &mut Diagnostics) -> Option<T>,
) -> BTreeMap<String, T> {
    let Some(entry) = top.entry(key) else { return BTreeMap::new() };
    if !matches!(entry.node.value, Value::Map(_)) {
        diagnostics.error(
            entry.node.span,
            format!("`{key}` is {}, not a table", entry.node.kind()),
            format!("write [{key}.NAME]"),
        );
    }
    entry
        .node
        .entries()
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), read(entry, diagnostics)?)))
        .collect()
}

fn required(
    section: &mut Section<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<(String, Span)> {
    if section.entry(key).is_none() {
        diagnostics.error(section.span, format!("`{key}` is missing"), None);
    }
    let (text, span) = section.text(key, diagnostics)?;
    if text.is_empty() {
        diagnostics.error(span, format!("`{key}` is empty"), None);
        return None;
    }
    Some((text.to_owned(), span))
}

fn choice<T: Copy>(
    section: &mut Section<'_>,
    key: &'static str,
    names: &[(&'static str, T)],
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let (text, span) = section.text(key, diagnostics)?;
    let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if found.is_none() {
        let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let help = suggestion(text, known.iter().copied())
            .unwrap_or_else(|| format!("one of {}", known.join(", ")));
        diagnostics.error(span, format!("`{key}` cannot be `{text}`"), help);
    }
    found
}

/// Reads an integration. A wrong one is told here and not again at every operation it would
/// have answered, so something stands in its place.
fn default_integration(node: &Node, diagnostics: &mut Diagnostics) -> DefaultIntegration {
    let mut section = Section::open(node, "integration", diagnostics);
    let http = section.text("http", diagnostics);
    let mock = section.entry("mock");
    section.finish(diagnostics);
    match (http, mock.map(|entry| &entry.node)) {
        (Some((base, span)), None) => {
            let fine = url::Url::parse(base).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.has_host()
                    && url.query().is_none()
                    && url.fragment().is_none()
            });
            if !fine {
                diagnostics.error(
                    span,
                    "`http` is not the base URL of a backend",
                    "write https://HOST[/PATH]".to_owned(),
                );
            }
            DefaultIntegration::Http(base.to_owned())
        }
        (None, Some(Node { value: Value::Bool(true), .. })) => DefaultIntegration::Mock,
        _ => {
            let message = "an integration is one of `http = \"https://…\"` and `mock = true`";
            diagnostics.error(node.span, message, None);
            DefaultIntegration::Mock
        }
    }
}

fn stage(
    entry: &Entry,
    authorizers: &BTreeMap<String, Declared>,
    diagnostics: &mut Diagnostics,
) -> Option<Stage> {
    let name = &entry.key;
    let fits = name.len() <= 128
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !fits || name.is_empty() {
        let help = "letters, digits, `-` and `_`, at most 128".to_owned();
        diagnostics.error(entry.key_span, format!("a stage cannot be called `{name}`"), help);
    }
    let mut section = Section::open(&entry.node, name, diagnostics);
    let integration =
        section.entry("integration").map(|entry| default_integration(&entry.node, diagnostics));
    let mut functions = BTreeMap::new();
    for entry in section.entry("authorizer").map(|entry| entry.node.entries()).unwrap_or_default() {
        if !authorizers.contains_key(&entry.key) {
            let help = suggestion(&entry.key, authorizers.keys().map(String::as_str));
            diagnostics.error(
                entry.key_span,
                format!("there is no authorizer `{}`", entry.key),
                help,
            );
        }
        let mut section = Section::open(&entry.node, &entry.key, diagnostics);
        if let Some(arn) = function_arn(&mut section, diagnostics) {
            functions.insert(entry.key.clone(), arn);
        }
        section.finish(diagnostics);
    }
    section.finish(diagnostics);
    fits.then_some(Stage { integration, functions })
}
