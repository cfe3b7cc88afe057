//! The invoke roles that the desired state and the existing deployments need, and those that are
//! unused.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::Desired;
use crate::invoke_role::{Ownership, Role, path_and_name, trust_policy};
use crate::observed::{Observed, ObservedApi};
use crate::record::{AuthorizerRecord, Record};

/// A role that is created or updated.
pub(super) struct RoleUpdate {
    pub name: String,
    pub role: Role,
    pub exists: bool,
}

/// Returns the roles to create and to update. A role that only allows other qualifiers of its
/// function in addition is updated if `has_other_steps`.
pub(super) fn role_updates(
    desired: &Desired,
    observed: &Observed,
    has_other_steps: bool,
) -> Vec<RoleUpdate> {
    let mut updates = Vec::new();
    for (name, role) in required_roles(desired, observed) {
        let existing = observed.roles.get(&name);
        let is_sufficient = existing.is_some_and(|existing| is_sufficient(existing, &role));
        if existing != Some(&role) && (has_other_steps || !is_sufficient) {
            updates.push(RoleUpdate { exists: existing.is_some(), name, role });
        }
    }
    updates
}

/// Returns the unused roles of the API once these deployments are deleted; none while the roles of
/// a retained deployment are unknown.
pub(super) fn unused_roles(
    desired: &Desired,
    observed: &Observed,
    api: &ObservedApi,
    removed: &[String],
) -> Vec<String> {
    let retained = RetainedRecords::of(api, removed);
    if !retained.is_complete {
        return Vec::new();
    }
    // Another API may use the function of an execution role, which is deleted with the function.
    let is_own = |(name, role): &(&String, &Role)| {
        desired.role_owner().ownership(name, role) == Ownership::Own && !role.is_execution_role()
    };
    let is_used = |name: &str| {
        desired.makes_role(name)
            || uses_role(&desired.record, name)
            || retained.records.iter().any(|record| uses_role(record, name))
    };
    let unused = observed.roles.iter().filter(is_own).filter(|(name, _)| !is_used(name));
    unused.map(|(name, _)| name.clone()).collect()
}

/// Returns a note for each role that may belong to the API in another Region.
pub(super) fn unclear_notes(desired: &Desired, observed: &Observed) -> Vec<String> {
    let retained = observed.api.as_ref().map(|api| RetainedRecords::of(api, &[]));
    let is_used = |name: &str| {
        retained.iter().flat_map(|all| &all.records).any(|record| uses_role(record, name))
    };
    let is_unclear = |(name, role): &(&String, &Role)| {
        let ownership = desired.role_owner().ownership(name, role);
        ownership == Ownership::Unclear && !desired.makes_role(name) && !is_used(name)
    };
    let unclear = observed.roles.iter().filter(is_unclear);
    unclear.map(|(name, _)| unclear_note(name)).collect()
}

/// Returns the note for a role that is not deleted, because its Region is unknown.
pub fn unclear_note(name: &str) -> String {
    format!(
        "role {name} is not deleted: its tags do not contain a Region; delete it if no Region uses it"
    )
}

/// The records of deployments that are retained.
pub(super) struct RetainedRecords<'a> {
    pub(super) records: Vec<&'a Record>,
    /// False if the record of one of them is unreadable, or if a stage serves a deployment without
    /// one: it may use any role.
    pub(super) is_complete: bool,
}

impl<'a> RetainedRecords<'a> {
    pub(super) fn of(api: &'a ObservedApi, removed: &[String]) -> Self {
        let mut retained = Self { records: Vec::new(), is_complete: true };
        let in_use = api.deployments_in_use();
        for deployment in api.deployments.iter().filter(|one| !removed.contains(&one.id)) {
            let revision = deployment.revision.as_ref();
            match revision.and_then(|revision| api.record(revision.number)) {
                Some(record) => retained.records.push(record),
                None if revision.is_some() || in_use.contains(deployment.id.as_str()) => {
                    retained.is_complete = false;
                }
                None => {}
            }
        }
        retained
    }
}

