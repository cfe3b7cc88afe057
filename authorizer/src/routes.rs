//! The route table: which scopes open which method and path template, and which route a
//! concrete request belongs to.
//!
//! Routing here is API Gateway's: literal before parameter before greedy, segment by
//! segment; a verb that a resource does not declare falls through to the next resource that
//! matches and does.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

mod cross;

pub(crate) use cross::Crossing;

/// Leaves room for the ARN in the 512 characters that API Gateway allows a `Resource`.
const MAX_TEMPLATE_BYTES: usize = 300;

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
    pub fn takes(self, method: &str) -> bool {
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

/// One step of a path template. The order is API Gateway's precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Text that must be equal.
    Literal(String),
    /// `{name}`: one segment, whatever it is.
    Parameter(String),
    /// `{name+}`: this segment and all that follow.
    Greedy(String),
}

impl Segment {
    fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (Self::Parameter(_), Self::Parameter(_)) | (Self::Greedy(_), Self::Greedy(_)) => true,
            _ => false,
        }
    }
}

/// A resource's path, such as `/pets/{id}` or `/files/{proxy+}`. The order is API Gateway's
/// precedence among the templates that match one path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathTemplate {
    segments: Vec<Segment>,
}

/// Why a text is not a path template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathTemplateError {
    /// API Gateway allows these and no others; `*` and `?` would be wildcards in a policy.
    #[error("the segment `{0}` has characters other than letters, digits and `.` `_` `-` `:`")]
    Character(String),
    /// `//` or a slash at the end.
    #[error("a segment is empty")]
    EmptySegment,
    /// `{proxy+}` must be the last segment.
    #[error("something follows the greedy segment `{0}`")]
    GreedyInside(String),
    /// No slash at the start.
    #[error("it does not begin with `/`")]
    NotAbsolute,
    /// Braces that do not enclose the whole segment, or nothing.
    #[error("the segment `{0}` is not wholly a parameter")]
    PartialParameter(String),
    /// Its policy resource would exceed API Gateway's limit.
    #[error("it is longer than 300 characters")]
    TooLong,
}

impl PathTemplate {
    /// Returns the template's segments; none for the root.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Says whether both templates name the same resource, whatever their parameters' names.
    pub fn same_resource(&self, other: &Self) -> bool {
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|(a, b)| a.same_place(b))
    }

    /// Says whether a concrete path belongs to this template, looked at alone.
    pub fn matches(&self, path: &[&str]) -> bool {
        let mut path = path.iter();
        for segment in &self.segments {
            match (segment, path.next()) {
                (_, None) => return false,
                (Segment::Greedy(_), Some(_)) => return true,
                (Segment::Parameter(_), Some(_)) => {}
                (Segment::Literal(literal), Some(actual)) => {
                    if literal != actual {
                        return false;
                    }
                }
            }
        }
        path.next().is_none()
    }
}

impl FromStr for PathTemplate {
    type Err = PathTemplateError;

    fn from_str(text: &str) -> Result<Self, PathTemplateError> {
        let path = text.strip_prefix('/').ok_or(PathTemplateError::NotAbsolute)?;
        if text.len() > MAX_TEMPLATE_BYTES {
            return Err(PathTemplateError::TooLong);
        }
        let mut segments: Vec<Segment> = Vec::new();
        for part in path.split('/').filter(|_| !path.is_empty()) {
            if let Some(Segment::Greedy(name)) = segments.last() {
                return Err(PathTemplateError::GreedyInside(name.clone()));
            }
            segments.push(segment(part)?);
        }
        Ok(Self { segments })
    }
}

