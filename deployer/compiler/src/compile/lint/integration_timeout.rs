//! Integration timeouts beyond the default quota. Regional and private APIs can have a higher one; edge-optimized
//! ones cannot. A streamed response has a limit of its own.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>

use super::Locations;
use crate::api::{Api, DEFAULT_TIMEOUT_MS, Endpoint, ResponseTransferMode, Route};
use crate::source::diagnostic::{Code, Diagnostics, Span};

pub(super) fn lint(
    api: &Api,
    locations: &Locations<'_>,
    in_manifest: &mut Diagnostics,
    in_openapi: &mut Diagnostics,
) {
    let is_longer = |route: &&Route| {
        let integration = &route.integration;
        integration.timeout_ms > DEFAULT_TIMEOUT_MS
            && integration.response_transfer_mode != Some(ResponseTransferMode::Stream)
    };
    let timeout = |route: &Route| route.integration.timeout_ms;
    let default = locations.timeout;
    let (of_default, own): (Vec<&Route>, Vec<&Route>) = (api.routes.iter().filter(is_longer))
        .partition(|route| default.is_some_and(|default| default.ms == timeout(route)));
    if let (Some(default), [_, ..]) = (default, of_default.as_slice()) {
        report(api, "the integration timeout", default.ms, default.span, in_manifest);
    }
    if let [first, rest @ ..] = own.as_slice() {
        let others = match rest.len() {
            0 => String::new(),
            1 => " (and that of 1 more operation is too long)".to_owned(),
            count => format!(" (and those of {count} more operations are too long)"),
        };
        let subject = format!("the integration timeout of `{first}`{others}");
        let span = (locations.route)(&first.to_string());
        report(api, &subject, timeout(first), span, in_openapi);
    }
}

fn report(api: &Api, subject: &str, ms: u32, span: Span, diagnostics: &mut Diagnostics) {
    if api.endpoint.kind == Endpoint::Edge {
        let message = format!(
            "{subject} is {ms} ms, and that of an edge-optimized API is at most {DEFAULT_TIMEOUT_MS} ms"
        );
        let help = "shorten it, or set `endpoint = \"regional\"` in [api]".to_owned();
        diagnostics.error(span, message, help);
    } else {
        let message =
            format!("{subject} is {ms} ms, and the default quota is {DEFAULT_TIMEOUT_MS} ms");
        let help = "shorten it, or request a higher quota of the account".to_owned();
        diagnostics.warning(Code::DefaultQuota, span, message, help);
    }
}
