//! `/ping` and `/sping`: API Gateway answers them itself, as a health check, where a domain of
//! one's own leads to the stage.
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
                format!(
                    "API Gateway answers {path} itself where a custom domain leads to the stage"
                ),
                "give it another path, such as /health".to_owned(),
            );
        }
    }
}
