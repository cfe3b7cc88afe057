//! [`Grant`] → the IAM policy that API Gateway caches and replays on the caller's other
//! routes.
//!
//! IAM's `*` crosses `/`, so an Allow for `/pets/{id}` also matches `/pets/7/secret`. The
//! policy therefore denies every refused route that an Allow reaches. Never more than the
//! granted routes are open; where such a Deny reaches into a granted route, those requests
//! are closed too ([`RouteTable::policy_conflicts`] finds these tables beforehand).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use fixedbitset::FixedBitSet;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::grant::{Extent, Grant};
use crate::json;
use crate::method_arn::MethodArn;
use crate::routes::RouteTable;

mod select;

use select::{Selection, select, single_route};

/// The longest `Resource` that API Gateway takes.
const MAX_RESOURCE: usize = 512;

/// What surrounds the resources of a policy with both statements.
const FRAME_BYTES: usize = 150;

/// An IAM policy document of the kind an authorizer returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument {
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

/// How much of a grant a policy covers within its maximum length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyCoverage {
    /// All of it.
    Full,
    /// Only the requested route: a policy for the whole grant would be too long.
    SingleRoute,
    /// Nothing: even a policy for the requested route would be too long.
    DenyAll,
}

impl PolicyCoverage {
    /// Returns the warning for the log, unless the policy covers the grant.
    pub(crate) fn warning(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::SingleRoute => Some(
                "all that the caller may call is more than policy_max_bytes can hold, so the policy is about this route alone",
            ),
            Self::DenyAll => {
                Some("the policy is longer than policy_max_bytes, so it opens nothing")
            }
        }
    }
}

/// Policies at hand as JSON: callers with the same scopes have the same one, and choosing its
/// patterns is most of what a large table costs.
#[derive(Debug, Default)]
pub(crate) struct Policies(Mutex<BTreeMap<FixedBitSet, Stages>>);

/// The policies for some routes, by the ARN of the stage.
type Stages = Vec<(String, Arc<RawValue>)>;

/// Sets of routes whose policies are kept, at most; then it starts over.
const MAX_KEPT: usize = 64;

/// Stages, of any API, for which a set's policy is kept.
const MAX_STAGES: usize = 8;

impl Policies {
    /// Returns the policy for a grant; see [`policy`].
    pub(crate) fn of(
        &self,
        grant: &Grant<'_>,
        arn: &MethodArn<'_>,
        max_bytes: usize,
    ) -> Result<(Arc<RawValue>, PolicyCoverage), Fault> {
        // What is about one route alone is as often another as it is the same.
        let Extent::Routes { granted, .. } = grant.extent() else {
            let (document, coverage) = policy(grant, arn, max_bytes);
            return Ok((json::answer(&document)?.into(), coverage));
        };
        // A panic while the lock was held cannot have left a policy half-kept.
        let locked = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = arn.stage_arn();
        if let Some(kept) = locked().get(granted)
            && let Some((_, json)) = kept.iter().find(|(of, _)| of == stage)
        {
            return Ok((Arc::clone(json), PolicyCoverage::Full));
        }
        let (document, coverage) = policy(grant, arn, max_bytes);
        let json: Arc<RawValue> = json::answer(&document)?.into();
        // Anything less depends on the route that was asked for.
        if coverage == PolicyCoverage::Full {
            let mut kept = locked();
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            let stages = kept.entry(granted.clone()).or_default();
            if stages.len() >= MAX_STAGES {
                stages.clear();
            }
            stages.push((stage.to_owned(), Arc::clone(&json)));
        }
        Ok((json, coverage))
    }
}

