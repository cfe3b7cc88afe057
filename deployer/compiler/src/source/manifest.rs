//! `portcullis.toml` → [`Manifest`]. Unknown settings, empty lists and unset environment
//! variables are errors at their position.

use std::collections::BTreeMap;

use crate::api::{
    Arn, Authorizer, AuthorizerFunction, Cors, Endpoint, EndpointConfiguration, RoleSettings,
    StageSettings, UsagePlan,
};
use crate::source::diagnostic::{Diagnostics, Span, suggestion_or_list};
use crate::source::document::{Entry, Node, Section, Value};

mod authorizer_table;
mod function_table;
mod integration_table;
mod role_table;
mod stage_table;
mod tag_table;
mod trust_files;
mod values;

use authorizer_table::{authorizer, log_keys, log_keys_are_variables};
use integration_table::default_integration;
use role_table::invoke_role;
use stage_table::{check_stage_count, cors, stage, usage_plan};
use tag_table::{KeyCase, tags};
use trust_files::components;
pub use trust_files::{has_url, keys_source};
use values::{boolean, ids, integer};

/// Returns the content of a file that the manifest names, or the reason it cannot be read.
pub type Files<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The content of `portcullis.toml`.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The API's name.
    pub name: String,
    /// The OpenAPI document, relative to the manifest's folder.
    pub openapi: (String, Span),
    /// The endpoint.
    pub endpoint: EndpointConfiguration,
    /// True if the API is protected from removal.
    pub protect: bool,
    /// The number of earlier deployments that are retained for rollback.
    pub keep: usize,
    /// The tags of the API and its resources.
    pub tags: BTreeMap<String, String>,
    /// The settings of the invoke roles that are created.
    pub invoke_role: RoleSettings,
    /// The CORS settings.
    pub cors: Option<Cors>,
    /// The usage plan.
    pub usage_plan: Option<UsagePlan>,
    /// The authorizers, by the name of the security scheme.
    pub authorizers: BTreeMap<String, DeclaredAuthorizer>,
    /// The integration of operations without their own.
    pub integration: Option<DefaultIntegration>,
    /// The stages, by name.
    pub stages: BTreeMap<String, Stage>,
}

/// An authorizer of `portcullis.toml`.
#[derive(Clone, Debug)]
pub struct DeclaredAuthorizer {
    /// Its settings.
    pub settings: Authorizer,
    /// True if the file sets `type`.
    pub has_explicit_type: bool,
    /// The range of its name.
    pub span: Span,
    /// The positions of its issuers, in the order of the settings.
    pub issuers: Vec<DeclaredIssuer>,
}

/// An issuer of `portcullis.toml`.
#[derive(Clone, Debug)]
pub struct DeclaredIssuer {
    /// The range of its identifier.
    pub span: Span,
    /// The file of its bundled keys, relative to the manifest's folder.
    pub keys: Option<(String, Span)>,
    /// True if `profile` was reported as invalid.
    pub has_invalid_profile: bool,
}

/// The integration of operations without their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultIntegration {
    /// An HTTP backend.
    Http {
        /// Its base URL.
        base: String,
        /// The range of the URL.
        span: Span,
        /// The id of the VPC link to it.
        vpc_link: Option<String>,
        /// The integration timeout.
        timeout: Option<Timeout>,
    },
    /// A Lambda function with proxy integration.
    Lambda {
        /// The function, or one of its versions or aliases.
        function: Arn,
        /// The role that API Gateway assumes to invoke it.
        credentials: Option<Arn>,
        /// The integration timeout.
        timeout: Option<Timeout>,
    },
    /// A mock integration: 200 with an empty body.
    Mock,
}

/// An integration timeout of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// The timeout, in milliseconds.
    pub ms: u32,
    /// Its range.
    pub span: Span,
}

impl DefaultIntegration {
    /// Returns its timeout, if the manifest sets one.
    pub fn timeout(&self) -> Option<Timeout> {
        match self {
            Self::Http { timeout, .. } | Self::Lambda { timeout, .. } => *timeout,
            Self::Mock => None,
        }
    }
}

