//! Integrations: HTTP, HTTP proxy, Lambda and mock.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use e2e::backend::Backend;
use e2e::wait::Wait;
use e2e::{Dev, http};
use serde_json::json;

use super::Plane;

#[test]
fn an_http_integration_sends_only_mapped_parameters() {
    let backend = Backend::responding(
        "HTTP/1.1 201 Created\r\nContent-Type: text/weird\r\nX-Secret: 1\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmade",
    );
    let plane = Plane::start(&["--backend", &backend.url]);
    let (response, _) = plane.request(
        "POST",
        "/http/a%2Fb?other=1",
        &[("X-Mine", "1"), ("Content-Type", "application/json")],
        b"{}",
    );
    assert_eq!((response.status, response.body.as_str()), (202, "made"));
    assert_eq!(
        (response.header("x-kind"), response.header("x-secret")),
        (Some("text/weird"), None)
    );
    let received = backend.requests().join("\n");
    assert!(received.starts_with("PUT /v1/a%2Fb?color=blue HTTP/1.1"), "{received}");
    let lower = received.to_ascii_lowercase();
    assert!(lower.contains("x-fixed: fixed") && !lower.contains("x-mine"), "{received}");

    let backend =
        Backend::responding("HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let plane = Plane::start(&["--backend", &backend.url]);
    let (response, _) = plane.request("POST", "/http/1", &[], b"");
    assert_eq!((response.status, response.body.as_str()), (503, r#"{"down": true}"#));
}

#[test]
fn a_mock_responds_with_the_status_of_its_template() {
    let plane = Plane::start(&[]);
    let (response, trace) = plane.request("GET", "/teapot", &[], b"");
    assert_eq!(
        (response.status, response.body.as_str()),
        (404, r#"{"path": "/dev/teapot"}"#),
        "{trace}"
    );
    assert_eq!(trace["integration"]["kind"], "MOCK");
    // Without a template for the media type, the body itself must contain the status.
    for (body, status) in
        [("", 500), ("{\"statusCode\": 200}", 200), ("{\"statusCode\": 404}", 404)]
    {
        let (response, trace) =
            plane.request("GET", "/teapot", &[("Content-Type", "text/plain")], body.as_bytes());
        assert_eq!(response.status, status, "{body}: {trace}");
    }
}

#[test]
fn integration_responses_are_selected_by_function_errors() {
    let plane = Plane::start(&[]);
    let media = [("Content-Type", "application/json")];
    let (response, _) = plane.request("POST", "/mapped?what=plain", &media, br#"{"a": 1}"#);
    assert_eq!((response.status, response.header("x-stage")), (200, Some("dev")));
    assert_eq!(
        response.json(),
        json!({"event": {"what": "plain", "color": "blue", "body": {"a": 1}}})
    );
    let (response, trace) = plane.request("POST", "/mapped?what=raise", &media, b"{}");
    assert_eq!((response.status, response.json()), (422, json!({"error": trace["request_id"]})));
    let (response, _) = plane.request("POST", "/mapped", &[("Content-Type", "text/plain")], b"x");
    assert_eq!(
        (response.status, response.body.as_str()),
        (415, r#"{"message":"Unsupported Media Type"}"#)
    );
}

/// Responds in two chunks: the second one only after the client has received the first.
fn respond_in_chunks(
    mut stream: TcpStream,
    number: usize,
    heads: &Mutex<Vec<(usize, String)>>,
    released: &Mutex<Receiver<()>>,
) {
    loop {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_exact(&mut byte).is_err() {
                return;
            }
            head.push(byte[0]);
        }
        heads.lock().unwrap().push((number, String::from_utf8(head).unwrap()));
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-CaMeL: yes\r\nDate: then\r\nServer: mine\r\nWWW-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
        released.lock().unwrap().recv().unwrap();
        stream.write_all(b"4\r\nlast\r\n0\r\n\r\n").unwrap();
    }
}

/// Header names keep their case and connections are reused, in both directions.
#[test]
fn backend_responses_are_streamed_over_reused_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (release, released) = channel();
    let released = Arc::new(Mutex::new(released));
    // Heads, each with the number of its connection.
    let heads: Arc<Mutex<Vec<(usize, String)>>> = Arc::default();
    let recorded = Arc::clone(&heads);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let (recorded, released) = (Arc::clone(&recorded), Arc::clone(&released));
            thread::spawn(move || respond_in_chunks(stream, number, &recorded, &released));
        }
    });
    let dev = Dev::start(&["infra/petstore", "--port", "0", "--backend", &url]);
    let token = dev.token("pets:read");
    let address = dev.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    for _ in 0..6 {
        let request = format!(
            "GET /dev/pets HTTP/1.1\r\nHost: x:99\r\nConnection: close\r\nauthorization: Bearer {token}\r\nX-mY-hEaDeR: 1\r\nExpect: nothing\r\n\r\n"
        );
        let mut stream = http::connect(&address);
        stream.write_all(request.as_bytes()).unwrap();
        let mut received = Vec::new();
        let mut chunk = [0; 4096];
        while !String::from_utf8_lossy(&received).contains("first") {
            let length = stream.read(&mut chunk).unwrap();
            assert!(length > 0);
            received.extend_from_slice(&chunk[..length]);
        }
        assert!(
            !String::from_utf8_lossy(&received).contains("last"),
            "the first chunk is not delayed"
        );
        release.send(()).unwrap();
        stream.read_to_end(&mut received).unwrap();
        let received = String::from_utf8(received).unwrap();
        assert!(received.contains("X-CaMeL: yes") && received.contains("last"), "{received}");
        for remapped in [
            "x-amzn-remapped-date: then",
            "x-amzn-remapped-server: mine",
            "x-amzn-remapped-www-authenticate: Basic",
        ] {
            assert!(received.contains(remapped), "{received}");
        }
        assert!(
            !received.contains("\r\nServer:") && !received.contains("\r\nWWW-Authenticate"),
            "{received}"
        );
    }
    let heads = heads.lock().unwrap().clone();
    assert!(heads.len() == 6 && heads.iter().any(|(number, _)| *number == 0));
    // A request may arrive before a connection is free again, but not every time.
    assert!(heads.iter().all(|(number, _)| *number < 5), "{heads:?}");
    for (_, head) in heads {
        assert!(
            head.contains("\r\nX-mY-hEaDeR: 1\r\n")
                && !head.to_ascii_lowercase().contains("expect"),
            "{head}"
        );
        let lower = head.to_ascii_lowercase();
        for added in [
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-port: 99",
            "x-forwarded-proto: http",
            "x-amzn-trace-id: root=1-",
            "user-agent: amazonapigateway_local",
        ] {
            assert!(lower.contains(added), "{added}: {head}");
        }
        assert!(lower.contains(&format!("authorization: bearer {}", token.to_ascii_lowercase())));
    }
}

#[test]
fn request_bodies_are_streamed_to_the_backend() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let dev = Dev::start(&["infra/petstore", "--port", "0", "--backend", &url]);
    let token = dev.token("pets:write");
    let address = dev.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let mut client = http::connect(&address);
    let head = format!(
        "POST /dev/pets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Length: 9\r\n\r\nfirst"
    );
    client.write_all(head.as_bytes()).unwrap();
    let mut backend = Wait::Reply.accept(&listener);
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    while !received.ends_with(b"first") {
        let length = backend.read(&mut chunk).unwrap();
        assert!(length > 0);
        received.extend_from_slice(&chunk[..length]);
    }
    client.write_all(b"last").unwrap();
    let mut last = [0; 4];
    backend.read_exact(&mut last).unwrap();
    backend.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(last == *b"last" && response.starts_with("HTTP/1.1 204"), "{response}");
}

#[test]
fn an_aws_signature_is_not_forwarded() {
    let backend =
        Backend::responding("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let dev = Dev::start(&["infra/petstore", "--port", "0", "--backend", &backend.url]);
    let signed = ("Authorization", "AWS4-HMAC-SHA256 Credential=x");
    assert_eq!(http::send("GET", dev.url(), &[signed], b"").status, 200);
    assert!(
        !backend.requests().join("\n").to_ascii_lowercase().contains("authorization"),
        "{:?}",
        backend.requests()
    );
}

#[test]
fn a_slow_backend_is_a_504() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = e2e::petstore_with(
        "portcullis.toml",
        "http = \"https://petstore.example.com\"",
        "http = \"https://petstore.example.com\"\ntimeout = \"100ms\"",
    );
    let dev = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0", "--backend", &url]);
    let (response, trace) = dev.request("GET", "", None);
    assert_eq!(
        (response.status, response.body.as_str()),
        (504, r#"{"message":"Endpoint request timed out"}"#)
    );
    assert!(trace["reason"].as_str().unwrap().contains("timed out after 100 ms"), "{trace}");
}
