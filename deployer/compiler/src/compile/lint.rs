//! Lint rules: one per file, each a function of the compiled API.

use crate::api::Api;
use crate::source::diagnostic::{Diagnostics, Span};

mod identity_sources;
mod newly_public;
mod protected_preflight;
mod reserved_path;
mod weaker_fallthrough;

pub use newly_public::newly_public;

/// The positions of routes and authorizers in the files.
pub struct Locations<'a> {
    /// Returns the range of a route in the OpenAPI document.
    pub route: &'a dyn Fn(&str) -> Span,
    /// Returns the range of an authorizer in the manifest.
    pub authorizer: &'a dyn Fn(&str) -> Span,
}

/// Runs all rules.
pub fn lint(
    api: &Api,
    locations: &Locations<'_>,
    in_manifest: &mut Diagnostics,
    in_openapi: &mut Diagnostics,
) {
    identity_sources::lint(api, locations, in_manifest);
    protected_preflight::lint(api, locations, in_openapi);
    reserved_path::lint(api, locations, in_openapi);
    weaker_fallthrough::lint(api, locations, in_openapi);
}
