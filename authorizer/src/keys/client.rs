//! The HTTP client for fetching keys.

use std::sync::Arc;
use std::time::Duration;

use super::address::{Addresses, RemoteResolver};
use super::proxy::Proxy;
use crate::pem;

/// The time that an idle connection is reused, for a key set on the host of its metadata. Later it
/// may be closed: Lambda freezes the process between invocations.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);

/// Creates the HTTP client, with the compiled-in root certificates or those of `ca_bundle`. The
/// platform's certificate verifier would need tens of milliseconds to set up.
pub(super) fn client(
    ca_bundle: Option<&str>,
    proxy: Option<&Proxy>,
    addresses: Addresses,
) -> Option<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(ca_bundle)?)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .pool_idle_timeout(IDLE_TIMEOUT);
    if let Some(proxy) = proxy {
        builder = builder.proxy(proxy.client_proxy()?);
    }
    if addresses == Addresses::Remote {
        let proxy_host = proxy.and_then(Proxy::host).map(str::to_owned);
        builder = builder.dns_resolver(RemoteResolver { proxy_host });
    }
    builder.build().ok()
}

fn tls(ca_bundle: Option<&str>) -> Option<rustls::ClientConfig> {
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
    Some(tls)
}
