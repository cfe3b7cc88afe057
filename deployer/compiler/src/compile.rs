//! The texts of `portcullis.toml` and `openapi.yaml` → [`Api`] and diagnostics. Nothing here reads
//! a file or the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use authorizer::UnixTime;

use crate::api::{Api, Authorizer, AuthorizerShape, DeploymentSettings, EndpointConfiguration};
use crate::compile::lint::{DefaultBackend, Locations, lint, lint_issuers, newly_public};
use crate::definition::scheme_on_aws;
use crate::openapi;
use crate::source::diagnostic::{Diagnostic, Diagnostics, Source, Span, has_errors, suggestion};
use crate::source::document::{read_toml, read_yaml};
use crate::source::manifest::{self, DefaultIntegration, Files, Manifest};

mod caching;
pub mod lint;
mod preflight;

use caching::configure_caching;
use preflight::add_preflight_routes;

/// Returns the value of an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the manifest, which names the OpenAPI document, and the files of its authorizers.
pub fn manifest(
    source: &Arc<Source>,
    environment: Environment<'_>,
    files: Files<'_>,
) -> (Option<Manifest>, Vec<Diagnostic>) {
    let mut diagnostics = Diagnostics::new(Arc::clone(source));
    let tree = read_toml(&source.text, &mut diagnostics);
    let manifest = tree.and_then(|tree| manifest::read(tree, environment, files, &mut diagnostics));
    (manifest, diagnostics.into_vec())
}

/// Compiles the API for a stage: `stage`, else `dev`, else the first one of the manifest, else a new
/// one with the name `dev`. The age of bundled keys is that at `now`.
pub fn compile(
    manifest: &Manifest,
    manifest_source: &Arc<Source>,
    openapi: &Arc<Source>,
    stage: Option<&str>,
    now: UnixTime,
) -> (Option<Api>, Vec<Diagnostic>) {
    let mut in_manifest = Diagnostics::new(Arc::clone(manifest_source));
    let mut in_openapi = Diagnostics::new(Arc::clone(openapi));
    let api = compile_sources(manifest, &openapi.text, stage, &mut in_manifest, &mut in_openapi);
    if let Some(api) = &api {
        lint_issuers(api, &manifest.authorizers, now, &mut in_manifest);
    }
    let mut diagnostics = in_manifest.into_vec();
    diagnostics.extend(in_openapi.into_vec());
    let api = if has_errors(&diagnostics) { None } else { api };
    (api, diagnostics)
}

fn compile_sources(
    manifest: &Manifest,
    openapi: &str,
    stage: Option<&str>,
    in_manifest: &mut Diagnostics,
    in_openapi: &mut Diagnostics,
) -> Option<Api> {
    let stage = stage_name(manifest, stage, in_manifest)?;
    let settings = manifest.stages.get(&stage).cloned().unwrap_or_default();
    let tree = read_yaml(openapi, in_openapi)?;
    let integration = settings.integration.as_ref().or(manifest.integration.as_ref());
    let is_managed = |name: &str| manifest.authorizers.contains_key(name);
    let operations = openapi::read(&tree, &is_managed, integration, in_openapi)?;
    let managed = manifest.authorizers.iter();
    let managed = managed.map(|(name, declared)| (name.as_str(), declared.span));
    openapi::check_overrides(&tree, managed, in_manifest);
    for (name, declared) in &manifest.authorizers {
        if !operations.schemes.contains_key(name) {
            let known = operations.schemes.keys().map(String::as_str);
            let help = suggestion(name, known).unwrap_or_else(|| {
                format!("add it to `components.securitySchemes`, or remove [authorizer.{name}]")
            });
            in_manifest.error(declared.span, format!("unknown security scheme `{name}`"), help);
        }
    }
    let authorizers: BTreeMap<String, Authorizer> = manifest
        .authorizers
        .iter()
        .map(|(name, declared)| {
            let own = declared.settings.function.as_ref();
            let function = settings.functions.get(name).or(own).cloned();
            (name.clone(), Authorizer { function, ..declared.settings.clone() })
        })
        .collect();
    check_names_on_aws(&authorizers, &operations.schemes, manifest, in_manifest);
    let spans: BTreeMap<String, Span> =
        operations.routes.iter().map(|(route, span)| (route.to_string(), *span)).collect();
    let externals = operations.schemes.into_iter().filter_map(|(name, shape)| Some((name, shape?)));
    let mut api = Api {
        name: manifest.name.clone(),
        version: operations.version,
        endpoint: EndpointConfiguration {
            disable_execute_api_endpoint: operations.disable_execute_api_endpoint,
            ..manifest.endpoint.clone()
        },
        stage,
        settings: operations.settings,
        deployment_settings: DeploymentSettings {
            protect: manifest.protect,
            keep: manifest.keep,
            tags: manifest.tags.clone(),
            invoke_role: manifest.invoke_role.clone(),
        },
        cors: settings.cors.as_ref().or(manifest.cors.as_ref()).cloned(),
        stage_settings: settings.settings,
        usage_plan: manifest.usage_plan.clone(),
        gateway_responses: operations.gateway_responses,
        models: operations.models,
        authorizers,
        external_authorizers: externals.collect(),
        routes: operations.routes.into_iter().map(|(route, _)| route).collect(),
    };
    let returns_api_key = |authorizer: &Authorizer| {
        authorizer.issuers.iter().any(|issuer| issuer.usage_key.is_some())
    };
    api.settings.key_from_authorizer |= api.authorizers.values().any(returns_api_key);
    for (route, span) in &settings.route_spans {
        if !api.routes.iter().any(|known| known.to_string() == *route) {
            let known: Vec<String> = api.routes.iter().map(ToString::to_string).collect();
            let help = suggestion(route, known.iter().map(String::as_str))
                .unwrap_or_else(|| "write METHOD /PATH as in the OpenAPI document".to_owned());
            in_manifest.error(*span, format!("unknown operation `{route}`"), help);
        }
    }
    add_preflight_routes(&mut api);
    let span = |route: &str| spans.get(route).copied().unwrap_or_default();
    let declared = |name: &str| manifest.authorizers.get(name).cloned();
    configure_caching(&mut api, &declared, &span, in_manifest, in_openapi);
    let authorizer = |name: &str| declared(name).map(|declared| declared.span).unwrap_or_default();
    let locations = Locations {
        route: &span,
        authorizer: &authorizer,
        backend: default_backend(integration),
        timeout: integration.and_then(DefaultIntegration::timeout),
    };
    lint(&api, &locations, in_manifest, in_openapi);
    Some(api)
}

