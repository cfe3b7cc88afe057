//! The authorization of a method, as a record has it.

use std::collections::BTreeSet;
use std::fmt;

use authorizer::routes::Requirement;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use compiler::api::Security;
use compiler::definition::{Authorization, Method, scheme_of, scheme_on_aws};

/// The authorization of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthSummary {
    /// No authorization.
    Public,
    /// An API key only.
    ApiKey,
    /// IAM authorization (`AWS_IAM`).
    AwsIam {
        /// True if an API key is required too.
        #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
        api_key: bool,
    },
    /// A token that an authorizer of portcullis.toml accepts, with the required scopes.
    Jwt {
        /// The security scheme's name.
        #[serde(rename = "s")]
        scheme: String,
        /// The required scopes.
        #[serde(rename = "r", serialize_with = "write", deserialize_with = "read")]
        requirement: Requirement,
        /// True if an API key is required too.
        #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
        api_key: bool,
    },
    /// An authorizer that the document defines itself.
    External {
        /// The security scheme's name.
        #[serde(rename = "s")]
        scheme: String,
        /// The scopes of which a user pool's token must have at least one.
        #[serde(rename = "r", default, skip_serializing_if = "BTreeSet::is_empty")]
        scopes: BTreeSet<String>,
        /// True if an API key is required too.
        #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
        api_key: bool,
    },
    /// Any authorizer, as AWS shows it: without its origin, and without the scopes that an
    /// authorizer of portcullis.toml requires.
    Authorizer {
        /// The security scheme's name on AWS.
        #[serde(rename = "s")]
        scheme: String,
        /// The scopes of which a user pool's token must have at least one.
        #[serde(rename = "r", default, skip_serializing_if = "BTreeSet::is_empty")]
        scopes: BTreeSet<String>,
        /// True if an API key is required too.
        #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
        api_key: bool,
    },
}

impl AuthSummary {
    /// Returns whether the method is public.
    pub fn is_public(&self) -> bool {
        *self == Self::Public
    }

    /// Returns the part that AWS can show.
    #[must_use]
    pub fn visible(&self) -> Self {
        match self {
            Self::Jwt { scheme, api_key, .. } => Self::Authorizer {
                scheme: scheme_on_aws(scheme),
                scopes: BTreeSet::new(),
                api_key: *api_key,
            },
            Self::External { scheme, scopes, api_key } => Self::Authorizer {
                scheme: scheme_on_aws(scheme),
                scopes: scopes.clone(),
                api_key: *api_key,
            },
            other => other.clone(),
        }
    }
}

impl From<&Security> for AuthSummary {
    fn from(security: &Security) -> Self {
        match security.clone() {
            Security::ApiKey => Self::ApiKey,
            Security::AwsIam => Self::AwsIam { api_key: false },
            Security::External { scheme, scopes, api_key } => {
                Self::External { scheme, scopes, api_key }
            }
            Security::Jwt { authorizer: scheme, requirement, api_key } => {
                Self::Jwt { scheme, requirement, api_key }
            }
            Security::Public => Self::Public,
        }
    }
}

impl From<&Method> for AuthSummary {
    fn from(method: &Method) -> Self {
        let api_key = method.api_key;
        match &method.authorization {
            Authorization::None if api_key => Self::ApiKey,
            Authorization::None => Self::Public,
            Authorization::AwsIam => Self::AwsIam { api_key },
            Authorization::Authorizer { name, scopes } => {
                let scheme = scheme_of(name).to_owned();
                Self::Authorizer { scheme, scopes: scopes.clone(), api_key }
            }
        }
    }
}

const PUBLIC: &str = "public";
const API_KEY: &str = "API key";
const AWS_IAM: &str = "AWS_IAM";

impl fmt::Display for AuthSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str(PUBLIC)?,
            Self::ApiKey => f.write_str(API_KEY)?,
            Self::AwsIam { .. } => f.write_str(AWS_IAM)?,
            Self::Jwt { scheme, requirement, .. } => write!(f, "{scheme} [{requirement}]")?,
            Self::External { scheme, scopes, .. } => {
                write!(f, "{scheme}{} (external)", any_of(scopes))?;
            }
            Self::Authorizer { scheme, scopes, .. } => {
                let is_ambiguous = [PUBLIC, API_KEY, AWS_IAM].contains(&scheme.as_str());
                let kind = if is_ambiguous { "authorizer " } else { "" };
                write!(f, "{kind}{scheme}{}", any_of(scopes))?;
            }
        }
        match self {
            Self::AwsIam { api_key: true }
            | Self::Jwt { api_key: true, .. }
            | Self::External { api_key: true, .. }
            | Self::Authorizer { api_key: true, .. } => write!(f, " and {API_KEY}"),
            _ => Ok(()),
        }
    }
}

fn any_of(scopes: &BTreeSet<String>) -> String {
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    if scopes.is_empty() { String::new() } else { format!(" [{}]", scopes.join(" or ")) }
}

fn write<S: Serializer>(requirement: &Requirement, serializer: S) -> Result<S::Ok, S::Error> {
    requirement.alternatives().serialize(serializer)
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Requirement, D::Error> {
    let alternatives = Vec::<BTreeSet<String>>::deserialize(deserializer)?;
    Requirement::any_of(alternatives)
        .ok_or_else(|| de::Error::custom("a requirement without alternatives"))
}
