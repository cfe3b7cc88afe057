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
    /// Changes the endpoint of an API, and waits until the API is available with it.
    pub fn update_endpoint<'a>(
        &'a self,
        api: &'a str,
        to: &'a EndpointConfiguration,
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let context = format!("changing the endpoint of API {api}");
            // The type cannot change before an earlier change is complete.
            let has_none_pending = |status: Option<&ApiStatus>, _: &EndpointConfiguration| {
                is_available(status) || status == Some(&ApiStatus::Failed)
            };
            let from = self.wait_for_api(api, &context, has_none_pending).await?;
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
            // A read directly after the call may be that of the API before it.
            let is_changed = |status: Option<&ApiStatus>, found: &EndpointConfiguration| {
                is_available(status) && found == to
            };
            self.wait_for_api(api, &context, is_changed).await.map(|_| ())
        })
    }

    /// Waits until the status and the endpoint of an API are accepted, and returns the endpoint. Another
    /// status that is final is an error.
    pub(super) async fn wait_for_api(
        &self,
        api: &str,
        context: &str,
        is_accepted: impl Fn(Option<&ApiStatus>, &EndpointConfiguration) -> bool,
    ) -> Result<EndpointConfiguration, CallError> {
        let call = ApiCall::idempotent("GetRestApi", format!("waiting for API {api}"));
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let read = || self.apigateway.get_rest_api().rest_api_id(api).send();
            let found = self.caller.call(&call, read).await?;
            let now =
                endpoint(found.endpoint_configuration(), found.disable_execute_api_endpoint());
            let status = found.api_status().map_or("AVAILABLE", ApiStatus::as_str);
            last = match found.api_status_message() {
                Some(message) => format!("status {status} ({message}), endpoint {now}"),
                None => format!("status {status}, endpoint {now}"),
            };
            if is_accepted(found.api_status(), &now) {
                return Ok(now);
            }
            if found.api_status() == Some(&ApiStatus::Failed) {
                break;
            }
            self.caller.wait(PAUSE, &format!("API {api} has {last}")).await;
        }
        Err(CallError::new(CallErrorKind::OutcomeUnknown, context, last))
    }
}

/// Returns whether an API has no pending change. Emulators have no status.
pub(super) fn is_available(status: Option<&ApiStatus>) -> bool {
    status.is_none_or(|status| *status == ApiStatus::Available)
}

/// Reads the endpoint of an API.
pub(super) fn endpoint(
    found: Option<&types::EndpointConfiguration>,
    disable_execute_api_endpoint: bool,
) -> EndpointConfiguration {
    let types = found.map(types::EndpointConfiguration::types).unwrap_or_default();
    let ids = found.map(types::EndpointConfiguration::vpc_endpoint_ids).unwrap_or_default();
    EndpointConfiguration {
        kind: types.first().map_or(Endpoint::Edge, |kind| kind.as_str().into()),
        vpc_endpoints: ids.iter().cloned().collect(),
        disable_execute_api_endpoint,
    }
}
