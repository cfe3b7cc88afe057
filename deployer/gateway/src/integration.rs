//! What answers once a request may pass.

use std::pin::Pin;
use std::task::{Context as Waiting, Poll};

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, LengthLimitError};
use hyper::body::{Body, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, Sleep};

use super::gateway_response::{Refusal, Refused};

pub mod compiled;
pub mod function;
pub mod http_proxy;
mod mapped;
pub mod mock;

/// API Gateway's payload limit.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// A body of either direction.
pub type AnyBody = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The client for backends and functions. It sends paths as they are: a client that tidied
/// them up could reach something other than what was authorized.
pub type HttpClient = Client<HttpsConnector<HttpConnector>, AnyBody>;

/// Makes the client: the web's roots, HTTP/1.1, connections reused, names of headers as they
/// were spelled.
pub fn client() -> HttpClient {
    let connector =
        HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .http1_preserve_header_case(true)
        .build(connector)
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

/// Says whether something failed because a request's body is larger than may be.
pub(super) fn too_large(error: &(dyn std::error::Error + 'static)) -> Option<Refused> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            let why = "the body is larger than 10 MB";
            return Some(Refused::because(Refusal::BodyTooLarge, why));
        }
        cause = error.source();
    }
    None
}

/// Reads an answer to its end.
async fn whole(mut content: AnyBody) -> Result<Bytes, String> {
    let mut read = BytesMut::new();
    while let Some(frame) = content.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        read.extend_from_slice(frame.data_ref().map(Bytes::as_ref).unwrap_or_default());
        if read.len() > MAX_BODY_BYTES {
            return Err("it answers more than 10 MB".to_owned());
        }
    }
    Ok(read.freeze())
}

/// Breaks a body off at a deadline, so that a backend that falls silent holds nobody for ever.
fn until<B>(body: B, deadline: Instant) -> Until<B> {
    Until { body, sleep: Box::pin(tokio::time::sleep_until(deadline)) }
}

struct Until<B> {
    body: B,
    sleep: Pin<Box<Sleep>>,
}

impl<B> Body for Until<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        waiting: &mut Waiting<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.sleep.as_mut().poll(waiting).is_ready() {
            return Poll::Ready(Some(Err("the backend did not end its answer in time".into())));
        }
        Pin::new(&mut self.body).poll_frame(waiting).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
