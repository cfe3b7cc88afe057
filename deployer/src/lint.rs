//! What is allowed and should not be: one rule a file, each from the compiled API alone.

use authorizer::routes::{PathTemplate, Segment};

use crate::api::{Api, Route};
use crate::diagnostic::{Diagnostics, Span};

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

/// Stands in no template.
const FRESH: &str = "\u{1}";

/// Returns a path that belongs to a template and to no more precise one.
pub(crate) fn path(template: &PathTemplate) -> Vec<&str> {
    let segments = template.segments().iter();
    segments
        .map(|segment| if let Segment::Literal(text) = segment { text } else { FRESH })
        .collect()
}

/// Finds the route of a request; an API's routes are in order of precedence.
pub(crate) fn routed<'a>(routes: &'a [Route], method: &str, path: &[&str]) -> Option<&'a Route> {
    routes.iter().find(|route| route.verb.takes(method) && route.path.matches(path))
}
