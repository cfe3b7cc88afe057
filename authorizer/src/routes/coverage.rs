//! The requests that an IAM pattern matches, by their routes.
//!
//! In a pattern every parameter is `*`, and so is the verb `ANY`. `*` matches `/` as well, so it
//! matches one or more segments, any of which may be empty. A pattern reaches a route if it
//! matches a request that is routed to it. It suffices to try requests whose free segments are
//! [`WILDCARD_SAMPLE`]: any other request of the same shape matches at least as many templates.

use std::ops::ControlFlow;

use super::router::{Node, Router};

/// A segment that equals no literal of a template, because templates have no control characters.
pub(super) const WILDCARD_SAMPLE: &str = "\u{1}";

/// The requests of one route, either all with a trailing slash or all without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PathVariant {
    /// The route's index in the table.
    pub(crate) route: usize,
    /// True with a trailing slash, which routing ignores and IAM does not.
    pub(crate) slash: bool,
}

impl PathVariant {
    /// Returns the variant's index in a bit set of variants.
    pub(crate) fn index(self) -> usize {
        self.route.saturating_mul(2).saturating_add(usize::from(self.slash))
    }

    /// Returns the variant at an index.
    pub(crate) fn at(index: usize) -> Self {
        Self { route: index >> 1, slash: index & 1 == 1 }
    }
}

