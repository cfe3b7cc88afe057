//! The selection of few patterns for a set of routes; each step is exact.
//!
//! A pattern *reaches* a route if it matches some of its requests, and *covers* it if it matches
//! all. An Allow is the own pattern of a granted route, unless another one covers it. If the own
//! pattern of a granted route reaches a route that is not granted, that route needs a Deny. The Deny
//! is the pattern that covers most of the routes to deny and reaches no granted route, else the
//! narrowest that exists. Requests of no route are denied as far as IAM can express it: those with
//! too many segments by [`crate::routes::Gaps`], those with empty segments by [`deny_spellings`].

use std::borrow::Cow;

use fixedbitset::FixedBitSet;

use crate::routes::{
    PathVariant, Pattern, RouteTable, Segment, matches, remove_subsumed, subsumes,
    with_trailing_slash,
};

/// The maximum number of Deny patterns that are compared pairwise; more rarely fit a policy.
const MAX_WIDENED: usize = 500;

/// The maximum number of narrow Denies for empty segments; instead of more, one covers them all.
const MAX_SPELLINGS: usize = 16;

/// Matches every path with an empty segment.
const EMPTY_SEGMENT: &str = "*//*";

/// The patterns that an Allow may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merging {
    /// The routes' own patterns: no request outside the table is allowed, except those that the `*` of
    /// a parameter matches.
    Own,
    /// Merged patterns as well, if they reach granted routes only. They also match requests outside the
    /// table, so this is for a function that is pinned to one deployment, whose routes the table lists.
    Table,
}

/// The patterns of a policy, in a stable order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection<'a> {
    pub(super) allowed: Vec<Cow<'a, str>>,
    pub(super) denied: Vec<Cow<'a, str>>,
}

impl Selection<'_> {
    /// Returns whether IAM allows a request: `METHOD/path` as in its method ARN.
    pub(super) fn allows(&self, request: &str) -> bool {
        let any =
            |patterns: &[Cow<'_, str>]| patterns.iter().any(|pattern| matches(pattern, request));
        any(&self.allowed) && !any(&self.denied)
    }

    pub(super) fn into_owned(self) -> Selection<'static> {
        let owned = |patterns: Vec<Cow<'_, str>>| {
            patterns.into_iter().map(|pattern| Cow::Owned(pattern.into_owned())).collect()
        };
        Selection { allowed: owned(self.allowed), denied: owned(self.denied) }
    }
}

/// Selects patterns that allow the `requested` routes and deny no `granted` one.
pub(super) fn select<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    requested: &FixedBitSet,
    merging: Merging,
) -> Selection<'a> {
    let mut open = FixedBitSet::with_capacity(table.routes().len().saturating_mul(2));
    requested.ones().for_each(|route| open.insert(PathVariant { route, slash: false }.index()));
    // The own patterns that need a Deny: no other pattern covers their routes without one.
    let mut reaching = Vec::new();
    for route in requested.ones() {
        let own = table.patterns().of_route(route).filter(|own| !own.routes.is_subset(granted));
        reaching.extend(own);
    }
    reaching.sort_by_cached_key(|pattern| usize::MAX.saturating_sub(pattern.covers.count_ones(..)));
    reaching.retain(|pattern| {
        let new = pattern.covers.intersection_count(&open) > 0;
        open.difference_with(&pattern.covers);
        new
    });
    let mut allowed = reaching.clone();
    for pattern in table.patterns().by_cover() {
        if open.is_clear() {
            break;
        }
        let worth = match (pattern.route, merging) {
            (Some(_), _) => 1,
            (None, Merging::Table) => 2,
            (None, Merging::Own) => continue,
        };
        if pattern.routes.is_subset(granted) && pattern.covers.intersection_count(&open) >= worth {
            open.difference_with(&pattern.covers);
            allowed.push(pattern);
        }
    }
    let mut selection = Selection {
        denied: denied(table, granted, &reaching, &allowed),
        allowed: allowed.iter().map(|pattern| Cow::from(&pattern.text)).collect(),
    };
    selection.allowed.sort_unstable();
    selection
}

