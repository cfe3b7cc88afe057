//! The HTTP client for backends and functions.

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::AnyBody;

/// The client. It sends paths unchanged: a normalized path could reach another resource than the
/// one that was authorized.
pub type HttpClient = Client<HttpsConnector<HttpConnector>, AnyBody>;

/// Builds the client: public root certificates, HTTP/1.1, pooled connections, and the case of
/// header names preserved.
pub fn client() -> HttpClient {
    let connector =
        HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .http1_preserve_header_case(true)
        .build(connector)
}
