//! The patches of an API's endpoint.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-api-migration.html>

use crate::patch::Patch;
use compiler::api::EndpointConfiguration;

/// Returns the patches from one endpoint to another. API Gateway refuses VPC endpoints of an API that
/// is not private, so they are removed before the type changes and added after it.
pub fn endpoint_patches(from: &EndpointConfiguration, to: &EndpointConfiguration) -> Vec<Patch> {
    const IDS: &str = "/endpointConfiguration/vpcEndpointIds";
    let unused = from.vpc_endpoints.difference(&to.vpc_endpoints);
    let new = to.vpc_endpoints.difference(&from.vpc_endpoints);
    let kind = (from.kind != to.kind).then(|| {
        Patch::replace(format!("/endpointConfiguration/types/{}", from.kind), to.kind.name())
    });
    let is_disabled = to.disable_execute_api_endpoint;
    let default = (from.disable_execute_api_endpoint != is_disabled)
        .then(|| Patch::replace("/disableExecuteApiEndpoint", is_disabled.to_string()));
    unused
        .map(|id| Patch::remove_value(IDS, id))
        .chain(kind)
        .chain(new.map(|id| Patch::add(IDS, id)))
        .chain(default)
        .collect()
}
