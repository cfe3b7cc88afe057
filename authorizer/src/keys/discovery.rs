//! OpenID Connect Discovery 1.0: the issuer's metadata → its `jwks_uri`.

use std::net::IpAddr;

use serde::Deserialize;
use url::{Host, Url};

use super::address::{Addresses, is_local};
use super::fetch::FetchError;
use crate::secure_url;

/// Returns the metadata URL of an issuer (section 4: without the issuer's trailing slash).
pub(crate) fn uri(issuer: &str) -> String {
    let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
    format!("{issuer}/.well-known/openid-configuration")
}

/// Returns the addresses for the metadata of an issuer and for its `jwks_uri`: local ones only if
/// the configured issuer itself is loopback.
pub(crate) fn addresses(issuer: &str) -> Addresses {
    let loopback = secure_url::parse(issuer).is_some_and(|url| secure_url::is_loopback(&url));
    if loopback { Addresses::Any } else { Addresses::Remote }
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
        let without_slash = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
        let is_near = without_slash(&metadata.issuer) == without_slash(issuer);
        return Err(if is_near { FetchError::IssuerSlash } else { FetchError::IssuerMismatch });
    }
    let url = secure_url::parse(&metadata.jwks_uri).ok_or(FetchError::InsecureJwksUri)?;
    if addresses(issuer) == Addresses::Remote {
        if url.scheme() != "https" {
            return Err(FetchError::InsecureJwksUri);
        }
        // Names are checked when they are resolved.
        if literal_address(&url).is_some_and(is_local) {
            return Err(FetchError::LocalAddress { url: url.into() });
        }
    }
    Ok(url.into())
}

fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
    }
}
