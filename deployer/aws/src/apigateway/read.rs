//! What is on API Gateway. Everything that comes in pages is read to the end.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::primitives::{Blob, DateTime};
use aws_sdk_apigateway::types::{
    Authorizer, Deployment, GatewayResponse as AwsResponse, Model, RequestValidator, Resource,
};

use super::PAGE;
use super::convert::{gateway_response, listed, methods, shape, split, stage};
use crate::{Asked, Aws, Call, CallError, Kind};
use compiler::api::{ApiSettings, AuthorizerShape, GatewayResponse, RouteKey, Validator};
use compiler::definition::{ApiDefinition, Method};
use deployment::observed::{Observed, ObservedApi, ObservedDeployment, ObservedStage, TAG_API};
use deployment::revision::{Record, Revision};

/// An API in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// `EDGE`, `REGIONAL` or `PRIVATE`.
    pub endpoint: String,
    /// When it was made, in seconds of Unix time.
    pub created: i64,
    /// What concerns it as a whole.
    pub settings: ApiSettings,
}

/// What there is of an API by name.
#[derive(Debug)]
pub enum Found {
    /// None.
    Nothing,
    /// The one that is ours.
    Ours(Box<Listed>),
    /// Several, by id: nobody can say which is meant.
    Several(Vec<String>),
}

/// What a deployed method asks for, as far as a deployment's summary says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodSummary {
    /// `NONE`, `AWS_IAM`, `CUSTOM` or `COGNITO_USER_POOLS`.
    pub authorization: String,
    /// Whether an API key is needed.
    pub api_key: bool,
}

