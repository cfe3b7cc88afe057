//! Usage plans with their API keys, and the resources that depend on a stage.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_sdk_apigateway::types::{
    self, Op, PatchOperation, QuotaPeriodType, QuotaSettings, ThrottleSettings,
};

use super::PAGE;
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::{Quota, Throttle, UsagePlan};
use deployment::desired::Desired;
use deployment::observed::{ObservedApi, ObservedUsagePlan, TAG_API, TAG_PLANS, names_api};
use deployment::plan::plan_name;

/// A usage plan, observed and desired.
#[derive(Clone, Copy, Debug)]
pub struct UsagePlanStep<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its stage.
    pub stage: &'a str,
    /// The desired throttle, quota and keys.
    pub plan: &'a UsagePlan,
    /// The observed plan, if it exists.
    pub existing: Option<&'a ObservedUsagePlan>,
}

/// A resource that depends on a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dependent {
    /// A usage plan, by its name.
    UsagePlan(String),
    /// A base path mapping of a custom domain. AWS does not delete its stage, or the stage's API.
    BasePathMapping {
        /// The domain.
        domain: String,
        /// The base path.
        path: String,
        /// True if it names the stage, and false if the path of a request does.
        names_stage: bool,
    },
}

impl fmt::Display for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsagePlan(name) => write!(f, "usage plan {name}"),
            Self::BasePathMapping { domain, path, .. } => write!(f, "domain {domain}/{path}"),
        }
    }
}

