//! Which requests an IAM pattern matches, by the routes they belong to.
//!
//! In a pattern every parameter is `*`, and so is the verb `ANY`. `*` crosses `/`: it stands
//! for one segment or more, any of which may be empty. A pattern reaches a route if some
//! request matches it and routing gives that request to the route. It is enough to try
//! requests whose free segments are a text that stands in no template: any other request of
//! the same shape is taken by at least as many routes.

use std::ops::ControlFlow;

use super::tree::{Node, Tree};

/// Stands in no template, because templates have no control characters.
pub(super) const FRESH: &str = "\u{1}";

/// The requests of one route in one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    /// The route's place in the table.
    pub(crate) route: usize,
    /// With a slash at the path's end, which routing ignores and IAM does not.
    pub(crate) slash: bool,
}

impl Cell {
    /// Returns the cell's place in a set of a table's cells.
    pub(crate) fn place(self) -> usize {
        self.route.saturating_mul(2).saturating_add(usize::from(self.slash))
    }

    /// Returns the cell at a place.
    pub(crate) fn at(place: usize) -> Self {
        Self { route: place >> 1, slash: place & 1 == 1 }
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

/// Where in the tree a request has got to.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// At a node.
    At(&'a Node),
    /// Inside the greedy segment that this node ends with.
    Within(&'a Node),
}

/// Calls `visit` with every way in which a pattern can match a request whose segments fit a
/// route: the cell, and the request, its method first. Whether routing gives it to that route
/// is for [`belongs`] to say. `methods` are those that a pattern's `*` is tried with. Ends early
/// when `visit` says so.
pub(super) fn visit<'a>(
    tree: &'a Tree,
    pattern: &'a str,
    methods: &[&'static str],
    visit: &mut dyn FnMut(Cell, &[&'a str]) -> ControlFlow<()>,
) {
    let parts: Vec<Part<'a>> = pattern.split('/').map(Part::of).collect();
    let Some((verb, rest)) = parts.split_first() else { return };
    let flow = ControlFlow::Continue(());
    let mut walk = Walk { deepest: tree.depth, request: Vec::new(), visit, flow };
    if let Part::Text(method) = verb {
        walk.take(method, Place::At(&tree.root), rest, false);
    } else {
        for method in methods {
            walk.take(method, Place::At(&tree.root), rest, true);
        }
    }
}

/// Says whether routing gives a request, its method first, to the route of a cell.
pub(super) fn belongs(tree: &Tree, request: &[&str], cell: Cell) -> bool {
    let found = request.split_first().and_then(|(method, path)| tree.find(method, path));
    found == Some(cell.route)
}

struct Walk<'a, 'v> {
    deepest: usize,
    request: Vec<&'a str>,
    visit: &'v mut dyn FnMut(Cell, &[&'a str]) -> ControlFlow<()>,
    flow: ControlFlow<()>,
}

impl<'a> Walk<'a, '_> {
    /// Adds a segment and goes on from the place it leads to. `open` says that the part before
    /// `rest` is a wildcard that can take more.
    fn take(&mut self, segment: &'a str, place: Place<'a>, rest: &[Part<'a>], open: bool) {
        if self.flow.is_break() {
            return;
        }
        self.request.push(segment);
        self.end(place, rest, open);
        if open && !self.beyond(place) {
            self.free(place, rest);
        }
        match rest.split_first() {
            // The slash at a path's end, which `end` has looked at.
            None | Some((Part::Text(""), _)) => {}
            Some((Part::Any, rest)) => self.free(place, rest),
            Some((Part::Text(text), rest)) => self.fixed(place, text, rest),
            Some((Part::Beginning(text), rest)) => self.beginning(place, text, rest),
        }
        self.request.pop();
    }

    /// Beyond the longest template only greedy routes are left, and a wildcard that goes on
    /// changes nothing about which.
    fn beyond(&self, place: Place<'_>) -> bool {
        matches!(place, Place::Within(_)) && self.request.len() > self.deepest.saturating_add(1)
    }

    /// Tells of the route that ends here, if the pattern can end here too.
    fn end(&mut self, place: Place<'a>, rest: &[Part<'a>], open: bool) {
        let with_slash = match rest {
            [] => open,
            [part] => matches!(part, Part::Any | Part::Text("")),
            _ => false,
        };
        if !with_slash && !rest.is_empty() {
            return;
        }
        let (Place::At(node) | Place::Within(node)) = place;
        let Some(route) = self.request.first().and_then(|method| node.route(method)) else {
            return;
        };
        if self.request.len() == 1 {
            // The root's path is a slash and nothing else.
            self.tell(with_slash, Cell { route, slash: false });
            return;
        }
        self.tell(rest.is_empty(), Cell { route, slash: false });
        self.tell(with_slash, Cell { route, slash: true });
    }

    fn tell(&mut self, matches: bool, cell: Cell) {
        if matches && self.flow.is_continue() {
            self.flow = (self.visit)(cell, &self.request);
        }
    }

    /// A wildcard takes a segment, whatever it is.
    fn free(&mut self, place: Place<'a>, rest: &[Part<'a>]) {
        match place {
            Place::At(node) => {
                for (text, next) in &node.literals {
                    self.take(text, Place::At(next), rest, true);
                }
                self.unnamed(node, FRESH, rest, true);
            }
            Place::Within(_) => self.take(FRESH, place, rest, true),
        }
    }

    /// The pattern says which segment it is.
    fn fixed(&mut self, place: Place<'a>, text: &'a str, rest: &[Part<'a>]) {
        match place {
            Place::At(node) => {
                if let Some((text, next)) = node.literals.get_key_value(text) {
                    self.take(text, Place::At(next), rest, false);
                }
                self.unnamed(node, text, rest, false);
            }
            Place::Within(_) => self.take(text, place, rest, false),
        }
    }

    /// The pattern says how the segment begins. Where it is free it is no literal of the
    /// table's, so a fresh text can stand for it.
    fn beginning(&mut self, place: Place<'a>, beginning: &str, rest: &[Part<'a>]) {
        match place {
            Place::At(node) => {
                for (text, next) in &node.literals {
                    if text.starts_with(beginning) {
                        self.take(text, Place::At(next), rest, true);
                    }
                }
                self.unnamed(node, FRESH, rest, true);
            }
            Place::Within(_) => self.take(FRESH, place, rest, true),
        }
    }

    /// A parameter or a greedy segment takes a segment.
    fn unnamed(&mut self, node: &'a Node, segment: &'a str, rest: &[Part<'a>], open: bool) {
        if let Some(next) = &node.parameter {
            self.take(segment, Place::At(next), rest, open);
        }
        if let Some(next) = &node.greedy {
            self.take(segment, Place::Within(next), rest, open);
        }
    }
}
