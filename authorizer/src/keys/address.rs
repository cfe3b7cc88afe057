//! Addresses of the function's own host and network link, which an issuer's metadata must not
//! name. Checked on the addresses that are connected to, so a name that is resolved again later
//! gives nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The addresses that a request may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Any address: the URL is from the configuration.
    Any,
    /// No loopback, unspecified, link-local or metadata address: the URL is from an issuer's
    /// metadata. Private networks are allowed.
    Remote,
}

/// No address of the name is [`Addresses::Remote`].
#[derive(Debug, thiserror::Error)]
#[error("resolves to local addresses only")]
pub(crate) struct LocalAddress;

/// Resolves names to [`Addresses::Remote`].
pub(crate) struct RemoteResolver {
    /// The proxy's host may have any address.
    pub(crate) proxy_host: Option<String>,
}

impl Resolve for RemoteResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxy_host.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let usable = found.filter(|address| is_proxy || !is_local(address.ip()));
            let usable: Vec<SocketAddr> = usable.collect();
            if usable.is_empty() {
                return Err(LocalAddress.into());
            }
            let usable: Addrs = Box::new(usable.into_iter());
            Ok(usable)
        })
    }
}

/// Returns whether an address is loopback, unspecified, link-local or one of AWS's metadata
/// services.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
pub(crate) fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_local_ipv4(address),
        IpAddr::V6(address) => {
            embedded_ipv4(address).is_some_and(is_local_ipv4)
                || address.is_unicast_link_local()
                // `fd00:ec2::/32`: metadata, credentials, DNS and time of AWS.
                || matches!(address.segments(), [0xfd00, 0x0ec2, ..])
        }
    }
}

fn is_local_ipv4(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [0 | 127, ..] | [169, 254, ..])
}

/// Returns the IPv4 address in `::a.b.c.d` (so in `::` and `::1`), `::ffff:a.b.c.d` and
/// `64:ff9b::a.b.c.d` (RFC 6052).
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => {
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => address.to_ipv4(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn local_addresses_are_recognized_in_every_form() {
        for (address, local) in [
            ("127.0.0.1", true),
            ("127.255.255.254", true),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("169.254.169.254", true),
            ("169.254.170.2", true),
            ("::", true),
            ("::1", true),
            ("::127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:169.254.169.254", true),
            ("64:ff9b::169.254.169.254", true),
            ("fe80::1", true),
            ("febf::1", true),
            ("fd00:ec2::254", true),
            ("fd00:ec2::23", true),
            ("10.0.0.1", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.253.255.255", false),
            ("93.184.216.34", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::93.184.216.34", false),
            ("fd00:ec3::254", false),
            ("fec0::1", false),
            ("2606:2800:220:1::1", false),
        ] {
            assert_eq!(is_local(address.parse().unwrap()), local, "{address}");
        }
    }
}
