//! Which patterns say a set of routes: the fewest this finds, each step exact.
//!
//! A pattern that reaches granted routes only is as good as those routes' own, so the one that
//! says most is taken first. Where a granted route's own pattern reaches a refused route, no
//! other pattern could do without a Deny either; that Deny is the one that says most of what
//! must be denied and reaches no granted route, and failing that the narrowest there is. A
//! pattern wider than a route's own is never allowed at the price of a Deny: whatever the table
//! does not know would be open.

use std::borrow::Cow;

use fixedbitset::FixedBitSet;

use crate::routes::{PathVariant, Pattern, RouteTable, keep_widest, spelled};

/// Comparing more patterns than this, each with each other, takes longer than a shorter policy is
/// worth; hardly any limit lets so many pass.
const WORTH_WIDENING: usize = 500;

/// Patterns in a stable order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection<'a> {
    pub(super) allowed: Vec<Cow<'a, str>>,
    pub(super) denied: Vec<Cow<'a, str>>,
}

/// Selects patterns for the `wanted` ones of the routes that are granted.
pub(super) fn select<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    wanted: &FixedBitSet,
) -> Selection<'a> {
    let mut selection = Selection::default();
    let mut open = FixedBitSet::with_capacity(table.routes().len().saturating_mul(2));
    wanted.ones().for_each(|route| open.insert(PathVariant { route, slash: false }.index()));
    // The routes whose own patterns need a Deny: nothing else covers them without one.
    let mut reaching = Vec::new();
    for route in wanted.ones() {
        let own = table.patterns().own(route).filter(|own| !own.routes.is_subset(granted));
        reaching.extend(own);
    }
    reaching.sort_by_cached_key(|pattern| usize::MAX.saturating_sub(pattern.covers.count_ones(..)));
    reaching.retain(|pattern| {
        let new = pattern.covers.intersection_count(&open) > 0;
        open.difference_with(&pattern.covers);
        new
    });
    selection.allowed.extend(reaching.iter().map(|pattern| Cow::from(&pattern.text)));
    for pattern in table.patterns().by_cover() {
        if open.is_clear() {
            break;
        }
        let worth = if pattern.route.is_some() { 1 } else { 2 };
        if pattern.routes.is_subset(granted) && pattern.covers.intersection_count(&open) >= worth {
            open.difference_with(&pattern.covers);
            selection.allowed.push(Cow::from(&pattern.text));
        }
    }
    let mut shut = FixedBitSet::with_capacity(open.len());
    for pattern in &reaching {
        let refused = |index: &usize| !granted.contains(PathVariant::at(*index).route);
        shut.extend(pattern.reaches.ones().filter(refused));
    }
    if !shut.is_clear() {
        selection.denied = deny(table, granted, &reaching, shut);
    }
    selection.allowed.sort_unstable();
    selection
}

/// Selects patterns for the variants that must be `shut`, which the patterns of the routes
/// `reaching` reach.
fn deny<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    reaching: &[&Pattern],
    mut shut: FixedBitSet,
) -> Vec<Cow<'a, str>> {
    let mut denied: Vec<Cow<'a, str>> = Vec::new();
    for pattern in table.patterns().by_cover() {
        if shut.is_clear() {
            break;
        }
        if pattern.routes.is_disjoint(granted) && pattern.covers.intersection_count(&shut) > 1 {
            shut.difference_with(&pattern.covers);
            denied.push(Cow::from(&pattern.text));
        }
    }
    let exact = denied.len();
    for variant in shut.ones().map(PathVariant::at) {
        match table.patterns().own(variant.route) {
            Some(own) if own.routes.is_disjoint(granted) => denied.push(spelled(own, variant)),
            _ => {
                let from = reaching.iter().filter_map(|pattern| pattern.route);
                let overlaps = from.flat_map(|route| table.overlap(route, variant));
                denied.extend(overlaps.map(Cow::from));
            }
        }
    }
    if denied.len() > exact && denied.len() < WORTH_WIDENING {
        keep_widest(&mut denied);
    }
    denied.sort_unstable();
    denied.dedup();
    denied
}

/// Selects patterns for one route, all of it, whose answer serves no other. What the pattern
/// reaches beside it and is not granted is denied as far as that closes nothing of the route.
pub(super) fn single_route<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    route: usize,
) -> Selection<'a> {
    let Some(own) = table.patterns().own(route) else { return Selection::default() };
    let beside = |variant: PathVariant| {
        let other = table.patterns().own(variant.route)?;
        let apart = !granted.contains(variant.route) && !other.routes.contains(route);
        apart.then(|| spelled(other, variant))
    };
    let mut denied: Vec<Cow<'a, str>> =
        own.reaches.ones().map(PathVariant::at).filter_map(beside).collect();
    keep_widest(&mut denied);
    Selection { allowed: vec![Cow::from(&own.text)], denied }
}
