//! What the files mean: one value that is planned to AWS, served locally and compiled for
//! the authorizer. Consistent by construction: every route has a security and an integration.

use std::collections::BTreeMap;

use authorizer::config::{Config, Document, RouteDocument, TokenSource};
use authorizer::routes::{PathTemplate, RouteTable, Segment, Verb};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

mod authorizer_settings;
mod authorizer_shape;
mod aws_names;
mod cors;
mod identity_source;
mod integration;
mod route_key;
pub mod routing;
mod security;
mod stage;

pub use authorizer_settings::{Arn, Authorizer, AuthorizerKind, BEARER_TOKEN};
pub use authorizer_shape::{AuthorizerShape, AuthorizerType};
pub use cors::Cors;
pub use identity_source::{IdentitySource, InvalidIdentitySource};
pub use integration::{
    ConnectionType, ContentHandling, DEFAULT, Integration, IntegrationKind, IntegrationResponse,
    JSON, MAX_TIMEOUT_MS, MIN_TIMEOUT_MS, PassthroughBehavior, ResponseTransferMode, TlsConfig,
};
pub use route_key::{InvalidRouteKey, RouteKey};
pub use security::Security;
pub use stage::{AccessLog, LoggingLevel, Quota, QuotaPeriod, StageSettings, Throttle, UsagePlan};

use aws_names::named_by_aws;

/// The header that holds the token unless something else is said.
pub const AUTHORIZATION: &str = "Authorization";

/// A REST API and what guards it.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// Its name, for people and for the tag that marks it as ours.
    pub name: String,
    /// `info.version` of the OpenAPI document.
    pub version: String,
    /// Where it is reached from.
    pub endpoint: Endpoint,
    /// The stage this was compiled for.
    pub stage: String,
    /// What concerns it as a whole.
    pub settings: ApiSettings,
    /// How it is deployed.
    pub deployment_settings: DeploymentSettings,
    /// What the stage has beside the API.
    pub stage_settings: StageSettings,
    /// Which pages of other origins may call.
    pub cors: Option<Cors>,
    /// Who may call how often with an API key.
    pub usage_plan: Option<UsagePlan>,
    /// The answers that API Gateway makes itself, by type, where they are not the usual ones.
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    /// What bodies are checked with, by name.
    pub models: BTreeMap<String, Json>,
    /// The authorizers, by the name of the security scheme that each serves.
    pub authorizers: BTreeMap<String, Authorizer>,
    /// Those that the document brings along and that are not ours.
    pub external_authorizers: BTreeMap<String, AuthorizerShape>,
    /// The operations, in order of precedence.
    pub routes: Vec<Route>,
}

/// What concerns an API as a whole: what `overwrite` resets where a document leaves it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiSettings {
    /// `info.description`.
    pub description: Option<String>,
    /// Whether the authorizer says the API key, and not a header.
    pub key_from_authorizer: bool,
    /// What is bytes and not text.
    pub binary_media_types: std::collections::BTreeSet<String>,
    /// The smallest answer that is compressed, in bytes.
    pub minimum_compression_size: Option<i32>,
    /// The resource policy.
    pub policy: Option<Json>,
}

/// How an API is deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentSettings {
    /// Whether nothing of it may be undeployed.
    pub protect: bool,
    /// How many deployments are kept to go back to.
    pub keep: usize,
    /// Tags for the API and what belongs to it.
    pub tags: BTreeMap<String, String>,
    /// The VPC endpoints of a private API.
    pub vpc_endpoints: Vec<String>,
}

/// An answer that API Gateway makes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayResponse {
    /// Its status, if not the type's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// Headers, and what they are made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: BTreeMap<String, String>,
    /// Bodies by media type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_templates: BTreeMap<String, String>,
}

impl ApiSettings {
    /// Names resources of the policy without place and id, which API Gateway adds, so that
    /// equal ones compare equal.
    #[must_use]
    pub fn normalize(mut self) -> Self {
        if let Some(policy) = &mut self.policy {
            without_place(policy);
        }
        self
    }
}

/// `arn:aws:execute-api:eu-west-1:123456789012:abc/*` → `execute-api:/*`, wherever it stands.
fn without_place(json: &mut Json) {
    match json {
        Json::String(text) => {
            let fields: Vec<&str> = text.splitn(6, ':').collect();
            if let ["arn", _, "execute-api", _, _, resource] = fields[..]
                && let Some((_, path)) = resource.split_once('/')
            {
                *text = format!("execute-api:/{path}");
            }
        }
        Json::Array(items) => items.iter_mut().for_each(without_place),
        Json::Object(members) => members.values_mut().for_each(without_place),
        _ => {}
    }
}

impl GatewayResponse {
    /// The body of every type unless told otherwise.
    pub const DEFAULT_BODY: &str = "{\"message\":$context.error.messageString}";

