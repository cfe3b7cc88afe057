//! How many calls of API Gateway's a plan needs, and how long they take under its quotas.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>

use serde::Serialize;

use super::{Plan, Step};
use compiler::api::Endpoint;

/// What a plan costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Calls.
    pub calls: usize,
    /// Those among them that write.
    pub writing: usize,
    /// Seconds that the quotas ask for, at least.
    pub seconds: u64,
}

impl Plan {
    /// Estimates what applying it costs, beside looking at what is there.
    pub fn estimate(&self) -> Estimate {
        let mut total = Estimate::default();
        for step in &self.steps {
            let (reading, writing, seconds) = match step {
                Step::CreateApi { endpoint, .. } => {
                    (1, 1, if *endpoint == Endpoint::Edge { 30 } else { 3 })
                }
                Step::Tag { set, unset } => {
                    (0, usize::from(!set.is_empty()) + usize::from(!unset.is_empty()), 0)
                }
                Step::Role { .. } | Step::Permit { .. } => (0, 0, 1),
                Step::Endpoint { .. } => (0, 1, 0),
                Step::Put { .. } => (0, 1, 1),
                Step::Settle { .. } => (2, 0, 0),
                Step::Test { authorizers } => (authorizers.len(), 0, 1),
                Step::Deploy { .. } => (0, 1, 5),
                Step::Verify { .. } => (1, 0, 0),
                Step::CreateStage { .. } => (1, 2, 0),
                Step::MoveStage { .. } => (1, 1, 0),
                Step::UsagePlan { plan, .. } => (0, 1 + plan.keys.len(), 20),
                Step::Prune { deployments, .. } => (0, deployments.len(), 0),
            };
            total.calls += reading + writing;
            total.writing += writing;
            total.seconds += seconds;
        }
        total
    }
}
