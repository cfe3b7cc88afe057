//! The desired state on AWS, in one account and Region.

use std::collections::{BTreeMap, BTreeSet};

use crate::invoke_role::{Role, RoleOwner};
use crate::observed::{AwsTarget, TAG_API, TAG_MANAGED, TAG_PLANS};
use crate::record::Record;
use compiler::api::{Api, Arn, IntegrationKind};
use compiler::definition::{ApiDefinition, DefinitionError, scheme_of, scheme_on_aws};

/// The desired state.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The API, every authorizer with its invoke role.
    pub api: Api,
    /// The account and the Region.
    pub target: AwsTarget,
    /// The API definition.
    pub definition: ApiDefinition,
    /// The record of the definition.
    pub record: Record,
    /// The invoke roles to create, by name.
    pub roles: BTreeMap<String, Role>,
    /// The tags of the API.
    pub tags: BTreeMap<String, String>,
}

/// The reason the configuration has no desired state in an account.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DesiredStateError {
    /// The API definition is invalid.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// An ARN of another partition.
    #[error(
        "{resource} is in partition `{found}`, expected `{expected}`, the partition of account {account}"
    )]
    Partition {
        /// The resource that the ARN names.
        resource: String,
        /// Its partition.
        found: String,
        /// The account's.
        expected: String,
        /// The account.
        account: String,
    },
}

impl Desired {
    /// Returns the desired state of an API in an account and Region.
    pub fn new(mut api: Api, target: AwsTarget) -> Result<Self, DesiredStateError> {
        check_partitions(&api, &target)?;
        let roles = assign_roles(&mut api, &target);
        let definition = ApiDefinition::from_api(&api)?;
        let record = Record::declared(&api, &definition);
        let mut tags = api.deployment_settings.tags.clone();
        tags.insert(TAG_API.to_owned(), api.name.clone());
        tags.insert(TAG_MANAGED.to_owned(), "true".to_owned());
        if api.usage_plan.is_some() {
            tags.insert(TAG_PLANS.to_owned(), "true".to_owned());
        }
        Ok(Self { api, target, definition, record, roles, tags })
    }

    /// Returns the owner of the API's invoke roles.
    pub fn role_owner(&self) -> RoleOwner<'_> {
        RoleOwner { api: &self.api.name, target: &self.target }
    }

    /// Returns the names on AWS of the authorizers of portcullis.toml that routes use.
    pub fn portcullis_authorizers(&self) -> BTreeSet<String> {
        let own: BTreeSet<String> =
            self.api.authorizers.keys().map(|scheme| scheme_on_aws(scheme)).collect();
        let names = self.definition.authorizers.keys();
        names.filter(|name| own.contains(scheme_of(name))).cloned().collect()
    }

    /// Returns the operations' functions that API Gateway invokes by a resource-based permission,
    /// because their integrations have no role.
    pub fn functions_without_role(&self) -> Vec<Arn> {
        let mut functions: Vec<Arn> = Vec::new();
        for route in &self.api.routes {
            let integration = &route.integration;
            let invoked = integration.uri.as_deref().and_then(|uri| uri.split_once("/functions/"));
            if integration.kind == IntegrationKind::AwsProxy
                && integration.credentials.is_none()
                && let Some((_, rest)) = invoked
                && let Some(arn) = Arn::function(rest.trim_end_matches("/invocations"))
                && !functions.contains(&arn)
            {
                functions.push(arn);
            }
        }
        functions
    }
}

/// Checks that the resources that the files name are in the partition of the account.
fn check_partitions(api: &Api, target: &AwsTarget) -> Result<(), DesiredStateError> {
    let authorizers = api.authorizers.iter().flat_map(|(name, authorizer)| {
        let function = (format!("the function of `{name}`"), authorizer.function_arn());
        let role = (format!("the invoke role of `{name}`"), authorizer.invoke_role.as_ref());
        [function, role]
            .into_iter()
            .filter_map(|(resource, arn)| Some((resource, arn?.partition())))
    });
    let boundary = api.deployment_settings.invoke_role.permissions_boundary.as_deref();
    let boundary = boundary.and_then(|arn| arn.split(':').nth(1));
    let boundary = boundary.map(|found| ("the permissions boundary".to_owned(), found));
    let mut named = authorizers.chain(boundary);
    match named.find(|(_, found)| *found != target.partition) {
        None => Ok(()),
        Some((resource, found)) => Err(DesiredStateError::Partition {
            resource,
            found: found.to_owned(),
            expected: target.partition.clone(),
            account: target.account.clone(),
        }),
    }
}

/// Assigns each authorizer without a role the one of its function, and returns these roles by name.
fn assign_roles(api: &mut Api, target: &AwsTarget) -> BTreeMap<String, Role> {
    let settings = &api.deployment_settings.invoke_role;
    let owner = RoleOwner { api: &api.name, target };
    let path = owner.path(settings);
    let mut functions: BTreeMap<String, Vec<Arn>> = BTreeMap::new();
    for authorizer in api.authorizers.values_mut() {
        let Some(function) = authorizer.function_arn() else { continue };
        if authorizer.invoke_role.is_none() {
            let name = owner.role_name(&path, function);
            functions.entry(name.clone()).or_default().push(function.clone());
            authorizer.invoke_role = Arn::role(&owner.arn(&path, &name));
        }
    }
    let role = |(name, functions): (String, Vec<Arn>)| (name, owner.role(settings, &functions));
    functions.into_iter().map(role).collect()
}
