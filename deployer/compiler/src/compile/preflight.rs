//! CORS for a REST API: an `OPTIONS` method on every path, because API Gateway answers no
//! preflight request by itself, and a browser sends no token with one.

use std::collections::BTreeMap;

use authorizer::routes::{self, PathTemplate, Verb};

use crate::api::{Api, Cors, ParameterLocation, Route, Security};

/// Adds the methods that the document does not have itself, and to fixed answers what a page
/// needs to read them.
pub(super) fn preflight(api: &mut Api) {
    let Some(cors) = api.cors.clone() else { return };
    for route in &mut api.routes {
        cors.add_to(&mut route.integration);
    }
    let mut verbs: BTreeMap<String, (PathTemplate, Vec<Verb>)> = BTreeMap::new();
    for route in &api.routes {
        let of_path = verbs.entry(route.path.to_string());
        of_path.or_insert_with(|| (route.path.clone(), Vec::new())).1.push(route.verb);
    }
    let missing = verbs.into_values().filter(|(_, verbs)| !verbs.contains(&Verb::Options));
    let added: Vec<Route> = missing.map(|(path, verbs)| route(&cors, path, &verbs, api)).collect();
    api.routes.extend(added);
    api.routes.sort_by(|a, b| routes::compare_precedence((&a.path, a.verb), (&b.path, b.verb)));
}

fn route(cors: &Cors, path: PathTemplate, verbs: &[Verb], api: &Api) -> Route {
    let mut cors = cors.clone();
    if cors.allow_methods.is_empty() {
        let any = verbs.contains(&Verb::Any);
        let named = Verb::NAMED.into_iter().filter(|verb| any || verbs.contains(verb));
        cors.allow_methods = named.map(|verb| verb.name().to_owned()).collect();
    }
    let beside = api.routes.iter().find(|route| route.path == path);
    let parameters = beside.map(|route| route.parameters.as_slice()).unwrap_or_default();
    let parameters =
        parameters.iter().filter(|parameter| parameter.location == ParameterLocation::Path);
    Route {
        verb: Verb::Options,
        operation_id: None,
        security: Security::Public,
        integration: cors.integration(),
        validator: None,
        bodies: BTreeMap::new(),
        parameters: parameters.cloned().collect(),
        responses: BTreeMap::from([("204".to_owned(), String::new())]),
        preflight: Some(cors),
        path,
    }
}
