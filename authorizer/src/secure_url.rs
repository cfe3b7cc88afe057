//! URLs that are protected in transit: https, or http to a loopback host.

use url::{Host, Url};

/// Parses an https URL, or an http URL with a loopback host. `None` for any other URL, and for one
/// with a user, a password or a fragment.
pub fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (secure && url.has_host() && bare).then_some(url)
}

/// Returns whether the host is `localhost` or a loopback address. Resolves no name.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
