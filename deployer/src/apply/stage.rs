//! Creates a stage or changes_deployment it, and puts it back.

use std::collections::BTreeMap;

use super::{ApplyError, ConcurrentUpdate, Report, Run, StageMismatch};
use aws::{Aws, CallError};
use compiler::api::StageSettings;
use deployment::observed::{ObservedStage, TAG_API};
use deployment::plan::{Patch, Step, restore, serve};

/// How a stage is put back.
#[derive(Clone, Debug)]
pub(super) enum Back {
    Delete(String),
    Patch(String, Vec<Patch>),
}

/// Puts a stage back to what it was before a plan was carried out.
pub async fn put_back(aws: &Aws, report: &Report) -> Result<(), CallError> {
    match &report.back {
        None => Ok(()),
        Some(Back::Delete(stage)) => aws.delete_stage(&report.api, stage).await,
        Some(Back::Patch(stage, patches)) => {
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
        self.report.back = Some(Back::Delete(name.to_owned()));
        let plain = StageSettings {
            variables: settings.variables.clone(),
            tracing: settings.tracing,
            ..StageSettings::default()
        };
        let patches = deployment::plan::patches(&plain, settings);
        if !patches.is_empty() {
            let now = aws.update_stage(&api, name, &patches).await?;
            self.must_be(&now, None, settings).await?;
        }
        Ok(())
    }

    pub(super) async fn move_stage(&mut self, step: &Step) -> Result<(), ApplyError> {
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
            self.report.back = Some(Back::Patch(name.clone(), vec![end]));
            return Ok(());
        }
        let mut patches = patches.clone();
        if let (Some(target), None) = (&target, deployment) {
            patches.extend(serve(target, &before.served));
        }
        self.report.back = Some(Back::Patch(name.clone(), restore(settings, before)));
        self.report.deployment.clone_from(&target);
        let now = aws.update_stage(&api, name, &patches).await?;
        self.must_be(&now, target.as_deref().or(Some(&before.deployment)), settings).await
    }

    /// Puts the stage back if it is not what it was to be.
    async fn must_be(
        &self,
        now: &ObservedStage,
        deployment: Option<&str>,
        settings: &StageSettings,
    ) -> Result<(), ApplyError> {
        let Some(mismatch) = mismatch(now, deployment, settings) else { return Ok(()) };
        Err(match put_back(self.aws, &self.report).await {
            Ok(()) => ApplyError::RolledBack(mismatch),
            Err(error) => ApplyError::RollbackFailed { mismatch, error },
        })
    }

    /// Returns the deployment to serve: the named one, or the one that was just made.
    fn deployment(&self, named: Option<&str>) -> String {
        named.map(str::to_owned).or_else(|| self.report.deployment.clone()).unwrap_or_default()
    }
}

/// Returns how a stage differs from the deployment and the settings that it is to have.
fn mismatch(
    now: &ObservedStage,
    deployment: Option<&str>,
    settings: &StageSettings,
) -> Option<StageMismatch> {
    if let Some(expected) = deployment.filter(|expected| now.deployment != **expected) {
        let (expected, found) = (expected.to_owned(), now.deployment.clone());
        return Some(StageMismatch::Deployment { expected, found });
    }
    let missing = deployment::plan::patches(&now.settings, settings);
    (now.settings != *settings)
        .then(|| StageMismatch::Settings(missing.into_iter().map(|patch| patch.path).collect()))
}