/// The part of a pattern between two slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PatternPart<'a> {
    /// `*`: one or more segments.
    Wildcard,
    /// `pets*`: a segment with this prefix, and any segments after it.
    Prefix(&'a str),
    /// `pets`: this segment.
    Literal(&'a str),
}

impl<'a> PatternPart<'a> {
    fn of(text: &'a str) -> Self {
        match text.strip_suffix('*') {
            Some("") => Self::Wildcard,
            Some(prefix) => Self::Prefix(prefix),
            None => Self::Literal(text),
        }
    }
}

/// The position of a request in the routing tree.
#[derive(Clone, Copy)]
enum Cursor<'a> {
    /// At a node.
    At(&'a Node),
    /// Inside the greedy segment of this node.
    InGreedy(&'a Node),
}

/// Calls `visit` with each sample request that a pattern matches and that matches the template of a
/// route: the variant and the request, its method first. [`is_routed_to`] decides whether the
/// request is routed to that route. `methods` are tried for a wildcard verb. `visit` can break.
pub(super) fn visit<'a>(
    tree: &'a Router,
    pattern: &'a str,
    methods: &[&'static str],
    visit: &mut dyn FnMut(PathVariant, &[&'a str]) -> ControlFlow<()>,
) {
    let parts: Vec<PatternPart<'a>> = pattern.split('/').map(PatternPart::of).collect();
    let Some((verb, rest)) = parts.split_first() else { return };
    let flow = ControlFlow::Continue(());
    let mut walk = Walk { max_depth: tree.depth, request: Vec::new(), visit, flow };
    if let PatternPart::Literal(method) = verb {
        walk.advance(method, Cursor::At(&tree.root), rest, false);
    } else {
        for method in methods {
            walk.advance(method, Cursor::At(&tree.root), rest, true);
        }
    }
}

/// Returns whether a request, its method first, is routed to the route of a variant.
pub(super) fn is_routed_to(tree: &Router, request: &[&str], variant: PathVariant) -> bool {
    let found = request.split_first().and_then(|(method, path)| tree.find(method, path));
    found == Some(variant.route)
}

/// The traversal of the routing tree along a pattern.
struct Walk<'a, 'v> {
    max_depth: usize,
    request: Vec<&'a str>,
    visit: &'v mut dyn FnMut(PathVariant, &[&'a str]) -> ControlFlow<()>,
    flow: ControlFlow<()>,
}

impl<'a> Walk<'a, '_> {
    /// Appends a segment and continues at `cursor`, the position after it. `after_wildcard`: the
    /// part before `rest` is a wildcard that can match more segments.
    fn advance(
        &mut self,
        segment: &'a str,
        cursor: Cursor<'a>,
        rest: &[PatternPart<'a>],
        after_wildcard: bool,
    ) {
        if self.flow.is_break() {
            return;
        }
        self.request.push(segment);
        self.report_route(cursor, rest, after_wildcard);
        if after_wildcard && !self.is_past_longest_template(cursor) {
            self.match_wildcard(cursor, rest);
        }
        match rest.split_first() {
            // A trailing slash, which `report_route` handles.
            None | Some((PatternPart::Literal(""), _)) => {}
            Some((PatternPart::Wildcard, rest)) => self.match_wildcard(cursor, rest),
            Some((PatternPart::Literal(text), rest)) => self.match_literal(cursor, text, rest),
            Some((PatternPart::Prefix(text), rest)) => self.match_prefix(cursor, text, rest),
        }
        self.request.pop();
    }

    /// Returns whether the request is longer than every template. Then only greedy routes match,
    /// and more segments match the same ones.
    fn is_past_longest_template(&self, cursor: Cursor<'_>) -> bool {
        matches!(cursor, Cursor::InGreedy(_))
            && self.request.len() > self.max_depth.saturating_add(1)
    }

    /// Reports the route at the cursor, if the pattern can end here.
    fn report_route(&mut self, cursor: Cursor<'a>, rest: &[PatternPart<'a>], after_wildcard: bool) {
        let with_slash = match rest {
            [] => after_wildcard,
            [part] => matches!(part, PatternPart::Wildcard | PatternPart::Literal("")),
            _ => false,
        };
        if !with_slash && !rest.is_empty() {
            return;
        }
        let (Cursor::At(node) | Cursor::InGreedy(node)) = cursor;
        let Some(route) = self.request.first().and_then(|method| node.route(method)) else {
            return;
        };
        if self.request.len() == 1 {
            // The root's path is a single slash.
            self.report(with_slash, PathVariant { route, slash: false });
            return;
        }
        self.report(rest.is_empty(), PathVariant { route, slash: false });
        self.report(with_slash, PathVariant { route, slash: true });
    }

    fn report(&mut self, matches: bool, variant: PathVariant) {
        if matches && self.flow.is_continue() {
            self.flow = (self.visit)(variant, &self.request);
        }
    }

    /// Matches any segment.
    fn match_wildcard(&mut self, cursor: Cursor<'a>, rest: &[PatternPart<'a>]) {
        match cursor {
            Cursor::At(node) => {
                for (text, next) in &node.literals {
                    self.advance(text, Cursor::At(next), rest, true);
                }
                self.match_parameters(node, WILDCARD_SAMPLE, rest, true);
            }
            Cursor::InGreedy(_) => self.advance(WILDCARD_SAMPLE, cursor, rest, true),
        }
    }

    /// Matches the segment `text`.
    fn match_literal(&mut self, cursor: Cursor<'a>, text: &'a str, rest: &[PatternPart<'a>]) {
        match cursor {
            Cursor::At(node) => {
                if let Some((text, next)) = node.literals.get_key_value(text) {
                    self.advance(text, Cursor::At(next), rest, false);
                }
                self.match_parameters(node, text, rest, false);
            }
            Cursor::InGreedy(_) => self.advance(text, cursor, rest, false),
        }
    }

    /// Matches segments with a prefix. Where the table has no literal, the sample represents them.
    fn match_prefix(&mut self, cursor: Cursor<'a>, prefix: &str, rest: &[PatternPart<'a>]) {
        match cursor {
            Cursor::At(node) => {
                for (text, next) in &node.literals {
                    if text.starts_with(prefix) {
                        self.advance(text, Cursor::At(next), rest, true);
                    }
                }
                self.match_parameters(node, WILDCARD_SAMPLE, rest, true);
            }
            Cursor::InGreedy(_) => self.advance(WILDCARD_SAMPLE, cursor, rest, true),
        }
    }

    /// Matches a segment with the parameter and the greedy parameter of a node.
    fn match_parameters(
        &mut self,
        node: &'a Node,
        segment: &'a str,
        rest: &[PatternPart<'a>],
        after_wildcard: bool,
    ) {
        if let Some(next) = &node.parameter {
            self.advance(segment, Cursor::At(next), rest, after_wildcard);
        }
        if let Some(next) = &node.greedy {
            self.advance(segment, Cursor::InGreedy(next), rest, after_wildcard);
        }
    }
}
