//! The preconditions of a deployment, without which AWS refuses it in the middle.

use crate::desired::Desired;
use crate::observed::Observed;
use crate::quota::{Usage, usages};
use compiler::api::{Endpoint, RouteKey, Throttle};

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

/// Returns the preconditions of a deployment that are not met.
pub fn unmet_preconditions(desired: &Desired, observed: &Observed) -> Vec<UnmetPrecondition> {
    let (api, stage) = (&desired.api.name, &desired.api.stage);
    let settings = &desired.api.stage_settings;
    let mut unmet = Vec::new();
    let has_logs = settings.access_log.is_some() || settings.logging.is_some();
    if has_logs && observed.account.cloudwatch_role.is_none() {
        unmet.push(UnmetPrecondition::LogRole { stage: stage.clone() });
    }
    let is_private = desired.api.endpoint.kind == Endpoint::Private;
    if is_private && desired.definition.settings.policy.is_none() {
        unmet.push(UnmetPrecondition::ResourcePolicy { api: api.clone() });
    }
    let was_private =
        observed.api.as_ref().is_some_and(|api| api.endpoint.kind == Endpoint::Private);
    if was_private && desired.api.endpoint.kind == Endpoint::Edge {
        unmet.push(UnmetPrecondition::PrivateToEdge { api: api.clone() });
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
    let exceeded = usages(desired, observed).into_iter().filter(Usage::exceeds_quota);
    let fixed = exceeded.filter(|usage| !usage.can_be_increased());
    unmet.extend(fixed.map(|usage| UnmetPrecondition::Quota { usage }));
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
