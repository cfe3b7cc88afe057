//! What a stage has beside the API it serves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::RouteKey;
use super::aws_names::named_by_aws;

/// A stage's settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageSettings {
    /// What `${stageVariables.NAME}` stands for.
    pub variables: BTreeMap<String, String>,
    /// How often it may be called, as a whole.
    pub throttle: Option<Throttle>,
    /// How often single operations may be called.
    pub routes: BTreeMap<RouteKey, Throttle>,
    /// Where a line for each request goes.
    pub access_log: Option<AccessLog>,
    /// Whether there are metrics for each operation.
    pub metrics: bool,
    /// The level of API Gateway's execution logs, if they are on.
    pub logging: Option<LoggingLevel>,
    /// Whether requests are traced by X-Ray.
    pub tracing: bool,
}

named_by_aws! {
    /// The level of execution logs.
    LoggingLevel {
        /// Errors only.
        Error = "ERROR",
        /// Every request.
        Info = "INFO",
    }
}

/// How often something may be called: a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throttle {
    /// Requests a second.
    pub rate: f64,
    /// How many may come at once.
    pub burst: i32,
}

impl std::fmt::Display for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} a second, {} at once", self.rate, self.burst)
    }
}

/// Where a line for each request goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLog {
    /// The log group's or delivery stream's ARN.
    pub destination: String,
    /// The line.
    pub format: String,
}

impl AccessLog {
    /// Returns a line of JSON that says what was asked, what the authorizer decided and why,
    /// and what came of it.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>
    pub fn usual_format() -> String {
        let members = [
            ("requestId", "requestId"),
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

/// Who may call how often with an API key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UsagePlan {
    /// How often each key may call.
    pub throttle: Option<Throttle>,
    /// How often each key may call in a period.
    pub quota: Option<Quota>,
    /// The ids of the keys that are in it.
    pub keys: Vec<String>,
}

/// How often a key may call in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Requests.
    pub limit: i32,
    /// The period after which it is reset.
    pub period: QuotaPeriod,
}

named_by_aws! {
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
