//! The changes to the API's tags, endpoint and usage plan, and to the roles.

use std::collections::BTreeMap;

use super::steps::{tag_step, usage_plan_step};
use super::{AccessImpact, Action, Aspect, Change, Step, Subject};
use crate::desired::Desired;
use crate::invoke_role::{ROLE_POLICY, Role, TrustProblem, trust_policy};
use crate::observed::{Observed, ObservedApi};
use compiler::api::{Endpoint, EndpointConfiguration, UsagePlan};

/// Returns the changes to the roles that the steps create or update.
pub(super) fn roles(steps: &[Step], observed: &Observed) -> Vec<Change> {
    let mut changes = Vec::new();
    for step in steps {
        let Step::PutRole { name, role, .. } = step else { continue };
        let existing = observed.roles.get(name);
        let mut aspects = role_aspects(role);
        let old = existing.map(role_aspects).unwrap_or_default();
        for aspect in old.keys() {
            aspects.entry(aspect.clone()).or_default();
        }
        let differs = |aspect: &Aspect, after: &Option<String>| old.get(aspect) != Some(after);
        let is_only_permission =
            existing.is_none() || !aspects.iter().any(|(aspect, after)| differs(aspect, after));
        let is_shown = |(aspect, after): &(Aspect, Option<String>)| {
            if is_only_permission {
                *aspect == Aspect::InvokePermission
            } else {
                differs(aspect, after)
            }
        };
        changes.extend(aspects.into_iter().filter(is_shown).map(|(aspect, after)| Change {
            action: if existing.is_some() { Action::Update } else { Action::Add },
            subject: Subject::Role(name.clone()),
            before: old.get(&aspect).cloned().flatten(),
            aspect,
            after,
            impact: AccessImpact::Security,
        }));
    }
    changes
}

/// Returns the aspects of a role, as texts.
fn role_aspects(role: &Role) -> BTreeMap<Aspect, Option<String>> {
    let functions: Vec<String> = role.functions().into_iter().collect();
    let trust = match role.trust_problem() {
        None if role.trust == trust_policy() => "apigateway.amazonaws.com".to_owned(),
        None => "apigateway.amazonaws.com and others".to_owned(),
        Some(TrustProblem::Condition) => "apigateway.amazonaws.com with a condition".to_owned(),
        Some(TrustProblem::Service) => "not apigateway.amazonaws.com".to_owned(),
    };
    let others = role.policies.keys().filter(|name| *name != ROLE_POLICY).cloned();
    let permission: Vec<String> = functions.into_iter().chain(others).collect();
    let tags = role.tags.iter();
    let tags = tags.map(|(name, value)| (Aspect::Tag(name.clone()), Some(value.clone())));
    let mut aspects: BTreeMap<Aspect, Option<String>> = tags.collect();
    aspects.insert(Aspect::InvokePermission, Some(permission.join(", ")));
    aspects.insert(Aspect::PermissionsBoundary, role.permissions_boundary.clone());
    aspects.insert(Aspect::TrustPolicy, Some(trust));
    aspects
}

fn usage_plan_text(plan: &UsagePlan) -> String {
    let UsagePlan { throttle, quota, keys } = plan;
    let throttle = throttle.map_or("no throttle".to_owned(), |throttle| throttle.to_string());
    let quota = quota.as_ref().map_or("no quota".to_owned(), |quota| {
        format!("{} requests per {}", quota.limit, quota.period)
    });
    format!("{throttle}; {quota}; keys: {}", keys.len())
}

/// Returns the endpoint of the API, or of the deployment that the stage serves, if it differs from the
/// desired one.
fn other_endpoint<'a>(
    desired: &Desired,
    api: &'a ObservedApi,
) -> Option<&'a EndpointConfiguration> {
    let served = api.live_record(&desired.api.stage);
    let mut endpoints = [&api.endpoint].into_iter().chain(served.map(|record| &record.endpoint));
    endpoints.find(|endpoint| **endpoint != desired.api.endpoint)
}

/// Returns a note if the plan changes the endpoint, which the other stages have too.
pub(super) fn endpoint_note(desired: &Desired, api: &ObservedApi) -> Option<String> {
    let is_other = |name: &&String| **name != desired.api.stage;
    let others: Vec<&str> = api.stages.keys().filter(is_other).map(String::as_str).collect();
    let changes = api.endpoint != desired.api.endpoint;
    (changes && !others.is_empty()).then(|| {
        format!("the endpoint changes for all stages; deploy the others too: {}", others.join(", "))
    })
}

/// Returns the changes to the API's tags, endpoint and usage plan. A canary does not apply the last.
pub(super) fn api(desired: &Desired, api: Option<&ObservedApi>, is_canary: bool) -> Vec<Change> {
    let change = |action, aspect: Aspect, before: Option<String>, after: Option<String>| Change {
        action,
        subject: Subject::Api(desired.api.name.clone()),
        aspect,
        before,
        after,
        impact: AccessImpact::None,
    };
    let Some(api) = api else {
        let endpoint = desired.api.endpoint.to_string();
        return vec![change(Action::Add, Aspect::Endpoint, None, Some(endpoint))];
    };
    let mut changes = Vec::new();
    if let Some(Step::TagApi { set, unset }) = tag_step(desired, api) {
        let tag = |name: &String| Aspect::Tag(name.clone());
        changes.extend(set.iter().map(|(name, value)| {
            let before = api.tags.get(name).cloned();
            change(Action::Update, tag(name), before, Some(value.clone()))
        }));
        let removed = |name| change(Action::Remove, tag(name), api.tags.get(name).cloned(), None);
        changes.extend(unset.iter().map(removed));
    }
    if let Some(from) = other_endpoint(desired, api) {
        let to = &desired.api.endpoint;
        let becomes_reachable = from.kind == Endpoint::Private && to.kind != Endpoint::Private
            || from.disable_execute_api_endpoint && !to.disable_execute_api_endpoint;
        let impact = if becomes_reachable {
            AccessImpact::BecomesPublic
        } else if from.kind != to.kind {
            AccessImpact::Security
        } else {
            AccessImpact::None
        };
        let (before, after) = (Some(from.to_string()), Some(to.to_string()));
        changes.push(Change { impact, ..change(Action::Update, Aspect::Endpoint, before, after) });
    }
    let plan = usage_plan_step(desired, Some(api)).filter(|_| !is_canary);
    changes.extend(plan.and_then(|step| match step {
        Step::PutUsagePlan { existing: None, name, .. } => {
            Some(change(Action::Add, Aspect::UsagePlan, None, Some(name)))
        }
        Step::PutUsagePlan { plan, existing: Some(existing), .. } => {
            let before = Some(usage_plan_text(&existing.plan));
            let after = Some(usage_plan_text(&plan));
            Some(change(Action::Update, Aspect::UsagePlan, before, after))
        }
        Step::DeleteUsagePlan { name, .. } => {
            Some(change(Action::Remove, Aspect::UsagePlan, Some(name), None))
        }
        _ => None,
    }));
    changes
}
