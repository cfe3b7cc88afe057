//! The description of a function: the routes that it knows, for the deployer of an API that does not
//! release the function itself.
//!
//! A direct invocation with [`REQUEST`] returns it. API Gateway sends no such event: its events have
//! the member `type`. The description has no issuer, key, subject or log key.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{AccessRules, Config};
use crate::error::Fault;
use crate::json;
use crate::response::AuthorizerResponse;
use crate::routes::{PathTemplate, Requirement, Router, Segment, Verb};
use crate::signature::sha256;

/// The payload of an invocation that returns the description.
pub const REQUEST: &str = r#"{"portcullis": "describe"}"#;

/// The format of the description. It changes when a member is removed or its meaning changes.
const FORMAT: u32 = 1;

/// The length of a table's digest, in bytes before they are written as hexadecimal digits.
const DIGEST_BYTES: usize = 8;

/// The scope sets of a requirement, any one of which is sufficient.
pub type Alternatives = BTreeSet<BTreeSet<String>>;

/// The version, mode and access rules of a function. Unknown members are ignored when it is read, so
/// that an old deployer reads the description of a newer function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    format: u32,
    version: String,
    pinned: bool,
    tables: Vec<DescribedTable>,
}

/// The access rules for an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedTable {
    /// The API's ID; `None` if the rules apply to every API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The first 16 hexadecimal digits of the SHA-256 hash of the rules as compact JSON.
    pub digest: String,
    /// The rules.
    #[serde(flatten)]
    pub rules: DescribedRules,
}

/// The scopes that a table requires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DescribedRules {
    /// The requirement of each route, by method and path: `GET /pets/{petId}`.
    Routes(BTreeMap<String, Alternatives>),
    /// One requirement for every route: the function has no route table.
    Requirement(Alternatives),
}

/// A function does not decide all guarded routes of an API as the API requires.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", message(.unknown, .different, .shadowing))]
pub struct NotCovered {
    /// The routes that the function does not contain.
    pub unknown: Vec<String>,
    /// The routes for which the function has another requirement.
    pub different: Vec<String>,
    /// Routes of the function only, whose requests the API routes to one of another requirement.
    pub shadowing: Vec<String>,
}

/// A direct invocation: an object with exactly one member.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Invocation<'a> {
    Portcullis(&'a str),
}

#[derive(Serialize)]
struct Envelope<'a> {
    portcullis: &'a Description,
}

/// Returns whether an event requests the description: [`REQUEST`], and no other object.
pub(crate) fn is_requested(event: &str) -> bool {
    matches!(serde_json::from_str(event), Ok(Invocation::Portcullis("describe")))
}

impl Description {
    /// Describes the function with a configuration.
    pub fn of(config: &Config) -> Self {
        let tables = config.all_access_rules();
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pinned: config.is_pinned(),
            tables: tables.map(|(api, rules)| DescribedTable::of(api, rules)).collect(),
        }
    }

    /// Reads the response of a function; `None` if it is no description in a known format.
    pub fn read(response: &Value) -> Option<Self> {
        let description = Self::deserialize(response.get("portcullis")?).ok()?;
        let mut apis = BTreeSet::new();
        let is_unique = description.tables.iter().all(|table| apis.insert(&table.api));
        (description.format == FORMAT && is_unique).then_some(description)
    }

    /// Returns the response of the function.
    pub(crate) fn response(&self) -> Result<AuthorizerResponse, Fault> {
        AuthorizerResponse::new(&Envelope { portcullis: self })
    }

    /// Returns the version of the function's code.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns whether the function is pinned to one deployment.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// Returns the access rules, by API.
    pub fn tables(&self) -> &[DescribedTable] {
        &self.tables
    }

    /// Checks that the function contains each of the `wanted` routes with the same requirement. `api` is
    /// the API's ID, if the API exists. The function may contain more routes, if none of them decides the
    /// requests of a wanted one with another requirement, and the names of parameters may differ.
    pub fn covers(
        &self,
        api: Option<&str>,
        wanted: &BTreeMap<String, Requirement>,
    ) -> Result<(), NotCovered> {
        let table = |id| self.tables.iter().find(|table| table.api.as_deref() == id);
        let rules = api.and_then(|id| table(Some(id))).or_else(|| table(None));
        let known = rules.map(|table| KnownRules::of(&table.rules));
        let shadowing = rules.map(|table| table.rules.shadowing(wanted)).unwrap_or_default();
        let mut missing = NotCovered { unknown: Vec::new(), different: Vec::new(), shadowing };
        for (route, requirement) in wanted {
            match known.as_ref().and_then(|known| known.requirement(route)) {
                None => missing.unknown.push(route.clone()),
                Some(known) if *known != alternatives(requirement) => {
                    missing.different.push(route.clone());
                }
                Some(_) => {}
            }
        }
        let NotCovered { unknown, different, shadowing } = &missing;
        let is_covered = unknown.is_empty() && different.is_empty() && shadowing.is_empty();
        if is_covered { Ok(()) } else { Err(missing) }
    }
}

impl DescribedTable {
    fn of(api: Option<&str>, rules: &AccessRules) -> Self {
        let rules = match rules {
            AccessRules::Stage(requirement) => {
                DescribedRules::Requirement(alternatives(requirement))
            }
            AccessRules::Routes(table) => {
                let routes = table.routes().iter();
                let row = routes.map(|route| (route.to_string(), alternatives(&route.requirement)));
                DescribedRules::Routes(row.collect())
            }
        };
        Self { api: api.map(str::to_owned), digest: rules.digest(), rules }
    }
}

