//! What can end a request: a [`Rejection`] is the caller's doing, a [`Fault`] is ours.
//!
//! Neither is ever Allow. Both are closed enums, without `#[non_exhaustive]`: every package that
//! matches on them is in this workspace, and a new variant must fail to compile wherever it has
//! no answer yet. No variant holds a byte of a token.

use crate::signature::Algorithm;

/// Why a caller may not pass. Answered 401 or 403, never with this text: the reason is for
/// logs, metrics and the authorizer's context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// RFC 8725 section 3.1: the issuer's allow-list decides, not the token.
    #[error("the algorithm {0} is not among those its issuer may use")]
    AlgorithmNotAllowed(Algorithm),
    /// RFC 7519 section 4.1.3.
    #[error("the token is for another audience")]
    AudienceMismatch,
    /// The token's client is not among those allowed.
    #[error("the token's client is not among those that are allowed")]
    ClientNotAllowed,
    /// RFC 7515 section 4.1.11: an extension that must be understood and is not.
    #[error("the header asks for an extension that is not supported (`crit` or `b64`)")]
    CriticalExtension,
    /// A header that makes it something other than a signed token.
    #[error("the header has the member `{0}`, which no access token needs")]
    HeaderMemberNotAllowed(&'static str),
    /// An ID token, told by a claim that only ID tokens carry (OpenID Connect Core section 2).
    #[error("this is an ID token: it carries `{0}`")]
    IdToken(&'static str),
    /// `exp` lies further from `iat` than is allowed.
    #[error("the token lives longer than is allowed")]
    LivesTooLong,
    /// A claim that is there and is not what its standard says.
    #[error("the claim `{0}` is malformed")]
    MalformedClaim(&'static str),
    /// Not `header.claims.signature` in base64url and strict JSON.
    #[error("not a compact JWS: {0}")]
    Malformed(&'static str),
    /// Not exactly one bearer credential (RFC 6750 section 2.1).
    #[error("the credential is not one bearer token")]
    MalformedCredential,
    /// A claim that every token must have.
    #[error("the claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// No credential at all.
    #[error("there is no token")]
    MissingToken,
    /// The route table has no such route.
    #[error("the request belongs to no route of the table")]
    NoSuchRoute,
    /// RFC 7519 section 4.1.5, or issued in the future.
    #[error("the token is not valid before {not_before}, and it is {now} (seconds since 1970)")]
    NotYetValid {
        /// `nbf` or `iat`, whichever lies ahead.
        not_before: i64,
        /// When it was judged.
        now: i64,
    },
    /// The token is bound to a key, or must be, and the request does not prove it
    /// (RFC 9449 section 7, RFC 8705 section 3).
    #[error("possession is not proven: {0}")]
    Possession(&'static str),
    /// A rule about the claims is not kept.
    #[error("rule {rule} of its issuer's `require` is not kept")]
    RequirementUnmet {
        /// Which one, from 1.
        rule: usize,
    },
    /// Its `jti` or `sub` is on the list of what is denied.
    #[error("the token or its subject is denied")]
    Revoked,
    /// The token is good and does not open this route.
    #[error("none of the scope sets that open this route is held")]
    ScopeInsufficient,
    /// No key of the issuer's verifies it.
    #[error("no key of the issuer verifies the signature")]
    SignatureInvalid,
    /// RFC 7519 section 4.1.4: on or after `exp` it is too late.
    #[error("the token expired at {expired}, and it is {now} (seconds since 1970)")]
    TokenExpired {
        /// `exp`.
        expired: i64,
        /// When it was judged.
        now: i64,
    },
    /// RFC 8725 section 3.11: a token made for another use.
    #[error("the `typ` is not that of an access token")]
    TokenType,
    /// The issuer has no key that fits.
    #[error("the issuer publishes no key that fits the token's `kid` and `alg`")]
    UnknownKey,
    /// `iss` is not byte-equal to a configured issuer.
    #[error("the issuer is not a configured one")]
    UnknownIssuer,
}

impl Rejection {
    /// Returns the stable code for logs, metrics and context.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::AlgorithmNotAllowed(_)
            | Self::CriticalExtension
            | Self::HeaderMemberNotAllowed(_)
            | Self::Malformed(_)
            | Self::MalformedCredential
            | Self::Possession(_)
            | Self::Revoked
            | Self::TokenType
            | Self::UnknownKey => "invalid_token",
            Self::SignatureInvalid => "invalid_signature",
            Self::AudienceMismatch
            | Self::IdToken(_)
            | Self::LivesTooLong
            | Self::MalformedClaim(_)
            | Self::MissingClaim(_)
            | Self::NotYetValid { .. }
            | Self::UnknownIssuer => "invalid_claims",
            Self::ClientNotAllowed | Self::NoSuchRoute | Self::RequirementUnmet { .. } => {
                "forbidden"
            }
            Self::TokenExpired { .. } => "token_expired",
            Self::ScopeInsufficient => "insufficient_scope",
        }
    }
}

/// Why no decision could be made. Answered 500: a Deny would be cached by the gateway and
/// outlive the fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The issuer's keys could not be had.
    #[error("the keys of the issuer {issuer} are not available: {cause}")]
    KeysUnavailable {
        /// The configured issuer.
        issuer: String,
        /// What went wrong, told by the fetcher or the key cache.
        cause: String,
    },
    /// The event is not one that API Gateway sends to an authorizer.
    #[error("the event is not an API Gateway authorizer event: {0}")]
    MalformedEvent(&'static str),
    /// The answer could not be written as JSON.
    #[error("the response cannot be serialized as JSON")]
    ResponseSerialization,
    /// Route tables are configured for other APIs only.
    #[error("no route table is configured for the API `{api_id}`")]
    UnknownApi {
        /// The API's id, from the event's method ARN.
        api_id: String,
    },
}

impl Fault {
    /// Returns the stable code for logs, metrics and the function's error message.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::KeysUnavailable { .. } => "jwks_unavailable",
            Self::MalformedEvent(_) => "malformed_event",
            Self::ResponseSerialization => "response_serialization",
            Self::UnknownApi { .. } => "unknown_api",
        }
    }
}

/// The error that a decision ends with.
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
