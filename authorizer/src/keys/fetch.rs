//! The authorizer's only network call: GET a small document from an issuer.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::jwk::KeySetError;

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

/// The result of [`Fetch::get`].
pub type Fetched<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + 'a>>;

/// Gets documents. The tests put something else in its place.
pub trait Fetch: Send + Sync {
    /// Gets the body that `url` answers with 200.
    fn get<'a>(&'a self, url: &'a str) -> Fetched<'a>;
}

/// [`Fetch`] over HTTP. The client is made when it is first needed: a Lambda whose keys are
/// at hand never pays for it.
#[derive(Default)]
pub struct HttpFetch {
    client: OnceLock<Option<reqwest::Client>>,
}

impl Fetch for HttpFetch {
    fn get<'a>(&'a self, url: &'a str) -> Fetched<'a> {
        Box::pin(async move {
            let client = self.client.get_or_init(client).as_ref().ok_or(FetchError::Client)?;
            let failed = |error: reqwest::Error| {
                let url = url.to_owned();
                if error.is_timeout() {
                    FetchError::Timeout { url }
                } else {
                    FetchError::Connect { url }
                }
            };
            let mut response = client.get(url).send().await.map_err(failed)?;
            if response.status() != reqwest::StatusCode::OK {
                return Err(FetchError::Status {
                    url: url.to_owned(),
                    status: response.status().as_u16(),
                });
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                if body.len().saturating_add(chunk.len()) > MAX_DOCUMENT_BYTES {
                    return Err(FetchError::TooLarge { url: url.to_owned() });
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body)
        })
    }
}

/// Web roots compiled in and AWS-LC as the one crypto library: the platform's verifier takes
/// tens of milliseconds to set up.
fn client() -> Option<reqwest::Client> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
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
