//! The roles that API Gateway assumes to invoke authorizers, and IAM's policy simulator.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, Tag};
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use super::api_call::{if_allowed, if_found};
use super::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::RoleSettings;
use deployment::invoke_role::{Ownership, Role, RoleOwner};

/// Converts the error of a request that cannot be built.
fn built<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, CallError> {
    result.map_err(|error| {
        CallError::new(CallErrorKind::Invalid, "building an IAM request", error.to_string())
    })
}

fn tags(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, CallError> {
    tags.iter().map(|(key, value)| built(Tag::builder().key(key).value(value).build())).collect()
}

impl Aws {
    /// Returns the role of this name, if it exists.
    pub fn role<'a>(&'a self, name: &'a str) -> Call<'a, Option<Role>> {
        Box::pin(async move {
            let call = ApiCall::idempotent("iam", format!("reading role {name}"));
            let found =
                self.caller.call(&call, || self.iam.get_role().role_name(name).send()).await;
            let found = if_found(found)?.and_then(|found| found.role);
            let Some(found) = found else { return Ok(None) };
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
            let tags = found.tags().iter();
            let tags = tags.map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
            let boundary = found.permissions_boundary();
            Ok(Some(Role {
                path: found.path().to_owned(),
                trust: decode_policy(found.assume_role_policy_document().unwrap_or_default()),
                policies,
                tags: tags.filter(|(key, _)| !key.starts_with("aws:")).collect(),
                permissions_boundary: boundary
                    .and_then(|boundary| boundary.permissions_boundary_arn())
                    .map(str::to_owned),
            }))
        })
    }

    /// Returns the invoke roles of an API, by name: those with its tags, and those of earlier
    /// versions that may be its. A role that the caller may not read is omitted.
    pub fn invoke_roles<'a>(
        &'a self,
        owner: RoleOwner<'a>,
        names: &'a BTreeSet<String>,
    ) -> Call<'a, BTreeMap<String, Role>> {
        Box::pin(async move {
            let mut roles = BTreeMap::new();
            for name in names {
                let role = if_allowed(self.role(name).await)?.flatten();
                let role = role.filter(|role| owner.ownership(name, role) != Ownership::Other);
                roles.extend(role.map(|role| (name.clone(), role)));
            }
            Ok(roles)
        })
    }

    /// Returns the names of the roles in the default and in the configured path that may be invoke
    /// roles of an API.
    pub fn role_names<'a>(
        &'a self,
        owner: RoleOwner<'a>,
        settings: &'a RoleSettings,
    ) -> Call<'a, BTreeSet<String>> {
        Box::pin(async move {
            let mut names = BTreeSet::new();
            for path in BTreeSet::from([owner.default_path(), owner.path(settings)]) {
                let found = self.role_names_in(&path).await?;
                names.extend(found.into_iter().filter(|name| owner.may_own(&path, name)));
            }
            Ok(names)
        })
    }

    /// Returns the names of the roles in a path.
    async fn role_names_in(&self, path: &str) -> Result<Vec<String>, CallError> {
        let call = ApiCall::idempotent("iam", format!("listing the roles in {path}"));
        let mut marker: Option<String> = None;
        let mut names = Vec::new();
        loop {
            let page = self.caller.call(&call, || {
                self.iam.list_roles().path_prefix(path).set_marker(marker.clone()).send()
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
    }

    /// Creates a role, or updates the one that exists to equal it.
    pub fn put_role<'a>(&'a self, name: &'a str, role: &'a Role) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("iam", format!("creating role {name}"));
            let tags = tags(&role.tags)?;
            let trust = role.trust.to_string();
            let created = self.caller.call(&call, || {
                self.iam
                    .create_role()
                    .path(&role.path)
                    .role_name(name)
                    .assume_role_policy_document(&trust)
                    .set_permissions_boundary(role.permissions_boundary.clone())
                    .description("allows API Gateway to invoke an authorizer")
                    .set_tags(Some(tags.clone()))
                    .send()
            });
            let existing = match created.await {
                Ok(_) => None,
                // Created by an attempt without a response, or changed manually.
                Err(error) if error.kind == CallErrorKind::Conflict => {
                    Some(self.role(name).await?.ok_or(error)?)
                }
                Err(error) => return Err(error),
            };
            if let Some(existing) = &existing {
                self.update_role(name, existing, role).await?;
            }
            for (policy, document) in &role.policies {
                let text = document.to_string();
                let put = self.caller.call(&call, || {
                    let put = self.iam.put_role_policy().role_name(name).policy_name(policy);
                    put.policy_document(&text).send()
                });
                put.await?;
            }
            // The role must have no other permissions.
            let existing = existing.map(|role| role.policies).unwrap_or_default();
            for policy in existing.keys().filter(|policy| !role.policies.contains_key(*policy)) {
                self.delete_role_policy(name, policy).await?;
            }
            Ok(())
        })
    }

    /// Updates the permissions boundary, the trust policy and the tags of a role. The boundary is
    /// first: a caller's policy may require it for the others.
    async fn update_role(&self, name: &str, from: &Role, to: &Role) -> Result<(), CallError> {
        let call = ApiCall::idempotent("iam", format!("updating role {name}"));
        let boundary = to.permissions_boundary.as_ref();
        if let Some(arn) = boundary.filter(|_| from.permissions_boundary.as_ref() != boundary) {
            let put = self.caller.call(&call, || {
                let put = self.iam.put_role_permissions_boundary().role_name(name);
                put.permissions_boundary(arn).send()
            });
            put.await?;
        }
        if from.trust != to.trust {
            let trust = to.trust.to_string();
            let updated = self.caller.call(&call, || {
                let update = self.iam.update_assume_role_policy().role_name(name);
                update.policy_document(&trust).send()
            });
            updated.await?;
        }
        let surplus: Vec<String> =
            from.tags.keys().filter(|key| !to.tags.contains_key(*key)).cloned().collect();
        if !surplus.is_empty() {
            let removed = self.caller.call(&call, || {
                self.iam.untag_role().role_name(name).set_tag_keys(Some(surplus.clone())).send()
            });
            removed.await?;
        }
        if to.tags.iter().any(|(key, value)| from.tags.get(key) != Some(value)) {
            let tags = tags(&to.tags)?;
            let tagged = self.caller.call(&call, || {
                self.iam.tag_role().role_name(name).set_tags(Some(tags.clone())).send()
            });
            tagged.await?;
        }
        Ok(())
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

    /// Returns whether IAM's policy simulator allows the caller to pass a role to a service. Policies
    /// have a condition for the service, and the simulator does not allow an action if the condition's
    /// key is missing.
    pub fn may_pass_role<'a>(&'a self, role: &'a str, service: &'a str) -> Call<'a, bool> {
        Box::pin(async move {
            let call = ApiCall::idempotent("iam", "simulating iam:PassRole");
            let principal = self.principal().await?;
            let context = ContextEntry::builder()
                .context_key_name("iam:PassedToService")
                .context_key_type(ContextKeyTypeEnum::String)
                .context_key_values(service)
                .build();
            let simulation = self.caller.call(&call, || {
                let simulate = self.iam.simulate_principal_policy().policy_source_arn(&principal);
                let simulate = simulate.action_names("iam:PassRole").resource_arns(role);
                simulate.context_entries(context.clone()).send()
            });
            let simulation = simulation.await?;
            let decision = simulation
                .evaluation_results()
                .first()
                .map(|result| result.eval_decision().as_str());
            Ok(decision == Some("allowed"))
        })
    }

    /// Returns the ARN of the principal to simulate: for a role session, its role. The ARN of a
    /// session has no path, so the role is read.
    async fn principal(&self) -> Result<String, CallError> {
        let Some((account, name)) = role_of_session(&self.identity) else {
            return Ok(self.identity.clone());
        };
        let call = ApiCall::idempotent("iam", format!("reading role {name}"));
        let found = self.caller.call(&call, || self.iam.get_role().role_name(name).send());
        let found = if_allowed(found.await)?.and_then(|found| found.role);
        // Without the permission to read it, most roles have the path `/`.
        Ok(found.map_or_else(|| format!("{account}:role/{name}"), |role| role.arn().to_owned()))
    }
}

/// Returns the prefix of the ARNs of the account's IAM resources, and the name of the role of a session.
fn role_of_session(identity: &str) -> Option<(String, &str)> {
    let (account, session) = identity.split_once(":assumed-role/")?;
    let (name, _) = session.split_once('/')?;
    Some((account.replace(":sts:", ":iam:"), name))
}

/// Reads a policy, which IAM returns percent-encoded.
fn decode_policy(text: &str) -> Json {
    let text = percent_decode_str(text).decode_utf8_lossy();
    serde_json::from_str(&text).unwrap_or_default()
}