fn default_backend(integration: Option<&DefaultIntegration>) -> Option<DefaultBackend> {
    match integration? {
        DefaultIntegration::Http { base, span, .. } => {
            let base = base.trim_end_matches('/').to_owned();
            Some(DefaultBackend { base, span: *span })
        }
        DefaultIntegration::Lambda { .. } | DefaultIntegration::Mock => None,
    }
}

/// Reports security schemes with the same name on AWS, where they could not be distinguished.
fn check_names_on_aws(
    managed: &BTreeMap<String, Authorizer>,
    schemes: &BTreeMap<String, Option<AuthorizerShape>>,
    manifest: &Manifest,
    diagnostics: &mut Diagnostics,
) {
    let external = schemes.iter().filter(|(_, shape)| shape.is_some()).map(|(name, _)| name);
    let names: BTreeSet<&String> = managed.keys().chain(external).collect();
    let mut known: BTreeMap<String, &String> = BTreeMap::new();
    for name in names {
        let Some(first) = known.insert(scheme_on_aws(name), name) else { continue };
        let declared = |name: &String| manifest.authorizers.get(name);
        let span = declared(name).or_else(|| declared(first)).map(|found| found.span);
        diagnostics.error(
            span.unwrap_or_default(),
            format!("security schemes `{first}` and `{name}` have the same name on AWS"),
            "rename one: on AWS, names are truncated to 100 letters, digits, `-` and `_`"
                .to_owned(),
        );
    }
}

/// Returns a warning for each operation that required authorization in an earlier document and is
/// public now.
pub fn find_newly_public(api: &Api, earlier: &Arc<Source>) -> Vec<Diagnostic> {
    let mut diagnostics = Diagnostics::new(Arc::clone(earlier));
    if let Some(tree) = read_yaml(&earlier.text, &mut diagnostics)
        && let Some(operations) = openapi::read(&tree, &|_| true, None, &mut diagnostics)
    {
        newly_public(api, &operations.routes, &mut diagnostics);
    }
    diagnostics.into_vec()
}

fn stage_name(
    manifest: &Manifest,
    stage: Option<&str>,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let known = || manifest.stages.keys().map(String::as_str);
    match stage {
        Some(name) if manifest.stages.contains_key(name) => Some(name.to_owned()),
        Some(name) => {
            let help = suggestion(name, known()).unwrap_or_else(|| format!("add [stage.{name}]"));
            diagnostics.error(Span::default(), format!("unknown stage `{name}`"), help);
            None
        }
        None if manifest.stages.contains_key("dev") => Some("dev".to_owned()),
        None => Some(known().next().unwrap_or("dev").to_owned()),
    }
}
