//! Asking the authorizer: in this process, or behind a Lambda Invoke endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use authorizer::telemetry::Decision;
use authorizer::{Authorizer, UnixTime};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value as Json;

use super::integration::{HttpClient, body};

/// API Gateway gives up on an authorizer after this long.
const TIMEOUT: Duration = Duration::from_secs(29);

/// Lambda answers with 6 MB at most.
const MAX_ANSWER_BYTES: usize = 6_000_000;

/// Where the authorizers are.
pub enum Authorizers {
    /// In this process, by name.
    InProcess(BTreeMap<String, Authorizer>),
    /// One function for all, behind `…/2015-03-31/functions/NAME/invocations`.
    Endpoint(Uri),
}

/// How asking ended.
#[derive(Debug)]
pub enum Invocation {
    /// The function answered with this JSON.
    Answered(String),
    /// The function ended with an error of this message.
    Failed(String),
    /// The function could not be invoked.
    NotInvocable(String),
}

impl Authorizers {
    /// Asks the authorizer of this name; what it tells about its decision comes along if it
    /// is in this process.
    pub async fn ask(
        &self,
        name: &str,
        event: &Json,
        now: UnixTime,
        client: &HttpClient,
    ) -> (Invocation, Option<Decision>) {
        match self {
            Self::InProcess(authorizers) => match authorizers.get(name) {
                Some(authorizer) => {
                    let outcome = authorizer.handle(&event.to_string(), now).await;
                    let invocation = match outcome.answer {
                        Ok(answer) => Invocation::Answered(answer),
                        Err(error) => Invocation::Failed(error.error_message.to_owned()),
                    };
                    (invocation, Some(outcome.decision))
                }
                None => {
                    (Invocation::NotInvocable(format!("there is no authorizer `{name}`")), None)
                }
            },
            Self::Endpoint(uri) => {
                let asked = tokio::time::timeout(TIMEOUT, invoke(uri, event, client)).await;
                let late = || Invocation::Failed("it did not answer within 29 seconds".to_owned());
                (asked.unwrap_or_else(|_| late()), None)
            }
        }
    }
}

/// Invokes a function. Lambda marks a function's error by a header; `cargo lambda watch` by
/// the status.
async fn invoke(uri: &Uri, event: &Json, client: &HttpClient) -> Invocation {
    let not_invocable =
        |cause: &dyn std::fmt::Display| Invocation::NotInvocable(format!("{uri}: {cause}"));
    let request = Request::post(uri.clone())
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body(Full::new(Bytes::from(event.to_string()))));
    let response = match request {
        Ok(request) => client.request(request).await,
        Err(error) => return not_invocable(&error),
    };
    let (head, answer) = match response {
        Ok(response) => response.into_parts(),
        Err(error) => return not_invocable(&error),
    };
    let answer = match Limited::new(answer, MAX_ANSWER_BYTES).collect().await {
        Ok(collected) => String::from_utf8_lossy(&collected.to_bytes()).into_owned(),
        Err(error) => return not_invocable(&error),
    };
    if head.status.is_success() && !head.headers.contains_key("x-amz-function-error") {
        return Invocation::Answered(answer);
    }
    let error = serde_json::from_str::<Json>(&answer).unwrap_or_default();
    match error.get("errorMessage").and_then(Json::as_str) {
        Some(message) => Invocation::Failed(message.to_owned()),
        None => not_invocable(&head.status),
    }
}
