//! The changes to the API's tags, endpoint and usage plan, and to the roles.

use serde_json::Value as Json;

use super::steps::{api_steps, usage_plan_step};
use super::{AccessImpact, Action, Aspect, Change, Step, Subject};
use crate::desired::Desired;
use crate::observed::{Observed, ObservedApi};

/// Returns the changes to the roles.
pub(super) fn roles(desired: &Desired, observed: &Observed) -> Vec<Change> {
    let differ =
        desired.roles.iter().filter(|(name, role)| observed.roles.get(*name) != Some(role));
    differ
        .map(|(name, role)| {
            let exists = observed.roles.contains_key(name);
            let resource = role.policies.values().find_map(|p| p.pointer("/Statement/0/Resource"));
            Change {
                action: if exists { Action::Update } else { Action::Add },
                subject: Subject::Role(name.clone()),
                aspect: Aspect::InvokePermission,
                before: None,
                after: resource.and_then(Json::as_str).map(str::to_owned),
                impact: AccessImpact::Security,
            }
        })
        .collect()
}

/// Returns the changes to the API's tags, endpoint and usage plan.
pub(super) fn api(desired: &Desired, api: Option<&ObservedApi>) -> Vec<Change> {
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
    for step in api_steps(desired, api) {
        match step {
            Step::TagApi { set, unset } => {
                let tag = |name: &String| Aspect::Tag(name.clone());
                changes.extend(set.iter().map(|(name, value)| {
                    let before = api.tags.get(name).cloned();
                    change(Action::Update, tag(name), before, Some(value.clone()))
                }));
                changes.extend(unset.iter().map(|name| {
                    change(Action::Remove, tag(name), api.tags.get(name).cloned(), None)
                }));
            }
            Step::UpdateEndpoint { from, to } => {
                let (from, to) = (from.to_string(), to.to_string());
                changes.push(change(Action::Update, Aspect::Endpoint, Some(from), Some(to)));
            }
            _ => {}
        }
    }
    let plan = usage_plan_step(desired, Some(api));
    changes.extend(plan.and_then(|step| match step {
        Step::PutUsagePlan { id: None, name, .. } => {
            Some(change(Action::Add, Aspect::UsagePlan, None, Some(name)))
        }
        Step::PutUsagePlan { .. } => Some(change(Action::Update, Aspect::UsagePlan, None, None)),
        _ => None,
    }));
    changes
}
