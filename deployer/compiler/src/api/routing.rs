//! The route of a request, by API Gateway's precedence.

use authorizer::routes::{PathTemplate, Router, Segment};

use super::Route;

/// A segment that no template has as a literal.
const UNUSED_SEGMENT: &str = "\u{1}";

/// Returns the segments of a path that matches a template and no more specific one.
pub fn sample_path(template: &PathTemplate) -> Vec<&str> {
    let segments = template.segments().iter();
    segments
        .map(|segment| if let Segment::Literal(text) = segment { text } else { UNUSED_SEGMENT })
        .collect()
}

/// Finds the route of a request among the routes of one API.
#[derive(Clone, Debug)]
pub struct ApiRouter(Router);

impl ApiRouter {
    /// Builds the router of an API's routes. Of two with the same method and resource, the first
    /// receives the requests.
    pub fn new(routes: &[Route]) -> Self {
        let mut tree = Router::default();
        for (index, route) in routes.iter().enumerate() {
            tree.insert(&route.path, route.verb, index);
        }
        Self(tree)
    }

    /// Returns the route of a request. `routes` are those that the router was built from, `path` is
    /// the segments of the request.
    pub fn find<'a>(&self, routes: &'a [Route], method: &str, path: &[&str]) -> Option<&'a Route> {
        routes.get(self.0.find(method, path)?)
    }
}
