//! A change: its subject, its aspect, and its impact on access to the API.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use compiler::api::RouteKey;

/// A difference between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The effect on the subject.
    pub action: Action,
    /// The part of the API that changes.
    pub subject: Subject,
    /// The aspect of the subject that changes.
    pub aspect: Aspect,
    /// The old value, as text.
    pub before: Option<String>,
    /// The new value, as text.
    pub after: Option<String>,
    /// The impact on access.
    pub impact: AccessImpact,
}

/// The effect of a change on its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The subject is new.
    Add,
    /// The subject exists and differs.
    Update,
    /// The subject is no longer desired.
    Remove,
}

/// The impact of a change on access; the most severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessImpact {
    /// A protected operation becomes public.
    BecomesPublic,
    /// A new operation is public.
    NewPublic,
    /// An entry of a deny-list is missing: a revoked token may be accepted again.
    Revived,
    /// More callers than before are authorized: a requirement is weaker, or an issuer, audience or
    /// algorithm is trusted in addition.
    Widened,
    /// Other callers than before may be authorized.
    Security,
    /// No impact.
    None,
}

/// The subject of a change; ordered as its text is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Subject {
    /// The API as a resource, by its name.
    Api(String),
    /// An authorizer, by its scheme's name on AWS.
    Authorizer(String),
    /// A gateway response, by its type.
    GatewayResponse(String),
    /// A model, by its name.
    Model(String),
    /// An authorizer's invoke role, by its name.
    Role(String),
    /// A method.
    Route(RouteKey),
    /// The API-level settings of an API definition.
    Settings,
    /// A stage, by its name.
    Stage(String),
}

/// The aspect of a subject that changes; ordered as its text is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[expect(missing_docs, reason = "each is named after the setting on AWS or in portcullis.toml")]
pub enum Aspect {
    /// The subject itself.
    Existence,
    AccessLog,
    AccessLogFormat,
    /// The algorithms of an issuer's tokens.
    Algorithms(String),
    /// The audiences of an issuer's tokens.
    Audience(String),
    Auth,
    AuthorizerType,
    CacheTtl,
    Canary,
    /// The fingerprint of the function's `authorizer.json`.
    Configuration,
    Cors,
    /// The deny-list of an issuer.
    DenyList(String),
    Deployment,
    Endpoint,
    Function,
    IdentitySources,
    Integration,
    InvokePermission,
    InvokeRole,
    /// A trusted issuer.
    Issuer(String),
    /// The bundled keys of an issuer.
    Keys(String),
    Logging,
    Metrics,
    PermissionsBoundary,
    RequestValidation,
    /// All other rules for an issuer's tokens.
    Rules(String),
    /// Any setting without an aspect of its own.
    Settings,
    Tag(String),
    /// The stage's throttle.
    Throttle,
    RouteThrottle(RouteKey),
    Tracing,
    TrustPolicy,
    UsagePlan,
    Variable(String),
}

/// A subject or aspect that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown subject or aspect `{0}`")]
pub struct UnknownName(String);

const AUTHORIZER: &str = "authorizer ";
const GATEWAY_RESPONSE: &str = "gateway response ";
const MODEL: &str = "model ";
const ROLE: &str = "role ";
const STAGE: &str = "stage ";
const API: &str = "API ";
const SETTINGS: &str = "api";

/// The prefix of a kind of subject, and its constructor.
type Prefix = (&'static str, fn(String) -> Subject);

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, name) = match self {
            Self::Api(name) => (API, name),
            Self::Authorizer(scheme) => (AUTHORIZER, scheme),
            Self::GatewayResponse(name) => (GATEWAY_RESPONSE, name),
            Self::Model(name) => (MODEL, name),
            Self::Role(name) => (ROLE, name),
            Self::Route(key) => return write!(f, "{key}"),
            Self::Settings => return f.write_str(SETTINGS),
            Self::Stage(name) => (STAGE, name),
        };
        write!(f, "{prefix}{name}")
    }
}

impl FromStr for Subject {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if text == SETTINGS {
            return Ok(Self::Settings);
        }
        let prefixes: [Prefix; 6] = [
            (API, Self::Api),
            (AUTHORIZER, Self::Authorizer),
            (GATEWAY_RESPONSE, Self::GatewayResponse),
            (MODEL, Self::Model),
            (ROLE, Self::Role),
            (STAGE, Self::Stage),
        ];
        let named = prefixes
            .iter()
            .find_map(|(prefix, of)| Some(of(text.strip_prefix(prefix)?.to_owned())));
        let route = || text.parse().ok().map(Self::Route);
        named.or_else(route).ok_or_else(|| UnknownName(text.to_owned()))
    }
}

