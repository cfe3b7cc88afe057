//! The name of a method of a resource: `GET /pets/{id}`.

use std::fmt;
use std::str::FromStr;

use authorizer::routes::{PathTemplate, Verb};
use serde::{Deserialize, Serialize};

use super::Route;

/// A method of a resource, such as `GET /pets/{id}`: the key of API definitions, records and
/// throttles, ordered as its text is.
///
/// Both halves are the texts that API Gateway has, so a method that was made by hand and that no
/// document could declare is still a key. [`RouteKey::verb`] and [`RouteKey::template`] return
/// what they mean.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RouteKey {
    method: String,
    path: String,
}

/// The text is not the name of a method of a resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a method and a path, such as `GET /pets`")]
pub struct InvalidRouteKey(String);

impl RouteKey {
    /// Creates the key of a resource's method, as API Gateway names them.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self { method: method.into(), path: path.into() }
    }

    /// The HTTP method, or `ANY`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The resource's path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the method, unless it is none that a document can declare.
    pub fn verb(&self) -> Option<Verb> {
        self.method.parse().ok()
    }

    /// Returns the path's template, unless it is none that a document can declare.
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
