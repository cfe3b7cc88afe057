//! API Gateway's own responses: status, `x-amzn-ErrorType` and body of every refusal, and the API's
//! gateway responses, which customize them.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>

use std::collections::BTreeMap;

use super::template::{Context, expression, substitute};
use compiler::api::{self, JSON};

/// A reason for API Gateway to respond instead of the integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The policy does not allow the request.
    AccessDenied,
    /// The policy denies the request explicitly.
    AccessDeniedExplicitly,
    /// The integration is misconfigured.
    ApiConfigurationError,
    /// The authorizer cannot be invoked, or its response is not a policy.
    AuthorizerConfigurationError,
    /// The authorizer failed.
    AuthorizerFailure,
    /// The request is malformed.
    BadRequest,
    /// The body does not match its model.
    BadRequestBody,
    /// A parameter is missing.
    BadRequestParameters,
    /// A body of more than 10 MB.
    BodyTooLarge,
    /// The event exceeds a function's limit.
    EventTooLarge,
    /// Request line and headers exceed API Gateway's limit.
    HeadTooLarge,
    /// The backend cannot be reached.
    IntegrationFailure,
    /// The backend timed out.
    IntegrationTimeout,
    /// No API key, or an unknown one.
    InvalidApiKey,
    /// The function failed, or its output is not a proxy response.
    MalformedProxyResponse,
    /// No such route, or an unsigned call to a method that needs a signature.
    MissingAuthenticationToken,
    /// The method ARN is too long.
    PathTooLong,
    /// The API key is over its quota.
    QuotaExceeded,
    /// Over a rate limit.
    Throttled,
    /// No such stage.
    UnknownStage,
    /// No identity, or the authorizer rejects the token.
    Unauthorized,
    /// No template for this media type.
    UnsupportedMediaType,
}

/// A refused request: the kind of refusal and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of refusal.
    pub kind: RefusalKind,
    /// The reason, for the operator of the gateway.
    pub reason: String,
    /// The message for the caller, if it differs from the kind's.
    pub detail: Option<String>,
    /// Context variables added before the refusal, such as the authorizer's.
    pub context: BTreeMap<String, String>,
}

impl Refusal {
    /// Creates a refusal with the kind's message for the caller.
    pub fn new(kind: RefusalKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), detail: None, context: BTreeMap::new() }
    }

    /// Returns the refusal with context variables.
    #[must_use]
    pub fn with_context(self, context: BTreeMap<String, String>) -> Self {
        Self { context, ..self }
    }
}

