//! An HTTP/1.1 server with graceful shutdown.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;

use super::body::AnyBody;

/// API Gateway takes 10,240 bytes of request line and headers; a little more is read here so
/// that a request just above it gets an answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a client may take to send a request's head, and how long one in flight may take
/// to end when the gateway is stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves any handler over HTTP/1.1 until `stop` is done.
pub async fn serve_with<H, F>(listener: TcpListener, stop: impl Future<Output = ()>, handle: H)
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<AnyBody>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
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
        let handle = handle.clone();
        let service = service_fn(move |request| {
            let answering = handle(request, peer);
            async move { Ok::<_, std::convert::Infallible>(answering.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .preserve_header_case(true)
            .header_read_timeout(PATIENCE)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        // What breaks a connection is the client's business, and it is gone.
        tokio::spawn(async move { _ = connection.await });
    }
    drop(listener);
    // Whoever is slower is cut off.
    let _ = tokio::time::timeout(PATIENCE, graceful.shutdown()).await;
}
