//! [`Grant`] → the IAM policy, which API Gateway caches and evaluates for the caller's other
//! requests.
//!
//! IAM's `*` matches `/` as well, so an Allow for `/pets/{id}` also matches `/pets/7/secret`. The
//! policy therefore denies every route that is not granted and that an Allow matches. It never
//! allows more than the granted routes. If such a Deny matches requests of a granted route, these
//! are denied too ([`RouteTable::policy_conflicts`] finds such tables in advance).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fixedbitset::FixedBitSet;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::config::PolicyLimit;
use crate::error::Fault;
use crate::grant::{Extent, Grant};
use crate::json;
use crate::method_arn::MethodArn;
use crate::routes::{RouteTable, is_plain, matches};
use crate::time::UnixTime;

mod longest;
mod select;

use select::{Merging, Selection, select, single_route};

/// The maximum length of a `Resource` in API Gateway.
const MAX_RESOURCE: usize = 512;

/// An upper bound of the length of a policy without its resources.
const FRAME_BYTES: usize = 320;

const ACTION: &str = "execute-api:Invoke";

/// An IAM policy document of the kind an authorizer returns.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyDocument<'a> {
    version: &'static str,
    statement: Vec<&'a RawValue>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: Effect,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition>,
}

/// Met after a point in time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    date_greater_than: CurrentTime,
}

#[derive(Debug, Serialize)]
struct CurrentTime {
    #[serde(rename = "aws:CurrentTime")]
    current_time: String,
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

/// A policy and its effect on the request.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    statements: Vec<Arc<RawValue>>,
    has_allow: bool,
    pub(crate) coverage: PolicyCoverage,
    /// The effect of the policy on the request is Allow.
    pub(crate) allows_request: bool,
}

impl Policy {
    fn new(
        selection: &Selection<'_>,
        coverage: PolicyCoverage,
        arn: &MethodArn<'_>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            statements: statements(selection, arn)?,
            has_allow: !selection.allowed.is_empty(),
            coverage,
            allows_request: selection.allows(arn.request()),
        })
    }

    /// Denies everything in the stage after a moment, so that a cached Allow does not outlive the
    /// token.
    pub(crate) fn expire(&mut self, arn: &MethodArn<'_>, at: UnixTime) -> Result<(), Fault> {
        if !self.has_allow {
            return Ok(());
        }
        let current_time = at.to_iso_8601().ok_or(Fault::ResponseSerialization)?;
        self.statements.push(
            json::serialize(&Statement {
                action: ACTION,
                effect: Effect::Deny,
                resource: vec![arn.in_stage("*")],
                condition: Some(Condition { date_greater_than: CurrentTime { current_time } }),
            })?
            .into(),
        );
        Ok(())
    }

    /// Returns the document, to be serialized.
    pub(crate) fn document(&self) -> PolicyDocument<'_> {
        PolicyDocument {
            version: "2012-10-17",
            statement: self.statements.iter().map(AsRef::as_ref).collect(),
        }
    }
}

/// Policies as JSON, cached by granted routes and stage. Callers with the same scopes have the same
/// policy, and selecting its patterns is most of the cost of a large table.
#[derive(Debug, Default)]
pub(crate) struct PolicyCache(Mutex<BTreeMap<FixedBitSet, Stages>>);

/// The policies of one set of routes, with the ARN of their stage.
type Stages = Vec<(String, Arc<Cached>)>;

#[derive(Debug)]
struct Cached {
    statements: Vec<Arc<RawValue>>,
    selection: Selection<'static>,
}

/// The maximum number of cached sets of routes; beyond it the cache is cleared.
const MAX_CACHED_GRANTS: usize = 64;

/// The maximum number of stages, of any API, per set of routes.
const MAX_STAGES: usize = 8;

impl PolicyCache {
    /// Returns the policy for a grant, for the API and stage of `arn`, within its `limit`, which is the
    /// same for all policies of a cache.
    /// It allows the request only if the grant includes it.
    pub(crate) fn policy(
        &self,
        grant: &Grant<'_>,
        arn: &MethodArn<'_>,
        limit: PolicyLimit,
    ) -> Result<Policy, Fault> {
        let (selection, coverage) = match grant.extent() {
            Extent::Stage => (allow_all(arn), PolicyCoverage::Full),
            Extent::Nothing => (deny_all(arn), PolicyCoverage::Full),
            Extent::Route { table, granted, requested } => {
                (single_route(table, granted, *requested), PolicyCoverage::Full)
            }
            Extent::Routes { table, granted, requested } => {
                match (self.cached(table, granted, arn, limit)?, requested) {
                    (Some(cached), _) => {
                        let allows_request = cached.selection.allows(arn.request());
                        if grant.includes_request() || !allows_request {
                            let statements = cached.statements.clone();
                            let coverage = PolicyCoverage::Full;
                            let has_allow = !cached.selection.allowed.is_empty();
                            return Ok(Policy { statements, has_allow, coverage, allows_request });
                        }
                        let selection = deny_request(&cached.selection, table, granted, arn);
                        (selection, PolicyCoverage::Full)
                    }
                    (None, Some(requested)) => {
                        let route =
                            select(table, granted, &single(table, *requested), Merging::Own);
                        (route, PolicyCoverage::SingleRoute)
                    }
                    (None, None) => (deny_all(arn), PolicyCoverage::SingleRoute),
                }
            }
        };
        if !fits(&selection, arn, limit.max_bytes) {
            return Policy::new(&deny_all(arn), PolicyCoverage::DenyAll, arn);
        }
        if selection.allows(arn.request()) && !grant.includes_request() {
            return Policy::new(&deny_all(arn), coverage, arn);
        }
        Policy::new(&selection, coverage, arn)
    }

