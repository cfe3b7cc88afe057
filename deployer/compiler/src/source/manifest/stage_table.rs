//! `[stage.NAME]`, `[cors]` and `[usage_plan]`.

use std::collections::{BTreeMap, BTreeSet};

use super::function_table::function;
use super::integration_table::default_integration;
use super::values::{boolean, integer, map, seconds};
use super::{DeclaredAuthorizer, Stage, choice};
use crate::api::{
    AccessLog, Cors, InvalidDestination, LogDestination, LoggingLevel, Quota, QuotaPeriod,
    StageSettings, Throttle, UsagePlan,
};
use crate::source::diagnostic::{Code, Diagnostics, Span, suggestion};
use crate::source::document::{Entry, Node, Section, Value};

/// The default quota for the stages of an API.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const MAX_STAGES: usize = 10;

/// Warns of stages beyond the default quota.
pub(super) fn check_stage_count(stages: &Node, diagnostics: &mut Diagnostics) {
    let count = stages.entries().len();
    if let Some(first_beyond) = stages.entries().get(MAX_STAGES) {
        let message = format!("the API has {count} stages, and the default quota is {MAX_STAGES}");
        let help = "request a higher quota of the account, or remove stages".to_owned();
        diagnostics.warning(Code::DefaultQuota, first_beyond.key_span, message, help);
    }
}

pub(super) fn stage(
    entry: &Entry,
    authorizers: &BTreeMap<String, DeclaredAuthorizer>,
    diagnostics: &mut Diagnostics,
) -> Option<Stage> {
    let name = &entry.key;
    let is_valid = name.len() <= 128
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !is_valid || name.is_empty() {
        let help = "use letters, digits, `-` and `_`, at most 128 characters".to_owned();
        diagnostics.error(entry.key_span, format!("invalid stage name `{name}`"), help);
    }
    let mut section = Section::open(&entry.node, name, diagnostics);
    let integration =
        section.entry("integration").map(|entry| default_integration(&entry.node, diagnostics));
    let cors = section.entry("cors").and_then(|entry| cors(&entry.node, diagnostics));
    let mut functions = BTreeMap::new();
    for entry in section.entry("authorizer").map(|entry| entry.node.entries()).unwrap_or_default() {
        if !authorizers.contains_key(&entry.key) {
            let help = suggestion(&entry.key, authorizers.keys().map(String::as_str))
                .unwrap_or_else(|| format!("add [authorizer.{}]", entry.key));
            diagnostics.error(entry.key_span, format!("unknown authorizer `{}`", entry.key), help);
        }
        let mut section = Section::open(&entry.node, &entry.key, diagnostics);
        if let Some(function) = function(&mut section, diagnostics) {
            functions.insert(entry.key.clone(), function);
        }
        section.finish(diagnostics);
    }
    refuse_provisioned_concurrency(&mut section, diagnostics);
    let settings = settings(&mut section, diagnostics);
    let route_spans = section
        .entry("route")
        .map(|entry| entry.node.entries())
        .unwrap_or_default()
        .iter()
        .map(|entry| (entry.key.clone(), entry.key_span))
        .collect();
    section.finish(diagnostics);
    is_valid.then_some(Stage { integration, functions, cors, settings, route_spans })
}

/// Reports a setting that other tools have: versions come and go with deployments.
fn refuse_provisioned_concurrency(section: &mut Section<'_>, diagnostics: &mut Diagnostics) {
    if let Some(entry) = section.entry("provisioned_concurrency") {
        let help = "remove it; a function with `function_arn` can have provisioned concurrency on its alias";
        let message = "`provisioned_concurrency` is not supported for pinned functions";
        diagnostics.error(entry.key_span, message, help.to_owned());
    }
}

