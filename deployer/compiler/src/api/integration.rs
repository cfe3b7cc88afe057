//! What answers an operation: `x-amazon-apigateway-integration`, every member of it typed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::aws_names::named_by_aws;

/// What API Gateway waits at most, and unless told otherwise.
pub const MAX_TIMEOUT_MS: u32 = 29_000;
/// The shortest time it can be told to wait.
pub const MIN_TIMEOUT_MS: u32 = 50;

/// What answers an operation, as API Gateway is told.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-integration.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Integration {
    /// What kind of backend.
    #[serde(rename = "type")]
    pub kind: IntegrationKind,
    /// The method that the backend gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// The backend, with `{name}` where a path parameter goes and `${stageVariables.name}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The role that API Gateway assumes to call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// The network path to the backend; the internet is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_type: Option<ConnectionType>,
    /// The VPC link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// The load balancer behind a VPC link of the second kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_target: Option<String>,
    /// What the backend's request is made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_parameters: BTreeMap<String, String>,
    /// What the backend's request body is made of, by media type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_templates: BTreeMap<String, String>,
    /// What happens to a body that no template is for.
    #[serde(default)]
    pub passthrough_behavior: PassthroughBehavior,
    /// Whether bodies are converted between text and bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<ContentHandling>,
    /// How long it may take, in milliseconds.
    #[serde(default = "longest", rename = "timeoutInMillis")]
    pub timeout_ms: u32,
    /// What answers are cached by.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cache_key_parameters: BTreeSet<String>,
    /// A name for what is cached together; the resource's id is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_namespace: Option<String>,
    /// What becomes of its answers, by a pattern of their status or error; or `default`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub responses: BTreeMap<String, IntegrationResponse>,
    /// How its certificate is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<TlsConfig>,
    /// Whether its response is streamed; buffered is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_transfer_mode: Option<ResponseTransferMode>,
}

/// What kind of backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationKind {
    /// A service of AWS's, its requests and answers mapped.
    Aws,
    /// A Lambda function that gets the request as it is.
    AwsProxy,
    /// A backend, its requests and answers mapped.
    Http,
    /// A backend that gets the request as it is.
    HttpProxy,
    /// API Gateway itself.
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

named_by_aws! {
    /// The network path to a backend.
    ConnectionType {
        /// The public internet.
        Internet = "INTERNET",
        /// A VPC link.
        VpcLink = "VPC_LINK",
    }
}

named_by_aws! {
    /// The conversion of a body.
    ContentHandling {
        /// From Base64 text to bytes.
        ConvertToBinary = "CONVERT_TO_BINARY",
        /// From bytes to Base64 text.
        ConvertToText = "CONVERT_TO_TEXT",
    }
}

named_by_aws! {
    /// What happens to a body without a template for its media type.
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

named_by_aws! {
    /// How a backend's response is transferred.
    ResponseTransferMode {
        /// As a whole.
        Buffered = "BUFFERED",
        /// As it comes.
        Stream = "STREAM",
    }
}

/// What becomes of an answer of a backend's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntegrationResponse {
    /// The status that the caller gets.
    pub status_code: String,
    /// Headers, and what they are made of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_parameters: BTreeMap<String, String>,
    /// Bodies, and what they are made of, by media type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_templates: BTreeMap<String, String>,
    /// Whether bodies are converted between text and bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_handling: Option<ContentHandling>,
}

/// How a backend's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsConfig {
    /// Whether any certificate will do.
    pub insecure_skip_verification: bool,
}

fn longest() -> u32 {
    MAX_TIMEOUT_MS
}

impl Integration {
    /// Makes one of a kind, everything else as API Gateway has it.
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
            timeout_ms: MAX_TIMEOUT_MS,
            cache_key_parameters: BTreeSet::new(),
            cache_namespace: None,
            responses: BTreeMap::new(),
            tls_config: None,
            response_transfer_mode: None,
        }
    }

    /// Makes an answer with a status and fixed headers.
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

    /// Makes the integration that passes a path through to a base URL.
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

    /// Reads the extension's JSON, in any of the spellings that AWS takes and gives.
    pub fn read(mut json: Json) -> Result<Self, String> {
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
        let read: Self = serde_json::from_value(json).map_err(|error| error.to_string())?;
        Ok(read.normal())
    }

    /// Leaves out what is said without being said, so that equal ones compare equal.
    #[must_use]
    pub fn normal(mut self) -> Self {
        self.connection_type.take_if(|kind| *kind == ConnectionType::Internet);
        self.response_transfer_mode.take_if(|mode| *mode == ResponseTransferMode::Buffered);
        self.tls_config.take_if(|tls| !tls.insecure_skip_verification);
        if self.kind == IntegrationKind::AwsProxy && self.http_method.is_none() {
            self.http_method = Some("POST".to_owned());
        }
        if self.kind == IntegrationKind::Mock {
            // Whatever is said of these, nothing is called.
            self.http_method = None;
            self.uri = None;
            self.timeout_ms = MAX_TIMEOUT_MS;
        }
        self
    }
}

/// The media type of templates where nobody says which.
pub const JSON: &str = "application/json";
/// What stands for every answer that no pattern fits.
pub const DEFAULT: &str = "default";
