//! The log line and the metrics record of a decision. Neither contains any part of the encoded
//! token. The claims of verified tokens are logged as `log_identity` configures, those of other tokens
//! never.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::claims::VerifiedClaims;
use crate::error::Rejection;
pub use crate::event::EventKind;
use crate::keys::KeySource;
use crate::log_identity::Identification;
use crate::method_arn::MethodArn;

/// A decision, as logged. Every string is JSON-escaped, so none can forge a second log line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// `allow`, `deny` (403), `unauthorized` (401) or `fault` (500).
    pub decision: Verdict,
    /// The stable reason code of a rejection or fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The reason in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The kind of event: `TOKEN`, `REQUEST`, `HTTP` or `WEBSOCKET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<EventKind>,
    /// The ID of the API that the method ARN names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_id: Option<String>,
    /// The stage that the method ARN names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// API Gateway's id of the request, if the event has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_request_id: Option<String>,
    /// API Gateway's extended id of the request, if the event has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_request_id: Option<String>,
    /// The trusted issuer that matches the token's `iss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The token's `kid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The client of a verified token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The `sub` of a verified token, in the configured form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The `jti` of a verified token, in the configured form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The source of the key set: `cached`, `fetched`, `stale` or `unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeySource>,
    /// A defect of the issuer's key set, or a policy that does not cover the grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
    /// The route of the route table that matches the request, such as `GET /pets/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The scopes that the route requires, if they are not granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<String>,
    /// The last step of the decision. Not logged: `reason` has the same information.
    #[serde(skip)]
    pub step: Step,
}

/// The maximum length of a value from the event or the token, in bytes; a longer one is not logged.
const MAX_VALUE_BYTES: usize = 512;

fn bounded(text: &str) -> Option<String> {
    (text.len() <= MAX_VALUE_BYTES).then(|| text.to_owned())
}

impl Decision {
    /// Records API Gateway's id of the request, and the extended one.
    pub(crate) fn set_gateway_ids(&mut self, (id, extended): (Option<&str>, Option<&str>)) {
        self.gateway_request_id = id.and_then(bounded);
        self.extended_request_id = extended.and_then(bounded);
    }

    /// Records the API and the stage.
    pub(crate) fn set_stage(&mut self, arn: &MethodArn<'_>) {
        self.api_id = bounded(arn.api_id());
        self.stage = bounded(arn.stage());
    }

    /// Records the holder of a verified token.
    pub(crate) fn set_identity(
        &mut self,
        claims: &VerifiedClaims,
        identification: &Identification,
    ) {
        let identified = |value: Option<&str>| {
            identification.of(claims.issuer(), value?).as_deref().and_then(bounded)
        };
        self.client_id = claims.client().and_then(bounded);
        self.sub = identified(claims.subject());
        self.jti = identified(claims.all().get("jti").and_then(Value::as_str));
    }

    /// Records a Deny: the token is valid and the policy does not allow the request.
    pub(crate) fn deny(&mut self, rejection: Rejection) {
        self.decision = Verdict::Deny;
        self.reason = Some(rejection.reason());
        self.detail = Some(rejection.to_string());
    }
}

/// The steps of a decision, in order. A step runs only if all earlier steps passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The event is an authorizer event of API Gateway, for a configured API.
    #[default]
    Event,
    /// The request has exactly one credential.
    Credential,
    /// The credential is a well-formed JWS.
    Token,
    /// The token's issuer is trusted.
    Issuer,
    /// The token's algorithm is allowed for the issuer.
    Algorithm,
    /// Type, validity period and audience are valid.
    Claims,
    /// The issuer's key set has a matching key.
    Keys,
    /// A matching key verifies the signature.
    Signature,
    /// Neither the token nor its subject is on the deny-list.
    DenyList,
    /// The caller proves possession of the key that the token is bound to.
    Possession,
    /// The claims satisfy the issuer's `clients` and `require`.
    Rules,
    /// A route of the route table matches the request.
    Route,
    /// The token has the scopes that the route requires.
    Scopes,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 13] = [
        Self::Event,
        Self::Credential,
        Self::Token,
        Self::Issuer,
        Self::Algorithm,
        Self::Claims,
        Self::Keys,
        Self::Signature,
        Self::DenyList,
        Self::Possession,
        Self::Rules,
        Self::Route,
        Self::Scopes,
    ];

    /// Returns the condition that the step checks.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Event => "authorizer event for a configured API",
            Self::Credential => "exactly one credential present",
            Self::Token => "well-formed JWS",
            Self::Issuer => "issuer trusted",
            Self::Algorithm => "algorithm allowed for the issuer",
            Self::Claims => "type, validity period and audience valid",
            Self::Keys => "signing key found (kid, alg)",
            Self::Signature => "signature verified",
            Self::DenyList => "not on the deny-list",
            Self::Possession => "proof of possession valid",
            Self::Rules => "client and claim requirements satisfied",
            Self::Route => "route found",
            Self::Scopes => "required scopes granted",
        }
    }
}