/// The settings of one stage.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// The integration of operations without their own, if it differs.
    pub integration: Option<DefaultIntegration>,
    /// The authorizer functions that differ, by authorizer.
    pub functions: BTreeMap<String, AuthorizerFunction>,
    /// The CORS settings, if they differ.
    pub cors: Option<Cors>,
    /// The settings on AWS.
    pub settings: StageSettings,
    /// The ranges of the operations in `settings`.
    pub route_spans: BTreeMap<String, Span>,
}

/// Reads the manifest's tree. `environment` returns the value of `${env:NAME}`, and `files` the
/// content of the files that the authorizers name.
pub fn read(
    mut root: Node,
    environment: &dyn Fn(&str) -> Option<String>,
    files: Files<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Manifest> {
    if !log_keys_are_variables(&root, diagnostics) {
        return None;
    }
    let secrets: Vec<Span> = log_keys(&root).iter().map(|key| key.span).collect();
    expand(&mut root, environment, &secrets, diagnostics);
    let mut top = Section::open(&root, "portcullis.toml", diagnostics);
    let api = top.entry("api");
    if api.is_none() {
        diagnostics.error(
            Span::default(),
            "missing [api]",
            "add [api] with `name` and `openapi`".to_owned(),
        );
    }
    let authorizers = named(&mut top, "authorizer", diagnostics, |entry, diagnostics| {
        Some(authorizer(entry, files, diagnostics))
    });
    let openapi = api.and_then(|api| api.node.member("openapi")).and_then(Node::text);
    check_keys_files(&authorizers, openapi, diagnostics);
    let integration =
        top.entry("integration").map(|entry| default_integration(&entry.node, diagnostics));
    if let Some(stages) = top.entry("stage") {
        check_stage_count(&stages.node, diagnostics);
    }
    let stages = named(&mut top, "stage", diagnostics, |entry, diagnostics| {
        stage(entry, &authorizers, diagnostics)
    });
    let cors = top.entry("cors").and_then(|entry| cors(&entry.node, diagnostics));
    let usage_plan = top.entry("usage_plan").map(|entry| usage_plan(&entry.node, diagnostics));
    top.finish(diagnostics);

    let mut api = Section::open(&api?.node, "api", diagnostics);
    let name = required(&mut api, "name", diagnostics);
    if let Some((name, span)) = &name {
        check_name(name, *span, diagnostics);
    }
    let openapi = required(&mut api, "openapi", diagnostics);
    let endpoint = endpoint(&mut api, diagnostics);
    let protect = boolean(&mut api, "protect", diagnostics);
    let keep =
        integer(&mut api, "keep", 2, diagnostics).and_then(|keep| usize::try_from(keep).ok());
    let tags = tags(&mut api, KeyCase::Sensitive, diagnostics);
    let role = api.entry("invoke_role").map(|entry| invoke_role(&entry.node, diagnostics));
    api.finish(diagnostics);
    Some(Manifest {
        name: name.map(|(name, _)| name).unwrap_or_default(),
        openapi: openapi?,
        endpoint,
        protect,
        keep: keep.unwrap_or(DEFAULT_KEEP),
        tags,
        invoke_role: role.unwrap_or_default(),
        cors,
        usage_plan,
        authorizers,
        integration,
        stages,
    })
}

/// The longest name of an API: metrics have it as the value of a dimension.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>
const MAX_NAME: usize = 255;

/// Reports a name that AWS does not accept, or that metrics cannot have.
fn check_name(name: &str, span: Span, diagnostics: &mut Diagnostics) {
    let length = name.chars().count();
    if length > MAX_NAME {
        let message =
            format!("`name` is too long: {length} characters, expected at most {MAX_NAME}");
        diagnostics.error(span, message, None);
    }
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        let help = "use one line of text without control characters".to_owned();
        diagnostics.error(span, "invalid `name`", help);
    }
}

