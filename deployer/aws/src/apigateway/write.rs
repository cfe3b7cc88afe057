//! How API Gateway is changed. What makes something new is never made twice: where an answer
//! was lost, whoever made it looks whether it is there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::{
    EndpointConfiguration, EndpointType, GatewayResponseType, Op, PatchOperation, PutMode, Resource,
};
use serde_json::Value as Json;

use super::Found;
use crate::call::if_there;
use crate::{Asked, Aws, Call, CallError, Kind};
use compiler::api::{AuthorizerShape, GatewayResponse, RouteKey, StageSettings};
use compiler::definition::{Authorization, Method};
use deployment::observed::{ObservedStage, ServedDeployments};
use deployment::plan::{Patch, PatchOp};
use deployment::revision::Revision;

/// How an authorizer answered a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The status that a caller would get.
    pub status: i32,
    /// The policy it made.
    pub policy: Option<String>,
    /// What it logged.
    pub log: String,
}

/// The methods of a draft.
#[derive(Clone, Debug, Default)]
pub struct MethodsNow {
    /// The methods.
    pub methods: BTreeMap<RouteKey, Method>,
    /// The ids of resources, by path.
    pub resources: BTreeMap<String, String>,
    /// The ids of the authorizers that methods name.
    pub used_authorizers: BTreeSet<String>,
}

fn hash(map: &BTreeMap<String, String>) -> HashMap<String, String> {
    map.clone().into_iter().collect()
}

fn operation(patch: &Patch) -> PatchOperation {
    let op = match patch.op {
        PatchOp::Remove => Op::Remove,
        PatchOp::Replace => Op::Replace,
    };
    PatchOperation::builder().op(op).path(&patch.path).set_value(patch.value.clone()).build()
}

