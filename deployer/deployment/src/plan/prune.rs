//! What is not needed any more once a stage has moved.

use std::collections::BTreeSet;

use super::Target;
use crate::desired::{Desired, role_arn};
use crate::observed::{Observed, ObservedApi};
use crate::record::Record;

/// Deployments by id, and roles by name, that can be removed.
pub(super) struct Unneeded {
    pub deployments: Vec<String>,
    pub roles: Vec<String>,
}

/// Returns our deployments beyond those to keep, and the roles that no kept revision names; `None`
/// if there are none of either.
pub(super) fn unneeded(
    desired: &Desired,
    observed: &Observed,
    target: &Target,
) -> Option<Unneeded> {
    let api = observed.api.as_ref()?;
    let deployments = old_deployments(desired, api, target);
    let roles = unused_roles(desired, observed, api, &deployments);
    let any = !deployments.is_empty() || !roles.is_empty();
    any.then_some(Unneeded { deployments, roles })
}

fn old_deployments(desired: &Desired, api: &ObservedApi, target: &Target) -> Vec<String> {
    // What a stage serves until it moves is what it may have to be put back to.
    let used = api.deployments_in_use();
    let mut ours: Vec<(u32, &str)> = api
        .deployments
        .iter()
        .filter_map(|d| Some((d.revision.as_ref()?.number, d.id.as_str())))
        .collect();
    ours.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let new = usize::from(matches!(target, Target::New { .. }));
    let replaced = match target {
        Target::New { replaces: Some(id), .. } => Some(id.as_str()),
        _ => None,
    };
    let kept = desired.api.deployment_settings.keep.saturating_sub(new);
    let old = ours.iter().filter(|(_, id)| Some(*id) != replaced).skip(kept).map(|(_, id)| *id);
    old.filter(|id| !used.contains(id)).chain(replaced).map(str::to_owned).collect()
}

/// Returns the roles that no kept revision names; none, while one of their records cannot be
/// read: it may name any of them.
fn unused_roles(
    desired: &Desired,
    observed: &Observed,
    api: &ObservedApi,
    removed: &[String],
) -> Vec<String> {
    let kept = api.deployments.iter().filter(|deployment| !removed.contains(&deployment.id));
    let revisions = kept.filter_map(|deployment| deployment.revision.as_ref());
    let records: Option<Vec<&Record>> =
        revisions.map(|revision| api.record(revision.number)).collect();
    let Some(records) = records else { return Vec::new() };
    let named: BTreeSet<&String> = (records.into_iter().chain([&desired.record]))
        .flat_map(|record| record.authorizers.values())
        .filter_map(|authorizer| authorizer.invoke_role.as_ref())
        .collect();
    let roles = observed.roles.keys().filter(|name| !desired.roles.contains_key(*name));
    roles
        .filter(|name| !named.contains(&role_arn(&desired.api.name, name, &desired.target)))
        .cloned()
        .collect()
}
