//! The changes to a stage, and the patches that apply them in one call, completely or not at all. <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AccessImpact, Action, Aspect, Change, Subject};
use crate::desired::Desired;
use crate::observed::{Canary, ObservedApi, ObservedStage, ServedDeployments};
use compiler::api::{LoggingLevel, RouteKey, StageSettings, Throttle};

/// One patch of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The operation.
    pub op: PatchOp,
    /// The JSON pointer of the setting.
    pub path: String,
    /// The new value.
    pub value: Option<String>,
}

/// The patch operations of a stage. API Gateway's `add`, `copy`, `move` and `test` are not needed
/// for any setting of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchOp {
    /// Removes the setting.
    Remove,
    /// Sets the setting.
    Replace,
}

impl Patch {
    /// Creates the patch that sets a setting.
    pub fn replace(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { op: PatchOp::Replace, path: path.into(), value: Some(value.into()) }
    }

    /// Creates the patch that removes a setting.
    pub fn remove(path: impl Into<String>) -> Self {
        Self { op: PatchOp::Remove, path: path.into(), value: None }
    }
}

/// Returns the patches from one stage's settings to another's.
pub fn patches(from: &StageSettings, to: &StageSettings) -> Vec<Patch> {
    let mut patches = Vec::new();
    let names: BTreeSet<&String> = from.variables.keys().chain(to.variables.keys()).collect();
    for name in names {
        match (from.variables.get(name), to.variables.get(name)) {
            (before, Some(value)) if before != Some(value) => {
                patches.push(Patch::replace(format!("/variables/{name}"), value));
            }
            (Some(_), None) => patches.push(Patch::remove(format!("/variables/{name}"))),
            _ => {}
        }
    }
    if from.throttle != to.throttle {
        patches.extend(throttle("/*/*", to.throttle));
    }
    let routes: BTreeSet<&RouteKey> = from.routes.keys().chain(to.routes.keys()).collect();
    for route in routes.into_iter().filter(|name| from.routes.get(*name) != to.routes.get(*name)) {
        let path = route.path().replace('~', "~0").replace('/', "~1");
        let pointer = format!("/{path}/{}", route.method());
        patches.extend(throttle(&pointer, to.routes.get(route).copied()));
    }
    if from.metrics != to.metrics {
        patches.push(Patch::replace("/*/*/metrics/enabled", to.metrics.to_string()));
    }
    if from.logging != to.logging {
        let level = to.logging.as_ref().map_or("OFF", LoggingLevel::name);
        patches.push(Patch::replace("/*/*/logging/loglevel", level));
    }
    match (&from.access_log, &to.access_log) {
        (before, Some(log)) if before.as_ref() != Some(log) => {
            patches.push(Patch::replace("/accessLogSettings/destinationArn", &log.destination));
            patches.push(Patch::replace("/accessLogSettings/format", &log.format));
        }
        (Some(_), None) => patches.push(Patch::remove("/accessLogSettings")),
        _ => {}
    }
    if from.tracing != to.tracing {
        patches.push(Patch::replace("/tracingEnabled", to.tracing.to_string()));
    }
    patches
}

/// Returns the patches of a throttle. A limit of -1 removes the method's own.
fn throttle(pointer: &str, throttle: Option<Throttle>) -> [Patch; 2] {
    let burst = throttle.map_or("-1".to_owned(), |throttle| throttle.burst.to_string());
    let rate = throttle.map_or("-1".to_owned(), |throttle| throttle.rate.to_string());
    [
        Patch::replace(format!("{pointer}/throttling/burstLimit"), burst),
        Patch::replace(format!("{pointer}/throttling/rateLimit"), rate),
    ]
}

/// Returns the patches that restore a stage, and record the deployment that it was rolled back from.
pub fn restore(now: &StageSettings, before: &ObservedStage, failed: Option<&str>) -> Vec<Patch> {
    let mut patches = patches(now, &before.settings);
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
pub(super) fn changes(desired: &Desired, api: Option<&ObservedApi>) -> Vec<Change> {
    let name = &desired.api.stage;
    let subject = Subject::Stage(name.clone());
    let to = &desired.api.stage_settings;
    let Some(stage) = api.and_then(|api| api.stages.get(name)) else {
        let mut changes = vec![Change {
            action: Action::Add,
            subject: subject.clone(),
            aspect: Aspect::Existence,
            before: None,
            after: None,
            impact: AccessImpact::None,
        }];
        changes.extend(settings(&subject, Action::Add, &StageSettings::default(), to));
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
    settings(&subject, Action::Update, &stage.settings, &desired.api.stage_settings)
}

fn settings(
    subject: &Subject,
    action: Action,
    from: &StageSettings,
    to: &StageSettings,
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
fn values(settings: &StageSettings) -> BTreeMap<Aspect, String> {
    let StageSettings { variables, throttle, routes, access_log, metrics, logging, tracing } =
        settings;
    let on = |enabled: bool| enabled.then(|| "on".to_owned());
    let single = [
        (Aspect::Throttle, throttle.map(|throttle| throttle.to_string())),
        (Aspect::AccessLog, access_log.as_ref().map(|log| log.destination.clone())),
        (Aspect::AccessLogFormat, access_log.as_ref().map(|log| log.format.clone())),
        (Aspect::Metrics, on(*metrics)),
        (Aspect::Logging, logging.as_ref().map(ToString::to_string)),
        (Aspect::Tracing, on(*tracing)),
    ];
    let single = single.into_iter().filter_map(|(aspect, text)| Some((aspect, text?)));
    let variables =
        variables.iter().map(|(name, value)| (Aspect::Variable(name.clone()), value.clone()));
    let throttles =
        routes.iter().map(|(key, limit)| (Aspect::RouteThrottle(key.clone()), limit.to_string()));
    single.chain(variables).chain(throttles).collect()
}
