//! CORS for a REST API: a public `OPTIONS` method on every path, because API Gateway has no own
//! response to preflight requests, and browsers send no token with them.

use std::collections::BTreeMap;

use authorizer::routes::{self, PathTemplate, Verb};

use crate::api::{Api, Cors, ParameterLocation, Route, Security};

/// Adds `OPTIONS` to paths without it, and CORS headers to mock integrations.
pub(super) fn add_preflight_routes(api: &mut Api) {
    let Some(cors) = api.cors.clone() else { return };
    for route in &mut api.routes {
        cors.add_headers_to(&mut route.integration);
    }
    let mut verbs: BTreeMap<String, (PathTemplate, Vec<Verb>)> = BTreeMap::new();
    for route in &api.routes {
        let entry = verbs.entry(route.path.to_string());
        entry.or_insert_with(|| (route.path.clone(), Vec::new())).1.push(route.verb);
    }
    let missing = verbs.into_values().filter(|(_, verbs)| !verbs.contains(&Verb::Options));
    let added: Vec<Route> = missing.map(|(path, verbs)| route(&cors, path, &verbs, api)).collect();
    api.routes.extend(added);
    api.routes.sort_by(|a, b| routes::compare_precedence((&a.path, a.verb), (&b.path, b.verb)));
}

fn route(cors: &Cors, path: PathTemplate, verbs: &[Verb], api: &Api) -> Route {
    let mut cors = cors.clone();
    if cors.allow_methods.is_empty() {
        let has_any = verbs.contains(&Verb::Any);
        let named = Verb::NAMED.into_iter().filter(|verb| has_any || verbs.contains(verb));
        cors.allow_methods = named.map(|verb| verb.name().to_owned()).collect();
    }
    let sibling = api.routes.iter().find(|route| route.path == path);
    let parameters = sibling.map(|route| route.parameters.as_slice()).unwrap_or_default();
    let parameters =
        parameters.iter().filter(|parameter| parameter.location == ParameterLocation::Path);
    Route {
        verb: Verb::Options,
        operation_id: None,
        security: Security::Public,
        integration: cors.preflight_integration(),
        validator: None,
        bodies: BTreeMap::new(),
        parameters: parameters.cloned().collect(),
        responses: BTreeMap::from([("204".to_owned(), String::new())]),
        preflight: Some(cors),
        path,
    }
}