/// A segment that no template has as a literal.
const UNUSED_SEGMENT: &str = "\u{1}";

impl DescribedRules {
    /// Returns the routes that are not wanted, and whose requests are those of a wanted route with
    /// another requirement.
    fn shadowing(&self, wanted: &BTreeMap<String, Requirement>) -> Vec<String> {
        let Self::Routes(routes) = self else { return Vec::new() };
        let wanted: Vec<_> = (wanted.iter())
            .filter_map(|(route, requirement)| Some((parsed(route)?, alternatives(requirement))))
            .collect();
        let known: Vec<_> = routes
            .iter()
            .filter_map(|(route, known)| Some((route, parsed(route)?, known)))
            .collect();
        let (mut as_wanted, mut as_known) = (Router::default(), Router::default());
        for (index, ((verb, path), _)) in wanted.iter().enumerate() {
            as_wanted.insert(path, *verb, index);
        }
        for (index, (_, (verb, path), _)) in known.iter().enumerate() {
            as_known.insert(path, *verb, index);
        }
        let decides_otherwise = |verb: Verb, path: &[&str]| {
            let wanted = as_wanted.find(verb.name(), path).and_then(|index| wanted.get(index));
            let known = as_known.find(verb.name(), path).and_then(|index| known.get(index));
            wanted.zip(known).is_some_and(|((_, wanted), (.., known))| wanted != *known)
        };
        let is_wanted = |route: &str| {
            wanted.iter().any(|((verb, path), _)| {
                parsed(route)
                    .is_some_and(|(known, template)| known == *verb && template.same_resource(path))
            })
        };
        let extra = known.iter().filter(|(route, ..)| !is_wanted(route));
        let shadowing = extra.filter(|(_, (verb, path), _)| {
            let sample = path.segments().iter().map(|segment| match segment {
                Segment::Literal(text) => text.as_str(),
                Segment::Parameter(_) | Segment::Greedy(_) => UNUSED_SEGMENT,
            });
            let sample: Vec<&str> = sample.collect();
            let verbs =
                if *verb == Verb::Any { &Verb::NAMED[..] } else { std::slice::from_ref(verb) };
            verbs.iter().any(|verb| decides_otherwise(*verb, &sample))
        });
        shadowing.map(|(route, ..)| (*route).clone()).collect()
    }

    /// Returns the digest of the rules, which are sorted.
    fn digest(&self) -> String {
        let text = match self {
            Self::Routes(routes) => json::serialize(routes),
            Self::Requirement(requirement) => json::serialize(requirement),
        };
        // Maps and lists of text can always be serialized.
        let text = text.map(|text| text.get().to_owned()).unwrap_or_default();
        let hash = sha256(text.as_bytes());
        let bytes = hash.iter().take(DIGEST_BYTES);
        bytes.fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
    }
}

/// Rules by which routes are compared.
enum KnownRules<'a> {
    Routes(BTreeMap<String, &'a Alternatives>),
    Every(&'a Alternatives),
}

impl<'a> KnownRules<'a> {
    fn of(rules: &'a DescribedRules) -> Self {
        match rules {
            DescribedRules::Requirement(requirement) => Self::Every(requirement),
            DescribedRules::Routes(routes) => {
                Self::Routes(routes.iter().map(|(route, known)| (unnamed(route), known)).collect())
            }
        }
    }

    fn requirement(&self, route: &str) -> Option<&'a Alternatives> {
        match self {
            Self::Routes(routes) => routes.get(&unnamed(route)).copied(),
            Self::Every(requirement) => Some(requirement),
        }
    }
}

/// Returns a route without the names of its parameters, which do not affect routing. A text that is no
/// route is returned unchanged.
fn unnamed(route: &str) -> String {
    let Some((verb, path)) = parsed(route) else { return route.to_owned() };
    let segments = path.segments().iter().map(|segment| match segment {
        Segment::Literal(text) => text,
        Segment::Parameter(_) => "{}",
        Segment::Greedy(_) => "{+}",
    });
    segments.fold(format!("{verb} "), |text, segment| format!("{text}/{segment}"))
}

/// Reads a method and a path template: `GET /pets/{petId}`.
fn parsed(route: &str) -> Option<(Verb, PathTemplate)> {
    let (verb, path) = route.split_once(' ')?;
    Some((verb.parse().ok()?, path.parse().ok()?))
}

fn alternatives(requirement: &Requirement) -> Alternatives {
    requirement.alternatives().iter().cloned().collect()
}

fn message(unknown: &[String], different: &[String], shadowing: &[String]) -> String {
    let list = |routes: &[String]| format!("`{}`", routes.join("`, `"));
    let mut parts = Vec::new();
    if !unknown.is_empty() {
        parts.push(format!("the function does not contain {}", list(unknown)));
    }
    if !different.is_empty() {
        parts.push(format!("the function has another requirement for {}", list(different)));
    }
    if !shadowing.is_empty() {
        let routes = list(shadowing);
        parts.push(format!(
            "the function contains {routes}, whose requests the API routes to another requirement"
        ));
    }
    parts.join("; ")
}
