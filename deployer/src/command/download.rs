//! Downloads a function's package. Its URL grants access by itself: no message contains it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};

use super::DownloadError;
use gateway::body::body;
use gateway::client::client;

/// The maximum size of a package: Lambda accepts 50 MB.
const MAX_BYTES: usize = 60 * 1024 * 1024;

/// The timeout of the whole download.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Downloads a package.
pub(super) async fn download(url: &str) -> Result<Vec<u8>, DownloadError> {
    match tokio::time::timeout(TIMEOUT, fetch(url)).await {
        Ok(result) => result,
        Err(_) => Err(DownloadError::Timeout),
    }
}

async fn fetch(url: &str) -> Result<Vec<u8>, DownloadError> {
    let uri: Uri = url.parse().map_err(|_| DownloadError::Url)?;
    let request = Request::get(uri).body(body(Empty::<Bytes>::new()));
    let request = request.map_err(|_| DownloadError::Url)?;
    let response = client().request(request).await;
    let response = response.map_err(|error| DownloadError::Unreachable(error.to_string()))?;
    if response.status() != StatusCode::OK {
        return Err(DownloadError::Status(response.status().as_u16()));
    }
    match Limited::new(response.into_body(), MAX_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(DownloadError::TooLarge),
        Err(error) => Err(DownloadError::Unreachable(error.to_string())),
    }
}
