//! Fetching, against misbehaving servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authorizer::jwk::KeySetError;
use authorizer::keys::address::Addresses;
use authorizer::keys::download::{Download, download};
use authorizer::keys::fetch::{
    DocumentRequest, Fetch, FetchError, FetchResponse, HttpFetch, MAX_DOCUMENT_BYTES,
};
use authorizer::keys::proxy::Proxy;
use authorizer::{Authorizer, Config, Outcome};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::{AUDIENCE, ISSUER, NOW, RS256, at, claims_with, token_event, verdict};

/// The behavior of a server after it has read a request.
#[derive(Clone)]
enum Behavior {
    /// Sends this and closes.
    Respond(Vec<u8>),
    /// Sends this and nothing more.
    Hang(Vec<u8>),
    /// Sends this after a delay and closes.
    Delay(Duration, Vec<u8>),
    /// Sends a response head, then a byte every 100 ms.
    Trickle,
    /// Closes the first connection without a response, and responds on the second.
    CloseFirst(Vec<u8>),
}

/// Starts a server and counts its connections.
async fn serve(behavior: Behavior) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    serve_on(listener, behavior)
}

fn serve_on(listener: TcpListener, behavior: Behavior) -> (String, Arc<AtomicUsize>) {
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
            let _ = stream.write_all(&bytes).await;
        }
        Behavior::Hang(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Behavior::Delay(delay, bytes) => {
            tokio::time::sleep(delay).await;
            let _ = stream.write_all(&bytes).await;
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
    let result = get_with_tag(&HttpFetch::default(), &url, tag).await;
    (url, result)
}

async fn get(fetch: &HttpFetch, url: &str) -> Result<FetchResponse, FetchError> {
    get_with_tag(fetch, url, None).await
}

async fn get_with_tag(
    fetch: &HttpFetch,
    url: &str,
    entity_tag: Option<&str>,
) -> Result<FetchResponse, FetchError> {
    fetch.get(DocumentRequest { url, addresses: Addresses::Any, entity_tag }).await
}

/// An authorizer that fetches over HTTP.
fn authorizer(issuers: &Value) -> Authorizer {
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::default());
    let config = Config::from_json(&json!({"issuers": issuers}).to_string()).unwrap();
    Authorizer::new(config, &fetch)
}

/// Decides a token of this issuer.
async fn authorize(authorizer: &Authorizer, issuer: &str, now: i64) -> Outcome {
    let token = RS256.token(&claims_with(&json!({"iss": issuer})));
    authorizer.handle(&token_event(&format!("Bearer {token}")).to_string(), at(now)).await
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
    let decisions = ends.map(|behavior| async {
        let (url, _) = serve(behavior).await;
        let authorizer = authorizer(
            &json!([{"issuer": ISSUER, "audience": [AUDIENCE], "jwks_uri": url.clone()}]),
        );
        (url, authorize(&authorizer, ISSUER, NOW).await)
    });
    for (url, outcome) in futures_util::future::join_all(decisions).await {
        assert_eq!(verdict(&outcome), (500, "jwks_unavailable"));
        assert_eq!(
            outcome.decision.detail.unwrap(),
            format!("keys of issuer `{ISSUER}` are unavailable: {url} did not respond in time")
        );
    }
}

