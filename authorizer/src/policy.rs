//! [`Grant`] → the IAM policy that API Gateway caches and replays on the caller's other
//! routes.
//!
//! IAM's `*` crosses `/`, so an Allow for `/pets/{id}` also matches `/pets/7/secret`. The
//! policy therefore denies every refused route that an Allow reaches. Never more than the
//! granted routes are open; where such a Deny reaches into a granted route, those requests
//! are closed too ([`RouteTable::inexpressible`] finds these tables beforehand).

use std::collections::BTreeSet;

use serde::Serialize;

use crate::grant::{Extent, Grant};
use crate::method_arn::MethodArn;
use crate::routes::{Crossing, Route, RouteTable, Segment, Verb};

/// An IAM policy document of the kind an authorizer returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyDocument {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: Effect,
    resource: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Effect {
    Allow,
    Deny,
}

/// Says in IAM's language what a grant says, for the API and stage of `arn`.
pub(crate) fn policy(grant: &Grant<'_>, arn: &MethodArn<'_>) -> PolicyDocument {
    // A WebSocket API's `$connect` has no path.
    let everything = || vec![if arn.is_connect() { "*" } else { "*/*" }.to_owned()];
    let (allowed, denied) = match grant.extent() {
        Extent::Stage => (everything(), Vec::new()),
        Extent::Nothing => (Vec::new(), everything()),
        Extent::Routes { table, granted } => patterns(table, granted),
    };
    let statement = |effect, patterns: Vec<String>| {
        let mut resource: Vec<String> =
            patterns.iter().map(|pattern| arn.in_stage(pattern)).collect();
        resource.sort_unstable();
        resource.dedup();
        (!resource.is_empty()).then_some(Statement {
            action: "execute-api:Invoke",
            effect,
            resource,
        })
    };
    let statement = [statement(Effect::Allow, allowed), statement(Effect::Deny, denied)];
    PolicyDocument { version: "2012-10-17", statement: statement.into_iter().flatten().collect() }
}

/// Returns the patterns of the granted routes, and those of the refused ones that an allowed
/// pattern reaches.
fn patterns(table: &RouteTable, granted: &[bool]) -> (Vec<String>, Vec<String>) {
    let is_granted = |at: usize| granted.get(at).copied().unwrap_or(false);
    let mut reached = BTreeSet::new();
    let mut allowed = Vec::new();
    for (at, route) in table.routes().iter().enumerate().filter(|(at, _)| is_granted(*at)) {
        allowed.push(pattern(route));
        reached.extend(table.crossed_by(at).iter().filter(|crossing| !is_granted(crossing.at)));
    }
    let denied = |crossing: &&Crossing| {
        let route = table.routes().get(crossing.at)?;
        let plain = Crossing { slash: false, ..**crossing };
        match (crossing.slash, route.path.segments().last()) {
            (false, _) => Some(pattern(route)),
            // A wildcard at the end takes the slash as well.
            (true, Some(Segment::Parameter(_) | Segment::Greedy(_)))
                if reached.contains(&plain) =>
            {
                None
            }
            (true, _) => Some(pattern(route) + "/"),
        }
    };
    (allowed, reached.iter().filter_map(denied).collect())
}

/// Writes a route as IAM reads it: a parameter, greedy or not, is `*`.
fn pattern(route: &Route) -> String {
    let mut pattern = if route.verb == Verb::Any { "*" } else { route.verb.name() }.to_owned();
    if route.path.segments().is_empty() {
        pattern.push('/');
    }
    for segment in route.path.segments() {
        pattern.push('/');
        pattern.push_str(match segment {
            Segment::Literal(text) => text,
            Segment::Parameter(_) | Segment::Greedy(_) => "*",
        });
    }
    pattern
}
