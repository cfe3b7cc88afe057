//! The desired state on AWS, in one account and Region.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::observed::{AwsTarget, Role, TAG_API, TAG_MANAGED, TAG_PLANS};
use crate::record::Record;
use compiler::api::{Api, Arn, IntegrationKind};
use compiler::definition::{ApiDefinition, DefinitionError, scheme_of, scheme_on_aws};
use compiler::fingerprint::fingerprint;

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

/// Returns the path of an API's invoke roles.
pub fn role_path(api: &str) -> String {
    let replace_invalid = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    format!("/portcullis/{}/", api.chars().map(replace_invalid).take(100).collect::<String>())
}

/// The name of an invoke role's inline policy.
pub const ROLE_POLICY: &str = "invoke";

impl Desired {
    /// Returns the desired state of an API in an account and Region.
    pub fn new(mut api: Api, target: AwsTarget) -> Result<Self, DesiredStateError> {
        let mut roles = BTreeMap::new();
        let names: Vec<String> = api.authorizers.keys().cloned().collect();
        for name in names {
            let api_name = api.name.clone();
            let Some(authorizer) = api.authorizers.get_mut(&name) else { continue };
            for (resource, arn) in [
                (format!("the function of `{name}`"), &authorizer.function),
                (format!("the invoke role of `{name}`"), &authorizer.invoke_role),
            ] {
                if let Some(arn) = arn.as_ref().filter(|arn| arn.partition() != target.partition) {
                    return Err(DesiredStateError::Partition {
                        resource,
                        found: arn.partition().to_owned(),
                        expected: target.partition.clone(),
                        account: target.account.clone(),
                    });
                }
            }
            let Some(function) = &authorizer.function else { continue };
            if authorizer.invoke_role.is_none() {
                let role = role_name(&api_name, &name, function, &target);
                let arn = role_arn(&api_name, &role, &target);
                let invoke = Role {
                    trust: trust_policy(&target.account),
                    policies: BTreeMap::from([(ROLE_POLICY.to_owned(), invoke_policy(function))]),
                };
                roles.insert(role, invoke);
                authorizer.invoke_role = Arn::role(&arn);
            }
        }
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

/// Returns the name of an invoke role, at most 64 characters. Roles are global in an account, so
/// the name depends on the Region and the function.
fn role_name(api: &str, authorizer: &str, function: &Arn, target: &AwsTarget) -> String {
    let replace_invalid = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let readable: String =
        format!("{api}-{authorizer}").chars().map(replace_invalid).take(44).collect();
    let digest = fingerprint(&(api, authorizer, function.as_str(), &target.region));
    format!("{readable}-{}", digest.get(..8).unwrap_or(&digest))
}

/// Returns the ARN of an invoke role.
pub fn role_arn(api: &str, name: &str, target: &AwsTarget) -> String {
    let path = role_path(api);
    format!("arn:{}:iam::{}:role{path}{name}", target.partition, target.account)
}

/// Returns the trust policy of an invoke role: API Gateway may assume it, for APIs of this account
/// only.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>
pub fn trust_policy(account: &str) -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }],
    })
}

/// Returns the policy of an invoke role: it allows invoking this function and qualifier only.
pub fn invoke_policy(function: &Arn) -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": function.as_str(),
        }],
    })
}
