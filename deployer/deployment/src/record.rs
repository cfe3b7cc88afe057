//! The record of a revision: a summary of each of its parts, stored as a model of the API.
//!
//! API Gateway cannot show the content of a deployment. The record can, so a plan compares with
//! what a stage serves and not with the current API definition; a difference between the two is
//! drift.
//!
//! A part has what the configuration declares, some of which AWS can show ([`Record::visible`]),
//! and a digest of everything that API Gateway stores of it. Records are stored with every
//! deployment, so their members have names of one letter.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use compiler::api::{
    Api, AuthorizerFunction, AuthorizerShape, AuthorizerType, EndpointConfiguration, RouteKey,
    Validator,
};
use compiler::definition::{ApiDefinition, Authorization, Method, scheme_of, scheme_on_aws};
use compiler::fingerprint::fingerprint;

mod auth;
mod backend;
mod model;
mod rules;

pub use auth::AuthSummary;
pub use backend::{Backend, CorsSummary, IntegrationSummary};
pub use model::{FORMAT, Records, UnreadableReason, UnreadableRecord, named_functions};
pub(crate) use rules::with_recorded_deny_lists;
pub use rules::{IssuerRules, Rules};

/// A summary of each part of a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The methods.
    #[serde(rename = "m")]
    pub methods: BTreeMap<RouteKey, MethodRecord>,
    /// The authorizers, by the names of their schemes on AWS.
    #[serde(rename = "a")]
    pub authorizers: BTreeMap<String, AuthorizerRecord>,
    /// Digests of the gateway responses, by type.
    #[serde(rename = "g")]
    pub gateway_responses: BTreeMap<String, String>,
    /// The names of the models. AWS rewrites their schemas, so these are not compared.
    #[serde(rename = "s")]
    pub models: BTreeSet<String>,
    /// The endpoint of the API, not of the revision: a change is effective with a new deployment only.
    #[serde(rename = "e", default, skip_serializing_if = "EndpointConfiguration::is_default")]
    pub endpoint: EndpointConfiguration,
    /// The digest of the API-level settings; `None` if nothing is deployed.
    #[serde(rename = "p")]
    pub settings: Option<String>,
}

/// The summary of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodRecord {
    /// The authorization.
    #[serde(rename = "a")]
    pub auth: AuthSummary,
    /// The backend.
    #[serde(rename = "b")]
    pub backend: Backend,
    /// The request validation, if there is any.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validator>,
    /// The digest of everything that API Gateway stores of it.
    #[serde(rename = "d")]
    pub digest: String,
}

/// The summary of an authorizer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizerRecord {
    /// Its type on AWS, such as `REQUEST`.
    #[serde(rename = "k")]
    pub kind: AuthorizerType,
    /// The function that it invokes.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The role that is assumed to invoke it.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub invoke_role: Option<String>,
    /// The TTL of its cached results, in seconds.
    #[serde(rename = "t")]
    pub cache_ttl: i32,
    /// Its identity sources, which are the cache key of its results.
    #[serde(rename = "s")]
    pub identity: BTreeSet<String>,
    /// The fingerprint of its function's `authorizer.json`, which AWS cannot show.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// The fingerprint of the content of the pinned version that it invokes.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
    /// The rules of its configuration; none in a record of format 2.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Rules>,
    /// The digest of its rules that are not those of one issuer or route.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub other_rules: Option<String>,
    /// The digest of everything that API Gateway stores of it.
    #[serde(rename = "d")]
    pub digest: String,
}

impl Record {
    /// Returns the record of a configuration.
    pub fn declared(api: &Api, definition: &ApiDefinition) -> Self {
        let mut record = Self { endpoint: api.endpoint.clone(), ..Self::observed(definition) };
        for route in &api.routes {
            let Some(method) = record.methods.get_mut(&route.into()) else { continue };
            method.auth = (&route.security).into();
            if let Some(cors) = &route.preflight {
                method.backend = Backend::Preflight(cors.into());
            }
        }
        for (name, declared) in &api.authorizers {
            let document = api.authorizer_document(name);
            let Some(authorizer) = record.authorizers.get_mut(&scheme_on_aws(name)) else {
                continue;
            };
            authorizer.configuration = document.as_ref().map(fingerprint);
            authorizer.rules = document.as_ref().map(rules::rules);
            authorizer.other_rules = document.as_ref().map(rules::other_rules);
            let pinned = declared.function.as_ref().and_then(AuthorizerFunction::pinned);
            authorizer.pinned = pinned.map(|function| function.content.clone());
        }
        record
    }

