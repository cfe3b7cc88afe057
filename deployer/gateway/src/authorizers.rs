//! Invokes an authorizer: in this process, as a local function, or at a Lambda Invoke endpoint.

use std::time::Duration;

use authorizer::telemetry::Decision;
use authorizer::{Authorizer, UnixTime};
use bytes::Bytes;
use http::Uri;
use regex::Regex;

use super::functions::{Functions, Invocation, Invoked};
use super::identity::validation;
use compiler::api::{self, AuthorizerKind, IdentitySource};

/// API Gateway's timeout for authorizers.
const TIMEOUT: Duration = Duration::from_secs(29);

/// An authorizer, prepared for invocations.
pub struct LocalAuthorizer {
    /// The kind of its events.
    pub kind: AuthorizerKind,
    /// The identity sources, which are the cache key of its results.
    pub identity: Vec<IdentitySource>,
    /// The location of the token, if it is known. It may not be an identity source.
    pub token: Option<IdentitySource>,
    /// The validation expression for tokens.
    pub validation: Option<Regex>,
    /// The TTL of its results, in seconds.
    pub ttl: u32,
    /// The target of its invocations.
    pub target: AuthorizerTarget,
}

/// The target of an authorizer's invocations.
pub enum AuthorizerTarget {
    /// In this process.
    InProcess(Box<Authorizer>),
    /// A function, by its name.
    Function(String),
    /// A Lambda Invoke endpoint: `…/2015-03-31/functions/NAME/invocations`.
    Endpoint(Uri),
}

impl LocalAuthorizer {
    /// Prepares an authorizer of the manifest.
    pub fn new(settings: &api::Authorizer, target: AuthorizerTarget) -> Result<Self, regex::Error> {
        Ok(Self {
            kind: settings.kind,
            identity: settings.identity.clone(),
            token: settings.token_identity_source(),
            validation: settings.validation().map(validation).transpose()?,
            ttl: settings.cache_ttl,
            target,
        })
    }

    /// Returns the parts of a request that no trace may show.
    pub fn secrets(&self) -> Vec<&IdentitySource> {
        self.identity.iter().chain(&self.token).collect()
    }

    /// Invokes the authorizer; returns its decision record too if it is in this process.
    pub async fn invoke(
        &self,
        event: &str,
        now: UnixTime,
        functions: &Functions,
    ) -> (Invoked, Option<Decision>) {
        let invoked = async {
            match &self.target {
                AuthorizerTarget::InProcess(authorizer) => {
                    let outcome = authorizer.handle(event, now).await;
                    let invocation = match outcome.response {
                        Ok(response) => Invocation::Succeeded(response.as_str().to_owned()),
                        Err(error) => Invocation::Failed {
                            message: error.error_message.to_owned(),
                            payload: serde_json::json!({
                                "errorType": error.error_type,
                                "errorMessage": error.error_message,
                            })
                            .to_string(),
                        },
                    };
                    (Invoked { request_id: None, outcome: invocation }, Some(outcome.decision))
                }
                AuthorizerTarget::Function(name) => {
                    (functions.invoke(name, Bytes::from(event.to_owned())).await, None)
                }
                AuthorizerTarget::Endpoint(uri) => {
                    (functions.invoke_at(uri, Bytes::from(event.to_owned())).await, None)
                }
            }
        };
        let timed_out = || Invoked {
            request_id: None,
            outcome: Invocation::Failed {
                message: "timed out after 29 s".to_owned(),
                payload: String::new(),
            },
        };
        tokio::time::timeout(TIMEOUT, invoked).await.unwrap_or_else(|_| (timed_out(), None))
    }
}
