//! Creates a stage or moves it, and puts it back.

use std::collections::BTreeMap;

use super::{ApplyError, Report, Run};
use aws::{Aws, CallError};
use compiler::api::StageSettings;
use deployment::observed::{ObservedStage, TAG_API};
use deployment::plan::{Patch, Step, serve, undo};

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
        if aws.stages(&api).await?.contains_key(name) {
            return Err(stale(name));
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
        let Step::MoveStage { name, before, to, moves, patches, settings } = step else {
            return Ok(());
        };
        let (aws, api) = (self.aws, self.report.api.clone());
        let stages = aws.stages(&api).await?;
        if stages.get(name).is_none_or(|stage| stage.deployment != before.deployment) {
            return Err(stale(name));
        }
        let target = moves.then(|| self.deployment(to.as_deref()));
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
        if let (Some(target), None) = (&target, to) {
            patches.extend(serve(target, &before.served));
        }
        self.report.back = Some(Back::Patch(name.clone(), undo(settings, before)));
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
        let wrong = if deployment.is_some_and(|deployment| now.deployment != deployment) {
            "the stage serves another deployment than it was told to"
        } else if now.settings != *settings {
            "the stage did not take all of its settings"
        } else {
            return Ok(());
        };
        match put_back(self.aws, &self.report).await {
            Ok(()) => Err(ApplyError::RolledBack(wrong.to_owned())),
            Err(error) => Err(ApplyError::NotBack(wrong.to_owned(), error)),
        }
    }

    /// Returns the deployment to serve: the named one, or the one that was just made.
    fn deployment(&self, named: Option<&str>) -> String {
        named.map(str::to_owned).or_else(|| self.report.deployment.clone()).unwrap_or_default()
    }
}

fn stale(stage: &str) -> ApplyError {
    ApplyError::Stale(format!("somebody else moved the stage {stage} in the meantime"))
}
