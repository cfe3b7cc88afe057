//! The import of an API definition (`PutRestApi`), and the correction of what it makes of
//! authorizers and gateway responses.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::PutMode;
use serde_json::Value as Json;

use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::{AuthorizerShape, GatewayResponse};

impl Aws {
    /// Imports an API definition, overwriting the one before, and waits until it is available.
    pub fn import_definition<'a>(&'a self, api: &'a str, document: &'a Json) -> Call<'a, ()> {
        Box::pin(async move {
            let call =
                ApiCall::idempotent("PutRestApi", format!("putting the document into {api}"));
            let body = Blob::new(document.to_string());
            let put = self.caller.call(&call, || {
                let put = self.apigateway.put_rest_api().rest_api_id(api).mode(PutMode::Overwrite);
                put.fail_on_warnings(true).body(body.clone()).send()
            });
            let put = put.await?;
            if let Some(warning) = put.warnings().first() {
                return Err(CallError::new(CallErrorKind::Invalid, call.context(), warning));
            }
            let mut status = put.api_status().map(|status| status.as_str().to_owned());
            for _ in 0..60 {
                match status.as_deref() {
                    None | Some("AVAILABLE") => return Ok(()),
                    Some("FAILED") => break,
                    Some(other) => {
                        let why = format!("the API is {other}");
                        self.caller.wait(Duration::from_secs(2), &why).await;
                    }
                }
                let call = ApiCall::idempotent("GetRestApi", format!("waiting for {api}"));
                let now = self
                    .caller
                    .call(&call, || self.apigateway.get_rest_api().rest_api_id(api).send());
                status = now.await?.api_status().map(|status| status.as_str().to_owned());
            }
            let message = format!("the API is {}", status.unwrap_or_default());
            Err(CallError::new(CallErrorKind::OutcomeUnknown, call.context(), message))
        })
    }

    /// Corrects what an import made of authorizers and gateway responses, and returns the
    /// authorizers by id, each with its name.
    pub fn reconcile_import<'a>(
        &'a self,
        api: &'a str,
        authorizers: &'a BTreeMap<String, AuthorizerShape>,
        responses: &'a BTreeMap<String, GatewayResponse>,
    ) -> Call<'a, BTreeMap<String, (String, AuthorizerShape)>> {
        Box::pin(async move {
            let found = self.reconcile_authorizers(api, authorizers).await?;
            self.reconcile_gateway_responses(api, responses).await?;
            Ok(found)
        })
    }
}
