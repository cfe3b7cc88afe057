//! The methods of an API definition, with their resources and validators.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{Op, PatchOperation, RequestValidator, Resource};

use super::PAGE;
use super::convert::methods;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::{AuthorizerShape, RouteKey, Validator};
use compiler::definition::{Authorization, Method};

/// The methods of an API definition.
#[derive(Clone, Debug, Default)]
pub struct DefinitionMethods {
    /// The methods.
    pub methods: BTreeMap<RouteKey, Method>,
    /// The ids of the resources, by path.
    pub resources: BTreeMap<String, String>,
    /// The ids of the authorizers that methods use.
    pub used_authorizers: BTreeSet<String>,
}

impl Aws {
    pub(super) async fn resources(&self, api: &str) -> Result<Vec<Resource>, CallError> {
        let call = ApiCall::idempotent("GetResources", format!("reading the methods of API {api}"));
        let request = || self.apigateway.get_resources().rest_api_id(api).embed("methods");
        Ok(pages!(self, call, request(), items))
    }

    /// Reads the request validators, by id; none if no method uses one.
    pub(super) async fn validators_of(
        &self,
        api: &str,
        resources: &[Resource],
    ) -> Result<BTreeMap<String, Validator>, CallError> {
        let methods = resources.iter().filter_map(Resource::resource_methods).flatten();
        if !methods.into_iter().any(|(_, method)| method.request_validator_id().is_some()) {
            return Ok(BTreeMap::new());
        }
        let call = ApiCall::idempotent(
            "GetRequestValidators",
            format!("reading the request validators of API {api}"),
        );
        let request = || self.apigateway.get_request_validators().rest_api_id(api);
        let all: Vec<RequestValidator> = pages!(self, call, request(), items);
        let flags = |validator: &RequestValidator| {
            let flags = Validator {
                body: validator.validate_request_body(),
                parameters: validator.validate_request_parameters(),
            };
            Some((validator.id()?.to_owned(), flags))
        };
        Ok(all.iter().filter_map(flags).collect())
    }

    /// Reads the methods of an API definition, by verb and path, and its resources.
    async fn methods_and_resources(
        &self,
        api: &str,
        authorizers: &BTreeMap<String, (String, AuthorizerShape)>,
    ) -> Result<(BTreeMap<RouteKey, Method>, Vec<Resource>), CallError> {
        let resources = self.resources(api).await?;
        let validators = self.validators_of(api, &resources).await?;
        Ok((methods(&resources, authorizers, &validators), resources))
    }

    /// Reads the methods of an API definition, by verb and path.
    pub fn methods<'a>(&'a self, api: &'a str) -> Call<'a, BTreeMap<RouteKey, Method>> {
        Box::pin(async move {
            let authorizers = self.authorizers(api).await?;
            Ok(self.methods_and_resources(api, &authorizers).await?.0)
        })
    }

    /// Reads the methods of an API definition with the ids of their resources and authorizers.
    pub fn definition_methods<'a>(
        &'a self,
        api: &'a str,
        authorizers: &'a BTreeMap<String, (String, AuthorizerShape)>,
    ) -> Call<'a, DefinitionMethods> {
        Box::pin(async move {
            let (methods, resources) = self.methods_and_resources(api, authorizers).await?;
            let path_and_id = |one: &Resource| Some((one.path()?.to_owned(), one.id()?.to_owned()));
            let all = resources.iter().filter_map(Resource::resource_methods).flatten();
            let used = all.filter_map(|(_, method)| method.authorizer_id().map(str::to_owned));
            Ok(DefinitionMethods {
                used_authorizers: used.collect(),
                resources: resources.iter().filter_map(path_and_id).collect(),
                methods,
            })
        })
    }

    /// Sets the authorization of a method. Required where an import did not.
    pub fn set_method_authorization<'a>(
        &'a self,
        api: &'a str,
        resource: &'a str,
        verb: &'a str,
        authorization: &'a Authorization,
        authorizers: &'a BTreeMap<String, (String, AuthorizerShape)>,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let patch = |path: &str, value: &str| {
                PatchOperation::builder().op(Op::Replace).path(path).value(value).build()
            };
            let patches = match authorization {
                Authorization::None => vec![patch("/authorizationType", "NONE")],
                Authorization::AwsIam => vec![patch("/authorizationType", "AWS_IAM")],
                Authorization::Authorizer { name, .. } => {
                    let found = authorizers.iter().find(|(_, (known, _))| known == name);
                    let Some((id, (_, shape))) = found else {
                        let message = format!("authorizer {name} does not exist");
                        return Err(CallError::new(
                            CallErrorKind::Invalid,
                            format!("setting the authorization of a method of API {api}"),
                            message,
                        ));
                    };
                    let kind =
                        if shape.providers.is_empty() { "CUSTOM" } else { "COGNITO_USER_POOLS" };
                    vec![patch("/authorizationType", kind), patch("/authorizerId", id)]
                }
            };
            let call = ApiCall::idempotent(
                "UpdateMethod",
                format!("setting the authorization of a method of API {api}"),
            );
            let update = self.caller.call(&call, || {
                let update = self.apigateway.update_method().rest_api_id(api).resource_id(resource);
                update.http_method(verb).set_patch_operations(Some(patches.clone())).send()
            });
            update.await.map(|_| ())
        })
    }
}