    /// Leaves out the status that the type has anyway and puts in the body, so that equal ones
    /// compare equal.
    #[must_use]
    pub fn normalize(mut self, kind: &str) -> Self {
        let usual = match kind {
            "UNAUTHORIZED" => "401",
            "ACCESS_DENIED"
            | "EXPIRED_TOKEN"
            | "INVALID_API_KEY"
            | "INVALID_SIGNATURE"
            | "MISSING_AUTHENTICATION_TOKEN"
            | "WAF_FILTERED" => "403",
            "BAD_REQUEST_BODY" | "BAD_REQUEST_PARAMETERS" => "400",
            "RESOURCE_NOT_FOUND" => "404",
            "REQUEST_TOO_LARGE" => "413",
            "UNSUPPORTED_MEDIA_TYPE" => "415",
            "QUOTA_EXCEEDED" | "THROTTLED" => "429",
            "INTEGRATION_FAILURE" | "INTEGRATION_TIMEOUT" => "504",
            "API_CONFIGURATION_ERROR" | "AUTHORIZER_CONFIGURATION_ERROR" | "AUTHORIZER_FAILURE" => {
                "500"
            }
            _ => "",
        };
        self.status_code.take_if(|status| status == usual);
        if self.response_templates.is_empty() {
            self.response_templates.insert(JSON.to_owned(), Self::DEFAULT_BODY.to_owned());
        }
        self
    }
}

/// What API Gateway checks of a request before anything is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// The body, with its model.
    pub body: bool,
    /// Whether required parameters are there.
    pub parameters: bool,
}

impl Validator {
    /// Returns the name it goes by on AWS.
    pub fn name(self) -> &'static str {
        match (self.body, self.parameters) {
            (true, true) => "body-and-parameters",
            (true, false) => "body",
            (false, true) => "parameters",
            (false, false) => "nothing",
        }
    }
}

named_by_aws! {
    /// The endpoint type of an API.
    #[derive(Default)]
    Endpoint {
        /// Through Amazon's edge locations.
        Edge = "EDGE",
        /// From a VPC only.
        Private = "PRIVATE",
        /// From its Region.
        #[default]
        Regional = "REGIONAL",
    }
}

impl Endpoint {
    /// Every kind with its name in `portcullis.toml`.
    pub const NAMES: [(&'static str, Self); 3] =
        [("edge", Self::Edge), ("private", Self::Private), ("regional", Self::Regional)];
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The resource.
    pub path: PathTemplate,
    /// `operationId`.
    pub operation_id: Option<String>,
    /// Who may call it.
    pub security: Security,
    /// What answers it.
    pub integration: Integration,
    /// What it answers preflight requests with, where that is all it is for.
    pub preflight: Option<Cors>,
    /// What is checked of a request.
    pub validator: Option<Validator>,
    /// What its bodies are checked with: models by media type.
    pub bodies: BTreeMap<String, String>,
    /// What may come with a request.
    pub parameters: Vec<Parameter>,
    /// What it may answer: status and description.
    pub responses: BTreeMap<String, String>,
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.path)
    }
}

impl Route {
    /// Returns a path that fits, its parameters filled in.
    pub fn example_path(&self) -> String {
        let mut path = String::new();
        for segment in self.path.segments() {
            path.push('/');
            path.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Parameter(_) => "1",
                Segment::Greedy(_) => "anything",
            });
        }
        if path.is_empty() { "/".to_owned() } else { path }
    }
}

/// A declared parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// The part of the request that holds it.
    pub location: ParameterLocation,
    /// Whether a request without it is wrong.
    pub required: bool,
}

/// The part of a request that holds a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ParameterLocation {
    /// A header.
    Header,
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
}

impl ParameterLocation {
    /// Returns the location of this name in OpenAPI, if API Gateway has it: no cookies.
    pub fn read(name: &str) -> Option<Self> {
        [Self::Header, Self::Path, Self::Query].into_iter().find(|known| known.name() == name)
    }

    /// Returns its name in OpenAPI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Path => "path",
            Self::Query => "query",
        }
    }

    /// Returns its name in API Gateway's `method.request.LOCATION.NAME`.
    pub fn mapping_name(self) -> &'static str {
        match self {
            Self::Query => "querystring",
            Self::Header | Self::Path => self.name(),
        }
    }
}

impl Api {
    /// Returns what the authorizer of this name reads as `authorizer.json`.
    pub fn authorizer_document(&self, name: &str) -> Option<Document> {
        let routes = self.routes.iter().filter_map(|route| {
            let Security::Jwt { authorizer, requirement, .. } = &route.security else {
                return None;
            };
            (authorizer == name).then(|| RouteDocument {
                method: route.verb.name().to_owned(),
                path: route.path.to_string(),
                scopes: requirement
                    .alternatives()
                    .iter()
                    .map(|all| all.iter().cloned().collect())
                    .collect(),
            })
        });
        let authorizer = self.authorizers.get(name)?;
        let usual = TokenSource::Header(AUTHORIZATION.to_owned());
        Some(Document {
            issuers: authorizer.issuers.clone(),
            routes: Some(routes.collect()),
            token: Some(authorizer.token.clone()).filter(|token| *token != usual),
            policy: authorizer.policy,
            ..Document::default()
        })
    }

    /// Returns the route table of the authorizer of this name, if it guards anything.
    pub fn route_table(&self, name: &str) -> Option<RouteTable> {
        let config = Config::resolve(&self.authorizer_document(name)?).ok()?;
        config.route_table().cloned()
    }
}
