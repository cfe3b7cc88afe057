//! The authorizers of a local gateway: this process, a local function, or an endpoint.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use authorizer::config::Document;
use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::{Authorizer, Config};

use super::{Setup, StartError};
use crate::issuer::{self, Issuer};
use compiler::api::{
    self, Api, AuthorizerFunction, AuthorizerKind, AuthorizerShape, AuthorizerType, IdentitySource,
};
use compiler::project;
use gateway::authorizers::{AuthorizerTarget, LocalAuthorizer};
use gateway::functions::Functions;
use gateway::identity;
use gateway::integration::compiled::function_name;

/// Prepares the authorizers of an API, by their security schemes: those of the manifest, which also
/// trust the local issuer, and those of the document whose function is available.
pub(super) fn authorizers(
    setup: &Setup,
    api: &Api,
    issuer: Option<&Issuer>,
    functions: &Functions,
) -> Result<BTreeMap<String, LocalAuthorizer>, StartError> {
    let mut by_scheme = BTreeMap::new();
    for (name, authorizer) in &api.authorizers {
        let Some(mut document) = api.authorizer_document(name) else { continue };
        if document.routes.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        let local_issuer =
            issuer.map(|issuer| issuer::trusted_issuer(issuer.url(), &document.issuers));
        document.issuers.extend(local_issuer);
        // No proxy precedes the local gateway.
        document.public_urls = None;
        let function = local_function(name, authorizer, functions);
        let target = target(setup, function, &document)?;
        let authorizer = LocalAuthorizer::new(authorizer, target)
            .map_err(|error| StartError::Authorizer(format!("`{name}`: {error}")))?;
        by_scheme.insert(name.clone(), authorizer);
    }
    for (name, shape) in &api.external_authorizers {
        let authorizer = external_authorizer(setup, name, shape, functions)?;
        by_scheme.extend(authorizer.map(|authorizer| (name.clone(), authorizer)));
    }
    let sources = by_scheme.values().flat_map(|authorizer| &authorizer.identity);
    let unsupported = sources.filter(|source| !identity::is_supported(source));
    let unsupported: Vec<String> = unsupported
        .map(|source| format!("identity source `{source}` is not supported locally"))
        .collect();
    if unsupported.is_empty() { Ok(by_scheme) } else { Err(StartError::Unsupported(unsupported)) }
}

/// Returns the target of an authorizer of the manifest.
fn target(
    setup: &Setup,
    function: Option<String>,
    document: &Document,
) -> Result<AuthorizerTarget, StartError> {
    Ok(match (&setup.authorizer, function) {
        (Some(endpoint), _) => AuthorizerTarget::Endpoint(endpoint.clone()),
        (None, Some(function)) => {
            write_configuration(&setup.folder, &function, document)?;
            AuthorizerTarget::Function(function)
        }
        (None, None) => {
            let config = Config::resolve(document)
                .map_err(|problems| StartError::Authorizer(problems.to_string()))?;
            let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::new(config.ca_bundle()));
            AuthorizerTarget::InProcess(Box::new(Authorizer::new(config, &fetch)))
        }
    })
}

/// Prepares an authorizer of the document; none if it is not available locally.
fn external_authorizer(
    setup: &Setup,
    name: &str,
    shape: &AuthorizerShape,
    functions: &Functions,
) -> Result<Option<LocalAuthorizer>, StartError> {
    let kind = match shape.kind {
        AuthorizerType::Token => AuthorizerKind::Token,
        AuthorizerType::Request => AuthorizerKind::Request,
        AuthorizerType::CognitoUserPools | AuthorizerType::Other(_) => return Ok(None),
    };
    let function = function_name(shape.uri.as_deref().unwrap_or_default());
    let function = function.ok().filter(|function| functions.contains(function));
    let target = match (function, &setup.authorizer) {
        (Some(function), _) => AuthorizerTarget::Function(function),
        (None, Some(endpoint)) => AuthorizerTarget::Endpoint(endpoint.clone()),
        (None, None) => return Ok(None),
    };
    // Without one of the sources, callers would share results.
    let identity = shape.identity.iter().map(|source| {
        let parsed = source.parse::<IdentitySource>();
        parsed
            .map_err(|_| format!("identity source `{source}` of `{name}` is not supported locally"))
    });
    let identity = identity.collect::<Result<Vec<_>, String>>();
    let identity = identity.map_err(|source| StartError::Unsupported(vec![source]))?;
    let validation = shape.validation.as_deref().map(|text| {
        identity::validation(text)
            .map_err(|error| StartError::Authorizer(format!("`{text}`: {error}")))
    });
    let ttl = u32::try_from(shape.ttl).unwrap_or(0);
    let validation = validation.transpose()?;
    Ok(Some(LocalAuthorizer { kind, identity, token: None, validation, ttl, target }))
}

/// Returns the local function of an authorizer of the manifest: one with the name of its function on
/// AWS, or of its security scheme.
fn local_function(
    scheme: &str,
    authorizer: &api::Authorizer,
    functions: &Functions,
) -> Option<String> {
    let named = authorizer.function.as_ref().map(|function| function.name().to_owned());
    [named, Some(scheme.to_owned())].into_iter().flatten().find(|name| functions.contains(name))
}

/// Returns the security scheme whose authorizer is a function of this name.
pub(super) fn scheme_of<'a>(api: &'a Api, name: &str) -> Option<&'a str> {
    let matches = |(scheme, authorizer): &(&'a String, &api::Authorizer)| {
        let function = authorizer.function.as_ref().map(AuthorizerFunction::name);
        *scheme == name || function == Some(name)
    };
    api.authorizers.iter().find(matches).map(|(scheme, _)| scheme.as_str())
}

/// Returns the path of the compiled configuration of a function.
pub(super) fn configuration_path(folder: &Path, function: &str) -> PathBuf {
    folder.join(format!("{function}.json"))
}

fn write_configuration(
    folder: &Path,
    function: &str,
    document: &Document,
) -> Result<(), StartError> {
    let text = serde_json::to_string(document).unwrap_or_default();
    project::write(&configuration_path(folder, function), &text)
        .map_err(|error| StartError::Start("a function", error.to_string()))
}