/// Returns the desired roles with the permissions that existing deployments need, because a stage
/// serves one or can be rolled back to it; and the API's other roles that deployments use and that
/// API Gateway cannot assume.
fn required_roles(desired: &Desired, observed: &Observed) -> BTreeMap<String, Role> {
    let nothing = RetainedRecords { records: Vec::new(), is_complete: true };
    let retained = observed.api.as_ref().map_or(nothing, |api| RetainedRecords::of(api, &[]));
    let mut roles = BTreeMap::new();
    for (name, role) in &desired.execution_roles {
        let existing = observed.roles.get(name);
        roles.insert(name.clone(), role.clone().with_boundary_of(existing));
    }
    for (name, role) in &desired.roles {
        let existing = observed.roles.get(name);
        let desired_functions = role.functions();
        let mut functions: BTreeSet<String> =
            retained.records.iter().flat_map(|record| functions_of(record, name)).collect();
        if !retained.is_complete {
            functions.extend(existing.map(Role::functions).unwrap_or_default());
        }
        functions.retain(|function| is_same_function(function, &desired_functions));
        functions.extend(desired_functions);
        remove_covered(&mut functions);
        let role = role.clone().with_functions(&functions).with_boundary_of(existing);
        roles.insert(name.clone(), role);
    }
    for (name, role) in observed.roles.iter().filter(|(name, _)| !desired.makes_role(name)) {
        let is_own = desired.role_owner().ownership(name, role) == Ownership::Own;
        let is_used = retained.records.iter().any(|record| uses_role(record, name));
        if is_own && is_used && role.trust_problem().is_some() {
            roles.insert(name.clone(), Role { trust: trust_policy(), ..role.clone() });
        }
    }
    roles
}

/// Returns whether an existing role differs from the required one only by more qualifiers of its
/// function.
fn is_sufficient(existing: &Role, required: &Role) -> bool {
    let (functions, needed) = (existing.functions(), required.functions());
    needed.iter().all(|one| functions.contains(one) || functions.contains(&all_versions(one)))
        && functions.iter().all(|function| is_same_function(function, &needed))
        && required.clone().with_functions(&functions) == *existing
}

/// Returns whether an ARN names a version or an alias of the function that the others name.
fn is_same_function(arn: &str, others: &BTreeSet<String>) -> bool {
    others.iter().any(|other| all_versions(other) == all_versions(arn))
        && (!arn.contains('*') || arn == all_versions(arn))
}

/// Returns the resource that matches every version and alias of the function that an ARN names.
fn all_versions(arn: &str) -> String {
    format!("{}:*", arn.split(':').take(7).collect::<Vec<_>>().join(":"))
}

/// Removes the versions and aliases that a resource with every version covers.
fn remove_covered(functions: &mut BTreeSet<String>) {
    let wide: BTreeSet<String> =
        functions.iter().filter(|arn| **arn == all_versions(arn)).cloned().collect();
    functions.retain(|arn| wide.contains(arn) || !wide.contains(&all_versions(arn)));
}

fn functions_of(record: &Record, role: &str) -> Vec<String> {
    let users = record.authorizers.values().filter(|one| is_role(one.invoke_role.as_ref(), role));
    let resource = |one: &AuthorizerRecord| {
        let function = one.function.clone()?;
        Some(if one.pinned.is_some() { all_versions(&function) } else { function })
    };
    users.filter_map(resource).collect()
}

fn uses_role(record: &Record, role: &str) -> bool {
    record.authorizers.values().any(|authorizer| is_role(authorizer.invoke_role.as_ref(), role))
}

/// Returns whether an ARN names this role. Names of roles are unique in an account.
fn is_role(arn: Option<&String>, name: &str) -> bool {
    arn.and_then(|arn| path_and_name(arn)).is_some_and(|(_, found)| found == name)
}
