//! OpenID Connect Discovery 1.0: an issuer's metadata → where its keys are.

use serde::Deserialize;

use super::fetch::FetchError;
use crate::secure_url;

/// Returns where an issuer's metadata is (section 4: a slash at the issuer's end goes first).
pub(crate) fn uri(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{issuer}/.well-known/openid-configuration")
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Reads the metadata of `issuer`. Section 4.3: the issuer in it must be the one asked for.
pub(crate) fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, FetchError> {
    let metadata: Metadata =
        serde_json::from_slice(document).map_err(|_| FetchError::NotMetadata)?;
    if metadata.issuer != issuer {
        return Err(FetchError::OtherIssuer);
    }
    match secure_url::parse(&metadata.jwks_uri) {
        Some(url) => Ok(url.into()),
        None => Err(FetchError::InsecureKeySet),
    }
}
