//! The same petstore, authorizer and requests through `deployer dev` and serverless-offline.
//! `deployer dev` must respond as AWS documents. The snapshot beside this file lists what
//! serverless-offline does differently, with AWS's documentation of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use e2e::port::free_port;
use e2e::process::Process;
use e2e::wait::Wait;
use e2e::{Dev, http, tool};
use serde_json::{Value, json};

const RESPONSES: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html";
const AUTHORIZER: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/configure-api-gateway-lambda-authorization.html";
const EXPRESSION: &str =
    "https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html";
const OUTPUT: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html";
const EVALUATION: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html";
const QUOTAS: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html";
const RESOURCES: &str = "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html";
const STAGES: &str =
    "https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html";
const STRICTER: &str = "stricter than AWS's documented behavior";

/// The read timeout after which a row is "no response": serverless-offline waits for a body that
/// does not come, and responds to everything else within a second.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts a proxy between a gateway and the authorizer that counts the invocations.
fn counting(to: &str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/2015-03-31/functions/petstore-authorizer/invocations",
        listener.local_addr().unwrap()
    );
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, to) = (Arc::clone(&count), to.to_owned());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (counted, to) = (Arc::clone(&counted), to.clone());
            thread::spawn(move || forward(stream, &counted, &to));
        }
    });
    (url, count)
}

fn forward(mut stream: TcpStream, counted: &AtomicUsize, to: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        counted.fetch_add(1, Ordering::SeqCst);
        let response = http::send("POST", to, &[], &body);
        let error = response
            .header("x-amz-function-error")
            .map(|error| format!("X-Amz-Function-Error: {error}\r\n"));
        let head = format!(
            "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n",
            response.status,
            response.body.len(),
            error.unwrap_or_default()
        );
        if stream.write_all(&[head.as_bytes(), response.body.as_bytes()].concat()).is_err() {
            return;
        }
    }
}

/// Starts serverless-offline with these routes.
fn offline(routes: &Value, authorizer_url: &str) -> (Process, String) {
    let (http_port, lambda_port) = (free_port().to_string(), free_port().to_string());
    let process = Process::start(
        Command::new("node")
            .args(["node_modules/serverless/bin/serverless.js", "offline"])
            .current_dir(tool("serverless-offline"))
            .env("ROUTES", routes.to_string())
            .env("TTL", "300")
            .env("AUTHORIZER_URL", authorizer_url)
            .env("HTTP_PORT", &http_port)
            .env("LAMBDA_PORT", &lambda_port)
            .env("SLS_NOTIFICATIONS_MODE", "off")
            .env("SLS_TELEMETRY_DISABLED", "1"),
    );
    let address = format!("127.0.0.1:{http_port}");
    let listens = || TcpStream::connect(&address).ok();
    Wait::Start.until("connection to serverless-offline", || process.output(), listens);
    http::send("GET", &format!("http://{address}/"), &[], b"");
    (process, address)
}

/// A response in one line: status, the message in its body, and whether the authorizer was
/// called.
fn summary(response: &http::Response, called: bool) -> String {
    let json: Value = serde_json::from_str(&response.body).unwrap_or_default();
    let message = ["message", "Message"]
        .iter()
        .find_map(|name| json.get(name).map(|text| format!(" {name}: {text}")));
    let message = message
        .or_else(|| json.get("path").map(|path| format!(" reaches {path}")))
        .unwrap_or_default();
    if response.status == 0 {
        return "no response".to_owned();
    }
    format!("{}{message}{}", response.status, if called { ", authorizer called" } else { "" })
}

