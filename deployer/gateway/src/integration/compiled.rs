//! [`compiler::api::Integration`] → [`Backend`], once, when a gateway starts. Unsupported
//! integrations are reported then, and not by a request.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde_json::Value as Json;

use crate::template::{Template, is_expression, stage_variables};
use compiler::api::{
    Arn, Cors, DEFAULT, Integration, IntegrationKind, IntegrationResponse, JSON,
    PassthroughBehavior, Route, StageSettings,
};

/// The integration of an operation, prepared for calls.
#[derive(Clone, Debug)]
pub enum Backend {
    /// HTTP_PROXY: a backend receives the request unchanged.
    HttpProxy(Http),
    /// HTTP: requests to a backend and its responses are mapped.
    Http(Http, Mappings),
    /// AWS_PROXY: a function receives the request as an event.
    FunctionProxy(Function),
    /// AWS: the events and responses of a function are mapped.
    Function(Function, Mappings),
    /// MOCK.
    Mock(Mappings),
    /// The gateway's response to preflight requests.
    Preflight(Cors),
}

/// A backend over HTTP.
#[derive(Clone, Debug)]
pub struct Http {
    /// The URI, with `{name}` for a path parameter.
    pub uri: String,
    /// The method; the request's own if there is none.
    pub method: Option<String>,
    /// The timeout.
    pub timeout: Duration,
    /// The request parameters: `path.NAME`, `querystring.NAME` or `header.NAME`, and the mapping of
    /// each.
    pub parameters: Vec<(String, String)>,
}

/// A Lambda function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, without version or alias.
    pub name: String,
    /// The timeout.
    pub timeout: Duration,
}

/// The mappings of requests and responses.
#[derive(Clone, Debug)]
pub struct Mappings {
    /// Request bodies by media type.
    pub requests: BTreeMap<String, Template>,
    /// The passthrough behavior, for media types without a template.
    pub passthrough: Passthrough,
    /// Integration responses, by the pattern of their status or error; the last one is the default.
    pub responses: Vec<(Option<Regex>, MappedResponse)>,
}

/// The passthrough behavior: for a body whose media type has no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passthrough {
    /// The body passes.
    WhenNoMatch,
    /// The body passes if there is no template at all.
    WhenNoTemplates,
    /// The request is refused.
    Never,
}

/// An integration response.
#[derive(Clone, Debug)]
pub struct MappedResponse {
    /// The status.
    pub status: u16,
    /// Headers, and the mapping of each.
    pub headers: Vec<(String, String)>,
    /// Bodies by media type.
    pub bodies: BTreeMap<String, Template>,
}

impl Backend {
    /// Prepares a route's integration; fails if it is not supported locally.
    pub fn new(route: &Route, stage: &StageSettings) -> Result<Self, String> {
        if let Some(cors) = &route.preflight {
            return Ok(Self::Preflight(cors.clone()));
        }
        let integration = &route.integration;
        if integration.connection_id.is_some() {
            return Err(format!(
                "{} through a VPC link is not supported locally",
                integration.kind.name()
            ));
        }
        let uri = integration.uri.as_deref().unwrap_or_default();
        let uri = stage_variables(uri, &stage.variables)?;
        let timeout = Duration::from_millis(integration.timeout_ms.into());
        match integration.kind {
            IntegrationKind::Mock => Ok(Self::Mock(Mappings::new(integration)?)),
            IntegrationKind::HttpProxy => Ok(Self::HttpProxy(Http::new(integration, uri)?)),
            IntegrationKind::Http => {
                Ok(Self::Http(Http::new(integration, uri)?, Mappings::new(integration)?))
            }
            IntegrationKind::AwsProxy => {
                Ok(Self::FunctionProxy(Function { name: function_name(&uri)?, timeout }))
            }
            IntegrationKind::Aws => {
                let function = Function { name: function_name(&uri)?, timeout };
                Ok(Self::Function(function, Mappings::new(integration)?))
            }
        }
    }

    /// Returns the function that it invokes.
    pub fn function(&self) -> Option<&str> {
        match self {
            Self::FunctionProxy(function) | Self::Function(function, _) => Some(&function.name),
            _ => None,
        }
    }
}

