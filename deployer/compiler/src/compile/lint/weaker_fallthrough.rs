//! Requests with other methods of a protected resource that reach a greedy route with weaker
//! security: with a protected `POST /admin` and a public `ANY /{proxy+}`, `GET /admin` is public.

use std::collections::BTreeMap;

use authorizer::routes::{Requirement, Segment, Verb};

use super::Locations;
use crate::api::routing::{ApiRouter, sample_path};
use crate::api::{Api, Route, Security};
use crate::source::diagnostic::{Code, Diagnostics};

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    let router = ApiRouter::new(&api.routes);
    for (at, protected) in api.routes.iter().enumerate() {
        let is_same = |other: &Route| other.path.same_resource(&protected.path);
        // Each resource once, at its first route.
        if api.routes.iter().take(at).any(is_same) {
            continue;
        }
        let own: Vec<&Route> = api.routes.iter().filter(|route| is_same(route)).collect();
        let mut fallthrough: BTreeMap<String, (&Route, &Route, Vec<&str>)> = BTreeMap::new();
        for method in Verb::NAMED.into_iter().map(Verb::name) {
            let matched = router.find(&api.routes, method, &sample_path(&protected.path));
            let Some(matched) = matched else { continue };
            let is_greedy = matches!(matched.path.segments().last(), Some(Segment::Greedy(_)));
            // Preflight requests carry no credentials.
            if is_same(matched) || !is_greedy || method == "OPTIONS" {
                continue;
            }
            let stronger = own.iter().find(|own| is_weaker(&matched.security, &own.security));
            if let Some(stronger) = stronger {
                let entry = fallthrough.entry(matched.to_string());
                entry.or_insert((matched, stronger, Vec::new())).2.push(method);
            }
        }
        for (matched, stronger, methods) in fallthrough.into_values() {
            let weaker = match &matched.security {
                Security::Public => "is public".to_owned(),
                security => {
                    format!("requires {security}, less than `{stronger}` ({})", stronger.security)
                }
            };
            diagnostics.warning(
                Code::WeakerFallthrough,
                (locations.route)(&stronger.to_string()),
                format!(
                    "`{} {}` is matched by `{matched}`, which {weaker}",
                    methods.join(", "),
                    protected.path
                ),
                "declare these methods on the path, or set the same security on the greedy route"
                    .to_owned(),
            );
        }
    }
}

/// Returns whether `a` admits all callers of `b`, and others.
fn is_weaker(a: &Security, b: &Security) -> bool {
    match (a, b) {
        (Security::Public, b) => *b != Security::Public,
        (
            Security::Jwt { authorizer: one, requirement: a, api_key: false },
            Security::Jwt { authorizer: other, requirement: b, .. },
        ) => one == other && implies(b, a) && !implies(a, b),
        _ => false,
    }
}

/// Returns whether `a` implies `b`.
fn implies(a: &Requirement, b: &Requirement) -> bool {
    a.alternatives().iter().all(|scopes| b.is_met_by(scopes))
}