/// Reads the endpoint type and the ids of VPC endpoints.
fn endpoint(api: &mut Section<'_>, diagnostics: &mut Diagnostics) -> EndpointConfiguration {
    const KEY: &str = "vpc_endpoints";
    let kind = choice(api, "endpoint", &Endpoint::NAMES, diagnostics).unwrap_or_default();
    let found = api.entry(KEY).map(|entry| (entry.node.items().is_empty(), entry.node.span));
    let vpc_endpoints = match found {
        Some((false, _)) => ids(api, KEY, "vpce-", 1..=usize::MAX, diagnostics),
        _ => api.texts(KEY, diagnostics),
    };
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/associate-private-api-with-vpc-endpoint.html
    if let (Some((_, span)), true) = (found, kind != Endpoint::Private) {
        let help = "set `endpoint = \"private\"`, or remove `vpc_endpoints`".to_owned();
        diagnostics.error(span, "`vpc_endpoints` of an API that is not private", help);
    }
    let vpc_endpoints = vpc_endpoints.unwrap_or_default().into_iter().collect();
    EndpointConfiguration { kind, vpc_endpoints, disable_execute_api_endpoint: false }
}

/// Reports a file of bundled keys that is another file of the project, or that issuers of different
/// names share: it has the keys of one. Paths are compared by their components.
fn check_keys_files(
    authorizers: &BTreeMap<String, DeclaredAuthorizer>,
    openapi: Option<&str>,
    diagnostics: &mut Diagnostics,
) {
    let reserved = [Some("portcullis.toml"), openapi].map(|name| name.and_then(components));
    let mut known = BTreeMap::new();
    for authorizer in authorizers.values() {
        for (document, declared) in authorizer.settings.issuers.iter().zip(&authorizer.issuers) {
            let Some((file, span)) = &declared.keys else { continue };
            let Some(path) = components(file) else { continue };
            if reserved.iter().flatten().any(|reserved| *reserved == path) {
                let message = format!("`{file}` is not a file of bundled keys");
                let help = "use a file of its own, such as \"keys.json\"".to_owned();
                diagnostics.error(*span, message, help);
                continue;
            }
            let first = *known.entry(path).or_insert(&document.issuer);
            if *first != document.issuer {
                let message = format!("`{file}` is the file of the keys of `{first}`");
                diagnostics.error(*span, message, "use a file for each issuer".to_owned());
            }
        }
    }
}

/// The default number of earlier deployments that are retained.
const DEFAULT_KEEP: usize = 10;

/// Replaces `${env:NAME}` by the value of the environment variable. The values at `secrets` must not
/// be in the file.
fn expand(
    node: &mut Node,
    environment: &dyn Fn(&str) -> Option<String>,
    secrets: &[Span],
    diagnostics: &mut Diagnostics,
) {
    match &mut node.value {
        Value::Text(text) => {
            while let Some((before, rest)) = text.split_once("${env:") {
                let Some((name, after)) = rest.split_once('}') else {
                    diagnostics.error(
                        node.span,
                        "`${env:` without `}`",
                        "write ${env:NAME}".to_owned(),
                    );
                    diagnostics.ignore_further_errors(node.span);
                    return;
                };
                let Some(value) = environment(name) else {
                    let help = if secrets.contains(&node.span) {
                        format!("set {name} (create a key with `openssl rand -hex 32`)")
                    } else {
                        format!("set {name}, or write the value in the file")
                    };
                    diagnostics.error(
                        node.span,
                        format!("environment variable `{name}` is not set"),
                        help,
                    );
                    diagnostics.ignore_further_errors(node.span);
                    return;
                };
                if value.contains("${env:") {
                    diagnostics.error(
                        node.span,
                        format!("the value of `{name}` must not contain `${{env:`"),
                        None,
                    );
                    diagnostics.ignore_further_errors(node.span);
                    return;
                }
                *text = format!("{before}{value}{after}");
            }
        }
        Value::List(items) => {
            for item in items {
                expand(item, environment, secrets, diagnostics);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                expand(&mut entry.node, environment, secrets, diagnostics);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Reads a map of named maps.
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
            format!("`{key}`: expected a map, found {}", entry.node.kind()),
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
        diagnostics.error(section.span, format!("missing `{key}`"), format!("add {key} = \"…\""));
    }
    let (text, span) = section.text(key, diagnostics)?;
    if text.is_empty() {
        diagnostics.error(span, format!("`{key}` must not be empty"), None);
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
        let help = suggestion_or_list(text, &known);
        diagnostics.error(span, format!("invalid `{key}` `{text}`"), help);
    }
    found
}
