//! Authorizers, by id. Their names are unique only after an import was reconciled.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{Authorizer, Op, PatchOperation};

use super::convert::shape;
use super::{PAGE, hash};
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError};
use compiler::api::AuthorizerShape;
use deployment::observed::TAG_API;
use deployment::record::named_functions;

/// The request of a test invocation of an authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizerTestRequest {
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The path with the query.
    pub path: String,
    /// The stage variables.
    pub stage_variables: BTreeMap<String, String>,
    /// The additional context variables.
    pub context: BTreeMap<String, String>,
}

/// The response to a test invocation of an authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerTestResponse {
    /// The status that a client would get; 0 if the authorizer returned a policy.
    pub status: i32,
    /// The policy that it returned.
    pub policy: Option<String>,
    /// The execution log.
    pub log: String,
}

impl Aws {
    /// Returns the ARNs of the functions that the authorizers of all other APIs invoke: of their current
    /// definitions and, as far as Portcullis recorded them, of their deployments.
    pub fn functions_of_other_apis<'a>(&'a self, own: &'a str) -> Call<'a, BTreeSet<String>> {
        Box::pin(async move {
            let mut functions = BTreeSet::new();
            for api in self.apis().await?.iter().filter(|api| api.id != own) {
                let authorizers = self.authorizers(&api.id).await?;
                let shapes = authorizers.values().map(|(_, shape)| shape);
                functions.extend(shapes.filter_map(|shape| shape.function().map(str::to_owned)));
                if api.tags.contains_key(TAG_API) {
                    functions.extend(named_functions(&self.records(&api.id).await?));
                }
            }
            Ok(functions)
        })
    }

    /// Reads the authorizers of an API, by id, each with its name.
    pub fn authorizers<'a>(
        &'a self,
        api: &'a str,
    ) -> Call<'a, BTreeMap<String, (String, AuthorizerShape)>> {
        Box::pin(async move {
            let call = ApiCall::idempotent(
                "GetAuthorizers",
                format!("reading the authorizers of API {api}"),
            );
            let request = || self.apigateway.get_authorizers().rest_api_id(api);
            let all: Vec<Authorizer> = pages!(self, call, request(), items);
            Ok(all.iter().filter_map(|one| Some((one.id()?.to_owned(), shape(one)))).collect())
        })
    }

    /// Creates or updates the authorizers that differ; returns all, by id, each with its name.
    pub(super) async fn reconcile_authorizers(
        &self,
        api: &str,
        authorizers: &BTreeMap<String, AuthorizerShape>,
    ) -> Result<BTreeMap<String, (String, AuthorizerShape)>, CallError> {
        let mut found = self.authorizers(api).await?;
        for (name, shape) in authorizers {
            if found.values().any(|(known, existing)| known == name && existing == shape) {
                continue;
            }
            let existing =
                found.iter().find(|(_, (known, _))| known == name).map(|(id, _)| id.clone());
            let id = match existing {
                Some(id) => self.update_authorizer(api, &id, shape).await?,
                None => self.create_authorizer(api, name, shape).await?,
            };
            found.insert(id, (name.clone(), shape.clone()));
        }
        Ok(found)
    }

    async fn create_authorizer(
        &self,
        api: &str,
        name: &str,
        shape: &AuthorizerShape,
    ) -> Result<String, CallError> {
        let call = ApiCall::once("CreateAuthorizer", format!("creating authorizer {name}"));
        let identity: Vec<&str> = shape.identity.iter().map(String::as_str).collect();
        let providers: Vec<String> = shape.providers.iter().cloned().collect();
        let created = self.caller.call(&call, || {
            self.apigateway
                .create_authorizer()
                .rest_api_id(api)
                .name(name)
                .r#type(shape.kind.name().into())
                .set_authorizer_uri(shape.uri.clone())
                .set_authorizer_credentials(shape.credentials.clone())
                .identity_source(identity.join(","))
                .set_identity_validation_expression(shape.validation.clone())
                .authorizer_result_ttl_in_seconds(shape.ttl)
                .set_provider_arns((!providers.is_empty()).then(|| providers.clone()))
                .send()
        });
        Ok(created.await?.id().unwrap_or_default().to_owned())
    }

    async fn update_authorizer(
        &self,
        api: &str,
        id: &str,
        shape: &AuthorizerShape,
    ) -> Result<String, CallError> {
        let identity: Vec<&str> = shape.identity.iter().map(String::as_str).collect();
        let properties = [
            ("authorizerUri", shape.uri.clone()),
            ("authorizerCredentials", shape.credentials.clone()),
            ("identitySource", Some(identity.join(","))),
            ("identityValidationExpression", shape.validation.clone()),
            ("authorizerResultTtlInSeconds", Some(shape.ttl.to_string())),
        ];
        let patches: Vec<PatchOperation> = properties
            .into_iter()
            .filter_map(|(name, value)| {
                let path = format!("/{name}");
                Some(PatchOperation::builder().op(Op::Replace).path(path).value(value?).build())
            })
            .collect();
        let call = ApiCall::idempotent("UpdateAuthorizer", format!("updating authorizer {id}"));
        let update = self.caller.call(&call, || {
            let update = self.apigateway.update_authorizer().rest_api_id(api).authorizer_id(id);
            update.set_patch_operations(Some(patches.clone())).send()
        });
        update.await.map(|_| id.to_owned())
    }

    /// Deletes an authorizer, if it exists.
    pub fn delete_authorizer<'a>(&'a self, api: &'a str, id: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("DeleteAuthorizer", format!("deleting authorizer {id}"));
            let deleted = self.caller.call(&call, || {
                self.apigateway.delete_authorizer().rest_api_id(api).authorizer_id(id).send()
            });
            if_found(deleted.await).map(|_| ())
        })
    }

    /// Test-invokes an authorizer of the API definition (`TestInvokeAuthorizer`).
    pub fn test_invoke_authorizer<'a>(
        &'a self,
        api: &'a str,
        authorizer: &'a str,
        request: &'a AuthorizerTestRequest,
    ) -> Call<'a, AuthorizerTestResponse> {
        Box::pin(async move {
            let AuthorizerTestRequest { headers, path, stage_variables, context } = request;
            let optional = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| hash(map));
            let action = format!("test-invoking authorizer {authorizer}");
            let call = ApiCall::idempotent("TestInvokeAuthorizer", action);
            let response = self.caller.call(&call, || {
                self.apigateway
                    .test_invoke_authorizer()
                    .rest_api_id(api)
                    .authorizer_id(authorizer)
                    .set_headers(Some(hash(headers)))
                    .path_with_query_string(path)
                    .set_stage_variables(optional(stage_variables))
                    .set_additional_context(optional(context))
                    .send()
            });
            let response = response.await?;
            Ok(AuthorizerTestResponse {
                status: response.client_status(),
                policy: response.policy().filter(|policy| !policy.is_empty()).map(str::to_owned),
                log: response.log().unwrap_or_default().to_owned(),
            })
        })
    }
}
