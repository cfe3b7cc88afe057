//! The authorizer's only network call: a GET of the issuer's metadata or key set.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};

use crate::jwk::KeySetError;
use crate::pem;

/// The maximum size of a document. Key sets of known issuers have 1 to 12 KB.
pub const MAX_DOCUMENT_BYTES: usize = 150_000;

/// The timeout of a request, connecting included. API Gateway waits at most 29 s for an authorizer.
pub const DEADLINE: Duration = Duration::from_secs(3);

/// The reason a document could not be fetched. Nothing in it is from the response body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The TLS client could not be created.
    #[error("cannot create the TLS client")]
    Client,
    /// The connection failed, or was closed early.
    #[error("cannot reach {url}")]
    Connect {
        /// The requested URL.
        url: String,
    },
    /// The metadata's `jwks_uri` is not https, so the keys could be replaced in transit.
    #[error("`jwks_uri` of the issuer's metadata is not an https URL")]
    InsecureJwksUri,
    /// The document is not a usable key set.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// No fetch has completed yet, because one was cancelled.
    #[error("the keys were never fetched")]
    NeverFetched,
    /// The document is not metadata with `issuer` and `jwks_uri`.
    #[error("the issuer's metadata is not an OpenID Connect discovery document")]
    InvalidMetadata,
    /// The metadata has another `issuer`.
    #[error("`issuer` of the metadata does not match the configured issuer")]
    IssuerMismatch,
    /// A status other than 200. Redirects are not followed.
    #[error("{url} returned status {status}")]
    Status {
        /// The requested URL.
        url: String,
        /// The status code.
        status: u16,
    },
    /// No complete response within [`DEADLINE`].
    #[error("{url} timed out after 3 seconds")]
    Timeout {
        /// The requested URL.
        url: String,
    },
    /// The response exceeds [`MAX_DOCUMENT_BYTES`].
    #[error("{url} returned more than 150,000 bytes")]
    TooLarge {
        /// The requested URL.
        url: String,
    },
}

/// The response of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchResponse {
    /// 304: the cached document is unchanged.
    Unchanged {
        /// `max-age` of the response.
        max_age: Option<Duration>,
    },
    /// 200: a document.
    Document {
        /// The response body.
        body: Vec<u8>,
        /// The entity tag, for conditional requests.
        entity_tag: Option<String>,
        /// `max-age` of the response.
        max_age: Option<Duration>,
    },
}

/// The result of [`Fetch::get`].
pub type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<FetchResponse, FetchError>> + Send + 'a>>;

/// Fetches documents; a trait, so that tests can replace the network.
pub trait Fetch: Send + Sync {
    /// Fetches `url`, with `If-None-Match` if `entity_tag` is given.
    fn get<'a>(&'a self, url: &'a str, entity_tag: Option<&'a str>) -> FetchFuture<'a>;
}

/// [`Fetch`] over HTTPS. The client is created on first use: a function with cached or bundled
/// keys never needs it.
#[derive(Default)]
pub struct HttpFetch {
    ca_bundle: Option<String>,
    client: OnceLock<Option<reqwest::Client>>,
}

impl HttpFetch {
    /// Creates a client that trusts the certificates in `ca_bundle` (PEM) instead of the public
    /// root certificates.
    pub fn new(ca_bundle: Option<&str>) -> Self {
        Self { ca_bundle: ca_bundle.map(str::to_owned), client: OnceLock::new() }
    }

    async fn exchange(
        &self,
        url: &str,
        entity_tag: Option<&str>,
    ) -> Result<FetchResponse, FetchError> {
        let client = self.client.get_or_init(|| client(self.ca_bundle.as_deref()));
        let client = client.as_ref().ok_or(FetchError::Client)?;
        let failed = |error: reqwest::Error| {
            let url = url.to_owned();
            if error.is_timeout() {
                FetchError::Timeout { url }
            } else {
                FetchError::Connect { url }
            }
        };
        let mut request = client.get(url);
        if let Some(tag) = entity_tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let max_age = header(CACHE_CONTROL).and_then(max_age);
        let received_tag = header(ETAG).map(str::to_owned);
        if status == StatusCode::NOT_MODIFIED && entity_tag.is_some() {
            return Ok(FetchResponse::Unchanged { max_age });
        }
        if status != StatusCode::OK {
            return Err(FetchError::Status { url: url.to_owned(), status: status.as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > MAX_DOCUMENT_BYTES {
                return Err(FetchError::TooLarge { url: url.to_owned() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(FetchResponse::Document { body, entity_tag: received_tag, max_age })
    }
}

impl Fetch for HttpFetch {
    fn get<'a>(&'a self, url: &'a str, entity_tag: Option<&'a str>) -> FetchFuture<'a> {
        Box::pin(async move {
            match self.exchange(url, entity_tag).await {
                // Lambda freezes the process between invocations, so a pooled connection is often
                // closed: retry once, on a new one.
                Err(FetchError::Connect { .. }) => self.exchange(url, entity_tag).await,
                result => result,
            }
        })
    }
}

/// Reads `max-age` of `Cache-Control` (RFC 9111 section 5.2); `no-store` and `no-cache` give 0.
fn max_age(value: &str) -> Option<Duration> {
    let mut found = None;
    for directive in value.split(',').map(str::trim) {
        if directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("no-cache")
        {
            return Some(Duration::ZERO);
        }
        if let Some((name, seconds)) = directive.split_once('=')
            && name.eq_ignore_ascii_case("max-age")
        {
            found = seconds.trim_matches('"').parse().ok().map(Duration::from_secs);
        }
    }
    found
}

/// Creates the HTTP client, with the compiled-in root certificates or those of `ca_bundle`. The
/// platform's certificate verifier would need tens of milliseconds to set up.
fn client(ca_bundle: Option<&str>) -> Option<reqwest::Client> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    match ca_bundle {
        Some(pem) => {
            for certificate in pem::certificates(pem)? {
                roots.add(certificate).ok()?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .timeout(DEADLINE)
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::max_age;
    use std::time::Duration;

    #[test]
    fn max_age_is_read_from_cache_control() {
        for (value, seconds) in [
            ("max-age=300", Some(300)),
            ("public, Max-Age=300, immutable", Some(300)),
            ("max-age=\"300\"", Some(300)),
            ("max-age=300, no-store", Some(0)),
            ("no-cache", Some(0)),
            ("public", None),
            ("max-age=soon", None),
            ("s-maxage=9", None),
            ("", None),
        ] {
            assert_eq!(max_age(value), seconds.map(Duration::from_secs), "{value}");
        }
    }
}
