//! The settings of a stage and of its usage plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RouteKey;
use super::aws_names::aws_enum;

/// The settings of a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageSettings {
    /// The stage variables: the value of `${stageVariables.NAME}`, by name.
    pub variables: BTreeMap<String, String>,
    /// The throttle of each method without its own.
    pub throttle: Option<Throttle>,
    /// The throttles of single methods, by verb and path.
    pub routes: BTreeMap<RouteKey, Throttle>,
    /// The access log, if it is on.
    pub access_log: Option<AccessLog>,
    /// True if there are detailed CloudWatch metrics.
    pub metrics: bool,
    /// The level of API Gateway's execution logs, if they are on.
    pub logging: Option<LoggingLevel>,
    /// True if X-Ray traces requests.
    pub tracing: bool,
}

impl StageSettings {
    /// Returns whether API Gateway takes or refuses these settings depending on those of the account: its
    /// throttle, and its role for logs.
    pub fn depends_on_account(&self) -> bool {
        self.throttle.is_some()
            || !self.routes.is_empty()
            || self.access_log.is_some()
            || self.metrics
            || self.logging.is_some()
    }
}

aws_enum! {
    /// The level of execution logs.
    LoggingLevel {
        /// Errors only.
        Error = "ERROR",
        /// Every request.
        Info = "INFO",
    }
}

/// A throttle: a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throttle {
    /// The rate limit, in requests a second.
    pub rate: f64,
    /// The burst limit, in requests.
    pub burst: i32,
}

impl std::fmt::Display for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests per second, burst {}", self.rate, self.burst)
    }
}

/// An access log: a line for each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLog {
    /// The ARN of the log group or the delivery stream.
    pub destination: String,
    /// The format of a line.
    pub format: String,
}

impl AccessLog {
    /// Returns the default format: a line of JSON with the request, the authorizer's decision and
    /// its reason, and the response.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>
    pub fn default_format() -> String {
        let members = [
            ("requestId", "requestId"),
            ("extendedRequestId", "extendedRequestId"),
            ("time", "requestTimeEpoch"),
            ("ip", "identity.sourceIp"),
            ("method", "httpMethod"),
            ("path", "path"),
            ("route", "resourcePath"),
            ("status", "status"),
            ("response", "error.responseType"),
            ("principal", "authorizer.principalId"),
            ("client", "authorizer.client_id"),
            ("reason", "authorizer.reason"),
            ("requiredScope", "authorizer.required_scope"),
            ("authorizerRequestId", "authorizer.requestId"),
            ("authorizerStatus", "authorizer.status"),
            ("authorizerLatency", "authorizer.latency"),
            ("integrationStatus", "integration.status"),
            ("integrationLatency", "integration.latency"),
            ("latency", "responseLatency"),
        ];
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":\"$context.{value}\""))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A usage plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UsagePlan {
    /// The throttle of each API key.
    pub throttle: Option<Throttle>,
    /// The quota of each API key.
    pub quota: Option<Quota>,
    /// The ids of its API keys.
    pub keys: Vec<String>,
}

/// A quota of an API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The most requests in a period.
    pub limit: i32,
    /// The period after which it is reset.
    pub period: QuotaPeriod,
}

aws_enum! {
    /// The period of a quota.
    QuotaPeriod {
        /// A day, in UTC.
        Day = "DAY",
        /// A week that begins on Sunday, in UTC.
        Week = "WEEK",
        /// A month, in UTC.
        Month = "MONTH",
    }
}