#[tokio::test]
async fn metadata_and_key_set_have_one_deadline_together() {
    let keys = http("200 OK", "", json!({"keys": [RS256.jwk()]}).to_string().as_bytes());
    let (jwks_uri, _) = serve(Behavior::Delay(Duration::from_secs(2), keys)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let metadata = json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string();
    let metadata = http("200 OK", "", metadata.as_bytes());
    serve_on(listener, Behavior::Delay(Duration::from_secs(2), metadata));
    let authorizer = authorizer(&json!([{"issuer": issuer, "audience": [AUDIENCE]}]));
    // The limit is later than the deadline, so a suspended test does not fail.
    let decided = authorize(&authorizer, &issuer, NOW);
    let outcome = timeout(Duration::from_millis(3_800), decided).await.unwrap();
    assert_eq!(verdict(&outcome), (500, "jwks_unavailable"));
    let detail = outcome.decision.detail.unwrap();
    assert!(detail.ends_with(&format!("{jwks_uri} did not respond in time")), "{detail}");
}

#[tokio::test]
async fn a_downloaded_key_set_has_usable_public_keys_only() {
    let public = json!({"keys": [RS256.jwk()]});
    let with = |member: &str, value: Value| {
        let mut set = public.clone();
        set["keys"][0][member] = value;
        set
    };
    let mut more = public.clone();
    more["next"] = json!("x");
    let error = |error: KeySetError| Err(FetchError::KeySet(error));
    let rs256 = json!(["RS256"]);
    for (set, algorithms, expected) in [
        (public.clone(), &rs256, Ok(public.clone())),
        (more, &rs256, Ok(public.clone())),
        (with("d", json!("AQID")), &rs256, error(KeySetError::PrivateKey)),
        (json!({"keys": [RS256.jwk(), {"k": "AQID"}]}), &rs256, error(KeySetError::PrivateKey)),
        (with("alg", json!("RS512")), &rs256, error(KeySetError::NoEligibleKey)),
        (with("alg", Value::Null), &rs256, error(KeySetError::NoEligibleKey)),
        (json!({"keys": {}}), &rs256, error(KeySetError::Malformed)),
        (json!([]), &rs256, error(KeySetError::Malformed)),
        (public.clone(), &json!(["ES256"]), error(KeySetError::NoEligibleKey)),
    ] {
        let body = http("200 OK", "", set.to_string().as_bytes());
        let (url, _) = serve(Behavior::Respond(body)).await;
        let expected = expected.map(|jwks| Download { jwks_uri: url.clone(), jwks });
        assert_eq!(downloaded(&url, algorithms).await, expected, "{set}");
    }
}

#[tokio::test]
async fn a_download_ends_at_its_deadline() {
    for behavior in [Behavior::Hang(Vec::new()), Behavior::Trickle] {
        let (url, _) = serve(behavior).await;
        let late = Err(FetchError::Timeout { url: url.clone() });
        assert_eq!(downloaded(&url, &json!(["RS256"])).await, late);
    }
}

async fn downloaded(url: &str, algorithms: &Value) -> Result<Download, FetchError> {
    let issuer = json!({
        "issuer": ISSUER, "audience": [AUDIENCE], "jwks_uri": url, "algorithms": algorithms,
    });
    let config = Config::from_json(&json!({"issuers": [issuer]}).to_string()).unwrap();
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::default());
    download(&config.issuers()[0], fetch, Duration::from_secs(2)).await
}

