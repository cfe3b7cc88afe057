//! `authorizer.json`, as written. [`super::Config::resolve`] says what it means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::issuer::{Possession, Profile};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Whose tokens are taken.
    pub issuers: Vec<IssuerDocument>,
    /// The route table that serves any API; without one the whole stage is one route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<RouteDocument>>,
    /// Route tables by API id, instead of `routes`: an API that is not named is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apis: Option<BTreeMap<String, Vec<RouteDocument>>>,
    /// Scopes that every token must have where there is no route table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Where REQUEST, HTTP and WebSocket events carry the token; the `Authorization` header if
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenSource>,
    /// Whether an HTTP API's payload 2.0 is answered by `isAuthorized` instead of a policy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simple_responses: bool,
    /// What a policy is about where there is a route table; `caller` if left out.
    #[serde(default, skip_serializing_if = "PolicyMode::is_caller")]
    pub policy: PolicyMode,
    /// The longest policy, 1,024 to 1,048,576 bytes; 8,192 if left out. Where all that a caller
    /// may call would be longer, the answer is about the route that was asked for alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_max_bytes: Option<u64>,
    /// Certificates, in PEM, trusted for fetching keys in the place of the web's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}

/// What a policy is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PolicyMode {
    /// All that the caller may call: right in a cache that knows callers by their token.
    #[default]
    Caller,
    /// The route that was asked for and no other, for tables that IAM cannot say: right only
    /// without a cache, or with `context.httpMethod` and `context.resourcePath` among the
    /// identity sources.
    Route,
}

impl PolicyMode {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_caller(&self) -> bool {
        *self == Self::Caller
    }
}

/// Where the token is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenSource {
    /// In this header, after `Bearer` or `DPoP`.
    Header(String),
    /// Alone in this parameter of the query.
    Query(String),
    /// In `Sec-WebSocket-Protocol`, as the protocol that follows this one.
    WebsocketProtocol(String),
}

/// One issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IssuerDocument {
    /// Byte-equal to the tokens' `iss`; `{tenantid}` stands for the tokens' `tid`.
    pub issuer: String,
    /// One of these must be in the tokens' `aud` (profile `cognito`: must be `client_id`).
    pub audience: Vec<String>,
    /// The algorithms the issuer may use; `RS256` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
    /// Where its keys are; OpenID Connect discovery finds it if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Its keys as they were when this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<BundledKeys>,
    /// How long fetched keys are used without asking again, 60 to 86,400 seconds; 600 if left
    /// out. The issuer's `Cache-Control` can shorten it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_max_age_seconds: Option<u64>,
    /// Which tokens of it are access tokens; `oauth` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// The claims that may hold scopes, the first that is there counts; `scope`, `scp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope_claims: Option<Vec<String>>,
    /// How far clocks may differ, in seconds; 30 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leeway_seconds: Option<u64>,
    /// The longest from `iat` to `exp`; without it `iat` may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_token_age_seconds: Option<u64>,
    /// The only clients whose tokens are taken, by `client_id`, `azp`, `cid` or `appid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<Vec<String>>,
    /// What else must be true of the claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<RuleDocument>,
    /// Tokens and subjects that are refused whatever they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<Denied>,
    /// Whether tokens may or must be bound to a key by DPoP (RFC 9449).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop: Option<Possession>,
    /// Whether tokens may or must be bound to a client certificate (RFC 8705).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtls: Option<Possession>,
    /// What the backend is told, by name in `$context.authorizer`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, ContextSource>,
    /// Whether the principal is `ISSUER|SUBJECT`, so that two issuers' subjects differ.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub qualify_principal: bool,
    /// Where the usage plan's API key comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage_key: Option<UsageKey>,
}

/// A key set that travels with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BundledKeys {
    /// The key set.
    pub jwks: Value,
    /// When it was read, in seconds since 1970.
    pub read_at: i64,
    /// How long it is used without asking the issuer.
    pub lifetime_seconds: u64,
}

/// Something that must be true of a claim: one of the members beside `claim`, or a range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// The claim's exact name, or where it is as a JSON pointer (RFC 6901), which begins
    /// with `/`.
    pub claim: String,
    /// It is one of these texts, or a list with one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any_of: Option<Vec<String>>,
    /// It is a list with all of these texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_of: Option<Vec<String>>,
    /// It is this text, number or truth value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<Value>,
    /// It is there, or is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// It is a number, this or greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
    /// It is a number, this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<i64>,
}

/// What is refused whatever it says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Denied {
    /// Tokens, by `jti`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jti: Vec<String>,
    /// Subjects, by `sub`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub: Vec<String>,
}

/// A claim for the backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ContextSource {
    /// A text, number or truth value, by name or pointer; left out if it is something else.
    Scalar(String),
    /// Any value, as JSON text.
    Json {
        /// The claim, by name or pointer.
        json: String,
    },
}

/// Where the usage plan's API key comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum UsageKey {
    /// From this claim, by name or pointer.
    Claim(String),
    /// By client.
    Clients(BTreeMap<String, String>),
}

/// One guarded route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    /// `GET`, `POST`, … or `ANY`.
    pub method: String,
    /// The path template, such as `/pets/{id}`.
    pub path: String,
    /// Scope sets, any one of which opens it; an empty set asks for a valid token only.
    pub scopes: Vec<Vec<String>>,
}
