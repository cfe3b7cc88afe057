//! The one network call, against a server that misbehaves.

use authorizer::keys::fetch::{Fetch, FetchError, HttpFetch, MAX_DOCUMENT_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Serves one connection with `answer`, then keeps it open or closes it.
async fn serve(answer: Vec<u8>, close: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(&answer).await;
        if !close {
            std::future::pending::<()>().await;
        }
    });
    url
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn fetch(answer: Vec<u8>, close: bool) -> (String, Result<Vec<u8>, FetchError>) {
    let url = serve(answer, close).await;
    let result = HttpFetch::default().get(&url).await;
    (url, result)
}

#[tokio::test]
async fn only_a_complete_answer_of_200_is_taken() {
    let (_, result) = fetch(http("200 OK", "", b"{}"), true).await;
    assert_eq!(result.unwrap(), b"{}");
    for (status, headers, code) in [
        ("204 No Content", "", 204),
        ("302 Found", "Location: http://127.0.0.1:1/\r\n", 302),
        ("404 Not Found", "", 404),
        ("500 Internal Server Error", "", 500),
    ] {
        let (url, result) = fetch(http(status, headers, b""), true).await;
        assert_eq!(result, Err(FetchError::Status { url, status: code }));
    }
    let (url, result) =
        fetch(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut".to_vec(), true).await;
    assert_eq!(result, Err(FetchError::Connect { url }));
    let (url, result) = fetch(b"not HTTP".to_vec(), true).await;
    assert_eq!(result, Err(FetchError::Connect { url }));
}

#[tokio::test]
async fn a_flood_is_cut_off_at_the_cap() {
    let (url, result) = fetch(http("200 OK", "", &vec![b' '; MAX_DOCUMENT_BYTES + 1]), true).await;
    assert_eq!(result, Err(FetchError::TooLarge { url }));
    let (_, result) = fetch(http("200 OK", "", &vec![b' '; MAX_DOCUMENT_BYTES]), true).await;
    assert_eq!(result.unwrap().len(), MAX_DOCUMENT_BYTES);
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let (url, result) = fetch(Vec::new(), false).await;
    assert_eq!(result, Err(FetchError::Timeout { url }));
}

#[tokio::test]
async fn nobody_there_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    drop(listener);
    let result = HttpFetch::default().get(&url).await;
    assert_eq!(result, Err(FetchError::Connect { url }));
}
