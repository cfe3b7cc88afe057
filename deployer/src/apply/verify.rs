//! Checks that the draft is what was put into it.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApplyError, MethodMismatch, Run};
use aws::apigateway::DefinitionMethods;
use compiler::api::RouteKey;
use compiler::definition::{Authorization, Method};
use deployment::plan::Step;

impl Run<'_> {
    /// Checks that the draft is what was put, mends who may call what where an import did not
    /// say so, and removes authorizers that nothing names.
    pub(super) async fn verify(
        &mut self,
        methods: &BTreeMap<RouteKey, Method>,
    ) -> Result<(), ApplyError> {
        let (aws, api) = (self.aws, self.report.api.clone());
        let authorizers = self.authorizers().await?;
        let mut now = aws.definition_methods(&api, &authorizers).await?;
        let open = |(name, wanted): &(&RouteKey, &Method)| {
            now.methods.get(*name).is_some_and(|is| is.authorization != wanted.authorization)
        };
        let wrong: Vec<(&RouteKey, &Method)> = methods.iter().filter(open).collect();
        if !wrong.is_empty() {
            for (route, method) in wrong {
                let resource = now.resources.get(route.path());
                let resource = resource.map(String::as_str).unwrap_or_default();
                let guard = &method.authorization;
                aws.set_method_authorization(&api, resource, route.method(), guard, &authorizers)
                    .await?;
            }
            self.deploy_again().await?;
            now = aws.definition_methods(&api, &authorizers).await?;
        }
        let otherwise = methods.iter().filter_map(|(name, wanted)| {
            let (is, wanted) = (now.methods.get(name)?.effective(), wanted.effective());
            (is != wanted).then(|| format!("{name}: {}", wanted.difference(&is)))
        });
        self.report.notes.extend(otherwise);
        if let Some(mismatch) = mismatch(&now, methods) {
            if let Some(deployment) = self.report.deployment.take() {
                aws.delete_deployment(&api, &deployment).await?;
            }
            return Err(ApplyError::Definition { mismatch });
        }
        let guards = methods.values().map(|method| &method.authorization);
        let wanted: BTreeSet<&String> = guards
            .filter_map(|guard| match guard {
                Authorization::Authorizer { name, .. } => Some(name),
                _ => None,
            })
            .collect();
        for (id, (name, _)) in &authorizers {
            if !now.used_authorizers.contains(id) || !wanted.contains(name) {
                aws.delete_authorizer(&api, id).await?;
            }
        }
        Ok(())
    }

    /// Replaces the deployment that was made of a draft that was not right.
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
    now: &DefinitionMethods,
    methods: &BTreeMap<RouteKey, Method>,
) -> Option<MethodMismatch> {
    for (name, wanted) in methods {
        let Some(is) = now.methods.get(name) else {
            return Some(MethodMismatch::Missing(name.clone()));
        };
        if !is.has_same_access_as(wanted) {
            let difference = wanted.effective().difference(&is.effective());
            return Some(MethodMismatch::Different { name: name.clone(), difference });
        }
    }
    let more = now.methods.keys().find(|name| !methods.contains_key(*name))?;
    Some(MethodMismatch::Unexpected(more.clone()))
}
