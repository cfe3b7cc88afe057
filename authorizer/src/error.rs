//! The errors of a decision: a [`Rejection`] is caused by the caller, a [`Fault`] by the operator
//! or the issuer.
//!
//! Neither ever allows a request. Both are closed enums, without `#[non_exhaustive]`: every
//! package that matches on them is in this workspace, and a new variant must not compile until
//! each match handles it. No variant holds a string from a token.

use crate::signature::Algorithm;

/// The reason a caller is refused, with 401 or 403. The client never sees this text: it is for
/// logs; [`Self::reason`] is for metrics and the authorizer context as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// RFC 8725 section 3.1: the issuer's allow-list decides, not the token.
    #[error("`alg` `{0}` is not allowed for the issuer")]
    AlgorithmNotAllowed(Algorithm),
    /// RFC 7519 section 4.1.3: no audience of the token is a configured one. The claim is `aud` or
    /// the configured `audience_claim`.
    #[error("`{0}` does not match the configured audience")]
    AudienceMismatch(&'static str),
    /// The token has neither `aud` nor the claim that is configured in its place.
    #[error("missing claim `aud`, and the `audience_claim` as well")]
    AudienceMissing,
    /// The token's client is not in the issuer's `clients`.
    #[error("the token's client is not in the issuer's `clients`")]
    ClientNotAllowed,
    /// RFC 7515 section 4.1.11: a critical extension, and none is supported.
    #[error("unsupported header extension (`crit` or `b64`)")]
    CriticalExtension,
    /// A header parameter of something other than a signed token (`enc`, `zip` or `cty`).
    #[error("header parameter `{0}` is not allowed in an access token")]
    HeaderParameterNotAllowed(&'static str),
    /// A security event token, such as a logout token (RFC 8417 section 2.2, OpenID Connect
    /// Back-Channel Logout section 2.4).
    #[error("expected an access token, found a logout or other event token (claim `events`)")]
    EventToken,
    /// An ID token, recognized by a claim of ID tokens (OpenID Connect Core section 2).
    #[error("expected an access token, found an ID token (claim `{0}`)")]
    IdToken(&'static str),
    /// The time from `iat` to `exp` exceeds the issuer's maximum.
    #[error("token lifetime (`iat` to `exp`) exceeds the maximum")]
    LifetimeExceeded,
    /// A claim whose value is not of the form that its standard defines.
    #[error("malformed claim `{0}`")]
    MalformedClaim(&'static str),
    /// Not `header.claims.signature` in base64url and strict JSON.
    #[error("malformed token: {0}")]
    Malformed(&'static str),
    /// Not exactly one Bearer or DPoP credential (RFC 6750 section 2.1, RFC 9449 section 7.1).
    #[error(
        "expected exactly one token, at the configured location and with the configured scheme"
    )]
    MalformedCredential,
    /// A required claim is absent.
    #[error("missing claim `{0}`")]
    MissingClaim(&'static str),
    /// An identity of another kind than the profile's.
    #[error("not a token of a Google service account")]
    NotServiceAccount,
    /// The request has no credential.
    #[error("missing token")]
    MissingToken,
    /// The route table has no route for the request.
    #[error("no route of the route table matches the request")]
    RouteNotFound,
    /// RFC 7519 section 4.1.5: `nbf` or `iat` is in the future.
    #[error("token is not valid before {not_before}, current time is {now} (Unix seconds)")]
    NotYetValid {
        /// The `nbf` or `iat` that is in the future, in seconds since 1970.
        not_before: i64,
        /// The time of the decision, in seconds since 1970.
        now: i64,
    },
    /// The scopes grant the route, but no policy can allow this spelling of its path without allowing
    /// a route that they do not grant.
    #[error("no policy can allow this path without allowing another route")]
    PolicyConflict,
    /// The token is bound to a key, or must be, and the request has no valid proof of possession
    /// (RFC 9449 section 7, RFC 8705 section 3).
    #[error("proof of possession failed: {0}")]
    Possession(&'static str),
    /// The claims do not satisfy a rule of the issuer's `require`.
    #[error("claim requirement {rule} not satisfied")]
    RequirementUnmet {
        /// The rule's number, from 1.
        rule: usize,
    },
    /// The token's `jti`, `sub` or client is on the issuer's deny-list.
    #[error("`jti`, `sub` or the client is on the deny-list")]
    Denylisted,
    /// The token is valid and has none of the route's scope sets.
    #[error("required scopes not granted")]
    InsufficientScope,
    /// The deny-list has every token of the issuer.
    #[error("every token of the issuer is on the deny-list")]
    IssuerDenied,
    /// No matching key of the issuer verifies the signature.
    #[error("signature verification failed")]
    InvalidSignature,
    /// As [`Self::InvalidSignature`], of a token with the header parameter `nonce`: the signature of
    /// Microsoft Graph's tokens is of another header, which only Graph can compute.
    #[error(
        "signature verification failed: the header parameter `nonce` is that of a token for Microsoft Graph; request a token for this API"
    )]
    GraphToken,
    /// RFC 7519 section 4.1.4: the current time is on or after `exp`.
    #[error("token expired at {expired}, current time is {now} (Unix seconds)")]
    TokenExpired {
        /// `exp`, in seconds since 1970.
        expired: i64,
        /// The time of the decision, in seconds since 1970.
        now: i64,
    },
    /// RFC 8725 section 3.11: the token is of another type, by the header parameter or the claim.
    #[error("`typ` is not that of an access token")]
    TokenType,
    /// The issuer's key set has no matching key.
    #[error("no key of the issuer matches `kid` and `alg`")]
    UnknownKey,
    /// `iss` matches no configured issuer exactly.
    #[error("{0}")]
    UntrustedIssuer(IssuerMismatch),
}

/// The difference between an `iss` and the configured issuers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerMismatch {
    /// No issuer is nearly the same.
    #[error("`iss` is not a trusted issuer")]
    Unknown,
    /// Only a `/` at the end.
    #[error("`iss` differs from a trusted issuer by a `/` at the end")]
    TrailingSlash,
    /// A v1.0 token of Entra ID, and v2.0 tokens are trusted.
    #[error(
        "`iss` is that of an Entra ID v1.0 token, and only v2.0 is trusted; set `requestedAccessTokenVersion` to 2 in the API's app registration, or trust this issuer with the profile `entra-v1`"
    )]
    EntraV1,
    /// A v2.0 token of Entra ID, and v1.0 tokens are trusted.
    #[error(
        "`iss` is that of an Entra ID v2.0 token, and only v1.0 is trusted; trust this issuer with the profile `entra`"
    )]
    EntraV2,
}

