//! Answers that are cached for longer than a token may live: whoever held it goes on calling
//! after it has expired.

use super::Locations;
use crate::api::Api;
use crate::source::diagnostic::{Code, Diagnostics};

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    for (name, authorizer) in &api.authorizers {
        let ages = authorizer.issuers.iter().filter_map(|issuer| issuer.max_token_age_seconds);
        let outlived = |age: &u64| *age > 0 && u64::from(authorizer.cache_ttl) > *age;
        if let Some(shortest) = ages.min().filter(outlived) {
            diagnostics.warning(
                Code::CacheOutlivesToken,
                (locations.authorizer)(name),
                format!(
                    "`{name}` caches its answers for {}s, and its tokens live for {shortest}s at most",
                    authorizer.cache_ttl
                ),
                "set `cache_ttl` below `max_token_age`: a cached answer outlives its token"
                    .to_owned(),
            );
        }
    }
}
