//! A pinned function whose policies are too long with the routes' own patterns: merged patterns also
//! match routes that its table does not contain, such as those of a manual deployment.

use authorizer::config::PolicyMode;

use super::Locations;
use crate::api::Api;
use crate::compile::caching::{policy_max_bytes, stage_bytes};
use crate::source::diagnostic::{Code, Diagnostics};

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    for (name, authorizer) in &api.authorizers {
        // A policy for one route is never merged, and without a cache a policy is used only for the
        // request that it was created for.
        let merges = authorizer.is_pinned() && authorizer.policy == PolicyMode::Caller;
        if !merges || !authorizer.caches_results() {
            continue;
        }
        let Some(table) = api.route_table(name) else { continue };
        let limit = policy_max_bytes(authorizer);
        let (bytes, scopes) = table.longest_policy(stage_bytes(authorizer, &api.stage), None);
        if bytes <= limit {
            continue;
        }
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        diagnostics.warning(
            Code::MergedPatterns,
            (locations.authorizer)(name),
            format!(
                "policies of `{name}` have merged patterns: that for the scopes `{}` would be {bytes} bytes, more than {limit}, with the patterns of its routes only",
                scopes.join(" ")
            ),
            format!(
                "a cached policy may allow a route that was deployed manually, for up to {} s: raise `policy_max_bytes`, or set `cache_ttl = \"0s\"`",
                authorizer.cache_ttl
            ),
        );
    }
}
