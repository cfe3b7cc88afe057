//! The access log: a line for each request, in the format of the stage.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::template::{Context, substitute_with};
use super::trace::RequestTrace;
use compiler::api::AccessLog;

/// Returns the line of a request, in the stage's format or in the default one.
pub(super) fn line(mut context: Context<'_>, trace: &RequestTrace) -> String {
    context.added = Cow::Owned(variables(trace));
    match &context.api.stage_settings.access_log {
        Some(log) => render(&log.format, &context),
        None => render(&AccessLog::default_format(), &context),
    }
}

/// Substitutes the variables of a format; those without a value by `-`, as API Gateway does. Values
/// are escaped as in JSON strings, so none can end a line or a member.
fn render(format: &str, context: &Context<'_>) -> String {
    substitute_with(format, |name| {
        let value = name.strip_prefix("context.").and_then(|name| context.value(name));
        match value {
            // It is JSON already.
            Some(value) if name == "context.error.messageString" => value,
            Some(value) => {
                let quoted = Json::String(value).to_string();
                let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                inner.unwrap_or_default().to_owned()
            }
            None => "-".to_owned(),
        }
    })
}

/// Returns the variables that are known once the response is.
fn variables(trace: &RequestTrace) -> BTreeMap<String, String> {
    let authorizer = trace.authorizer.as_ref();
    let invocation = authorizer.and_then(|authorizer| authorizer.request_id.clone());
    let authorizer_latency = authorizer.and_then(|authorizer| authorizer.milliseconds);
    let integration_latency = trace.integration.as_ref().map(|part| part.milliseconds);
    let known = [
        ("authorizer.latency", authorizer_latency.map(|latency| latency.to_string())),
        ("authorizer.requestId", invocation),
        ("integration.latency", integration_latency.map(|latency| latency.to_string())),
        ("integrationLatency", integration_latency.map(|latency| latency.to_string())),
        ("responseLatency", Some(trace.milliseconds.to_string())),
        ("status", Some(trace.status.to_string())),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    trace.variables.clone().into_iter().chain(known).collect()
}