/// Says in IAM's language what a grant says, for the API and stage of `arn`, in no more than
/// `max_bytes`.
fn policy(
    grant: &Grant<'_>,
    arn: &MethodArn<'_>,
    max_bytes: usize,
) -> (PolicyDocument, PolicyCoverage) {
    // A WebSocket API's `$connect` has no path.
    let everything = || vec![Cow::Borrowed(if arn.is_connect() { "*" } else { "*/*" })];
    let nothing = || Selection { allowed: Vec::new(), denied: everything() };
    let (mut selection, mut coverage) = match grant.extent() {
        Extent::Stage => {
            (Selection { allowed: everything(), denied: Vec::new() }, PolicyCoverage::Full)
        }
        Extent::Nothing => (nothing(), PolicyCoverage::Full),
        Extent::Route { table, granted, asked } => {
            (single_route(table, granted, *asked), PolicyCoverage::Full)
        }
        Extent::Routes { table, granted, asked } => {
            let all = select(table, granted, granted);
            if fits(&all, arn, max_bytes) {
                (all, PolicyCoverage::Full)
            } else {
                let route = asked.map(|asked| select(table, granted, &only(table, asked)));
                (route.unwrap_or_else(nothing), PolicyCoverage::SingleRoute)
            }
        }
    };
    if !fits(&selection, arn, max_bytes) {
        (selection, coverage) = (nothing(), PolicyCoverage::DenyAll);
    }
    (document(&selection, arn), coverage)
}

impl RouteTable {
    /// Looks for the scopes whose policy is the longest, for an ARN that has `stage_bytes` up to
    /// the stage. The sets that open a route, what is left without one scope, and from there
    /// whatever scope makes it longer are tried: what is found is no bound.
    pub fn longest_policy(&self, stage_bytes: usize) -> (usize, BTreeSet<String>) {
        let length = |scopes: &BTreeSet<String>| {
            let granted = self.opened_by(scopes);
            if granted.is_clear() || granted.is_full() {
                return 0;
            }
            let selection = select(self, &granted, &granted);
            let patterns = selection.allowed.iter().chain(&selection.denied);
            patterns.fold(FRAME_BYTES, |all, pattern| {
                all.saturating_add(stage_bytes).saturating_add(pattern.len()).saturating_add(3)
            })
        };
        let sets = self.routes().iter().flat_map(|route| route.requirement.alternatives());
        let mut tried: BTreeSet<BTreeSet<String>> = sets.cloned().collect();
        let all: BTreeSet<String> = tried.iter().flatten().cloned().collect();
        tried.extend(
            all.iter().map(|one| all.iter().filter(|other| *other != one).cloned().collect()),
        );
        let Some(mut best) = tried.into_iter().map(|set| (length(&set), set)).max() else {
            return (0, BTreeSet::new());
        };
        loop {
            let toggled = all.iter().map(|scope| {
                let mut set = best.1.clone();
                if !set.remove(scope) {
                    set.insert(scope.clone());
                }
                (length(&set), set)
            });
            match toggled.max().filter(|found| found.0 > best.0) {
                Some(longer) => best = longer,
                None => return best,
            }
        }
    }
}

fn only(table: &RouteTable, route: usize) -> FixedBitSet {
    let mut routes = FixedBitSet::with_capacity(table.routes().len());
    routes.insert(route);
    routes
}

/// Says whether a policy is no longer than it may be, in all and in each resource.
fn fits(selection: &Selection<'_>, arn: &MethodArn<'_>, max_bytes: usize) -> bool {
    let stage = arn.in_stage("").len();
    let mut total = FRAME_BYTES;
    let mut each = selection.allowed.iter().chain(&selection.denied);
    each.all(|pattern| {
        let length = stage.saturating_add(pattern.len());
        // Quotes and a comma.
        total = total.saturating_add(length).saturating_add(3);
        length <= MAX_RESOURCE && total <= max_bytes
    })
}

fn document(selection: &Selection<'_>, arn: &MethodArn<'_>) -> PolicyDocument {
    let statement = |effect, patterns: &[Cow<'_, str>]| {
        (!patterns.is_empty()).then(|| Statement {
            action: "execute-api:Invoke",
            effect,
            resource: patterns.iter().map(|pattern| arn.in_stage(pattern)).collect(),
        })
    };
    let statement =
        [statement(Effect::Allow, &selection.allowed), statement(Effect::Deny, &selection.denied)];
    PolicyDocument { version: "2012-10-17", statement: statement.into_iter().flatten().collect() }
}
