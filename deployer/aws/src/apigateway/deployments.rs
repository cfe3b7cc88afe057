//! Deployments, and the records of their revisions, which are models of the API. A deployment is
//! never created twice: without a response, it is looked up by its revision.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::primitives::DateTime;
use aws_sdk_apigateway::types::{Deployment, Model};

use super::PAGE;
use super::convert::split_models;
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::RouteKey;
use deployment::observed::ObservedDeployment;
use deployment::record::Records;
use deployment::revision::Revision;

/// The authorization of a deployed method, as the summary of its deployment shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodSummary {
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
    pub authorization: String,
    /// True if an API key is required.
    pub api_key: bool,
}

impl Aws {
    /// Reads the deployments, oldest first.
    pub fn deployments<'a>(&'a self, api: &'a str) -> Call<'a, Vec<ObservedDeployment>> {
        Box::pin(async move {
            let call = ApiCall::idempotent(
                "GetDeployments",
                format!("reading the deployments of API {api}"),
            );
            let request = || self.apigateway.get_deployments().rest_api_id(api);
            let all: Vec<Deployment> = pages!(self, call, request(), items);
            let mut all: Vec<ObservedDeployment> = all
                .iter()
                .filter_map(|one| {
                    Some(ObservedDeployment {
                        id: one.id()?.to_owned(),
                        created: one.created_date().map_or(0, DateTime::secs),
                        revision: one.description().and_then(Revision::read),
                    })
                })
                .collect();
            all.sort_by(|a, b| {
                (a.created, &a.revision.as_ref().map(|r| r.number), &a.id).cmp(&(
                    b.created,
                    &b.revision.as_ref().map(|r| r.number),
                    &b.id,
                ))
            });
            Ok(all)
        })
    }

    /// Reads the authorization of a deployment's methods, by verb and path; empty if the summary
    /// lacks that of any method.
    pub fn deployment_summary<'a>(
        &'a self,
        api: &'a str,
        deployment: &'a str,
    ) -> Call<'a, BTreeMap<RouteKey, MethodSummary>> {
        Box::pin(async move {
            let call = ApiCall::idempotent(
                "GetDeployment",
                format!("reading deployment {deployment} of API {api}"),
            );
            let found = self.caller.call(&call, || {
                let get =
                    self.apigateway.get_deployment().rest_api_id(api).deployment_id(deployment);
                get.embed("apisummary").send()
            });
            let found = found.await?;
            let mut methods = BTreeMap::new();
            for (path, verbs) in found.api_summary().into_iter().flatten() {
                for (verb, snapshot) in verbs {
                    // A method with unknown authorization must not be shown as public.
                    let Some(kind) = snapshot.authorization_type() else {
                        return Ok(BTreeMap::new());
                    };
                    let summary = MethodSummary {
                        authorization: kind.to_owned(),
                        api_key: snapshot.api_key_required(),
                    };
                    methods.insert(RouteKey::new(verb, path), summary);
                }
            }
            Ok(methods)
        })
    }

    pub(super) async fn models(&self, api: &str) -> Result<Vec<Model>, CallError> {
        let call = ApiCall::idempotent("GetModels", format!("reading the models of API {api}"));
        Ok(pages!(self, call, self.apigateway.get_models().rest_api_id(api), items))
    }

    /// Reads the records of an API's revisions, by number.
    pub fn records<'a>(&'a self, api: &'a str) -> Call<'a, Records> {
        Box::pin(async move { Ok(split_models(self.models(api).await?, &BTreeMap::new()).1) })
    }

    /// Creates a deployment of the API definition, which no stage serves yet, and returns its id.
    /// `known` are the ids of the deployments before the call.
    pub fn create_deployment<'a>(
        &'a self,
        api: &'a str,
        revision: &'a Revision,
        known: &'a BTreeSet<String>,
    ) -> Call<'a, String> {
        Box::pin(async move {
            let number = revision.number;
            let call = ApiCall::once(
                "CreateDeployment",
                format!("creating the deployment of revision {number}"),
            );
            let created = self.caller.call(&call, || {
                let create = self.apigateway.create_deployment().rest_api_id(api);
                create.description(revision.to_string()).send()
            });
            match created.await {
                Ok(created) => Ok(created.id().unwrap_or_default().to_owned()),
                Err(error) if error.kind == CallErrorKind::OutcomeUnknown => {
                    let now = self.deployments(api).await?;
                    let new = now.into_iter().find(|one| {
                        let is_same = one.revision.as_ref().is_some_and(|r| r.is_same(revision));
                        is_same && !known.contains(&one.id)
                    });
                    new.map(|one| one.id).ok_or(error)
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Deletes a deployment that no stage serves, if it exists.
    pub fn delete_deployment<'a>(&'a self, api: &'a str, id: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("DeleteDeployment", format!("deleting deployment {id}"));
            let deleted = self.caller.call(&call, || {
                self.apigateway.delete_deployment().rest_api_id(api).deployment_id(id).send()
            });
            if_found(deleted.await).map(|_| ())
        })
    }
}
