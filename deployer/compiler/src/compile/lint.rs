//! Lint rules: one per file, each a function of the compiled API.

use std::collections::BTreeMap;

use authorizer::UnixTime;

use crate::api::Api;
use crate::source::diagnostic::{Diagnostics, Span};
use crate::source::manifest::{DeclaredAuthorizer, Timeout};

mod any_tenant;
mod bundled_keys;
mod default_quota;
mod identity_sources;
mod integration_timeout;
mod issuer_settings;
mod merged_patterns;
mod newly_public;
mod protected_preflight;
mod reserved_path;
mod unreachable_backend;
mod weaker_fallthrough;

pub use newly_public::newly_public;

/// The positions of routes and authorizers in the files.
pub struct Locations<'a> {
    /// Returns the range of a route in the OpenAPI document.
    pub route: &'a dyn Fn(&str) -> Span,
    /// Returns the range of an authorizer in the manifest.
    pub authorizer: &'a dyn Fn(&str) -> Span,
    /// The default HTTP backend, if there is one.
    pub backend: Option<DefaultBackend>,
    /// The integration timeout of the manifest, if it sets one.
    pub timeout: Option<Timeout>,
}

/// The HTTP backend of operations without their own integration.
pub struct DefaultBackend {
    /// Its base URL, without a slash at the end.
    pub base: String,
    /// The range of the URL in the manifest.
    pub span: Span,
}

/// Runs all rules.
pub fn lint(
    api: &Api,
    locations: &Locations<'_>,
    in_manifest: &mut Diagnostics,
    in_openapi: &mut Diagnostics,
) {
    default_quota::lint(api, locations, in_openapi);
    identity_sources::lint(api, locations, in_manifest);
    integration_timeout::lint(api, locations, in_manifest, in_openapi);
    merged_patterns::lint(api, locations, in_manifest);
    protected_preflight::lint(api, locations, in_openapi);
    reserved_path::lint(api, locations, in_openapi);
    unreachable_backend::lint(api, locations, in_manifest, in_openapi);
    weaker_fallthrough::lint(api, locations, in_openapi);
}

/// Runs the rules for the issuers of authorizers.
pub(super) fn lint_issuers(
    api: &Api,
    declared: &BTreeMap<String, DeclaredAuthorizer>,
    now: UnixTime,
    diagnostics: &mut Diagnostics,
) {
    let issuers = api.authorizers.iter().filter_map(|(name, authorizer)| {
        Some(authorizer.issuers.iter().zip(&declared.get(name)?.issuers))
    });
    for (document, declared) in issuers.flatten() {
        any_tenant::lint(document, declared.span, diagnostics);
        bundled_keys::lint(document, declared, now, diagnostics);
        issuer_settings::lint(document, declared, diagnostics);
    }
}