/// Selects the Deny patterns for the `allowed` ones. Those in `reaching` reach routes that are not
/// granted.
fn denied<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    reaching: &[&Pattern],
    allowed: &[&Pattern],
) -> Vec<Cow<'a, str>> {
    let own = || allowed.iter().filter_map(|pattern| pattern.route);
    let gaps = table.patterns().gaps().denies(own(), granted);
    let mut to_deny = FixedBitSet::with_capacity(table.routes().len().saturating_mul(2));
    for pattern in reaching {
        let refused = |index: &usize| !granted.contains(PathVariant::at(*index).route);
        to_deny.extend(pattern.reaches.ones().filter(refused));
    }
    let is_closed = |variant: PathVariant| {
        let own = table.patterns().of_route(variant.route);
        own.is_some_and(|own| gaps.iter().any(|gap| subsumes(gap, &requests(own, variant))))
    };
    let closed: Vec<usize> =
        to_deny.ones().filter(|index| is_closed(PathVariant::at(*index))).collect();
    for index in closed {
        to_deny.set(index, false);
    }
    let mut denied = if to_deny.is_clear() {
        Vec::new()
    } else {
        deny_routes(table, granted, reaching, to_deny)
    };
    denied.extend(gaps.into_iter().map(Cow::from));
    denied.extend(deny_spellings(table, granted, allowed));
    if denied.len() < MAX_WIDENED {
        remove_subsumed(&mut denied);
    }
    denied.sort_unstable();
    denied.dedup();
    denied
}

/// Returns the own pattern of a route for a variant. A `*` at its end does not match the empty text:
/// that would be a request of another route, with a trailing slash.
fn requests(own: &Pattern, variant: PathVariant) -> Cow<'_, str> {
    let text = with_trailing_slash(own, variant);
    match text.strip_suffix("/*") {
        Some(path) => format!("{path}/?*").into(),
        None => text,
    }
}

/// Selects Deny patterns for the variants `to_deny`, which the Allow patterns `reaching` reach.
fn deny_routes<'a>(
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
    for variant in to_deny.ones().map(PathVariant::at) {
        match table.patterns().of_route(variant.route) {
            Some(own) if own.routes.is_disjoint(granted) => denied.push(requests(own, variant)),
            _ => {
                let from = reaching.iter().filter_map(|pattern| pattern.route);
                let overlaps = from.flat_map(|route| table.overlap(route, variant));
                denied.extend(overlaps.map(Cow::from));
            }
        }
    }
    denied
}

/// Selects Deny patterns for the spellings with empty segments (`//admin`) of routes that are not
/// granted and that the `*` of an `allowed` pattern may match. One pattern denies them all. If a
/// greedy route is granted together with all routes below it, narrow patterns deny only what is
/// necessary.
fn deny_spellings<'a>(
    table: &RouteTable,
    granted: &FixedBitSet,
    allowed: &[&Pattern],
) -> Vec<Cow<'a, str>> {
    let mut refused = FixedBitSet::with_capacity(table.routes().len());
    let swallowed = |route| table.patterns().swallowed(route);
    for pattern in allowed {
        match pattern.route {
            Some(route) => swallowed(route).into_iter().for_each(|own| refused.union_with(own)),
            None => refused.union_with(&table.reached_by(&pattern.text)),
        }
    }
    refused.difference_with(granted);
    if refused.is_clear() {
        return Vec::new();
    }
    let is_greedy = |route: &usize| {
        let route = table.routes().get(*route);
        route.is_some_and(|r| matches!(r.path.segments().last(), Some(Segment::Greedy(_))))
    };
    let mut greedy = granted.ones().filter(is_greedy).filter_map(swallowed);
    let keeps = greedy.any(|routes| routes.is_subset(granted));
    let own = refused.ones().filter_map(|route| table.patterns().of_route(route));
    let narrow: Vec<Cow<'_, str>> =
        own.flat_map(|own| doubled(&own.text)).map(Cow::Owned).take(MAX_SPELLINGS + 1).collect();
    if keeps && narrow.len() <= MAX_SPELLINGS { narrow } else { vec![Cow::Borrowed(EMPTY_SEGMENT)] }
}

