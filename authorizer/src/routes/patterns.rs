//! The IAM patterns of a table: each route's own, and those that say several routes at once.
//! All that depends on the table alone is worked out here, once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::OnceLock;

use fixedbitset::FixedBitSet;

use super::coverage::{FRESH, PathVariant, belongs, visit};
use super::router::{Node, Router};
use super::{Route, Segment, Verb};

/// Longer than any template, so that a pattern with an ARN before it fits into the 512
/// characters that API Gateway allows a `Resource`.
const MAX_PATTERN_BYTES: usize = 310;

/// What stands after the stage in a `Resource`, and what it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// The text, such as `GET/pets/*`.
    pub(crate) text: String,
    /// The route whose own it is; none if it says several at once.
    pub(crate) route: Option<usize>,
    /// The variants that have requests which it matches.
    pub(crate) reaches: FixedBitSet,
    /// The routes of those variants.
    pub(crate) routes: FixedBitSet,
    /// The variants whose requests it all matches.
    pub(crate) covers: FixedBitSet,
}

/// For each variant a pattern reaches, the narrowest patterns that match what is in both.
type Overlaps = BTreeMap<PathVariant, Vec<String>>;

/// The patterns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patterns {
    /// Those that cover most first.
    all: Vec<Pattern>,
    /// Where in `all` each route's own is.
    own: Vec<usize>,
    overlaps: Vec<OnceLock<Overlaps>>,
}

impl Patterns {
    /// Works out a table's patterns.
    pub(super) fn of(tree: &Router, routes: &[Route]) -> Self {
        let texts: Vec<String> = routes.iter().map(own_text).collect();
        let survey = Survey { tree, texts: &texts, methods: telling_methods(routes) };
        let mut merged = BTreeMap::new();
        add_candidates(&tree.root, "", true, &mut merged);
        for text in &texts {
            merged.remove(text);
        }
        let owned = texts.iter().enumerate();
        let owned = owned.map(|(at, text)| survey.pattern(text.clone(), Some(at), usize::MAX));
        let merged = merged.into_iter().map(|(text, worth)| survey.pattern(text, None, worth));
        let merged = merged.flatten().filter(|pattern| pattern.covers.count_ones(..) > 1);
        let mut all: Vec<Pattern> = owned.flatten().chain(merged).collect();
        // Of two that cover as much, the longer says less that nobody asked for.
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
        Self { all, overlaps: vec![OnceLock::new(); own.len()], own }
    }

    /// Returns the pattern of the route at a place.
    pub(crate) fn own(&self, route: usize) -> Option<&Pattern> {
        self.all.get(*self.own.get(route)?)
    }

    /// Returns every pattern, those that cover most first.
    pub(crate) fn by_cover(&self) -> &[Pattern] {
        &self.all
    }

    /// Returns, for each variant that the pattern of the route at `from` reaches, the narrowest
    /// patterns that together match all of its requests which that pattern matches.
    pub(super) fn overlaps(&self, tree: &Router, from: usize) -> Option<&Overlaps> {
        let pattern = self.own(from)?;
        Some(self.overlaps.get(from)?.get_or_init(|| {
            let mut overlaps = Overlaps::new();
            visit(tree, &pattern.text, &Verb::NAMED.map(Verb::name), &mut |variant, request| {
                if belongs(tree, request, variant) {
                    let text = as_pattern(request, variant.slash);
                    let fallback = || Some(spelled(self.own(variant.route)?, variant).into_owned());
                    let fits = text.len() <= MAX_PATTERN_BYTES;
                    let text = if fits { Some(text) } else { fallback() };
                    overlaps.entry(variant).or_default().extend(text);
                }
                ControlFlow::Continue(())
            });
            overlaps.values_mut().for_each(keep_widest);
            overlaps
        }))
    }
}

impl Pattern {
    /// Says whether the pattern matches whatever follows it, a slash for one.
    fn is_open(&self) -> bool {
        self.text.ends_with('*')
    }
}

/// Returns the routes that a pattern reaches by requests without a slash at their end.
pub(super) fn reached_by(tree: &Router, text: &str) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    visit(tree, text, &Verb::NAMED.map(Verb::name), &mut |variant, request| {
        if !variant.slash && belongs(tree, request, variant) {
            found.insert(variant.route);
        }
        ControlFlow::Continue(())
    });
    found
}