impl Aws {
    /// Lists every REST API of the account in the Region.
    pub fn apis(&self) -> Call<'_, Vec<Listed>> {
        Box::pin(async move {
            let asked = Asked::reading("GetRestApis", "listing the REST APIs");
            let all = pages!(self, asked, self.apigateway.get_rest_apis(), items);
            Ok(all.iter().map(listed).collect())
        })
    }

    /// Finds the API that carries our tag with this name.
    pub fn find<'a>(&'a self, name: &'a str) -> Call<'a, Found> {
        Box::pin(async move {
            let all = self.apis().await?;
            let ours = |api: &Listed| api.tags.get(TAG_API).is_some_and(|tag| tag == name);
            let mut ours: Vec<Listed> = all.into_iter().filter(ours).collect();
            Ok(match (ours.pop(), ours.is_empty()) {
                (None, _) => Found::Nothing,
                (Some(api), true) => Found::Ours(Box::new(api)),
                (Some(last), false) => {
                    Found::Several(ours.into_iter().chain([last]).map(|api| api.id).collect())
                }
            })
        })
    }

    /// Reads all that there is of an API.
    pub fn observe_api<'a>(&'a self, api: Listed, stage: &'a str) -> Call<'a, ObservedApi> {
        Box::pin(async move {
            let resources = self.resources(&api.id).await?;
            let authorizers = self.authorizers(&api.id).await?;
            let responses = self.gateway_responses(&api.id).await?;
            let models = self.models(&api.id).await?;
            let validators = self.validators_of(&api.id, &resources).await?;
            let stages = self.stages(&api.id).await?;
            let deployments = self.deployments(&api.id).await?;
            let (models, records) = split(models);
            let draft = ApiDefinition {
                settings: api.settings.clone(),
                methods: methods(&resources, &authorizers, &validators),
                authorizers: authorizers.values().cloned().collect(),
                gateway_responses: responses,
                models,
            };
            let usage_plan = self.usage_plan(&api, stage).await?;
            Ok(ObservedApi {
                draft,
                authorizers: authorizers.into_iter().map(|(id, (name, _))| (id, name)).collect(),
                records,
                stages,
                deployments,
                usage_plan,
                id: api.id,
                name: api.name,
                tags: api.tags,
                endpoint: api.endpoint,
            })
        })
    }

    /// Reads all that there is of the API with this name.
    pub fn observe<'a>(
        &'a self,
        name: &'a str,
        api: Option<Listed>,
        stage: &'a str,
        roles: &'a [String],
        functions: &'a BTreeSet<String>,
    ) -> Call<'a, Observed> {
        Box::pin(async move {
            let api = match api {
                Some(api) => Some(self.observe_api(api, stage).await?),
                None => None,
            };
            let listed = if_allowed(self.role_names(name).await)?.unwrap_or_default();
            let wanted: BTreeSet<String> = roles.iter().cloned().chain(listed).collect();
            let mut found = BTreeMap::new();
            for role in wanted {
                if let Some(known) = self.role(&role).await? {
                    found.insert(role, known);
                }
            }
            let mut published = BTreeMap::new();
            for function in functions {
                if let Some(one) = if_allowed(self.published(function).await)? {
                    published.insert(function.clone(), one);
                }
            }
            Ok(Observed { place: self.place.clone(), api, roles: found, functions: published })
        })
    }

    pub(super) async fn resources(&self, api: &str) -> Result<Vec<Resource>, CallError> {
        let asked = Asked::reading("GetResources", format!("reading the methods of {api}"));
        let request = || self.apigateway.get_resources().rest_api_id(api).embed("methods");
        Ok(pages!(self, asked, request(), items))
    }

    /// Reads authorizers by id, each with its name.
    pub(super) async fn authorizers(
        &self,
        api: &str,
    ) -> Result<BTreeMap<String, (String, AuthorizerShape)>, CallError> {
        let asked = Asked::reading("GetAuthorizers", format!("reading the authorizers of {api}"));
        let request = || self.apigateway.get_authorizers().rest_api_id(api);
        let all: Vec<Authorizer> = pages!(self, asked, request(), items);
        Ok(all.iter().filter_map(|one| Some((one.id()?.to_owned(), shape(one)))).collect())
    }

    /// Reads the authorizers as they are.
    pub fn settled<'a>(
        &'a self,
        api: &'a str,
    ) -> Call<'a, BTreeMap<String, (String, AuthorizerShape)>> {
        Box::pin(async move { self.authorizers(api).await })
    }

    pub(super) async fn gateway_responses(
        &self,
        api: &str,
    ) -> Result<BTreeMap<String, GatewayResponse>, CallError> {
        let asked = Asked::reading(
            "GetGatewayResponses",
            format!("reading the gateway responses of {api}"),
        );
        let request = || self.apigateway.get_gateway_responses().rest_api_id(api);
        let all: Vec<AwsResponse> = pages!(self, asked, request(), items);
        let own = all.iter().filter(|response| !response.default_response());
        Ok(own.filter_map(gateway_response).collect())
    }

    async fn models(&self, api: &str) -> Result<Vec<Model>, CallError> {
        let asked = Asked::reading("GetModels", format!("reading the models of {api}"));
        Ok(pages!(self, asked, self.apigateway.get_models().rest_api_id(api), items))
    }

    /// Reads validators by id, if any method has one.
    async fn validators_of(
        &self,
        api: &str,
        resources: &[Resource],
    ) -> Result<BTreeMap<String, Validator>, CallError> {
        let methods = resources.iter().filter_map(Resource::resource_methods).flatten();
        if !methods.into_iter().any(|(_, method)| method.request_validator_id().is_some()) {
            return Ok(BTreeMap::new());
        }
        let asked =
            Asked::reading("GetRequestValidators", format!("reading the validators of {api}"));
        let request = || self.apigateway.get_request_validators().rest_api_id(api);
        let all: Vec<RequestValidator> = pages!(self, asked, request(), items);
        let flags = |validator: &RequestValidator| {
            let flags = Validator {
                body: validator.validate_request_body(),
                parameters: validator.validate_request_parameters(),
            };
            Some((validator.id()?.to_owned(), flags))
        };
        Ok(all.iter().filter_map(flags).collect())
    }

    /// Reads the methods of the draft as they are now.
    pub(super) async fn draft_methods(
        &self,
        api: &str,
        authorizers: &BTreeMap<String, (String, AuthorizerShape)>,
    ) -> Result<(BTreeMap<RouteKey, Method>, Vec<Resource>), CallError> {
        let resources = self.resources(api).await?;
        let validators = self.validators_of(api, &resources).await?;
        Ok((methods(&resources, authorizers, &validators), resources))
    }

    /// Reads the stages, which do not come in pages.
    pub fn stages<'a>(&'a self, api: &'a str) -> Call<'a, BTreeMap<String, ObservedStage>> {
        Box::pin(async move {
            let asked = Asked::reading("GetStages", format!("reading the stages of {api}"));
            let all = self
                .caller
                .call(&asked, || self.apigateway.get_stages().rest_api_id(api).send())
                .await?;
            Ok(all
                .item()
                .iter()
                .filter_map(|s| Some((s.stage_name()?.to_owned(), stage(s))))
                .collect())
        })
    }

    /// Reads the deployments, oldest first.
    pub fn deployments<'a>(&'a self, api: &'a str) -> Call<'a, Vec<ObservedDeployment>> {
        Box::pin(async move {
            let asked =
                Asked::reading("GetDeployments", format!("reading the deployments of {api}"));
            let request = || self.apigateway.get_deployments().rest_api_id(api);
            let all: Vec<Deployment> = pages!(self, asked, request(), items);
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

    /// Reads what the methods of a deployment ask for; nothing if that is not said of all.
    pub fn summary<'a>(
        &'a self,
        api: &'a str,
        deployment: &'a str,
    ) -> Call<'a, BTreeMap<RouteKey, MethodSummary>> {
        Box::pin(async move {
            let asked = Asked::reading("GetDeployment", format!("reading a deployment of {api}"));
            let found = self.caller.call(&asked, || {
                let get =
                    self.apigateway.get_deployment().rest_api_id(api).deployment_id(deployment);
                get.embed("apisummary").send()
            });
            let found = found.await?;
            let mut methods = BTreeMap::new();
            for (path, verbs) in found.api_summary().into_iter().flatten() {
                for (verb, snapshot) in verbs {
                    // What is not said is not known, and least of all that it is public.
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

    /// Reads the records of an API's revisions.
    pub fn records<'a>(&'a self, api: &'a str) -> Call<'a, BTreeMap<u32, Record>> {
        Box::pin(async move { Ok(split(self.models(api).await?).1) })
    }

    /// Reads the methods of an API's draft.
    pub fn methods_of<'a>(&'a self, api: &'a str) -> Call<'a, BTreeMap<RouteKey, Method>> {
        Box::pin(async move {
            let authorizers = self.authorizers(api).await?;
            Ok(self.draft_methods(api, &authorizers).await?.0)
        })
    }

    /// Returns the role by which API Gateway writes logs, if the account has one.
    pub fn log_role(&self) -> Call<'_, Option<String>> {
        Box::pin(async move {
            let asked = Asked::reading("GetAccount", "looking at the account's settings");
            let account = self.caller.call(&asked, || self.apigateway.get_account().send()).await?;
            Ok(account.cloudwatch_role_arn().filter(|arn| !arn.is_empty()).map(str::to_owned))
        })
    }

    /// Has API Gateway generate a client for a stage.
    pub fn sdk<'a>(
        &'a self,
        api: &'a str,
        stage: &'a str,
        language: &'a str,
        parameters: &'a BTreeMap<String, String>,
    ) -> Call<'a, Vec<u8>> {
        Box::pin(async move {
            let asked = Asked::reading("GetSdk", format!("generating a {language} client"));
            let parameters: std::collections::HashMap<String, String> =
                parameters.clone().into_iter().collect();
            let sdk = self.caller.call(&asked, || {
                let get = self.apigateway.get_sdk().rest_api_id(api).stage_name(stage);
                get.sdk_type(language).set_parameters(Some(parameters.clone())).send()
            });
            let body = sdk.await?.body.map(Blob::into_inner).unwrap_or_default();
            if body.is_empty() {
                return Err(CallError::new(Kind::Lost, "generating a client", "nothing came back"));
            }
            Ok(body)
        })
    }
}

/// A caller who may not look gets nothing to see, and whoever must know is told later.
fn if_allowed<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CallError { kind: Kind::Denied, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