/// The authorizer's verdict on a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The policy allows the route.
    Allow,
    /// The policy does not allow the route: 403.
    Deny,
    /// The token is rejected: 401.
    Unauthorized,
    /// No decision could be made: 500.
    #[default]
    Fault,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Unauthorized => "unauthorized",
            Self::Fault => "fault",
        }
    }

    /// Returns the log level: `ERROR` for a fault (operator error), `WARN` for a refusal.
    const fn level(self) -> Level {
        match self {
            Self::Allow => Level::Info,
            Self::Deny | Self::Unauthorized => Level::Warn,
            Self::Fault => Level::Error,
        }
    }
}

/// Lambda's log levels, from the least severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    const NAMES: [(&'static str, Self); 6] = [
        ("TRACE", Self::Trace),
        ("DEBUG", Self::Debug),
        ("INFO", Self::Info),
        ("WARN", Self::Warn),
        ("ERROR", Self::Error),
        ("FATAL", Self::Fatal),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, level)| *level == self).map_or("INFO", |(name, _)| name)
    }
}

/// The telemetry settings, and the writer of log lines and metrics records.
#[derive(Clone, Debug)]
pub struct Telemetry {
    level: Level,
    text: bool,
    allowed_percent: u64,
    function: String,
    /// The `CloudWatchMetrics` member of the records of a stage, serialized once.
    metrics_of_stage: Box<RawValue>,
    /// The member of the records without a stage.
    metrics_without_stage: Box<RawValue>,
}

/// The value of `AUTHORIZER_LOG_ALLOWED` is not a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`AUTHORIZER_LOG_ALLOWED` must be an integer from 0 to 100")]
pub struct InvalidLogPercentage;

/// The dimension sets of `Decisions`. CloudWatch bills each combination of dimension values as one
/// metric.
const DECISION_DIMENSIONS: &str =
    r#"["FunctionName","Decision"],["FunctionName","Decision","Reason"]"#;

/// The additional dimension set of `Decisions` if the API and the stage are known.
const STAGE_DIMENSIONS: &str = r#",["ApiId","Stage","Decision"]"#;

/// Returns the metric definitions in CloudWatch's embedded metric format: `Decisions` by its
/// dimension sets, the others by function. A record must have each dimension of its definitions.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn metric_definitions(stage_dimensions: &str) -> Box<RawValue> {
    let definitions = format!(
        r#"[{{"Namespace":"Portcullis","Dimensions":[{DECISION_DIMENSIONS}{stage_dimensions}],"Metrics":[{{"Name":"Decisions","Unit":"Count"}}]}},{{"Namespace":"Portcullis","Dimensions":[["FunctionName"]],"Metrics":[{{"Name":"KeySetFetches","Unit":"Count"}},{{"Name":"ColdStarts","Unit":"Count"}},{{"Name":"Duration","Unit":"Microseconds"}}]}}]"#
    );
    RawValue::from_string(definitions).unwrap_or_default()
}

/// The initial buffer size; nearly every line fits without reallocation.
const LINE_BYTES: usize = 1_024;

/// The data of an invocation apart from its decision.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The Lambda request ID.
    pub request_id: &'a str,
    /// The X-Ray trace header, if present.
    pub trace_id: Option<&'a str>,
    /// The start time, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The duration, in microseconds.
    pub duration_us: u64,
    /// True for the first invocation of this process.
    pub cold_start: bool,
}

#[derive(Serialize)]
struct LogLine<'a> {
    level: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(flatten)]
    decision: &'a Decision,
    duration_us: u64,
    cold_start: bool,
}

#[derive(Serialize)]
struct MetricsRecord<'a> {
    #[serde(rename = "_aws")]
    metadata: EmfMetadata<'a>,
    #[serde(rename = "FunctionName")]
    function: &'a str,
    #[serde(rename = "ApiId", skip_serializing_if = "Option::is_none")]
    api_id: Option<&'a str>,
    #[serde(rename = "Stage", skip_serializing_if = "Option::is_none")]
    stage: Option<&'a str>,
    #[serde(rename = "Decision")]
    decision: &'static str,
    #[serde(rename = "Reason")]
    reason: &'static str,
    #[serde(rename = "Decisions")]
    decisions: u8,
    #[serde(rename = "KeySetFetches")]
    key_set_fetches: u8,
    #[serde(rename = "ColdStarts")]
    cold_starts: u8,
    #[serde(rename = "Duration")]
    duration: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EmfMetadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: &'a RawValue,
}

