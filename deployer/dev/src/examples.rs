//! Requests to try: one that allowed, one without a token, one whose token opens too little.

use std::collections::BTreeSet;

use authorizer::routes::{Requirement, Verb};

use compiler::api::{Api, Route, Security};

/// What to ask for and what to expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// The scopes of the token that goes with `allowed` and `insufficient_scope`.
    pub scope: String,
    /// A request that the token opens.
    pub allowed: ExampleRequest,
    /// One that it does not open, if there is one.
    pub insufficient_scope: Option<ExampleRequest>,
}

/// A method and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleRequest {
    /// The method.
    pub method: &'static str,
    /// The path, parameters filled in.
    pub path: String,
}

/// Chooses requests, simple ones first; nothing if no route takes a token.
pub fn choose(api: &Api) -> Option<Examples> {
    let mut guarded: Vec<(&Route, &Requirement)> = api
        .routes
        .iter()
        .filter_map(|route| match &route.security {
            Security::Jwt { requirement, api_key: false, .. } => Some((route, requirement)),
            _ => None,
        })
        .collect();
    // A GET with few segments reads best; one that asks for a scope shows most.
    guarded.sort_by_key(|(route, requirement)| {
        let open_to_all = requirement.alternatives().iter().any(BTreeSet::is_empty);
        (route.verb != Verb::Get, open_to_all, route.path.segments().len())
    });
    let closed_to = |scopes: &BTreeSet<String>| {
        guarded
            .iter()
            .find(|(_, requirement)| !requirement.is_met_by(scopes))
            .map(|(route, _)| call(route))
    };
    let tokens = guarded.iter().flat_map(|(route, requirement)| {
        requirement.alternatives().iter().map(move |scopes| (*route, scopes))
    });
    let telling = tokens.clone().find(|(_, scopes)| closed_to(scopes).is_some());
    let (route, scopes) = telling.or_else(|| tokens.clone().next())?;
    let scope = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    Some(Examples { scope, allowed: call(route), insufficient_scope: closed_to(scopes) })
}

fn call(route: &Route) -> ExampleRequest {
    let method = if route.verb == Verb::Any { Verb::Get } else { route.verb };
    ExampleRequest { method: method.name(), path: route.example_path() }
}