impl Aws {
    /// Reads the usage plan of a stage of the API with these tags and this name. Sends no call for
    /// an API without the tag of APIs with usage plans.
    pub fn usage_plan<'a>(
        &'a self,
        tags: &'a BTreeMap<String, String>,
        api: &'a str,
        name: &'a str,
        stage: &'a str,
    ) -> Call<'a, Option<ObservedUsagePlan>> {
        Box::pin(async move {
            let tag = tags.get(TAG_API).filter(|tag| !names_api(tag, name));
            let name = plan_name(tag.map_or(name, String::as_str), stage);
            if !tags.contains_key(TAG_PLANS) {
                return Ok(None);
            }
            let call = ApiCall::idempotent("GetUsagePlans", "reading the usage plans");
            let all: Vec<types::UsagePlan> =
                pages!(self, call, self.apigateway.get_usage_plans(), items);
            let Some(plan) = all.into_iter().find(|plan| plan.name() == Some(name.as_str())) else {
                return Ok(None);
            };
            let id = plan.id().unwrap_or_default().to_owned();
            let mut keys = self.usage_plan_keys(&id, &name).await?;
            keys.sort();
            let has_stage = plan
                .api_stages()
                .iter()
                .any(|one| one.api_id() == Some(api) && one.stage() == Some(stage));
            let throttle = plan.throttle().map(|throttle| Throttle {
                rate: throttle.rate_limit(),
                burst: throttle.burst_limit(),
            });
            let quota = plan.quota().map(|quota| Quota {
                limit: quota.limit(),
                period: quota.period().map(QuotaPeriodType::as_str).unwrap_or_default().into(),
            });
            Ok(Some(ObservedUsagePlan { id, has_stage, plan: UsagePlan { throttle, quota, keys } }))
        })
    }

    async fn usage_plan_keys(&self, id: &str, name: &str) -> Result<Vec<String>, CallError> {
        let context = format!("reading the keys of usage plan {name}");
        let call = ApiCall::idempotent("GetUsagePlanKeys", context);
        let request = || self.apigateway.get_usage_plan_keys().usage_plan_id(id);
        let keys: Vec<types::UsagePlanKey> = pages!(self, call, request(), items);
        Ok(keys.iter().filter_map(|key| key.id().map(str::to_owned)).collect())
    }

    /// Returns the API keys of the desired usage plan that the observed one does not have, and that do
    /// not exist. A key that the caller may not read is not missing.
    pub(super) async fn missing_keys(
        &self,
        desired: &Desired,
        api: Option<&ObservedApi>,
    ) -> Result<BTreeSet<String>, CallError> {
        let wanted = desired.api.usage_plan.iter().flat_map(|plan| &plan.keys);
        let existing = api.and_then(|api| api.usage_plan.as_ref());
        let existing = existing.map(|plan| &*plan.plan.keys).unwrap_or_default();
        let mut missing = BTreeSet::new();
        for key in wanted.filter(|key| !existing.contains(key)) {
            let call = ApiCall::idempotent("GetApiKey", format!("reading API key {key}"));
            let read = || self.apigateway.get_api_key().api_key(key).send();
            match self.caller.call(&call, read).await {
                Err(error) if error.kind == CallErrorKind::NotFound => {
                    missing.insert(key.clone());
                }
                Err(error) if error.kind != CallErrorKind::Denied => return Err(error),
                _ => {}
            }
        }
        Ok(missing)
    }

    /// Lists what depends on a stage: usage plans, and base path mappings of custom domains.
    pub fn dependents<'a>(&'a self, api: &'a str, stage: &'a str) -> Call<'a, Vec<Dependent>> {
        Box::pin(async move {
            let call = ApiCall::idempotent("GetUsagePlans", "reading the usage plans");
            let plans: Vec<types::UsagePlan> =
                pages!(self, call, self.apigateway.get_usage_plans(), items);
            let uses_stage = |plan: &&types::UsagePlan| {
                let mut stages = plan.api_stages().iter();
                stages.any(|one| one.api_id() == Some(api) && one.stage() == Some(stage))
            };
            let mut found: Vec<Dependent> = (plans.iter().filter(uses_stage))
                .map(|plan| Dependent::UsagePlan(plan.name().unwrap_or_default().to_owned()))
                .collect();
            let call = ApiCall::idempotent("GetDomainNames", "reading the custom domains");
            let domains: Vec<types::DomainName> =
                pages!(self, call, self.apigateway.get_domain_names(), items);
            for domain in domains.iter().filter_map(|domain| domain.domain_name()) {
                let call = ApiCall::idempotent(
                    "GetBasePathMappings",
                    format!("reading the base path mappings of {domain}"),
                );
                let request = || self.apigateway.get_base_path_mappings().domain_name(domain);
                let paths: Vec<types::BasePathMapping> = pages!(self, call, request(), items);
                for mapping in paths.iter().filter(|path| path.rest_api_id() == Some(api)) {
                    let named = mapping.stage().filter(|name| !name.is_empty());
                    if named.is_none_or(|name| name == stage) {
                        found.push(Dependent::BasePathMapping {
                            domain: domain.to_owned(),
                            path: mapping.base_path().unwrap_or_default().to_owned(),
                            names_stage: named.is_some(),
                        });
                    }
                }
            }
            Ok(found)
        })
    }

    /// Creates or updates the usage plan of a stage.
    pub fn put_usage_plan<'a>(&'a self, api: &'a str, step: &'a UsagePlanStep<'a>) -> Call<'a, ()> {
        Box::pin(async move {
            let UsagePlanStep { name, stage, plan, existing } = *step;
            let existing_keys = existing.map(|existing| &*existing.plan.keys).unwrap_or_default();
            let id = match existing {
                Some(existing) => {
                    self.update_usage_plan(existing, api, step).await?;
                    existing.id.clone()
                }
                None => self.create_usage_plan(api, name, stage, plan).await?,
            };
            for key in plan.keys.iter().filter(|key| !existing_keys.contains(key)) {
                let call = ApiCall::idempotent(
                    "CreateUsagePlanKey",
                    format!("adding API key {key} to usage plan {name}"),
                );
                let added = self.caller.call(&call, || {
                    let create = self.apigateway.create_usage_plan_key().usage_plan_id(&id);
                    create.key_id(key).key_type("API_KEY").send()
                });
                if let Err(error) = added.await {
                    // An earlier attempt may have added it. AWS also refuses a key that another usage
                    // plan of the stage has.
                    let is_added = error.kind == CallErrorKind::Conflict
                        && self.usage_plan_keys(&id, name).await?.contains(key);
                    if !is_added {
                        return Err(error);
                    }
                }
            }
            for key in existing_keys.iter().filter(|key| !plan.keys.contains(key)) {
                let call = ApiCall::idempotent(
                    "DeleteUsagePlanKey",
                    format!("removing API key {key} from usage plan {name}"),
                );
                let deleted = self.caller.call(&call, || {
                    self.apigateway.delete_usage_plan_key().usage_plan_id(&id).key_id(key).send()
                });
                if_found(deleted.await)?;
            }
            Ok(())
        })
    }

    async fn create_usage_plan(
        &self,
        api: &str,
        name: &str,
        stage: &str,
        plan: &UsagePlan,
    ) -> Result<String, CallError> {
        let call = ApiCall::once("CreateUsagePlan", format!("creating usage plan {name}"));
        let stage = aws_sdk_apigateway::types::ApiStage::builder().api_id(api).stage(stage).build();
        let throttle = plan.throttle.map(|throttle| {
            let settings = ThrottleSettings::builder();
            settings.rate_limit(throttle.rate).burst_limit(throttle.burst).build()
        });
        let quota = plan.quota.as_ref().map(|quota| {
            let period = QuotaPeriodType::from(quota.period.name());
            QuotaSettings::builder().limit(quota.limit).period(period).build()
        });
        let created = self.caller.call(&call, || {
            self.apigateway
                .create_usage_plan()
                .name(name)
                .api_stages(stage.clone())
                .set_throttle(throttle.clone())
                .set_quota(quota.clone())
                .send()
        });
        Ok(created.await?.id().unwrap_or_default().to_owned())
    }

    async fn update_usage_plan(
        &self,
        existing: &ObservedUsagePlan,
        api: &str,
        step: &UsagePlanStep<'_>,
    ) -> Result<(), CallError> {
        let ObservedUsagePlan { id, plan: old, has_stage } = existing;
        let patch = |op, path: &str, value: Option<String>| {
            PatchOperation::builder().op(op).path(path).set_value(value).build()
        };
        let replace = |path: &str, value: String| patch(Op::Replace, path, Some(value));
        let mut patches = Vec::new();
        match (old.throttle, step.plan.throttle) {
            (before, Some(throttle)) if before != Some(throttle) => {
                patches.push(replace("/throttle/rateLimit", throttle.rate.to_string()));
                patches.push(replace("/throttle/burstLimit", throttle.burst.to_string()));
            }
            (Some(_), None) => patches.push(patch(Op::Remove, "/throttle", None)),
            _ => {}
        }
        match (&old.quota, &step.plan.quota) {
            (before, Some(quota)) if before.as_ref() != Some(quota) => {
                patches.push(replace("/quota/limit", quota.limit.to_string()));
                patches.push(replace("/quota/period", quota.period.to_string()));
            }
            (Some(_), None) => patches.push(patch(Op::Remove, "/quota", None)),
            _ => {}
        }
        if !has_stage {
            patches.push(patch(Op::Add, "/apiStages", Some(format!("{api}:{}", step.stage))));
        }
        if patches.is_empty() {
            return Ok(());
        }
        let call = ApiCall::once("UpdateUsagePlan", format!("updating usage plan {}", step.name));
        let update = self.caller.call(&call, || {
            let update = self.apigateway.update_usage_plan().usage_plan_id(id);
            update.set_patch_operations(Some(patches.clone())).send()
        });
        update.await.map(|_| ())
    }

    /// Removes a stage from its usage plan, and deletes the plan.
    pub fn delete_usage_plan<'a>(
        &'a self,
        id: &'a str,
        api: &'a str,
        stage: &'a str,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("DeleteUsagePlan", format!("deleting usage plan {id}"));
            let patch = PatchOperation::builder().op(Op::Remove).path("/apiStages");
            let patch = patch.value(format!("{api}:{stage}")).build();
            let updated = self.caller.call(&call, || {
                let update = self.apigateway.update_usage_plan().usage_plan_id(id);
                update.patch_operations(patch.clone()).send()
            });
            if_found(updated.await)?;
            let deleted = self
                .caller
                .call(&call, || self.apigateway.delete_usage_plan().usage_plan_id(id).send());
            if_found(deleted.await).map(|_| ())
        })
    }
}
