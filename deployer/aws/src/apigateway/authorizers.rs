//! Authorizers, by id. Their names are unique only after an import was reconciled.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{Authorizer, Op, PatchOperation};

use super::convert::shape;
use super::{PAGE, hash};
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::AuthorizerShape;
use deployment::observed::TAG_API;
use deployment::record::named_functions;

/// The request of a test invocation of an authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizerTestRequest {
    /// The headers.
    pub headers: BTreeMap<String, String>,
    /// The path with the query.
    pub path: String,
    /// The stage variables.
    pub stage_variables: BTreeMap<String, String>,
    /// The additional context variables.
    pub context: BTreeMap<String, String>,
}

/// The response to a test invocation of an authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerTestResponse {
    /// The status that a client would get; 0 if the authorizer returned a policy.
    pub status: i32,
    /// The policy that it returned.
    pub policy: Option<String>,
    /// The execution log.
    pub log: String,
}

impl Aws {
    /// Returns the ARNs of the functions that the authorizers of all other APIs invoke: of their current
    /// definitions and, as far as Portcullis recorded them, of their deployments.
    pub fn functions_of_other_apis<'a>(&'a self, own: &'a str) -> Call<'a, BTreeSet<String>> {
        Box::pin(async move {
            let mut functions = BTreeSet::new();
            for api in self.apis().await?.iter().filter(|api| api.id != own) {
                let authorizers = self.authorizers(&api.id).await?;
                let shapes = authorizers.values().map(|(_, shape)| shape);
                functions.extend(shapes.filter_map(|shape| shape.function().map(str::to_owned)));
                if api.tags.contains_key(TAG_API) {
                    functions.extend(named_functions(&self.records(&api.id).await?));
                }
            }
            Ok(functions)
        })
    }

