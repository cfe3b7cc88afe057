//! The local gateway, over HTTP.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use e2e::backend::Backend;
use e2e::wait::Wait;
use e2e::{Dev, binary, http, petstore_with, root};
use serde_json::Value;

const PETSTORE: &[&str] = &["infra/petstore", "--port", "0"];

fn petstore(more: &[&str]) -> Dev {
    Dev::start(&[PETSTORE, more].concat())
}

const DENIED: &str = r#"{"message":"User is not authorized to access this resource"}"#;
const DENIED_EXPLICITLY: &str =
    r#"{"message":"User is not authorized to access this resource with an explicit deny"}"#;
const NO_ROUTE: &str = r#"{"message":"Missing Authentication Token"}"#;

#[test]
fn each_scope_grants_its_routes_and_no_others() {
    let dev = petstore(&[]);
    let scopes = ["", "pets:read", "pets:write", "owners:read", "admin", "pets:read owners:read"];
    let tokens = scopes.map(|scope| format!("Bearer {}", dev.token(scope)));
    for (method, path, granting) in [
        ("GET", "/pets", &["pets:read", "pets:read owners:read"][..]),
        ("POST", "/pets", &["pets:write", "admin"]),
        ("GET", "/pets/mine", &scopes),
        ("GET", "/pets/7", &["pets:read", "pets:read owners:read"]),
        ("PUT", "/pets/7", &["pets:write"]),
        ("DELETE", "/pets/7", &["admin"]),
        ("GET", "/pets/7/owner", &["pets:read owners:read"]),
        ("GET", "/pets/7/visits", &["pets:read", "pets:read owners:read"]),
        ("POST", "/pets/7/visits", &["pets:write"]),
        ("GET", "/pets/7/visits/8/invoice", &["owners:read", "pets:read owners:read"]),
        ("GET", "/owners", &["owners:read", "pets:read owners:read"]),
        ("GET", "/owners/7", &["owners:read", "pets:read owners:read"]),
        ("PATCH", "/admin/a/b/c", &["admin"]),
        // Scopes alternate, so that each request meets cached policies of the other scopes.
        ("GET", "/pets/owner", &["pets:read", "pets:read owners:read"]),
        ("GET", "/pets/admin/owner", &["pets:read owners:read"]),
    ] {
        for (scope, token) in scopes.iter().zip(&tokens) {
            let (response, trace) = dev.request(method, path, Some(token));
            let expected = if granting.contains(scope) { 200 } else { 403 };
            assert_eq!(response.status, expected, "{method} {path} with `{scope}`: {trace}");
            if expected == 200 {
                assert_eq!(response.json()["path"], path);
                assert_eq!(response.json()["method"], method);
            } else {
                assert!(
                    response.body == DENIED || response.body == DENIED_EXPLICITLY,
                    "{}",
                    response.body
                );
            }
        }
        let (response, trace) = dev.request(method, path, None);
        assert_eq!(
            (response.status, response.body.as_str()),
            (401, r#"{"message":"Unauthorized"}"#)
        );
        assert_eq!(trace["authorizer_invoked"], false);
    }
    for (path, body) in [("/health", r#"{"status": "up"}"#), ("", "")] {
        let (response, trace) = dev.request("GET", path, None);
        assert_eq!(response.status, 200, "{trace}");
        assert!(body.is_empty() || response.body == body);
        assert_eq!(trace["authorizer_invoked"], false);
    }
}

#[test]
fn explain_matches_the_gateway() {
    let dev = petstore(&[]);
    let token = dev.token("pets:read");
    for (credential, method, path) in [
        (token.as_str(), "GET", "/pets/7"),
        (&token, "GET", "/pets/7/owner"),
        (&token, "POST", "/pets"),
        (&token, "GET", "/health"),
        (&token, "GET", "/nowhere"),
        ("garbage", "GET", "/pets"),
        ("gar.ba.ge", "GET", "/pets"),
    ] {
        let (response, _) = dev.request(method, path, Some(&format!("Bearer {credential}")));
        let arguments = [
            "explain",
            "infra/petstore",
            "--output",
            "json",
            "--token",
            "-",
            "--local-issuer",
            dev.issuer(),
            method,
            path,
        ];
        let mut explain = Command::new(binary("deployer"))
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        explain.stdin.take().unwrap().write_all(credential.as_bytes()).unwrap();
        let output = explain.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let outcome = &serde_json::from_str::<Value>(&text).unwrap()["outcome"];
        let status = outcome["status"].as_u64().unwrap_or(200);
        assert_eq!(status, u64::from(response.status), "{method} {path}: {text}");
        assert_eq!(outcome["allowed"], response.status == 200, "{method} {path}: {text}");
        assert!(!text.contains(credential), "a token is never trace");
    }
}

#[test]
fn a_route_table_that_no_policy_can_express_is_cached_per_route() {
    let guarded = "  /x/{a}:\n    get: { security: [{jwt: [pets:read]}] }\n  /x/{a}/y/{b}:\n    get: { security: [{jwt: [owners:read]}] }\n  /x/{a}/y/{b}/w:\n    get: { security: [{jwt: [pets:read]}] }\n  /health:";
    let folder = petstore_with("openapi.yaml", "  /health:", guarded);
    let dev = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"]);
    let token = format!("Bearer {}", dev.token("pets:read"));
    for (path, status, called) in [
        ("/x/1", 200, true),
        ("/x/1/y/2", 403, true),
        ("/x/1/y/2/w", 200, true),
        ("/x/2", 200, false),
        ("/x/2/y/3", 403, false),
        ("/x/3/y/4/w", 200, false),
        ("/pets/7", 200, true),
    ] {
        let (response, trace) = dev.request("GET", path, Some(&token));
        assert_eq!(
            (response.status, trace["authorizer_invoked"].as_bool()),
            (status, Some(called)),
            "{path}: {trace}"
        );
    }
}

#[test]
fn a_policy_is_cached_by_identity_and_evaluated_for_each_route() {
    let dev = petstore(&[]);
    let token = format!("Bearer {}", dev.token("pets:read"));
    let (_, first) = dev.request("GET", "/pets", Some(&token));
    assert_eq!(
        (first["authorizer_invoked"].as_bool(), first["cache_age"].as_i64()),
        (Some(true), None)
    );
    for (path, status, body) in [
        ("/pets/7", 200, None),
        ("/owners", 403, Some(DENIED)),
        ("/pets/7/owner", 403, Some(DENIED_EXPLICITLY)),
    ] {
        let (response, trace) = dev.request("GET", path, Some(&token));
        assert_eq!(response.status, status, "{trace}");
        assert!(body.is_none_or(|body| response.body == body), "{}", response.body);
        assert_eq!(trace["authorizer_invoked"], false, "{trace}");
        assert!(trace["cache_age"].as_i64().unwrap() >= 0);
    }
    // Another spelling of the scheme is another identity, and equally valid.
    let (response, trace) = dev.request("GET", "/pets", Some(&token.replace("Bearer", "bearer")));
    assert_eq!((response.status, trace["authorizer_invoked"].as_bool()), (200, Some(true)));
}

#[test]
fn a_request_authorizer_decides_the_same() {
    let folder = petstore_with(
        "portcullis.toml",
        "cache_ttl = \"5m\"",
        "cache_ttl = \"0s\"\ntype = \"request\"",
    );
    let dev = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"]);
    let token = format!("Bearer {}", dev.token("pets:read"));
    for (authorization, path, status, called) in [
        (Some(token.as_str()), "/pets/7?access=1", 200, true),
        (Some(&token), "/pets/7", 200, true),
        (Some(&token), "/owners", 403, true),
        (Some("Bearer x"), "/pets", 401, true),
        (Some(&token), "/pets?access_token=x", 401, true),
        (None, "/pets", 401, false),
    ] {
        let (response, trace) = dev.request("GET", path, authorization);
        assert_eq!(
            (response.status, trace["authorizer_invoked"].as_bool()),
            (status, Some(called)),
            "{path}: {trace}"
        );
        assert!(trace["cache_age"].is_null(), "nothing is cached");
    }
}

#[test]
fn a_rejected_token_is_not_cached_and_its_reason_is_logged_only() {
    let dev = petstore(&[]);
    let good = dev.token("pets:read");
    let (header, rest) = good.split_once('.').unwrap();
    for (authorization, reason, called) in [
        ("Bearer x".to_owned(), "does not match the identity validation expression", false),
        ("Basic dTpw".to_owned(), "does not match the identity validation expression", false),
        (good.clone(), "does not match the identity validation expression", false),
        (
            format!("Bearer {header}.{}", rest.replace('.', "..")),
            "does not match the identity validation expression",
            false,
        ),
        ("Bearer a.b.c".to_owned(), "malformed token: header is not base64url", true),
        (format!("Bearer {good}x"), "signature", true),
    ] {
        for _ in 0..2 {
            let (response, trace) = dev.request("GET", "/pets", Some(&authorization));
            assert_eq!(
                (response.status, response.body.as_str()),
                (401, r#"{"message":"Unauthorized"}"#)
            );
            assert_eq!(response.header("x-amzn-errortype"), Some("UnauthorizedException"));
            assert_eq!(trace["authorizer_invoked"], called);
            assert!(trace["reason"].as_str().unwrap().contains(reason), "{trace}");
        }
    }
}

#[test]
fn requests_without_a_route_never_reach_the_backend() {
    let backend =
        Backend::responding("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let dev = petstore(&["--backend", &backend.url]);
    let token = format!("Bearer {}", dev.token("pets:read pets:write owners:read admin"));
    for (method, path) in [
        ("GET", "/nothing"),
        ("PATCH", "/pets"),
        ("OPTIONS", "/pets"),
        ("GET", "/PETS"),
        ("GET", "//pets"),
        ("GET", "/admin"),
        ("GET", "/admin/../pets"),
        ("GET", "/admin/%2e%2e/pets"),
        ("TRACE", "/health"),
    ] {
        let (response, trace) = dev.request(method, path, Some(&token));
        assert_eq!(
            (response.status, response.body.as_str()),
            (403, NO_ROUTE),
            "{method} {path}: {trace}"
        );
        assert_eq!(
            response.header("x-amzn-errortype"),
            Some("MissingAuthenticationTokenException")
        );
    }
    let address = dev.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    for (name, status, bytes) in [
        (
            "another stage",
            403,
            "GET /prod/pets HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "the stage's name continued",
            403,
            "GET /development HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        (
            "two credentials",
            401,
            format!(
                "GET /dev/pets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\nauthorization: {token}\r\n\r\n"
            ),
        ),
        (
            "two lengths",
            400,
            format!(
                "POST /dev/pets HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
            ),
        ),
        (
            "a head of 20 KB",
            431,
            format!("GET /dev/pets HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(20_000)),
        ),
        (
            "a body announced too large",
            413,
            format!(
                "POST /dev/pets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\nContent-Length: 10485761\r\n\r\n"
            ),
        ),
    ] {
        let response = http::raw(&address, bytes.as_bytes());
        assert_eq!(response.status, status, "{name}: {response:?}");
    }
    assert_eq!(backend.requests(), [""; 0], "no request was forwarded");
    assert_eq!(dev.request("GET", "/pets", Some(&token)).0.status, 200);
    assert_eq!(backend.requests().len(), 1);

    // RFC 9112 section 6.1: `Transfer-Encoding` overrides `Content-Length`, which is not forwarded.
    let both = format!(
        "POST /dev/pets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {token}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    assert_eq!(http::raw(&address, both.as_bytes()).status, 200);
    let received = backend.requests().remove(1).to_ascii_lowercase();
    assert!(received.contains("chunked") != received.contains("content-length: 0"), "{received}");
    assert!(!received.contains("content-length: 1"), "{received}");
}

#[test]
fn requests_and_responses_are_proxied_unchanged() {
    let backend = Backend::responding(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nX-Backend: yes\r\nConnection: close, x-hop\r\nX-Hop: 1\r\n\r\nnope",
    );
    let dev = petstore(&["--backend", &format!("{}/v2/", backend.url)]);
    let token = format!("Bearer {}", dev.token("pets:read"));
    let headers = [
        ("Authorization", token.as_str()),
        ("X-Custom", "1"),
        ("Connection", "x-private"),
        ("X-Private", "1"),
    ];
    let response =
        http::send("GET", &format!("{}/pets/a%20b%2Fc?q=1&q=%2F", dev.url()), &headers, b"");
    assert_eq!(
        (
            response.status,
            response.body.as_str(),
            response.header("x-backend"),
            response.header("x-hop")
        ),
        (404, "nope", Some("yes"), None)
    );
    let received = backend.requests().join("\n").to_ascii_lowercase();
    assert!(received.starts_with("get /v2/pets/a%20b%2fc?q=1&q=%2f http/1.1"), "{received}");
    assert!(received.contains("x-custom: 1") && !received.contains("x-private"), "{received}");
    assert!(
        received.contains(&format!("host: {}", backend.url.trim_start_matches("http://"))),
        "{received}"
    );
}

#[test]
fn an_unreachable_or_broken_backend_is_a_504() {
    for backend in ["http://127.0.0.1:1".to_owned(), Backend::responding("").url.clone()] {
        let dev = petstore(&["--backend", &backend]);
        let token = format!("Bearer {}", dev.token("pets:read"));
        let (response, trace) = dev.request("GET", "/pets", Some(&token));
        assert_eq!(
            (response.status, response.body.as_str()),
            (504, r#"{"message":"Network error communicating with endpoint"}"#)
        );
        assert!(trace["reason"].as_str().unwrap().contains("cannot reach"), "{trace}");
    }
}

#[test]
fn request_bodies_are_forwarded() {
    let dev = petstore(&[]);
    let token = format!("Bearer {}", dev.token("pets:write"));
    let body = vec![b'x'; 3_000_000];
    let response =
        http::send("POST", &format!("{}/pets", dev.url()), &[("Authorization", &token)], &body);
    assert_eq!((response.status, response.json()["body_bytes"].as_u64()), (200, Some(3_000_000)));
    assert!(!response.body.contains(&token), "credentials are not echoed");
}

#[test]
fn the_local_issuer_publishes_metadata_keys_and_tokens() {
    let dev = petstore(&[]);
    let get = |path: &str| http::send("GET", &format!("{}{path}", dev.issuer()), &[], b"");
    let metadata = get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], dev.issuer());
    let keys = http::send("GET", metadata["jwks_uri"].as_str().unwrap(), &[], b"").json();
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    assert!(keys["keys"][0].get("d").is_none(), "the private key is not published");
    assert_eq!(get("/nothing").status, 404);
    let token = |form: &str| {
        http::send("POST", metadata["token_endpoint"].as_str().unwrap(), &[], form.as_bytes())
    };
    for (form, error) in [
        ("", "unsupported_grant_type"),
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=%22", "invalid_scope"),
    ] {
        let response = token(form);
        assert_eq!(
            (response.status, response.json()["error"].as_str()),
            (400, Some(error)),
            "{form}"
        );
    }
    let response =
        token("grant_type=client_credentials&scope=pets%3Aread&audience=https%3A%2F%2Fother")
            .json();
    assert_eq!(
        (response["token_type"].as_str(), response["scope"].as_str()),
        (Some("Bearer"), Some("pets:read"))
    );
    let other = format!("Bearer {}", response["access_token"].as_str().unwrap());
    let (refused, trace) = dev.request("GET", "/pets", Some(&other));
    assert_eq!(refused.status, 401);
    assert!(trace["reason"].as_str().unwrap().contains("`aud` does not match"), "{trace}");
}

#[test]
fn without_the_local_issuer_its_tokens_are_not_trusted() {
    let with = petstore(&[]);
    let without = petstore(&["--no-local-issuer"]);
    assert!(without.ready["issuer"].is_null() && without.ready["token"].is_null());
    let token = format!("Bearer {}", with.token("pets:read"));
    let (response, trace) = without.request("GET", "/pets", Some(&token));
    assert_eq!(response.status, 401);
    assert!(trace["reason"].as_str().unwrap().contains("`iss` is not a trusted issuer"), "{trace}");
}

#[test]
fn requests_in_flight_complete_before_shutdown() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let dev = petstore(&["--backend", &format!("http://{}", backend.local_addr().unwrap())]);
    let (url, token) = (dev.url().to_owned(), format!("Bearer {}", dev.token("pets:read")));
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let pending = thread::spawn(move || {
        http::send("GET", &format!("{url}/pets"), &[("Authorization", &token)], b"")
    });
    let mut connection = Wait::Reply.accept(&backend);
    let stopping = thread::spawn(move || dev.stop("INT"));
    let refused = || TcpStream::connect(&address).is_err().then_some(());
    Wait::Reply.until("refused connection", || format!("{address} is open"), refused);
    // Long enough for a gateway to exit that does not wait for its requests.
    for _ in 0..5_000 {
        assert!(TcpStream::connect(&address).is_err());
    }
    assert!(!stopping.is_finished(), "the gateway waits");
    connection
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlate")
        .unwrap();
    let response = pending.join().unwrap();
    assert_eq!((response.status, response.body.as_str()), (200, "late"));
    assert_eq!(stopping.join().unwrap(), Some(0));
}

#[test]
fn allowed_origins_get_preflight_responses() {
    let folder = petstore_with(
        "portcullis.toml",
        "[stage.dev]",
        "[cors]\nallow_origins = [\"https://a.example.com\", \"https://b.example.com\"]\nallow_credentials = true\n[stage.dev]",
    );
    let dev = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"]);
    let preflight = |origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "PUT")];
        http::send("OPTIONS", &format!("{}/pets/7", dev.url()), &headers, b"")
    };
    let response = preflight("https://b.example.com");
    assert_eq!(response.status, 204);
    assert_eq!(response.header("access-control-allow-origin"), Some("https://b.example.com"));
    assert_eq!(response.header("access-control-allow-methods"), Some("DELETE,GET,PUT"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(response.header("vary"), Some("Origin"));
    let other = preflight("https://evil.example.com");
    assert_eq!((other.status, other.header("access-control-allow-origin")), (204, None));
    // The request itself is still authorized.
    assert_eq!(dev.request("PUT", "/pets/7", None).0.status, 401);
}
