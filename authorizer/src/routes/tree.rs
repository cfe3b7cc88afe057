//! The templates of a table as a tree, and the route a request takes through it: API
//! Gateway's precedence, with falling back where a resource does not declare the verb.

use std::collections::BTreeMap;

use super::{PathTemplate, Segment, Verb};

/// A table's templates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// The root's path, and what follows it.
    pub(super) root: Node,
    /// How many segments the longest template has.
    pub(super) depth: usize,
}

impl Tree {
    /// Puts a route at its place; says whether that was free.
    pub(super) fn insert(&mut self, path: &PathTemplate, verb: Verb, at: usize) -> bool {
        self.depth = self.depth.max(path.segments().len());
        let mut node = &mut self.root;
        for segment in path.segments() {
            node = match segment {
                Segment::Literal(text) => node.literals.entry(text.clone()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
                Segment::Greedy(_) => node.greedy.get_or_insert_default(),
            };
        }
        node.routes.insert(verb, at).is_none()
    }

    /// Finds the place of the route that a request belongs to. No more nodes are looked at
    /// than the table has, whatever the path.
    pub(super) fn find(&self, method: &str, path: &[&str]) -> Option<usize> {
        self.root.find(method, path)
    }
}

/// What follows a part of a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) literals: BTreeMap<String, Node>,
    pub(super) parameter: Option<Box<Node>>,
    pub(super) greedy: Option<Box<Node>>,
    /// The places of the routes that end here, `ANY` last.
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

    /// Returns the place of the route that ends here and takes the method.
    pub(super) fn route(&self, method: &str) -> Option<usize> {
        self.routes.iter().find(|(verb, _)| verb.takes(method)).map(|(_, at)| *at)
    }

    /// Returns every node that follows, in order of precedence.
    pub(super) fn following(&self) -> impl Iterator<Item = &Self> {
        self.literals.values().chain(self.parameter.as_deref()).chain(self.greedy.as_deref())
    }
}
