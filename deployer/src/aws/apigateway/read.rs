//! What is on API Gateway. Everything that comes in pages is read to the end.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::primitives::{Blob, DateTime};
use aws_sdk_apigateway::types::{
    self, Authorizer, Deployment, EndpointConfiguration, GatewayResponse as AwsResponse, Model,
    RequestValidator, Resource, RestApi, Stage,
};
use serde_json::{Value as Json, json};

use crate::api::{
    AccessLog, ApiSettings, AuthorizerShape, GatewayResponse, Integration, Quota, StageSettings,
    Throttle, UsagePlan, Validator,
};
use crate::aws::{Asked, Aws, CallError, Kind};
use crate::draft::{Authorization, Draft, Method};
use crate::observed::{
    Canary, Observed, ObservedApi, ObservedDeployment, ObservedStage, ObservedUsagePlan, TAG_API,
};
use crate::plan::plan_name;
use crate::revision::{Record, Revision};

/// The most that a page holds.
const PAGE: i32 = 500;

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

/// Reads pages until there is none left.
macro_rules! pages {
    ($aws:expr, $asked:expr, $request:expr, $items:ident) => {{
        let mut all = Vec::new();
        let mut position: Option<String> = None;
        loop {
            let page = $aws
                .caller
                .call(&$asked, || $request.limit(PAGE).set_position(position.clone()).send())
                .await?;
            all.extend(page.$items().iter().cloned());
            position = page.position().filter(|next| !next.is_empty()).map(str::to_owned);
            if position.is_none() {
                break all;
            }
        }
    }};
}

impl Aws {
    /// Lists every REST API of the account in the Region.
    pub async fn apis(&self) -> Result<Vec<Listed>, CallError> {
        let asked = Asked::reading("GetRestApis", "listing the REST APIs");
        let all = pages!(self, asked, self.apigateway.get_rest_apis(), items);
        Ok(all.iter().map(listed).collect())
    }

    /// Finds the API that carries our tag with this name.
    pub async fn find(&self, name: &str) -> Result<Found, CallError> {
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
    }