/// The response to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl RefusalKind {
    /// Every kind of refusal.
    pub const ALL: [Self; 22] = [
        Self::AccessDenied,
        Self::AccessDeniedExplicitly,
        Self::ApiConfigurationError,
        Self::AuthorizerConfigurationError,
        Self::AuthorizerFailure,
        Self::BadRequest,
        Self::BadRequestBody,
        Self::BadRequestParameters,
        Self::BodyTooLarge,
        Self::EventTooLarge,
        Self::HeadTooLarge,
        Self::IntegrationFailure,
        Self::IntegrationTimeout,
        Self::InvalidApiKey,
        Self::MalformedProxyResponse,
        Self::MissingAuthenticationToken,
        Self::PathTooLong,
        Self::QuotaExceeded,
        Self::Throttled,
        Self::UnknownStage,
        Self::Unauthorized,
        Self::UnsupportedMediaType,
    ];

    /// Returns the status, error type and body of API Gateway's response, unless customized.
    pub const fn default_response(self) -> (u16, &'static str, &'static str) {
        const INTERNAL: &str = "InternalServerErrorException";
        const INTERNAL_BODY: &str = r#"{"message": "Internal server error"}"#;
        match self {
            Self::AccessDenied => (
                403,
                "AccessDeniedException",
                r#"{"Message":"User is not authorized to access this resource"}"#,
            ),
            Self::AccessDeniedExplicitly => (
                403,
                "AccessDeniedException",
                r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#,
            ),
            Self::ApiConfigurationError => (500, INTERNAL, INTERNAL_BODY),
            Self::AuthorizerConfigurationError => {
                (500, "AuthorizerConfigurationException", INTERNAL_BODY)
            }
            Self::AuthorizerFailure => {
                (500, "AuthorizerConfigurationException", r#"{"message":null}"#)
            }
            Self::BadRequest => (400, "BadRequestException", r#"{"message":"Bad Request"}"#),
            Self::BadRequestBody => {
                (400, "BadRequestException", r#"{"message":"Invalid request body"}"#)
            }
            Self::BadRequestParameters => {
                (400, "BadRequestException", r#"{"message":"Missing required request parameters"}"#)
            }
            // The layer in front of API Gateway responds, in plain text.
            Self::BodyTooLarge => (413, "", "HTTP content length exceeded 10485760 bytes."),
            Self::EventTooLarge => {
                (413, "BadRequestException", r#"{"message": "Request Too Long"}"#)
            }
            Self::HeadTooLarge => {
                (431, "BadRequestException", r#"{"message":"Request Header Fields Too Large"}"#)
            }
            Self::IntegrationFailure => {
                (504, INTERNAL, r#"{"message":"Network error communicating with endpoint"}"#)
            }
            Self::IntegrationTimeout => {
                (504, INTERNAL, r#"{"message":"Endpoint request timed out"}"#)
            }
            Self::MalformedProxyResponse => (502, INTERNAL, INTERNAL_BODY),
            Self::InvalidApiKey | Self::UnknownStage => {
                (403, "ForbiddenException", r#"{"message":"Forbidden"}"#)
            }
            Self::MissingAuthenticationToken => (
                403,
                "MissingAuthenticationTokenException",
                r#"{"message":"Missing Authentication Token"}"#,
            ),
            Self::PathTooLong => {
                (414, "BadRequestException", r#"{"message":"Request-URI Too Long"}"#)
            }
            Self::QuotaExceeded => {
                (429, "LimitExceededException", r#"{"message":"Limit Exceeded"}"#)
            }
            Self::Throttled => {
                (429, "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#)
            }
            Self::Unauthorized => (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#),
            Self::UnsupportedMediaType => {
                (415, "BadRequestException", r#"{"message":"Unsupported Media Type"}"#)
            }
        }
    }

    /// Returns the type of its gateway response; none if it cannot be customized.
    pub const fn response_type(self) -> Option<&'static str> {
        Some(match self {
            Self::AccessDenied | Self::AccessDeniedExplicitly => "ACCESS_DENIED",
            Self::ApiConfigurationError => "API_CONFIGURATION_ERROR",
            Self::AuthorizerConfigurationError => "AUTHORIZER_CONFIGURATION_ERROR",
            Self::AuthorizerFailure => "AUTHORIZER_FAILURE",
            Self::BadRequestBody => "BAD_REQUEST_BODY",
            Self::BadRequestParameters => "BAD_REQUEST_PARAMETERS",
            Self::IntegrationFailure => "INTEGRATION_FAILURE",
            Self::IntegrationTimeout => "INTEGRATION_TIMEOUT",
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::MissingAuthenticationToken => "MISSING_AUTHENTICATION_TOKEN",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::Throttled => "THROTTLED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            // No type of their own: `DEFAULT_4XX` and `DEFAULT_5XX` apply.
            Self::BadRequest
            | Self::EventTooLarge
            | Self::MalformedProxyResponse
            | Self::PathTooLong => "",
            // These precede the API.
            Self::BodyTooLarge | Self::HeadTooLarge | Self::UnknownStage => return None,
        })
    }

    /// Returns the type of the gateway response for all refusals of this class of status.
    const fn default_type(self) -> &'static str {
        if self.default_response().0 < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" }
    }

    /// Returns `$context.error.message`; none for a failed authorizer.
    pub fn message(self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(self.default_response().2).ok()?;
        let message = body.get("message").or_else(|| body.get("Message"))?;
        message.as_str().map(str::to_owned)
    }
}

/// Returns the values of `$context.error.…`.
pub fn variables(refusal: &Refusal) -> [(&'static str, String); 4] {
    let message = refusal.detail.clone().or_else(|| refusal.kind.message());
    let quoted = message.as_ref().map_or("null".to_owned(), |message| {
        serde_json::Value::String(message.clone()).to_string()
    });
    let kind = refusal.kind.response_type().filter(|kind| !kind.is_empty());
    let kind = kind.unwrap_or(refusal.kind.default_type());
    [
        ("error.message", message.unwrap_or_default()),
        ("error.messageString", quoted),
        ("error.responseType", kind.to_owned()),
        ("error.validationErrorString", refusal.reason.clone()),
    ]
}

/// Returns the response to the caller. The specific type takes precedence as a whole over
/// `DEFAULT_4XX` and `DEFAULT_5XX`; without a status of their own, these keep the type's.
pub fn render(
    refusal: &Refusal,
    customized: &BTreeMap<String, api::GatewayResponse>,
    context: &Context<'_>,
) -> GatewayResponse {
    let (status, error_type, body) = refusal.kind.default_response();
    let class = refusal.kind.default_type();
    let custom = refusal
        .kind
        .response_type()
        .and_then(|kind| customized.get(kind).or_else(|| customized.get(class)));
    let mut headers = Vec::new();
    if !error_type.is_empty() {
        headers.push(("x-amzn-errortype".to_owned(), error_type.to_owned()));
    }
    let Some(custom) = custom else {
        let media = if error_type.is_empty() { "text; charset=utf-8" } else { JSON };
        headers.push(("content-type".to_owned(), media.to_owned()));
        let detailed = refusal
            .detail
            .as_ref()
            .map(|detail| format!("{{\"message\":{}}}", serde_json::Value::String(detail.clone())));
        return GatewayResponse {
            status,
            headers,
            body: detailed.unwrap_or_else(|| body.to_owned()),
        };
    };
    let context = context.with(variables(refusal)).with([("status", status.to_string())]);
    for (name, mapped) in &custom.response_parameters {
        let name = name.strip_prefix("gatewayresponse.header.").unwrap_or(name);
        if let Some(value) = expression(mapped, &context) {
            headers.push((name.to_owned(), value));
        }
    }
    let (media, template) = template(&custom.response_templates, &context);
    headers.push(("content-type".to_owned(), media.to_owned()));
    let status = custom.status_code.as_ref().and_then(|code| code.parse().ok()).unwrap_or(status);
    GatewayResponse { status, headers, body: substitute(template, &context) }
}

/// Returns the body template for the first media type of `Accept` that has one; JSON's otherwise.
fn template<'a>(
    templates: &'a BTreeMap<String, String>,
    context: &Context<'_>,
) -> (&'a str, &'a str) {
    let accept = context.header("accept").unwrap_or_default();
    let mut accepted = accept.split(',').filter_map(|part| part.split(';').next()).map(str::trim);
    let found = accepted.find_map(|media| templates.get_key_value(media));
    let found = found.or_else(|| templates.get_key_value(JSON));
    match found.or_else(|| templates.first_key_value()) {
        Some((media, template)) => (media, template),
        None => (JSON, api::GatewayResponse::DEFAULT_BODY),
    }
}
