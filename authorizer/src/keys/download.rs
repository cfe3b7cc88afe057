//! The download of a key set that is bundled with a configuration: the same requests and checks as
//! those of the function.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::fetch::{DocumentRequest, Fetch, FetchError, FetchResponse};
use super::origin::Origin;
use crate::issuer::Issuer;
use crate::jwk::{KeySet, KeySetError, has_private_key};
use crate::signature::Algorithm;

/// A key set of an issuer, with public keys only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The URL that it was fetched from.
    pub jwks_uri: String,
    /// The JSON Web Key Set (RFC 7517): its `keys` alone.
    pub jwks: Value,
}

/// Fetches the key set of an issuer; `deadline` is for metadata and key set together. A set with a
/// private or symmetric key, or without a key for the issuer's algorithms, is an error.
pub async fn download(
    issuer: &Issuer,
    fetch: Arc<dyn Fetch>,
    deadline: Duration,
) -> Result<Download, FetchError> {
    let origin = Origin::new(issuer, fetch);
    let result = timeout(deadline, from(&origin, issuer.algorithms())).await;
    result.unwrap_or_else(|_| Err(origin.late()))
}

async fn from(origin: &Origin, algorithms: &[Algorithm]) -> Result<Download, FetchError> {
    let (jwks_uri, addresses) = origin.locate().await?;
    let request = DocumentRequest { url: &jwks_uri, addresses, entity_tag: None };
    let FetchResponse::Document { body, .. } = origin.get(request).await? else {
        // The request was not conditional.
        return Err(KeySetError::Malformed.into());
    };
    let jwks = public_keys(&body)?;
    if KeySet::read(jwks.to_string().as_bytes(), algorithms)?.has_ambiguous_key() {
        return Err(KeySetError::AmbiguousAlgorithm.into());
    }
    Ok(Download { jwks_uri, jwks })
}

/// Returns the `keys` of a key set.
fn public_keys(document: &[u8]) -> Result<Value, KeySetError> {
    let document: Value = serde_json::from_slice(document).map_err(|_| KeySetError::Malformed)?;
    let keys = document.get("keys").filter(|keys| keys.is_array()).ok_or(KeySetError::Malformed)?;
    let jwks = json!({ "keys": keys });
    if has_private_key(&jwks) { Err(KeySetError::PrivateKey) } else { Ok(jwks) }
}
