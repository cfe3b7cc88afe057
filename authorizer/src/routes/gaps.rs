//! Denies for what a route's own pattern matches and no route of the table takes.
//!
//! IAM's `*` crosses `/`, so `GET/pets/*`, which allows `GET /pets/{id}`, also matches
//! `GET/pets/7/notes`: a route that the table may not know yet. `GET/pets/*/?*` denies just that.
//! It can be used unless it reaches a route that the caller may call: IAM has no exceptions to a
//! Deny. One Deny as deep as several gaps (`GET/*/*/?*`) closes them all.

use std::collections::BTreeSet;

use fixedbitset::FixedBitSet;

use super::glob::subsumes;
use super::spelling::{EmptySegments, reached};
use super::{Route, Segment};

/// A pattern that denies gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GapDeny {
    text: String,
    /// The routes whose requests it may match.
    reaches: FixedBitSet,
    /// The gaps that it closes, by index.
    closes: FixedBitSet,
}

/// The gaps of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    /// Those that close most first.
    denies: Vec<GapDeny>,
    /// The gaps of each route's own pattern, by index.
    of: Vec<Vec<usize>>,
    /// The routes that the requests in each gap may belong to.
    reaches: Vec<FixedBitSet>,
}

impl Gaps {
    /// Finds the gaps of the routes' own patterns, which `texts` are.
    pub(super) fn new(routes: &[Route], texts: &[String]) -> Self {
        let all: BTreeSet<String> =
            routes.iter().zip(texts).flat_map(|(r, t)| gaps(r, t)).collect();
        let all: Vec<String> = all.into_iter().collect();
        let index = |gap: &String| all.binary_search(gap).ok();
        let of = routes.iter().zip(texts);
        let of = of.map(|(route, text)| gaps(route, text).iter().filter_map(index).collect());
        let wider: BTreeSet<String> =
            all.iter().flat_map(|gap| wider(gap)).chain(all.iter().cloned()).collect();
        let mut denies: Vec<GapDeny> =
            wider.into_iter().map(|text| GapDeny::new(text, routes, &all)).collect();
        denies.sort_by_key(|deny| {
            (all.len().saturating_sub(deny.closes.count_ones(..)), deny.text.len())
        });
        let reached = all.iter().map(|gap| reached(gap, routes, EmptySegments::None)).collect();
        Self { of: of.collect(), reaches: reached, denies }
    }

    /// Returns the patterns to deny so that the own patterns of the `allowed` routes match nothing
    /// that no route takes, as far as IAM can express that without closing a `granted` route.
    pub(crate) fn denies<'a>(
        &'a self,
        allowed: impl Iterator<Item = usize>,
        granted: &FixedBitSet,
    ) -> Vec<&'a str> {
        let mut open = FixedBitSet::with_capacity(self.reaches.len());
        let gaps = allowed.filter_map(|route| self.of.get(route)).flatten().copied();
        let can_close = |gap: &usize| {
            self.reaches.get(*gap).is_some_and(|reaches| reaches.is_disjoint(granted))
        };
        open.extend(gaps.filter(can_close));
        let mut denied = Vec::new();
        for deny in &self.denies {
            if open.is_clear() {
                break;
            }
            if !deny.closes.is_disjoint(&open) && deny.reaches.is_disjoint(granted) {
                open.difference_with(&deny.closes);
                denied.push(deny.text.as_str());
            }
        }
        denied
    }
}

impl GapDeny {
    fn new(text: String, routes: &[Route], gaps: &[String]) -> Self {
        let mut closes = FixedBitSet::with_capacity(gaps.len());
        closes.extend(
            (0..gaps.len()).filter(|at| gaps.get(*at).is_some_and(|gap| subsumes(&text, gap))),
        );
        Self { reaches: reached(&text, routes, EmptySegments::None), closes, text }
    }
}

/// Returns the patterns for what each `*` of a route's own pattern matches beyond one segment.
fn gaps(route: &Route, text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let is_greedy = matches!(route.path.segments().last(), Some(Segment::Greedy(_)));
    let last = parts.len().saturating_sub(1);
    let stars =
        parts.iter().enumerate().filter(|(at, part)| **part == "*" && !(is_greedy && *at == last));
    stars
        .map(|(star, _)| {
            let widened = parts.iter().enumerate().map(|(at, part)| match at {
                _ if at != star => *part,
                _ if at == last => "*/?*",
                _ => "*/*",
            });
            widened.collect::<Vec<_>>().join("/")
        })
        .collect()
}

/// Returns patterns as deep as a gap that may close others with it.
fn wider(gap: &str) -> Vec<String> {
    let Some((verb, path)) = gap.split_once('/') else { return Vec::new() };
    let depth = path.matches('/').count();
    let deep = format!("{}?*", "*/".repeat(depth));
    vec![format!("*/{path}"), format!("{verb}/{deep}"), format!("*/{deep}")]
}
