//! Asking an authorizer: in this process, as a function that runs here, or at a Lambda Invoke
//! endpoint.

use std::time::Duration;

use authorizer::telemetry::Decision;
use authorizer::{Authorizer, UnixTime};
use bytes::Bytes;
use http::Uri;
use regex::Regex;

use super::functions::{Functions, Invocation};
use super::identity::validation;
use compiler::api::{self, AuthorizerKind, IdentitySource};

/// API Gateway gives up on an authorizer after this long.
const TIMEOUT: Duration = Duration::from_secs(29);

/// An authorizer, ready to be asked.
pub struct Guard {
    /// What it is sent.
    pub kind: AuthorizerKind,
    /// What its answers are cached by.
    pub identity: Vec<IdentitySource>,
    /// What a token must look like for it to be asked.
    pub validation: Option<Regex>,
    /// How long its answers are cached, in seconds.
    pub ttl: u32,
    /// Where it is.
    pub target: AuthorizerTarget,
}

/// Where an authorizer is.
pub enum AuthorizerTarget {
    /// In this process.
    InProcess(Box<Authorizer>),
    /// A function that runs here, or is known by its name.
    Function(String),
    /// Behind `…/2015-03-31/functions/NAME/invocations`.
    Endpoint(Uri),
}

impl Guard {
    /// Makes one of ours ready.
    pub fn new(settings: &api::Authorizer, target: AuthorizerTarget) -> Result<Self, regex::Error> {
        Ok(Self {
            kind: settings.kind,
            identity: settings.identity.clone(),
            validation: settings.validation().map(validation).transpose()?,
            ttl: settings.cache_ttl,
            target,
        })
    }

    /// Asks it; what it tells about its decision comes along if it is in this process.
    pub async fn ask(
        &self,
        event: &str,
        now: UnixTime,
        functions: &Functions,
    ) -> (Invocation, Option<Decision>) {
        let asked = async {
            match &self.target {
                AuthorizerTarget::InProcess(authorizer) => {
                    let outcome = authorizer.handle(event, now).await;
                    let invocation = match outcome.answer {
                        Ok(answer) => Invocation::Answered(answer.as_str().to_owned()),
                        Err(error) => Invocation::Failed {
                            message: error.error_message.to_owned(),
                            payload: serde_json::json!({
                                "errorType": error.error_type,
                                "errorMessage": error.error_message,
                            })
                            .to_string(),
                        },
                    };
                    (invocation, Some(outcome.decision))
                }
                AuthorizerTarget::Function(name) => {
                    (functions.invoke(name, Bytes::from(event.to_owned())).await, None)
                }
                AuthorizerTarget::Endpoint(uri) => {
                    (functions.invoke_at(uri, Bytes::from(event.to_owned())).await, None)
                }
            }
        };
        let late = || Invocation::Failed {
            message: "it did not answer within 29 seconds".to_owned(),
            payload: String::new(),
        };
        tokio::time::timeout(TIMEOUT, asked).await.unwrap_or_else(|_| (late(), None))
    }
}
