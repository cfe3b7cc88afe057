//! The one network call, against servers that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authorizer::keys::fetch::{Fetch, FetchError, FetchResponse, HttpFetch, MAX_DOCUMENT_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a server behaves after it has read a request.
#[derive(Clone)]
enum Manner {
    /// Sends this and closes.
    Answer(Vec<u8>),
    /// Sends this and keeps silent.
    Hang(Vec<u8>),
    /// Sends a head, and then a byte each tenth of a second.
    Trickle,
    /// Closes the first connection without a word, and answers the second.
    FirstDead(Vec<u8>),
}

/// Starts a server and counts its connections.
async fn serve(manner: Manner) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let first = count.fetch_add(1, Ordering::Relaxed) == 0;
            tokio::spawn(behave(stream, manner.clone(), first));
        }
    });
    (url, connections)
}

async fn behave(mut stream: TcpStream, manner: Manner, first: bool) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    match manner {
        Manner::FirstDead(_) if first => {}
        Manner::Answer(bytes) | Manner::FirstDead(bytes) => _ = stream.write_all(&bytes).await,
        Manner::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Manner::Trickle => {
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

async fn fetch(manner: Manner, tag: Option<&str>) -> (String, Result<FetchResponse, FetchError>) {
    let (url, _) = serve(manner).await;
    let result = HttpFetch::default().get(&url, tag).await;
    (url, result)
}

fn document(body: &[u8]) -> FetchResponse {
    FetchResponse::Document { body: body.to_vec(), entity_tag: None, max_age: None }
}

#[tokio::test]
async fn only_a_complete_answer_of_200_is_taken() {
    let (_, result) = fetch(Manner::Answer(http("200 OK", "", b"{}")), None).await;
    assert_eq!(result, Ok(document(b"{}")));
    for (status, headers, code) in [
        ("204 No Content", "", 204),
        ("302 Found", "Location: http://127.0.0.1:1/\r\n", 302),
        ("304 Not Modified", "", 304),
        ("404 Not Found", "", 404),
        ("500 Internal Server Error", "", 500),
    ] {
        let (url, result) = fetch(Manner::Answer(http(status, headers, b"")), None).await;
        assert_eq!(result, Err(FetchError::Status { url, status: code }));
    }
    for cut in ["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", "not HTTP", ""] {
        let (url, result) = fetch(Manner::Answer(cut.as_bytes().to_vec()), None).await;
        assert_eq!(result, Err(FetchError::Connect { url }), "{cut}");
    }
}

#[tokio::test]
async fn what_the_issuer_says_about_its_document_comes_along() {
    let headers = "ETag: \"v1\"\r\nCache-Control: public, max-age=120\r\n";
    let (_, result) = fetch(Manner::Answer(http("200 OK", headers, b"{}")), None).await;
    let (tag, max_age) = (Some("\"v1\"".to_owned()), Some(Duration::from_mins(2)));
    assert_eq!(
        result,
        Ok(FetchResponse::Document { body: b"{}".to_vec(), entity_tag: tag, max_age })
    );
    let (_, result) =
        fetch(Manner::Answer(http("304 Not Modified", headers, b"")), Some("\"v1\"")).await;
    assert_eq!(result, Ok(FetchResponse::Unchanged { max_age }));
}

#[tokio::test]
async fn a_flood_is_cut_off_at_the_cap_and_a_bomb_is_not_unpacked() {
    let flood = vec![b' '; MAX_DOCUMENT_BYTES + 1];
    let (url, result) = fetch(Manner::Answer(http("200 OK", "", &flood)), None).await;
    assert_eq!(result, Err(FetchError::TooLarge { url }));
    let (_, result) = fetch(Manner::Answer(http("200 OK", "", &flood[1..])), None).await;
    assert_eq!(result, Ok(document(&flood[1..])));
    let endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"ffff\r\n".to_vec(), vec![b' '; 0xffff], b"\r\n".to_vec()].concat();
    let (url, result) = fetch(Manner::Hang([endless, chunk.repeat(4)].concat()), None).await;
    assert_eq!(result, Err(FetchError::TooLarge { url }));
    let packed = b"\x1f\x8b\x08\x00 not unpacked";
    let (_, result) =
        fetch(Manner::Answer(http("200 OK", "Content-Encoding: gzip\r\n", packed)), None).await;
    assert_eq!(result, Ok(document(packed)));
}

#[tokio::test]
async fn silence_and_a_trickle_end_at_the_deadline() {
    let ends =
        [Manner::Hang(Vec::new()), Manner::Hang(b"HTTP/1.1 200 OK\r\n".to_vec()), Manner::Trickle];
    let fetches = ends.map(|manner| fetch(manner, None));
    for (url, result) in futures_util::future::join_all(fetches).await {
        assert_eq!(result, Err(FetchError::Timeout { url }));
    }
}

#[tokio::test]
async fn a_dead_connection_is_tried_once_more_and_nobody_there_is_told_as_such() {
    let (url, connections) = serve(Manner::FirstDead(http("200 OK", "", b"{}"))).await;
    assert_eq!(HttpFetch::default().get(&url, None).await, Ok(document(b"{}")));
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    let (url, connections) = serve(Manner::Answer(Vec::new())).await;
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
async fn plain_http_is_not_taken_for_https() {
    let (url, _) = serve(Manner::Answer(http("200 OK", "", b"{}"))).await;
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
async fn a_certificate_is_checked_against_the_webs_roots_or_the_given_ones() {
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
