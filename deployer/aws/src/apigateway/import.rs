//! The import of an API definition (`PutRestApi`), and the correction of the imported authorizers
//! and gateway responses.

use std::collections::BTreeMap;

use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::PutMode;
use serde_json::Value as Json;

use super::endpoint::is_available;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::{AuthorizerShape, GatewayResponse};

impl Aws {
    /// Imports an API definition, overwriting the one before, and waits until it is available.
    pub fn import_definition<'a>(&'a self, api: &'a str, document: &'a Json) -> Call<'a, ()> {
        Box::pin(async move {
            let call =
                ApiCall::idempotent("PutRestApi", format!("importing the definition of API {api}"));
            let body = Blob::new(document.to_string());
            let response = self.caller.call(&call, || {
                let put = self.apigateway.put_rest_api().rest_api_id(api).mode(PutMode::Overwrite);
                put.fail_on_warnings(true).body(body.clone()).send()
            });
            let response = response.await?;
            if let Some(warning) = response.warnings().first() {
                return Err(CallError::new(CallErrorKind::Invalid, call.context(), warning));
            }
            if is_available(response.api_status()) {
                return Ok(());
            }
            self.wait_for_api(api, call.context(), |status, _| is_available(status))
                .await
                .map(|_| ())
        })
    }

    /// Corrects the authorizers and gateway responses after an import, and returns the authorizers
    /// by id, each with its name.
    pub fn reconcile_import<'a>(
        &'a self,
        api: &'a str,
        authorizers: &'a BTreeMap<String, AuthorizerShape>,
        responses: Option<&'a BTreeMap<String, GatewayResponse>>,
    ) -> Call<'a, BTreeMap<String, (String, AuthorizerShape)>> {
        Box::pin(async move {
            let found = self.reconcile_authorizers(api, authorizers).await?;
            if let Some(responses) = responses {
                self.reconcile_gateway_responses(api, responses).await?;
            }
            Ok(found)
        })
    }
}