fn settings(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> StageSettings {
    let mut routes = BTreeMap::new();
    for entry in section.entry("route").map(|entry| entry.node.entries()).unwrap_or_default() {
        let mut section = Section::open(&entry.node, &entry.key, diagnostics);
        // Unknown operations are reported once the OpenAPI document is read.
        if let (Some(throttle), Ok(route)) =
            (throttle(&mut section, diagnostics), entry.key.parse())
        {
            routes.insert(route, throttle);
        }
        section.finish(diagnostics);
    }
    let names =
        [("error", Some(LoggingLevel::Error)), ("info", Some(LoggingLevel::Info)), ("off", None)];
    StageSettings {
        variables: variables(section, diagnostics),
        throttle: throttle(section, diagnostics),
        routes,
        access_log: access_log(section, diagnostics),
        metrics: boolean(section, "metrics", diagnostics),
        logging: choice(section, "logging", &names, diagnostics).flatten(),
        tracing: boolean(section, "tracing", diagnostics),
    }
}

/// The limits of stage variables.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const MAX_VARIABLES: usize = 100;
const MAX_VARIABLE_NAME: usize = 64;
const MAX_VARIABLE_VALUE: usize = 512;

/// Reads stage variables, with the characters that API Gateway accepts.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateStage.html>
fn variables(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let Some(node) = map(section, "variables", diagnostics) else { return variables };
    let found = node.entries().len();
    if found > MAX_VARIABLES {
        let message =
            format!("too many stage variables: {found}, expected at most {MAX_VARIABLES}");
        diagnostics.error(node.span, message, None);
    }
    for entry in node.entries() {
        match variable(entry) {
            Ok(value) => _ = variables.insert(entry.key.clone(), value.to_owned()),
            Err(help) => {
                let message = format!("invalid stage variable `{}`", entry.key);
                diagnostics.error(entry.key_span, message, help.to_owned());
            }
        }
    }
    variables
}

/// Returns the value of a stage variable, or the fix of an invalid one.
fn variable(entry: &Entry) -> Result<&str, &'static str> {
    let value = entry.node.text().ok_or("use a string as value")?;
    let name = &entry.key;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !(1..=MAX_VARIABLE_NAME).contains(&name.len()) || !name.chars().all(is_name) {
        return Err("use 1 to 64 letters, digits and `_` in the name");
    }
    let is_value = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#&=,".contains(c);
    if !(1..=MAX_VARIABLE_VALUE).contains(&value.len()) || !value.chars().all(is_value) {
        return Err("use 1 to 512 letters, digits and `-._~:/?#&=,` in the value");
    }
    Ok(value)
}

fn access_log(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> Option<AccessLog> {
    let entry = section.entry("access_log")?;
    let (destination, format, span) = if let Some(text) = entry.node.text() {
        (text.to_owned(), AccessLog::default_format(), entry.node.span)
    } else {
        let mut inner = Section::open(&entry.node, "access_log", diagnostics);
        let destination = inner.text("destination", diagnostics);
        let format = inner.text("format", diagnostics);
        inner.finish(diagnostics);
        let (text, span) = destination.unwrap_or(("", entry.node.span));
        let format = format.map_or_else(AccessLog::default_format, |(text, _)| text.to_owned());
        (text.to_owned(), format, span)
    };
    // API Gateway returns the ARN of a log group without the suffix for its streams.
    let destination = destination.trim_end_matches(":*").to_owned();
    match LogDestination::read(&destination) {
        Ok(_) => {}
        Err(InvalidDestination::Form) => {
            let help = "use arn:aws:logs:REGION:ACCOUNT:log-group:NAME, or arn:aws:firehose:REGION:ACCOUNT:deliverystream/amazon-apigateway-NAME";
            let message =
                "`access_log` must be the ARN of a log group or a Firehose delivery stream";
            diagnostics.error(span, message, help.to_owned());
        }
        Err(InvalidDestination::StreamName(name)) => {
            let message = format!(
                "API Gateway does not deliver to the Firehose delivery stream `{name}`: its name must begin with `amazon-apigateway-`"
            );
            let help = format!("create a delivery stream `amazon-apigateway-{name}`");
            diagnostics.error(span, message, help);
        }
    }
    if !format.contains("$context.requestId") && !format.contains("$context.extendedRequestId") {
        let help = "add $context.requestId".to_owned();
        diagnostics.error(span, "`format` must contain `$context.requestId`", help);
    }
    if format.len() > MAX_LOG_FORMAT {
        let (found, help) = (format.len(), "remove variables".to_owned());
        let message =
            format!("`format` is too long: {found} bytes, expected at most {MAX_LOG_FORMAT}");
        diagnostics.error(span, message, help);
    }
    if format.trim_end_matches('\n').contains(['\n', '\r']) {
        let help = "remove the line breaks".to_owned();
        diagnostics.error(span, "`format` must be a single line", help);
    }
    Some(AccessLog { destination, format })
}

/// The longest format of an access log, in bytes.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const MAX_LOG_FORMAT: usize = 3 * 1024;

fn throttle(section: &mut Section<'_>, diagnostics: &mut Diagnostics) -> Option<Throttle> {
    let entry = section.entry("throttle")?;
    let mut section = Section::open(&entry.node, "throttle", diagnostics);
    let burst = integer(&mut section, "burst", 0, diagnostics);
    let rate = section.entry("rate").and_then(|entry| {
        let rate = match &entry.node.value {
            Value::Number(number) => number.as_f64().filter(|rate| *rate >= 0.0),
            _ => None,
        };
        if rate.is_none() {
            let help = "write a number of at least 0".to_owned();
            diagnostics.error(entry.node.span, "invalid `rate`", help);
        }
        rate
    });
    let is_missing = ["burst", "rate"].iter().any(|key| section.entry(key).is_none());
    section.finish(diagnostics);
    if is_missing {
        let help = "write { rate = REQUESTS_PER_SECOND, burst = REQUESTS }".to_owned();
        diagnostics.error(entry.node.span, "`throttle` requires `rate` and `burst`", help);
    }
    Some(Throttle { rate: rate?, burst: burst? })
}

/// Reads `[cors]`.
pub(super) fn cors(node: &Node, diagnostics: &mut Diagnostics) -> Option<Cors> {
    let mut section = Section::open(node, "cors", diagnostics);
    let origins = section.texts("allow_origins", diagnostics);
    let span = section.entry("allow_origins").map_or(node.span, |entry| entry.node.span);
    let listed = |section: &mut Section<'_>, key, diagnostics: &mut Diagnostics| {
        let texts = section.texts(key, diagnostics);
        let is_invalid = |text: &&String| {
            text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-_*".contains(c))
        };
        if let Some(invalid) = texts.iter().flatten().find(is_invalid) {
            let span = section.entry(key).map(|entry| entry.node.span).unwrap_or_default();
            let message = format!("`{invalid}` is not allowed in `{key}`");
            let help = "use letters, digits, `-` and `_`, or `*`".to_owned();
            diagnostics.error(span, message, help);
        }
        texts
    };
    let cors = Cors {
        allow_origins: origins.unwrap_or_default(),
        allow_methods: listed(&mut section, "allow_methods", diagnostics).unwrap_or_default(),
        allow_headers: listed(&mut section, "allow_headers", diagnostics)
            .unwrap_or_else(|| Cors::DEFAULT_HEADERS.map(str::to_owned).to_vec()),
        expose_headers: listed(&mut section, "expose_headers", diagnostics).unwrap_or_default(),
        max_age: seconds(&mut section, "max_age", diagnostics),
        allow_credentials: boolean(&mut section, "allow_credentials", diagnostics),
    };
    section.finish(diagnostics);
    has_valid_origins(&cors, span, diagnostics).then_some(cors)
}