/// Returns the name of a function from the URI that invokes it, or from its ARN.
pub fn function_name(uri: &str) -> Result<String, String> {
    let arn = Arn::in_uri(uri).unwrap_or(uri);
    let name = arn.split_once(":function:").map(|(_, name)| name);
    let name = name.and_then(|name| name.split(':').next()).filter(|name| !name.is_empty());
    name.map(str::to_owned)
        .ok_or_else(|| format!("`{uri}` is not supported locally: expected a Lambda function"))
}

impl Http {
    fn new(integration: &Integration, uri: String) -> Result<Self, String> {
        let mut parameters = Vec::new();
        for (to, from) in &integration.request_parameters {
            let to = to.strip_prefix("integration.request.").unwrap_or(to);
            if !is_expression(from) {
                return Err(format!("mapping `{to}` from `{from}` is not supported locally"));
            }
            parameters.push((to.to_owned(), from.clone()));
        }
        let method = integration.http_method.clone().filter(|method| method != "ANY");
        let timeout = Duration::from_millis(integration.timeout_ms.into());
        Ok(Self { uri, method, timeout, parameters })
    }
}

impl Mappings {
    fn new(integration: &Integration) -> Result<Self, String> {
        let passthrough = match &integration.passthrough_behavior {
            PassthroughBehavior::Never => Passthrough::Never,
            PassthroughBehavior::WhenNoTemplates => Passthrough::WhenNoTemplates,
            PassthroughBehavior::WhenNoMatch => Passthrough::WhenNoMatch,
            PassthroughBehavior::Other(name) => {
                return Err(format!("unknown `passthroughBehavior` `{name}`"));
            }
        };
        let mut responses = Vec::new();
        let (default, patterns): (Vec<_>, Vec<_>) =
            integration.responses.iter().partition(|(pattern, _)| *pattern == DEFAULT);
        for (pattern, response) in patterns {
            // A pattern must match the whole status or message, line breaks included.
            let pattern = Regex::new(&format!("(?s)^(?:{pattern})$"))
                .map_err(|_| format!("invalid selection pattern `{pattern}`"))?;
            responses.push((Some(pattern), MappedResponse::new(response)?));
        }
        for (_, response) in default {
            responses.push((None, MappedResponse::new(response)?));
        }
        Ok(Self { requests: templates(&integration.request_templates)?, passthrough, responses })
    }

    /// Returns the integration response for a status, or for an error's message.
    pub fn response_for(&self, text: &str) -> Option<&MappedResponse> {
        let matches =
            |pattern: &Option<Regex>| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        self.responses.iter().find(|(pattern, _)| matches(pattern)).map(|(_, response)| response)
    }
}

impl Mappings {
    /// Returns the default integration response.
    pub fn default_response(&self) -> Option<&MappedResponse> {
        self.responses.iter().find(|(pattern, _)| pattern.is_none()).map(|(_, response)| response)
    }
}

impl MappedResponse {
    fn new(response: &IntegrationResponse) -> Result<Self, String> {
        let mut headers = Vec::new();
        for (to, from) in &response.response_parameters {
            let to = to.strip_prefix("method.response.header.").unwrap_or(to);
            if !is_expression(from) && !from.starts_with("integration.response.header.") {
                return Err(format!(
                    "mapping header `{to}` from `{from}` is not supported locally"
                ));
            }
            headers.push((to.to_owned(), from.clone()));
        }
        let status = response.status_code.parse();
        let status =
            status.map_err(|_| format!("invalid status code `{}`", response.status_code))?;
        Ok(Self { status, headers, bodies: templates(&response.response_templates)? })
    }
}

fn templates(texts: &BTreeMap<String, String>) -> Result<BTreeMap<String, Template>, String> {
    let parse = |(media, text): (&String, &String)| {
        let template = Template::parse(text);
        let template = template
            .ok_or_else(|| "template uses VTL, which is not supported locally".to_owned())?;
        Ok((media.clone(), template))
    };
    texts.iter().map(parse).collect()
}

/// Returns the status in a MOCK's rendered request template.
pub fn mock_status(text: &str) -> Option<u16> {
    let json: Json = serde_json::from_str(text).ok()?;
    let status = json.get("statusCode")?;
    let number = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    u16::try_from(number).ok()
}

/// Returns the template for a media type; JSON's for a request without one.
pub fn template_for<'a>(
    templates: &'a BTreeMap<String, Template>,
    media: Option<&str>,
) -> Option<&'a Template> {
    let media = media.and_then(|media| media.split(';').next()).map_or(JSON, str::trim);
    templates.get(media)
}