fn segment(part: &str) -> Result<Segment, PathTemplateError> {
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':'))
    };
    let braced = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    match braced {
        Some(name) => {
            let greedy = name.strip_suffix('+');
            let name = greedy.unwrap_or(name);
            if name.is_empty() || !plain(name) {
                return Err(PathTemplateError::PartialParameter(part.to_owned()));
            }
            Ok(if greedy.is_some() {
                Segment::Greedy(name.to_owned())
            } else {
                Segment::Parameter(name.to_owned())
            })
        }
        None if part.is_empty() => Err(PathTemplateError::EmptySegment),
        None if part.contains(['{', '}']) => {
            Err(PathTemplateError::PartialParameter(part.to_owned()))
        }
        None if plain(part) => Ok(Segment::Literal(part.to_owned())),
        None => Err(PathTemplateError::Character(part.to_owned())),
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Parameter(name) => write!(f, "/{{{name}}}"),
            Segment::Greedy(name) => write!(f, "/{{{name}+}}"),
        })
    }
}

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

/// The guarded routes of one API, in the order in which a request looks for its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    routes: Vec<Route>,
    crossed: Vec<Vec<Crossing>>,
}

/// Two entries for one method of one resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` stands in the table twice")]
pub struct DuplicateRoute(String);

impl RouteTable {
    /// Puts routes in order and works out which patterns reach into which routes.
    pub fn new(mut routes: Vec<Route>) -> Result<Self, DuplicateRoute> {
        routes.sort_by(|a, b| by_precedence((&a.path, a.verb), (&b.path, b.verb)));
        let twice = |route: &&Route| {
            let same =
                |other: &&Route| other.verb == route.verb && other.path.same_resource(&route.path);
            routes.iter().filter(same).count() > 1
        };
        if let Some(route) = routes.iter().find(twice) {
            return Err(DuplicateRoute(route.to_string()));
        }
        let crossed = cross::crossings(&routes);
        Ok(Self { routes, crossed })
    }

    /// Returns the routes in order of precedence.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Finds the route of a request.
    pub fn find(&self, method: &str, path: &[&str]) -> Option<&Route> {
        self.routes.get(position(&self.routes, method, path)?)
    }

    /// Returns the routes, its own among them, to which requests belong that the IAM pattern
    /// of the route at `index` matches.
    pub(crate) fn crossed_by(&self, index: usize) -> &[Crossing] {
        self.crossed.get(index).map(Vec::as_slice).unwrap_or_default()
    }

    /// Finds what no policy can say: a caller who may call `granted` and `closed` but not
    /// `refused`. Allowing the first opens the second to them, and denying that closes the
    /// third.
    pub fn inexpressible(&self) -> Vec<Inexpressible<'_>> {
        let crossed = |index: usize| {
            let plain = self.crossed_by(index).iter().filter(|crossing| !crossing.slash);
            plain.filter_map(|crossing| Some((crossing.at, self.routes.get(crossing.at)?)))
        };
        let mut found = Vec::new();
        for (at, granted) in self.routes.iter().enumerate() {
            for (refused_at, refused) in crossed(at) {
                for (closed_at, closed) in crossed(refused_at) {
                    if refused_at != at
                        && closed_at != refused_at
                        && let Some(scopes) = telling_apart(granted, closed, refused)
                    {
                        found.push(Inexpressible { granted, refused, closed, scopes });
                    }
                }
            }
        }
        found
    }
}

/// Three routes that an IAM policy cannot tell apart for a caller who holds `scopes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inexpressible<'a> {
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

/// Finds the place of the route that a request belongs to.
fn position(routes: &[Route], method: &str, path: &[&str]) -> Option<usize> {
    routes.iter().position(|route| route.verb.takes(method) && route.path.matches(path))
}

/// Orders routes so that the first that takes a request is the one API Gateway picks.
pub fn by_precedence(a: (&PathTemplate, Verb), b: (&PathTemplate, Verb)) -> std::cmp::Ordering {
    a.cmp(&b)
}

/// Splits a concrete path into the segments that templates match. The slash at the start and
/// one at the end say nothing.
pub fn split(path: &str) -> Vec<&str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() { Vec::new() } else { path.split('/').collect() }
}
