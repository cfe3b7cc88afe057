//! The compiled API: the source of the plan, the local gateway and the authorizer's route table.
//! Consistent by construction: every route has a security and an integration.

use std::collections::{BTreeMap, BTreeSet};

use authorizer::config::{Config, Document, RouteDocument, TokenSource};
use authorizer::routes::{PathTemplate, RouteTable, Segment, Verb};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

mod architecture;
mod arn;
mod authorizer_function;
mod authorizer_settings;
mod authorizer_shape;
mod aws_names;
mod cors;
mod identity_source;
mod integration;
mod log_destination;
mod presented_token;
mod role_settings;
mod route_key;
pub mod routing;
mod security;
mod stage;

pub use architecture::Architecture;
pub use arn::Arn;
pub use authorizer_function::{AuthorizerFunction, FunctionTable, PinnedFunction, VpcSettings};
pub use authorizer_settings::{
    Authorizer, AuthorizerKind, BEARER_TOKEN_PATTERN, RAW_TOKEN_PATTERN,
};
pub use authorizer_shape::{AuthorizerShape, AuthorizerType};
pub use cors::Cors;
pub use identity_source::{IdentitySource, InvalidIdentitySource};
pub use integration::{
    ConnectionType, ContentHandling, DEFAULT, DEFAULT_TIMEOUT_MS, Integration, IntegrationKind,
    IntegrationResponse, JSON, MAX_STREAM_TIMEOUT_MS, MAX_TIMEOUT_MS, MIN_TIMEOUT_MS,
    PassthroughBehavior, ResponseTransferMode, TlsConfig,
};
pub use log_destination::{InvalidDestination, LogDestination, LogDestinationKind};
pub use presented_token::PresentedToken;
pub use role_settings::RoleSettings;
pub use route_key::{InvalidRouteKey, RouteKey};
pub use security::Security;
pub use stage::{AccessLog, LoggingLevel, Quota, QuotaPeriod, StageSettings, Throttle, UsagePlan};

use aws_names::aws_enum;

/// A REST API with its authorizers.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// The name, also in the tag that marks the API as managed by Portcullis.
    pub name: String,
    /// `info.version` of the OpenAPI document.
    pub version: String,
    /// The endpoint.
    pub endpoint: EndpointConfiguration,
    /// The stage that it is compiled for.
    pub stage: String,
    /// The settings of the API.
    pub settings: ApiSettings,
    /// The settings of its deployment.
    pub deployment_settings: DeploymentSettings,
    /// The settings of the stage.
    pub stage_settings: StageSettings,
    /// The CORS settings.
    pub cors: Option<Cors>,
    /// The usage plan.
    pub usage_plan: Option<UsagePlan>,
    /// The gateway responses that differ from the defaults, by type.
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    /// The models that bodies are validated against, by name.
    pub models: BTreeMap<String, Json>,
    /// The managed authorizers, by the name of the security scheme.
    pub authorizers: BTreeMap<String, Authorizer>,
    /// The authorizers that the document declares itself, by the name of the security scheme.
    pub external_authorizers: BTreeMap<String, AuthorizerShape>,
    /// The operations, in order of precedence.
    pub routes: Vec<Route>,
}

/// The settings of an API: an import with `overwrite` resets those that the document omits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiSettings {
    /// `info.description`.
    pub description: Option<String>,
    /// True if the API key is from the authorizer, and not from a header.
    pub key_from_authorizer: bool,
    /// The binary media types.
    pub binary_media_types: BTreeSet<String>,
    /// The minimum size of a response that is compressed, in bytes.
    pub minimum_compression_size: Option<i32>,
    /// The resource policy.
    pub policy: Option<Json>,
}

/// The settings of an API's deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentSettings {
    /// True if the API is protected from removal.
    pub protect: bool,
    /// The number of earlier deployments that are retained for rollback.
    pub keep: usize,
    /// The tags of the API and its resources.
    pub tags: BTreeMap<String, String>,
    /// The settings of the invoke roles that are created.
    pub invoke_role: RoleSettings,
}

