//! Routes that no IAM policy can tell apart: a caller would be refused what they may call.

use authorizer::Config;

use crate::api::Api;
use crate::diagnostic::{Diagnostics, Span};

pub(super) fn lint(api: &Api, span: &dyn Fn(&str) -> Span, diagnostics: &mut Diagnostics) {
    for name in api.authorizers.keys() {
        let config =
            api.authorizer_document(name).and_then(|document| Config::resolve(&document).ok());
        let Some(table) = config.as_ref().and_then(Config::route_table) else { continue };
        for triple in table.inexpressible() {
            let scopes: Vec<&str> = triple.scopes.iter().map(String::as_str).collect();
            let closed = if triple.closed == triple.granted {
                "part of it".to_owned()
            } else {
                format!("part of {}", triple.closed)
            };
            diagnostics.warning(
                span(&triple.refused.to_string()),
                format!(
                    "a caller with `{}` may call {} and not {}, and keeping the second closed closes {closed} to them",
                    scopes.join(" "),
                    triple.granted,
                    triple.refused,
                ),
                "IAM's `*` crosses `/`: give these routes the same scopes, or paths that differ in a literal".to_owned(),
            );
        }
    }
}
