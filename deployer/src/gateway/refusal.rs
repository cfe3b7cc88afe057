//! API Gateway's own answers: status, `x-amzn-ErrorType` and body of every refusal.

/// Why the gateway answers instead of the integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The policy allows nothing here.
    AccessDenied,
    /// The policy denies it.
    AccessDeniedExplicitly,
    /// The integration cannot be used.
    ApiConfigurationError,
    /// The authorizer cannot be asked, or what it answers is no policy.
    AuthorizerConfigurationError,
    /// The authorizer failed.
    AuthorizerFailure,
    /// The backend cannot be reached.
    IntegrationFailure,
    /// The backend took too long.
    IntegrationTimeout,
    /// No API key, or a wrong one.
    InvalidApiKey,
    /// No such route, or an unsigned call to a method that needs a signature.
    MissingAuthenticationToken,
    /// More than 10 MB.
    RequestTooLarge,
    /// No such stage.
    UnknownStage,
    /// No identity, or the authorizer says the token is wrong.
    Unauthorized,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 12] = [
        Self::AccessDenied,
        Self::AccessDeniedExplicitly,
        Self::ApiConfigurationError,
        Self::AuthorizerConfigurationError,
        Self::AuthorizerFailure,
        Self::IntegrationFailure,
        Self::IntegrationTimeout,
        Self::InvalidApiKey,
        Self::MissingAuthenticationToken,
        Self::RequestTooLarge,
        Self::UnknownStage,
        Self::Unauthorized,
    ];

    /// Returns status, error type and body, as API Gateway words them unless customised.
    pub const fn answer(self) -> (u16, &'static str, &'static str) {
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
            Self::ApiConfigurationError => {
                (500, "InternalServerErrorException", r#"{"message": "Internal server error"}"#)
            }
            Self::AuthorizerConfigurationError => {
                (500, "AuthorizerConfigurationException", r#"{"message": "Internal server error"}"#)
            }
            Self::AuthorizerFailure => {
                (500, "AuthorizerConfigurationException", r#"{"message":null}"#)
            }
            Self::IntegrationFailure => (
                504,
                "InternalServerErrorException",
                r#"{"message":"Network error communicating with endpoint"}"#,
            ),
            Self::IntegrationTimeout => {
                (504, "InternalServerErrorException", r#"{"message":"Endpoint request timed out"}"#)
            }
            Self::InvalidApiKey | Self::UnknownStage => {
                (403, "ForbiddenException", r#"{"message":"Forbidden"}"#)
            }
            Self::MissingAuthenticationToken => (
                403,
                "MissingAuthenticationTokenException",
                r#"{"message":"Missing Authentication Token"}"#,
            ),
            Self::RequestTooLarge => {
                (413, "RequestEntityTooLargeException", r#"{"message":"Request Entity Too Large"}"#)
            }
            Self::Unauthorized => (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#),
        }
    }
}
