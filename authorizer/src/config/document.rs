//! `authorizer.json` as written. [`super::Config::resolve`] validates it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::issuer::{Possession, Profile};

/// The configuration file of the authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The trusted issuers.
    pub issuers: Vec<IssuerDocument>,
    /// The route table of every API. Without one, `scopes` apply to the whole stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<RouteDocument>>,
    /// Route tables by API ID, instead of `routes`. Requests of other APIs fail with 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apis: Option<BTreeMap<String, Vec<RouteDocument>>>,
    /// The scopes that every token must have, without a route table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The source of the token in REQUEST events of REST, HTTP and WebSocket APIs. Default: the
    /// `Authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenSource>,
    /// Simple responses (`isAuthorized`) instead of policies, for HTTP APIs with payload format
    /// 2.0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simple_responses: bool,
    /// The extent of policies, with a route table. Default: `caller`.
    #[serde(default, skip_serializing_if = "PolicyMode::is_caller")]
    pub policy: PolicyMode,
    /// The maximum length of a policy in bytes, 1,024 to 1,048,576. Default: 8,192. If the policy
    /// for all routes of a caller would be longer, it covers only the requested route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_max_bytes: Option<u64>,
    /// Root certificates in PEM for fetching keys, instead of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}

/// The extent of policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PolicyMode {
    /// All routes that the caller may call. Correct with an authorizer result cache whose identity
    /// source is the token.
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

/// The source of the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenSource {
    /// This header, with the scheme `Bearer` or `DPoP`.
    Header(String),
    /// This query parameter, without a scheme.
    Query(String),
    /// `Sec-WebSocket-Protocol`, the subprotocol after this one.
    WebsocketProtocol(String),
}

/// A trusted issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IssuerDocument {
    /// The issuer identifier; must match `iss` exactly. `{tenantid}` matches the tokens' `tid`.
    pub issuer: String,
    /// The accepted audiences: `aud` must contain one of them (profile `cognito`: or `client_id`
    /// must be one).
    pub audience: Vec<String>,
    /// The allowed signature algorithms. Default: `RS256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
    /// The URL of the issuer's key set. Default: from OpenID Connect discovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// A bundled copy of the key set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<BundledKeys>,
    /// The maximum age of fetched keys, 60 to 86,400 seconds. Default: 600. `Cache-Control` of the
    /// issuer can shorten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_max_age_seconds: Option<u64>,
    /// The profile of the issuer's access tokens. Default: `oauth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The scope claims; the first that is present is used. Default: `scope`, `scp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_claims: Option<Vec<String>>,
    /// The clock skew tolerance, up to 300 seconds. Default: 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leeway_seconds: Option<u64>,
    /// The maximum token lifetime in seconds, from `iat` to `exp`. Requires `iat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_token_age_seconds: Option<u64>,
    /// The allowed clients, by `client_id`, `azp`, `cid` or `appid`. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<String>>,
    /// Additional claim requirements, all of which must be satisfied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<RuleDocument>,
    /// The deny-list of tokens and subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<Denied>,
    /// The mode of DPoP-bound tokens (RFC 9449): forbidden, optional or required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop: Option<Possession>,
    /// The mode of certificate-bound tokens (RFC 8705): forbidden, optional or required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls: Option<Possession>,
    /// Claims passed to the integration, by name in `$context.authorizer`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, ContextSource>,
    /// A principal of the form `ISSUER|SUBJECT`, to distinguish equal subjects of several issuers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub qualify_principal: bool,
    /// The source of the API key for usage plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_key: Option<UsageKey>,
}

/// A key set in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BundledKeys {
    /// The key set.
    pub jwks: Value,
    /// The time at which it was read, in seconds since 1970.
    pub read_at: i64,
    /// The time for which it is used before keys are fetched from the issuer, in seconds.
    pub lifetime_seconds: u64,
}

/// A claim requirement: `claim` and exactly one test (`at_least` and `at_most` together are one).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// The claim's exact name, or a JSON pointer (RFC 6901), which begins with `/`.
    pub claim: String,
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
}

/// A deny-list of tokens and subjects.
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
}

/// The claim of a context value.
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
    /// API keys by client.
    Clients(BTreeMap<String, String>),
}

/// A protected route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    /// `GET`, `POST`, … or `ANY`.
    pub method: String,
    /// The path template, such as `/pets/{id}`.
    pub path: String,
    /// The scope sets, any one of which is sufficient. An empty set requires only a valid token.
    pub scopes: Vec<Vec<String>>,
}
