//! The deployments and roles that are unused once a stage is updated.

use super::NextDeployment;
use super::roles::unused_roles;
use crate::desired::Desired;
use crate::observed::{Observed, ObservedApi};

/// The deployments, by id, and roles, by name, that can be deleted.
pub(super) struct Unused {
    pub deployments: Vec<String>,
    pub roles: Vec<String>,
}

/// Returns the revisions' deployments beyond `keep`, and the roles that no retained revision uses;
/// `None` if there are neither.
pub(super) fn unused(
    desired: &Desired,
    observed: &Observed,
    next: &NextDeployment,
) -> Option<Unused> {
    let api = observed.api.as_ref()?;
    let deployments = old_deployments(desired, api, next);
    let roles = unused_roles(desired, observed, api, &deployments);
    let is_any = !deployments.is_empty() || !roles.is_empty();
    is_any.then_some(Unused { deployments, roles })
}

fn old_deployments(desired: &Desired, api: &ObservedApi, next: &NextDeployment) -> Vec<String> {
    // The deployment that a stage serves until it is updated is needed for a rollback.
    let used = api.deployments_in_use();
    let mut revisions: Vec<(u32, &str)> = api
        .deployments
        .iter()
        .filter_map(|d| Some((d.revision.as_ref()?.number, d.id.as_str())))
        .collect();
    revisions.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let new = usize::from(matches!(next, NextDeployment::New { .. }));
    let replaced = match next {
        NextDeployment::New { replaces: Some(id), .. } => Some(id.as_str()),
        _ => None,
    };
    let keep = desired.api.deployment_settings.keep.saturating_sub(new);
    let old =
        revisions.iter().filter(|(_, id)| Some(*id) != replaced).skip(keep).map(|(_, id)| *id);
    old.filter(|id| !used.contains(id)).chain(replaced).map(str::to_owned).collect()
}
