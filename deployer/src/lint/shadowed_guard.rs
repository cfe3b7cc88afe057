//! A guarded resource whose other verbs fall through to a greedy route that is open: beside
//! a guarded `POST /admin` and an open `ANY /{proxy+}`, `GET /admin` is public.

use authorizer::routes::{Segment, Verb};

use crate::api::{Api, Route, Security};
use crate::diagnostic::{Diagnostics, Span};

pub(super) fn lint(api: &Api, span: &dyn Fn(&str) -> Span, diagnostics: &mut Diagnostics) {
    let open_greedy = |route: &&Route| {
        route.security == Security::Public
            && matches!(route.path.segments().last(), Some(Segment::Greedy(_)))
    };
    for open in api.routes.iter().filter(open_greedy) {
        for guarded in api.routes.iter().filter(|route| route.security != Security::Public) {
            let own: Vec<&Route> =
                api.routes.iter().filter(|route| route.path.same_resource(&guarded.path)).collect();
            let declared = |method: &str| own.iter().any(|route| route.verb.takes(method));
            let fallen: Vec<&str> = Verb::NAMED
                .into_iter()
                .map(Verb::name)
                .filter(|method| {
                    *method != "OPTIONS" && open.verb.takes(method) && !declared(method)
                })
                .collect();
            let first = own.first().is_some_and(|first| std::ptr::eq(*first, guarded));
            if first && covers(open, guarded) && !fallen.is_empty() {
                diagnostics.warning(
                    span(&guarded.to_string()),
                    format!(
                        "{} {} falls through to {open}, which is public",
                        fallen.join(", "),
                        guarded.path
                    ),
                    "declare these methods on the path itself, or guard the greedy route"
                        .to_owned(),
                );
            }
        }
    }
}

/// Says whether requests for a resource match a greedy route's path as well.
fn covers(greedy: &Route, route: &Route) -> bool {
    let segments = greedy.path.segments();
    let before = segments.split_last().map(|(_, before)| before).unwrap_or_default();
    let fits = |(pattern, segment): (&Segment, &Segment)| match (pattern, segment) {
        (Segment::Literal(a), Segment::Literal(b)) => a == b,
        _ => true,
    };
    route.path.segments().len() > before.len() && before.iter().zip(route.path.segments()).all(fits)
}
