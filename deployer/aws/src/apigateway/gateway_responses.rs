//! Gateway responses: those that an API words itself.

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{GatewayResponse as AwsResponse, GatewayResponseType};

use super::convert::gateway_response;
use super::{PAGE, hash};
use crate::{Asked, Aws, CallError};
use compiler::api::GatewayResponse;

impl Aws {
    pub(super) async fn gateway_responses(
        &self,
        api: &str,
    ) -> Result<BTreeMap<String, GatewayResponse>, CallError> {
        let asked = Asked::reading(
            "GetGatewayResponses",
            format!("reading the gateway responses of {api}"),
        );
        let request = || self.apigateway.get_gateway_responses().rest_api_id(api);
        let all: Vec<AwsResponse> = pages!(self, asked, request(), items);
        let own = all.iter().filter(|response| !response.default_response());
        Ok(own.filter_map(gateway_response).collect())
    }

    pub(super) async fn put_gateway_response(
        &self,
        api: &str,
        kind: &str,
        response: &GatewayResponse,
    ) -> Result<(), CallError> {
        let asked = Asked::reading("PutGatewayResponse", format!("setting {kind}"));
        let put = self.caller.call(&asked, || {
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
