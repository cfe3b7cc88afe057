//! `OPTIONS` with authorization: a browser sends a preflight request before a cross-origin call, and
//! sends no credentials with it (Fetch standard, CORS preflight), so it would be rejected.

use authorizer::routes::Verb;

use super::Locations;
use crate::api::{Api, Security};
use crate::source::diagnostic::{Code, Diagnostics};

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    for route in api.routes.iter().filter(|route| route.verb == Verb::Options) {
        if route.security != Security::Public {
            diagnostics.warning(
                Code::ProtectedPreflight,
                (locations.route)(&route.to_string()),
                format!(
                    "`{route}` requires authorization ({}), so preflight requests are rejected",
                    route.security
                ),
                "set `security: []` if browsers call this API".to_owned(),
            );
        }
    }
}