    /// Reads all that there is of an API.
    pub async fn observe_api(&self, api: Listed, stage: &str) -> Result<ObservedApi, CallError> {
        let resources = self.resources(&api.id).await?;
        let authorizers = self.authorizers(&api.id).await?;
        let responses = self.gateway_responses(&api.id).await?;
        let models = self.models(&api.id).await?;
        let validators = self.validators_of(&api.id, &resources).await?;
        let stages = self.stages(&api.id).await?;
        let deployments = self.deployments(&api.id).await?;
        let (models, records) = split(models);
        let draft = Draft {
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
    }

    /// Reads all that there is of the API with this name.
    pub async fn observe(
        &self,
        name: &str,
        api: Option<Listed>,
        stage: &str,
        roles: &[String],
    ) -> Result<Observed, CallError> {
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
        Ok(Observed { place: self.place.clone(), api, roles: found })
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
    pub async fn settled(
        &self,
        api: &str,
    ) -> Result<BTreeMap<String, (String, AuthorizerShape)>, CallError> {
        self.authorizers(api).await
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
    ) -> Result<(BTreeMap<String, Method>, Vec<Resource>), CallError> {
        let resources = self.resources(api).await?;
        let validators = self.validators_of(api, &resources).await?;
        Ok((methods(&resources, authorizers, &validators), resources))
    }

    /// Reads the stages, which do not come in pages.
    pub async fn stages(&self, api: &str) -> Result<BTreeMap<String, ObservedStage>, CallError> {
        let asked = Asked::reading("GetStages", format!("reading the stages of {api}"));
        let all = self
            .caller
            .call(&asked, || self.apigateway.get_stages().rest_api_id(api).send())
            .await?;
        Ok(all.item().iter().filter_map(|s| Some((s.stage_name()?.to_owned(), stage(s)))).collect())
    }

    /// Reads the deployments, oldest first.
    pub async fn deployments(&self, api: &str) -> Result<Vec<ObservedDeployment>, CallError> {
        let asked = Asked::reading("GetDeployments", format!("reading the deployments of {api}"));
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
    }

    /// Reads what the methods of a deployment ask for; nothing if that is not said of all.
    pub async fn summary(
        &self,
        api: &str,
        deployment: &str,
    ) -> Result<BTreeMap<String, MethodSummary>, CallError> {
        let asked = Asked::reading("GetDeployment", format!("reading a deployment of {api}"));
        let found = self.caller.call(&asked, || {
            let get = self.apigateway.get_deployment().rest_api_id(api).deployment_id(deployment);
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
                methods.insert(format!("{verb} {path}"), summary);
            }
        }
        Ok(methods)
    }

    /// Reads the usage plan that was made for a stage.
    async fn usage_plan(
        &self,
        api: &Listed,
        stage: &str,
    ) -> Result<Option<ObservedUsagePlan>, CallError> {
        let name = plan_name(api.tags.get(TAG_API).unwrap_or(&api.name), stage);
        if !Self::has_usage_plans(&api.tags) {
            return Ok(None);
        }
        let asked = Asked::reading("GetUsagePlans", "reading the usage plans");
        let all: Vec<types::UsagePlan> =
            pages!(self, asked, self.apigateway.get_usage_plans(), items);
        let Some(plan) = all.into_iter().find(|plan| plan.name() == Some(name.as_str())) else {
            return Ok(None);
        };
        let id = plan.id().unwrap_or_default().to_owned();
        let asked = Asked::reading("GetUsagePlanKeys", format!("reading the keys of {name}"));
        let request = || self.apigateway.get_usage_plan_keys().usage_plan_id(&id);
        let keys: Vec<types::UsagePlanKey> = pages!(self, asked, request(), items);
        let mut keys: Vec<String> =
            keys.iter().filter_map(|key| key.id().map(str::to_owned)).collect();
        keys.sort();
        let has_stage = plan
            .api_stages()
            .iter()
            .any(|one| one.api_id() == Some(api.id.as_str()) && one.stage() == Some(stage));
        let throttle = plan.throttle().map(|throttle| Throttle {
            rate: throttle.rate_limit(),
            burst: throttle.burst_limit(),
        });
        let quota = plan.quota().map(|quota| Quota {
            limit: quota.limit(),
            period: quota.period().map(|period| period.as_str().to_owned()).unwrap_or_default(),
        });
        Ok(Some(ObservedUsagePlan { id, has_stage, plan: UsagePlan { throttle, quota, keys } }))
    }

    /// Reads the usage plan of any stage of an API.
    pub async fn usage_plan_of(
        &self,
        tags: &BTreeMap<String, String>,
        api: &str,
        name: &str,
        stage: &str,
    ) -> Result<Option<ObservedUsagePlan>, CallError> {
        let listed = Listed {
            id: api.to_owned(),
            name: name.to_owned(),
            tags: tags.clone(),
            endpoint: String::new(),
            created: 0,
            settings: ApiSettings::default(),
        };
        self.usage_plan(&listed, stage).await
    }

    /// Reads the records of an API's revisions.
    pub async fn records(&self, api: &str) -> Result<BTreeMap<u32, Record>, CallError> {
        Ok(split(self.models(api).await?).1)
    }

    /// Reads the methods of an API's draft.
    pub async fn methods_of(&self, api: &str) -> Result<BTreeMap<String, Method>, CallError> {
        let authorizers = self.authorizers(api).await?;
        Ok(self.draft_methods(api, &authorizers).await?.0)
    }

    /// Returns the role by which API Gateway writes logs, if the account has one.
    pub async fn log_role(&self) -> Result<Option<String>, CallError> {
        let asked = Asked::reading("GetAccount", "looking at the account's settings");
        let account = self.caller.call(&asked, || self.apigateway.get_account().send()).await?;
        Ok(account.cloudwatch_role_arn().filter(|arn| !arn.is_empty()).map(str::to_owned))
    }

    /// Lists what names a stage and would not work without it: usage plans, and paths of custom
    /// domains.
    pub async fn dependents(&self, api: &str, stage: &str) -> Result<Vec<String>, CallError> {
        let asked = Asked::reading("GetUsagePlans", "reading the usage plans");
        let plans: Vec<types::UsagePlan> =
            pages!(self, asked, self.apigateway.get_usage_plans(), items);
        let names = |plan: &&types::UsagePlan| {
            let mut stages = plan.api_stages().iter();
            stages.any(|one| one.api_id() == Some(api) && one.stage() == Some(stage))
        };
        let mut found: Vec<String> = (plans.iter().filter(names))
            .map(|plan| format!("usage plan {}", plan.name().unwrap_or_default()))
            .collect();
        let asked = Asked::reading("GetDomainNames", "reading the custom domains");
        let domains: Vec<types::DomainName> =
            pages!(self, asked, self.apigateway.get_domain_names(), items);
        for domain in domains.iter().filter_map(|domain| domain.domain_name()) {
            let asked =
                Asked::reading("GetBasePathMappings", format!("reading the paths of {domain}"));
            let request = || self.apigateway.get_base_path_mappings().domain_name(domain);
            let paths: Vec<types::BasePathMapping> = pages!(self, asked, request(), items);
            let ours = paths
                .iter()
                .filter(|path| path.rest_api_id() == Some(api) && path.stage() == Some(stage));
            found.extend(
                ours.map(|path| {
                    format!("domain {domain}/{}", path.base_path().unwrap_or_default())
                }),
            );
        }
        Ok(found)
    }

    /// Says whether a usage plan was ever made for an API: its tag says so.
    fn has_usage_plans(tags: &BTreeMap<String, String>) -> bool {
        tags.contains_key(crate::observed::TAG_PLANS)
    }

    /// Has API Gateway generate a client for a stage.
    pub async fn sdk(
        &self,
        api: &str,
        stage: &str,
        language: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, CallError> {
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

fn listed(api: &RestApi) -> Listed {
    let kinds = api.endpoint_configuration().map(EndpointConfiguration::types).unwrap_or_default();
    let policy = api.policy().filter(|policy| !policy.is_empty());
    Listed {
        id: api.id().unwrap_or_default().to_owned(),
        name: api.name().unwrap_or_default().to_owned(),
        tags: api.tags().cloned().unwrap_or_default().into_iter().collect(),
        endpoint: kinds.first().map_or("EDGE", |kind| kind.as_str()).to_owned(),
        created: api.created_date().map_or(0, DateTime::secs),
        settings: ApiSettings {
            description: api.description().filter(|text| !text.is_empty()).map(str::to_owned),
            key_from_authorizer: api
                .api_key_source()
                .is_some_and(|source| source.as_str() == "AUTHORIZER"),
            binary_media_types: api.binary_media_types().iter().cloned().collect(),
            minimum_compression_size: api.minimum_compression_size(),
            policy: policy.and_then(read_policy),
        }
        .normal(),
    }
}

/// A resource policy comes as JSON whose quotes are escaped once more.
fn read_policy(text: &str) -> Option<Json> {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&text.replace("\\\"", "\"").replace("\\\\", "\\")))
        .ok()
}

fn shape(authorizer: &Authorizer) -> (String, AuthorizerShape) {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let sources = authorizer.identity_source().unwrap_or_default().split(',').map(str::trim);
    let shape = AuthorizerShape {
        kind: authorizer.r#type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        uri: text(authorizer.authorizer_uri()),
        credentials: text(authorizer.authorizer_credentials()),
        identity: sources.filter(|source| !source.is_empty()).map(str::to_owned).collect(),
        validation: text(authorizer.identity_validation_expression()),
        ttl: authorizer.authorizer_result_ttl_in_seconds().unwrap_or(300),
        providers: authorizer.provider_arns().iter().cloned().collect(),
    };
    (authorizer.name().unwrap_or_default().to_owned(), shape)
}

fn gateway_response(response: &AwsResponse) -> Option<(String, GatewayResponse)> {
    let map = |map: Option<&std::collections::HashMap<String, String>>| {
        map.cloned().unwrap_or_default().into_iter().collect()
    };
    let kind = response.response_type()?.as_str().to_owned();
    let read = GatewayResponse {
        status_code: response.status_code().map(str::to_owned),
        response_parameters: map(response.response_parameters()),
        response_templates: map(response.response_templates()),
    };
    let read = read.normal(&kind);
    Some((kind, read))
}

/// Tells our records from the models of the API, and leaves out those that every API has.
fn split(models: Vec<Model>) -> (BTreeMap<String, Json>, BTreeMap<u32, Record>) {
    let mut own = BTreeMap::new();
    let mut records = BTreeMap::new();
    for model in models {
        let name = model.name().unwrap_or_default();
        let schema: Json =
            model.schema().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let description = model.description().filter(|text| text.starts_with('{'));
        let schema = match description {
            Some(text) => json!({"description": text}),
            None => schema,
        };
        match Record::read(name, &schema) {
            Some((revision, Some(record))) => _ = records.insert(revision, record),
            Some((_, None)) => {}
            None if ["Empty", "Error"].contains(&name) => {}
            None => _ = own.insert(name.to_owned(), schema),
        }
    }
    (own, records)
}

fn methods(
    resources: &[Resource],
    authorizers: &BTreeMap<String, (String, AuthorizerShape)>,
    validators: &BTreeMap<String, Validator>,
) -> BTreeMap<String, Method> {
    let mut methods = BTreeMap::new();
    for resource in resources {
        let path = resource.path().unwrap_or_default();
        for (verb, found) in resource.resource_methods().into_iter().flatten() {
            let resource_id = resource.id().unwrap_or_default();
            let read = method(found, resource_id, authorizers, validators);
            methods.insert(format!("{verb} {path}"), read);
        }
    }
    methods
}

fn method(
    method: &types::Method,
    resource: &str,
    authorizers: &BTreeMap<String, (String, AuthorizerShape)>,
    validators: &BTreeMap<String, Validator>,
) -> Method {
    let authorization = match method.authorization_type() {
        None | Some("NONE") => Authorization::None,
        Some("AWS_IAM") => Authorization::AwsIam,
        Some(_) => {
            let id = method.authorizer_id().unwrap_or_default();
            // One that is not there is told by its id.
            let name = authorizers.get(id).map_or(id, |(name, _)| name);
            let scopes = method.authorization_scopes().iter().cloned().collect();
            Authorization::Authorizer { name: name.to_owned(), scopes }
        }
    };
    let validator = method.request_validator_id().and_then(|id| validators.get(id));
    let responses = method.method_responses().into_iter().flatten().map(|(status, response)| {
        let headers = response.response_parameters().into_iter().flatten();
        (status.clone(), headers.map(|(name, _)| name.clone()).collect())
    });
    Method {
        authorization,
        api_key: method.api_key_required().unwrap_or_default(),
        operation: method.operation_name().filter(|name| !name.is_empty()).map(str::to_owned),
        validator: validator.copied(),
        parameters: method.request_parameters().cloned().unwrap_or_default().into_iter().collect(),
        bodies: method.request_models().cloned().unwrap_or_default().into_iter().collect(),
        responses: responses.collect(),
        integration: method.method_integration().map(|found| integration(found, resource)),
    }
}

fn integration(found: &types::Integration, resource: &str) -> Integration {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let kind = found.r#type().map(|kind| kind.as_str().to_ascii_lowercase());
    let responses = found.integration_responses().into_iter().flatten().map(|(_, response)| {
        let pattern = response.selection_pattern().filter(|pattern| !pattern.is_empty());
        let read = json!({
            "statusCode": response.status_code().unwrap_or_default(),
            "responseParameters": response.response_parameters().cloned().unwrap_or_default(),
            "responseTemplates": response.response_templates().cloned().unwrap_or_default(),
            "contentHandling": response.content_handling().map(types::ContentHandlingStrategy::as_str),
        });
        (pattern.unwrap_or(crate::api::DEFAULT).to_owned(), read)
    });
    let responses: BTreeMap<String, Json> = responses.collect();
    let read = Integration::read(json!({
        "type": kind.unwrap_or_else(|| "mock".to_owned()),
        "httpMethod": text(found.http_method()),
        "uri": text(found.uri()),
        "credentials": text(found.credentials()),
        "connectionType": found.connection_type().map(types::ConnectionType::as_str),
        "connectionId": text(found.connection_id()),
        "integrationTarget": text(found.integration_target()),
        "requestParameters": found.request_parameters().cloned().unwrap_or_default(),
        "requestTemplates": found.request_templates().cloned().unwrap_or_default(),
        "passthroughBehavior": found.passthrough_behavior().unwrap_or("when_no_match"),
        "contentHandling": found.content_handling().map(types::ContentHandlingStrategy::as_str),
        "timeoutInMillis": match found.timeout_in_millis() { 0 => 29_000, ms => ms },
        "cacheKeyParameters": found.cache_key_parameters(),
        "cacheNamespace": text(found.cache_namespace()).filter(|name| name != resource),
        "responses": responses,
        "tlsConfig": found.tls_config().map(|tls| json!({
            "insecureSkipVerification": tls.insecure_skip_verification(),
        })),
        "responseTransferMode": found.response_transfer_mode().map(types::ResponseTransferMode::as_str),
    }));
    // Every member above is one of its own.
    read.unwrap_or_else(|_| Integration::new(crate::api::IntegrationKind::Mock))
}

/// What the account allows, which a stage without limits of its own shows as its own.
const ACCOUNT: (f64, i32) = (10_000.0, 5_000);

pub(super) fn stage(stage: &Stage) -> ObservedStage {
    let throttle = |setting: &types::MethodSetting| {
        let found = (setting.throttling_rate_limit(), setting.throttling_burst_limit());
        let none = found.0 < 0.0 || found.1 < 0 || found == (0.0, 0) || found == ACCOUNT;
        (!none).then_some(Throttle { rate: found.0, burst: found.1 })
    };
    let settings = stage.method_settings().cloned().unwrap_or_default();
    let whole = settings.get("*/*");
    let routes = settings.iter().filter(|(key, _)| *key != "*/*").filter_map(|(key, setting)| {
        let (path, verb) = key.rsplit_once('/')?;
        let path = path.replace("~1", "/").replace("~0", "~");
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        Some((format!("{verb} {path}"), throttle(setting)?))
    });
    let log = stage.access_log_settings().and_then(|log| {
        let destination = log.destination_arn().filter(|arn| !arn.is_empty())?;
        Some(AccessLog {
            destination: destination.trim_end_matches(":*").to_owned(),
            format: log.format().unwrap_or_default().to_owned(),
        })
    });
    let level = whole.and_then(|all| all.logging_level()).filter(|level| *level != "OFF");
    let canary = stage.canary_settings().and_then(|canary| {
        let deployment = canary.deployment_id().filter(|id| !id.is_empty())?.to_owned();
        Some(Canary { deployment, percent: canary.percent_traffic() })
    });
    ObservedStage {
        deployment: stage.deployment_id().unwrap_or_default().to_owned(),
        canary,
        settings: StageSettings {
            variables: stage.variables().cloned().unwrap_or_default().into_iter().collect(),
            throttle: whole.and_then(throttle),
            routes: routes.collect(),
            access_log: log,
            metrics: whole.is_some_and(types::MethodSetting::metrics_enabled),
            logging: level.filter(|level| !level.is_empty()).map(str::to_owned),
            tracing: stage.tracing_enabled(),
        },
    }
}
