//! The preconditions of a deployment, without which AWS refuses it in the middle.

use crate::desired::Desired;
use crate::observed::Observed;
use compiler::api::Endpoint;

/// A precondition of a deployment that is not met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    unmet
}