impl Telemetry {
    /// Reads `AWS_LAMBDA_LOG_LEVEL`, `AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_FUNCTION_NAME` and
    /// `AUTHORIZER_LOG_ALLOWED`, the percentage of `allow` decisions to log (100 if not set).
    pub fn from_environment(
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidLogPercentage> {
        let level = get("AWS_LAMBDA_LOG_LEVEL").map(|name| name.to_ascii_uppercase());
        let known = level.and_then(|name| {
            Level::NAMES.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
        });
        let percent = get("AUTHORIZER_LOG_ALLOWED").map_or(Ok(100), |text| text.trim().parse());
        Ok(Self {
            level: known.unwrap_or(Level::Info),
            text: get("AWS_LAMBDA_LOG_FORMAT")
                .is_some_and(|format| format.eq_ignore_ascii_case("text")),
            allowed_percent: percent
                .ok()
                .filter(|percent| *percent <= 100)
                .ok_or(InvalidLogPercentage)?,
            function: get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
            metrics_of_stage: metric_definitions(STAGE_DIMENSIONS),
            metrics_without_stage: metric_definitions(""),
        })
    }

    /// Returns the log line, without the newline; `None` if it is below the log level, or an
    /// `allow` outside the sample. Refusals and faults are not sampled.
    pub fn line(&self, invocation: &Invocation<'_>, decision: &Decision) -> Option<String> {
        let level = decision.decision.level();
        let level = if decision.warning.is_some() { level.max(Level::Warn) } else { level };
        if level < self.level || (level == Level::Info && !self.is_sampled(invocation.request_id)) {
            return None;
        }
        let line = LogLine {
            level: level.name(),
            request_id: invocation.request_id,
            trace_id: invocation.trace_id,
            decision,
            duration_us: invocation.duration_us,
            cold_start: invocation.cold_start,
        };
        Some(escape_invisible(if self.text {
            as_text(&serde_json::to_value(&line).unwrap_or_default())
        } else {
            to_json(&line)
        }))
    }

    /// Returns the metrics record in CloudWatch's embedded metric format: decisions, key set
    /// fetches, cold starts and duration.
    pub fn metrics(&self, invocation: &Invocation<'_>, decision: &Decision) -> String {
        let stage = decision.api_id.as_deref().zip(decision.stage.as_deref());
        to_json(&MetricsRecord {
            metadata: EmfMetadata {
                timestamp: invocation.timestamp_ms,
                cloud_watch_metrics: if stage.is_some() {
                    &self.metrics_of_stage
                } else {
                    &self.metrics_without_stage
                },
            },
            function: &self.function,
            api_id: stage.map(|(api_id, _)| api_id),
            stage: stage.map(|(_, stage)| stage),
            decision: decision.decision.name(),
            reason: decision.reason.unwrap_or("none"),
            decisions: 1,
            key_set_fetches: u8::from(decision.keys == Some(KeySource::Fetched)),
            cold_starts: u8::from(invocation.cold_start),
            duration: invocation.duration_us,
        })
    }

    /// Returns whether an `allow` is in the sample, decided by a hash of the request ID.
    fn is_sampled(&self, request_id: &str) -> bool {
        let hash = request_id.bytes().fold(0_u64, |hash, byte| {
            hash.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(byte))
        });
        hash.checked_rem(100).unwrap_or_default() < self.allowed_percent
    }
}

/// Escapes the characters in a line's JSON strings that terminals and viewers do not show, or that
/// reorder the text around them: JSON requires it only below U+0020.
fn escape_invisible(line: String) -> String {
    if !line.contains(is_invisible) {
        return line;
    }
    let mut escaped = String::with_capacity(line.len());
    for character in line.chars() {
        if is_invisible(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// DEL and the C1 controls, zero-width and bidirectional formatting, line separators, the byte order
/// mark, interlinear annotations and tags (Unicode Standard, general categories Cc, Cf, Zl and Zp).
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Formats a line as `LEVEL name=value …`, with values as JSON.
fn as_text(line: &Value) -> String {
    let level = line.get("level").and_then(Value::as_str).unwrap_or_default().to_owned();
    let members = line.as_object().into_iter().flatten().filter(|(name, _)| *name != "level");
    let members = members.map(|(name, value)| format!("{name}={value}"));
    std::iter::once(level).chain(members).collect::<Vec<_>>().join(" ")
}

fn to_json(line: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(LINE_BYTES);
    // Serialization of these types cannot fail.
    let _ = serde_json::to_writer(&mut out, line);
    String::from_utf8(out).unwrap_or_default()
}
