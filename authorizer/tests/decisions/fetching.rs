//! Fetching, against misbehaving servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authorizer::keys::fetch::{Fetch, FetchError, FetchResponse, HttpFetch, MAX_DOCUMENT_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The behavior of a server after it has read a request.
#[derive(Clone)]
enum Behavior {
    /// Sends this and closes.
    Respond(Vec<u8>),
    /// Sends this and nothing more.
    Hang(Vec<u8>),
    /// Sends a response head, then a byte every 100 ms.
    Trickle,
    /// Closes the first connection without a response, and responds on the second.
    CloseFirst(Vec<u8>),
}

/// Starts a server and counts its connections.
async fn serve(behavior: Behavior) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let first = count.fetch_add(1, Ordering::Relaxed) == 0;
            tokio::spawn(respond(stream, behavior.clone(), first));
        }
    });
    (url, connections)
}

async fn respond(mut stream: TcpStream, behavior: Behavior, first: bool) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    match behavior {
        Behavior::CloseFirst(_) if first => {}
        Behavior::Respond(bytes) | Behavior::CloseFirst(bytes) => {
            _ = stream.write_all(&bytes).await
        }
        Behavior::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Behavior::Trickle => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn fetch(
    behavior: Behavior,
    tag: Option<&str>,
) -> (String, Result<FetchResponse, FetchError>) {
    let (url, _) = serve(behavior).await;
    let result = HttpFetch::default().get(&url, tag).await;
    (url, result)
}

fn document(body: &[u8]) -> FetchResponse {
    FetchResponse::Document { body: body.to_vec(), entity_tag: None, max_age: None }
}

#[tokio::test]
async fn only_a_complete_200_response_is_accepted() {
    let (_, result) = fetch(Behavior::Respond(http("200 OK", "", b"{}")), None).await;
    assert_eq!(result, Ok(document(b"{}")));
    for (status, headers, code) in [
        ("204 No Content", "", 204),
        ("302 Found", "Location: http://127.0.0.1:1/\r\n", 302),
        ("304 Not Modified", "", 304),
        ("404 Not Found", "", 404),
        ("500 Internal Server Error", "", 500),
    ] {
        let (url, result) = fetch(Behavior::Respond(http(status, headers, b"")), None).await;
        assert_eq!(result, Err(FetchError::Status { url, status: code }));
    }
    for cut in ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", "not HTTP", ""] {
        let (url, result) = fetch(Behavior::Respond(cut.as_bytes().to_vec()), None).await;
        assert_eq!(result, Err(FetchError::Connect { url }), "{cut}");
    }
}

#[tokio::test]
async fn entity_tag_and_max_age_are_returned() {
    let headers = "ETag: \"v1\"\r\nCache-Control: public, max-age=120\r\n";
    let (_, result) = fetch(Behavior::Respond(http("200 OK", headers, b"{}")), None).await;
    let (tag, max_age) = (Some("\"v1\"".to_owned()), Some(Duration::from_mins(2)));
    assert_eq!(
        result,
        Ok(FetchResponse::Document { body: b"{}".to_vec(), entity_tag: tag, max_age })
    );
    let (_, result) =
        fetch(Behavior::Respond(http("304 Not Modified", headers, b"")), Some("\"v1\"")).await;
    assert_eq!(result, Ok(FetchResponse::Unchanged { max_age }));
}

#[tokio::test]
async fn an_oversized_response_is_cut_off_and_a_compressed_one_is_not_decompressed() {
    let flood = vec![b' '; MAX_DOCUMENT_BYTES + 1];
    let (url, result) = fetch(Behavior::Respond(http("200 OK", "", &flood)), None).await;
    assert_eq!(result, Err(FetchError::TooLarge { url }));
    let (_, result) = fetch(Behavior::Respond(http("200 OK", "", &flood[1..])), None).await;
    assert_eq!(result, Ok(document(&flood[1..])));
    let endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"ffff\r\n".to_vec(), vec![b' '; 0xffff], b"\r\n".to_vec()].concat();
    let (url, result) = fetch(Behavior::Hang([endless, chunk.repeat(4)].concat()), None).await;
    assert_eq!(result, Err(FetchError::TooLarge { url }));
    let packed = b"\x1f\x8b\x08\x00 not unpacked";
    let (_, result) =
        fetch(Behavior::Respond(http("200 OK", "Content-Encoding: gzip\r\n", packed)), None).await;
    assert_eq!(result, Ok(document(packed)));
}

#[tokio::test]
async fn silent_and_slow_responses_end_at_the_deadline() {
    let ends = [
        Behavior::Hang(Vec::new()),
        Behavior::Hang(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Behavior::Trickle,
    ];
    let fetches = ends.map(|behavior| fetch(behavior, None));
    for (url, result) in futures_util::future::join_all(fetches).await {
        assert_eq!(result, Err(FetchError::Timeout { url }));
    }
}

#[tokio::test]
async fn a_closed_connection_is_retried_once() {
    let (url, connections) = serve(Behavior::CloseFirst(http("200 OK", "", b"{}"))).await;
    assert_eq!(HttpFetch::default().get(&url, None).await, Ok(document(b"{}")));
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    let (url, connections) = serve(Behavior::Respond(Vec::new())).await;
    assert_eq!(
        HttpFetch::default().get(&url, None).await,
        Err(FetchError::Connect { url: url.clone() })
    );
    assert_eq!(connections.load(Ordering::Relaxed), 2, "twice and no more");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(
        HttpFetch::default().get(&url, None).await,
        Err(FetchError::Connect { url: url.clone() })
    );
}

#[tokio::test]
async fn plain_http_is_not_accepted_for_https() {
    let (url, _) = serve(Behavior::Respond(http("200 OK", "", b"{}"))).await;
    let url = url.replace("http://", "https://");
    assert_eq!(
        HttpFetch::default().get(&url, None).await,
        Err(FetchError::Connect { url: url.clone() })
    );
}

/// Starts an https server for `localhost` and returns its URL and its certificate in PEM.
async fn serve_https() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::Pkcs8(
        made.signing_key.serialize_der().into(),
    );
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&http("200 OK", "", b"{}")).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (url, made.cert.pem())
}

#[tokio::test]
async fn certificates_are_verified_against_the_public_roots_or_the_ca_bundle() {
    let (url, pem) = serve_https().await;
    let (_, others) = serve_https().await;
    let refused = Err(FetchError::Connect { url: url.clone() });
    assert_eq!(HttpFetch::new(Some(&pem)).get(&url, None).await, Ok(document(b"{}")));
    assert_eq!(HttpFetch::new(Some(&others)).get(&url, None).await, refused);
    assert_eq!(HttpFetch::new(None).get(&url, None).await, refused);
    let by_address = url.replace("localhost", "127.0.0.1");
    let result = HttpFetch::new(Some(&pem)).get(&by_address, None).await;
    assert_eq!(
        result,
        Err(FetchError::Connect { url: by_address.clone() }),
        "the name is checked too"
    );
}