impl Rejection {
    /// Returns the stable code for logs, metrics and the authorizer context.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::AlgorithmNotAllowed(_)
            | Self::CriticalExtension
            | Self::HeaderParameterNotAllowed(_)
            | Self::Malformed(_)
            | Self::MalformedCredential => "invalid_token",
            Self::InvalidSignature | Self::GraphToken => "invalid_signature",
            Self::UnknownKey => "unknown_key",
            Self::EventToken | Self::IdToken(_) | Self::NotServiceAccount | Self::TokenType => {
                "wrong_token_type"
            }
            Self::AudienceMismatch(_)
            | Self::AudienceMissing
            | Self::LifetimeExceeded
            | Self::MalformedClaim(_)
            | Self::MissingClaim(_)
            | Self::UntrustedIssuer(_) => "invalid_claims",
            Self::Denylisted => "denylisted",
            Self::IssuerDenied => "issuer_denied",
            Self::Possession(_) => "proof_failed",
            Self::ClientNotAllowed | Self::RouteNotFound | Self::RequirementUnmet { .. } => {
                "forbidden"
            }
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::TokenExpired { .. } => "token_expired",
            Self::PolicyConflict => "policy_conflict",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// The reason no decision could be made. API Gateway responds with 500: a Deny would be cached
/// and outlive the fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The issuer's keys are unavailable.
    #[error("keys of issuer `{issuer}` are unavailable: {cause}")]
    KeysUnavailable {
        /// The configured issuer.
        issuer: String,
        /// The error of the fetch or of the key cache.
        cause: String,
    },
    /// The event is not an authorizer event of API Gateway.
    #[error("not an API Gateway authorizer event: {0}")]
    MalformedEvent(&'static str),
    /// The response could not be written as JSON.
    #[error("response serialization failed")]
    ResponseSerialization,
    /// Only other APIs have a route table.
    #[error("no route table for API `{api_id}`")]
    UnknownApi {
        /// The API ID, from the event's method ARN.
        api_id: String,
    },
}

impl Fault {
    /// Returns the stable code for logs, metrics and `errorMessage`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::KeysUnavailable { .. } => "jwks_unavailable",
            Self::MalformedEvent(_) => "malformed_event",
            Self::ResponseSerialization => "response_serialization",
            Self::UnknownApi { .. } => "unknown_api",
        }
    }
}

/// The error of a step of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DecisionError {
    Rejected(Rejection),
    Faulted(Fault),
}

impl From<Rejection> for DecisionError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<Fault> for DecisionError {
    fn from(fault: Fault) -> Self {
        Self::Faulted(fault)
    }
}
