//! REST APIs. They are created empty and tagged, so that they can be looked up by their tag.

use std::collections::BTreeMap;

use aws_sdk_apigateway::primitives::DateTime;
use aws_sdk_apigateway::types::{self, ApiStatus, EndpointType, RestApi};
use serde_json::Value as Json;

use super::endpoint::endpoint;
use super::{PAGE, hash};
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use compiler::api::{ApiSettings, Endpoint, EndpointConfiguration};
use deployment::observed::{TAG_API, names_api};

/// An API, as a list of APIs shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedApi {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its endpoint.
    pub endpoint: EndpointConfiguration,
    /// True if a change of it is not complete.
    pub is_updating: bool,
    /// Its creation time, in seconds of Unix time.
    pub created: i64,
    /// The settings of the API as a whole.
    pub settings: ApiSettings,
}

/// The result of looking up an API by the name in its tag.
#[derive(Debug)]
pub enum ApiLookup {
    /// No API has the tag.
    NotFound,
    /// Exactly one API has the tag.
    Found(Box<ListedApi>),
    /// Several APIs have the tag; their ids.
    Ambiguous(Vec<String>),
}

impl Aws {
    /// Lists every REST API of the account in the Region.
    pub fn apis(&self) -> Call<'_, Vec<ListedApi>> {
        Box::pin(async move {
            let call = ApiCall::idempotent("GetRestApis", "listing the REST APIs");
            let all = pages!(self, call, self.apigateway.get_rest_apis(), items);
            Ok(all.iter().map(listed).collect())
        })
    }

    /// Finds the API that Portcullis manages under this name.
    pub fn find_api<'a>(&'a self, name: &'a str) -> Call<'a, ApiLookup> {
        Box::pin(async move {
            let all = self.apis().await?;
            let is_managed =
                |api: &ListedApi| api.tags.get(TAG_API).is_some_and(|tag| names_api(tag, name));
            let mut found: Vec<ListedApi> = all.into_iter().filter(is_managed).collect();
            Ok(match (found.pop(), found.is_empty()) {
                (None, _) => ApiLookup::NotFound,
                (Some(api), true) => ApiLookup::Found(Box::new(api)),
                (Some(last), false) => ApiLookup::Ambiguous(
                    found.into_iter().chain([last]).map(|api| api.id).collect(),
                ),
            })
        })
    }

    /// Creates an empty API together with its tags, and returns its id.
    pub fn create_api<'a>(
        &'a self,
        name: &'a str,
        endpoint: &'a EndpointConfiguration,
        tags: &'a BTreeMap<String, String>,
    ) -> Call<'a, String> {
        Box::pin(async move {
            let operation = match endpoint.kind {
                Endpoint::Edge => "CreateEdgeRestApi",
                _ => "CreateRestApi",
            };
            let call = ApiCall::once(operation, format!("creating API {name}"));
            let disabled = endpoint.disable_execute_api_endpoint;
            let ids: Vec<String> = endpoint.vpc_endpoints.iter().cloned().collect();
            let endpoint = types::EndpointConfiguration::builder()
                .types(EndpointType::from(endpoint.kind.name()))
                .set_vpc_endpoint_ids((!ids.is_empty()).then_some(ids))
                .build();
            let created = self.caller.call(&call, || {
                let create = self.apigateway.create_rest_api().name(name);
                let create = create.set_disable_execute_api_endpoint(disabled.then_some(true));
                create.endpoint_configuration(endpoint.clone()).set_tags(Some(hash(tags))).send()
            });
            let created = match created.await {
                Ok(created) => created.id().unwrap_or_default().to_owned(),
                // It may have been created: the lookup by tag decides.
                Err(error) if error.kind == CallErrorKind::OutcomeUnknown => String::new(),
                Err(error) => return Err(error),
            };
            match self.find_api(name).await? {
                ApiLookup::Found(api) => Ok(api.id),
                ApiLookup::Ambiguous(ids) => {
                    // It was created concurrently. Only this one is deleted; it is empty.
                    if ids.contains(&created) {
                        self.delete_api(&created).await?;
                    }
                    let message = format!("concurrent creation detected (APIs {})", ids.join(", "));
                    Err(CallError::new(CallErrorKind::Conflict, call.context(), message))
                }
                // It was created, but lists do not show it yet.
                ApiLookup::NotFound if !created.is_empty() => Ok(created),
                ApiLookup::NotFound => Err(CallError::new(
                    CallErrorKind::OutcomeUnknown,
                    call.context(),
                    "not found after creation; retry",
                )),
            }
        })
    }

    /// Deletes an API, if it exists.
    pub fn delete_api<'a>(&'a self, api: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            let call = ApiCall::idempotent("DeleteRestApi", format!("deleting API {api}"));
            let deleted = self
                .caller
                .call(&call, || self.apigateway.delete_rest_api().rest_api_id(api).send());
            if_found(deleted.await).map(|_| ())
        })
    }

    /// Sets and removes tags of an API.
    pub fn tag_api<'a>(
        &'a self,
        api: &'a str,
        set: &'a BTreeMap<String, String>,
        unset: &'a [String],
    ) -> Call<'a, ()> {
        Box::pin(async move {
            let target = &self.target;
            let arn =
                format!("arn:{}:apigateway:{}::/restapis/{api}", target.partition, target.region);
            let call =
                ApiCall::idempotent("TagResource", format!("updating the tags of API {api}"));
            if !set.is_empty() {
                let tag = self.caller.call(&call, || {
                    self.apigateway
                        .tag_resource()
                        .resource_arn(&arn)
                        .set_tags(Some(hash(set)))
                        .send()
                });
                tag.await?;
            }
            if !unset.is_empty() {
                let untag = self.caller.call(&call, || {
                    let untag = self.apigateway.untag_resource().resource_arn(&arn);
                    untag.set_tag_keys(Some(unset.to_vec())).send()
                });
                untag.await?;
            }
            Ok(())
        })
    }
}

fn listed(api: &RestApi) -> ListedApi {
    let policy = api.policy().filter(|policy| !policy.is_empty());
    ListedApi {
        id: api.id().unwrap_or_default().to_owned(),
        name: api.name().unwrap_or_default().to_owned(),
        tags: api.tags().cloned().unwrap_or_default().into_iter().collect(),
        endpoint: endpoint(api.endpoint_configuration(), api.disable_execute_api_endpoint()),
        is_updating: matches!(api.api_status(), Some(ApiStatus::Updating | ApiStatus::Pending)),
        created: api.created_date().map_or(0, DateTime::secs),
        settings: ApiSettings {
            description: api.description().filter(|text| !text.is_empty()).map(str::to_owned),
            key_from_authorizer: api
                .api_key_source()
                .is_some_and(|source| source.as_str() == "AUTHORIZER"),
            binary_media_types: api.binary_media_types().iter().cloned().collect(),
            minimum_compression_size: api.minimum_compression_size(),
            policy: policy.and_then(read_policy),
        }
        .normalize(),
    }
}

/// Reads a resource policy, which API Gateway returns as JSON with escaped quotes.
fn read_policy(text: &str) -> Option<Json> {
    serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&text.replace("\\\"", "\"").replace("\\\\", "\\")))
        .ok()
}