/// Returns whether the origins are as browsers send them: scheme, host and port alone.
fn has_valid_origins(cors: &Cors, span: Span, diagnostics: &mut Diagnostics) -> bool {
    let is_origin = |text: &str| {
        url::Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text)
    };
    let allows_any = cors.allow_origins.iter().any(|origin| origin == "*");
    let invalid = cors.allow_origins.iter().find(|text| *text != "*" && !is_origin(text));
    if let Some(invalid) = invalid {
        let help = "write scheme, host and port alone, such as https://app.example.com".to_owned();
        diagnostics.error(span, format!("invalid origin `{invalid}`"), help);
    } else if cors.allow_origins.is_empty() {
        let help = "list the origins, or `*` for every origin".to_owned();
        diagnostics.error(span, "`allow_origins` must not be empty", help);
    } else if allows_any && cors.allow_origins.len() > 1 {
        let help = "remove `*`, or the other origins".to_owned();
        diagnostics.error(span, "`*` is not allowed with other origins", help);
    } else if allows_any && cors.allow_credentials {
        let help = "list the origins: browsers reject `*` with credentials".to_owned();
        diagnostics.error(span, "`allow_credentials` is not allowed with the origin `*`", help);
    } else {
        return true;
    }
    false
}

/// Reads `[usage_plan]`.
pub(super) fn usage_plan(node: &Node, diagnostics: &mut Diagnostics) -> UsagePlan {
    let mut section = Section::open(node, "usage_plan", diagnostics);
    let throttle = throttle(&mut section, diagnostics);
    let quota = section.entry("quota").and_then(|entry| {
        let mut section = Section::open(&entry.node, "quota", diagnostics);
        let limit = integer(&mut section, "limit", 1, diagnostics);
        let periods =
            [("day", QuotaPeriod::Day), ("week", QuotaPeriod::Week), ("month", QuotaPeriod::Month)];
        let period = choice(&mut section, "period", &periods, diagnostics);
        let is_missing = ["limit", "period"].iter().any(|key| section.entry(key).is_none());
        section.finish(diagnostics);
        if is_missing {
            let help = "write { limit = REQUESTS, period = \"day\" }".to_owned();
            diagnostics.error(entry.node.span, "`quota` requires `limit` and `period`", help);
        }
        Some(Quota { limit: limit?, period: period? })
    });
    let keys = section.texts("keys", diagnostics).unwrap_or_default();
    let is_id = |text: &&String| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    if !keys.iter().all(|key| is_id(&key)) {
        let span = section.entry("keys").map(|entry| entry.node.span).unwrap_or_default();
        let help = "list the IDs of API keys, such as abcdef1234, and not their values".to_owned();
        diagnostics.error(span, "invalid API key ID", help);
    }
    let mut known = BTreeSet::new();
    if let Some(key) = keys.iter().find(|key| !known.insert(*key)) {
        let span = section.entry("keys").map(|entry| entry.node.span).unwrap_or_default();
        let help = "list each API key once".to_owned();
        diagnostics.error(span, format!("duplicate API key `{key}`"), help);
    }
    section.finish(diagnostics);
    UsagePlan { throttle, quota, keys }
}
