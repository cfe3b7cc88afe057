//! The backend of a method, as a record has it.

use std::fmt;

use serde::{Deserialize, Serialize};

use compiler::api::{Arn, Cors, DEFAULT_TIMEOUT_MS, Integration, IntegrationKind};

/// The backend of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend {
    /// An integration.
    #[serde(rename = "i")]
    Integration(IntegrationSummary),
    /// API Gateway's preflight response. AWS shows the mock integration behind it.
    #[serde(rename = "p")]
    Preflight(CorsSummary),
    /// None: the method was created manually and not completed.
    #[serde(rename = "n")]
    Missing,
}

/// The summary of an integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrationSummary {
    /// Its type.
    #[serde(rename = "t")]
    pub kind: IntegrationKind,
    /// The function's ARN, or the URI.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The VPC link.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub vpc_link: Option<String>,
    /// The role that is assumed to call it.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The timeout in milliseconds, unless it is the maximum.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
}

/// The summary of a CORS configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsSummary {
    /// The allowed origins.
    #[serde(rename = "o")]
    pub origins: Vec<String>,
    /// The allowed methods.
    #[serde(rename = "m")]
    pub methods: Vec<String>,
}

impl Backend {
    /// Returns the part that AWS can show.
    #[must_use]
    pub fn visible(&self) -> Self {
        match self {
            Self::Preflight(_) => Self::Integration(IntegrationSummary::MOCK),
            other => other.clone(),
        }
    }

    /// Returns the CORS configuration of a preflight response.
    pub fn preflight(&self) -> Option<&CorsSummary> {
        if let Self::Preflight(cors) = self { Some(cors) } else { None }
    }
}

impl From<Option<&Integration>> for Backend {
    fn from(integration: Option<&Integration>) -> Self {
        integration.map_or(Self::Missing, |found| Self::Integration(found.into()))
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
        // A function is shown by its ARN.
        let target =
            integration.uri.as_deref().map(|uri| Arn::in_uri(uri).unwrap_or(uri).to_owned());
        Self {
            kind: integration.kind,
            target,
            vpc_link: integration.connection_id.clone(),
            role: integration.credentials.clone(),
            timeout_ms: Some(integration.timeout_ms).filter(|ms| *ms != DEFAULT_TIMEOUT_MS),
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
            write!(f, " via VPC link {link}")?;
        }
        if let Some(role) = &self.role {
            write!(f, " as {role}")?;
        }
        self.timeout_ms.map_or(Ok(()), |ms| write!(f, " (timeout {ms} ms)"))
    }
}

impl fmt::Display for CorsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.origins.join(", "), self.methods.join(", "))
    }
}
