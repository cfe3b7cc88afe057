//! A guarded resource whose other verbs fall through to a greedy route with a weaker guard:
//! beside a guarded `POST /admin` and an open `ANY /{proxy+}`, `GET /admin` is public.

use std::collections::BTreeMap;

use authorizer::routes::{Requirement, Segment, Verb};

use super::Locations;
use crate::api::routing::{ApiRouter, sample_path};
use crate::api::{Api, Route, Security};
use crate::source::diagnostic::{Code, Diagnostics};

pub(super) fn lint(api: &Api, locations: &Locations<'_>, diagnostics: &mut Diagnostics) {
    let router = ApiRouter::new(&api.routes);
    for (at, guarded) in api.routes.iter().enumerate() {
        let is_same = |other: &Route| other.path.same_resource(&guarded.path);
        // A resource's routes follow each other: it is looked at once.
        if api.routes.iter().take(at).any(is_same) {
            continue;
        }
        let own: Vec<&Route> = api.routes.iter().filter(|route| is_same(route)).collect();
        let mut fallen: BTreeMap<String, (&Route, &Route, Vec<&str>)> = BTreeMap::new();
        for method in Verb::NAMED.into_iter().map(Verb::name) {
            let taken = router.find(&api.routes, method, &sample_path(&guarded.path));
            let Some(taken) = taken else { continue };
            let greedy = matches!(taken.path.segments().last(), Some(Segment::Greedy(_)));
            // A preflight request carries nothing that could be checked.
            if is_same(taken) || !greedy || method == "OPTIONS" {
                continue;
            }
            let stronger = own.iter().find(|own| is_weaker(&taken.security, &own.security));
            if let Some(stronger) = stronger {
                let entry = fallen.entry(taken.to_string());
                entry.or_insert((taken, stronger, Vec::new())).2.push(method);
            }
        }
        for (taken, stronger, methods) in fallen.into_values() {
            let weaker = match &taken.security {
                Security::Public => "is public".to_owned(),
                security => {
                    format!("asks for less ({security}) than {stronger} ({})", stronger.security)
                }
            };
            diagnostics.warning(
                Code::WeakerFallthrough,
                (locations.route)(&stronger.to_string()),
                format!(
                    "{} {} falls through to {taken}, which {weaker}",
                    methods.join(", "),
                    guarded.path
                ),
                "declare these methods on the path itself, or guard the greedy route".to_owned(),
            );
        }
    }
}

/// Says whether whoever passes `b` passes `a`, and others as well.
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

/// Says whether whoever meets `a` meets `b`.
fn implies(a: &Requirement, b: &Requirement) -> bool {
    a.alternatives().iter().all(|scopes| b.is_met_by(scopes))
}
