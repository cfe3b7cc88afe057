//! OPTIONS behind a guard: a browser asks before a cross-origin call (Fetch standard, CORS
//! preflight) and sends no credentials with that question, so it would be refused.

use authorizer::routes::Verb;

use super::Locations;
use crate::api::{Api, Security};
use crate::source::diagnostic::{Code, Diagnostics};

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    let guarded = |security: &Security| *security != Security::Public;
    for route in api.routes.iter().filter(|route| route.verb == Verb::Options) {
        if guarded(&route.security) {
            diagnostics.warning(
                Code::ProtectedPreflight,
                (locations.route)(&route.to_string()),
                format!(
                    "{route} is guarded ({}), so browsers' preflight requests are refused",
                    route.security
                ),
                "write `security: []` for it if browsers call this API".to_owned(),
            );
        }
    }
}
