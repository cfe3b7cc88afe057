//! What is told about a decision: a line for the log and a record for the metrics, never a
//! byte of a token.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

pub use crate::event::EventKind;
use crate::keys::KeySource;

/// What was decided, for logs. Every text is JSON-escaped when written, so none can forge a
/// second line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// `allow`, `deny` (403), `unauthorized` (401) or `fault` (500).
    pub decision: Verdict,
    /// The stable reason code of a refusal or fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The reason in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The kind of event: `TOKEN`, `REQUEST`, `HTTP` or `WEBSOCKET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<EventKind>,
    /// The configured issuer that the token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The key the token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The source of the key set: `cached`, `fetched`, `stale` or `unavailable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeySource>,
    /// What its issuer should be told about its key set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<&'static str>,
    /// The guarded route that the request belongs to, such as `GET /pets/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What opens that route, where it is not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<String>,
    /// The step at which it ended; not for logs, where the reason says as much.
    #[serde(skip)]
    pub step: Step,
}

/// The steps of a decision, in their order. None is taken before the ones before it are passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The event is one that API Gateway sends, for an API that is known.
    #[default]
    Event,
    /// There is exactly one credential.
    Credential,
    /// It has the form of a signed token.
    Token,
    /// Its issuer is a configured one.
    Issuer,
    /// The issuer may use its algorithm.
    Algorithm,
    /// Its claims are right: type, times, audience, and it is not denied.
    Claims,
    /// The issuer's keys are at hand, and one of them fits.
    Keys,
    /// A key verifies its signature.
    Signature,
    /// The caller proves to have the key that it is bound to.
    Possession,
    /// The issuer's rules about clients and claims are kept.
    Rules,
    /// The request belongs to a route of the table.
    Route,
    /// Scopes that open the route are held.
    Scopes,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 12] = [
        Self::Event,
        Self::Credential,
        Self::Token,
        Self::Issuer,
        Self::Algorithm,
        Self::Claims,
        Self::Keys,
        Self::Signature,
        Self::Possession,
        Self::Rules,
        Self::Route,
        Self::Scopes,
    ];

    /// Returns what is asked at the step.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Event => "is it an authorizer event for an API that is known",
            Self::Credential => "is there exactly one credential",
            Self::Token => "has it the form of a signed token",
            Self::Issuer => "is its issuer a configured one",
            Self::Algorithm => "may its issuer use its algorithm",
            Self::Claims => "are type, times and audience right, and is it not denied",
            Self::Keys => "has its issuer a key that fits",
            Self::Signature => "does that key verify its signature",
            Self::Possession => "does the caller have the key it is bound to",
            Self::Rules => "are its issuer's rules about clients and claims kept",
            Self::Route => "does the request belong to a route of the table",
            Self::Scopes => "are scopes held that open the route",
        }
    }
}

/// How a request ends as far as the authorizer can say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The policy opens the route.
    Allow,
    /// The policy does not open it: 403.
    Deny,
    /// The token is refused: 401.
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

    /// A fault is ours to mend, a refusal is worth a look, the rest is as it should be.
    const fn level(self) -> Level {
        match self {
            Self::Allow => Level::Info,
            Self::Deny | Self::Unauthorized => Level::Warn,
            Self::Fault => Level::Error,
        }
    }
}

/// Lambda's log levels, the least important first.
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

/// How decisions are told, as Lambda's variables and one of ours set it.
#[derive(Clone, Debug)]
pub struct Telemetry {
    level: Level,
    text: bool,
    allowed_percent: u64,
    function: String,
    /// What the metrics of every record are, written once.
    definitions: Box<RawValue>,
}

/// A setting that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AUTHORIZER_LOG_ALLOWED: is not a whole number from 0 to 100")]
pub struct InvalidLogPercentage;

/// The metrics of CloudWatch: decisions by function, outcome and reason, the rest by function.
/// Each combination of dimensions is a metric of its own, and costs as one.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
const DEFINITIONS: &str = r#"[{"Namespace":"Portcullis","Dimensions":[["FunctionName","Decision"],["FunctionName","Decision","Reason"]],"Metrics":[{"Name":"Decisions","Unit":"Count"}]},{"Namespace":"Portcullis","Dimensions":[["FunctionName"]],"Metrics":[{"Name":"KeySetFetches","Unit":"Count"},{"Name":"ColdStarts","Unit":"Count"},{"Name":"Duration","Unit":"Microseconds"}]}]"#;

