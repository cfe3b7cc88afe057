//! URLs that are protected in transit: https, or http to a loopback host.

use url::{Host, Url};

/// Parses an https URL, or an http URL with a loopback host. `None` for any other URL, and for one
/// with a user, a password or a fragment.
pub fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (secure && bare).then_some(url)
}
