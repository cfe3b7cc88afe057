//! `portcullis.toml` → [`Manifest`]. Unknown keys, empty lists and unset references are
//! errors at their place.

use std::collections::BTreeMap;

use crate::api::{Arn, Authorizer, Cors, Endpoint, StageSettings, UsagePlan};
use crate::source::diagnostic::{Diagnostics, Span, suggestion};
use crate::source::document::{Entry, Node, Section, Value};

mod authorizer_table;
mod integration_table;
mod stage_table;

use authorizer_table::authorizer;
use integration_table::default_integration;
use stage_table::{cors, stage, truth, usage_plan, whole};

/// What the file says.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The API's name.
    pub name: String,
    /// The OpenAPI document, relative to the manifest's folder.
    pub openapi: (String, Span),
    /// Where the API is reached from.
    pub endpoint: Endpoint,
    /// Whether nothing of it may be undeployed.
    pub protect: bool,
    /// How many deployments are kept to go back to.
    pub keep: usize,
    /// Tags for the API and what belongs to it.
    pub tags: BTreeMap<String, String>,
    /// The VPC endpoints of a private API.
    pub vpc_endpoints: Vec<String>,
    /// Which pages of other origins may call.
    pub cors: Option<Cors>,
    /// Who may call how often with an API key.
    pub usage_plan: Option<UsagePlan>,
    /// The authorizers by the name of their security scheme.
    pub authorizers: BTreeMap<String, DeclaredAuthorizer>,
    /// What answers an operation that does not say.
    pub integration: Option<DefaultIntegration>,
    /// The stages by name.
    pub stages: BTreeMap<String, Stage>,
}

/// An authorizer as the file has it.
#[derive(Clone, Debug)]
pub struct DeclaredAuthorizer {
    /// Its settings.
    pub settings: Authorizer,
    /// Whether the file says what it is sent.
    pub has_explicit_type: bool,
    /// The place of its name.
    pub span: Span,
}

/// What answers an operation that does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultIntegration {
    /// A backend.
    Http {
        /// Its base URL.
        base: String,
        /// The VPC link that leads to it.
        vpc_link: Option<String>,
        /// How long it may take, in milliseconds.
        timeout_ms: Option<u32>,
    },
    /// A function that gets requests as they are.
    Lambda {
        /// The function, a version or an alias.
        function: Arn,
        /// The role that API Gateway assumes to invoke it.
        credentials: Option<Arn>,
        /// How long it may take, in milliseconds.
        timeout_ms: Option<u32>,
    },
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
    /// Its origins.
    pub cors: Option<Cors>,
    /// What it has beside the API.
    pub settings: StageSettings,
    /// The places of the operations that `settings` names.
    pub route_spans: BTreeMap<String, Span>,
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
    let cors = top.entry("cors").and_then(|entry| cors(&entry.node, diagnostics));
    let usage_plan = top.entry("usage_plan").map(|entry| usage_plan(&entry.node, diagnostics));
    top.finish(diagnostics);

    let mut api = Section::open(&api?.node, "api", diagnostics);
    let name = required(&mut api, "name", diagnostics);
    let openapi = required(&mut api, "openapi", diagnostics);
    let endpoint = choice(&mut api, "endpoint", &Endpoint::NAMES, diagnostics).unwrap_or_default();
    let protect = truth(&mut api, "protect", diagnostics);
    let keep = whole(&mut api, "keep", 2, diagnostics).and_then(|keep| usize::try_from(keep).ok());
    let tags = tags(&mut api, diagnostics);
    let vpc_endpoints = api.texts("vpc_endpoints", diagnostics).unwrap_or_default();
    api.finish(diagnostics);
    Some(Manifest {
        name: name.map(|(name, _)| name).unwrap_or_default(),
        openapi: openapi?,
        endpoint,
        protect,
        keep: keep.unwrap_or(DEFAULT_KEEP),
        tags,
        vpc_endpoints,
        cors,
        usage_plan,
        authorizers,
        integration,
        stages,
    })
}

/// How many deployments are kept unless told otherwise.
const DEFAULT_KEEP: usize = 10;

/// Reads tags; those that say whose the API is are not the user's to set.
fn tags(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for entry in section.entry("tags").map(|entry| entry.node.entries()).unwrap_or_default() {
        match entry.node.text() {
            Some(value) if !entry.key.starts_with("portcullis:") => {
                tags.insert(entry.key.clone(), value.to_owned());
            }
            _ => {
                let help = "a tag is text, and `portcullis:` begins our own".to_owned();
                diagnostics.error(entry.key_span, format!("`{}` is no tag", entry.key), help);
            }
        }
    }
    tags
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

fn choice<T: Clone>(
    section: &mut Section<'_>,
    key: &'static str,
    names: &[(&'static str, T)],
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let (text, span) = section.text(key, diagnostics)?;
    let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone());
    if found.is_none() {
        let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let help = suggestion(text, known.iter().copied())
            .unwrap_or_else(|| format!("one of {}", known.join(", ")));
        diagnostics.error(span, format!("`{key}` cannot be `{text}`"), help);
    }
    found
}
