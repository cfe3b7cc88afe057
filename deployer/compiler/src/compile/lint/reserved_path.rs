//! `/ping` and `/sping`: with a custom domain name, API Gateway responds to them itself, as a health
//! check.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>

use super::Locations;
use crate::api::Api;
use crate::source::diagnostic::{Code, Diagnostics};

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    for route in &api.routes {
        let path = route.path.to_string();
        if route.preflight.is_none() && matches!(path.as_str(), "/ping" | "/sping") {
            diagnostics.warning(
                Code::ReservedPath,
                (locations.route)(&route.to_string()),
                format!("`{path}` is reserved by API Gateway for health checks of custom domains"),
                "use another path, such as /health".to_owned(),
            );
        }
    }
}
