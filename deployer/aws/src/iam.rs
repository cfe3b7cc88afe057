//! The roles that API Gateway assumes to invoke authorizers, and IAM's policy simulator.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use super::api_call::if_found;
use super::{ApiCall, Aws, Call, CallError, CallErrorKind};
use deployment::desired::role_path;
use deployment::observed::Role;

/// Converts the error of a request that cannot be built.
fn built<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, CallError> {
    result.map_err(|error| {
        CallError::new(CallErrorKind::Invalid, "building an IAM request", error.to_string())
    })
}

impl Aws {
    /// Returns the role of this name, if it exists.
    pub fn role<'a>(&'a self, name: &'a str) -> Call<'a, Option<Role>> {
        Box::pin(async move {
            let call = ApiCall::idempotent("iam", format!("reading role {name}"));
            let found =
                self.caller.call(&call, || self.iam.get_role().role_name(name).send()).await;
            let Some(found) = if_found(found)? else { return Ok(None) };
            let trust = found.role().and_then(|role| role.assume_role_policy_document());
            let mut policies = BTreeMap::new();
            let listed = self
                .caller
                .call(&call, || self.iam.list_role_policies().role_name(name).send())
                .await?;
            for policy in listed.policy_names() {
                let found = self.caller.call(&call, || {
                    self.iam.get_role_policy().role_name(name).policy_name(policy).send()
                });
                policies.insert(policy.clone(), decode_policy(found.await?.policy_document()));
            }
            Ok(Some(Role { trust: decode_policy(trust.unwrap_or_default()), policies }))
        })
    }

    /// Returns the names of the roles that were created for an API.
    pub fn role_names<'a>(&'a self, api: &'a str) -> Call<'a, Vec<String>> {
        Box::pin(async move {
            let call = ApiCall::idempotent("iam", format!("listing the roles of API {api}"));
            let path = role_path(api);
            let mut marker: Option<String> = None;
            let mut names = Vec::new();
            loop {
                let page = self.caller.call(&call, || {
                    self.iam.list_roles().path_prefix(&path).set_marker(marker.clone()).send()
                });
                let page = page.await?;
                // The prefix also matches the paths below it.
                let direct = page.roles().iter().filter(|role| role.path() == path);
                names.extend(direct.map(|role| role.role_name().to_owned()));
                marker = page.marker().filter(|_| page.is_truncated()).map(str::to_owned);
                if marker.is_none() {
                    return Ok(names);
                }
            }
        })
    }

    /// Creates a role, or updates the one that exists to equal it.
    pub fn put_role<'a>(
        &'a self,
        api: &'a str,
        name: &'a str,
        role: &'a Role,
        tags: &'a BTreeMap<String, String>,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("iam", format!("creating role {name}"));
            let tags: Vec<Tag> = tags
                .iter()
                .map(|(key, value)| built(Tag::builder().key(key).value(value).build()))
                .collect::<Result<_, _>>()?;
            let trust = role.trust.to_string();
            let created = self.caller.call(&call, || {
                self.iam
                    .create_role()
                    .path(role_path(api))
                    .role_name(name)
                    .assume_role_policy_document(&trust)
                    .description("allows API Gateway to invoke an authorizer")
                    .set_tags(Some(tags.clone()))
                    .send()
            });
            match created.await {
                Ok(_) => {}
                // Created by an attempt without a response, or changed manually.
                Err(CallError { kind: CallErrorKind::Conflict, .. }) => {
                    let updated = self.caller.call(&call, || {
                        let update = self.iam.update_assume_role_policy().role_name(name);
                        update.policy_document(&trust).send()
                    });
                    updated.await?;
                }
                Err(error) => return Err(error),
            }
            let existing = self.role(name).await?.map(|role| role.policies).unwrap_or_default();
            for (policy, document) in &role.policies {
                let text = document.to_string();
                let put = self.caller.call(&call, || {
                    let put = self.iam.put_role_policy().role_name(name).policy_name(policy);
                    put.policy_document(&text).send()
                });
                put.await?;
            }
            // The role must have no other permissions.
            for policy in existing.keys().filter(|policy| !role.policies.contains_key(*policy)) {
                self.delete_role_policy(name, policy).await?;
            }
            Ok(())
        })
    }

    async fn delete_role_policy(&self, name: &str, policy: &str) -> Result<(), CallError> {
        let call = ApiCall::idempotent("iam", format!("deleting a policy of role {name}"));
        let deleted = self.caller.call(&call, || {
            self.iam.delete_role_policy().role_name(name).policy_name(policy).send()
        });
        if_found(deleted.await).map(|_| ())
    }

    /// Deletes a role with its policies, if it exists.
    pub fn delete_role<'a>(&'a self, name: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let Some(role) = self.role(name).await? else { return Ok(()) };
            for policy in role.policies.keys() {
                self.delete_role_policy(name, policy).await?;
            }
            let call = ApiCall::idempotent("iam", format!("deleting role {name}"));
            let deleted = self.caller.call(&call, || self.iam.delete_role().role_name(name).send());
            if_found(deleted.await).map(|_| ())
        })
    }

    /// Returns whether IAM's policy simulator allows the caller an action.
    pub fn is_allowed<'a>(&'a self, action: &'a str, resource: &'a str) -> Call<'a, bool> {
        Box::pin(async move {
            let call = ApiCall::idempotent("iam", format!("simulating {action}"));
            let principal = principal(&self.identity);
            let simulation = self.caller.call(&call, || {
                let simulate = self.iam.simulate_principal_policy().policy_source_arn(&principal);
                simulate.action_names(action).resource_arns(resource).send()
            });
            let simulation = simulation.await?;
            let decision = simulation
                .evaluation_results()
                .first()
                .map(|result| result.eval_decision().as_str());
            Ok(decision == Some("allowed"))
        })
    }
}

/// Returns the principal to simulate: for a role session, its role.
fn principal(identity: &str) -> String {
    let role = identity.split_once(":assumed-role/").and_then(|(arn, rest)| {
        let (role, _) = rest.split_once('/')?;
        Some(format!("{}:role/{role}", arn.replace(":sts:", ":iam:")))
    });
    role.unwrap_or_else(|| identity.to_owned())
}

/// Reads a policy, which IAM returns percent-encoded.
fn decode_policy(text: &str) -> Json {
    let text = percent_decode_str(text).decode_utf8_lossy();
    serde_json::from_str(&text).unwrap_or_default()
}
