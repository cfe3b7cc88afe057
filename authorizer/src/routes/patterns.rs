//! The IAM patterns of a route table: the own pattern of each route, and merged patterns that cover
//! several routes. They depend on the table alone and are computed once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::OnceLock;

use fixedbitset::FixedBitSet;

use super::coverage::{PathVariant, WILDCARD_SAMPLE, is_routed_to, visit};
use super::gaps::Gaps;
use super::glob::subsumes;
use super::router::{Node, Router};
use super::spelling::{EmptySegments, reached};
use super::{Route, Segment, Verb};

/// The maximum length of a pattern: with the ARN before it, within the 512 characters that API
/// Gateway allows for a `Resource`. Longer than any template.
const MAX_PATTERN_BYTES: usize = 310;

/// The part of a `Resource` after the stage, and the requests that it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The text, such as `GET/pets/*`.
    pub(crate) text: String,
    /// The route whose own pattern it is; `None` for a merged pattern.
    pub(crate) route: Option<usize>,
    /// The variants of which it matches some requests.
    pub(crate) reaches: FixedBitSet,
    /// The routes of `reaches`.
    pub(crate) routes: FixedBitSet,
    /// The variants of which it matches all requests.
    pub(crate) covers: FixedBitSet,
}

/// For each variant that a pattern reaches, the narrowest patterns for the requests of both.
type Overlaps = BTreeMap<PathVariant, Vec<String>>;

/// The patterns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patterns {
    /// All patterns, those that cover most first.
    all: Vec<Pattern>,
    /// The index in `all` of each route's own pattern.
    own: Vec<usize>,
    overlaps: Vec<OnceLock<Overlaps>>,
    gaps: Gaps,
    /// The routes that each route's own pattern may match with empty segments in the path.
    swallowed: Vec<FixedBitSet>,
}

impl Patterns {
    /// Computes the patterns of a table.
    pub(super) fn new(tree: &Router, routes: &[Route]) -> Self {
        let texts: Vec<String> = routes.iter().map(route_pattern).collect();
        let analysis =
            PatternAnalysis { tree, texts: &texts, methods: distinguishing_methods(routes) };
        let mut merged = BTreeMap::new();
        add_candidates(&tree.root, "", true, &mut merged);
        for text in &texts {
            merged.remove(text);
        }
        let gaps = Gaps::new(routes, &texts);
        let swallowed = texts.iter().map(|text| swallowed(text, routes)).collect();
        let owned = texts.iter().enumerate();
        let owned = owned.map(|(at, text)| analysis.pattern(text.clone(), Some(at), usize::MAX));
        let merged = merged.into_iter().map(|(text, limit)| analysis.pattern(text, None, limit));
        let merged = merged.flatten().filter(|pattern| pattern.covers.count_ones(..) > 1);
        let mut all: Vec<Pattern> = owned.flatten().chain(merged).collect();
        // Of two that cover as many, the longer matches fewer requests outside the table.
        all.sort_by_cached_key(|pattern| {
            let (covered, length) = (pattern.covers.count_ones(..), pattern.text.len());
            (usize::MAX.saturating_sub(covered), usize::MAX.saturating_sub(length))
        });
        let mut own = vec![0; texts.len()];
        for (place, pattern) in all.iter().enumerate() {
            if let Some(own) = pattern.route.and_then(|route| own.get_mut(route)) {
                *own = place;
            }
        }
        Self { all, overlaps: vec![OnceLock::new(); own.len()], own, gaps, swallowed }
    }

    /// Returns the own pattern of a route.
    pub(crate) fn of_route(&self, route: usize) -> Option<&Pattern> {
        self.all.get(*self.own.get(route)?)
    }

    /// Returns all patterns, those that cover most first.
    pub(crate) fn by_cover(&self) -> &[Pattern] {
        &self.all
    }

    /// Returns the requests outside the table that the own patterns match.
    pub(crate) fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// Returns the routes that the own pattern of a route may match with empty segments in the path.
    pub(crate) fn swallowed(&self, route: usize) -> Option<&FixedBitSet> {
        self.swallowed.get(route)
    }

    /// Returns, for each variant that the own pattern of the route `from` reaches, the narrowest
    /// patterns that together match all its requests that the own pattern matches.
    pub(super) fn overlaps(&self, tree: &Router, from: usize) -> Option<&Overlaps> {
        let pattern = self.of_route(from)?;
        Some(self.overlaps.get(from)?.get_or_init(|| {
            let mut overlaps = Overlaps::new();
            visit(tree, &pattern.text, &Verb::NAMED.map(Verb::name), &mut |variant, request| {
                if is_routed_to(tree, request, variant) {
                    let text = as_pattern(request, variant.slash);
                    let fallback = || {
                        Some(
                            with_trailing_slash(self.of_route(variant.route)?, variant)
                                .into_owned(),
                        )
                    };
                    let fits = text.len() <= MAX_PATTERN_BYTES;
                    let text = if fits { Some(text) } else { fallback() };
                    overlaps.entry(variant).or_default().extend(text);
                }
                ControlFlow::Continue(())
            });
            overlaps.values_mut().for_each(remove_subsumed);
            overlaps
        }))
    }
}

impl Pattern {
    /// Returns whether the pattern ends in `*`, and so matches any suffix, a slash included.
    fn ends_with_wildcard(&self) -> bool {
        self.text.ends_with('*')
    }
}

/// Returns the routes that a pattern reaches with requests without a trailing slash.
pub(super) fn reached_by(tree: &Router, text: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    visit(tree, text, &Verb::NAMED.map(Verb::name), &mut |variant, request| {
        if !variant.slash && is_routed_to(tree, request, variant) {
            found.insert(variant.route);
        }
        ControlFlow::Continue(())
    });
    found
}

