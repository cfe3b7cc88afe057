//! The roles that API Gateway assumes to invoke authorizers: their names, policies and tags, and the
//! API to which an existing role belongs. Roles are global in an account, so each is named and
//! tagged for one API in one Region.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::target::{AwsTarget, TAG_API, TAG_MANAGED, TAG_REGION, role_tag};
use compiler::api::{Arn, RoleSettings};
use compiler::fingerprint::fingerprint;

/// The name of an invoke role's inline policy.
pub const ROLE_POLICY: &str = "invoke";
const SERVICE: &str = "apigateway.amazonaws.com";

/// A role that API Gateway assumes to invoke an authorizer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// The path.
    pub path: String,
    /// The trust policy.
    pub trust: Json,
    /// The inline policies, by name.
    pub policies: BTreeMap<String, Json>,
    /// The tags, without those of AWS itself.
    pub tags: BTreeMap<String, String>,
    /// The ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
}

/// The owner of invoke roles: an API in one account and Region.
#[derive(Clone, Copy, Debug)]
pub struct RoleOwner<'a> {
    /// The API's name.
    pub api: &'a str,
    /// The account and the Region.
    pub target: &'a AwsTarget,
}

/// The relation of an existing role to an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The role belongs to the owner.
    Own,
    /// An earlier version created it for an API of this name, in an unknown Region.
    Unclear,
    /// The role belongs to another owner.
    Other,
}

/// The reason API Gateway cannot assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustProblem {
    /// Every statement for API Gateway has a condition.
    #[error(
        "its trust policy has a condition, and API Gateway sends neither aws:SourceAccount nor aws:SourceArn"
    )]
    Condition,
    /// No statement is for API Gateway.
    #[error("its trust policy does not allow {SERVICE}")]
    Service,
}

impl RoleOwner<'_> {
    /// Returns the path of the roles without a configured one. APIs of similar names share it.
    pub fn default_path(&self) -> String {
        format!("/portcullis/{}/", hyphenated(self.api, 100))
    }

    /// Returns the path of new roles.
    pub fn path(&self, settings: &RoleSettings) -> String {
        settings.path.clone().unwrap_or_else(|| self.default_path())
    }

    /// Returns the pattern of the ARNs of all roles. A configured path may have roles of other APIs.
    pub fn arn_pattern(&self, settings: &RoleSettings) -> String {
        let name = match settings.path {
            Some(_) => format!("*-{}-*", self.digest()),
            None => "*".to_owned(),
        };
        self.arn(&self.path(settings), &name)
    }

    /// Returns the ARN of a role.
    pub fn arn(&self, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:role{path}{name}", self.target.partition, self.target.account)
    }

    /// Returns the name of a function's role, at most 64 characters: versions and aliases share one.
    /// The path of an existing role cannot be changed, so the name depends on it.
    pub fn role_name(&self, path: &str, function: &Arn) -> String {
        let function = function.unqualified();
        let readable = format!("{}-{}", self.api, function.rsplit(':').next().unwrap_or_default());
        let digest = short_digest(&(path, function));
        format!("{}-{}-{digest}", hyphenated(&readable, 46), self.digest())
    }

    /// Returns the role for functions that differ in their qualifiers.
    pub fn role(&self, settings: &RoleSettings, functions: &[Arn]) -> Role {
        let mut tags = settings.tags.clone();
        tags.extend(self.tags());
        let resources = functions.iter().map(invoke_resource).collect();
        Role {
            path: self.path(settings),
            trust: trust_policy(),
            policies: BTreeMap::from([(ROLE_POLICY.to_owned(), invoke_policy(&resources))]),
            tags,
            permissions_boundary: settings.permissions_boundary.clone(),
        }
    }

    /// Returns whether a role of this path and name may be an invoke role of the owner.
    pub fn may_own(&self, path: &str, name: &str) -> bool {
        path == self.default_path() || name.contains(&format!("-{}-", self.digest()))
    }

    /// Returns the relation of an existing role, by its tags.
    pub fn ownership(&self, name: &str, role: &Role) -> Ownership {
        if role.tags.contains_key(TAG_REGION) {
            let has_tags = self.tags().iter().all(|(key, value)| role.tags.get(key) == Some(value));
            return if has_tags { Ownership::Own } else { Ownership::Other };
        }
        if role.tags.get(TAG_API).map(String::as_str) != Some(self.api) {
            return Ownership::Other;
        }
        if self.is_earlier_name(name, role) { Ownership::Own } else { Ownership::Unclear }
    }

    /// Returns whether an earlier version gave a role this name for this API and Region: the name
    /// ended with a digest of both, of the authorizer and of the qualified function.
    fn is_earlier_name(&self, name: &str, role: &Role) -> bool {
        let readable = name.rsplit_once('-').map_or(name, |(readable, _)| readable);
        let prefix = format!("{}-", hyphenated(self.api, 44));
        let Some(authorizer) = readable.strip_prefix(&prefix) else { return false };
        role.functions().iter().any(|function| {
            let digest = short_digest(&(self.api, authorizer, function, &self.target.region));
            name == format!("{readable}-{digest}")
        })
    }

    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            (TAG_API.to_owned(), role_tag(self.api)),
            (TAG_MANAGED.to_owned(), "true".to_owned()),
            (TAG_REGION.to_owned(), self.target.region.clone()),
        ])
    }

    pub(crate) fn digest(&self) -> String {
        short_digest(&(self.api, &self.target.region))
    }
}

