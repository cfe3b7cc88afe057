//! The integration of an operation: `x-amazon-apigateway-integration`, every member typed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::aws_names::aws_enum;

/// The default integration timeout. It is the longest of an edge-optimized API, and the default quota
/// for the others.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
pub const DEFAULT_TIMEOUT_MS: u32 = 29_000;
/// The longest integration timeout that a quota allows.
pub const MAX_TIMEOUT_MS: u32 = 300_000;
/// The longest integration timeout of a streamed response.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html>
pub const MAX_STREAM_TIMEOUT_MS: u32 = 900_000;
/// The shortest integration timeout.
pub const MIN_TIMEOUT_MS: u32 = 50;

/// An integration, as API Gateway imports it.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Integration {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: IntegrationKind,
    /// The HTTP method of the request to the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// The URI of the backend, with `{name}` for path parameters and `${stageVariables.name}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The role that API Gateway assumes to call the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// The network path to the backend; the internet is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_type: Option<ConnectionType>,
    /// The id of the VPC link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The load balancer behind a VPC link of the second kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_target: Option<String>,
    /// The mappings of parameters of the request to the backend.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: BTreeMap<String, String>,
    /// The mapping templates of its body, by media type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_templates: BTreeMap<String, String>,
    /// The handling of a body without a template for its media type.
    #[serde(default)]
    pub passthrough_behavior: PassthroughBehavior,
    /// The conversion of bodies, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<ContentHandling>,
    /// The integration timeout, in milliseconds.
    #[serde(default = "default_timeout", rename = "timeoutInMillis")]
    pub timeout_ms: u32,
    /// The parameters of the cache key of responses.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cache_key_parameters: BTreeSet<String>,
    /// The cache namespace, unless it is the id of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_namespace: Option<String>,
    /// The integration responses, by the pattern of the status or the error; or `default`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<String, IntegrationResponse>,
    /// The check of the certificate of the backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    /// The transfer mode of the response; buffered is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_transfer_mode: Option<ResponseTransferMode>,
}

/// The type of an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationKind {
    /// An AWS service, with mapped requests and responses.
    Aws,
    /// A Lambda function that receives the request as an event.
    AwsProxy,
    /// An HTTP backend, with mapped requests and responses.
    Http,
    /// An HTTP backend that receives the request unchanged.
    HttpProxy,
    /// A fixed response, without a backend.
    Mock,
}

impl IntegrationKind {
    /// Returns its name on AWS.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::AwsProxy => "AWS_PROXY",
            Self::Http => "HTTP",
            Self::HttpProxy => "HTTP_PROXY",
            Self::Mock => "MOCK",
        }
    }
}

aws_enum! {
    /// The network path to a backend.
    ConnectionType {
        /// The public internet.
        Internet = "INTERNET",
        /// A VPC link.
        VpcLink = "VPC_LINK",
    }
}

aws_enum! {
    /// The conversion of a body.
    ContentHandling {
        /// From Base64 text to bytes.
        ConvertToBinary = "CONVERT_TO_BINARY",
        /// From bytes to Base64 text.
        ConvertToText = "CONVERT_TO_TEXT",
    }
}

aws_enum! {
    /// The handling of a body without a template for its media type.
    #[derive(Default)]
    PassthroughBehavior {
        /// It is refused.
        Never = "never",
        /// It is passed through.
        #[default]
        WhenNoMatch = "when_no_match",
        /// It is passed through if there is no template at all.
        WhenNoTemplates = "when_no_templates",
    }
}

aws_enum! {
    /// The transfer mode of responses.
    ResponseTransferMode {
        /// As a whole.
        Buffered = "BUFFERED",
        /// As it arrives.
        Stream = "STREAM",
    }
}

/// An integration response: the mapping of a response of the backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntegrationResponse {
    /// The status of the response.
    pub status_code: String,
    /// The mappings of headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: BTreeMap<String, String>,
    /// The mapping templates of the body, by media type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_templates: BTreeMap<String, String>,
    /// The conversion of bodies, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<ContentHandling>,
}

/// The check of the certificate of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsConfig {
    /// True if any certificate is accepted.
    pub insecure_skip_verification: bool,
}