/// Returns the patterns for a route's requests with an empty segment, one for each position of the
/// first empty segment.
fn doubled(own: &str) -> impl Iterator<Item = String> {
    let parts = own.trim_end_matches('/').split('/');
    parts.scan(String::new(), |path, part| {
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
        Some(format!("{path}//*"))
    })
}

/// Selects patterns for one whole route, for a policy that is not evaluated for other routes. Routes
/// that its pattern reaches and that are not granted are denied, as far as that denies no request of
/// the route.
pub(super) fn single_route<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    route: usize,
) -> Selection<'a> {
    let Some(own) = table.patterns().of_route(route) else { return Selection::default() };
    let beside = |variant: PathVariant| {
        let other = table.patterns().of_route(variant.route)?;
        let apart = !granted.contains(variant.route) && !other.routes.contains(route);
        apart.then(|| with_trailing_slash(other, variant))
    };
    let mut denied: Vec<Cow<'a, str>> =
        own.reaches.ones().map(PathVariant::at).filter_map(beside).collect();
    remove_subsumed(&mut denied);
    Selection { allowed: vec![Cow::from(&own.text)], denied }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Merging, select};
    use crate::routes::{Requirement, Route, RouteTable, Verb};

    fn route(method: &str, path: &str, scope: &str) -> Route {
        let requirement = Requirement::any_of(vec![BTreeSet::from([scope.to_owned()])]).unwrap();
        Route { verb: method.parse().unwrap(), path: path.parse().unwrap(), requirement }
    }

    #[track_caller]
    fn check(routes: &[Route], scopes: &str, own: &[&str], merged: &[&str]) {
        let table = RouteTable::new(routes.to_vec()).unwrap();
        let granted = table.granted_to(&scopes.split(' ').map(str::to_owned).collect());
        let allowed = |merging| select(&table, &granted, &granted, merging).allowed;
        assert_eq!(allowed(Merging::Own), own);
        assert_eq!(allowed(Merging::Table), merged);
    }

    #[test]
    fn a_wider_pattern_is_allowed_only_where_the_table_lists_every_route() {
        let table = |orders: &str, other: &str| {
            [
                route("GET", "/orders", "r"),
                route("POST", "/orders", "w"),
                route("GET", "/orders/{id}", "r"),
                route("GET", "/orders/{id}/items", orders),
                route("PUT", other, "x"),
            ]
        };
        let orders = ["GET/orders", "GET/orders/*"];
        // A path and all below it.
        check(&table("r", "/other"), "r", &orders, &["GET/orders*"]);
        // Not where another path begins so.
        check(&table("r", "/ordersets"), "r", &orders, &["GET/orders*"]);
        let ordersets = table("r", "/ordersets").map(|row| {
            let verb = if row.verb == Verb::Put { Verb::Get } else { row.verb };
            Route { verb, ..row }
        });
        check(&ordersets, "r", &orders, &orders);
        // All of a verb, all verbs of a path, everything.
        let all = ["GET/orders", "GET/orders/*", "POST/orders"];
        check(&table("w", "/other"), "r w", &all, &["*/orders*"]);
        let others = [route("GET", "/other", "r"), route("PUT", "/more", "z")];
        let many: Vec<Route> = table("r", "/other").into_iter().chain(others).collect();
        let own = ["GET/orders", "GET/orders/*", "GET/other", "PUT/other"];
        check(&many, "r x", &own, &["GET/*", "PUT/other"]);
        let own = ["GET/orders", "GET/orders/*", "POST/orders", "PUT/other"];
        check(&table("r", "/other"), "r w x", &own, &["*/*"]);
        // All verbs of a path would reach `GET /orders/{id}` by `GET/orders/orders`.
        check(&table("z", "/other"), "w", &["POST/orders"], &["POST/orders"]);
    }
}
