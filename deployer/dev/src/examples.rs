//! Example requests: one that is allowed, one without a token, one with insufficient scope.

use std::collections::BTreeSet;

use authorizer::config::TokenSource;
use authorizer::routes::{Requirement, Verb};

use compiler::api::{Api, Route, Security};

/// Example requests and the scope of their token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// The scopes of the token for `allowed` and `insufficient_scope`.
    pub scope: String,
    /// A request that the token's scopes allow.
    pub allowed: ExampleRequest,
    /// A request that they do not allow, if there is one.
    pub insufficient_scope: Option<ExampleRequest>,
}

/// A method, a path, and the location of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleRequest {
    /// The method.
    pub method: &'static str,
    /// The path, parameters filled in.
    pub path: String,
    /// The location of the token.
    pub token: TokenSource,
}

/// Chooses requests, simple ones first; none if no route requires a token.
pub fn choose(api: &Api) -> Option<Examples> {
    let mut protected: Vec<(&Route, &Requirement)> = api
        .routes
        .iter()
        .filter_map(|route| match &route.security {
            Security::Jwt { requirement, api_key: false, .. } => Some((route, requirement)),
            _ => None,
        })
        .collect();
    // A GET with few segments is easiest to read; a route with a required scope shows most.
    protected.sort_by_key(|(route, requirement)| {
        let any_token = requirement.alternatives().iter().any(BTreeSet::is_empty);
        (route.verb != Verb::Get, any_token, route.path.segments().len())
    });
    let denied_to = |scopes: &BTreeSet<String>| {
        protected
            .iter()
            .find(|(_, requirement)| !requirement.is_met_by(scopes))
            .map(|(route, _)| example_request(api, route))
    };
    let tokens = protected.iter().flat_map(|(route, requirement)| {
        requirement.alternatives().iter().map(move |scopes| (*route, scopes))
    });
    let with_denied = tokens.clone().find(|(_, scopes)| denied_to(scopes).is_some());
    let (route, scopes) = with_denied.or_else(|| tokens.clone().next())?;
    let scope = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    Some(Examples {
        scope,
        allowed: example_request(api, route),
        insufficient_scope: denied_to(scopes),
    })
}

fn example_request(api: &Api, route: &Route) -> ExampleRequest {
    let method = if route.verb == Verb::Any { Verb::Get } else { route.verb };
    ExampleRequest {
        method: method.name(),
        path: route.example_path(),
        token: api.token_source(Some(route)),
    }
}