    /// Reads the authorizers of an API, by id, each with its name.
    pub fn authorizers<'a>(
        &'a self,
        api: &'a str,
    ) -> Call<'a, BTreeMap<String, (String, AuthorizerShape)>> {
        Box::pin(async move {
            let call = ApiCall::idempotent(
                "GetAuthorizers",
                format!("reading the authorizers of API {api}"),
            );
            let request = || self.apigateway.get_authorizers().rest_api_id(api);
            let all: Vec<Authorizer> = pages!(self, call, request(), items);
            Ok(all.iter().filter_map(|one| Some((one.id()?.to_owned(), shape(one)))).collect())
        })
    }

    /// Creates or updates the authorizers that differ; returns all, by id, each with its name.
    pub(super) async fn reconcile_authorizers(
        &self,
        api: &str,
        authorizers: &BTreeMap<String, AuthorizerShape>,
    ) -> Result<BTreeMap<String, (String, AuthorizerShape)>, CallError> {
        let mut found = self.authorizers(api).await?;
        for (name, shape) in authorizers {
            if found.values().any(|(known, existing)| known == name && existing == shape) {
                continue;
            }
            let existing = found.iter().find(|(_, (known, _))| known == name);
            let id = match existing {
                Some((id, (_, from))) => self.update_authorizer(api, id, from, shape).await?,
                None => self.create_authorizer(api, name, shape).await?,
            };
            found.insert(id, (name.clone(), shape.clone()));
        }
        Ok(found)
    }

    async fn create_authorizer(
        &self,
        api: &str,
        name: &str,
        shape: &AuthorizerShape,
    ) -> Result<String, CallError> {
        let call = ApiCall::once("CreateAuthorizer", format!("creating authorizer {name}"));
        let identity: Vec<&str> = shape.identity.iter().map(String::as_str).collect();
        let providers: Vec<String> = shape.providers.iter().cloned().collect();
        let created = self.caller.call(&call, || {
            self.apigateway
                .create_authorizer()
                .rest_api_id(api)
                .name(name)
                .r#type(shape.kind.name().into())
                .set_authorizer_uri(shape.uri.clone())
                .set_authorizer_credentials(shape.credentials.clone())
                .identity_source(identity.join(","))
                .set_identity_validation_expression(shape.validation.clone())
                .authorizer_result_ttl_in_seconds(shape.ttl)
                .set_provider_arns((!providers.is_empty()).then(|| providers.clone()))
                .send()
        });
        match created.await {
            Ok(created) => Ok(created.id().unwrap_or_default().to_owned()),
            Err(error) if error.kind == CallErrorKind::Conflict => {
                Err(self.missing_api(api, error).await)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the error of a conflict. For an API that does not exist, for example because it was
    /// deleted in the meantime, `CreateAuthorizer` was recorded to return "Unable to complete operation
    /// due to concurrent modification. Please try again later."
    async fn missing_api(&self, api: &str, conflict: CallError) -> CallError {
        let call = ApiCall::idempotent("GetRestApi", format!("reading API {api}"));
        let found =
            self.caller.call(&call, || self.apigateway.get_rest_api().rest_api_id(api).send());
        match if_found(found.await) {
            Ok(None) => CallError::new(
                CallErrorKind::NotFound,
                conflict.context,
                format!("API {api} does not exist"),
            ),
            // If the API cannot be read, the conflict is all that is known.
            Ok(Some(_)) | Err(_) => conflict,
        }
    }

    async fn update_authorizer(
        &self,
        api: &str,
        id: &str,
        from: &AuthorizerShape,
        to: &AuthorizerShape,
    ) -> Result<String, CallError> {
        let patches = patches(from, to);
        let call = ApiCall::idempotent("UpdateAuthorizer", format!("updating authorizer {id}"));
        let update = self.caller.call(&call, || {
            let update = self.apigateway.update_authorizer().rest_api_id(api).authorizer_id(id);
            update.set_patch_operations(Some(patches.clone())).send()
        });
        update.await.map(|_| id.to_owned())
    }

    /// Deletes an authorizer, if it exists.
    pub fn delete_authorizer<'a>(&'a self, api: &'a str, id: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("DeleteAuthorizer", format!("deleting authorizer {id}"));
            let deleted = self.caller.call(&call, || {
                self.apigateway.delete_authorizer().rest_api_id(api).authorizer_id(id).send()
            });
            if_found(deleted.await).map(|_| ())
        })
    }

    /// Test-invokes an authorizer of the API definition (`TestInvokeAuthorizer`).
    pub fn test_invoke_authorizer<'a>(
        &'a self,
        api: &'a str,
        authorizer: &'a str,
        request: &'a AuthorizerTestRequest,
    ) -> Call<'a, AuthorizerTestResponse> {
        Box::pin(async move {
            let AuthorizerTestRequest { headers, path, stage_variables, context } = request;
            let optional = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| hash(map));
            let action = format!("test-invoking authorizer {authorizer}");
            let call = ApiCall::idempotent("TestInvokeAuthorizer", action);
            let response = self.caller.call(&call, || {
                self.apigateway
                    .test_invoke_authorizer()
                    .rest_api_id(api)
                    .authorizer_id(authorizer)
                    .set_headers(Some(hash(headers)))
                    .path_with_query_string(path)
                    .set_stage_variables(optional(stage_variables))
                    .set_additional_context(optional(context))
                    .send()
            });
            let response = response.await?;
            Ok(AuthorizerTestResponse {
                status: response.client_status(),
                policy: response.policy().filter(|policy| !policy.is_empty()).map(str::to_owned),
                log: response.log().unwrap_or_default().to_owned(),
            })
        })
    }
}

