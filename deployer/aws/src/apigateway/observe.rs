//! The observed state of an API, with the roles and functions that belong to it.

use std::collections::{BTreeMap, BTreeSet};

use super::ListedApi;
use super::convert::{methods, split_models};
use crate::{Aws, Call, CallError, CallErrorKind};
use compiler::definition::ApiDefinition;
use deployment::observed::{Observed, ObservedApi};

impl Aws {
    /// Reads the state of an API, its roles and its functions. Functions that the caller may not
    /// read are omitted, and so are roles other than `roles` if the caller may not list roles.
    pub fn observe<'a>(
        &'a self,
        name: &'a str,
        api: Option<ListedApi>,
        stage: &'a str,
        roles: &'a [String],
        functions: &'a BTreeSet<String>,
    ) -> Call<'a, Observed> {
        Box::pin(async move {
            let api = match api {
                Some(api) => Some(self.observe_api(api, stage).await?),
                None => None,
            };
            let listed = if_allowed(self.role_names(name).await)?.unwrap_or_default();
            let names: BTreeSet<String> = roles.iter().cloned().chain(listed).collect();
            let mut found = BTreeMap::new();
            for role in names {
                if let Some(existing) = self.role(&role).await? {
                    found.insert(role, existing);
                }
            }
            let mut published = BTreeMap::new();
            for function in functions {
                if let Some(one) = if_allowed(self.published_function(function).await)? {
                    published.insert(function.clone(), one);
                }
            }
            Ok(Observed { target: self.target.clone(), api, roles: found, functions: published })
        })
    }

    /// Reads the state of an API.
    pub fn observe_api<'a>(&'a self, api: ListedApi, stage: &'a str) -> Call<'a, ObservedApi> {
        Box::pin(async move {
            let resources = self.resources(&api.id).await?;
            let authorizers = self.authorizers(&api.id).await?;
            let responses = self.gateway_responses(&api.id).await?;
            let models = self.models(&api.id).await?;
            let validators = self.validators_of(&api.id, &resources).await?;
            let stages = self.stages(&api.id).await?;
            let deployments = self.deployments(&api.id).await?;
            let (models, records) = split_models(models);
            let definition = ApiDefinition {
                settings: api.settings.clone(),
                methods: methods(&resources, &authorizers, &validators),
                authorizers: authorizers.values().cloned().collect(),
                gateway_responses: responses,
                models,
            };
            let usage_plan = self.usage_plan(&api.tags, &api.id, &api.name, stage).await?;
            Ok(ObservedApi {
                definition,
                authorizers: authorizers.into_iter().map(|(id, (name, _))| (id, name)).collect(),
                records,
                stages,
                deployments,
                usage_plan,
                id: api.id,
                name: api.name,
                tags: api.tags,
                endpoint: api.endpoint,
            })
        })
    }
}

/// Returns `None` if the caller is not authorized; a call that needs the value fails later.
fn if_allowed<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CallError { kind: CallErrorKind::Denied, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
