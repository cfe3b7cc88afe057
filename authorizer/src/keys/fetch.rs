//! The authorizer's only network call: a GET of the issuer's metadata or key set.

use std::error::Error;
use std::future::Future;
use std::iter::successors;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};

use super::address::{Addresses, LocalAddress};
use super::client::client;
use super::proxy::Proxy;
use crate::jwk::KeySetError;

/// The maximum size of a document. Key sets of known issuers have 1 to 12 KB.
pub const MAX_DOCUMENT_BYTES: usize = 150_000;

/// The reason a document could not be fetched. Nothing in it is from the response body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The bundled keys have expired, and neither `jwks_uri` nor discovery is possible.
    #[error("the bundled keys have expired and the issuer has no `jwks_uri`")]
    BundledKeysExpired,
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
    /// A URL of the metadata has only addresses that are not [`Addresses::Remote`].
    #[error("{url} has a loopback, link-local or metadata address")]
    LocalAddress {
        /// The URL.
        url: String,
    },
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
    /// The metadata has the configured `issuer` with another end.
    #[error("`issuer` of the metadata differs from the configured issuer by `/` at the end")]
    IssuerSlash,
    /// A status other than 200. Redirects are not followed.
    #[error("{url} returned status {status}")]
    Status {
        /// The requested URL.
        url: String,
        /// The status code.
        status: u16,
    },
    /// The deadline of the fetch passed during this request.
    #[error("{url} did not respond in time")]
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

/// A request for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentRequest<'a> {
    /// The URL.
    pub url: &'a str,
    /// The addresses that may be connected to.
    pub addresses: Addresses,
    /// The entity tag of the cached document, for `If-None-Match`.
    pub entity_tag: Option<&'a str>,
}

/// The result of [`Fetch::get`].
pub type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<FetchResponse, FetchError>> + Send + 'a>>;

/// Fetches documents; a trait, so that tests can replace the network.
pub trait Fetch: Send + Sync {
    /// Fetches a document. Has no deadline: the caller drops the future.
    fn get<'a>(&'a self, request: DocumentRequest<'a>) -> FetchFuture<'a>;
}

/// [`Fetch`] over HTTPS. A client is created on first use: a function with cached or bundled
/// keys never needs one.
#[derive(Default)]
pub struct HttpFetch {
    ca_bundle: Option<String>,
    proxy: Option<Proxy>,
    any_client: OnceLock<Option<reqwest::Client>>,
    remote_client: OnceLock<Option<reqwest::Client>>,
}

impl HttpFetch {
    /// Creates a client that trusts the certificates in `ca_bundle` (PEM) instead of the public
    /// root certificates.
    pub fn new(ca_bundle: Option<&str>) -> Self {
        Self { ca_bundle: ca_bundle.map(str::to_owned), ..Self::default() }
    }

    /// Sends requests through a proxy.
    #[must_use]
    pub fn with_proxy(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
    }

    fn client(&self, addresses: Addresses) -> Result<&reqwest::Client, FetchError> {
        let cell = match addresses {
            Addresses::Any => &self.any_client,
            Addresses::Remote => &self.remote_client,
        };
        let create = || client(self.ca_bundle.as_deref(), self.proxy.as_ref(), addresses);
        cell.get_or_init(create).as_ref().ok_or(FetchError::Client)
    }

    async fn exchange(&self, request: DocumentRequest<'_>) -> Result<FetchResponse, FetchError> {
        let DocumentRequest { url, addresses, entity_tag } = request;
        let failed = |error: reqwest::Error| connect_error(&error, url);
        let mut request = self.client(addresses)?.get(url);
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
    fn get<'a>(&'a self, request: DocumentRequest<'a>) -> FetchFuture<'a> {
        Box::pin(async move {
            match self.exchange(request).await {
                // Lambda freezes the process between invocations, so a pooled connection is often
                // closed: retry once, on a new one.
                Err(FetchError::Connect { .. }) => self.exchange(request).await,
                result => result,
            }
        })
    }
}

fn connect_error(error: &reqwest::Error, url: &str) -> FetchError {
    let url = url.to_owned();
    let mut causes = successors(error.source(), |&cause| cause.source());
    if causes.any(<dyn Error>::is::<LocalAddress>) {
        FetchError::LocalAddress { url }
    } else {
        FetchError::Connect { url }
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
