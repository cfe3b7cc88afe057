//! Which operation a request belongs to, for questions about a whole API.

use authorizer::routes::{PathTemplate, Segment};

use super::Route;

/// A segment that no template holds as a literal.
const FRESH: &str = "\u{1}";

/// Returns a path that belongs to a template and to no more precise one.
pub fn path(template: &PathTemplate) -> Vec<&str> {
    let segments = template.segments().iter();
    segments
        .map(|segment| if let Segment::Literal(text) = segment { text } else { FRESH })
        .collect()
}

/// Returns the route of a request; `routes` are in order of precedence, as an API's are.
pub fn routed<'a>(routes: &'a [Route], method: &str, path: &[&str]) -> Option<&'a Route> {
    routes.iter().find(|route| route.verb.takes(method) && route.path.matches(path))
}