#[tokio::test]
async fn prefetch_waits_two_seconds_for_a_hanging_issuer_and_drops_its_fetch() {
    let keys = http("200 OK", "", json!({"keys": [RS256.jwk()]}).to_string().as_bytes());
    let (healthy, healthy_connections) = serve(Behavior::Respond(keys)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sick = format!("http://{}/keys", listener.local_addr().unwrap());
    let authorizer = authorizer(&json!([
        {"issuer": "https://a.example.com/", "audience": [AUDIENCE], "jwks_uri": sick},
        {"issuer": ISSUER, "audience": [AUDIENCE], "jwks_uri": healthy},
    ]));
    let prefetch = timeout(Duration::from_millis(2_800), authorizer.prefetch(at(NOW)));
    let (prefetched, accepted) = futures_util::join!(prefetch, listener.accept());
    prefetched.expect("the prefetch ends before the deadline of a fetch");
    let mut request = Vec::new();
    let mut stream = accepted.unwrap().0;
    let read = stream.read_to_end(&mut request);
    let end = timeout(Duration::from_mins(1), read).await;
    end.expect("the fetch is dropped").unwrap();

    let outcome = authorize(&authorizer, ISSUER, NOW).await;
    assert_eq!(verdict(&outcome), (200, "-"));
    for second in 0..30 {
        let outcome = authorize(&authorizer, "https://a.example.com/", NOW + second).await;
        assert_eq!(verdict(&outcome), (500, "jwks_unavailable"));
    }
    let again = timeout(Duration::from_millis(10), listener.accept()).await;
    assert!(again.is_err(), "no fetch within the backoff");
    assert_eq!(healthy_connections.load(Ordering::Relaxed), 1, "the prefetched keys are used");
}

#[tokio::test]
async fn a_url_of_metadata_is_not_connected_to_at_a_local_address() {
    let (url, connections) = serve(Behavior::Respond(http("200 OK", "", b"{}"))).await;
    let url = url.replace("http://127.0.0.1", "https://localhost");
    let request = DocumentRequest { url: &url, addresses: Addresses::Remote, entity_tag: None };
    assert_eq!(
        HttpFetch::default().get(request).await,
        Err(FetchError::LocalAddress { url: url.clone() })
    );
    assert_eq!(connections.load(Ordering::Relaxed), 0);
    let configured = DocumentRequest { addresses: Addresses::Any, ..request };
    assert_eq!(
        HttpFetch::default().get(configured).await,
        Err(FetchError::Connect { url: url.clone() })
    );
    assert_ne!(connections.load(Ordering::Relaxed), 0, "a configured URL can be local");
}

/// A client with a proxy at this URL.
fn with_proxy(proxy: &str, no_proxy: &str, ca_bundle: Option<&str>) -> HttpFetch {
    let get = |name: &str| match name {
        "HTTPS_PROXY" => Some(proxy.to_owned()),
        "NO_PROXY" => Some(no_proxy.to_owned()),
        _ => None,
    };
    HttpFetch::new(ca_bundle).with_proxy(Proxy::from_environment(get).unwrap())
}

#[tokio::test]
async fn https_is_sent_through_the_proxy_except_to_loopback_and_no_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let url = "https://issuer.example.com/keys";
    for addresses in [Addresses::Any, Addresses::Remote] {
        let fetch = with_proxy(&proxy, "", None);
        let fetch = fetch.get(DocumentRequest { url, addresses, entity_tag: None });
        let request = async {
            let mut request = vec![0; 4096];
            let mut stream = listener.accept().await.unwrap().0;
            let length = stream.read(&mut request).await.unwrap();
            request.truncate(length);
            String::from_utf8(request).unwrap()
        };
        let request = async { timeout(Duration::from_mins(1), request).await.unwrap() };
        let either = futures_util::future::select(fetch, Box::pin(request)).await;
        let futures_util::future::Either::Right((request, _)) = either else {
            panic!("the proxy is not used for {addresses:?}")
        };
        assert!(request.starts_with("CONNECT issuer.example.com:443 HTTP/1.1\r\n"), "{request}");
    }

    let (loopback, pem) = serve_https().await;
    let fetch = with_proxy("http://127.0.0.1:1", "", Some(&pem));
    assert_eq!(get(&fetch, &loopback).await, Ok(document(b"{}")), "not through the proxy");

    let (direct, connections) = serve(Behavior::Respond(Vec::new())).await;
    let direct = direct.replace("http://127.0.0.1", "https://0.0.0.0");
    for (no_proxy, connects) in [("", false), ("example.com, 0.0.0.0", true)] {
        let fetch = with_proxy("http://127.0.0.1:1", no_proxy, None);
        assert_eq!(get(&fetch, &direct).await, Err(FetchError::Connect { url: direct.clone() }));
        assert_eq!(connections.load(Ordering::Relaxed) > 0, connects, "{no_proxy}");
    }
}

#[tokio::test]
async fn a_closed_connection_is_retried_once() {
    let (url, connections) = serve(Behavior::CloseFirst(http("200 OK", "", b"{}"))).await;
    assert_eq!(get(&HttpFetch::default(), &url).await, Ok(document(b"{}")));
    assert_eq!(connections.load(Ordering::Relaxed), 2);
    let (url, connections) = serve(Behavior::Respond(Vec::new())).await;
    assert_eq!(
        get(&HttpFetch::default(), &url).await,
        Err(FetchError::Connect { url: url.clone() })
    );
    assert_eq!(connections.load(Ordering::Relaxed), 2, "twice and no more");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(
        get(&HttpFetch::default(), &url).await,
        Err(FetchError::Connect { url: url.clone() })
    );
}

#[tokio::test]
async fn plain_http_is_not_accepted_for_https() {
    let (url, _) = serve(Behavior::Respond(http("200 OK", "", b"{}"))).await;
    let url = url.replace("http://", "https://");
    assert_eq!(
        get(&HttpFetch::default(), &url).await,
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
    assert_eq!(get(&HttpFetch::new(Some(&pem)), &url).await, Ok(document(b"{}")));
    assert_eq!(get(&HttpFetch::new(Some(&others)), &url).await, refused);
    assert_eq!(get(&HttpFetch::new(None), &url).await, refused);
    let by_address = url.replace("localhost", "127.0.0.1");
    let result = get(&HttpFetch::new(Some(&pem)), &by_address).await;
    assert_eq!(
        result,
        Err(FetchError::Connect { url: by_address.clone() }),
        "the name is checked too"
    );
}
