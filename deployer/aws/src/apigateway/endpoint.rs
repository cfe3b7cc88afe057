//! The endpoint of an API. A change takes time, in which the API has another status.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-api-migration.html>

use std::time::Duration;

use aws_sdk_apigateway::types::{self, ApiStatus, PatchOperation};

use super::patch_operation;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::{Endpoint, EndpointConfiguration};
use deployment::endpoint::endpoint_patches;

/// The pause before an API is read again, and the number of reads: a change needs up to a minute.
const PAUSE: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 60;

impl Aws {
    /// Changes the endpoint of an API, waits until the API is available, and verifies the endpoint.
    pub fn update_endpoint<'a>(
        &'a self,
        api: &'a str,
        to: &'a EndpointConfiguration,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let context = format!("changing the endpoint of API {api}");
            // The type cannot change before an earlier change is complete.
            let from = self.wait_until_available(api, &context).await?;
            let patches = endpoint_patches(&from, to);
            if patches.is_empty() {
                return Ok(());
            }
            // A patch names the type before the change, so it fails when it is sent twice.
            let call = ApiCall::once("UpdateRestApi", &context);
            let operations: Vec<PatchOperation> = patches.iter().map(patch_operation).collect();
            let update = self.caller.call(&call, || {
                let update = self.apigateway.update_rest_api().rest_api_id(api);
                update.set_patch_operations(Some(operations.clone())).send()
            });
            match update.await {
                Ok(_) => {}
                Err(error) if error.kind == CallErrorKind::OutcomeUnknown => {}
                Err(error) => return Err(error),
            }
            let found = self.wait_until_available(api, &context).await?;
            if found == *to {
                return Ok(());
            }
            let message = format!("expected {to}, found {found}");
            Err(CallError::new(CallErrorKind::OutcomeUnknown, context, message))
        })
    }

    /// Waits until an API is available, and returns its endpoint.
    pub(super) async fn wait_until_available(
        &self,
        api: &str,
        context: &str,
    ) -> Result<EndpointConfiguration, CallError> {
        let call = ApiCall::idempotent("GetRestApi", format!("waiting for API {api}"));
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let read = || self.apigateway.get_rest_api().rest_api_id(api).send();
            let found = self.caller.call(&call, read).await?;
            if is_available(found.api_status()) {
                return Ok(endpoint(found.endpoint_configuration()));
            }
            let status = found.api_status().map_or("", ApiStatus::as_str);
            last = [status, found.api_status_message().unwrap_or_default()].join(" ");
            if found.api_status() == Some(&ApiStatus::Failed) {
                break;
            }
            self.caller.wait(PAUSE, &format!("API {api} has status {status}")).await;
        }
        let message = format!("status {}", last.trim());
        Err(CallError::new(CallErrorKind::OutcomeUnknown, context, message))
    }
}

/// Returns whether an API with this status can be changed. Emulators have none.
pub(super) fn is_available(status: Option<&ApiStatus>) -> bool {
    status.is_none_or(|status| *status == ApiStatus::Available)
}

/// Reads the endpoint of an API.
pub(super) fn endpoint(found: Option<&types::EndpointConfiguration>) -> EndpointConfiguration {
    let types = found.map(types::EndpointConfiguration::types).unwrap_or_default();
    let ids = found.map(types::EndpointConfiguration::vpc_endpoint_ids).unwrap_or_default();
    EndpointConfiguration {
        kind: types.first().map_or(Endpoint::Edge, |kind| kind.as_str().into()),
        vpc_endpoints: ids.iter().cloned().collect(),
    }
}
