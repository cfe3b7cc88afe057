//! The selection of few patterns for a set of routes; each step is exact.
//!
//! A pattern *reaches* a route if it matches some of its requests, and *covers* it if it matches
//! all. A pattern that reaches only granted routes can replace their own patterns, so the one
//! that covers most is selected first. If the own pattern of a granted route reaches a route that
//! is not granted, every Allow for that route needs a Deny. The Deny is the pattern that covers
//! most of the routes to deny and reaches no granted route, else the narrowest that exists. A
//! pattern wider than the own pattern of a route is never allowed together with a Deny: it would
//! allow routes that the table does not contain.

use std::borrow::Cow;

use fixedbitset::FixedBitSet;

use crate::routes::{PathVariant, Pattern, RouteTable, remove_subsumed, with_trailing_slash};

/// The maximum number of Deny patterns that are compared pairwise; more rarely fit a policy.
const MAX_WIDENED: usize = 500;

/// The patterns of a policy, in a stable order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection<'a> {
    pub(super) allowed: Vec<Cow<'a, str>>,
    pub(super) denied: Vec<Cow<'a, str>>,
}

/// Selects patterns that allow the `requested` routes and deny no `granted` one.
pub(super) fn select<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    requested: &FixedBitSet,
) -> Selection<'a> {
    let mut selection = Selection::default();
    let mut uncovered = FixedBitSet::with_capacity(table.routes().len().saturating_mul(2));
    requested
        .ones()
        .for_each(|route| uncovered.insert(PathVariant { route, slash: false }.index()));
    // The own patterns that need a Deny: no other pattern covers their routes without one.
    let mut reaching = Vec::new();
    for route in requested.ones() {
        let own = table.patterns().of_route(route).filter(|own| !own.routes.is_subset(granted));
        reaching.extend(own);
    }
    reaching.sort_by_cached_key(|pattern| usize::MAX.saturating_sub(pattern.covers.count_ones(..)));
    reaching.retain(|pattern| {
        let new = pattern.covers.intersection_count(&uncovered) > 0;
        uncovered.difference_with(&pattern.covers);
        new
    });
    selection.allowed.extend(reaching.iter().map(|pattern| Cow::from(&pattern.text)));
    for pattern in table.patterns().by_cover() {
        if uncovered.is_clear() {
            break;
        }
        let minimum = if pattern.route.is_some() { 1 } else { 2 };
        if pattern.routes.is_subset(granted)
            && pattern.covers.intersection_count(&uncovered) >= minimum
        {
            uncovered.difference_with(&pattern.covers);
            selection.allowed.push(Cow::from(&pattern.text));
        }
    }
    let mut to_deny = FixedBitSet::with_capacity(uncovered.len());
    for pattern in &reaching {
        let refused = |index: &usize| !granted.contains(PathVariant::at(*index).route);
        to_deny.extend(pattern.reaches.ones().filter(refused));
    }
    if !to_deny.is_clear() {
        selection.denied = deny(table, granted, &reaching, to_deny);
    }
    selection.allowed.sort_unstable();
    selection
}

/// Selects Deny patterns for the variants `to_deny`, which the Allow patterns `reaching` reach.
fn deny<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    reaching: &[&Pattern],
    mut to_deny: FixedBitSet,
) -> Vec<Cow<'a, str>> {
    let mut denied: Vec<Cow<'a, str>> = Vec::new();
    for pattern in table.patterns().by_cover() {
        if to_deny.is_clear() {
            break;
        }
        if pattern.routes.is_disjoint(granted) && pattern.covers.intersection_count(&to_deny) > 1 {
            to_deny.difference_with(&pattern.covers);
            denied.push(Cow::from(&pattern.text));
        }
    }
    let merged = denied.len();
    for variant in to_deny.ones().map(PathVariant::at) {
        match table.patterns().of_route(variant.route) {
            Some(own) if own.routes.is_disjoint(granted) => {
                denied.push(with_trailing_slash(own, variant))
            }
            _ => {
                let sources = reaching.iter().filter_map(|pattern| pattern.route);
                let overlaps = sources.flat_map(|route| table.overlap(route, variant));
                denied.extend(overlaps.map(Cow::from));
            }
        }
    }
    if denied.len() > merged && denied.len() < MAX_WIDENED {
        remove_subsumed(&mut denied);
    }
    denied.sort_unstable();
    denied.dedup();
    denied
}

/// Selects patterns for one whole route, for a policy that is not evaluated for other routes.
/// Routes that its pattern reaches and that are not granted are denied, as far as that denies no
/// request of the route.
pub(super) fn single_route<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    route: usize,
) -> Selection<'a> {
    let Some(own) = table.patterns().of_route(route) else { return Selection::default() };
    let deny_other = |variant: PathVariant| {
        let other = table.patterns().of_route(variant.route)?;
        let is_separable = !granted.contains(variant.route) && !other.routes.contains(route);
        is_separable.then(|| with_trailing_slash(other, variant))
    };
    let mut denied: Vec<Cow<'a, str>> =
        own.reaches.ones().map(PathVariant::at).filter_map(deny_other).collect();
    remove_subsumed(&mut denied);
    Selection { allowed: vec![Cow::from(&own.text)], denied }
}
