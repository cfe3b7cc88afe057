//! An HTTP/1.1 server with graceful shutdown.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use super::body::{AnyBody, ResponseFuture, body};

/// API Gateway's limit is 10,240 bytes of request line and headers; a little more is read so that a
/// request just above it gets a response.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The timeout for receiving a request's head, and for requests in flight when the server stops.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Handles the requests of a server.
pub type Handler =
    Arc<dyn Fn(Request<AnyBody>, SocketAddr) -> ResponseFuture<'static> + Send + Sync>;

/// A future that completes when a server is to stop.
pub type ShutdownSignal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The future of a server. Boxed, so that its tasks are compiled in this crate.
pub type ServerFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves requests with a handler until `stop` completes.
pub fn serve(listener: TcpListener, stop: ShutdownSignal, handler: Handler) -> ServerFuture {
    Box::pin(accept(listener, stop, handler))
}

async fn accept(listener: TcpListener, mut stop: ShutdownSignal, handler: Handler) {
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Out of file descriptors, most often: wait for some to be freed.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request: Request<Incoming>| {
            let response = handler(request.map(body), peer);
            async move { Ok::<_, std::convert::Infallible>(response.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .preserve_header_case(true)
            .header_read_timeout(TIMEOUT)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        // The client of a broken connection cannot receive an error.
        tokio::spawn(async move { _ = connection.await });
    }
    drop(listener);
    // Slower requests are aborted.
    let _ = tokio::time::timeout(TIMEOUT, graceful.shutdown()).await;
}
