//! What responds to a method's requests, as a record has it.

use std::fmt;

use serde::{Deserialize, Serialize};

use compiler::api::{Cors, Integration, IntegrationKind, MAX_TIMEOUT_MS};

/// What responds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend {
    /// An integration.
    #[serde(rename = "i")]
    Integration(IntegrationSummary),
    /// API Gateway, to preflight requests only. AWS shows the mock integration behind it.
    #[serde(rename = "p")]
    Preflight(CorsSummary),
    /// Nothing: the method was made by hand and not finished.
    #[serde(rename = "n")]
    Nothing,
}

/// What an integration calls, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationSummary {
    /// Its type.
    #[serde(rename = "t")]
    pub kind: IntegrationKind,
    /// The function's ARN, or the URI.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The VPC link it goes through.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub vpc_link: Option<String>,
    /// The role that is assumed to call it.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The timeout in milliseconds, where it is not the longest.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// Which pages of other origins may call, and with what methods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsSummary {
    /// The origins.
    #[serde(rename = "o")]
    pub origins: Vec<String>,
    /// The methods.
    #[serde(rename = "m")]
    pub methods: Vec<String>,
}

impl Backend {
    /// Returns what AWS can show of it.
    #[must_use]
    pub fn visible(&self) -> Self {
        match self {
            Self::Preflight(_) => Self::Integration(IntegrationSummary::MOCK),
            other => other.clone(),
        }
    }

    /// The preflight response, if that is all it is.
    pub fn preflight(&self) -> Option<&CorsSummary> {
        if let Self::Preflight(cors) = self { Some(cors) } else { None }
    }
}

impl From<Option<&Integration>> for Backend {
    fn from(integration: Option<&Integration>) -> Self {
        integration.map_or(Self::Nothing, |found| Self::Integration(found.into()))
    }
}

impl IntegrationSummary {
    const MOCK: Self = Self {
        kind: IntegrationKind::Mock,
        target: None,
        vpc_link: None,
        role: None,
        timeout_ms: None,
    };
}

impl From<&Integration> for IntegrationSummary {
    fn from(integration: &Integration) -> Self {
        // A function is known by its ARN.
        let target = integration.uri.as_deref().map(|uri| {
            let function = uri.split_once("/functions/").map(|(_, rest)| rest);
            function.map_or(uri, |rest| rest.trim_end_matches("/invocations")).to_owned()
        });
        Self {
            kind: integration.kind,
            target,
            vpc_link: integration.connection_id.clone(),
            role: integration.credentials.clone(),
            timeout_ms: Some(integration.timeout_ms).filter(|ms| *ms != MAX_TIMEOUT_MS),
        }
    }
}

impl From<&Cors> for CorsSummary {
    fn from(cors: &Cors) -> Self {
        Self { origins: cors.allow_origins.clone(), methods: cors.allow_methods.clone() }
    }
}

impl fmt::Display for IntegrationSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(target) = &self.target {
            write!(f, " {target}")?;
        }
        if let Some(link) = &self.vpc_link {
            write!(f, " by VPC link {link}")?;
        }
        if let Some(role) = &self.role {
            write!(f, " as {role}")?;
        }
        self.timeout_ms.map_or(Ok(()), |ms| write!(f, " within {ms} ms"))
    }
}

impl fmt::Display for CorsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} may {}", self.origins.join(", "), self.methods.join(", "))
    }
}
