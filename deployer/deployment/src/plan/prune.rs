//! The deployments, roles and versions of functions that are unused once a stage is updated.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::NextDeployment;
use super::roles::{RetainedRecords, unused_roles};
use crate::desired::Desired;
use crate::function::{ObservedFunction, api_fingerprint};
use crate::observed::{Observed, ObservedApi};
use crate::record::{AuthorizerRecord, Record};

/// A version of a function that no deployment needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedVersion {
    /// The function's name.
    pub function: String,
    /// The version's number.
    pub number: u32,
}

/// The deployments, by id, roles, by name, and versions that can be deleted.
pub(super) struct Unused {
    pub deployments: Vec<String>,
    pub roles: Vec<String>,
    pub versions: Vec<PrunedVersion>,
}

/// Returns the revisions' deployments beyond `keep`, and the roles and versions that no retained
/// revision uses; `None` if there are none.
pub(super) fn unused(
    desired: &Desired,
    observed: &Observed,
    next: &NextDeployment,
) -> Option<Unused> {
    let api = observed.api.as_ref()?;
    let deployments = old_deployments(desired, api, next);
    let roles = unused_roles(desired, observed, api, &deployments);
    let versions = unused_versions(desired, observed, api, &deployments);
    let is_any = !deployments.is_empty() || !roles.is_empty() || !versions.is_empty();
    is_any.then_some(Unused { deployments, roles, versions })
}

/// Returns the versions that this API published and that no retained deployment and no alias names;
/// none while the content of a retained deployment is unknown.
fn unused_versions(
    desired: &Desired,
    observed: &Observed,
    api: &ObservedApi,
    removed: &[String],
) -> Vec<PrunedVersion> {
    let retained = RetainedRecords::of(api, removed);
    if !retained.is_complete {
        return Vec::new();
    }
    let records = retained.records.iter().copied().chain([&desired.record]);
    let used: BTreeSet<(String, u32)> = records.flat_map(pinned_versions).collect();
    let own = api_fingerprint(&desired.api.name);
    let unused = |(name, function): (&String, &ObservedFunction)| {
        let aliased: BTreeSet<u32> = function.aliases.values().flatten().copied().collect();
        let is_own = |version: &&crate::function::ObservedVersion| {
            let build = version.build.as_ref();
            build.is_some_and(|build| build.api.as_ref() == Some(&own))
        };
        let numbers = function.versions.iter().filter(is_own).map(|version| version.number);
        let numbers = numbers.filter(|number| !aliased.contains(number));
        let numbers = numbers.filter(|number| !used.contains(&(name.clone(), *number)));
        let pruned = numbers.map(|number| PrunedVersion { function: name.clone(), number });
        pruned.collect::<Vec<_>>()
    };
    let functions =
        observed.pinned.iter().filter_map(|(name, function)| Some((name, function.as_ref()?)));
    functions.flat_map(unused).collect()
}

/// Returns the versions that a record pins, by function.
fn pinned_versions(record: &Record) -> Vec<(String, u32)> {
    let pinned = record.authorizers.values().filter_map(AuthorizerRecord::pinned_function);
    let named =
        pinned.filter_map(|(arn, version)| Some((arn.rsplit(':').next()?.to_owned(), version?)));
    named.collect()
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
