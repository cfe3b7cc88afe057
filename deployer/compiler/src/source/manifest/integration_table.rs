//! `[integration]`: the integration of operations without their own.

use super::DefaultIntegration;
use super::values::{arn, integration_timeout};
use crate::api::Arn;
use crate::source::diagnostic::{Diagnostics, Span};
use crate::source::document::{Node, Section, Value};

/// Reads an integration. An invalid one is replaced by a mock, so that it is reported once and
/// not for every operation without an integration.
pub(super) fn default_integration(
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> DefaultIntegration {
    let mut section = Section::open(node, "integration", diagnostics);
    let http = section.text("http", diagnostics);
    let function = section.entry("lambda");
    let mock = section.entry("mock");
    let vpc_link = section.text("vpc_link", diagnostics);
    let form = "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]";
    let lambda = arn(&mut section, "lambda", Arn::function, form, diagnostics);
    let form = "arn:aws:iam::ACCOUNT:role/NAME";
    let credentials = arn(&mut section, "credentials", Arn::role, form, diagnostics);
    let timeout = integration_timeout(&mut section, "timeout", diagnostics);
    section.finish(diagnostics);
    let without_lambda = function.is_none() && credentials.is_none();
    match (http, lambda, mock.map(|entry| &entry.node)) {
        (Some((base, span)), None, None) if without_lambda => {
            check_base_url(base, span, diagnostics);
            let vpc_link = vpc_link.map(|(link, _)| link.to_owned());
            DefaultIntegration::Http { base: base.to_owned(), span, vpc_link, timeout }
        }
        (None, Some(function), None) if vpc_link.is_none() => {
            DefaultIntegration::Lambda { function, credentials, timeout }
        }
        // `lambda` is reported already.
        (None, None, None) if function.is_some() => DefaultIntegration::Mock,
        (None, None, Some(Node { value: Value::Bool(true), .. }))
            if without_lambda && vpc_link.is_none() && timeout.is_none() =>
        {
            DefaultIntegration::Mock
        }
        _ => {
            let message =
                "an integration must have exactly one of `http`, `lambda` and `mock = true`";
            let help = "`vpc_link` requires `http`, `credentials` requires `lambda`, and `timeout` requires `http` or `lambda`";
            diagnostics.error(node.span, message, help.to_owned());
            DefaultIntegration::Mock
        }
    }
}

fn check_base_url(base: &str, span: Span, diagnostics: &mut Diagnostics) {
    let mut names = base.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    if let Some(name) = names.find(|name| !name.starts_with("stageVariables.")) {
        let message = format!("`http` has the placeholder `${{{name}}}`, which is not resolved");
        let help = "write `${env:NAME}` for an environment variable, or `${stageVariables.NAME}` for a stage variable";
        diagnostics.error(span, message, help.to_owned());
        return;
    }
    // A stage variable may be any part of the URL, so the rest is read without them.
    let plain = base.replace("${stageVariables.", "x").replace('}', "");
    let is_base_url = url::Url::parse(&plain).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if !is_base_url {
        let help = "write https://HOST[/PATH]".to_owned();
        diagnostics.error(span, format!("invalid `http` `{base}`: expected a base URL"), help);
    }
}
