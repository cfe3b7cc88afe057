//! Results that are cached for longer than a token is valid: its caller has access after it has
//! expired.

use super::Locations;
use crate::api::Api;
use crate::source::diagnostic::{Code, Diagnostics};

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    for (name, authorizer) in &api.authorizers {
        let ages = authorizer.issuers.iter().filter_map(|issuer| issuer.max_token_age_seconds);
        let is_exceeded = |age: &u64| *age > 0 && u64::from(authorizer.cache_ttl) > *age;
        if let Some(shortest) = ages.min().filter(is_exceeded) {
            diagnostics.warning(
                Code::CacheOutlivesToken,
                (locations.authorizer)(name),
                format!(
                    "`{name}` caches results for {} s, longer than its tokens are valid ({shortest} s)",
                    authorizer.cache_ttl
                ),
                format!("set `cache_ttl` to at most `max_token_age` (\"{shortest}s\")"),
            );
        }
    }
}
