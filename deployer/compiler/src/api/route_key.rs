//! The key of a method of a resource: `GET /pets/{id}`.

use std::fmt;
use std::str::FromStr;

use authorizer::routes::{PathTemplate, Verb};
use serde::{Deserialize, Serialize};

use super::Route;

/// A method of a resource, such as `GET /pets/{id}`: the key of API definitions, records and
/// throttles, ordered as its text is.
///
/// Both parts are API Gateway's texts, so a method that was created manually and that no document
/// can declare has a key as well. [`RouteKey::verb`] and [`RouteKey::template`] parse them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RouteKey {
    method: String,
    path: String,
}

/// The text is not a method and a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid route `{0}`: expected a method and a path, such as `GET /pets`")]
pub struct InvalidRouteKey(String);

impl RouteKey {
    /// Creates a key from API Gateway's method and path.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self { method: method.into(), path: path.into() }
    }

    /// Returns the HTTP method, or `ANY`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path of the resource.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the method, if a document can declare it.
    pub fn verb(&self) -> Option<Verb> {
        self.method.parse().ok()
    }

    /// Returns the path template, if a document can declare it.
    pub fn template(&self) -> Option<PathTemplate> {
        self.path.parse().ok()
    }
}

impl From<&Route> for RouteKey {
    fn from(route: &Route) -> Self {
        Self::new(route.verb.name(), route.path.to_string())
    }
}

impl fmt::Display for RouteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl FromStr for RouteKey {
    type Err = InvalidRouteKey;

    fn from_str(text: &str) -> Result<Self, InvalidRouteKey> {
        match text.split_once(' ') {
            Some((method, path)) if !method.is_empty() && path.starts_with('/') => {
                Ok(Self::new(method, path))
            }
            _ => Err(InvalidRouteKey(text.to_owned())),
        }
    }
}

impl From<RouteKey> for String {
    fn from(key: RouteKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for RouteKey {
    type Error = InvalidRouteKey;

    fn try_from(text: String) -> Result<Self, InvalidRouteKey> {
        text.parse()
    }
}
