//! OpenID Connect Discovery 1.0: the issuer's metadata → its `jwks_uri`.

use serde::Deserialize;

use super::fetch::FetchError;
use crate::secure_url;

/// Returns the metadata URL of an issuer (section 4: without the issuer's trailing slash).
pub(crate) fn uri(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{issuer}/.well-known/openid-configuration")
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Returns the `jwks_uri` of the metadata. Its `issuer` must equal `issuer` (section 4.3).
pub(crate) fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, FetchError> {
    let metadata: Metadata =
        serde_json::from_slice(document).map_err(|_| FetchError::InvalidMetadata)?;
    if metadata.issuer != issuer {
        return Err(FetchError::IssuerMismatch);
    }
    match secure_url::parse(&metadata.jwks_uri) {
        Some(url) => Ok(url.into()),
        None => Err(FetchError::InsecureJwksUri),
    }
}
