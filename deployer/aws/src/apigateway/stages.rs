//! Stages, with their authorizer cache, their generated SDKs and the account's settings.
//! A stage is updated in one call, completely or not at all.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::{PatchOperation, Stage};

use super::convert::stage;
use super::{hash, patch_operation};
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::{StageSettings, Throttle};
use deployment::observed::{AccountSettings, ObservedStage, ServedDeployments};
use deployment::patch::{Patch, PatchOp};
use deployment::plan::is_applied;

impl Aws {
    /// Reads the stages, by name. This list has no pages.
    pub fn stages<'a>(&'a self, api: &'a str) -> Call<'a, BTreeMap<String, ObservedStage>> {
        Box::pin(async move {
            let call = ApiCall::idempotent("GetStages", format!("reading the stages of API {api}"));
            let all = self
                .caller
                .call(&call, || self.apigateway.get_stages().rest_api_id(api).send())
                .await?;
            let settings = all.item().iter().filter_map(Stage::method_settings);
            let account = self.account_throttle(settings.flatten().next().is_some()).await?;
            Ok(all
                .item()
                .iter()
                .filter_map(|s| Some((s.stage_name()?.to_owned(), stage(s, account))))
                .collect())
        })
    }

    /// Creates a stage that serves a deployment.
    pub fn create_stage<'a>(
        &'a self,
        api: &'a str,
        name: &'a str,
        deployment: &'a str,
        settings: &'a StageSettings,
        tags: &'a BTreeMap<String, String>,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::once("CreateStage", format!("creating stage {name}"));
            let created = self.caller.call(&call, || {
                self.apigateway
                    .create_stage()
                    .rest_api_id(api)
                    .stage_name(name)
                    .deployment_id(deployment)
                    .description(ServedDeployments::default().with(deployment).to_string())
                    .set_variables(Some(hash(&settings.variables)))
                    .tracing_enabled(settings.tracing)
                    .set_tags(Some(hash(tags)))
                    .send()
            });
            match created.await {
                Ok(_) => Ok(()),
                Err(error) if error.kind == CallErrorKind::OutcomeUnknown => {
                    let stages = self.stages(api).await?;
                    let exists =
                        stages.get(name).is_some_and(|stage| stage.deployment == deployment);
                    if exists { Ok(()) } else { Err(error) }
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Updates a stage, completely or not at all, and returns it. Without a response, it is read
    /// again.
    pub fn update_stage<'a>(
        &'a self,
        api: &'a str,
        name: &'a str,
        patches: &'a [Patch],
    ) -> Call<'a, ObservedStage> {
        Box::pin(async move {
            let context = format!("updating stage {name}");
            // A second removal of a setting fails.
            let removes = patches.iter().any(|patch| patch.op == PatchOp::Remove);
            let call = if removes {
                ApiCall::once("UpdateStage", context)
            } else {
                ApiCall::idempotent("UpdateStage", context)
            };
            let operations: Vec<PatchOperation> = patches.iter().map(patch_operation).collect();
            let updated = self.caller.call(&call, || {
                let update = self.apigateway.update_stage().rest_api_id(api).stage_name(name);
                update.set_patch_operations(Some(operations.clone())).send()
            });
            let updated = match updated.await {
                Ok(updated) => updated,
                Err(error) if error.kind == CallErrorKind::OutcomeUnknown => {
                    let now = self.stages(api).await?.remove(name);
                    return now.filter(|stage| is_applied(patches, stage)).ok_or(error);
                }
                Err(error) => return Err(error),
            };
            let built = Stage::builder()
                .set_description(updated.description().map(str::to_owned))
                .set_deployment_id(updated.deployment_id().map(str::to_owned))
                .set_method_settings(updated.method_settings().cloned())
                .set_variables(updated.variables().cloned())
                .set_access_log_settings(updated.access_log_settings().cloned())
                .set_canary_settings(updated.canary_settings().cloned())
                .tracing_enabled(updated.tracing_enabled())
                .build();
            let settings = built.method_settings().into_iter().flatten();
            Ok(stage(&built, self.account_throttle(settings.count() > 0).await?))
        })
    }

    /// Deletes a stage, if it exists.
    pub fn delete_stage<'a>(&'a self, api: &'a str, name: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("DeleteStage", format!("deleting stage {name}"));
            let deleted = self.caller.call(&call, || {
                self.apigateway.delete_stage().rest_api_id(api).stage_name(name).send()
            });
            if_found(deleted.await).map(|_| ())
        })
    }

    /// Flushes the authorizer cache of a stage.
    pub fn flush_authorizer_cache<'a>(&'a self, api: &'a str, stage: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let context = format!("flushing the authorizer cache of stage {stage}");
            let call = ApiCall::idempotent("FlushStageAuthorizersCache", context);
            let flush = self.caller.call(&call, || {
                let flush = self.apigateway.flush_stage_authorizers_cache();
                flush.rest_api_id(api).stage_name(stage).send()
            });
            flush.await.map(|_| ())
        })
    }

    /// Returns the account's throttle. It is not read if nothing depends on it.
    pub async fn account_throttle(&self, is_relevant: bool) -> Result<Throttle, CallError> {
        if is_relevant {
            Ok(self.account().await?.throttle)
        } else {
            Ok(AccountSettings::DEFAULT.throttle)
        }
    }

    /// Returns the settings of API Gateway for the account, which are read once. Without a throttle, as
    /// emulators may have it, it is AWS's default.
    pub fn account(&self) -> Call<'_, &AccountSettings> {
        Box::pin(async move {
            if let Some(known) = self.account.get() {
                return Ok(known);
            }
            let call = ApiCall::idempotent("GetAccount", "reading the account settings");
            let found = self.caller.call(&call, || self.apigateway.get_account().send()).await?;
            let role = found.cloudwatch_role_arn().filter(|arn| !arn.is_empty());
            let throttle = found.throttle_settings().map(|throttle| Throttle {
                rate: throttle.rate_limit(),
                burst: throttle.burst_limit(),
            });
            Ok(self.account.get_or_init(|| AccountSettings {
                cloudwatch_role: role.map(str::to_owned),
                throttle: throttle.unwrap_or(AccountSettings::DEFAULT.throttle),
            }))
        })
    }

    /// Generates the SDK of a stage, and returns it as a ZIP archive.
    pub fn generate_sdk<'a>(
        &'a self,
        api: &'a str,
        stage: &'a str,
        language: &'a str,
        parameters: &'a BTreeMap<String, String>,
    ) -> Call<'a, Vec<u8>> {
        Box::pin(async move {
            let call = ApiCall::idempotent(
                "GetSdk",
                format!("generating the {language} SDK of stage {stage}"),
            );
            let parameters: HashMap<String, String> = parameters.clone().into_iter().collect();
            let sdk = self.caller.call(&call, || {
                let get = self.apigateway.get_sdk().rest_api_id(api).stage_name(stage);
                get.sdk_type(language).set_parameters(Some(parameters.clone())).send()
            });
            let body = sdk.await?.body.map(Blob::into_inner).unwrap_or_default();
            if body.is_empty() {
                return Err(CallError::new(
                    CallErrorKind::OutcomeUnknown,
                    call.context(),
                    "empty response",
                ));
            }
            Ok(body)
        })
    }
}
