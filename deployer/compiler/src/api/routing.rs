//! The route of a request, by API Gateway's precedence.

use authorizer::routes::{PathTemplate, Router, Segment};

use super::Route;

/// A segment that no template has as a literal.
const FRESH: &str = "\u{1}";

/// Returns a path that belongs to a template and to no more precise one.
pub fn path(template: &PathTemplate) -> Vec<&str> {
    let segments = template.segments().iter();
    segments
        .map(|segment| if let Segment::Literal(text) = segment { text } else { FRESH })
        .collect()
}

/// Finds the route of a request among the routes of one API.
#[derive(Clone, Debug)]
pub struct ApiRouter {
    router: Router,
    /// The index in the API's routes of each route of the router.
    indices: Vec<usize>,
}

impl ApiRouter {
    /// Builds the router of an API's routes, which are in order of precedence. Of two with the same
    /// method and resource, the first takes the requests.
    pub fn new(routes: &[Route]) -> Self {
        let mut distinct: Vec<(usize, &Route)> = routes.iter().enumerate().collect();
        distinct.dedup_by(|(_, next), (_, route)| {
            next.verb == route.verb && next.path.same_resource(&route.path)
        });
        let pairs = distinct.iter().map(|(_, route)| (&route.path, route.verb));
        Self {
            // Fails for routes out of order only: they get no requests.
            router: Router::new(pairs).unwrap_or_default(),
            indices: distinct.iter().map(|(index, _)| *index).collect(),
        }
    }

    /// Returns the route that takes a request. `routes` are those the router was built of, `path`
    /// holds the request's segments.
    pub fn find<'a>(&self, routes: &'a [Route], method: &str, path: &[&str]) -> Option<&'a Route> {
        routes.get(*self.indices.get(self.router.find(method, path)?)?)
    }
}
