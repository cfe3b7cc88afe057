//! Verifies the API definition on AWS after an import.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApplyError, MethodMismatch, Run};
use aws::apigateway::DefinitionMethods;
use compiler::api::RouteKey;
use compiler::definition::{Authorization, Method};
use deployment::plan::Step;

impl Run<'_> {
    /// Verifies the API definition, sets the authorization of methods that the import left different,
    /// and deletes unused authorizers.
    pub(super) async fn verify(
        &mut self,
        methods: &BTreeMap<RouteKey, Method>,
    ) -> Result<(), ApplyError> {
        let (aws, api) = (self.aws, self.report.api.clone());
        let authorizers = self.authorizers().await?;
        let mut current = aws.definition_methods(&api, &authorizers).await?;
        let differs = |(name, expected): &(&RouteKey, &Method)| {
            current
                .methods
                .get(*name)
                .is_some_and(|found| found.authorization != expected.authorization)
        };
        let different: Vec<(&RouteKey, &Method)> = methods.iter().filter(differs).collect();
        if !different.is_empty() {
            for (route, method) in different {
                let resource = current.resources.get(route.path());
                let resource = resource.map(String::as_str).unwrap_or_default();
                let guard = &method.authorization;
                aws.set_method_authorization(&api, resource, route.method(), guard, &authorizers)
                    .await?;
            }
            self.deploy_again().await?;
            current = aws.definition_methods(&api, &authorizers).await?;
        }
        let differences = methods.iter().filter_map(|(name, expected)| {
            let (found, expected) = (current.methods.get(name)?.effective(), expected.effective());
            (found != expected).then(|| format!("{name}: {}", expected.difference(&found)))
        });
        self.report.notes.extend(differences);
        if let Some(mismatch) = mismatch(&current, methods) {
            if let Some(deployment) = self.report.deployment.take() {
                aws.delete_deployment(&api, &deployment).await?;
            }
            return Err(ApplyError::Definition { mismatch });
        }
        let guards = methods.values().map(|method| &method.authorization);
        let expected: BTreeSet<&String> = guards
            .filter_map(|guard| match guard {
                Authorization::Authorizer { name, .. } => Some(name),
                _ => None,
            })
            .collect();
        for (id, (name, _)) in &authorizers {
            if !current.used_authorizers.contains(id) || !expected.contains(name) {
                aws.delete_authorizer(&api, id).await?;
            }
        }
        Ok(())
    }

    /// Replaces the deployment that was created from the uncorrected definition.
    async fn deploy_again(&mut self) -> Result<(), ApplyError> {
        let revision = self.plan.steps.iter().find_map(|step| match step {
            Step::CreateDeployment { revision } => Some(revision),
            _ => None,
        });
        let Some((revision, old)) = revision.zip(self.report.deployment.take()) else {
            return Ok(());
        };
        self.known.insert(old.clone());
        let new = self.aws.create_deployment(&self.report.api, revision, &self.known).await?;
        self.aws.delete_deployment(&self.report.api, &old).await?;
        self.report.deployment = Some(new);
        Ok(())
    }
}

/// Returns the first difference of the methods from the imported ones.
fn mismatch(
    current: &DefinitionMethods,
    methods: &BTreeMap<RouteKey, Method>,
) -> Option<MethodMismatch> {
    for (name, expected) in methods {
        let Some(found) = current.methods.get(name) else {
            return Some(MethodMismatch::Missing(name.clone()));
        };
        if !found.has_same_access_as(expected) {
            let difference = expected.effective().difference(&found.effective());
            return Some(MethodMismatch::Different { name: name.clone(), difference });
        }
    }
    let unexpected = current.methods.keys().find(|name| !methods.contains_key(*name))?;
    Some(MethodMismatch::Unexpected(unexpected.clone()))
}
