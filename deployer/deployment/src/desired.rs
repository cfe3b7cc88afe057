//! What the files ask for on AWS, in one account and Region.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::observed::{AwsTarget, Role, TAG_API, TAG_MANAGED, TAG_PLANS};
use crate::record::Record;
use compiler::api::{Api, Arn, IntegrationKind};
use compiler::definition::{ApiDefinition, DefinitionError, scheme_of, scheme_on_aws};
use compiler::fingerprint::fingerprint;

/// What the files ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The API, every authorizer with the role that invokes it.
    pub api: Api,
    /// Where it is to be.
    pub target: AwsTarget,
    /// What API Gateway is to hold.
    pub definition: ApiDefinition,
    /// What its parts do.
    pub record: Record,
    /// The roles to make, by name.
    pub roles: BTreeMap<String, Role>,
    /// The tags of the API.
    pub tags: BTreeMap<String, String>,
}

/// Why the files cannot be put there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DesiredStateError {
    /// The API definition cannot be made.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// An ARN of another partition.
    #[error("{what} is in the partition `{found}`, and the account {account} is in `{expected}`")]
    Partition {
        /// What the ARN names.
        what: String,
        /// Its partition.
        found: String,
        /// The account's.
        expected: String,
        /// The account.
        account: String,
    },
}

/// Returns where the roles stand that are made for an API.
pub fn role_path(api: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    format!("/portcullis/{}/", api.chars().map(fits).take(100).collect::<String>())
}

/// The inline policy of such a role.
pub const ROLE_POLICY: &str = "invoke";

impl Desired {
    /// Works out what the files ask for in this place.
    pub fn new(mut api: Api, target: AwsTarget) -> Result<Self, DesiredStateError> {
        let mut roles = BTreeMap::new();
        let names: Vec<String> = api.authorizers.keys().cloned().collect();
        for name in names {
            let api_name = api.name.clone();
            let Some(authorizer) = api.authorizers.get_mut(&name) else { continue };
            for (what, arn) in [
                (format!("the function of `{name}`"), &authorizer.function),
                (format!("the invoke role of `{name}`"), &authorizer.invoke_role),
            ] {
                if let Some(arn) = arn.as_ref().filter(|arn| arn.partition() != target.partition) {
                    return Err(DesiredStateError::Partition {
                        what,
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

    /// Returns the authorizers of ours that routes use, by their names on AWS.
    pub fn portcullis_authorizers(&self) -> BTreeSet<String> {
        let ours: BTreeSet<String> =
            self.api.authorizers.keys().map(|scheme| scheme_on_aws(scheme)).collect();
        let names = self.definition.authorizers.keys();
        names.filter(|name| ours.contains(scheme_of(name))).cloned().collect()
    }

    /// Returns the functions behind operations that API Gateway must be let in by a permission
    /// of the function's own, because no role is given.
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

/// Roles are the account's, so the name says Region and function too. At most 64 characters.
fn role_name(api: &str, authorizer: &str, function: &Arn, target: &AwsTarget) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    let readable: String = format!("{api}-{authorizer}").chars().map(fits).take(44).collect();
    let print = fingerprint(&(api, authorizer, function.as_str(), &target.region));
    format!("{readable}-{}", print.get(..8).unwrap_or(&print))
}

/// Returns the ARN of a role of ours.
pub fn role_arn(api: &str, name: &str, target: &AwsTarget) -> String {
    let path = role_path(api);
    format!("arn:{}:iam::{}:role{path}{name}", target.partition, target.account)
}

/// API Gateway may assume the role, for APIs of this account only.
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

/// This function and qualifier may be invoked, and nothing else.
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
