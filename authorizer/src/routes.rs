//! The route table: the scopes that each method and path template requires, and the route of a
//! request.
//!
//! Routing is that of API Gateway: literal before parameter before greedy, segment by segment. A
//! request whose method a resource does not declare falls through to the next matching resource
//! that declares it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use fixedbitset::FixedBitSet;

mod coverage;
mod gaps;
mod glob;
mod patterns;
mod router;
mod spelling;
mod template;

pub(crate) use coverage::PathVariant;
pub(crate) use glob::{matches, subsumes};
pub(crate) use patterns::{Pattern, Patterns, remove_subsumed, with_trailing_slash};
pub use router::Router;
use spelling::EmptySegments;
pub(crate) use template::is_plain;
pub use template::{PathTemplate, PathTemplateError, Segment};

/// An HTTP method of a resource in API Gateway.
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
    /// `ANY`: every method that the resource does not declare itself.
    Any,
}

impl Verb {
    /// The methods of requests: all but `ANY`.
    pub const NAMED: [Self; 7] =
        [Self::Delete, Self::Get, Self::Head, Self::Options, Self::Patch, Self::Post, Self::Put];

    /// Returns the name in capitals, `ANY` for [`Verb::Any`].
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

    /// Returns whether a route with this verb matches a request with that method.
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

/// The text is not a method of API Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, ANY")]
pub struct UnknownVerb;

/// The scopes that a route requires: all of any one set. An empty set requires only a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    alternatives: Vec<BTreeSet<String>>,
}

impl Requirement {
    /// Creates a requirement; `None` if `alternatives` is empty, because empty never means any.
    pub fn any_of(alternatives: Vec<BTreeSet<String>>) -> Option<Self> {
        if alternatives.is_empty() { None } else { Some(Self { alternatives }) }
    }

    /// Returns the scope sets, any one of which is sufficient.
    pub fn alternatives(&self) -> &[BTreeSet<String>] {
        &self.alternatives
    }

    /// Returns whether a token with `scopes` meets the requirement.
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

/// A method of a resource, and the scopes that it requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The path of the resource.
    pub path: PathTemplate,
    /// The required scopes.
    pub requirement: Requirement,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.path)
    }
}

/// The protected routes of one API, in order of precedence, with the patterns that policies are
/// built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    routes: Vec<Route>,
    router: Router,
    /// The routes of each distinct requirement; few requirements apply to many routes.
    by_requirement: Vec<(Requirement, FixedBitSet)>,
    patterns: Patterns,
}

/// Two entries for one method of one resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("duplicate route `{0}`")]
pub struct DuplicateRoute(String);