/// What nearly every line fits in without growing.
const LINE_BYTES: usize = 1_024;

/// One invocation, beside its decision.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// Lambda's request id.
    pub request_id: &'a str,
    /// The X-Ray trace header, if there is one.
    pub trace_id: Option<&'a str>,
    /// When it was, in milliseconds since 1970.
    pub at_milliseconds: i64,
    /// How long it took, in microseconds.
    pub microseconds: u64,
    /// Whether it is the first of this process.
    pub cold_start: bool,
}

#[derive(Serialize)]
struct Line<'a> {
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
struct Record<'a> {
    #[serde(rename = "_aws")]
    about: About<'a>,
    #[serde(rename = "FunctionName")]
    function: &'a str,
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
struct About<'a> {
    timestamp: i64,
    cloud_watch_metrics: &'a RawValue,
}

impl Telemetry {
    /// Reads `AWS_LAMBDA_LOG_LEVEL`, `AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_FUNCTION_NAME` and
    /// `AUTHORIZER_LOG_ALLOWED`, the percentage of allowed decisions that are logged.
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
            definitions: RawValue::from_string(DEFINITIONS.to_owned()).unwrap_or_default(),
        })
    }

    /// Writes the log's line, without the newline; nothing if it is below the level or an
    /// allowed one that the sample leaves out. Refusals and faults are never left out.
    pub fn line(&self, invocation: &Invocation<'_>, decision: &Decision) -> Option<String> {
        let level = decision.decision.level();
        let level = if decision.warning.is_some() { level.max(Level::Warn) } else { level };
        if level < self.level || (level == Level::Info && !self.samples(invocation.request_id)) {
            return None;
        }
        let line = Line {
            level: level.name(),
            request_id: invocation.request_id,
            trace_id: invocation.trace_id,
            decision,
            duration_us: invocation.microseconds,
            cold_start: invocation.cold_start,
        };
        Some(if self.text {
            as_text(&serde_json::to_value(&line).unwrap_or_default())
        } else {
            written(&line)
        })
    }

    /// Writes the metrics record in CloudWatch's embedded metric format: decisions by outcome
    /// and reason, key sets fetched, cold starts, and how long it took.
    pub fn metrics(&self, invocation: &Invocation<'_>, decision: &Decision) -> String {
        written(&Record {
            about: About {
                timestamp: invocation.at_milliseconds,
                cloud_watch_metrics: &self.definitions,
            },
            function: &self.function,
            decision: decision.decision.name(),
            reason: decision.reason.unwrap_or("none"),
            decisions: 1,
            key_set_fetches: u8::from(decision.keys == Some(KeySource::Fetched)),
            cold_starts: u8::from(invocation.cold_start),
            duration: invocation.microseconds,
        })
    }

    /// The request's id decides, so that the same request is in every sample or in none.
    fn samples(&self, request_id: &str) -> bool {
        let hash = request_id.bytes().fold(0_u64, |hash, byte| {
            hash.wrapping_mul(1_099_511_628_211).wrapping_add(u64::from(byte))
        });
        hash.checked_rem(100).unwrap_or_default() < self.allowed_percent
    }
}

/// Writes `LEVEL name=value …`, values still JSON-escaped.
fn as_text(line: &Value) -> String {
    let level = line.get("level").and_then(Value::as_str).unwrap_or_default().to_owned();
    let members = line.as_object().into_iter().flatten().filter(|(name, _)| *name != "level");
    let members = members.map(|(name, value)| format!("{name}={value}"));
    std::iter::once(level).chain(members).collect::<Vec<_>>().join(" ")
}

fn written(line: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(LINE_BYTES);
    // Nothing here can fail to be written; half a line would still be no other decision's.
    let _ = serde_json::to_writer(&mut out, line);
    String::from_utf8(out).unwrap_or_default()
}
