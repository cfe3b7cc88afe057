//! The smoke test: one request to a stage that was just updated. An update takes time to propagate, so
//! the request is retried.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Empty;

use super::SmokeFailure;
use crate::output::Output;
use compiler::api::PresentedToken;
use gateway::body::body;
use gateway::client::{HttpClient, client};

/// The number of attempts, and the pause between two of them.
const ATTEMPTS: u32 = 15;
const PAUSE: Duration = Duration::from_secs(2);

/// The timeout of one request, in seconds.
const TIMEOUT: u64 = 30;

/// A request to a stage, and its expected status.
pub(super) struct SmokeTest {
    pub url: String,
    pub token: Option<PresentedToken>,
    /// None accepts any status below 500.
    pub expected: Option<u16>,
}

impl SmokeTest {
    /// Retries the request until it succeeds; returns the last failure otherwise.
    pub(super) async fn run(&self, output: Output) -> Result<(), SmokeFailure> {
        // Messages have the URL without a token in its query.
        let url = self.token.as_ref().map_or(self.url.clone(), |token| token.url(&self.url));
        let uri: Uri = url.parse().map_err(|_| SmokeFailure::Url(self.url.clone()))?;
        let client = client();
        let mut result = self.request(&uri, &client).await;
        for _ in 1..ATTEMPTS {
            let Err(failure) = &result else { break };
            output.note(&format!("  retrying in 2 s: {failure}"));
            tokio::time::sleep(PAUSE).await;
            result = self.request(&uri, &client).await;
        }
        result
    }

    async fn request(&self, uri: &Uri, client: &HttpClient) -> Result<(), SmokeFailure> {
        let url = self.url.clone();
        let mut request = Request::get(uri.clone());
        if let Some((name, value)) = self.token.as_ref().and_then(PresentedToken::header) {
            request = request.header(name, value);
        }
        let unreachable =
            |cause: String| SmokeFailure::Unreachable { url: self.url.clone(), cause };
        let request = request
            .body(body(Empty::<Bytes>::new()))
            .map_err(|error| unreachable(error.to_string()))?;
        let limit = Duration::from_secs(TIMEOUT);
        match tokio::time::timeout(limit, client.request(request)).await {
            Err(_) => Err(SmokeFailure::Timeout { url, seconds: TIMEOUT }),
            Ok(Err(error)) => Err(unreachable(error.to_string())),
            Ok(Ok(response)) => {
                let (found, expected) = (response.status().as_u16(), self.expected);
                if expected.map_or(found < 500, |expected| found == expected) {
                    return Ok(());
                }
                Err(SmokeFailure::Status { url, expected, found })
            }
        }
    }
}
