//! Creates, updates and rolls back a stage.

use std::collections::BTreeMap;

use super::{ApplyError, ConcurrentUpdate, Report, Run, StageMismatch};
use aws::{Aws, CallError};
use compiler::api::StageSettings;
use deployment::observed::{ObservedStage, TAG_API};
use deployment::plan::{Patch, Step, restore, serve};

/// The call that rolls a stage back.
#[derive(Clone, Debug)]
pub(super) enum StageUndo {
    Delete(String),
    Patch(String, Vec<Patch>),
}

/// Rolls a stage back to its state before a plan was applied.
pub async fn roll_back(aws: &Aws, report: &Report) -> Result<(), CallError> {
    match &report.undo {
        None => Ok(()),
        Some(StageUndo::Delete(stage)) => aws.delete_stage(&report.api, stage).await,
        Some(StageUndo::Patch(stage, patches)) => {
            aws.update_stage(&report.api, stage, patches).await.map(|_| ())
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
        if self.options.canary.is_some() {
            return Err(ApplyError::NoStage(name.to_owned()));
        }
        let (aws, api) = (self.aws, self.report.api.clone());
        if let Some(found) = aws.stages(&api).await?.remove(name) {
            let (stage, found) = (name.to_owned(), Some(found.deployment));
            return Err(ConcurrentUpdate { stage, expected: None, found }.into());
        }
        let deployment = self.deployment(deployment);
        let tags = BTreeMap::from([(TAG_API.to_owned(), self.plan.api.clone())]);
        aws.create_stage(&api, name, &deployment, settings, &tags).await?;
        self.report.deployment = Some(deployment);
        self.report.undo = Some(StageUndo::Delete(name.to_owned()));
        let plain = StageSettings {
            variables: settings.variables.clone(),
            tracing: settings.tracing,
            ..StageSettings::default()
        };
        let patches = deployment::plan::patches(&plain, settings);
        if !patches.is_empty() {
            let observed = aws.update_stage(&api, name, &patches).await?;
            self.verify_stage(&observed, None, settings).await?;
        }
        Ok(())
    }

    pub(super) async fn update_stage(&mut self, step: &Step) -> Result<(), ApplyError> {
        let Step::UpdateStage { name, before, deployment, changes_deployment, patches, settings } =
            step
        else {
            return Ok(());
        };
        let (aws, api) = (self.aws, self.report.api.clone());
        let found = aws.stages(&api).await?.remove(name).map(|stage| stage.deployment);
        let expected = Some(before.deployment.clone());
        if found != expected {
            return Err(ConcurrentUpdate { stage: name.clone(), expected, found }.into());
        }
        let target = changes_deployment.then(|| self.deployment(deployment.as_deref()));
        if let Some((percent, target)) = self.options.canary.zip(target.clone()) {
            let patches = [
                Patch::replace("/canarySettings/percentTraffic", percent.to_string()),
                Patch::replace("/canarySettings/deploymentId", target.clone()),
            ];
            aws.update_stage(&api, name, &patches).await?;
            self.report.deployment = Some(target);
            let end = Patch::remove("/canarySettings");
            self.report.undo = Some(StageUndo::Patch(name.clone(), vec![end]));
            return Ok(());
        }
        let mut patches = patches.clone();
        if let (Some(target), None) = (&target, deployment) {
            patches.extend(serve(target, &before.served));
        }
        self.report.undo = Some(StageUndo::Patch(name.clone(), restore(settings, before)));
        self.report.deployment.clone_from(&target);
        let observed = aws.update_stage(&api, name, &patches).await?;
        self.verify_stage(&observed, target.as_deref().or(Some(&before.deployment)), settings).await
    }

    /// Rolls the stage back if it differs from the plan.
    async fn verify_stage(
        &self,
        observed: &ObservedStage,
        deployment: Option<&str>,
        settings: &StageSettings,
    ) -> Result<(), ApplyError> {
        let Some(mismatch) = mismatch(observed, deployment, settings) else { return Ok(()) };
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

/// Returns the difference of a stage from the planned deployment and settings.
fn mismatch(
    observed: &ObservedStage,
    deployment: Option<&str>,
    settings: &StageSettings,
) -> Option<StageMismatch> {
    if let Some(expected) = deployment.filter(|expected| observed.deployment != **expected) {
        let (expected, found) = (expected.to_owned(), observed.deployment.clone());
        return Some(StageMismatch::Deployment { expected, found });
    }
    let missing = deployment::plan::patches(&observed.settings, settings);
    (observed.settings != *settings)
        .then(|| StageMismatch::Settings(missing.into_iter().map(|patch| patch.path).collect()))
}
