//! The settings of a managed authorizer: its invocation by API Gateway and its trusted issuers.

use authorizer::config::{IssuerDocument, PolicyMode, TokenScheme, TokenSource};
use authorizer::log_identity::{LogIdentity, LogKeyText};

use super::arn::Arn;
use super::presented_token::COOKIE;
use super::{AuthorizerFunction, IdentitySource};

/// A managed authorizer of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// The function. Not required to serve locally.
    pub function: Option<AuthorizerFunction>,
    /// The role that API Gateway assumes to invoke it.
    pub invoke_role: Option<Arn>,
    /// The type.
    pub kind: AuthorizerKind,
    /// The TTL of the authorizer result cache, in seconds; 0 disables the cache.
    pub cache_ttl: u32,
    /// The identity sources: the cache key. A request without one of them is rejected with 401
    /// before the authorizer is invoked.
    pub identity: Vec<IdentitySource>,
    /// The location of the token.
    pub token: TokenSource,
    /// The base URLs of the API for its clients, if a proxy precedes API Gateway.
    pub public_urls: Option<Vec<String>>,
    /// The scope of its policies: all routes of the caller, or one route.
    pub policy: PolicyMode,
    /// The maximum length of a policy, in bytes, if it differs from the default.
    pub policy_max_bytes: Option<u64>,
    /// True if a cached policy may outlive its token.
    pub policy_outlives_token: bool,
    /// The root certificates for fetching keys, in PEM, if not the public ones.
    pub ca_bundle: Option<String>,
    /// The form of subjects and token IDs in its log.
    pub log_identity: LogIdentity,
    /// The key of the hashes in its log.
    pub log_key: Option<LogKeyText>,
    /// The trusted issuers.
    pub issuers: Vec<IssuerDocument>,
}

/// The token validation expression: one bearer token in compact form (RFC 6750 section 2.1, RFC
/// 7515 section 3.1). API Gateway rejects any other header without an invocation. The authorizer
/// accepts no token that this rejects.
pub const BEARER_TOKEN_PATTERN: &str =
    r"^[Bb][Ee][Aa][Rr][Ee][Rr] +[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$";

/// The token validation expression for a token without a scheme.
pub const RAW_TOKEN_PATTERN: &str = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$";

impl Authorizer {
    /// Returns the ARN of the function, or of its version or alias, if it is known.
    pub fn function_arn(&self) -> Option<&Arn> {
        self.function.as_ref()?.arn()
    }

    /// Returns whether each deployment pins a version of the function.
    pub fn is_pinned(&self) -> bool {
        self.function.as_ref().is_some_and(|function| function.pinned().is_some())
    }

    /// Returns `identityValidationExpression`, which only TOKEN authorizers have.
    pub fn validation(&self) -> Option<&'static str> {
        let pattern = match &self.token {
            TokenSource::Header { scheme: TokenScheme::None, .. } => RAW_TOKEN_PATTERN,
            _ => BEARER_TOKEN_PATTERN,
        };
        (self.kind == AuthorizerKind::Token).then_some(pattern)
    }

    /// Returns the identity source of the token; nothing for a WebSocket subprotocol. That of a cookie
    /// is the whole `Cookie` header: API Gateway has none for a single cookie.
    pub fn token_identity_source(&self) -> Option<IdentitySource> {
        match &self.token {
            TokenSource::Header { name, .. } => Some(IdentitySource::Header(name.clone())),
            TokenSource::Cookie(_) => Some(IdentitySource::Header(COOKIE.to_owned())),
            TokenSource::Query(name) => Some(IdentitySource::Query(name.clone())),
            TokenSource::WebsocketProtocol(_) => None,
        }
    }

    /// Returns whether results are cached.
    pub fn caches_results(&self) -> bool {
        self.cache_ttl > 0
    }

    /// Returns whether `source` is an identity source.
    pub fn has_identity_source(&self, source: &IdentitySource) -> bool {
        self.identity.iter().any(|known| known.is_equivalent(source))
    }
}

/// The type of a Lambda authorizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// REQUEST: the function receives the request's parameters and context.
    Request,
    /// TOKEN: the function receives one header.
    #[default]
    Token,
}

impl AuthorizerKind {
    /// All types with their names in `portcullis.toml`.
    pub const NAMES: [(&'static str, Self); 2] =
        [("request", Self::Request), ("token", Self::Token)];
}