impl Ord for Subject {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

impl PartialOrd for Subject {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The prefix of an aspect of an issuer, and its constructor.
type IssuerAspect = (&'static str, fn(String) -> Aspect);

const ISSUER_ASPECTS: [IssuerAspect; 6] = [
    ("algorithms of ", Aspect::Algorithms),
    ("audience of ", Aspect::Audience),
    ("deny-list of ", Aspect::DenyList),
    ("issuer ", Aspect::Issuer),
    ("bundled keys of ", Aspect::Keys),
    ("rules of ", Aspect::Rules),
];
const TAG: &str = "tag ";
const THROTTLE: &str = "throttle ";
const VARIABLE: &str = "variable ";

impl Aspect {
    /// The texts of the aspects without a parameter.
    const NAMES: [(Self, &str); 25] = [
        (Self::Existence, ""),
        (Self::AccessLog, "access log"),
        (Self::AccessLogFormat, "access log format"),
        (Self::Auth, "auth"),
        (Self::AuthorizerType, "authorizer type"),
        (Self::CacheTtl, "cache TTL"),
        (Self::Canary, "canary"),
        (Self::Configuration, "configuration"),
        (Self::Cors, "CORS"),
        (Self::Deployment, "deployment"),
        (Self::Endpoint, "endpoint"),
        (Self::Function, "function"),
        (Self::IdentitySources, "identity sources"),
        (Self::Integration, "integration"),
        (Self::InvokePermission, "invoke permission"),
        (Self::InvokeRole, "invoke role"),
        (Self::Logging, "logging"),
        (Self::Metrics, "metrics"),
        (Self::PermissionsBoundary, "permissions boundary"),
        (Self::RequestValidation, "request validation"),
        (Self::Settings, "settings"),
        (Self::Throttle, "throttle"),
        (Self::Tracing, "tracing"),
        (Self::TrustPolicy, "trust policy"),
        (Self::UsagePlan, "usage plan"),
    ];
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(name) => write!(f, "{TAG}{name}"),
            Self::RouteThrottle(key) => write!(f, "{THROTTLE}{key}"),
            Self::Algorithms(issuer)
            | Self::Audience(issuer)
            | Self::DenyList(issuer)
            | Self::Issuer(issuer)
            | Self::Keys(issuer)
            | Self::Rules(issuer) => {
                let matches = |(_, of): &&IssuerAspect| of(issuer.clone()) == *self;
                let prefix = ISSUER_ASPECTS.iter().find(matches).map_or("", |(prefix, _)| prefix);
                write!(f, "{prefix}{issuer}")
            }
            Self::Variable(name) => write!(f, "{VARIABLE}{name}"),
            plain => {
                let named = Self::NAMES.iter().find(|(aspect, _)| aspect == plain);
                f.write_str(named.map_or("", |(_, name)| name))
            }
        }
    }
}

impl FromStr for Aspect {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let plain = Self::NAMES.into_iter().find(|(_, name)| *name == text);
        let named = || {
            let route = |key: &str| key.parse().ok().map(Self::RouteThrottle);
            let tag = text.strip_prefix(TAG).map(|name| Self::Tag(name.to_owned()));
            let variable = text.strip_prefix(VARIABLE).map(|name| Self::Variable(name.to_owned()));
            let of_issuer = ISSUER_ASPECTS
                .iter()
                .find_map(|(prefix, of)| Some(of(text.strip_prefix(prefix)?.to_owned())));
            tag.or(variable).or(of_issuer).or_else(|| text.strip_prefix(THROTTLE).and_then(route))
        };
        let found = plain.map(|(aspect, _)| aspect).or_else(named);
        found.ok_or_else(|| UnknownName(text.to_owned()))
    }
}

/// Text ↔ value, as saved plans and JSON output have them.
macro_rules! as_text {
    ($name:ident) => {
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = UnknownName;

            fn try_from(text: String) -> Result<Self, UnknownName> {
                text.parse()
            }
        }
    };
}

as_text!(Subject);
as_text!(Aspect);
