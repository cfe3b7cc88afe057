//! What is allowed and should not be: one rule a file, each from the compiled API alone.

use crate::api::Api;
use crate::source::diagnostic::{Diagnostics, Span};

mod guarded_preflight;
mod identity;
mod opened;
mod outlived_token;
mod reserved_path;
mod shadowed_guard;

pub use opened::opened;

/// Where things stand in the files.
pub struct Places<'a> {
    /// A route, in the OpenAPI document.
    pub route: &'a dyn Fn(&str) -> Span,
    /// An authorizer, in the manifest.
    pub authorizer: &'a dyn Fn(&str) -> Span,
}

/// Looks for what the rules know.
pub fn lint(
    api: &Api,
    places: &Places<'_>,
    in_manifest: &mut Diagnostics,
    in_openapi: &mut Diagnostics,
) {
    identity::lint(api, places, in_manifest);
    outlived_token::lint(api, places, in_manifest);
    guarded_preflight::lint(api, places, in_openapi);
    reserved_path::lint(api, places, in_openapi);
    shadowed_guard::lint(api, places, in_openapi);
}
