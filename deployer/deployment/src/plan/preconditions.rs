//! The preconditions of a deployment, without which AWS refuses it in the middle.

use super::{Plan, Step};
use crate::desired::Desired;
use crate::observed::Observed;
use crate::quota::{Usage, usages};
use compiler::api::{Endpoint, RouteKey, StageSettings, Throttle};

/// A precondition of a deployment that is not met.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnmetPrecondition {
    /// API Gateway has no role that it writes logs with.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>
    #[error(
        "stage `{stage}` has logs, but API Gateway has no CloudWatch log role in the account and Region"
    )]
    LogRole {
        /// The stage.
        stage: String,
    },
    /// A private API without a resource policy cannot be deployed.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-api-create.html>
    #[error("API `{api}` is private, but the document has no resource policy")]
    ResourcePolicy {
        /// The API.
        api: String,
    },
    /// The throttle of a stage or a route is above that of the account, which AWS refuses.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html>
    #[error(
        "the throttle of {} is above that of the account ({account})",
        place(.stage, .route.as_ref())
    )]
    Throttle {
        /// The stage.
        stage: String,
        /// The route; none for the stage itself.
        route: Option<RouteKey>,
        /// The throttle of the account in the Region.
        account: Throttle,
    },
    /// An API key of the usage plan does not exist.
    #[error("the account has no API key with the ID `{key}` in the Region")]
    ApiKey {
        /// The ID.
        key: String,
    },
    /// A quota that AWS does not increase is used up.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
    #[error("the account has no quota for another API: {usage} {}", .usage.kind)]
    Quota {
        /// The use of the quota.
        usage: Usage,
    },
    /// The endpoint type of a private API cannot be changed to edge-optimized.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-api-migration.html>
    #[error("API `{api}` is private, and cannot become edge-optimized")]
    PrivateToEdge {
        /// The API.
        api: String,
    },
}

/// Returns the preconditions of a plan's steps that are not met. Settings that a step does not send are
/// none.
pub fn unmet_preconditions(
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
) -> Vec<UnmetPrecondition> {
    let mut unmet = Vec::new();
    for step in &plan.steps {
        match step {
            Step::CreateStage { settings, .. } => {
                unmet.extend(unmet_by_stage(desired, observed, settings, |_| true));
            }
            Step::UpdateStage { settings, patches, .. } => {
                let sends = |path: &str| patches.iter().any(|patch| patch.path.contains(path));
                unmet.extend(unmet_by_stage(desired, observed, settings, sends));
            }
            Step::CreateDeployment { .. } => {
                let is_private = desired.api.endpoint.kind == Endpoint::Private;
                if is_private && desired.definition.settings.policy.is_none() {
                    let api = desired.api.name.clone();
                    unmet.push(UnmetPrecondition::ResourcePolicy { api });
                }
            }
            Step::PutUsagePlan { .. } => {
                let missing = observed.missing_keys.iter().cloned();
                unmet.extend(missing.map(|key| UnmetPrecondition::ApiKey { key }));
            }
            Step::UpdateEndpoint { from, to }
                if from.kind == Endpoint::Private && to.kind == Endpoint::Edge =>
            {
                let api = desired.api.name.clone();
                unmet.push(UnmetPrecondition::PrivateToEdge { api });
            }
            _ => {}
        }
    }
    let exceeded = usages(desired, observed).into_iter().filter(Usage::exceeds_quota);
    let fixed = exceeded.filter(|usage| !usage.can_be_increased());
    unmet.extend(fixed.map(|usage| UnmetPrecondition::Quota { usage }));
    unmet
}

/// Returns the unmet preconditions of the settings of a stage that are sent, by a part of their path.
fn unmet_by_stage(
    desired: &Desired,
    observed: &Observed,
    settings: &StageSettings,
    sends: impl Fn(&str) -> bool,
) -> Vec<UnmetPrecondition> {
    let stage = &desired.api.stage;
    let mut unmet = Vec::new();
    let has_logs = settings.access_log.is_some() && sends("/accessLogSettings")
        || settings.logging.is_some() && sends("/logging/");
    if has_logs && observed.account.cloudwatch_role.is_none() {
        unmet.push(UnmetPrecondition::LogRole { stage: stage.clone() });
    }
    if !sends("/throttling/") {
        return unmet;
    }
    let account = observed.account.throttle;
    let is_above = |one: &Throttle| one.rate > account.rate || one.burst > account.burst;
    let whole = settings.throttle.iter().map(|throttle| (None, throttle));
    let routes = settings.routes.iter().map(|(route, throttle)| (Some(route.clone()), throttle));
    let above = whole.chain(routes).filter(|(_, throttle)| is_above(throttle));
    unmet.extend(above.map(|(route, _)| UnmetPrecondition::Throttle {
        stage: stage.clone(),
        route,
        account,
    }));
    unmet
}

/// Returns a note for each default quota that the deployment exceeds, and that AWS increases.
pub(super) fn quota_notes(desired: &Desired, observed: &Observed) -> Vec<String> {
    let exceeded = usages(desired, observed).into_iter().filter(Usage::exceeds_quota);
    let increased = exceeded.filter(Usage::can_be_increased);
    increased
        .map(|usage| {
            format!(
                "{}: {usage} (default quota): the deployment fails unless AWS increased it for the API",
                usage.kind
            )
        })
        .collect()
}

fn place(stage: &str, route: Option<&RouteKey>) -> String {
    match route {
        Some(route) => format!("{route} on stage `{stage}`"),
        None => format!("stage `{stage}`"),
    }
}
