//! The routes with requests that a pattern matches, in any spelling, by the routes' templates alone.
//!
//! API Gateway drops empty segments when it routes: `//pets///7` is `/pets/7`. Whether the method
//! ARN keeps them is not documented, so both spellings count. Precedence among routes is left
//! out: the result may name a route whose requests another route takes, and never misses one.

use fixedbitset::FixedBitSet;

use super::{Route, Segment};

/// The empty segments that a request's path may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmptySegments {
    /// None but the slash at the path's end.
    None,
    /// Any number, anywhere.
    Any,
}

/// Returns the indices of the routes of which a pattern matches a request.
pub(super) fn reached(pattern: &str, routes: &[Route], empty: EmptySegments) -> FixedBitSet {
    let mut reached = FixedBitSet::with_capacity(routes.len());
    let found = routes.iter().enumerate().filter(|(_, route)| reaches(pattern, route, empty));
    reached.extend(found.map(|(at, _)| at));
    reached
}

/// Returns whether a pattern matches a request of the route.
///
/// `pattern` is a method or `*`, then segments: `*` for one or more, `?*` for one or more of which
/// the first is not empty, literal text, or `text*` for one that starts with it and any after it.
fn reaches(pattern: &str, route: &Route, empty: EmptySegments) -> bool {
    let template = Template(route.path.segments());
    // No template is that long: see `MAX_TEMPLATE_BYTES`.
    let Some(all) = template.all() else { return true };
    let mut parts = pattern.split('/').peekable();
    let mut states = match parts.next() {
        // It crosses `/` as well.
        Some("*") => all,
        Some(method) if route.verb.matches(method) || method == route.verb.name() => 1,
        _ => return false,
    };
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let can_be_empty = empty == EmptySegments::Any || is_last && part != "?*";
        states = match part {
            "" => states,
            "*" | "?*" => {
                let further = template.beyond(states, all);
                if can_be_empty { further | from_lowest(states, all) } else { further }
            }
            text => match text.strip_suffix('*') {
                Some(prefix) => {
                    let begun = template.step(states, |literal| literal.starts_with(prefix));
                    from_lowest(begun, all)
                }
                None => template.step(states, |literal| literal == text),
            },
        };
        if states == 0 {
            return false;
        }
    }
    states & template.end() != 0
}

/// States are bits: bit `n` is set if the first `n` segments can have been matched.
struct Template<'a>(&'a [Segment]);

impl Template<'_> {
    fn end(&self) -> u128 {
        u32::try_from(self.0.len()).ok().and_then(|length| 1_u128.checked_shl(length)).unwrap_or(0)
    }

    fn all(&self) -> Option<u128> {
        Some((self.end().checked_mul(2)?).saturating_sub(1)).filter(|all| *all != 0)
    }

    /// Returns the end state if a greedy segment can match more.
    fn greedy(&self, states: u128) -> u128 {
        let is_greedy = matches!(self.0.last(), Some(Segment::Greedy(_)));
        if is_greedy { states & self.end() } else { 0 }
    }

    /// One segment or more.
    fn beyond(&self, states: u128, all: u128) -> u128 {
        (from_lowest(states, all) << 1) & all | self.greedy(states)
    }

    /// One segment with a text that `matches` accepts.
    fn step(&self, states: u128, matches: impl Fn(&str) -> bool) -> u128 {
        let mut next = self.greedy(states);
        let mut bit: u128 = 1;
        for segment in self.0 {
            let fits = match segment {
                Segment::Literal(literal) => matches(literal),
                Segment::Parameter(_) | Segment::Greedy(_) => true,
            };
            if fits && states & bit != 0 {
                next |= bit << 1;
            }
            bit <<= 1;
        }
        next
    }
}

/// The lowest state and all after it.
fn from_lowest(states: u128, all: u128) -> u128 {
    all & u128::MAX.checked_shl(states.trailing_zeros()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::EmptySegments::{Any, None};
    use super::{EmptySegments, reaches};
    use crate::routes::{Requirement, Route};

    #[track_caller]
    fn check(pattern: &str, route: &str, empty: EmptySegments, expected: bool) {
        let (verb, path) = route.split_once(' ').unwrap();
        let requirement = Requirement::any_of(vec![BTreeSet::new()]).unwrap();
        let parsed =
            Route { verb: verb.parse().unwrap(), path: path.parse().unwrap(), requirement };
        assert_eq!(reaches(pattern, &parsed, empty), expected, "{pattern} {route} {empty:?}");
    }

    #[test]
    fn a_pattern_reaches_the_routes_that_have_requests_it_matches() {
        for (pattern, route, without, with) in [
            ("GET/pets", "GET /pets", true, true),
            ("GET/pets", "POST /pets", false, false),
            ("GET/pets", "ANY /pets", true, true),
            ("*/pets", "GET /a/pets", true, true),
            ("*/*", "GET /", true, true),
            ("GET/*", "GET /admin", true, true),
            // `GET//admin` has an empty first segment.
            ("GET/*/admin", "GET /admin", false, true),
            ("GET/pets/*", "GET /pets", true, true),
            ("GET/pets/?*", "GET /pets", false, true),
            ("GET/pets/*/?*", "GET /pets/{id}", false, true),
            ("GET/pets/*/?*", "GET /pets/{id}/owner", true, true),
            ("GET/pets/*/*/owner", "GET /pets/{id}/owner", false, true),
            ("GET/pets/*/*/owner", "GET /pets/{id}/{part}/owner", true, true),
            ("GET/pets/*/*/owner", "GET /pets/{rest+}", true, true),
            ("GET/a/b/c/d", "GET /a/{rest+}", true, true),
            ("GET/a/b/c/d", "GET /b/{rest+}", false, false),
            ("GET/owners/*", "GET /pets", false, false),
            ("GET/pet*", "GET /pets", true, true),
            ("GET/pet*", "GET /pets/{id}/owner", true, true),
            ("GET/pet*", "GET /a/pets", false, false),
            ("GET/*/pet*", "GET /pets", false, true),
            ("GET/pet*", "GET /{any}/owner", true, true),
            ("GET/pet*", "GET /owners", false, false),
        ] {
            check(pattern, route, None, without);
            check(pattern, route, Any, with);
        }
    }
}