impl Aws {
    /// Makes an API with nothing in it. Its tags come with it, so that it is found again.
    pub fn create_api<'a>(
        &'a self,
        name: &'a str,
        endpoint: &'a str,
        vpc_endpoints: &'a [String],
        tags: &'a BTreeMap<String, String>,
    ) -> Call<'a, String> {
        Box::pin(async move {
            let kind = if endpoint == "EDGE" { "CreateEdgeRestApi" } else { "CreateRestApi" };
            let asked = Asked::making(kind, format!("creating the API {name}"));
            let endpoint = EndpointConfiguration::builder()
                .types(EndpointType::from(endpoint))
                .set_vpc_endpoint_ids((!vpc_endpoints.is_empty()).then(|| vpc_endpoints.to_vec()))
                .build();
            let made = self.caller.call(&asked, || {
                let create = self.apigateway.create_rest_api().name(name);
                create.endpoint_configuration(endpoint.clone()).set_tags(Some(hash(tags))).send()
            });
            let made = match made.await {
                Ok(made) => made.id().unwrap_or_default().to_owned(),
                // It may have been made: the next look says so.
                Err(error) if error.kind == Kind::Lost => String::new(),
                Err(error) => return Err(error),
            };
            match self.find(name).await? {
                Found::Ours(api) => Ok(api.id),
                Found::Several(ids) => {
                    // Somebody else was making it too. Theirs stays; ours has nothing in it.
                    if ids.contains(&made) {
                        self.delete_api(&made).await?;
                    }
                    let message = format!("somebody else was creating it too ({})", ids.join(", "));
                    Err(CallError::new(Kind::Conflict, asked_of(&asked), message))
                }
                // It was made, and lists do not show it yet.
                Found::Nothing if !made.is_empty() => Ok(made),
                Found::Nothing => Err(CallError::new(
                    Kind::Lost,
                    asked_of(&asked),
                    "it is not there; run it again",
                )),
            }
        })
    }

    /// Removes an API; nothing happens if it is gone.
    pub fn delete_api<'a>(&'a self, api: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let asked = Asked::reading("DeleteRestApi", format!("deleting the API {api}"));
            let gone = self
                .caller
                .call(&asked, || self.apigateway.delete_rest_api().rest_api_id(api).send());
            if_there(gone.await).map(|_| ())
        })
    }

    /// Sets and removes tags of an API.
    pub fn tag_api<'a>(
        &'a self,
        api: &'a str,
        set: &'a BTreeMap<String, String>,
        unset: &'a [String],
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let place = &self.place;
            let arn =
                format!("arn:{}:apigateway:{}::/restapis/{api}", place.partition, place.region);
            let asked = Asked::reading("TagResource", format!("tagging the API {api}"));
            if !set.is_empty() {
                let tag = self.caller.call(&asked, || {
                    self.apigateway
                        .tag_resource()
                        .resource_arn(&arn)
                        .set_tags(Some(hash(set)))
                        .send()
                });
                tag.await?;
            }
            if !unset.is_empty() {
                let untag = self.caller.call(&asked, || {
                    let untag = self.apigateway.untag_resource().resource_arn(&arn);
                    untag.set_tag_keys(Some(unset.to_vec())).send()
                });
                untag.await?;
            }
            Ok(())
        })
    }

    /// Changes where an API is reached from.
    pub fn change_endpoint<'a>(&'a self, api: &'a str, from: &'a str, to: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let asked = Asked::reading("UpdateRestApi", format!("changing the endpoint of {api}"));
            let kind = format!("/endpointConfiguration/types/{from}");
            let patch = PatchOperation::builder().op(Op::Replace).path(kind).value(to).build();
            let update = self.caller.call(&asked, || {
                let update = self.apigateway.update_rest_api().rest_api_id(api);
                update.patch_operations(patch.clone()).send()
            });
            update.await.map(|_| ())
        })
    }

    /// Puts a whole draft, and waits until it is in force.
    pub fn put_api<'a>(&'a self, api: &'a str, document: &'a Json) -> Call<'a, ()> {
        Box::pin(async move {
            let asked = Asked::reading("PutRestApi", format!("putting the document into {api}"));
            let body = Blob::new(document.to_string());
            let put = self.caller.call(&asked, || {
                let put = self.apigateway.put_rest_api().rest_api_id(api).mode(PutMode::Overwrite);
                put.fail_on_warnings(true).body(body.clone()).send()
            });
            let put = put.await?;
            if let Some(warning) = put.warnings().first() {
                return Err(CallError::new(Kind::Invalid, asked_of(&asked), warning));
            }
            let mut status = put.api_status().map(|status| status.as_str().to_owned());
            for _ in 0..60 {
                match status.as_deref() {
                    None | Some("AVAILABLE") => return Ok(()),
                    Some("FAILED") => break,
                    Some(other) => {
                        let why = format!("the API is {other}");
                        self.caller.wait(Duration::from_secs(2), &why).await;
                    }
                }
                let asked = Asked::reading("GetRestApi", format!("waiting for {api}"));
                let now = self
                    .caller
                    .call(&asked, || self.apigateway.get_rest_api().rest_api_id(api).send());
                status = now.await?.api_status().map(|status| status.as_str().to_owned());
            }
            let message = format!("the API is {}", status.unwrap_or_default());
            Err(CallError::new(Kind::Lost, asked_of(&asked), message))
        })
    }

    /// Looks at what an import made of authorizers and gateway responses, mends what is not
    /// right, and returns the ids of the authorizers with their names.
    pub fn settle<'a>(
        &'a self,
        api: &'a str,
        authorizers: &'a BTreeMap<String, AuthorizerShape>,
        responses: &'a BTreeMap<String, GatewayResponse>,
    ) -> Call<'a, BTreeMap<String, (String, AuthorizerShape)>> {
        Box::pin(async move {
            let mut found = self.authorizers(api).await?;
            for (name, shape) in authorizers {
                if found.values().any(|(known, there)| known == name && there == shape) {
                    continue;
                }
                let twin =
                    found.iter().find(|(_, (known, _))| known == name).map(|(id, _)| id.clone());
                let id = match twin {
                    Some(id) => self.mend_authorizer(api, &id, shape).await?,
                    None => self.create_authorizer(api, name, shape).await?,
                };
                found.insert(id, (name.clone(), shape.clone()));
            }
            let there = self.gateway_responses(api).await?;
            for (kind, response) in responses {
                if there.get(kind) != Some(response) {
                    self.put_gateway_response(api, kind, response).await?;
                }
            }
            for kind in there.keys().filter(|kind| !responses.contains_key(*kind)) {
                let asked = Asked::reading("DeleteGatewayResponse", format!("resetting {kind}"));
                let reset = self.caller.call(&asked, || {
                    let delete = self.apigateway.delete_gateway_response().rest_api_id(api);
                    delete.response_type(GatewayResponseType::from(kind.as_str())).send()
                });
                if_there(reset.await)?;
            }
            Ok(found)
        })
    }

    async fn create_authorizer(
        &self,
        api: &str,
        name: &str,
        shape: &AuthorizerShape,
    ) -> Result<String, CallError> {
        let asked = Asked::making("CreateAuthorizer", format!("creating the authorizer {name}"));
        let identity: Vec<&str> = shape.identity.iter().map(String::as_str).collect();
        let providers: Vec<String> = shape.providers.iter().cloned().collect();
        let made = self.caller.call(&asked, || {
            self.apigateway
                .create_authorizer()
                .rest_api_id(api)
                .name(name)
                .r#type(shape.kind.as_str().into())
                .set_authorizer_uri(shape.uri.clone())
                .set_authorizer_credentials(shape.credentials.clone())
                .identity_source(identity.join(","))
                .set_identity_validation_expression(shape.validation.clone())
                .authorizer_result_ttl_in_seconds(shape.ttl)
                .set_provider_arns((!providers.is_empty()).then(|| providers.clone()))
                .send()
        });
        Ok(made.await?.id().unwrap_or_default().to_owned())
    }

    async fn mend_authorizer(
        &self,
        api: &str,
        id: &str,
        shape: &AuthorizerShape,
    ) -> Result<String, CallError> {
        let identity: Vec<&str> = shape.identity.iter().map(String::as_str).collect();
        let set = [
            ("authorizerUri", shape.uri.clone()),
            ("authorizerCredentials", shape.credentials.clone()),
            ("identitySource", Some(identity.join(","))),
            ("identityValidationExpression", shape.validation.clone()),
            ("authorizerResultTtlInSeconds", Some(shape.ttl.to_string())),
        ];
        let patches: Vec<PatchOperation> = set
            .into_iter()
            .filter_map(|(name, value)| {
                let path = format!("/{name}");
                Some(PatchOperation::builder().op(Op::Replace).path(path).value(value?).build())
            })
            .collect();
        let asked = Asked::reading("UpdateAuthorizer", format!("mending the authorizer {id}"));
        let update = self.caller.call(&asked, || {
            let update = self.apigateway.update_authorizer().rest_api_id(api).authorizer_id(id);
            update.set_patch_operations(Some(patches.clone())).send()
        });
        update.await.map(|_| id.to_owned())
    }

    /// Removes authorizers; those that are gone are gone.
    pub fn delete_authorizer<'a>(&'a self, api: &'a str, id: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let asked = Asked::reading("DeleteAuthorizer", format!("deleting the authorizer {id}"));
            let gone = self.caller.call(&asked, || {
                self.apigateway.delete_authorizer().rest_api_id(api).authorizer_id(id).send()
            });
            if_there(gone.await).map(|_| ())
        })
    }

    async fn put_gateway_response(
        &self,
        api: &str,
        kind: &str,
        response: &GatewayResponse,
    ) -> Result<(), CallError> {
        let asked = Asked::reading("PutGatewayResponse", format!("setting {kind}"));
        let put = self.caller.call(&asked, || {
            self.apigateway
                .put_gateway_response()
                .rest_api_id(api)
                .response_type(GatewayResponseType::from(kind))
                .set_status_code(response.status_code.clone())
                .set_response_parameters(Some(hash(&response.response_parameters)))
                .set_response_templates(Some(hash(&response.response_templates)))
                .send()
        });
        put.await.map(|_| ())
    }

    /// Reads the methods as they are in the draft.
    pub fn methods_now<'a>(
        &'a self,
        api: &'a str,
        authorizers: &'a BTreeMap<String, (String, AuthorizerShape)>,
    ) -> Call<'a, MethodsNow> {
        Box::pin(async move {
            let (methods, resources) = self.draft_methods(api, authorizers).await?;
            let of = |one: &Resource| Some((one.path()?.to_owned(), one.id()?.to_owned()));
            let all = resources.iter().filter_map(Resource::resource_methods).flatten();
            let used = all.filter_map(|(_, method)| method.authorizer_id().map(str::to_owned));
            Ok(MethodsNow {
                used_authorizers: used.collect(),
                resources: resources.iter().filter_map(of).collect(),
                methods,
            })
        })
    }

    /// Sets who may call a method of the draft, where an import did not.
    pub fn guard_method<'a>(
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
                        let message = format!("there is no authorizer {name}");
                        return Err(CallError::new(Kind::Invalid, "guarding a method", message));
                    };
                    let kind =
                        if shape.providers.is_empty() { "CUSTOM" } else { "COGNITO_USER_POOLS" };
                    vec![patch("/authorizationType", kind), patch("/authorizerId", id)]
                }
            };
            let asked = Asked::reading("UpdateMethod", format!("guarding a method of {api}"));
            let update = self.caller.call(&asked, || {
                let update = self.apigateway.update_method().rest_api_id(api).resource_id(resource);
                update.http_method(verb).set_patch_operations(Some(patches.clone())).send()
            });
            update.await.map(|_| ())
        })
    }

    /// Asks an authorizer of the draft what it makes of a header, without any traffic.
    pub fn ask_authorizer<'a>(
        &'a self,
        api: &'a str,
        authorizer: &'a str,
        headers: &'a BTreeMap<String, String>,
        path: &'a str,
    ) -> Call<'a, Checked> {
        Box::pin(async move {
            let doing = format!("asking the authorizer {authorizer}");
            let asked = Asked::reading("TestInvokeAuthorizer", doing);
            let told = self.caller.call(&asked, || {
                self.apigateway
                    .test_invoke_authorizer()
                    .rest_api_id(api)
                    .authorizer_id(authorizer)
                    .set_headers(Some(hash(headers)))
                    .path_with_query_string(path)
                    .send()
            });
            let told = told.await?;
            Ok(Checked {
                status: told.client_status(),
                policy: told.policy().filter(|policy| !policy.is_empty()).map(str::to_owned),
                log: told.log().unwrap_or_default().to_owned(),
            })
        })
    }

    /// Makes a deployment of the draft that no stage serves yet.
    /// `known` are those that there were before.
    pub fn deploy<'a>(
        &'a self,
        api: &'a str,
        revision: &'a Revision,
        known: &'a BTreeSet<String>,
    ) -> Call<'a, String> {
        Box::pin(async move {
            let number = revision.number;
            let asked = Asked::making("CreateDeployment", format!("making revision {number}"));
            let made = self.caller.call(&asked, || {
                let create = self.apigateway.create_deployment().rest_api_id(api);
                create.description(revision.to_string()).send()
            });
            match made.await {
                Ok(made) => Ok(made.id().unwrap_or_default().to_owned()),
                Err(error) if error.kind == Kind::Lost => {
                    let now = self.deployments(api).await?;
                    let new = now.into_iter().find(|one| {
                        one.revision.as_ref() == Some(revision) && !known.contains(&one.id)
                    });
                    new.map(|one| one.id).ok_or(error)
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Removes a deployment that no stage serves; nothing happens if it is gone.
    pub fn delete_deployment<'a>(&'a self, api: &'a str, id: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let asked = Asked::reading("DeleteDeployment", format!("deleting the deployment {id}"));
            let gone = self.caller.call(&asked, || {
                self.apigateway.delete_deployment().rest_api_id(api).deployment_id(id).send()
            });
            if_there(gone.await).map(|_| ())
        })
    }

    /// Makes a stage that serves a deployment.
    pub fn create_stage<'a>(
        &'a self,
        api: &'a str,
        name: &'a str,
        deployment: &'a str,
        settings: &'a StageSettings,
        tags: &'a BTreeMap<String, String>,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let asked = Asked::making("CreateStage", format!("creating the stage {name}"));
            let made = self.caller.call(&asked, || {
                self.apigateway
                    .create_stage()
                    .rest_api_id(api)
                    .stage_name(name)
                    .deployment_id(deployment)
                    .description(ServedDeployments::default().and(deployment).to_string())
                    .set_variables(Some(hash(&settings.variables)))
                    .tracing_enabled(settings.tracing)
                    .set_tags(Some(hash(tags)))
                    .send()
            });
            match made.await {
                Ok(_) => Ok(()),
                Err(error) if error.kind == Kind::Lost => {
                    let stages = self.stages(api).await?;
                    let there =
                        stages.get(name).is_some_and(|stage| stage.deployment == deployment);
                    if there { Ok(()) } else { Err(error) }
                }
                Err(error) => Err(error),
            }
        })
    }

    /// Changes a stage: all of it or nothing.
    pub fn update_stage<'a>(
        &'a self,
        api: &'a str,
        name: &'a str,
        patches: &'a [Patch],
    ) -> Call<'a, ObservedStage> {
        Box::pin(async move {
            let doing = format!("changing the stage {name}");
            // What was removed cannot be removed again.
            let once = patches.iter().any(|patch| patch.op == PatchOp::Remove);
            let asked = if once {
                Asked::making("UpdateStage", doing)
            } else {
                Asked::reading("UpdateStage", doing)
            };
            let operations: Vec<PatchOperation> = patches.iter().map(operation).collect();
            let updated = self.caller.call(&asked, || {
                let update = self.apigateway.update_stage().rest_api_id(api).stage_name(name);
                update.set_patch_operations(Some(operations.clone())).send()
            });
            let updated = updated.await?;
            let stage = aws_sdk_apigateway::types::Stage::builder()
                .set_deployment_id(updated.deployment_id().map(str::to_owned))
                .set_method_settings(updated.method_settings().cloned())
                .set_variables(updated.variables().cloned())
                .set_access_log_settings(updated.access_log_settings().cloned())
                .set_canary_settings(updated.canary_settings().cloned())
                .tracing_enabled(updated.tracing_enabled())
                .build();
            Ok(super::convert::stage(&stage))
        })
    }

    /// Removes a stage; nothing happens if it is gone.
    pub fn delete_stage<'a>(&'a self, api: &'a str, name: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let asked = Asked::reading("DeleteStage", format!("deleting the stage {name}"));
            let gone = self.caller.call(&asked, || {
                self.apigateway.delete_stage().rest_api_id(api).stage_name(name).send()
            });
            if_there(gone.await).map(|_| ())
        })
    }

    /// Empties a stage's cache of authorizers' answers.
    pub fn flush<'a>(&'a self, api: &'a str, stage: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let doing = format!("emptying the authorizer cache of {stage}");
            let asked = Asked::reading("FlushStageAuthorizersCache", doing);
            let flush = self.caller.call(&asked, || {
                let flush = self.apigateway.flush_stage_authorizers_cache();
                flush.rest_api_id(api).stage_name(stage).send()
            });
            flush.await.map(|_| ())
        })
    }
}

fn asked_of(asked: &Asked) -> String {
    asked.doing().to_owned()
}
