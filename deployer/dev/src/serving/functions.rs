//! The names of an API's functions, one of which each local implementation has.

use std::collections::BTreeSet;

use super::{LocalFunction, StartError};
use compiler::api::Api;
use gateway::integration::compiled::{Backend, function_name};

/// Returns an error about the first local function that the API does not use: it would be ignored.
pub(super) fn check(api: &Api, functions: &[(String, LocalFunction)]) -> Result<(), StartError> {
    let known = names(api);
    match functions.iter().find(|(name, _)| !known.contains(name)) {
        Some((name, _)) => Err(StartError::UnknownFunction {
            name: name.clone(),
            known: known.into_iter().collect(),
        }),
        None => Ok(()),
    }
}

/// Returns the names of functions of integrations and authorizers, and those of authorizers.
fn names(api: &Api) -> BTreeSet<String> {
    let integrations = api.routes.iter().filter_map(|route| {
        let backend = Backend::new(route, &api.stage_settings).ok()?;
        backend.function().map(str::to_owned)
    });
    let authorizers = api.authorizers.iter().flat_map(|(name, authorizer)| {
        let function = authorizer.function.as_ref().map(|function| function.name().to_owned());
        function.into_iter().chain([name.clone()])
    });
    let external = api
        .external_authorizers
        .values()
        .filter_map(|shape| function_name(shape.uri.as_deref().unwrap_or_default()).ok());
    integrations.chain(authorizers).chain(external).collect()
}
