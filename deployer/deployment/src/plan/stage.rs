//! The changes to a stage, and the patches that apply them in one call, completely or not at all. <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>

use std::collections::{BTreeMap, BTreeSet};

use super::{AccessImpact, Action, Aspect, Change, Subject};
use crate::desired::Desired;
use crate::observed::{Canary, Observed, ObservedStage, ServedDeployments};
use crate::patch::Patch;
use crate::stage_settings::ObservedSettings;
use compiler::api::RouteKey;

/// Returns the patches that restore a stage, and record the deployment that it was rolled back from.
pub fn restore(now: &ObservedSettings, before: &ObservedStage, failed: Option<&str>) -> Vec<Patch> {
    let mut patches = now.patches(&before.settings);
    patches.push(Patch::replace("/deploymentId", &before.deployment));
    patches.extend(before.canary.as_ref().map(restored_canary).into_iter().flatten());
    patches.push(description(&rolled_back(before, failed)));
    patches
}

/// Returns the patches that restore the canary of a stage, and record the one that it was rolled
/// back from.
pub fn restore_canary(before: &ObservedStage, failed: &str) -> Vec<Patch> {
    let mut patches = match &before.canary {
        Some(canary) => restored_canary(canary).to_vec(),
        None => vec![remove_canary()],
    };
    patches.push(description(&rolled_back(before, Some(failed))));
    patches
}

/// Returns what a stage has served, once it was rolled back from a deployment. What it serves still
/// or again is not marked.
fn rolled_back(before: &ObservedStage, failed: Option<&str>) -> ServedDeployments {
    let canary = before.canary.as_ref().map(|canary| canary.deployment.as_str());
    let failed = failed.filter(|id| *id != before.deployment && Some(*id) != canary);
    let served = before.served.clone();
    failed.map_or_else(|| served.clone(), |id| served.clone().with_rolled_back(id))
}

fn description(served: &ServedDeployments) -> Patch {
    Patch::replace("/description", served.to_string())
}

fn restored_canary(canary: &Canary) -> [Patch; 2] {
    canary_patches(&canary.deployment, canary.percent)
}

/// Returns the patches that route a share of a stage's requests to a deployment. API Gateway refuses
/// `add`.
pub fn canary_patches(deployment: &str, percent: f64) -> [Patch; 2] {
    [
        Patch::replace("/canarySettings/percentTraffic", percent.to_string()),
        Patch::replace("/canarySettings/deploymentId", deployment),
    ]
}

/// Returns the patches that move all requests of a stage to a deployment, and end its canary.
/// `rolled_back` are the deployments that the stage is rolled back from.
pub fn move_stage(before: &ObservedStage, deployment: &str, rolled_back: &[&str]) -> Vec<Patch> {
    let served = before.served.clone();
    let served = rolled_back.iter().fold(served, |served, id| served.with_rolled_back(id));
    let mut patches = Vec::new();
    if before.deployment != deployment {
        patches.push(Patch::replace("/deploymentId", deployment));
    }
    patches.push(description(&served.with(deployment)));
    patches.extend(before.canary.as_ref().map(|_| remove_canary()));
    patches
}

/// Returns whether a stage is as an update would leave it: for an update whose response was lost.
/// False if the patches change neither its deployment nor its canary: then it cannot be known.
pub fn is_applied(patches: &[Patch], stage: &ObservedStage) -> bool {
    let canary = stage.canary.as_ref();
    let matches = patches.iter().filter_map(|patch| {
        Some(match (patch.path.as_str(), &patch.value) {
            ("/deploymentId", Some(id)) => stage.deployment == *id,
            ("/description", Some(text)) => stage.served.to_string() == *text,
            ("/canarySettings/deploymentId", Some(id)) => {
                canary.is_some_and(|canary| canary.deployment == *id)
            }
            ("/canarySettings/percentTraffic", Some(percent)) => {
                canary.is_some_and(|canary| canary.percent.to_string() == *percent)
            }
            ("/canarySettings", None) => canary.is_none(),
            _ => return None,
        })
    });
    let matches: Vec<bool> = matches.collect();
    !matches.is_empty() && matches.iter().all(|matches| *matches)
}