impl Role {
    /// Returns the resources of the invoke policy.
    pub fn functions(&self) -> BTreeSet<String> {
        let statement = self.policies.get(ROLE_POLICY).and_then(|policy| policy.get("Statement"));
        let resources = statement.and_then(|all| all.get(0)?.get("Resource"));
        texts(resources).map(str::to_owned).collect()
    }

    /// Returns the role with other resources in its invoke policy.
    #[must_use]
    pub fn with_functions(mut self, functions: &BTreeSet<String>) -> Self {
        self.policies = BTreeMap::from([(ROLE_POLICY.to_owned(), invoke_policy(functions))]);
        self
    }

    /// Returns whether this is an execution role of a function, and not an invoke role.
    pub fn is_execution_role(&self) -> bool {
        texts(self.trust.pointer("/Statement/0/Principal/Service"))
            .any(|service| service == "lambda.amazonaws.com")
    }

    /// Returns the role with the permissions boundary of an existing one, if none is configured.
    #[must_use]
    pub fn with_boundary_of(mut self, existing: Option<&Self>) -> Self {
        let boundary = existing.and_then(|existing| existing.permissions_boundary.clone());
        self.permissions_boundary = self.permissions_boundary.or(boundary);
        self
    }

    /// Returns the reason API Gateway cannot assume the role.
    pub fn trust_problem(&self) -> Option<TrustProblem> {
        let statements: Vec<&Json> = match self.trust.get("Statement") {
            Some(Json::Array(statements)) => statements.iter().collect(),
            other => other.into_iter().collect(),
        };
        let trusts = |statement: &&Json| {
            let has =
                |value: Option<&Json>, known: &[&str]| texts(value).any(|t| known.contains(&t));
            statement.get("Effect").and_then(Json::as_str) == Some("Allow")
                && has(statement.pointer("/Principal/Service"), &[SERVICE])
                && has(statement.get("Action"), &["sts:AssumeRole", "sts:*", "*"])
        };
        let trusting: Vec<&Json> = statements.into_iter().filter(trusts).collect();
        if trusting.is_empty() {
            return Some(TrustProblem::Service);
        }
        let has_condition = |statement: &&Json| statement.get("Condition").is_some();
        trusting.iter().all(has_condition).then_some(TrustProblem::Condition)
    }
}

/// Returns the trust policy of an invoke role. It has no condition: API Gateway sends neither
/// `aws:SourceAccount` nor `aws:SourceArn` when it assumes a role. The role limits what it may do:
/// it may invoke one function.
pub fn trust_policy() -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": "sts:AssumeRole",
        }],
    })
}

/// Returns the resource that allows invoking an authorizer's function: its version or alias only.
pub fn invoke_resource(function: &Arn) -> String {
    function.as_str().to_owned()
}

/// Returns the policy of an invoke role: it allows invoking these resources only.
pub fn invoke_policy(resources: &BTreeSet<String>) -> Json {
    let resource = match resources.first() {
        Some(only) if resources.len() == 1 => json!(only),
        _ => json!(resources),
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": resource,
        }],
    })
}

/// Returns the path and the name of the role that an ARN names.
pub fn path_and_name(arn: &str) -> Option<(&str, &str)> {
    let (_, resource) = arn.split_once(":role")?;
    let name = resource.rsplit('/').next()?;
    Some((resource.strip_suffix(name)?, name))
}

/// Returns the texts of a policy's member, which is one text or a list.
fn texts(value: Option<&Json>) -> impl Iterator<Item = &str> {
    let (one, many) = (value.and_then(Json::as_str), value.and_then(Json::as_array));
    one.into_iter().chain(many.into_iter().flatten().filter_map(Json::as_str))
}

pub(crate) fn hyphenated(text: &str, length: usize) -> String {
    let replace_invalid = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' };
    text.chars().map(replace_invalid).take(length).collect()
}

pub(crate) fn short_digest(value: &impl Serialize) -> String {
    fingerprint(value).chars().take(8).collect()
}
