//! The import of an API's definition, and what it makes of authorizers and gateway responses.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_apigateway::primitives::Blob;
use aws_sdk_apigateway::types::{GatewayResponseType, PutMode};
use serde_json::Value as Json;

use crate::call::if_there;
use crate::{Asked, Aws, Call, CallError, Kind};
use compiler::api::{AuthorizerShape, GatewayResponse};

impl Aws {
    /// Puts a whole draft, and waits until it is in force.
    pub fn put_api<'a>(&'a self, api: &'a str, document: &'a Json) -> Call<'a, ()> {
        Box::pin(async move {
            let asked = Asked::reading("PutRestApi", format!("putting the document into {api}"));
            let body = Blob::new(document.to_string());
            let put = self.caller.call(&asked, || {
                let put = self.apigateway.put_rest_api().rest_api_id(api).mode(PutMode::Overwrite);
                put.fail_on_warnings(true).body(body.clone()).send()
            });
            let put = put.await?;
            if let Some(warning) = put.warnings().first() {
                return Err(CallError::new(Kind::Invalid, asked.doing(), warning));
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
                let asked = Asked::reading("GetRestApi", format!("waiting for {api}"));
                let now = self
                    .caller
                    .call(&asked, || self.apigateway.get_rest_api().rest_api_id(api).send());
                status = now.await?.api_status().map(|status| status.as_str().to_owned());
            }
            let message = format!("the API is {}", status.unwrap_or_default());
            Err(CallError::new(Kind::Lost, asked.doing(), message))
        })
    }

    /// Looks at what an import made of authorizers and gateway responses, mends what is not
    /// right, and returns the ids of the authorizers with their names.
    pub fn settle<'a>(
        &'a self,
        api: &'a str,
        authorizers: &'a BTreeMap<String, AuthorizerShape>,
        responses: &'a BTreeMap<String, GatewayResponse>,
    ) -> Call<'a, BTreeMap<String, (String, AuthorizerShape)>> {
        Box::pin(async move {
            let mut found = self.authorizers(api).await?;
            for (name, shape) in authorizers {
                if found.values().any(|(known, there)| known == name && there == shape) {
                    continue;
                }
                let twin =
                    found.iter().find(|(_, (known, _))| known == name).map(|(id, _)| id.clone());
                let id = match twin {
                    Some(id) => self.mend_authorizer(api, &id, shape).await?,
                    None => self.create_authorizer(api, name, shape).await?,
                };
                found.insert(id, (name.clone(), shape.clone()));
            }
            let there = self.gateway_responses(api).await?;
            for (kind, response) in responses {
                if there.get(kind) != Some(response) {
                    self.put_gateway_response(api, kind, response).await?;
                }
            }
            for kind in there.keys().filter(|kind| !responses.contains_key(*kind)) {
                let asked = Asked::reading("DeleteGatewayResponse", format!("resetting {kind}"));
                let reset = self.caller.call(&asked, || {
                    let delete = self.apigateway.delete_gateway_response().rest_api_id(api);
                    delete.response_type(GatewayResponseType::from(kind.as_str())).send()
                });
                if_there(reset.await)?;
            }
            Ok(found)
        })
    }
}
