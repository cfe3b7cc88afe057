//! The quotas of an account and of an API. AWS increases some of them on request, and shows the
//! increased ones in another service only.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>

use std::collections::BTreeSet;
use std::fmt;

use crate::desired::Desired;
use crate::observed::Observed;
use compiler::api::{Endpoint, RouteKey};

/// A kind of resources that has a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaKind {
    /// The REST APIs with an endpoint type, of the account in the Region.
    Apis(Endpoint),
    /// The resources of the API.
    Resources,
    /// The authorizers of the API.
    Authorizers,
    /// The stages of the API.
    Stages,
}

impl QuotaKind {
    const fn default_quota(&self) -> usize {
        match self {
            Self::Apis(Endpoint::Edge) => 120,
            Self::Apis(_) => 600,
            Self::Resources => 300,
            Self::Authorizers | Self::Stages => 10,
        }
    }
}

impl fmt::Display for QuotaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apis(Endpoint::Edge) => "edge-optimized REST APIs",
            Self::Apis(Endpoint::Private) => "private REST APIs",
            Self::Apis(_) => "regional REST APIs",
            Self::Resources => "resources",
            Self::Authorizers => "authorizers",
            Self::Stages => "stages",
        })
    }
}

/// The use of a quota before and after a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The kind of resources.
    pub kind: QuotaKind,
    /// The number of resources now.
    pub before: usize,
    /// The number of resources after the deployment.
    pub after: usize,
}

impl Usage {
    /// Returns whether the deployment exceeds the default quota. A number that the API has already is
    /// within its quota, which was increased.
    pub const fn exceeds_quota(&self) -> bool {
        self.after > self.kind.default_quota() && self.after > self.before
    }

    /// Returns whether AWS increases the quota on request.
    pub const fn can_be_increased(&self) -> bool {
        !matches!(self.kind, QuotaKind::Apis(_))
    }
}

/// Writes the number of resources and the quota.
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.after, self.kind.default_quota())
    }
}

/// Returns the use of each quota by a deployment. A deployment that creates no API needs no quota of
/// them.
pub fn usages(desired: &Desired, observed: &Observed) -> Vec<Usage> {
    let api = observed.api.as_ref();
    let endpoint = &desired.api.endpoint.kind;
    let apis = api.is_none_or(|api| api.endpoint.kind != *endpoint).then(|| {
        let before = observed.apis.get(endpoint).copied().unwrap_or_default();
        Usage { kind: QuotaKind::Apis(endpoint.clone()), before, after: before + 1 }
    });
    let usage = |kind, before: Option<usize>, after| {
        let before = before.unwrap_or_default();
        Usage { kind, before, after }
    };
    let paths = api.map(|api| resources(api.definition.methods.keys()));
    let authorizers = api.map(|api| api.authorizers.len());
    let stages = api.map_or(0, |api| api.stages.len());
    let has_stage = api.is_some_and(|api| api.stages.contains_key(&desired.api.stage));
    let of_api = [
        usage(QuotaKind::Resources, paths, resources(desired.definition.methods.keys())),
        usage(QuotaKind::Authorizers, authorizers, desired.definition.authorizers.len()),
        usage(QuotaKind::Stages, Some(stages), stages + usize::from(!has_stage)),
    ];
    apis.into_iter().chain(of_api).collect()
}

/// Returns the number of resources of the methods: each path, each of its parents, and the root.
fn resources<'a>(methods: impl Iterator<Item = &'a RouteKey>) -> usize {
    let mut resources = BTreeSet::from(["/"]);
    for path in methods.map(RouteKey::path) {
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        resources.extend(above.filter(|path| !path.is_empty()));
        resources.insert(path);
    }
    resources.len()
}