impl RouteTable {
    /// Sorts the routes by precedence and computes their patterns.
    pub fn new(mut routes: Vec<Route>) -> Result<Self, DuplicateRoute> {
        routes.sort_by(|a, b| compare_precedence((&a.path, a.verb), (&b.path, b.verb)));
        let tree = Router::new(routes.iter().map(|route| (&route.path, route.verb)))?;
        let mut by_requirement: Vec<(Requirement, FixedBitSet)> = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            let known = by_requirement.iter_mut().find(|(known, _)| *known == route.requirement);
            if let Some((_, indices)) = known {
                indices.insert(index);
            } else {
                let mut indices = FixedBitSet::with_capacity(routes.len());
                indices.insert(index);
                by_requirement.push((route.requirement.clone(), indices));
            }
        }
        let patterns = Patterns::new(&tree, &routes);
        Ok(Self { routes, router: tree, by_requirement, patterns })
    }

    /// Returns the routes in order of precedence.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Returns the route of a request.
    pub fn find(&self, method: &str, path: &[&str]) -> Option<&Route> {
        self.routes.get(self.position(method, path)?)
    }

    /// Returns the index of the route of a request.
    pub(crate) fn position(&self, method: &str, path: &[&str]) -> Option<usize> {
        self.router.find(method, path)
    }

    /// Returns the indices of the routes that `scopes` grant.
    pub(crate) fn granted_to(&self, scopes: &BTreeSet<String>) -> FixedBitSet {
        let mut granted = FixedBitSet::with_capacity(self.routes.len());
        for (requirement, indices) in &self.by_requirement {
            if requirement.is_met_by(scopes) {
                granted.union_with(indices);
            }
        }
        granted
    }

    /// Returns the table's IAM patterns.
    pub(crate) fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// Returns the indices of the routes with requests that a pattern matches, in any spelling.
    pub(crate) fn reached_by(&self, pattern: &str) -> FixedBitSet {
        spelling::reached(pattern, &self.routes, EmptySegments::Any)
    }

    /// Returns the narrowest patterns for the requests of a variant that the own pattern of the
    /// route `from` matches as well.
    pub(crate) fn overlap(&self, from: usize, variant: PathVariant) -> &[String] {
        let overlaps = self.patterns.overlaps(&self.router, from);
        overlaps.and_then(|overlaps| overlaps.get(&variant)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Finds the combinations that no policy can express: `granted` and `closed` are granted to the
    /// caller, `refused` is not. The Allow for `granted` matches requests of `refused`, and the
    /// narrowest Deny of these matches requests of `closed`. Yields, lazily, one conflict for each
    /// pair of `granted` and `refused`.
    pub fn policy_conflicts(&self) -> impl Iterator<Item = PolicyConflict<'_>> {
        self.routes.iter().enumerate().flat_map(move |(at, granted)| {
            let overlaps = self.patterns.overlaps(&self.router, at).into_iter().flatten();
            let mut last = None;
            overlaps.filter_map(move |(variant, texts)| {
                // Both variants of a route are adjacent.
                if last == Some(variant.route) {
                    return None;
                }
                let conflict =
                    self.policy_conflict(granted, self.routes.get(variant.route)?, texts)?;
                last = Some(variant.route);
                Some(conflict)
            })
        })
    }

    /// Returns the conflict of `granted` and `refused`, if denying `texts` denies requests of a
    /// route that is granted. `texts` are the narrowest patterns for the requests of `refused` that
    /// the pattern of `granted` matches.
    fn policy_conflict<'a>(
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
            let scopes = distinguishing_scopes(granted, closed, refused)?;
            Some(PolicyConflict { granted, refused, closed, scopes })
        })
    }
}

/// Three routes that no single IAM policy can distinguish for a caller with `scopes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConflict<'a> {
    /// Granted to the caller; its pattern also matches requests of `refused`.
    pub granted: &'a Route,
    /// Not granted to the caller; its Deny also matches requests of `closed`.
    pub refused: &'a Route,
    /// Granted to the caller, and partly denied by the Deny.
    pub closed: &'a Route,
    /// The caller's scopes.
    pub scopes: BTreeSet<String>,
}

/// Returns scopes that grant `a` and `b` but not `c`. Minimal sets suffice: more scopes grant more
/// routes.
fn distinguishing_scopes(a: &Route, b: &Route, c: &Route) -> Option<BTreeSet<String>> {
    let (a, b) = (a.requirement.alternatives(), b.requirement.alternatives());
    let unions = a.iter().flat_map(|a| b.iter().map(move |b| a.union(b).cloned().collect()));
    unions.into_iter().find(|scopes| !c.requirement.is_met_by(scopes))
}

/// Compares routes by precedence: the first that matches a request is the one that API Gateway
/// selects.
pub fn compare_precedence(a: (&PathTemplate, Verb), b: (&PathTemplate, Verb)) -> Ordering {
    let ((path, verb), (other, by)) = (a, b);
    path.precedence(other).then(verb.cmp(&by)).then_with(|| path.cmp(other))
}

/// Splits the path of a request into segments. Empty segments are dropped, as API Gateway does when
/// it routes: `//pets/7/` is `/pets/7`.
pub fn split(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}
