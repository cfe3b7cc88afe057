//! An API, prepared for serving: all that does not depend on a request is computed here, once.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::authorizers::{AuthorizerTarget, LocalAuthorizer};
use super::cache::Cache;
use super::functions::Functions;
use super::integration::compiled::{Backend, function_name};
use super::request_validation::Checks;
use compiler::api::routing::ApiRouter;
use compiler::api::{Api, GatewayResponse};
use compiler::definition::gateway_responses;

/// An API, prepared for serving.
pub struct LoadedApi {
    pub(super) api: Api,
    pub(super) router: ApiRouter,
    pub(super) guards: BTreeMap<String, LocalAuthorizer>,
    pub(super) backends: BTreeMap<String, Backend>,
    pub(super) checks: Checks,
    pub(super) responses: BTreeMap<String, GatewayResponse>,
    /// The authorizers' results. A request that began before the API was replaced writes to the
    /// cache of the API that it began with.
    pub(super) cache: Mutex<Cache>,
}

impl LoadedApi {
    /// Prepares an API, or returns what of it is not supported locally.
    pub fn new(
        api: Api,
        guards: BTreeMap<String, LocalAuthorizer>,
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
                Err(reason) => problems.push(format!("{route}: {reason}")),
            }
        }
        let checks = Checks::new(&api);
        if let Err(reason) = &checks {
            problems.push(reason.clone());
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

    /// Returns the authorizer in this process with this name: its security scheme's or its
    /// function's.
    pub(super) fn authorizer_in_process(&self, name: &str) -> Option<&LocalAuthorizer> {
        let named = |(scheme, guard): &(&String, &LocalAuthorizer)| {
            let authorizer = self.api.authorizers.get(*scheme);
            let arn = authorizer.and_then(|authorizer| authorizer.function.as_ref());
            let is = *scheme == name
                || arn.and_then(|arn| function_name(arn.as_str()).ok()).as_deref() == Some(name);
            is && matches!(guard.target, AuthorizerTarget::InProcess(_))
        };
        self.guards.iter().find(named).map(|(_, guard)| guard)
    }

    /// Returns the API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Returns whether a security scheme has an authorizer.
    pub fn has_authorizer(&self, scheme: &str) -> bool {
        self.guards.contains_key(scheme)
    }

    /// Returns the functions that are called as authorizers.
    pub fn authorizer_functions(&self) -> impl Iterator<Item = &str> {
        self.guards.values().filter_map(|guard| match &guard.target {
            AuthorizerTarget::Function(name) => Some(name.as_str()),
            AuthorizerTarget::InProcess(_) | AuthorizerTarget::Endpoint(_) => None,
        })
    }
}
