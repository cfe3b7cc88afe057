//! One request to a stage that has just moved. What moved is not at once everywhere, so a wrong
//! answer is asked for again for a while.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Empty;

use crate::output::Output;
use gateway::body::body;
use gateway::client::client;

/// How often it is asked, and how far apart.
const TRIES: u32 = 15;
const PAUSE: Duration = Duration::from_secs(2);

/// Asks until the answer is right; says what it was if it never is.
pub(super) async fn ask(
    url: &str,
    token: Option<&str>,
    expected: Option<u16>,
    output: Output,
) -> Result<(), String> {
    let uri: Uri = url.parse().map_err(|_| format!("`{url}` is no URL"))?;
    let client = client();
    let mut last = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            output.note(&format!("  waiting 2 s: {last}"));
            tokio::time::sleep(PAUSE).await;
        }
        let mut request = Request::get(uri.clone());
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request =
            request.body(body(Empty::<Bytes>::new())).map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(Duration::from_secs(30), client.request(request)).await;
        last = match answer {
            Err(_) => format!("{url} did not answer within 30 s"),
            Ok(Err(error)) => format!("{url} cannot be asked: {error}"),
            Ok(Ok(answer)) => {
                let status = answer.status().as_u16();
                if expected.map_or(status < 500, |expected| status == expected) {
                    return Ok(());
                }
                format!("{url} answered {status}")
            }
        };
    }
    Err(last)
}
