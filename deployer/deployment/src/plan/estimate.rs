//! The number of API Gateway calls that a plan needs, and their duration under the quotas.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>

use serde::Serialize;

use super::{Plan, Step};
use compiler::api::Endpoint;

/// The calls and the time that a plan needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// The API Gateway calls.
    pub calls: usize,
    /// The mutating ones among them.
    pub mutating: usize,
    /// The duration under the quotas, in seconds, at least.
    pub seconds: u64,
}

impl Plan {
    /// Estimates the calls of `apply`, without those that read the observed state.
    pub fn estimate(&self) -> Estimate {
        let mut total = Estimate::default();
        for step in &self.steps {
            let (reading, mutating, seconds) = match step {
                Step::CreateApi { endpoint, .. } => {
                    (1, 1, if endpoint.kind == Endpoint::Edge { 30 } else { 3 })
                }
                Step::TagApi { set, unset } => {
                    (0, usize::from(!set.is_empty()) + usize::from(!unset.is_empty()), 0)
                }
                Step::PutRole { .. } | Step::GrantInvoke { .. } => (0, 0, 1),
                Step::PublishVersion(_) => (0, 0, 5),
                Step::FlushCache { .. } => (0, 1, 0),
                Step::UpdateEndpoint { from, to } => (2, usize::from(from != to), 0),
                Step::ImportDefinition { .. } => (0, 1, 1),
                Step::ReconcileImport { gateway_responses, .. } => {
                    (1 + usize::from(gateway_responses.is_some()), 0, 0)
                }
                Step::TestAuthorizers { authorizers } => (authorizers.len(), 0, 1),
                Step::CreateDeployment { .. } => (0, 1, 5),
                Step::VerifyDefinition { .. } => (1, 0, 0),
                Step::CreateStage { .. } => (1, 2, 0),
                Step::UpdateStage { .. } | Step::UpdateCanary { .. } => (1, 1, 0),
                Step::PutUsagePlan { plan, .. } => (0, 1 + plan.keys.len(), 20),
                Step::DeleteUsagePlan { .. } => (0, 2, 20),
                Step::DeleteUnused { deployments, .. } => (0, deployments.len(), 0),
            };
            total.calls += reading + mutating;
            total.mutating += mutating;
            total.seconds += seconds;
        }
        total
    }
}