    /// Returns the record of an API definition as AWS shows it: without the scopes, the
    /// configurations of authorizers of portcullis.toml, and the endpoint.
    pub fn observed(definition: &ApiDefinition) -> Self {
        let methods = definition.methods.iter();
        let authorizers = definition.authorizers.iter();
        let responses = definition.gateway_responses.iter();
        Self {
            methods: methods.map(|(key, method)| (key.clone(), method.into())).collect(),
            authorizers: authorizers
                .map(|(name, shape)| (scheme_of(name).to_owned(), shape.into()))
                .collect(),
            gateway_responses: responses
                .map(|(kind, response)| (kind.clone(), fingerprint(response)))
                .collect(),
            models: definition.models.keys().cloned().collect(),
            endpoint: EndpointConfiguration::default(),
            settings: Some(fingerprint(&definition.settings)),
        }
    }

    /// Returns the part that AWS can show.
    #[must_use]
    pub fn visible(&self) -> Self {
        let methods = self.methods.iter();
        let authorizers = self.authorizers.iter();
        Self {
            methods: methods.map(|(key, method)| (key.clone(), method.visible())).collect(),
            authorizers: authorizers
                .map(|(scheme, authorizer)| (scheme.clone(), authorizer.visible()))
                .collect(),
            endpoint: EndpointConfiguration::default(),
            ..self.clone()
        }
    }

    /// Returns the functions that the authorizers invoke, by scheme.
    pub fn functions(&self) -> BTreeMap<&str, Option<&str>> {
        let authorizers = self.authorizers.iter();
        authorizers.map(|(scheme, one)| (scheme.as_str(), one.function.as_deref())).collect()
    }

    /// Returns the fingerprint of the record. A version of the same content with another number is
    /// the same.
    pub fn content(&self) -> String {
        let mut record = self.clone();
        for authorizer in record.authorizers.values_mut().filter(|one| one.pinned.is_some()) {
            authorizer.function = authorizer.pinned_function().map(|(name, _)| name.to_owned());
            authorizer.digest = String::new();
        }
        fingerprint(&record)
    }
}

impl MethodRecord {
    /// Returns the part that AWS can show.
    #[must_use]
    pub fn visible(&self) -> Self {
        Self { auth: self.auth.visible(), backend: self.backend.visible(), ..self.clone() }
    }
}

impl From<&Method> for MethodRecord {
    fn from(method: &Method) -> Self {
        Self {
            auth: method.into(),
            backend: method.integration.as_ref().into(),
            validation: method.validator.filter(|validator| validator.body || validator.parameters),
            digest: digest(method),
        }
    }
}

/// Returns the digest of the effective parts of a method. Its authorizer is a part of its own, so
/// the method's digest does not depend on it.
fn digest(method: &Method) -> String {
    let mut method = method.effective();
    if let Authorization::Authorizer { name, .. } = &mut method.authorization {
        *name = scheme_of(name).to_owned();
    }
    fingerprint(&method)
}

impl AuthorizerRecord {
    /// Returns the unqualified ARN and the version of the function, if it is pinned and published.
    pub fn pinned_function(&self) -> Option<(&str, Option<u32>)> {
        self.pinned.as_ref()?;
        let (arn, version) = self.function.as_deref()?.rsplit_once(':')?;
        Some((arn, version.parse().ok()))
    }

    /// Returns the part that AWS can show.
    #[must_use]
    pub fn visible(&self) -> Self {
        Self { configuration: None, pinned: None, rules: None, other_rules: None, ..self.clone() }
    }
}

impl From<&AuthorizerShape> for AuthorizerRecord {
    fn from(shape: &AuthorizerShape) -> Self {
        Self {
            kind: shape.kind.clone(),
            function: shape.function().map(str::to_owned),
            invoke_role: shape.credentials.clone(),
            cache_ttl: shape.ttl,
            identity: shape.identity.clone(),
            configuration: None,
            pinned: None,
            rules: None,
            other_rules: None,
            digest: fingerprint(shape),
        }
    }
}
