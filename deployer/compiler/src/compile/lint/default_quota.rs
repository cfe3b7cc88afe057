//! The sizes of an API beyond the default quotas of an account, and of the document that is imported.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>

use std::collections::BTreeSet;

use authorizer::routes::Segment;

use super::Locations;
use crate::api::{Api, Route, Security};
use crate::openapi::{remove_internal_extensions, render};
use crate::source::diagnostic::{Code, Diagnostics, Span};

const MAX_RESOURCES: usize = 300;
const MAX_AUTHORIZERS: usize = 10;
/// The largest document that API Gateway imports, in bytes.
const MAX_DOCUMENT: usize = 6_000_000;
const HELP: &str = "request a higher quota of the account, or divide the API";

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    let at = |route: &Route| (locations.route)(&route.to_string());
    let resources = resources(api);
    if resources > MAX_RESOURCES {
        let message =
            format!("the API has {resources} resources, and the default quota is {MAX_RESOURCES}");
        let span = api.routes.first().map(at).unwrap_or_default();
        diagnostics.warning(Code::DefaultQuota, span, message, HELP.to_owned());
    }
    let (authorizers, first_beyond) = authorizers(api);
    if let Some(route) = first_beyond {
        let message = format!(
            "the API has {authorizers} authorizers, and the default quota is {MAX_AUTHORIZERS}"
        );
        diagnostics.warning(Code::DefaultQuota, at(route), message, HELP.to_owned());
    }
    document_size(api, diagnostics);
}

/// Returns the number of resources: one for each beginning of a path. Whether the quota includes the
/// root is not documented; it is not counted.
fn resources(api: &Api) -> usize {
    let mut resources = BTreeSet::new();
    for route in &api.routes {
        let mut resource = String::new();
        for segment in route.path.segments() {
            resource.push('/');
            match segment {
                Segment::Literal(text) => resource.push_str(text),
                Segment::Parameter(_) => resource.push_str("{}"),
                Segment::Greedy(_) => resource.push_str("{+}"),
            }
            resources.insert(resource.clone());
        }
    }
    resources.len()
}

/// Returns the number of authorizers that operations use, and the first operation with one beyond the
/// quota.
fn authorizers(api: &Api) -> (usize, Option<&Route>) {
    let mut known = BTreeSet::new();
    let mut first_beyond = None;
    for route in &api.routes {
        if let Security::Jwt { authorizer: name, .. } | Security::External { scheme: name, .. } =
            &route.security
            && known.insert(name)
            && known.len() > MAX_AUTHORIZERS
        {
            first_beyond.get_or_insert(route);
        }
    }
    (known.len(), first_beyond)
}

/// Reports an import that is too large, whatever the size of the files is.
fn document_size(api: &Api, diagnostics: &mut Diagnostics) {
    // Without the ARN of a function, there is nothing to import yet.
    let Ok(mut document) = render(api) else { return };
    remove_internal_extensions(&mut document);
    let size = document.to_string().len();
    if size > MAX_DOCUMENT {
        let message = format!(
            "the document for API Gateway has {size} bytes, and the largest that it imports has 6 MB"
        );
        let help = "divide the API, or shorten its mapping templates and models".to_owned();
        diagnostics.warning(Code::DefaultQuota, Span::default(), message, help);
    }
}
