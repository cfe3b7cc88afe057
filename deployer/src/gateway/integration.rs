//! What answers once a request may pass.

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub mod http_proxy;
pub mod mock;

/// A body of either direction.
pub type AnyBody = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The client for backends and functions. It sends paths as they are: a client that tidied
/// them up could reach something other than what was authorized.
pub type HttpClient = Client<HttpsConnector<HttpConnector>, AnyBody>;

/// Makes the client: the web's roots, HTTP/1.1, connections reused.
pub fn client() -> HttpClient {
    let connector =
        HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

/// Makes a body of any kind one of ours.
pub fn body<B>(body: B) -> AnyBody
where
    B: Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    body.map_err(Into::into).boxed()
}

/// An integration's answer, and what to tell about it.
pub type Answered = (Response<AnyBody>, String);
