//! The gateway responses that differ from the defaults, by type.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{GatewayResponse as AwsResponse, GatewayResponseType};

use super::convert::gateway_response;
use super::{PAGE, hash};
use crate::api_call::if_found;
use crate::{ApiCall, Aws, CallError};
use compiler::api::GatewayResponse;

impl Aws {
    pub(super) async fn gateway_responses(
        &self,
        api: &str,
    ) -> Result<BTreeMap<String, GatewayResponse>, CallError> {
        let call = ApiCall::idempotent(
            "GetGatewayResponses",
            format!("reading the gateway responses of API {api}"),
        );
        let request = || self.apigateway.get_gateway_responses().rest_api_id(api);
        let all: Vec<AwsResponse> = pages!(self, call, request(), items);
        let own = all.iter().filter(|response| !response.default_response());
        Ok(own.filter_map(gateway_response).collect())
    }

    /// Sets the gateway responses of an API, and resets all others to their defaults.
    pub(super) async fn reconcile_gateway_responses(
        &self,
        api: &str,
        responses: &BTreeMap<String, GatewayResponse>,
    ) -> Result<(), CallError> {
        let existing = self.gateway_responses(api).await?;
        for (kind, response) in responses {
            if existing.get(kind) != Some(response) {
                self.put_gateway_response(api, kind, response).await?;
            }
        }
        for kind in existing.keys().filter(|kind| !responses.contains_key(*kind)) {
            let call = ApiCall::idempotent(
                "DeleteGatewayResponse",
                format!("resetting gateway response {kind}"),
            );
            let reset = self.caller.call(&call, || {
                let delete = self.apigateway.delete_gateway_response().rest_api_id(api);
                delete.response_type(GatewayResponseType::from(kind.as_str())).send()
            });
            if_found(reset.await)?;
        }
        Ok(())
    }

    async fn put_gateway_response(
        &self,
        api: &str,
        kind: &str,
        response: &GatewayResponse,
    ) -> Result<(), CallError> {
        let call =
            ApiCall::idempotent("PutGatewayResponse", format!("setting gateway response {kind}"));
        let put = self.caller.call(&call, || {
            self.apigateway
                .put_gateway_response()
                .rest_api_id(api)
                .response_type(GatewayResponseType::from(kind))
                .set_status_code(response.status_code.clone())
                .set_response_parameters(Some(hash(&response.response_parameters)))
                .set_response_templates(Some(hash(&response.response_templates)))
                .send()
        });
        put.await.map(|_| ())
    }
}
