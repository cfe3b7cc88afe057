//! Which requests an IAM pattern matches, by the routes they belong to.
//!
//! In a pattern every parameter is `*`, and so is the verb `ANY`. `*` crosses `/`: it stands
//! for one segment or more, any of which may be empty. A pattern reaches a route if some
//! request matches it and routing gives that request to the route. It is enough to try
//! requests whose free segments are a text that stands in no template: any other request of
//! the same shape is taken by at least as many routes.

use std::ops::ControlFlow;

use super::router::{Node, Router};

/// Stands in no template, because templates have no control characters.
pub(super) const FRESH: &str = "\u{1}";

/// The requests of one route whose paths all end in a slash, or all do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathVariant {
    /// The route's place in the table.
    pub(crate) route: usize,
    /// With a slash at the path's end, which routing ignores and IAM does not.
    pub(crate) slash: bool,
}

impl PathVariant {
    /// Returns the variant's index in a set of a table's variants.
    pub(crate) fn index(self) -> usize {
        self.route.saturating_mul(2).saturating_add(usize::from(self.slash))
    }

    /// Returns the variant at an index.
    pub(crate) fn at(index: usize) -> Self {
        Self { route: index >> 1, slash: index & 1 == 1 }
    }
}

/// A part of a pattern between slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    /// `*`: one segment or more.
    Any,
    /// `pets*`: a segment that begins so, and any that follow.
    Beginning(&'a str),
    /// This segment.
    Text(&'a str),
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        match text.strip_suffix('*') {
            Some("") => Self::Any,
            Some(beginning) => Self::Beginning(beginning),
            None => Self::Text(text),
        }
    }
}

/// The position of a request in the tree.
#[derive(Clone, Copy)]
enum Cursor<'a> {
    /// At a node.
    At(&'a Node),
    /// Inside the greedy segment that this node ends with.
    Within(&'a Node),
}

/// Calls `visit` with every way in which a pattern can match a request whose segments fit a
/// route: the variant, and the request, its method first. Whether routing gives it to that route
/// is for [`belongs`] to say. `methods` are those that a pattern's `*` is tried with. Ends early
/// when `visit` says so.
pub(super) fn visit<'a>(
    tree: &'a Router,
    pattern: &'a str,
    methods: &[&'static str],
    visit: &mut dyn FnMut(PathVariant, &[&'a str]) -> ControlFlow<()>,
) {
    let parts: Vec<Part<'a>> = pattern.split('/').map(Part::of).collect();
    let Some((verb, rest)) = parts.split_first() else { return };
    let flow = ControlFlow::Continue(());
    let mut walk = Walk { deepest: tree.depth, request: Vec::new(), visit, flow };
    if let Part::Text(method) = verb {
        walk.take(method, Cursor::At(&tree.root), rest, false);
    } else {
        for method in methods {
            walk.take(method, Cursor::At(&tree.root), rest, true);
        }
    }
}

/// Says whether routing gives a request, its method first, to the route of a variant.
pub(super) fn belongs(tree: &Router, request: &[&str], variant: PathVariant) -> bool {
    let found = request.split_first().and_then(|(method, path)| tree.find(method, path));
    found == Some(variant.route)
}

struct Walk<'a, 'v> {
    deepest: usize,
    request: Vec<&'a str>,
    visit: &'v mut dyn FnMut(PathVariant, &[&'a str]) -> ControlFlow<()>,
    flow: ControlFlow<()>,
}

impl<'a> Walk<'a, '_> {
    /// Adds a segment and goes on from the cursor behind it. `open` says that the part before
    /// `rest` is a wildcard that can take more.
    fn take(&mut self, segment: &'a str, cursor: Cursor<'a>, rest: &[Part<'a>], open: bool) {
        if self.flow.is_break() {
            return;
        }
        self.request.push(segment);
        self.end(cursor, rest, open);
        if open && !self.beyond(cursor) {
            self.free(cursor, rest);
        }
        match rest.split_first() {
            // The slash at a path's end, which `end` has looked at.
            None | Some((Part::Text(""), _)) => {}
            Some((Part::Any, rest)) => self.free(cursor, rest),
            Some((Part::Text(text), rest)) => self.fixed(cursor, text, rest),
            Some((Part::Beginning(text), rest)) => self.beginning(cursor, text, rest),
        }
        self.request.pop();
    }

    /// Beyond the longest template only greedy routes are left, and a wildcard that goes on
    /// changes nothing about which.
    fn beyond(&self, cursor: Cursor<'_>) -> bool {
        matches!(cursor, Cursor::Within(_)) && self.request.len() > self.deepest.saturating_add(1)
    }

    /// Tells of the route that ends here, if the pattern can end here too.
    fn end(&mut self, cursor: Cursor<'a>, rest: &[Part<'a>], open: bool) {
        let with_slash = match rest {
            [] => open,
            [part] => matches!(part, Part::Any | Part::Text("")),
            _ => false,
        };
        if !with_slash && !rest.is_empty() {
            return;
        }
        let (Cursor::At(node) | Cursor::Within(node)) = cursor;
        let Some(route) = self.request.first().and_then(|method| node.route(method)) else {
            return;
        };
        if self.request.len() == 1 {
            // The root's path is a slash and nothing else.
            self.tell(with_slash, PathVariant { route, slash: false });
            return;
        }
        self.tell(rest.is_empty(), PathVariant { route, slash: false });
        self.tell(with_slash, PathVariant { route, slash: true });
    }

    fn tell(&mut self, matches: bool, variant: PathVariant) {
        if matches && self.flow.is_continue() {
            self.flow = (self.visit)(variant, &self.request);
        }
    }

    /// A wildcard takes a segment, whatever it is.
    fn free(&mut self, cursor: Cursor<'a>, rest: &[Part<'a>]) {
        match cursor {
            Cursor::At(node) => {
                for (text, next) in &node.literals {
                    self.take(text, Cursor::At(next), rest, true);
                }
                self.unnamed(node, FRESH, rest, true);
            }
            Cursor::Within(_) => self.take(FRESH, cursor, rest, true),
        }
    }

    /// The pattern says which segment it is.
    fn fixed(&mut self, cursor: Cursor<'a>, text: &'a str, rest: &[Part<'a>]) {
        match cursor {
            Cursor::At(node) => {
                if let Some((text, next)) = node.literals.get_key_value(text) {
                    self.take(text, Cursor::At(next), rest, false);
                }
                self.unnamed(node, text, rest, false);
            }
            Cursor::Within(_) => self.take(text, cursor, rest, false),
        }
    }

    /// The pattern says how the segment begins. Where it is free it is no literal of the
    /// table's, so a fresh text can stand for it.
    fn beginning(&mut self, cursor: Cursor<'a>, beginning: &str, rest: &[Part<'a>]) {
        match cursor {
            Cursor::At(node) => {
                for (text, next) in &node.literals {
                    if text.starts_with(beginning) {
                        self.take(text, Cursor::At(next), rest, true);
                    }
                }
                self.unnamed(node, FRESH, rest, true);
            }
            Cursor::Within(_) => self.take(FRESH, cursor, rest, true),
        }
    }

    /// A parameter or a greedy segment takes a segment.
    fn unnamed(&mut self, node: &'a Node, segment: &'a str, rest: &[Part<'a>], open: bool) {
        if let Some(next) = &node.parameter {
            self.take(segment, Cursor::At(next), rest, open);
        }
        if let Some(next) = &node.greedy {
            self.take(segment, Cursor::Within(next), rest, open);
        }
    }
}