/// A gateway response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayResponse {
    /// The status, if it differs from the default of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<String>,
    /// The mappings of headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: BTreeMap<String, String>,
    /// The templates of the body, by media type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_templates: BTreeMap<String, String>,
}

impl ApiSettings {
    /// Returns the settings with the policy's resources as `execute-api:/PATH`, so that equal ones
    /// compare equal: API Gateway adds Region, account and id.
    #[must_use]
    pub fn normalize(mut self) -> Self {
        if let Some(policy) = &mut self.policy {
            shorten_resources(policy);
        }
        self
    }
}

/// Replaces `arn:aws:execute-api:eu-west-1:123456789012:abc/*` by `execute-api:/*` in all texts.
fn shorten_resources(json: &mut Json) {
    match json {
        Json::String(text) => {
            let fields: Vec<&str> = text.splitn(6, ':').collect();
            if let ["arn", _, "execute-api", _, _, resource] = fields[..]
                && let Some((_, path)) = resource.split_once('/')
            {
                *text = format!("execute-api:/{path}");
            }
        }
        Json::Array(items) => items.iter_mut().for_each(shorten_resources),
        Json::Object(members) => members.values_mut().for_each(shorten_resources),
        _ => {}
    }
}

impl GatewayResponse {
    /// The types.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>
    pub const TYPES: [&str; 21] = [
        "ACCESS_DENIED",
        "API_CONFIGURATION_ERROR",
        "AUTHORIZER_CONFIGURATION_ERROR",
        "AUTHORIZER_FAILURE",
        "BAD_REQUEST_BODY",
        "BAD_REQUEST_PARAMETERS",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
        "EXPIRED_TOKEN",
        "INTEGRATION_FAILURE",
        "INTEGRATION_TIMEOUT",
        "INVALID_API_KEY",
        "INVALID_SIGNATURE",
        "MISSING_AUTHENTICATION_TOKEN",
        "QUOTA_EXCEEDED",
        "REQUEST_TOO_LARGE",
        "RESOURCE_NOT_FOUND",
        "THROTTLED",
        "UNAUTHORIZED",
        "UNSUPPORTED_MEDIA_TYPE",
        "WAF_FILTERED",
    ];
    /// The default body of every type.
    pub const DEFAULT_BODY: &str = "{\"message\":$context.error.messageString}";

    /// Returns the response without the type's default status and with the default body, so that
    /// equal ones compare equal.
    #[must_use]
    pub fn normalize(mut self, kind: &str) -> Self {
        let default = match kind {
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
        self.status_code.take_if(|status| status == default);
        if self.response_templates.is_empty() {
            self.response_templates.insert(JSON.to_owned(), Self::DEFAULT_BODY.to_owned());
        }
        self
    }
}

/// The request validation of API Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// True if the body is validated against its model.
    pub body: bool,
    /// True if required parameters are present.
    pub parameters: bool,
}

impl Validator {
    /// Returns the name on AWS.
    pub fn name(self) -> &'static str {
        match (self.body, self.parameters) {
            (true, true) => "body-and-parameters",
            (true, false) => "body",
            (false, true) => "parameters",
            (false, false) => "nothing",
        }
    }
}

aws_enum! {
    /// The endpoint type of an API.
    #[derive(Default)]
    Endpoint {
        /// Edge-optimized.
        Edge = "EDGE",
        /// Private: from a VPC only.
        Private = "PRIVATE",
        /// Regional.
        #[default]
        Regional = "REGIONAL",
    }
}

