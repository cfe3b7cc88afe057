//! What is allowed and should not be: one rule a file, each from the compiled API alone.

use crate::api::Api;
use crate::source::diagnostic::{Diagnostics, Span};

mod cache_outlives_token;
mod identity_sources;
mod newly_public;
mod protected_preflight;
mod reserved_path;
mod weaker_fallthrough;

pub use newly_public::newly_public;

/// Where things stand in the files.
pub struct Locations<'a> {
    /// A route, in the OpenAPI document.
    pub route: &'a dyn Fn(&str) -> Span,
    /// An authorizer, in the manifest.
    pub authorizer: &'a dyn Fn(&str) -> Span,
}

/// Looks for what the rules know.
pub fn lint(
    api: &Api,
    locations: &Locations<'_>,
    in_manifest: &mut Diagnostics,
    in_openapi: &mut Diagnostics,
) {
    identity_sources::lint(api, locations, in_manifest);
    cache_outlives_token::lint(api, locations, in_manifest);
    protected_preflight::lint(api, locations, in_openapi);
    reserved_path::lint(api, locations, in_openapi);
    weaker_fallthrough::lint(api, locations, in_openapi);
}