/// Returns the patches that make a stage serve a deployment and record it in its description.
pub fn serve(deployment: &str, served: &ServedDeployments) -> [Patch; 2] {
    let served = served.clone().with(deployment);
    [
        Patch::replace("/deploymentId", deployment),
        Patch::replace("/description", served.to_string()),
    ]
}

/// Returns the patch that removes a canary.
pub(super) fn remove_canary() -> Patch {
    Patch::remove("/canarySettings")
}

/// Returns the changes to a stage.
pub(super) fn changes(desired: &Desired, observed: &Observed) -> Vec<Change> {
    let api = observed.api.as_ref();
    let name = &desired.api.stage;
    let subject = Subject::Stage(name.clone());
    let Some(stage) = api.and_then(|api| api.stages.get(name)) else {
        let mut changes = vec![Change {
            action: Action::Add,
            subject: subject.clone(),
            aspect: Aspect::Existence,
            before: None,
            after: None,
            impact: AccessImpact::None,
        }];
        let none = ObservedSettings::new(observed.account.throttle);
        let to = none.with(&desired.api.stage_settings);
        changes.extend(settings(&subject, Action::Add, &none, &to));
        return changes;
    };
    let mut changes = settings_changes(desired, stage);
    if let Some(canary) = &stage.canary {
        changes.push(Change {
            action: Action::Remove,
            subject,
            aspect: Aspect::Canary,
            before: api.map(|api| api.canary_text(canary)),
            after: None,
            impact: AccessImpact::None,
        });
    }
    changes
}

/// Returns the changes to a stage's settings.
pub(super) fn settings_changes(desired: &Desired, stage: &ObservedStage) -> Vec<Change> {
    let subject = Subject::Stage(desired.api.stage.clone());
    let to = stage.settings.with(&desired.api.stage_settings);
    settings(&subject, Action::Update, &stage.settings, &to)
}

fn settings(
    subject: &Subject,
    action: Action,
    from: &ObservedSettings,
    to: &ObservedSettings,
) -> Vec<Change> {
    let (before, after) = (values(from), values(to));
    let aspects: BTreeSet<&Aspect> = before.keys().chain(after.keys()).collect();
    aspects
        .into_iter()
        .map(|aspect| Change {
            action,
            subject: subject.clone(),
            aspect: aspect.clone(),
            before: before.get(aspect).cloned(),
            after: after.get(aspect).cloned(),
            impact: AccessImpact::None,
        })
        .filter(|change| change.before != change.after)
        .collect()
}

/// Returns the settings that differ from the defaults, as text.
fn values(settings: &ObservedSettings) -> BTreeMap<Aspect, String> {
    let ObservedSettings { account, variables, access_log, tracing, all, methods } = settings;
    let on = |enabled: bool| enabled.then(|| "on".to_owned());
    let throttle = (all.throttle != *account).then(|| all.throttle.to_string());
    let single = [
        (Aspect::Throttle, throttle),
        (Aspect::AccessLog, access_log.as_ref().map(|log| log.destination.clone())),
        (Aspect::AccessLogFormat, access_log.as_ref().map(|log| log.format.clone())),
        (Aspect::Metrics, on(all.metrics)),
        (Aspect::Logging, all.logging.as_ref().map(ToString::to_string)),
        (Aspect::Tracing, on(*tracing)),
    ];
    let single = single.into_iter().filter_map(|(aspect, text)| Some((aspect, text?)));
    let variables =
        variables.iter().map(|(name, value)| (Aspect::Variable(name.clone()), value.clone()));
    let entry = |(route, entry): (&RouteKey, _)| {
        (Aspect::RouteThrottle(route.clone()), settings.entry_text(entry))
    };
    single.chain(variables).chain(methods.iter().map(entry)).collect()
}
