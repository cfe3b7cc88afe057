//! The route table: which scopes open which method and path template, and which route a
//! concrete request belongs to.
//!
//! Routing here is API Gateway's: literal before parameter before greedy, segment by
//! segment; a verb that a resource does not declare falls through to the next resource that
//! matches and does.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use fixedbitset::FixedBitSet;

mod coverage;
mod patterns;
mod router;
mod template;

pub(crate) use coverage::PathVariant;
pub(crate) use patterns::{Pattern, Patterns, keep_widest, spelled};
pub use router::Router;
pub use template::{PathTemplate, PathTemplateError, Segment};

/// An HTTP method that API Gateway lets a resource declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `ANY`: every method the resource does not declare itself.
    Any,
}

impl Verb {
    /// Every method that a request can have.
    pub const NAMED: [Self; 7] =
        [Self::Delete, Self::Get, Self::Head, Self::Options, Self::Patch, Self::Post, Self::Put];

    /// Returns the method's name, `ANY` for [`Verb::Any`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Any => "ANY",
        }
    }

    /// Says whether a route with this verb takes a request with that method.
    pub fn matches(self, method: &str) -> bool {
        self == Self::Any || self.name() == method
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Verb {
    type Err = UnknownVerb;

    fn from_str(name: &str) -> Result<Self, UnknownVerb> {
        let any = std::iter::once(Self::Any);
        Self::NAMED.into_iter().chain(any).find(|verb| verb.name() == name).ok_or(UnknownVerb)
    }
}

/// The text is not a method that API Gateway knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, ANY")]
pub struct UnknownVerb;

/// Which scopes open a route: all of any one set. An empty set asks for a valid token only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    alternatives: Vec<BTreeSet<String>>,
}

impl Requirement {
    /// Makes a requirement; `None` without an alternative, because nothing must never mean
    /// anything.
    pub fn any_of(alternatives: Vec<BTreeSet<String>>) -> Option<Self> {
        if alternatives.is_empty() { None } else { Some(Self { alternatives }) }
    }

    /// Returns the sets, any one of which is enough.
    pub fn alternatives(&self) -> &[BTreeSet<String>] {
        &self.alternatives
    }

    /// Says whether a caller who holds `scopes` may pass.
    pub fn is_met_by(&self, scopes: &BTreeSet<String>) -> bool {
        self.alternatives.iter().any(|all| all.is_subset(scopes))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, all) in self.alternatives.iter().enumerate() {
            let scopes = all.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            write!(f, "{}{scopes}", if index == 0 { "" } else { " or " })?;
        }
        Ok(())
    }
}

/// A guarded method of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The resource.
    pub path: PathTemplate,
    /// Who may call it.
    pub requirement: Requirement,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.path)
    }
}

/// The guarded routes of one API, in the order in which a request looks for its own, with
/// everything that policies need and that depends on the table alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    routes: Vec<Route>,
    router: Router,
    /// The routes that each requirement opens; few requirements guard many routes.
    opened: Vec<(Requirement, FixedBitSet)>,
    patterns: Patterns,
}

/// Two entries for one method of one resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` stands in the table twice")]
pub struct DuplicateRoute(String);

impl RouteTable {
    /// Puts routes in order and works out which patterns reach into which routes.
    pub fn new(mut routes: Vec<Route>) -> Result<Self, DuplicateRoute> {
        routes.sort_by(|a, b| compare_precedence((&a.path, a.verb), (&b.path, b.verb)));
        let tree = Router::new(routes.iter().map(|route| (&route.path, route.verb)))?;
        let mut opened: Vec<(Requirement, FixedBitSet)> = Vec::new();
        for (at, route) in routes.iter().enumerate() {
            let known = opened.iter_mut().find(|(known, _)| *known == route.requirement);
            if let Some((_, places)) = known {
                places.insert(at);
            } else {
                let mut places = FixedBitSet::with_capacity(routes.len());
                places.insert(at);
                opened.push((route.requirement.clone(), places));
            }
        }
        let patterns = Patterns::of(&tree, &routes);
        Ok(Self { routes, router: tree, opened, patterns })
    }

    /// Returns the routes in order of precedence.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Finds the route of a request.
    pub fn find(&self, method: &str, path: &[&str]) -> Option<&Route> {
        self.routes.get(self.position(method, path)?)
    }

