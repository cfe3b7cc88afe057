//! A canary as a plan: what it requires, what it changes, and what it leaves out.

use super::stage::settings_changes;
use super::{AccessImpact, Action, Aspect, Change, NextDeployment, Subject};
use crate::desired::Desired;
use crate::observed::{ObservedApi, ObservedStage};
use crate::percent::Percent;

/// The reason a canary cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanaryError {
    /// The stage does not exist, or serves no deployment.
    #[error("stage `{stage}` serves no deployment: a canary requires a stage that serves one")]
    NoStage {
        /// The stage.
        stage: String,
    },
    /// The stage serves the desired revision.
    #[error(
        "stage `{stage}` serves revision {revision}, which matches the configuration: a canary requires a new revision"
    )]
    NoChange {
        /// The stage.
        stage: String,
        /// The revision that it serves.
        revision: u32,
    },
    /// The endpoint changes, which is for all requests.
    #[error("the endpoint of API `{api}` changes: a canary changes a share of the requests only")]
    Endpoint {
        /// The API.
        api: String,
    },
}

/// The canary of a plan, and the stage to update.
#[derive(Clone, Copy, Debug)]
pub(super) struct CanaryUpdate<'a> {
    pub stage: &'a ObservedStage,
    pub percent: Percent,
}

impl<'a> CanaryUpdate<'a> {
    /// Checks that the stage can have the canary.
    pub(super) fn new(
        desired: &Desired,
        api: Option<&'a ObservedApi>,
        next: &NextDeployment,
        percent: Percent,
    ) -> Result<Self, CanaryError> {
        let name = &desired.api.stage;
        let stage = api.and_then(|api| api.stages.get(name));
        let Some(stage) = stage.filter(|stage| !stage.deployment.is_empty()) else {
            return Err(CanaryError::NoStage { stage: name.clone() });
        };
        if let NextDeployment::Current(revision) = next {
            let revision = revision.number;
            return Err(CanaryError::NoChange { stage: name.clone(), revision });
        }
        if api.is_some_and(|api| api.endpoint != desired.api.endpoint) {
            return Err(CanaryError::Endpoint { api: desired.api.name.clone() });
        }
        Ok(Self { stage, percent })
    }

    /// Returns the change to the stage, if its canary is another one.
    pub(super) fn change(
        &self,
        desired: &Desired,
        api: &ObservedApi,
        next: &NextDeployment,
    ) -> Option<Change> {
        let before = self.stage.canary.as_ref().map(|canary| api.canary_text(canary));
        let after = format!("{} revision {}", self.percent, next.number());
        (before.as_ref() != Some(&after)).then(|| Change {
            action: if before.is_some() { Action::Update } else { Action::Add },
            subject: Subject::Stage(desired.api.stage.clone()),
            aspect: Aspect::Canary,
            before,
            after: Some(after),
            impact: AccessImpact::None,
        })
    }

    /// Returns a note for what differs and is not applied to a share of the requests.
    pub(super) fn notes(&self, desired: &Desired, usage_plan_differs: bool) -> Vec<String> {
        let name = &desired.api.stage;
        let settings = settings_changes(desired, self.stage);
        let aspects: Vec<String> = settings.iter().map(|one| one.aspect.to_string()).collect();
        let settings = (!aspects.is_empty()).then(|| {
            format!("a canary does not apply the settings of stage {name}: {}", aspects.join(", "))
        });
        let plan = usage_plan_differs
            .then(|| format!("a canary does not apply the usage plan of stage {name}"));
        settings.into_iter().chain(plan).collect()
    }
}