/// Returns the patches from one authorizer to another of the same name. A member without a value is
/// replaced by an empty text, as Terraform does on AWS: only `/identitySource` and `/providerARNs` may
/// be removed. A user pool is added before another is removed: the list must not be empty.
/// <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>
fn patches(from: &AuthorizerShape, to: &AuthorizerShape) -> Vec<PatchOperation> {
    let patch = |op: Op, name: &str, value: &str| {
        PatchOperation::builder().op(op).path(format!("/{name}")).value(value).build()
    };
    let members = |shape: &AuthorizerShape| {
        let identity: Vec<&str> = shape.identity.iter().map(String::as_str).collect();
        [
            ("type", shape.kind.name().to_owned()),
            ("authorizerUri", shape.uri.clone().unwrap_or_default()),
            ("authorizerCredentials", shape.credentials.clone().unwrap_or_default()),
            ("identitySource", identity.join(",")),
            ("identityValidationExpression", shape.validation.clone().unwrap_or_default()),
            ("authorizerResultTtlInSeconds", shape.ttl.to_string()),
        ]
    };
    let changed =
        members(from).into_iter().zip(members(to)).filter(|(before, after)| before != after);
    let replaced = changed.map(|(_, (name, value))| patch(Op::Replace, name, &value));
    let added = to.providers.difference(&from.providers);
    let removed = from.providers.difference(&to.providers);
    let added = added.map(|arn| patch(Op::Add, "providerARNs", arn));
    replaced.chain(added).chain(removed.map(|arn| patch(Op::Remove, "providerARNs", arn))).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, OnceLock};

    use aws_config::retry::RetryConfig;
    use aws_config::{BehaviorVersion, Region};
    use aws_credential_types::Credentials;
    use aws_sdk_apigateway::config::SharedCredentialsProvider;
    use deployment::observed::AwsTarget;
    use serde_json::{Value, json};

    use super::*;
    use crate::caller::Caller;

    fn shape(authorizer: &Value) -> AuthorizerShape {
        AuthorizerShape::read(authorizer, "Authorization")
    }

    #[test]
    fn an_update_replaces_what_differs_and_empties_what_is_not_wanted() {
        let token = json!({
            "type": "token",
            "authorizerUri": "u",
            "authorizerCredentials": "r",
            "identityValidationExpression": "e",
            "authorizerResultTtlInSeconds": 60,
        });
        let bare =
            json!({"type": "token", "authorizerUri": "v", "authorizerResultTtlInSeconds": 0});
        let request = json!({"type": "request", "authorizerUri": "u", "identitySource": "context.a, context.b"});
        let pools = |arns: &[&str]| json!({"type": "cognito_user_pools", "providerARNs": arns});
        for (from, to, expected) in [
            (token.clone(), token.clone(), vec![]),
            (
                token.clone(),
                bare.clone(),
                vec![
                    "replace /authorizerUri v",
                    "replace /authorizerCredentials ",
                    "replace /identityValidationExpression ",
                    "replace /authorizerResultTtlInSeconds 0",
                ],
            ),
            (
                bare,
                token.clone(),
                vec![
                    "replace /authorizerUri u",
                    "replace /authorizerCredentials r",
                    "replace /identityValidationExpression e",
                    "replace /authorizerResultTtlInSeconds 60",
                ],
            ),
            (
                token,
                request,
                vec![
                    "replace /type REQUEST",
                    "replace /authorizerCredentials ",
                    "replace /identitySource context.a,context.b",
                    "replace /identityValidationExpression ",
                    "replace /authorizerResultTtlInSeconds 300",
                ],
            ),
            (
                pools(&["a", "b"]),
                pools(&["b", "c"]),
                vec!["add /providerARNs c", "remove /providerARNs a"],
            ),
        ] {
            let patches = patches(&shape(&from), &shape(&to));
            let text = |patch: &PatchOperation| {
                let (op, path) = (patch.op().unwrap().as_str(), patch.path().unwrap());
                format!("{op} {path} {}", patch.value().unwrap())
            };
            assert_eq!(patches.iter().map(text).collect::<Vec<_>>(), expected, "{from} {to}");
        }
    }

    /// Starts an API Gateway that answers every POST with the recorded conflict, and every GET with
    /// this status.
    fn conflicting(get: u16) -> Aws {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut connection in listener.incoming().map_while(Result::ok) {
                let mut request = vec![0; 16 * 1024];
                let length = connection.read(&mut request).unwrap();
                let (status, code) = match &request[..length.min(4)] {
                    b"POST" => (409, "ConflictException"),
                    _ => (get, "NotFoundException"),
                };
                let body = r#"{"message": "Unable to complete operation due to concurrent modification. Please try again later."}"#;
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\nx-amzn-errortype: {code}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                connection.write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        });
        let credentials = Credentials::new("id", "secret", None, None, "test");
        let config = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(crate::http_client())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&endpoint)
            .build();
        Aws {
            target: AwsTarget {
                account: String::new(),
                partition: String::new(),
                region: String::new(),
            },
            identity: String::new(),
            endpoint: Some(endpoint),
            caller: Caller::new(Arc::new(|_| {}), true),
            account: OnceLock::new(),
            apigateway: aws_sdk_apigateway::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
        }
    }

    #[test]
    fn a_conflict_on_an_api_that_does_not_exist_reports_the_missing_api() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let shape = shape(&json!({"type": "token", "authorizerUri": "u"}));
        let create = |get| {
            let (aws, shape) = (conflicting(get), shape.clone());
            async move { aws.create_authorizer("a1", "jwt", &shape).await.unwrap_err() }
        };
        let task = tokio::task::LocalSet::new();
        let (missing, existing) = task.block_on(&runtime, async {
            let missing = tokio::task::spawn_local(create(404));
            let existing = tokio::task::spawn_local(create(200));
            (missing.await.unwrap(), existing.await.unwrap())
        });
        assert_eq!(missing.kind, CallErrorKind::NotFound);
        assert_eq!(missing.to_string(), "creating authorizer jwt: API a1 does not exist");
        assert_eq!(existing.kind, CallErrorKind::Conflict);
        assert!(existing.to_string().contains("concurrent modification"), "{existing}");
    }
}
