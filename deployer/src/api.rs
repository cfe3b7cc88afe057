//! What the files mean: one value that is planned to AWS, served locally and compiled for
//! the authorizer. Consistent by construction: every route has a security and an integration.

use std::collections::BTreeMap;

use authorizer::config::{Config, Document, RouteDocument, TokenSource};
use authorizer::routes::{PathTemplate, RouteTable, Segment, Verb};

mod authorizer_settings;
mod identity_source;
mod integration;
mod security;

pub use authorizer_settings::{Arn, Authorizer, AuthorizerKind, BEARER_TOKEN};
pub use identity_source::{IdentitySource, NotAnIdentitySource};
pub use integration::{HttpProxy, Integration, MockIntegration};
pub use security::Security;

/// The header that holds the token unless something else is said.
pub const AUTHORIZATION: &str = "Authorization";

/// A REST API and what guards it.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// Its name, for people and for the tag that marks it as ours.
    pub name: String,
    /// `info.version` of the OpenAPI document.
    pub version: String,
    /// Where it is reached from.
    pub endpoint: Endpoint,
    /// The stage this was compiled for.
    pub stage: String,
    /// The authorizers, by the name of the security scheme that each serves.
    pub authorizers: BTreeMap<String, Authorizer>,
    /// The operations, in order of precedence.
    pub routes: Vec<Route>,
}

/// Where an API is reached from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endpoint {
    /// Through Amazon's edge locations.
    Edge,
    /// From a VPC only.
    Private,
    /// From its Region.
    #[default]
    Regional,
}

impl Endpoint {
    /// Every kind with its name in `portcullis.toml`.
    pub const NAMES: [(&'static str, Self); 3] =
        [("edge", Self::Edge), ("private", Self::Private), ("regional", Self::Regional)];
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The resource.
    pub path: PathTemplate,
    /// `operationId`.
    pub operation_id: Option<String>,
    /// Who may call it.
    pub security: Security,
    /// What answers it.
    pub integration: Integration,
    /// What may come with a request.
    pub parameters: Vec<Parameter>,
    /// What it may answer: status and description.
    pub responses: Vec<(String, String)>,
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.path)
    }
}

impl Route {
    /// Returns a path that fits, its parameters filled in.
    pub fn example_path(&self) -> String {
        let mut path = String::new();
        for segment in self.path.segments() {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Parameter(_) => "1",
                Segment::Greedy(_) => "anything",
            });
        }
        if path.is_empty() { "/".to_owned() } else { path }
    }
}

/// A declared parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `path`, `query` or `header`.
    pub location: &'static str,
    /// Whether a request without it is wrong.
    pub required: bool,
}

impl Api {
    /// Returns what the authorizer of this name reads as `authorizer.json`.
    pub fn authorizer_document(&self, name: &str) -> Option<Document> {
        let routes = self.routes.iter().filter_map(|route| {
            let Security::Jwt { authorizer, requirement, .. } = &route.security else {
                return None;
            };
            (authorizer == name).then(|| RouteDocument {
                method: route.verb.name().to_owned(),
                path: route.path.to_string(),
                scopes: requirement
                    .alternatives()
                    .iter()
                    .map(|all| all.iter().cloned().collect())
                    .collect(),
            })
        });
        let authorizer = self.authorizers.get(name)?;
        let usual = TokenSource::Header(AUTHORIZATION.to_owned());
        Some(Document {
            issuers: authorizer.issuers.clone(),
            routes: Some(routes.collect()),
            token: Some(authorizer.token.clone()).filter(|token| *token != usual),
            policy: authorizer.policy,
            ..Document::default()
        })
    }

    /// Returns the route table of the authorizer of this name, if it guards anything.
    pub fn route_table(&self, name: &str) -> Option<RouteTable> {
        let config = Config::resolve(&self.authorizer_document(name)?).ok()?;
        config.route_table().cloned()
    }
}