#[test]
fn the_petstore_beside_serverless_offline() {
    let unreachable_issuer = "[[authorizer.jwt.issuer]]\nissuer = \"http://127.0.0.1:1\"\naudience = [\"x\"]\n\n# The default integration";
    let folder =
        e2e::petstore_with("portcullis.toml", "# The default integration", unreachable_issuer);
    let authorizer = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"]);
    let base = authorizer.url().strip_suffix("/dev").unwrap();
    let invoke = format!("{base}/2015-03-31/functions/petstore-authorizer/invocations");
    let api = http::send("GET", &format!("{base}/_portcullis/api"), &[], b"").json();
    let routes: Vec<Value> = (api["routes"].as_array().unwrap().iter())
        .map(|route| json!({"method": route["method"].as_str().unwrap().to_lowercase(), "path": route["path"], "open": route["public"]}))
        .collect();
    let (our_authorizer, our_count) = counting(&invoke);
    let (their_authorizer, their_count) = counting(&invoke);
    let gateway = Dev::start(&[
        folder.path().to_str().unwrap(),
        "--port",
        "0",
        "--authorizer-url",
        &our_authorizer,
    ]);
    let our_address =
        gateway.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let (_offline, their_address) = offline(&json!(routes), &their_authorizer);

    let reader = format!("Bearer {}", authorizer.token("pets:read"));
    let owner = format!("Bearer {}", authorizer.token("owners:read"));
    let admin = format!("Bearer {}", authorizer.token("admin"));
    let clerk = format!("Bearer {}", authorizer.token("pets:read owners:read"));
    let fault = {
        use base64::Engine;
        let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        format!(
            "Bearer {}.{}.AAAA",
            part("{\"alg\":\"RS256\",\"kid\":\"k\"}"),
            part("{\"iss\":\"http://127.0.0.1:1\",\"aud\":\"x\",\"exp\":4102444800}")
        )
    };
    let authorization = |value: &str| format!("Authorization: {value}\r\n");
    let large = format!("{}Content-Length: 10485761\r\n", authorization(&admin));
    let long = format!("{}X: {}\r\n", authorization(&reader), "x".repeat(10_400));
    let denied = "403 message: \"User is not authorized to access this resource\"";
    let denied_explicitly =
        "403 message: \"User is not authorized to access this resource with an explicit deny\"";
    let no_route = "403 message: \"Missing Authentication Token\"";
    let unauthorized = "401 message: \"Unauthorized\"";
    let called = |what: &str| format!("{what}, authorizer called");
    let rows: Vec<(&str, &str, String, String, &str)> = vec![
        (
            "GET /dev?kind=dog",
            "public, with a query",
            String::new(),
            "200 reaches \"/\"".to_owned(),
            RESOURCES,
        ),
        ("GET /dev", "public", String::new(), "200 reaches \"/\"".to_owned(), RESOURCES),
        ("GET /dev/", "trailing slash", String::new(), "200 reaches \"/\"".to_owned(), RESOURCES),
        ("GET /dev/pets", "no token", String::new(), unauthorized.to_owned(), AUTHORIZER),
        (
            "GET /dev/pets",
            "an empty header",
            authorization(""),
            unauthorized.to_owned(),
            AUTHORIZER,
        ),
        (
            "GET /dev/pets",
            "not a bearer token",
            authorization("Basic dTpw"),
            unauthorized.to_owned(),
            EXPRESSION,
        ),
        (
            "GET /dev/pets",
            "not in compact form",
            authorization("Bearer garbage"),
            unauthorized.to_owned(),
            EXPRESSION,
        ),
        (
            "GET /dev/pets",
            "well-formed token",
            authorization("Bearer a.b.c"),
            called(unauthorized),
            OUTPUT,
        ),
        (
            "GET /dev/pets",
            "the same again: errors are not cached",
            authorization("Bearer a.b.c"),
            called(unauthorized),
            AUTHORIZER,
        ),
        (
            "GET /dev/pets",
            "unreachable issuer",
            authorization(&fault),
            called("500 message: null"),
            RESPONSES,
        ),
        (
            "GET /dev/pets",
            "reader",
            authorization(&reader),
            called("200 reaches \"/pets\""),
            AUTHORIZER,
        ),
        (
            "GET /dev/pets",
            "reader, again",
            authorization(&reader),
            "200 reaches \"/pets\"".to_owned(),
            AUTHORIZER,
        ),
        (
            "GET /dev/pets?kind=dog",
            "reader, with a query",
            authorization(&reader),
            "200 reaches \"/pets\"".to_owned(),
            AUTHORIZER,
        ),
        (
            "GET /dev/pets/7",
            "reader, another route",
            authorization(&reader),
            "200 reaches \"/pets/7\"".to_owned(),
            AUTHORIZER,
        ),
        (
            "GET /dev/pets/7/visits",
            "reader, a third",
            authorization(&reader),
            "200 reaches \"/pets/7/visits\"".to_owned(),
            AUTHORIZER,
        ),
        (
            "GET /dev/owners",
            "reader, not granted",
            authorization(&reader),
            denied.to_owned(),
            RESPONSES,
        ),
        (
            "GET /dev/pets/7/owner",
            "reader, denied by a Deny",
            authorization(&reader),
            denied_explicitly.to_owned(),
            EVALUATION,
        ),
        (
            "GET /dev/pets/7/visits/8/invoice",
            "reader, denied by a Deny",
            authorization(&reader),
            denied_explicitly.to_owned(),
            EVALUATION,
        ),
        (
            "POST /dev/pets",
            "reader, another method",
            authorization(&reader),
            denied.to_owned(),
            RESPONSES,
        ),
        (
            "DELETE /dev/pets/7",
            "reader, another method",
            authorization(&reader),
            denied.to_owned(),
            RESPONSES,
        ),
        (
            "GET /dev/pets",
            "reader, scheme in lower case",
            authorization(&reader.replace("Bearer", "bearer")),
            called("200 reaches \"/pets\""),
            AUTHORIZER,
        ),
        ("GET /dev/pets", "owner, not granted", authorization(&owner), called(denied), RESPONSES),
        (
            "GET /dev/owners",
            "owner, by the same policy",
            authorization(&owner),
            "200 reaches \"/owners\"".to_owned(),
            AUTHORIZER,
        ),
        (
            "GET /dev/pets/mine",
            "owner, any valid token",
            authorization(&owner),
            "200 reaches \"/pets/mine\"".to_owned(),
            AUTHORIZER,
        ),
        (
            "GET /dev/pets/7/visits/8/invoice",
            "owner",
            authorization(&owner),
            "200 reaches \"/pets/7/visits/8/invoice\"".to_owned(),
            EVALUATION,
        ),
        (
            "GET /dev/pets/7/owner",
            "clerk, both scopes",
            authorization(&clerk),
            called("200 reaches \"/pets/7/owner\""),
            EVALUATION,
        ),
        (
            "GET /dev/admin/a/b",
            "admin, below a greedy path",
            authorization(&admin),
            called("200 reaches \"/admin/a/b\""),
            RESOURCES,
        ),
        (
            "PATCH /dev/admin/a",
            "admin, any method",
            authorization(&admin),
            "200 reaches \"/admin/a\"".to_owned(),
            RESOURCES,
        ),
        (
            "GET /dev/admin",
            "admin, the greedy path itself",
            authorization(&admin),
            no_route.to_owned(),
            RESPONSES,
        ),
        (
            "PATCH /dev/pets",
            "unknown method",
            authorization(&admin),
            no_route.to_owned(),
            RESPONSES,
        ),
        ("HEAD /dev/pets", "HEAD is not GET", authorization(&reader), "403".to_owned(), RESPONSES),
        ("GET /dev/nowhere", "unknown path", authorization(&admin), no_route.to_owned(), RESPONSES),
        (
            "GET /dev/PETS",
            "paths are case-sensitive",
            authorization(&reader),
            no_route.to_owned(),
            RESOURCES,
        ),
        (
            "GET /dev/pets/",
            "trailing slash",
            authorization(&reader),
            "200 reaches \"/pets\"".to_owned(),
            RESOURCES,
        ),
        (
            "GET /dev/pets/a%20b",
            "an encoded segment",
            authorization(&reader),
            "200 reaches \"/pets/a%20b\"".to_owned(),
            RESOURCES,
        ),
        (
            "GET /dev/pets/%2e%2e/owners",
            "dot segments",
            authorization(&reader),
            no_route.to_owned(),
            STRICTER,
        ),
        (
            "GET /prod/pets",
            "unknown stage",
            authorization(&reader),
            "403 message: \"Forbidden\"".to_owned(),
            STAGES,
        ),
        (
            "GET /dev/pets",
            "two credentials",
            format!("{}{}", authorization(&reader), authorization("Bearer a.b.c")),
            unauthorized.to_owned(),
            STRICTER,
        ),
        ("POST /dev/pets", "more than 10 MB", large, "413".to_owned(), QUOTAS),
        (
            "GET /dev/pets",
            "more than 10,240 bytes of headers",
            long,
            "431 message: \"Request Header Fields Too Large\"".to_owned(),
            QUOTAS,
        ),
    ];
    assert_eq!(rows.len(), 40);
    let mut table = vec![format!("{:<34} {:<38} AWS and deployer dev", "request", "case")];
    let mut differences = 0;
    for (line, name, headers, aws, source) in &rows {
        let bytes =
            format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        let send = |address: &str, count: &AtomicUsize| {
            let before = count.load(Ordering::SeqCst);
            let response = http::raw_within(address, bytes.as_bytes(), READ_TIMEOUT);
            summary(&response, count.load(Ordering::SeqCst) > before)
        };
        let (our, their) = (send(&our_address, &our_count), send(&their_address, &their_count));
        assert_eq!(our, *aws, "{line}, {name}");
        table.push(format!("{line:<34} {name:<38} {aws}"));
        if their != *aws {
            differences += 1;
            table.push(format!("    serverless-offline: {their}"));
            table.push(format!("    source: {source}"));
        }
    }
    table.push(format!("\n{differences} of {} differ", rows.len()));
    insta::assert_snapshot!(table.join("\n"));
}
