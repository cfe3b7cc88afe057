//! Lambda functions: commands under a local Runtime API, or Lambda Invoke endpoints.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value as Json;

use super::body::body;
use super::client::HttpClient;
use environments::Environments;

mod environments;

pub use environments::{Command, Settings};

/// Lambda's limit for response payloads.
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

/// Functions by name.
pub struct Functions {
    by_name: BTreeMap<String, Function>,
    client: HttpClient,
}

enum Function {
    Endpoint(Uri),
    Command(Environments),
}

/// An invocation that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoked {
    /// Lambda's id of the request, with which the function's log begins its lines; none in this
    /// process, or if an endpoint returned none.
    pub request_id: Option<String>,
    /// The outcome.
    pub outcome: Invocation,
}

/// The outcome of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// The function succeeded with this JSON.
    Succeeded(String),
    /// The function ended with an error.
    Failed {
        /// Its `errorMessage`.
        message: String,
        /// The whole error, as Lambda reports it.
        payload: String,
    },
    /// The function could not be invoked.
    NotInvocable(String),
}

impl Invocation {
    /// Parses an error as Lambda reports it.
    pub fn failed(payload: String) -> Option<Self> {
        let error: Json = serde_json::from_str(&payload).ok()?;
        let message = error.get("errorMessage")?.as_str()?.to_owned();
        Some(Self::Failed { message, payload })
    }
}

impl Functions {
    /// Creates an empty set.
    pub fn new(client: HttpClient) -> Self {
        Self { by_name: BTreeMap::new(), client }
    }

    /// Adds a function at the endpoint `…/2015-03-31/functions/NAME/invocations`.
    pub fn add_endpoint(&mut self, name: &str, endpoint: Uri) {
        self.by_name.insert(name.to_owned(), Function::Endpoint(endpoint));
    }

    /// Adds a function that is a command.
    pub fn add_command(&mut self, command: Command) {
        let name = command.name.clone();
        self.by_name.insert(name, Function::Command(Environments::new(command)));
    }

    /// Restarts the functions that are commands, so that they reload their settings.
    pub fn recycle(&self) {
        for function in self.by_name.values() {
            if let Function::Command(environments) = function {
                environments.recycle();
            }
        }
    }

    /// Returns whether there is a function with this name.
    pub fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Invokes a function and waits for its outcome.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Invoked {
        match self.by_name.get(name) {
            None => {
                let reason = format!("function `{name}` does not exist");
                Invoked { request_id: None, outcome: Invocation::NotInvocable(reason) }
            }
            Some(Function::Command(environments)) => environments.invoke(payload).await,
            Some(Function::Endpoint(uri)) => self.invoke_at(uri, payload).await,
        }
    }

    /// Invokes the function at an endpoint and waits for its outcome.
    pub async fn invoke_at(&self, endpoint: &Uri, payload: Bytes) -> Invoked {
        let mut request_id = None;
        let outcome = invoke_endpoint(endpoint, payload, &self.client, &mut request_id).await;
        Invoked { request_id, outcome }
    }
}

/// Invokes a function over HTTP, and sets the id of the request. Lambda reports a function's error by
/// a header; `cargo lambda watch` by the status.
async fn invoke_endpoint(
    uri: &Uri,
    payload: Bytes,
    client: &HttpClient,
    request_id: &mut Option<String>,
) -> Invocation {
    let not_invocable =
        |cause: &dyn std::fmt::Display| Invocation::NotInvocable(format!("{uri}: {cause}"));
    let request = Request::post(uri.clone())
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body(Full::new(payload)));
    let response = match request {
        Ok(request) => client.request(request).await,
        Err(error) => return not_invocable(&error),
    };
    let (head, body) = match response {
        Ok(response) => response.into_parts(),
        Err(error) => return not_invocable(&error),
    };
    let id = head.headers.get("x-amzn-requestid").and_then(|id| id.to_str().ok());
    *request_id = id.map(str::to_owned);
    let output = match Limited::new(body, MAX_RESPONSE_BYTES).collect().await {
        Ok(collected) => String::from_utf8_lossy(&collected.to_bytes()).into_owned(),
        Err(error) => return not_invocable(&error),
    };
    if head.status.is_success() && !head.headers.contains_key("x-amz-function-error") {
        return Invocation::Succeeded(output);
    }
    Invocation::failed(output).unwrap_or_else(|| not_invocable(&head.status))
}
