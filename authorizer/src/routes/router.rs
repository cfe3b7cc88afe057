//! [`Router`]: method and path → route, with API Gateway's precedence. Path templates are stored as
//! a tree of segments.

use std::collections::BTreeMap;

use super::{DuplicateRoute, PathTemplate, Segment, Verb};

/// Finds the route of a request, as API Gateway does.
///
/// Precedence is literal segment before parameter before greedy parameter, decided segment by
/// segment from the left; at one resource, the request's own method comes before `ANY`. A resource
/// that declares neither is skipped for the next one in this order whose template matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Router {
    /// The resource `/`, and all others below it.
    pub(super) root: Node,
    /// The number of segments of the longest template.
    pub(super) depth: usize,
}

impl Router {
    /// Builds a router from routes in any order.
    pub fn new<'a>(
        routes: impl IntoIterator<Item = (&'a PathTemplate, Verb)>,
    ) -> Result<Self, DuplicateRoute> {
        let mut tree = Self::default();
        for (index, (path, verb)) in routes.into_iter().enumerate() {
            if !tree.insert(path, verb, index) {
                return Err(DuplicateRoute(format!("{verb} {path}")));
            }
        }
        Ok(tree)
    }

    /// Returns the index, in the order of [`Router::new`], of the route of a request. `path` is its
    /// segments, from [`super::split`].
    ///
    /// Visits each resource of the router at most once, whatever the path.
    pub fn find(&self, method: &str, path: &[&str]) -> Option<usize> {
        self.root.find(method, path)
    }

    /// Adds a route; returns whether it is the first of its method and resource. A later one gets
    /// no requests.
    pub fn insert(&mut self, path: &PathTemplate, verb: Verb, index: usize) -> bool {
        self.depth = self.depth.max(path.segments().len());
        let mut node = &mut self.root;
        for segment in path.segments() {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                Segment::Greedy(_) => node.greedy.get_or_insert_default(),
            };
        }
        let is_first = !node.routes.contains_key(&verb);
        node.routes.entry(verb).or_insert(index);
        is_first
    }
}

/// A resource, and those below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) literals: BTreeMap<String, Node>,
    pub(super) parameter: Option<Box<Node>>,
    pub(super) greedy: Option<Box<Node>>,
    /// The indices of the routes of this resource, `ANY` last.
    pub(super) routes: BTreeMap<Verb, usize>,
}

impl Node {
    fn find(&self, method: &str, path: &[&str]) -> Option<usize> {
        let Some((first, rest)) = path.split_first() else { return self.route(method) };
        let literal = self.literals.get(*first).and_then(|node| node.find(method, rest));
        literal
            .or_else(|| self.parameter.as_ref()?.find(method, rest))
            .or_else(|| self.greedy.as_ref()?.route(method))
    }

    /// Returns the index of the route of this resource that matches the method.
    pub(super) fn route(&self, method: &str) -> Option<usize> {
        self.routes.iter().find(|(verb, _)| verb.matches(method)).map(|(_, index)| *index)
    }

    /// Returns the child resources, in order of precedence.
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        self.literals.values().chain(self.parameter.as_deref()).chain(self.greedy.as_deref())
    }
}
