//! The origin of an issuer's key sets: a configured URL, or the one in the issuer's metadata.

use std::sync::{Arc, Mutex, PoisonError};

use super::address::Addresses;
use super::discovery;
use super::fetch::{DocumentRequest, Fetch, FetchError, FetchResponse};
use crate::issuer::{Issuer, TENANT};
use crate::secure_url;

/// The origin of the key sets of one issuer.
pub(super) struct Origin {
    issuer: String,
    kind: Kind,
    fetch: Arc<dyn Fetch>,
    /// The URL of the latest request.
    requested_url: Mutex<String>,
}

enum Kind {
    /// The configured `jwks_uri`.
    JwksUri(String),
    /// The `jwks_uri` of the issuer's metadata.
    Discovery,
    /// The configuration alone: the issuer's name is not a URL.
    Bundled,
}

impl Origin {
    pub(super) fn new(issuer: &Issuer, fetch: Arc<dyn Fetch>) -> Self {
        let name = issuer.issuer();
        let kind = match issuer.jwks_uri() {
            Some(uri) => Kind::JwksUri(uri.to_owned()),
            None if name.contains(TENANT) || secure_url::parse(name).is_none() => Kind::Bundled,
            None => Kind::Discovery,
        };
        Self { issuer: name.to_owned(), kind, fetch, requested_url: Mutex::default() }
    }

    /// Returns the issuer identifier.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns whether keys can be fetched.
    pub(super) fn has_url(&self) -> bool {
        !matches!(self.kind, Kind::Bundled)
    }

    /// Returns the URL of the key set, and the addresses that it may have.
    pub(super) async fn locate(&self) -> Result<(String, Addresses), FetchError> {
        match &self.kind {
            Kind::JwksUri(uri) => Ok((uri.clone(), Addresses::Any)),
            Kind::Discovery => Ok((self.discover().await?, discovery::addresses(&self.issuer))),
            Kind::Bundled => Err(FetchError::BundledKeysExpired),
        }
    }

    /// Fetches a document of the issuer.
    pub(super) async fn get(
        &self,
        request: DocumentRequest<'_>,
    ) -> Result<FetchResponse, FetchError> {
        request
            .url
            .clone_into(&mut self.requested_url.lock().unwrap_or_else(PoisonError::into_inner));
        self.fetch.get(request).await
    }

    /// Returns the error of a fetch whose deadline passed during the latest request.
    pub(super) fn late(&self) -> FetchError {
        let url = self.requested_url.lock().unwrap_or_else(PoisonError::into_inner).clone();
        FetchError::Timeout { url }
    }

    async fn discover(&self) -> Result<String, FetchError> {
        let url = discovery::uri(&self.issuer);
        let addresses = discovery::addresses(&self.issuer);
        match self.get(DocumentRequest { url: &url, addresses, entity_tag: None }).await? {
            FetchResponse::Document { body, .. } => discovery::jwks_uri(&body, &self.issuer),
            // The request was not conditional.
            FetchResponse::Unchanged { .. } => Err(FetchError::InvalidMetadata),
        }
    }
}
