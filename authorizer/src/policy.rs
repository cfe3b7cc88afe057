//! [`Grant`] → the IAM policy, which API Gateway caches and evaluates for the caller's other
//! requests.
//!
//! IAM's `*` matches `/` as well, so an Allow for `/pets/{id}` also matches `/pets/7/secret`. The
//! policy therefore denies every route that is not granted and that an Allow matches. It never
//! allows more than the granted routes. If such a Deny matches requests of a granted route, these
//! are denied too ([`RouteTable::policy_conflicts`] finds such tables in advance).

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

/// The maximum length of a `Resource` in API Gateway.
const MAX_RESOURCE: usize = 512;

/// An upper bound of the length of a policy without its resources.
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

/// The part of a grant that a policy covers within its maximum length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyCoverage {
    /// The whole grant.
    Full,
    /// Only the requested route: a policy for the whole grant would be too long.
    SingleRoute,
    /// Nothing: even a policy for the requested route would be too long.
    DenyAll,
}

impl PolicyCoverage {
    /// Returns the warning for the log; `None` if the policy covers the whole grant.
    pub(crate) fn warning(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::SingleRoute => {
                Some("policy exceeds `policy_max_bytes`; falling back to a single-route policy")
            }
            Self::DenyAll => Some("policy exceeds `policy_max_bytes`; denying all"),
        }
    }
}

/// Policies as JSON, cached by granted routes and stage. Callers with the same scopes have the same
/// policy, and selecting its patterns is most of the cost of a large table.
#[derive(Debug, Default)]
pub(crate) struct PolicyCache(Mutex<BTreeMap<FixedBitSet, Stages>>);

/// The policies of one set of routes, with the ARN of their stage.
type Stages = Vec<(String, Arc<RawValue>)>;

/// The maximum number of cached sets of routes; beyond it the cache is cleared.
const MAX_CACHED_GRANTS: usize = 64;

/// The maximum number of stages, of any API, per set of routes.
const MAX_STAGES: usize = 8;

impl PolicyCache {
    /// Returns the policy of a grant, cached or built (see [`build_policy`]).
    pub(crate) fn policy(
        &self,
        grant: &Grant<'_>,
        arn: &MethodArn<'_>,
        max_bytes: usize,
    ) -> Result<(Arc<RawValue>, PolicyCoverage), Fault> {
        // A single-route policy depends on the request, so caching it rarely helps.
        let Extent::Routes { granted, .. } = grant.extent() else {
            let (document, coverage) = build_policy(grant, arn, max_bytes);
            return Ok((json::serialize(&document)?.into(), coverage));
        };
        // Ignores poisoning: a panic under the lock cannot leave an entry half-written.
        let locked = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = arn.stage_arn();
        if let Some(cached) = locked().get(granted)
            && let Some((_, json)) = cached.iter().find(|(of, _)| of == stage)
        {
            return Ok((Arc::clone(json), PolicyCoverage::Full));
        }
        let (document, coverage) = build_policy(grant, arn, max_bytes);
        let json: Arc<RawValue> = json::serialize(&document)?.into();
        // Without full coverage, the policy depends on the requested route.
        if coverage == PolicyCoverage::Full {
            let mut cached = locked();
            if cached.len() >= MAX_CACHED_GRANTS {
                cached.clear();
            }
            let stages = cached.entry(granted.clone()).or_default();
            if stages.len() >= MAX_STAGES {
                stages.clear();
            }
            stages.push((stage.to_owned(), Arc::clone(&json)));
        }
        Ok((json, coverage))
    }
}

/// Returns the IAM policy of a grant, for the API and stage of `arn`, of at most `max_bytes`, and
/// how much of the grant it covers.
fn build_policy(
    grant: &Grant<'_>,
    arn: &MethodArn<'_>,
    max_bytes: usize,
) -> (PolicyDocument, PolicyCoverage) {
    // `$connect` of a WebSocket API has no path.
    let all_methods = || vec![Cow::Borrowed(if arn.is_connect() { "*" } else { "*/*" })];
    let deny_all = || Selection { allowed: Vec::new(), denied: all_methods() };
    let (mut selection, mut coverage) = match grant.extent() {
        Extent::Stage => {
            (Selection { allowed: all_methods(), denied: Vec::new() }, PolicyCoverage::Full)
        }
        Extent::Nothing => (deny_all(), PolicyCoverage::Full),
        Extent::Route { table, granted, requested } => {
            (single_route(table, granted, *requested), PolicyCoverage::Full)
        }
        Extent::Routes { table, granted, requested } => {
            let all = select(table, granted, granted);
            if fits(&all, arn, max_bytes) {
                (all, PolicyCoverage::Full)
            } else {
                let route =
                    requested.map(|requested| select(table, granted, &single(table, requested)));
                (route.unwrap_or_else(deny_all), PolicyCoverage::SingleRoute)
            }
        }
    };
    if !fits(&selection, arn, max_bytes) {
        (selection, coverage) = (deny_all(), PolicyCoverage::DenyAll);
    }
    (document(&selection, arn), coverage)
}

impl RouteTable {
    /// Searches for the scopes whose policy is the longest; returns its length in bytes and the
    /// scopes. `stage_bytes` is the length of the ARN up to the stage. The search starts with the
    /// scope sets of the routes and with all scopes but one, and climbs by adding or removing one
    /// scope. The result is not an upper bound.
    pub fn longest_policy(&self, stage_bytes: usize) -> (usize, BTreeSet<String>) {
        let length = |scopes: &BTreeSet<String>| {
            let granted = self.granted_to(scopes);
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

fn single(table: &RouteTable, route: usize) -> FixedBitSet {
    let mut routes = FixedBitSet::with_capacity(table.routes().len());
    routes.insert(route);
    routes
}

/// Returns whether the policy and each of its resources are within their maximum length.
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
