//! An API, prepared for serving: everything independent of a request is computed here, once.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::authorizers::{AuthorizerTarget, LocalAuthorizer};
use super::cache::Cache;
use super::functions::Functions;
use super::integration::compiled::Backend;
use super::request_validation::RequestValidator;
use compiler::api::routing::ApiRouter;
use compiler::api::{Api, AuthorizerFunction, GatewayResponse};
use compiler::definition::gateway_responses;

/// An API, prepared for serving.
pub struct LoadedApi {
    pub(super) api: Api,
    pub(super) router: ApiRouter,
    pub(super) authorizers: BTreeMap<String, LocalAuthorizer>,
    pub(super) backends: BTreeMap<String, Backend>,
    pub(super) validator: RequestValidator,
    pub(super) responses: BTreeMap<String, GatewayResponse>,
    /// The authorizers' results. A request that began before the API was replaced writes to the
    /// cache of the API that it began with.
    pub(super) cache: Mutex<Cache>,
}

impl LoadedApi {
    /// Prepares an API, or returns its features that are not supported locally.
    pub fn new(
        api: Api,
        authorizers: BTreeMap<String, LocalAuthorizer>,
        functions: &Functions,
    ) -> Result<Self, Vec<String>> {
        let mut backends = BTreeMap::new();
        let mut problems = Vec::new();
        for route in &api.routes {
            match Backend::new(route, &api.stage_settings) {
                Ok(backend) => {
                    if let Some(name) = backend.function().filter(|name| !functions.contains(name))
                    {
                        problems.push(format!(
                            "{route}: function `{name}` has no local implementation; \
                             set `--function {name}=COMMAND` or `--function {name}=URL`"
                        ));
                    }
                    backends.insert(route.to_string(), backend);
                }
                Err(reason) => problems.push(format!("{route}: {reason}")),
            }
        }
        let validator = RequestValidator::new(&api);
        if let Err(reason) = &validator {
            problems.push(reason.clone());
        }
        match validator {
            Ok(validator) if problems.is_empty() => {
                let responses = gateway_responses(&api);
                let router = ApiRouter::new(&api.routes);
                Ok(Self {
                    api,
                    router,
                    authorizers,
                    backends,
                    validator,
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
        let is_named = |(scheme, local): &(&String, &LocalAuthorizer)| {
            let authorizer = self.api.authorizers.get(*scheme);
            let function = authorizer.and_then(|authorizer| authorizer.function.as_ref());
            let matches = *scheme == name || function.map(AuthorizerFunction::name) == Some(name);
            matches && matches!(local.target, AuthorizerTarget::InProcess(_))
        };
        self.authorizers.iter().find(is_named).map(|(_, authorizer)| authorizer)
    }

    /// Returns the API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Returns whether a security scheme has an authorizer.
    pub fn has_authorizer(&self, scheme: &str) -> bool {
        self.authorizers.contains_key(scheme)
    }

    /// Returns the functions that are called as authorizers.
    pub fn authorizer_functions(&self) -> impl Iterator<Item = &str> {
        self.authorizers.values().filter_map(|authorizer| match &authorizer.target {
            AuthorizerTarget::Function(name) => Some(name.as_str()),
            AuthorizerTarget::InProcess(_) | AuthorizerTarget::Endpoint(_) => None,
        })
    }
}
