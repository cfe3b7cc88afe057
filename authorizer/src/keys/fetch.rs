//! The authorizer's only network call: GET a small document from an issuer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};

use crate::jwk::KeySetError;
use crate::pem;

/// Known key sets have 1 to 12 KB; beyond this it is none, or an attack.
pub const MAX_DOCUMENT_BYTES: usize = 150_000;

/// The whole exchange, connecting included: API Gateway gives up on an authorizer after 29 s.
pub const DEADLINE: Duration = Duration::from_secs(3);

/// Why keys could not be had. Nothing in it comes from the response's body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The client could not be set up.
    #[error("the TLS client could not be set up")]
    Client,
    /// No connection, or it broke.
    #[error("{url} cannot be reached")]
    Connect {
        /// What was fetched.
        url: String,
    },
    /// The metadata sends us to a place where the keys could be replaced on the way.
    #[error("the issuer's metadata has a `jwks_uri` that is no https URL")]
    InsecureKeySet,
    /// The document is not a usable key set.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// No fetch was tried; only seen if one was abandoned.
    #[error("the keys were never fetched")]
    NeverFetched,
    /// No metadata with `issuer` and `jwks_uri`.
    #[error("the issuer's metadata is not an OpenID Connect discovery document")]
    NotMetadata,
    /// Metadata of somebody else.
    #[error("the issuer's metadata names another issuer")]
    OtherIssuer,
    /// Anything but 200; a redirect is not followed.
    #[error("{url} answered {status}")]
    Status {
        /// What was fetched.
        url: String,
        /// The status code.
        status: u16,
    },
    /// No answer in time.
    #[error("{url} did not answer within 3 seconds")]
    Timeout {
        /// What was fetched.
        url: String,
    },
    /// More than [`MAX_DOCUMENT_BYTES`].
    #[error("{url} sent more than 150,000 bytes")]
    TooLarge {
        /// What was fetched.
        url: String,
    },
}

/// What an issuer answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchResponse {
    /// What is at hand is still right.
    Unchanged {
        /// How long it may be used, as far as the issuer says.
        max_age: Option<Duration>,
    },
    /// A document.
    Document {
        /// Its bytes.
        body: Vec<u8>,
        /// Its entity tag, to ask later whether it changed.
        entity_tag: Option<String>,
        /// How long it may be used, as far as the issuer says.
        max_age: Option<Duration>,
    },
}

/// The result of [`Fetch::get`].
pub type FetchFuture<'a> =
    Pin<Box<dyn Future<Output = Result<FetchResponse, FetchError>> + Send + 'a>>;

/// Gets documents. The tests put something else in its place.
pub trait Fetch: Send + Sync {
    /// Gets what `url` answers with 200, or with 304 if its entity tag is still this one.
    fn get<'a>(&'a self, url: &'a str, entity_tag: Option<&'a str>) -> FetchFuture<'a>;
}

/// [`Fetch`] over HTTP. The client is made when it is first needed: a Lambda whose keys are
/// at hand never pays for it.
#[derive(Default)]
pub struct HttpFetch {
    ca_bundle: Option<String>,
    client: OnceLock<Option<reqwest::Client>>,
}

impl HttpFetch {
    /// Trusts the certificates in this PEM text in the place of the web's.
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
                // A frozen Lambda's connections are often dead when it thaws: once more, on a
                // new one.
                Err(FetchError::Connect { .. }) => self.exchange(url, entity_tag).await,
                result => result,
            }
        })
    }
}

/// Reads `max-age` of a `Cache-Control` (RFC 9111 section 5.2); `no-store` and `no-cache` are 0.
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

/// Compiled-in roots, or the given ones, and AWS-LC as the one crypto library: the platform's
/// verifier takes tens of milliseconds to set up.
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
    fn a_cache_control_says_how_long() {
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
