//! `authorizer.json` as written. [`super::Config::resolve`] validates it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TokenSource;
use crate::issuer::{Possession, Profile};
use crate::log_identity::{LogIdentity, LogKeyText};

/// The configuration file of the authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The trusted issuers, at least one.
    pub issuers: Vec<IssuerDocument>,
    /// The route table, for requests of every API. Default: no route table, so `scopes` applies to
    /// every route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<RouteDocument>>,
    /// Route tables by API ID, instead of `routes`. Requests of other APIs fail with 500. Default:
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apis: Option<BTreeMap<String, Vec<RouteDocument>>>,
    /// The scopes that every token must have, if there is no route table. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The source of the token. A TOKEN event has one header only, which may have no scheme.
    /// Default: the `Authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenSource>,
    /// The base URLs of the API for its clients, if a proxy precedes API Gateway: the `htu` of a DPoP
    /// proof is one of them and the path below the stage. https, or http for a loopback host.
    /// Default: the domain name and the path of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_urls: Option<Vec<String>>,
    /// Simple responses (`isAuthorized`) instead of policies, for HTTP APIs with payload format
    /// 2.0. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simple_responses: bool,
    /// The routes that a policy covers, if there is a route table. Default: `caller`.
    #[serde(default, skip_serializing_if = "PolicyMode::is_caller")]
    pub policy: PolicyMode,
    /// Declares that the function serves only the deployment whose routes `routes` lists. A policy that
    /// would exceed `policy_max_bytes` may then allow shorter patterns, which match no route of the table
    /// that the caller is not granted, but also match requests outside the table. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The maximum length of a policy, 1,024 to 1,048,576 bytes. If the policy for all routes of a
    /// caller would be longer, it covers only the requested route. Default: 8,192 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_max_bytes: Option<u64>,
    /// The TTL of API Gateway's result cache in seconds, 0 to 3,600. Default: 3600. If a token expires
    /// within the TTL, its policy denies everything from then on, so that the cached result does not
    /// outlive the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_ttl_seconds: Option<u64>,
    /// Allows a cached policy to outlive its token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub policy_outlives_token: bool,
    /// The trusted root certificates for fetching keys, in PEM. Default: the compiled-in root
    /// certificates of Mozilla.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
    /// The form of `sub` and `jti` of verified tokens in the log. Default: `hashed`.
    #[serde(default, skip_serializing_if = "LogIdentity::is_default")]
    pub log_identity: LogIdentity,
    /// The key of the hashes in the log, at least 32 characters, without spaces at the ends. Default:
    /// the variable `AUTHORIZER_LOG_KEY`; without a key, neither `sub` nor `jti` is logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub log_key: Option<LogKeyText>,
}

/// The routes that a policy covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PolicyMode {
    /// All routes that the caller's scopes grant. Correct with an authorizer result cache whose
    /// identity source is the token.
    #[default]
    Caller,
    /// Only the requested route, for route tables that no single IAM policy can express. Correct
    /// only without the authorizer result cache, or with `context.httpMethod` and
    /// `context.resourcePath` among the identity sources.
    Route,
}

impl PolicyMode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_caller(&self) -> bool {
        *self == Self::Caller
    }
}