    /// Finds the place of the route of a request.
    pub(crate) fn position(&self, method: &str, path: &[&str]) -> Option<usize> {
        self.router.find(method, path)
    }

    /// Returns the places of the routes that a caller may call who holds `scopes`.
    pub(crate) fn opened_by(&self, scopes: &BTreeSet<String>) -> FixedBitSet {
        let mut opened = FixedBitSet::with_capacity(self.routes.len());
        for (requirement, places) in &self.opened {
            if requirement.is_met_by(scopes) {
                opened.union_with(places);
            }
        }
        opened
    }

    /// Returns the table's IAM patterns.
    pub(crate) fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// Returns the narrowest patterns that match the requests of a variant which the pattern of
    /// the route at `from` matches as well.
    pub(crate) fn overlap(&self, from: usize, variant: PathVariant) -> &[String] {
        let overlaps = self.patterns.overlaps(&self.router, from);
        overlaps.and_then(|overlaps| overlaps.get(&variant)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Finds what no policy can say: a caller who may call `granted` and `closed` but not
    /// `refused`. Allowing the first opens the second to them, and denying as little of that as
    /// IAM can say closes the third. One for each two routes of which that is true, found as it
    /// is asked for.
    pub fn policy_conflicts(&self) -> impl Iterator<Item = PolicyConflict<'_>> {
        self.routes.iter().enumerate().flat_map(move |(at, granted)| {
            let overlaps = self.patterns.overlaps(&self.router, at).into_iter().flatten();
            let mut told = None;
            overlaps.filter_map(move |(variant, texts)| {
                // Both spellings of a route follow each other.
                if told == Some(variant.route) {
                    return None;
                }
                let conflict = self.untold(granted, self.routes.get(variant.route)?, texts)?;
                told = Some(variant.route);
                Some(conflict)
            })
        })
    }

    /// Finds what is closed by denying `texts`, the narrowest patterns for what `granted`'s
    /// opens of `refused`, to a caller who may call it.
    fn untold<'a>(
        &'a self,
        granted: &'a Route,
        refused: &'a Route,
        texts: &[String],
    ) -> Option<PolicyConflict<'a>> {
        if refused.requirement == granted.requirement {
            return None;
        }
        let closed = texts.iter().flat_map(|text| patterns::reached_by(&self.router, text));
        closed.filter_map(|place| self.routes.get(place)).find_map(|closed| {
            let scopes = telling_apart(granted, closed, refused)?;
            Some(PolicyConflict { granted, refused, closed, scopes })
        })
    }
}

/// Three routes that an IAM policy cannot tell apart for a caller who holds `scopes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConflict<'a> {
    /// Its pattern also matches requests of `refused`.
    pub granted: &'a Route,
    /// Not open to the caller; denying it closes `closed`.
    pub refused: &'a Route,
    /// Open to the caller, and closed by the Deny.
    pub closed: &'a Route,
    /// What the caller holds.
    pub scopes: BTreeSet<String>,
}

/// Finds the scopes that open `a` and `b` but not `c`; the fewest are enough to look at.
fn telling_apart(a: &Route, b: &Route, c: &Route) -> Option<BTreeSet<String>> {
    let (a, b) = (a.requirement.alternatives(), b.requirement.alternatives());
    let unions = a.iter().flat_map(|a| b.iter().map(move |b| a.union(b).cloned().collect()));
    unions.into_iter().find(|scopes| !c.requirement.is_met_by(scopes))
}

/// Orders routes so that the first that takes a request is the one API Gateway picks.
pub fn compare_precedence(a: (&PathTemplate, Verb), b: (&PathTemplate, Verb)) -> Ordering {
    let ((path, verb), (other, by)) = (a, b);
    path.precedence(other).then(verb.cmp(&by)).then_with(|| path.cmp(other))
}

/// Splits a concrete path into the segments that templates match. The slash at the start and
/// one at the end say nothing; what is between two slashes is a segment, empty or not.
pub fn split(path: &str) -> Vec<&str> {
    segments(path.strip_prefix('/').unwrap_or(path))
}

/// Splits a concrete path without its slash at the start, as method ARNs have it.
pub(crate) fn segments(path: &str) -> Vec<&str> {
    if path.is_empty() {
        return Vec::new();
    }
    path.strip_suffix('/').unwrap_or(path).split('/').collect()
}
