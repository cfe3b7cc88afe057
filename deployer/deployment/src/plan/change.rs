//! One thing that differs: of what, in which respect, and what that means for who may call.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use compiler::api::RouteKey;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whether it comes, goes or changes.
    pub sign: Sign,
    /// Of what.
    pub subject: Subject,
    /// In which respect.
    pub aspect: Aspect,
    /// What it was, for people.
    pub before: Option<String>,
    /// What it becomes, for people.
    pub after: Option<String>,
    /// What it means for who may call.
    #[serde(rename = "danger")]
    pub impact: AccessImpact,
}

/// Whether something comes, goes or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// It was not there.
    Add,
    /// It is there and differs.
    Alter,
    /// It will not be there.
    Remove,
}

/// What a change means for who may call; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessImpact {
    /// Everybody may call what was guarded.
    #[serde(rename = "opens")]
    BecomesPublic,
    /// Everybody may call what was not there.
    #[serde(rename = "public")]
    NewPublic,
    /// Others may call than before.
    Security,
    /// It has nothing to do with who may call.
    None,
}

/// What a change is about; ordered as its text is.
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
    /// A role that is made for an authorizer, by its name.
    Role(String),
    /// A method.
    Route(RouteKey),
    /// What an API definition has for the API as a whole.
    Settings,
    /// A stage, by its name.
    Stage(String),
}

/// What of a subject differs; ordered as its text is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[expect(missing_docs, reason = "each is named after the setting on AWS or in portcullis.toml")]
pub enum Aspect {
    /// The subject itself.
    Whole,
    AccessLog,
    AccessLogFormat,
    Auth,
    Cache,
    /// The identity sources.
    CachedBy,
    Canary,
    Checks,
    Cors,
    Deployment,
    Endpoint,
    Function,
    Integration,
    InvokeRole,
    Kind,
    Logging,
    MayInvoke,
    Metrics,
    /// What the authorizer's function decides by.
    Rules,
    /// Something that has no name of its own.
    Settings,
    Tag(String),
    /// The stage's throttle.
    Throttle,
    RouteThrottle(RouteKey),
    Tracing,
    UsagePlan,
    Variable(String),
}

/// A text in a saved plan that no plan of this version has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is in no plan of this version")]
pub struct UnknownName(String);

const AUTHORIZER: &str = "authorizer ";
const GATEWAY_RESPONSE: &str = "gateway response ";
const MODEL: &str = "model ";
const ROLE: &str = "role ";
const STAGE: &str = "stage ";
const API: &str = "API ";
const SETTINGS: &str = "api";

/// What a kind of subject begins with, and what makes one of its name.
type Kind = (&'static str, fn(String) -> Subject);

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::Api(name) => (API, name),
            Self::Authorizer(scheme) => (AUTHORIZER, scheme),
            Self::GatewayResponse(kind) => (GATEWAY_RESPONSE, kind),
            Self::Model(name) => (MODEL, name),
            Self::Role(name) => (ROLE, name),
            Self::Route(key) => return write!(f, "{key}"),
            Self::Settings => return f.write_str(SETTINGS),
            Self::Stage(name) => (STAGE, name),
        };
        write!(f, "{kind}{name}")
    }
}

impl FromStr for Subject {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if text == SETTINGS {
            return Ok(Self::Settings);
        }
        let kinds: [Kind; 6] = [
            (API, Self::Api),
            (AUTHORIZER, Self::Authorizer),
            (GATEWAY_RESPONSE, Self::GatewayResponse),
            (MODEL, Self::Model),
            (ROLE, Self::Role),
            (STAGE, Self::Stage),
        ];
        let named =
            kinds.iter().find_map(|(kind, of)| Some(of(text.strip_prefix(kind)?.to_owned())));
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

const TAG: &str = "tag ";
const THROTTLE: &str = "throttle ";
const VARIABLE: &str = "variable ";

impl Aspect {
    /// Those without a name in them.
    const NAMES: [(Self, &str); 23] = [
        (Self::Whole, ""),
        (Self::AccessLog, "access log"),
        (Self::AccessLogFormat, "access log format"),
        (Self::Auth, "auth"),
        (Self::Cache, "cache"),
        (Self::CachedBy, "cached by"),
        (Self::Canary, "canary"),
        (Self::Checks, "checks"),
        (Self::Cors, "cors"),
        (Self::Deployment, "deployment"),
        (Self::Endpoint, "endpoint"),
        (Self::Function, "function"),
        (Self::Integration, "integration"),
        (Self::InvokeRole, "invoke role"),
        (Self::Kind, "kind"),
        (Self::Logging, "logging"),
        (Self::MayInvoke, "may invoke"),
        (Self::Metrics, "metrics"),
        (Self::Rules, "rules"),
        (Self::Settings, "settings"),
        (Self::Throttle, "throttle"),
        (Self::Tracing, "tracing"),
        (Self::UsagePlan, "usage plan"),
    ];
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(name) => write!(f, "{TAG}{name}"),
            Self::RouteThrottle(key) => write!(f, "{THROTTLE}{key}"),
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
            tag.or(variable).or_else(|| text.strip_prefix(THROTTLE).and_then(route))
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
