//! The observed state of an API, with the roles and functions that belong to it.

use std::collections::{BTreeMap, BTreeSet};

use super::ListedApi;
use super::convert::{methods, split_models};
use super::endpoint::is_available;
use crate::api_call::if_allowed;
use crate::{Aws, Call, CallError};
use compiler::api::Arn;
use compiler::definition::ApiDefinition;
use deployment::desired::Desired;
use deployment::function::ObservedFunctions;
use deployment::invoke_role::Role;
use deployment::observed::{AccountSettings, Observed, ObservedApi, records_of};

impl Aws {
    /// Reads the state of an API, its roles and its functions. Functions that the caller may not
    /// read are omitted, and so are roles other than the desired ones.
    pub fn observe<'a>(
        &'a self,
        desired: &'a Desired,
        api: Option<ListedApi>,
    ) -> Call<'a, Observed> {
        Box::pin(async move {
            let kind = &desired.api.endpoint.kind;
            let mut apis = BTreeMap::new();
            if api.as_ref().is_none_or(|api| api.endpoint.kind != *kind) {
                for api in self.apis().await? {
                    *apis.entry(api.endpoint.kind).or_default() += 1;
                }
            }
            let api = match api {
                Some(mut api) => {
                    // An earlier run may have been interrupted while it waited.
                    if api.is_updating {
                        let context = format!("waiting for API {}", api.id);
                        let id = api.id.clone();
                        api.endpoint = self
                            .wait_for_api(&id, &context, |status, _| is_available(status))
                            .await?;
                    }
                    Some(self.observe_api(api, &desired.api.stage).await?)
                }
                None => None,
            };
            let roles = self.observe_roles(desired, api.as_ref()).await?;
            // Pinned functions are observed with all of their versions.
            let released = desired.api.authorizers.values().filter(|one| !one.is_pinned());
            let functions = released.filter_map(|one| one.function_arn());
            let functions: BTreeSet<&str> = functions.map(Arn::as_str).collect();
            let mut published = BTreeMap::new();
            for function in functions {
                if let Some(one) = if_allowed(self.published_function(function).await)? {
                    published.insert(function.to_owned(), one);
                }
            }
            let pinned = self.observe_pinned(desired, api.as_ref()).await?;
            let account = if desired.api.stage_settings.depends_on_account() {
                self.account().await?.clone()
            } else {
                AccountSettings::DEFAULT
            };
            let missing_keys = self.missing_keys(desired, api.as_ref()).await?;
            Ok(Observed {
                target: self.target.clone(),
                account,
                apis,
                missing_keys,
                api,
                roles,
                functions: published,
                pinned,
            })
        })
    }

    /// Reads the pinned functions of the files and of the API's records.
    async fn observe_pinned(
        &self,
        desired: &Desired,
        api: Option<&ObservedApi>,
    ) -> Result<ObservedFunctions, CallError> {
        let mut names = api.map(|api| api.pinned_functions(&self.target)).unwrap_or_default();
        names.extend(desired.versions.values().map(|version| version.function.clone()));
        let mut functions = ObservedFunctions::new();
        for name in names {
            let function = self.observe_function(&name).await?;
            functions.insert(name, function);
        }
        Ok(functions)
    }

    /// Reads the desired roles, and the others that were created for the API. If no role is desired,
    /// the others are those that its deployments use.
    async fn observe_roles(
        &self,
        desired: &Desired,
        api: Option<&ObservedApi>,
    ) -> Result<BTreeMap<String, Role>, CallError> {
        let owner = desired.role_owner();
        let mut names = api.map(|api| api.role_names(owner)).unwrap_or_default();
        if !desired.roles.is_empty() || !desired.execution_roles.is_empty() {
            let settings = &desired.api.deployment_settings.invoke_role;
            let listed = self.role_names(owner, settings).await;
            names.extend(if_allowed(listed)?.unwrap_or_default());
        }
        names.retain(|name| !desired.makes_role(name));
        let mut roles = self.invoke_roles(owner, &names).await?;
        for name in desired.roles.keys().chain(desired.execution_roles.keys()) {
            roles.extend(self.role(name).await?.map(|role| (name.clone(), role)));
        }
        Ok(roles)
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
            let methods = methods(&resources, &authorizers, &validators);
            let (models, records) = split_models(models, &methods);
            let records = records_of(records, &deployments);
            let definition = ApiDefinition {
                settings: api.settings.clone(),
                methods,
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
