//! Creates, updates and rolls back a stage.

use std::collections::BTreeMap;

use super::{ApplyError, ConcurrentUpdate, Report, Run, StageMismatch};
use aws::{Aws, CallError, CallErrorKind};
use compiler::api::StageSettings;
use deployment::observed::{Canary, ObservedStage, TAG_API, Traffic, api_tag};
use deployment::patch::Patch;
use deployment::plan::{Step, canary_patches, restore, restore_canary, serve};
use deployment::stage_settings::ObservedSettings;

/// The call that rolls a stage back.
#[derive(Clone, Debug)]
pub(super) enum StageUndo {
    Delete(String),
    Patch(String, Vec<Patch>),
}

/// Rolls a stage back to its state before a plan was applied, and flushes its cache: it may have results
/// of the rules that the stage is rolled back from.
pub async fn roll_back(aws: &Aws, report: &Report) -> Result<(), CallError> {
    match &report.undo {
        None => Ok(()),
        Some(StageUndo::Delete(stage)) => aws.delete_stage(&report.api, stage).await,
        Some(StageUndo::Patch(stage, patches)) => {
            aws.update_stage(&report.api, stage, patches).await?;
            match aws.flush_authorizer_cache(&report.api, stage).await {
                Err(error) if error.kind == CallErrorKind::Unsupported => Ok(()),
                result => result,
            }
        }
    }
}

impl Run<'_> {
    pub(super) async fn create_stage(
        &mut self,
        name: &str,
        deployment: Option<&str>,
        settings: &StageSettings,
    ) -> Result<(), ApplyError> {
        let (aws, api) = (self.aws, self.report.api.clone());
        if let Some(found) = aws.stages(&api).await?.remove(name) {
            let (stage, found) = (name.to_owned(), Some(found.traffic()));
            return Err(ConcurrentUpdate { stage, expected: None, found }.into());
        }
        let deployment = self.deployment(deployment);
        let tags = BTreeMap::from([(TAG_API.to_owned(), api_tag(&self.plan.api))]);
        aws.create_stage(&api, name, &deployment, settings, &tags).await?;
        self.report.traffic = Some(Traffic { deployment: deployment.clone(), canary: None });
        self.report.deployment = Some(deployment);
        self.report.undo = Some(StageUndo::Delete(name.to_owned()));
        let account = aws.account_throttle(settings.depends_on_account()).await?;
        let created = ObservedSettings {
            variables: settings.variables.clone(),
            tracing: settings.tracing,
            ..ObservedSettings::new(account)
        };
        let patches = created.patches(&created.with(settings));
        if patches.is_empty() {
            return Ok(());
        }
        let updated = aws.update_stage(&api, name, &patches).await;
        let observed = match updated {
            Ok(observed) => observed,
            Err(error) => {
                // Without its throttle and its logs, it must not serve requests.
                let stage = name.to_owned();
                return Err(match aws.delete_stage(&api, name).await {
                    Ok(()) => ApplyError::StageNotCreated { stage, error },
                    Err(deletion) => ApplyError::StageNotDeleted {
                        stage,
                        error: Box::new(error),
                        deletion: Box::new(deletion),
                    },
                });
            }
        };
        self.verify_stage(&observed, None, observed.settings.missing(settings)).await
    }

    pub(super) async fn update_stage(&mut self, step: &Step) -> Result<(), ApplyError> {
        let Step::UpdateStage { name, before, deployment, changes_deployment, patches, settings } =
            step
        else {
            return Ok(());
        };
        let (aws, api) = (self.aws, self.report.api.clone());
        check_unchanged(aws, &api, name, before).await?;
        let target = changes_deployment.then(|| self.deployment(deployment.as_deref()));
        let mut patches = patches.clone();
        if let (Some(target), None) = (&target, deployment) {
            patches.extend(serve(target, &before.served));
        }
        let undo = restore(&before.settings.with(settings), before, target.as_deref());
        self.report.undo = Some(StageUndo::Patch(name.clone(), undo));
        self.report.deployment.clone_from(&target);
        let observed = aws.update_stage(&api, name, &patches).await?;
        self.report.traffic = Some(observed.traffic());
        let deployment = target.unwrap_or_else(|| before.deployment.clone());
        let traffic = Traffic { deployment, canary: None };
        self.verify_stage(&observed, Some(&traffic), observed.settings.missing(settings)).await
    }

    pub(super) async fn update_canary(&mut self, step: &Step) -> Result<(), ApplyError> {
        let Step::UpdateCanary { name, before, deployment, percent } = step else { return Ok(()) };
        let (aws, api) = (self.aws, self.report.api.clone());
        check_unchanged(aws, &api, name, before).await?;
        let target = self.deployment(deployment.as_deref());
        let undo = restore_canary(before, &target);
        self.report.undo = Some(StageUndo::Patch(name.clone(), undo));
        self.report.deployment = Some(target.clone());
        let canary = Canary { deployment: target, percent: percent.as_f64() };
        let patches = canary_patches(&canary.deployment, canary.percent);
        let observed = aws.update_stage(&api, name, &patches).await?;
        self.report.traffic = Some(observed.traffic());
        let deployment = before.deployment.clone();
        let traffic = Traffic { deployment, canary: Some(canary) };
        let changed = observed.settings.patches(&before.settings);
        let changed = changed.into_iter().map(|patch| patch.path).collect();
        self.verify_stage(&observed, Some(&traffic), changed).await
    }

    /// Rolls the stage back if it differs from the plan: in its traffic, or in these settings.
    async fn verify_stage(
        &self,
        observed: &ObservedStage,
        traffic: Option<&Traffic>,
        settings: Vec<String>,
    ) -> Result<(), ApplyError> {
        let Some(mismatch) = mismatch(observed, traffic, settings) else { return Ok(()) };
        let mismatch = Box::new(mismatch);
        Err(match roll_back(self.aws, &self.report).await {
            Ok(()) => ApplyError::RolledBack(mismatch),
            Err(error) => ApplyError::RollbackFailed { mismatch, error },
        })
    }

    /// Returns the deployment to serve: the given one, or the one that was just created.
    fn deployment(&self, id: Option<&str>) -> String {
        id.map(str::to_owned).or_else(|| self.report.deployment.clone()).unwrap_or_default()
    }
}

/// Checks that a stage serves what it did when it was observed.
pub async fn check_unchanged(
    aws: &Aws,
    api: &str,
    name: &str,
    before: &ObservedStage,
) -> Result<(), ApplyError> {
    let found = aws.stages(api).await?.remove(name);
    let (expected, found) = (Some(before.traffic()), found.map(|found| found.traffic()));
    if found == expected {
        return Ok(());
    }
    Err(ConcurrentUpdate { stage: name.to_owned(), expected, found }.into())
}

/// Returns the difference of a stage from the planned traffic, or its settings that differ.
fn mismatch(
    observed: &ObservedStage,
    traffic: Option<&Traffic>,
    settings: Vec<String>,
) -> Option<StageMismatch> {
    let found = observed.traffic();
    if let Some(expected) = traffic.filter(|expected| **expected != found) {
        return Some(StageMismatch::Traffic { expected: expected.clone(), found });
    }
    (!settings.is_empty()).then_some(StageMismatch::Settings(settings))
}