impl Endpoint {
    /// All types with their names in `portcullis.toml`.
    pub const NAMES: [(&'static str, Self); 3] =
        [("edge", Self::Edge), ("private", Self::Private), ("regional", Self::Regional)];
}

/// The endpoint of an API.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_EndpointConfiguration.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfiguration {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Endpoint,
    /// The ids of the VPC endpoints of a private API, with which it has DNS names of its own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub vpc_endpoints: BTreeSet<String>,
    /// True if the default endpoint, `https://API.execute-api.REGION.amazonaws.com`, is disabled:
    /// requests must use a custom domain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disable_execute_api_endpoint: bool,
}

impl EndpointConfiguration {
    /// Returns whether it is that of an API for which `portcullis.toml` has no endpoint.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for EndpointConfiguration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.kind.fmt(f)?;
        if !self.vpc_endpoints.is_empty() {
            let ids: Vec<&str> = self.vpc_endpoints.iter().map(String::as_str).collect();
            write!(f, " ({})", ids.join(", "))?;
        }
        f.write_str(if self.disable_execute_api_endpoint {
            ", default endpoint disabled"
        } else {
            ""
        })
    }
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The path of the resource.
    pub path: PathTemplate,
    /// `operationId`.
    pub operation_id: Option<String>,
    /// The access control.
    pub security: Security,
    /// The integration.
    pub integration: Integration,
    /// The CORS settings, if the operation was generated for preflight requests.
    pub preflight: Option<Cors>,
    /// The request validation.
    pub validator: Option<Validator>,
    /// The models of request bodies, by media type.
    pub bodies: BTreeMap<String, String>,
    /// The declared parameters.
    pub parameters: Vec<Parameter>,
    /// The descriptions of responses, by status.
    pub responses: BTreeMap<String, String>,
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.path)
    }
}

impl Route {
    /// Returns a request path that matches, with values for the parameters.
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
    /// The location in the request.
    pub location: ParameterLocation,
    /// True if a request must have it.
    pub required: bool,
}

/// The location of a parameter in a request.
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
    /// Returns the location with this name in OpenAPI; nothing for cookies, which API Gateway does
    /// not support.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Header, Self::Path, Self::Query].into_iter().find(|known| known.name() == name)
    }

    /// Returns the name in OpenAPI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Path => "path",
            Self::Query => "query",
        }
    }

    /// Returns the name in API Gateway's `method.request.LOCATION.NAME`.
    pub fn mapping_name(self) -> &'static str {
        match self {
            Self::Query => "querystring",
            Self::Header | Self::Path => self.name(),
        }
    }
}

impl Api {
    /// Returns whether a route uses a managed authorizer.
    pub fn uses_authorizer(&self, name: &str) -> bool {
        self.routes.iter().any(
            |route| matches!(&route.security, Security::Jwt { authorizer, .. } if authorizer == name),
        )
    }

    /// Returns the `authorizer.json` of an authorizer.
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
        Some(Document {
            issuers: authorizer.issuers.clone(),
            routes: Some(routes.collect()),
            token: Some(authorizer.token.clone()).filter(|token| *token != TokenSource::default()),
            public_urls: authorizer.public_urls.clone(),
            policy: authorizer.policy,
            pinned: authorizer.is_pinned(),
            policy_max_bytes: authorizer.policy_max_bytes,
            cache_ttl_seconds: Some(authorizer.cache_ttl.into()),
            policy_outlives_token: authorizer.policy_outlives_token,
            ca_bundle: authorizer.ca_bundle.clone(),
            log_identity: authorizer.log_identity,
            log_key: authorizer.log_key.clone(),
            ..Document::default()
        })
    }

    /// Returns the location of the token in requests for a route: the one that its authorizer reads,
    /// and the `Authorization` header for other routes.
    pub fn token_source(&self, route: Option<&Route>) -> TokenSource {
        let authorizer = route.and_then(|route| match &route.security {
            Security::Jwt { authorizer, .. } => self.authorizers.get(authorizer),
            _ => None,
        });
        authorizer.map(|authorizer| authorizer.token.clone()).unwrap_or_default()
    }

    /// Returns the route table of an authorizer, if any operation uses it.
    pub fn route_table(&self, name: &str) -> Option<RouteTable> {
        let config = Config::resolve(&self.authorizer_document(name)?).ok()?;
        config.route_table().cloned()
    }
}
