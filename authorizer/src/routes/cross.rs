//! Which routes' requests a route's IAM pattern matches.
//!
//! In the pattern every parameter is `*`, and so is the verb `ANY`. `*` crosses `/`: it stands
//! for one segment or more, any of which may be empty. A pattern reaches a route if some concrete path matches it
//! and routing gives that path to the route. It is enough to try paths whose free segments are
//! a text that stands in no template: any other path of the same shape is taken by at least as
//! many routes.

use super::{Route, Segment, Verb, position};

/// Stands in no template, because templates have no control characters.
const FRESH: &str = "\u{1}";

/// A route that another one's pattern reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crossing {
    /// The route's place in the table.
    pub(crate) at: usize,
    /// Reached by paths with a slash at the end, which routing ignores and IAM does not.
    pub(crate) slash: bool,
}

/// Returns, for each route, what its pattern reaches.
pub(super) fn crossings(routes: &[Route]) -> Vec<Vec<Crossing>> {
    let places =
        || (0..routes.len()).flat_map(|at| [false, true].map(|slash| Crossing { at, slash }));
    let reached = |from| places().filter(|crossing| reaches(routes, from, *crossing)).collect();
    routes.iter().map(reached).collect()
}

fn reaches(routes: &[Route], from: &Route, Crossing { at, slash }: Crossing) -> bool {
    let Some(to) = routes.get(at) else { return false };
    let pattern = pattern(from);
    let methods = Verb::NAMED.into_iter().map(Verb::name).filter(|method| to.verb.takes(method));
    let mut belongs = |request: &[&str]| match request.split_first() {
        Some((method, path)) => {
            let path = path.strip_suffix(&[""]).unwrap_or(path);
            position(routes, method, path) == Some(at)
        }
        None => false,
    };
    methods.flat_map(|method| shapes(pattern.len(), method, to, slash)).any(|shape| {
        let mut request = Vec::with_capacity(shape.len());
        aligned(&pattern, &shape, &mut request, &mut belongs)
    })
}

/// Returns the pattern of a route, verb first: a text, or nothing for `*`.
fn pattern(route: &Route) -> Vec<Option<&str>> {
    let verb = (route.verb != Verb::Any).then_some(route.verb.name());
    let root = route.path.segments().is_empty().then_some(Some(""));
    std::iter::once(verb).chain(literals(route)).chain(root).collect()
}

/// Returns the shapes of the requests that `to` takes, method first: a text where it must be,
/// nothing where any may be. A greedy segment is tried in every length that a pattern could
/// tell apart.
fn shapes<'a>(
    pattern_length: usize,
    method: &'a str,
    to: &'a Route,
    slash: bool,
) -> Vec<Vec<Option<&'a str>>> {
    let segments = to.path.segments();
    // The root is one empty segment anyway, with a slash or without.
    let end = (slash || segments.is_empty()).then_some(Some(""));
    let longer = if let Some(Segment::Greedy(_)) = segments.last() { pattern_length } else { 0 };
    let lengthened = |more| {
        let free = std::iter::repeat_n(None, more);
        std::iter::once(Some(method)).chain(literals(to)).chain(free).chain(end).collect()
    };
    (0..=longer).map(lengthened).collect()
}

fn literals(route: &Route) -> impl Iterator<Item = Option<&str>> {
    route.path.segments().iter().map(|segment| {
        if let Segment::Literal(text) = segment { Some(text.as_str()) } else { None }
    })
}

/// Tries every way in which the pattern can take the shape, and says whether one of them
/// makes a request for which `belongs` holds.
fn aligned<'a>(
    pattern: &[Option<&'a str>],
    shape: &[Option<&'a str>],
    request: &mut Vec<&'a str>,
    belongs: &mut impl FnMut(&[&str]) -> bool,
) -> bool {
    let Some((text, rest)) = pattern.split_first() else {
        return shape.is_empty() && belongs(request);
    };
    let before = request.len();
    let mut remaining = shape;
    while let Some((slot, after)) = remaining.split_first() {
        if text.is_some() && slot.is_some() && text != slot {
            break;
        }
        request.push(text.or(*slot).unwrap_or(FRESH));
        if aligned(rest, after, request, belongs) {
            return true;
        }
        remaining = after;
        // Only a wildcard takes more than one.
        if text.is_some() {
            break;
        }
    }
    request.truncate(before);
    false
}