/// Returns a route's own pattern in the spelling of a variant.
pub(crate) fn spelled(own: &Pattern, variant: PathVariant) -> Cow<'_, str> {
    if variant.slash && !own.is_open() {
        Cow::Owned(format!("{}/", own.text))
    } else {
        Cow::Borrowed(&own.text)
    }
}

/// Puts patterns in order, without those that say only what another one says as well.
pub(crate) fn keep_widest<T: AsRef<str> + Clone + Ord>(texts: &mut Vec<T>) {
    texts.sort_unstable();
    texts.dedup();
    let all = texts.clone();
    let is_said =
        |text: &T| all.iter().any(|other| other != text && subsumes(other.as_ref(), text.as_ref()));
    texts.retain(|text| !is_said(text));
}

/// What is needed to find out what a pattern matches.
struct Survey<'a> {
    tree: &'a Router,
    texts: &'a [String],
    methods: Vec<&'static str>,
}

impl Survey<'_> {
    /// Finds out what a pattern matches; nothing if that is more than `worth` routes beside
    /// those it covers, because then it is hardly ever exact.
    fn pattern(&self, text: String, route: Option<usize>, worth: usize) -> Option<Pattern> {
        let count = self.texts.len();
        let mut reaches = FixedBitSet::with_capacity(count.saturating_mul(2));
        let mut covered = FixedBitSet::with_capacity(count.saturating_mul(2));
        let mut routes = FixedBitSet::with_capacity(count);
        let mut beside: usize = 0;
        visit(self.tree, &text, &self.methods, &mut |variant, request| {
            if !reaches.contains(variant.index()) && belongs(self.tree, request, variant) {
                reaches.insert(variant.index());
                routes.insert(variant.route);
                let own = self.texts.get(variant.route).map(String::as_str).unwrap_or_default();
                let is_covered = if variant.slash {
                    subsumes(&text, &format!("{own}/"))
                } else {
                    subsumes(&text, own)
                };
                covered.set(variant.index(), is_covered);
                beside = beside.saturating_add(usize::from(!is_covered && !variant.slash));
            }
            if beside > worth { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (beside <= worth).then_some(Pattern { text, route, reaches, routes, covers: covered })
    }
}

/// Returns the methods that make a difference: those that routes name, and one that only
/// `ANY` takes.
fn telling_methods(routes: &[Route]) -> Vec<&'static str> {
    let named = |verb: &Verb| routes.iter().any(|route| route.verb == *verb);
    let (named, others): (Vec<Verb>, Vec<Verb>) = Verb::NAMED.into_iter().partition(named);
    named.into_iter().chain(others.into_iter().take(1)).map(Verb::name).collect()
}

fn verb_text(verb: Verb) -> &'static str {
    if verb == Verb::Any { "*" } else { verb.name() }
}

/// Writes a route as IAM reads it: a parameter, greedy or not, is `*`.
fn own_text(route: &Route) -> String {
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

/// Writes the narrowest pattern for requests of this shape.
fn as_pattern(request: &[&str], slash: bool) -> String {
    let parts: Vec<&str> =
        request.iter().map(|segment| if *segment == FRESH { "*" } else { segment }).collect();
    let mut text = parts.join("/");
    if parts.len() == 1 || slash {
        text.push('/');
    }
    text
}

/// Collects patterns that may say several routes at once: all below a path, a path and all
/// below it, all verbs of a path; each with how many routes it may say. `literal` says that the
/// path ends in a literal.
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
    node.following().for_each(|next| count_verbs(next, verbs));
}

/// Returns whether a pattern matches every text that another pattern matches: a `*` in the other is
/// matched by a `*` only. Whether a policy's pattern matches one text, `?` and variables included, is
/// another question: the local gateway answers it (`TextPattern::matches` in its `policy/pattern.rs`).
fn subsumes(pattern: &str, other: &str) -> bool {
    let (mut pattern, mut text) = (pattern.as_bytes(), other.as_bytes());
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', after)), _) => {
                star = Some((after, text));
                pattern = after;
                continue;
            }
            (Some((expected, after)), Some((actual, rest))) if expected == actual => {
                (pattern, text) = (after, rest);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        // Lets the last `*` take one byte more, if there is one.
        let Some((after, [_, rest @ ..])) = star else { return false };
        (pattern, text, star) = (after, rest, Some((after, rest)));
    }
}
