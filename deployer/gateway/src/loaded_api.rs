//! An API made ready to be served: everything that can be worked out once is.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::authorizers::{AuthorizerTarget, Guard};
use super::cache::Cache;
use super::functions::Functions;
use super::integration::compiled::Backend;
use super::request_validation::Checks;
use compiler::api::routing::ApiRouter;
use compiler::api::{Api, GatewayResponse};
use compiler::definition::gateway_responses;

/// An API, ready to be served.
pub struct LoadedApi {
    pub(super) api: Api,
    pub(super) router: ApiRouter,
    pub(super) guards: BTreeMap<String, Guard>,
    pub(super) backends: BTreeMap<String, Backend>,
    pub(super) checks: Checks,
    pub(super) responses: BTreeMap<String, GatewayResponse>,
    /// What the authorizers answered. A request that began with what was served before puts
    /// what it was answered where nobody who comes now looks.
    pub(super) cache: Mutex<Cache>,
}

impl LoadedApi {
    /// Makes an API ready, or says what of it cannot be served here.
    pub fn new(
        api: Api,
        guards: BTreeMap<String, Guard>,
        functions: &Functions,
    ) -> Result<Self, Vec<String>> {
        let mut backends = BTreeMap::new();
        let mut problems = Vec::new();
        for route in &api.routes {
            match Backend::new(route, &api.stage_settings) {
                Ok(backend) => {
                    if let Some(name) = backend.function().filter(|name| !functions.has(name)) {
                        problems.push(format!(
                            "{route} invokes the function {name}: name what it is here, \
                             --function {name}=COMMAND or --function {name}=URL"
                        ));
                    }
                    backends.insert(route.to_string(), backend);
                }
                Err(why) => problems.push(format!("{route}: {why}")),
            }
        }
        let checks = Checks::new(&api);
        if let Err(why) = &checks {
            problems.push(why.clone());
        }
        match checks {
            Ok(checks) if problems.is_empty() => {
                let responses = gateway_responses(&api);
                let router = ApiRouter::new(&api.routes);
                Ok(Self {
                    api,
                    router,
                    guards,
                    backends,
                    checks,
                    responses,
                    cache: Mutex::default(),
                })
            }
            _ => Err(problems),
        }
    }

    /// Returns the API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Says whether there is somebody to ask for a scheme.
    pub fn has_authorizer(&self, scheme: &str) -> bool {
        self.guards.contains_key(scheme)
    }

    /// Returns the functions that are asked in the place of the authorizer in this process.
    pub fn authorizer_functions(&self) -> impl Iterator<Item = &str> {
        self.guards.values().filter_map(|guard| match &guard.target {
            AuthorizerTarget::Function(name) => Some(name.as_str()),
            AuthorizerTarget::InProcess(_) | AuthorizerTarget::Endpoint(_) => None,
        })
    }
}
