//! Operations that required authorization in an earlier deployment and are public now, themselves
//! or because their requests reach another, public route.

use authorizer::routes::Verb;

use crate::api::routing::{ApiRouter, sample_path};
use crate::api::{Api, Route, Security};
use crate::source::diagnostic::{Code, Diagnostics, Span};

/// Reports the operations of the earlier document at their position in it.
pub fn newly_public(api: &Api, earlier: &[(Route, Span)], diagnostics: &mut Diagnostics) {
    let routes: Vec<Route> = earlier.iter().map(|(route, _)| route.clone()).collect();
    let (old, new) = (ApiRouter::new(&routes), ApiRouter::new(&api.routes));
    for (before, span) in earlier.iter().filter(|(route, _)| route.security != Security::Public) {
        let path = sample_path(&before.path);
        let methods = Verb::NAMED.into_iter().map(Verb::name);
        // `ANY` receives the methods that its resource does not declare.
        let own = methods.filter(|method| old.find(&routes, method, &path) == Some(before));
        let now = own.filter_map(|method| new.find(&api.routes, method, &path));
        if let Some(now) = now.into_iter().find(|now| now.security == Security::Public) {
            let through = if now.verb == before.verb && now.path.same_resource(&before.path) {
                String::new()
            } else {
                format!(" by `{now}`")
            };
            diagnostics.warning(
                Code::NewlyPublicOperation,
                *span,
                format!("`{before}` becomes public{through}: it required {}", before.security),
                "require authorization again, or ignore this if it is intended to be public"
                    .to_owned(),
            );
        }
    }
}