fn default_timeout() -> u32 {
    DEFAULT_TIMEOUT_MS
}

impl Integration {
    /// Creates an integration with the defaults of API Gateway.
    pub fn new(kind: IntegrationKind) -> Self {
        Self {
            kind,
            http_method: None,
            uri: None,
            credentials: None,
            connection_type: None,
            connection_id: None,
            integration_target: None,
            request_parameters: BTreeMap::new(),
            request_templates: BTreeMap::new(),
            passthrough_behavior: PassthroughBehavior::WhenNoMatch,
            content_handling: None,
            timeout_ms: DEFAULT_TIMEOUT_MS,
            cache_key_parameters: BTreeSet::new(),
            cache_namespace: None,
            responses: BTreeMap::new(),
            tls_config: None,
            response_transfer_mode: None,
        }
    }

    /// Returns the longest timeout that API Gateway accepts, some of it by a higher quota.
    pub fn max_timeout_ms(&self) -> u32 {
        match self.response_transfer_mode {
            Some(ResponseTransferMode::Stream) => MAX_STREAM_TIMEOUT_MS,
            _ => MAX_TIMEOUT_MS,
        }
    }

    /// Creates a mock integration with a status and fixed headers.
    pub fn mock(status: u16, headers: &[(&str, String)]) -> Self {
        let parameters = headers
            .iter()
            .map(|(name, value)| (format!("method.response.header.{name}"), format!("'{value}'")));
        let response = IntegrationResponse {
            status_code: status.to_string(),
            response_parameters: parameters.collect(),
            ..IntegrationResponse::default()
        };
        let template = serde_json::json!({"statusCode": status}).to_string();
        Self {
            request_templates: BTreeMap::from([(JSON.to_owned(), template)]),
            responses: BTreeMap::from([(DEFAULT.to_owned(), response)]),
            ..Self::new(IntegrationKind::Mock)
        }
    }

    /// Creates an HTTP proxy integration for a path below a base URL.
    pub fn http_proxy(base: &str, path: &str, verb: &str) -> Self {
        // `{proxy+}` is called `{proxy}` in a URI.
        let path = path.replace("+}", "}");
        let path = if path == "/" { "" } else { &path };
        Self {
            http_method: Some(verb.to_owned()),
            uri: Some(format!("{}{path}", base.trim_end_matches('/'))),
            ..Self::new(IntegrationKind::HttpProxy)
        }
    }

    /// Returns the JSON of the extension with names as AWS returns them: AWS accepts any case.
    #[must_use]
    pub fn normalize_case(mut json: Json) -> Json {
        if let Json::Object(members) = &mut json {
            for name in ["type", "passthroughBehavior"] {
                if let Some(Json::String(text)) = members.get_mut(name) {
                    text.make_ascii_lowercase();
                }
            }
            for name in ["httpMethod", "connectionType", "contentHandling", "responseTransferMode"]
            {
                if let Some(Json::String(text)) = members.get_mut(name) {
                    text.make_ascii_uppercase();
                }
            }
        }
        json
    }

    /// Reads the JSON of the extension, in every spelling that AWS accepts or returns.
    pub fn read(json: Json) -> Result<Self, serde_json::Error> {
        let read: Self = serde_json::from_value(Self::normalize_case(json))?;
        Ok(read.normalize())
    }

    /// Removes values that equal the default, so that equal integrations compare equal.
    #[must_use]
    pub fn normalize(mut self) -> Self {
        self.connection_type.take_if(|kind| *kind == ConnectionType::Internet);
        self.response_transfer_mode.take_if(|mode| *mode == ResponseTransferMode::Buffered);
        self.tls_config.take_if(|tls| !tls.insecure_skip_verification);
        if self.kind == IntegrationKind::AwsProxy && self.http_method.is_none() {
            self.http_method = Some("POST".to_owned());
        }
        if self.kind == IntegrationKind::Mock {
            // These have no effect without a backend.
            self.http_method = None;
            self.uri = None;
            self.timeout_ms = DEFAULT_TIMEOUT_MS;
        }
        self
    }
}

/// The default media type of templates.
pub const JSON: &str = "application/json";
/// The key of the integration response that applies if no pattern matches.
pub const DEFAULT: &str = "default";