/// Returns the text of a route's own pattern for a variant, with a trailing slash if it needs one.
pub(crate) fn with_trailing_slash(own: &Pattern, variant: PathVariant) -> Cow<'_, str> {
    if variant.slash && !own.ends_with_wildcard() {
        Cow::Owned(format!("{}/", own.text))
    } else {
        Cow::Borrowed(&own.text)
    }
}

/// Sorts patterns and removes those that another pattern subsumes.
pub(crate) fn remove_subsumed<T: AsRef<str> + Clone + Ord>(texts: &mut Vec<T>) {
    texts.sort_unstable();
    texts.dedup();
    let all = texts.clone();
    let is_subsumed =
        |text: &T| all.iter().any(|other| other != text && subsumes(other.as_ref(), text.as_ref()));
    texts.retain(|text| !is_subsumed(text));
}

/// A pattern without a wildcard matches one spelling only.
fn swallowed(text: &str, routes: &[Route]) -> FixedBitSet {
    let has_wildcard = text.contains('*');
    if has_wildcard { reached(text, routes, EmptySegments::Any) } else { FixedBitSet::new() }
}

/// The analysis of the patterns of a table.
struct PatternAnalysis<'a> {
    tree: &'a Router,
    texts: &'a [String],
    methods: Vec<&'static str>,
}

impl PatternAnalysis<'_> {
    /// Computes the requests that a pattern matches; `None` if it reaches more than `limit` routes
    /// that it does not cover, because then it is rarely selected.
    fn pattern(&self, text: String, route: Option<usize>, limit: usize) -> Option<Pattern> {
        let count = self.texts.len();
        let mut reaches = FixedBitSet::with_capacity(count.saturating_mul(2));
        let mut covered = FixedBitSet::with_capacity(count.saturating_mul(2));
        let mut routes = FixedBitSet::with_capacity(count);
        let mut uncovered: usize = 0;
        visit(self.tree, &text, &self.methods, &mut |variant, request| {
            if !reaches.contains(variant.index()) && is_routed_to(self.tree, request, variant) {
                reaches.insert(variant.index());
                routes.insert(variant.route);
                let own = self.texts.get(variant.route).map(String::as_str).unwrap_or_default();
                let is_covered = if variant.slash {
                    subsumes(&text, &format!("{own}/"))
                } else {
                    subsumes(&text, own)
                };
                covered.set(variant.index(), is_covered);
                uncovered = uncovered.saturating_add(usize::from(!is_covered && !variant.slash));
            }
            if uncovered > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (uncovered <= limit).then_some(Pattern { text, route, reaches, routes, covers: covered })
    }
}

/// Returns the methods to try for a wildcard verb: those that routes declare, and one that only
/// `ANY` matches.
fn distinguishing_methods(routes: &[Route]) -> Vec<&'static str> {
    let named = |verb: &Verb| routes.iter().any(|route| route.verb == *verb);
    let (named, others): (Vec<Verb>, Vec<Verb>) = Verb::NAMED.into_iter().partition(named);
    named.into_iter().chain(others.into_iter().take(1)).map(Verb::name).collect()
}

fn verb_text(verb: Verb) -> &'static str {
    if verb == Verb::Any { "*" } else { verb.name() }
}

/// Returns the own pattern of a route: each parameter, greedy or not, is `*`.
fn route_pattern(route: &Route) -> String {
    let mut text = verb_text(route.verb).to_owned();
    if route.path.segments().is_empty() {
        text.push('/');
    }
    for segment in route.path.segments() {
        text.push('/');
        text.push_str(if let Segment::Literal(literal) = segment { literal } else { "*" });
    }
    text
}

/// Returns the narrowest pattern for requests of the shape of a sample.
fn as_pattern(request: &[&str], slash: bool) -> String {
    let parts: Vec<&str> = request
        .iter()
        .map(|segment| if *segment == WILDCARD_SAMPLE { "*" } else { segment })
        .collect();
    let mut text = parts.join("/");
    if parts.len() == 1 || slash {
        text.push('/');
    }
    text
}

/// Collects candidates for merged patterns: all below a path, a path and all below it, all verbs of
/// a path; each with the maximum number of routes that it can cover. `literal`: the path ends in a
/// literal.
fn add_candidates(node: &Node, path: &str, literal: bool, found: &mut BTreeMap<String, usize>) {
    let mut verbs = BTreeMap::new();
    count_verbs(node, &mut verbs);
    let all = verbs.values().fold(0_usize, |all, count| all.saturating_add(*count));
    let together = (verbs.len() > 1).then_some((Verb::Any, all));
    for (verb, count) in verbs.into_iter().chain(together) {
        let verb = verb_text(verb);
        if path.is_empty() {
            found.insert(format!("{verb}/*"), count);
        } else {
            found.insert(format!("{verb}{path}"), count);
        }
        if literal && !path.is_empty() {
            found.insert(format!("{verb}{path}*"), count);
            found.insert(format!("{verb}{path}/*"), count);
        }
    }
    for (text, next) in &node.literals {
        add_candidates(next, &format!("{path}/{text}"), true, found);
    }
    for next in [&node.parameter, &node.greedy].into_iter().flatten() {
        add_candidates(next, &format!("{path}/*"), false, found);
    }
}

fn count_verbs(node: &Node, verbs: &mut BTreeMap<Verb, usize>) {
    for verb in node.routes.keys() {
        let count = verbs.entry(*verb).or_default();
        *count = count.saturating_add(1);
    }
    node.children().for_each(|next| count_verbs(next, verbs));
}