/// A trusted issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IssuerDocument {
    /// The issuer identifier; must match `iss` exactly. `{tenantid}` matches the tokens' `tid`, and
    /// requires `jwks_uri`.
    pub issuer: String,
    /// The accepted audiences: `aud` must contain one of them. With profile `cognito`, `client_id`
    /// is used if `aud` is absent.
    pub audience: Vec<String>,
    /// The claim that must contain an accepted audience if the token has no `aud`, by name or JSON
    /// pointer, such as `azp`. Default: none; `client_id` with profile `cognito`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience_claim: Option<String>,
    /// The allowed signature algorithms: `ES256`, `ES384`, `ES512`, `EdDSA`, `PS256`, `PS384`,
    /// `PS512`, `RS256`, `RS384`, `RS512`. Default: `RS256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
    /// The URL of the issuer's key set: https, or http for a loopback host. Default: that in the
    /// issuer's metadata (OpenID Connect Discovery).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// A bundled copy of the key set, for a cold start without a fetch. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<BundledKeys>,
    /// The maximum age of fetched keys, 60 to 86,400 seconds. `Cache-Control` of the issuer can
    /// shorten it. Default: 600 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_max_age_seconds: Option<u64>,
    /// The time that keys past their maximum age remain usable while the issuer is unavailable, up
    /// to 86,400 seconds. Default: 3600 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_stale_for_seconds: Option<u64>,
    /// The profile of the issuer's access tokens: it rejects other tokens, and names the scope claims
    /// and the claim of the client. Default: `oauth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The scope claims, by name or JSON pointer; their values are combined. Text in `scope` and `scp`
    /// is a list separated by spaces (RFC 8693 section 4.2); any other text, and each string of an
    /// array, is one value. Default: those of the profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_claims: Option<Vec<String>>,
    /// The clock skew tolerance for `exp`, `nbf` and `iat`, 0 to 300 seconds. Default: 30 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leeway_seconds: Option<u64>,
    /// The maximum token lifetime from `iat` to `exp`, in seconds; tokens without `iat` are then
    /// rejected. Default: no maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_token_age_seconds: Option<u64>,
    /// The allowed clients, by the profile's claim of the client. Default: all clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<String>>,
    /// Additional claim requirements, all of which must be satisfied. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<RuleDocument>,
    /// The deny-list of tokens, subjects and clients. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<Denied>,
    /// The handling of DPoP-bound tokens (RFC 9449). Default: `forbidden`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop: Option<Possession>,
    /// The handling of certificate-bound tokens (RFC 8705). Default: `forbidden`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls: Option<Possession>,
    /// Claims passed to the integration, by name in `$context.authorizer`: letters, digits and `_`.
    /// Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, ContextSource>,
    /// Principals of the form `ISSUER|SUBJECT` instead of `SUBJECT`, to distinguish equal subjects
    /// of several issuers. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub qualify_principal: bool,
    /// The source of the API key for usage plans (`usageIdentifierKey`). Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_key: Option<UsageKey>,
}

/// A bundled copy of an issuer's key set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BundledKeys {
    /// The JSON Web Key Set (RFC 7517).
    pub jwks: Value,
    /// The time at which it was fetched from the issuer, as Unix time in seconds.
    pub read_at: i64,
    /// The time from `read_at` for which it is used, 1 to 31,536,000 seconds. Keys are then fetched
    /// from the issuer, if it has a URL.
    pub lifetime_seconds: u64,
}

/// A claim requirement: `claim` and exactly one test (`at_least` and `at_most` together are one).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// The claim's exact name, or a JSON pointer (RFC 6901), which begins with `/`. Absent beside
    /// `any`, `all` and `not`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// The claim is one of these strings, or an array that contains one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any_of: Option<Vec<String>>,
    /// The claim is an array that contains all of these strings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_of: Option<Vec<String>>,
    /// The claim is this string, number or boolean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// The claim is present (`true`) or absent (`false`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The claim is an integer, at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
    /// The claim is an integer, at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<i64>,
    /// The claim is a string that starts with this, or an array that contains one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_with: Option<String>,
    /// The claim is a string that ends with this, or an array that contains one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_with: Option<String>,
    /// The claim is a string that contains this text, or an array that contains one. For a member of
    /// an array as a whole, use `any_of`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// The claim is a string that this regular expression matches from start to end, or an array that
    /// contains one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// At least one of these rules is satisfied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<Self>>,
    /// All of these rules are satisfied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<Self>>,
    /// The negation of this rule. An absent claim satisfies no test but `exists = false`, so its
    /// negation is satisfied. A value of a type that a test is not about, such as a number for `any_of`,
    /// satisfies neither the test nor its negation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Self>>,
}

/// A deny-list of tokens, subjects and clients, checked after the signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// The `jti` of denied tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jti: Vec<String>,
    /// The `sub` of denied subjects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub: Vec<String>,
    /// The denied clients, by the profile's claim of the client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client: Vec<String>,
    /// Denies every token of the issuer. Default: `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// The claim that a context value is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ContextSource {
    /// A string, number or boolean claim, by name or JSON pointer; omitted if of another type.
    Scalar(String),
    /// A claim of any type, as JSON text.
    Json {
        /// The claim, by name or JSON pointer.
        json: String,
    },
}

/// The source of the API key for usage plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UsageKey {
    /// The value of this claim, by name or JSON pointer.
    Claim(String),
    /// The API key of each client, by the profile's claim of the client.
    Clients(BTreeMap<String, String>),
}

/// A protected route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    /// The method: `DELETE`, `GET`, `HEAD`, `OPTIONS`, `PATCH`, `POST`, `PUT`, or `ANY` for those
    /// that the path does not declare.
    pub method: String,
    /// The path template below the stage, such as `/pets/{id}` or `/files/{proxy+}`.
    pub path: String,
    /// The scope sets, any one of which is sufficient. An empty set requires only a valid token.
    pub scopes: Vec<Vec<String>>,
}