    /// Returns the policy for all of a caller's routes, if there is one within its limit.
    fn cached(
        &self,
        table: &RouteTable,
        granted: &FixedBitSet,
        arn: &MethodArn<'_>,
        limit: PolicyLimit,
    ) -> Result<Option<Arc<Cached>>, Fault> {
        // Ignores poisoning: a panic under the lock cannot leave an entry half-written.
        let locked = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = arn.stage_arn();
        if let Some(stages) = locked().get(granted)
            && let Some((_, cached)) = stages.iter().find(|(of, _)| of == stage)
        {
            return Ok(Some(Arc::clone(cached)));
        }
        let Some(selection) = shortened(table, granted, arn, limit) else { return Ok(None) };
        let statements = statements(&selection, arn)?;
        let cached = Arc::new(Cached { statements, selection: selection.into_owned() });
        let mut all = locked();
        if all.len() >= MAX_CACHED_GRANTS {
            all.clear();
        }
        let stages = all.entry(granted.clone()).or_default();
        if stages.len() >= MAX_STAGES {
            stages.clear();
        }
        stages.push((stage.to_owned(), Arc::clone(&cached)));
        Ok(Some(cached))
    }
}

/// `$connect` of a WebSocket API has no path.
fn all_methods(arn: &MethodArn<'_>) -> Vec<Cow<'static, str>> {
    vec![Cow::Borrowed(if arn.is_connect() { "*" } else { "*/*" })]
}

fn allow_all(arn: &MethodArn<'_>) -> Selection<'static> {
    Selection { allowed: all_methods(arn), denied: Vec::new() }
}

fn deny_all(arn: &MethodArn<'_>) -> Selection<'static> {
    Selection { allowed: Vec::new(), denied: all_methods(arn) }
}

/// Denies a request that no route matches and an allowed pattern does. Only characters of a template
/// are copied from the request. If that Deny would be too long or close a granted route, the patterns
/// that match the request are not allowed: the caller's other routes remain open.
fn deny_request(
    selection: &Selection<'static>,
    table: &RouteTable,
    granted: &FixedBitSet,
    arn: &MethodArn<'_>,
) -> Selection<'static> {
    let mut selection = selection.clone();
    let literal = |segment| if is_plain(segment) { segment } else { "*" };
    let parts: Vec<&str> = arn.request().split('/').map(literal).collect();
    let pattern = parts.join("/");
    let is_short = arn.in_stage(&pattern).len() <= MAX_RESOURCE;
    if is_short && table.reached_by(&pattern).is_disjoint(granted) {
        selection.denied.push(Cow::Owned(pattern));
    } else {
        selection.allowed.retain(|allowed| !matches(allowed, arn.request()));
    }
    if selection.allowed.is_empty() { deny_all(arn) } else { selection }
}

fn single(table: &RouteTable, route: usize) -> FixedBitSet {
    let mut routes = FixedBitSet::with_capacity(table.routes().len());
    routes.insert(route);
    routes
}

/// Selects the patterns for all of a caller's routes, within their limit: the routes' own patterns if
/// they fit, else merged ones where these are allowed.
fn shortened<'a>(
    table: &'a RouteTable,
    granted: &FixedBitSet,
    arn: &MethodArn<'_>,
    limit: PolicyLimit,
) -> Option<Selection<'a>> {
    let own = Some(Merging::Own);
    let merged = limit.merges_beyond.then_some(Merging::Table);
    let mergings = own.into_iter().chain(merged);
    let mut selections = mergings.map(|merging| select(table, granted, granted, merging));
    selections.find(|selection| fits(selection, arn, limit.max_bytes))
}

/// Returns whether the policy and each of its resources are within their maximum length.
fn fits(selection: &Selection<'_>, arn: &MethodArn<'_>, max_bytes: usize) -> bool {
    let stage = arn.in_stage("").len();
    let mut total = FRAME_BYTES.saturating_add(stage);
    let mut each = selection.allowed.iter().chain(&selection.denied);
    each.all(|pattern| {
        let length = stage.saturating_add(pattern.len());
        // Quotes and a comma.
        total = total.saturating_add(length).saturating_add(3);
        length <= MAX_RESOURCE && total <= max_bytes
    })
}

fn statements(selection: &Selection<'_>, arn: &MethodArn<'_>) -> Result<Vec<Arc<RawValue>>, Fault> {
    let statement = |effect, patterns: &[Cow<'_, str>]| Statement {
        action: ACTION,
        effect,
        resource: patterns.iter().map(|pattern| arn.in_stage(pattern)).collect(),
        condition: None,
    };
    [statement(Effect::Allow, &selection.allowed), statement(Effect::Deny, &selection.denied)]
        .iter()
        .filter(|statement| !statement.resource.is_empty())
        .map(|statement| json::serialize(statement).map(Arc::from))
        .collect()
}
