//! Lambda functions: proxy integration, local execution, and errors as Lambda reports them.

use std::collections::BTreeSet;
use std::thread;

use e2e::http;
use serde_json::json;

use super::Plane;

const INTERNAL: &str = r#"{"message": "Internal server error"}"#;

#[test]
fn a_function_receives_the_proxy_event_and_returns_the_response() {
    let plane = Plane::start(&[]);
    let (response, trace) = plane.request(
        "PUT",
        "/answers/a%20b?q=1&q=2&r",
        &[("X-CamEl", "1"), ("X-CamEl", "2"), ("User-Agent", "test")],
        "body ä".as_bytes(),
    );
    let event = response.json();
    for (pointer, expected) in [
        ("/httpMethod", json!("PUT")),
        ("/path", json!("/answers/a%20b")),
        ("/resource", json!("/answers/{what}")),
        ("/headers/X-CamEl", json!("2")),
        ("/multiValueHeaders/X-CamEl", json!(["1", "2"])),
        ("/queryStringParameters", json!({"q": "2", "r": ""})),
        ("/multiValueQueryStringParameters", json!({"q": ["1", "2"], "r": [""]})),
        ("/pathParameters", json!({"what": "a b"})),
        ("/stageVariables", json!({"color": "blue", "function": "answers"})),
        ("/requestContext/path", json!("/dev/answers/a%20b")),
        ("/requestContext/identity/userAgent", json!("test")),
        ("/requestContext/requestId", trace["request_id"].clone()),
        ("/body", json!("body ä")),
        ("/isBase64Encoded", json!(false)),
    ] {
        assert_eq!(event.pointer(pointer), Some(&expected), "{pointer}: {event:#}");
    }
    assert_eq!(event.pointer("/requestContext/authorizer"), None);
    assert_eq!(response.header("content-type"), Some("application/json"));

    let (response, _) = plane.request("GET", "/answers/text", &[], b"");
    assert_eq!(
        (response.status, response.body.as_str(), response.header("x-one")),
        (201, "hello", Some("1"))
    );
    let many: Vec<&str> = response
        .headers
        .iter()
        .filter(|(name, _)| name == "x-many")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(many, ["a", "b"]);
    assert_eq!(response.header("x-amzn-remapped-server"), Some("mine"));
    assert_eq!(response.header("x-amzn-remapped-date"), Some("then"));
    assert!(response.header("x-amzn-trace-id").is_some_and(|id| id.starts_with("Root=1-")));

    // The authorizer context reaches it as strings.
    let event = plane.get("/known/x", "Bearer all").0.json();
    assert_eq!(
        event.pointer("/requestContext/authorizer"),
        Some(&json!({"principalId": "p", "n": "7", "yes": "true", "text": "x"}))
    );
    // Binary media types are converted in both directions.
    let sent =
        plane.request("POST", "/answers/x", &[("Content-Type", "image/png")], &[0, 255]).0.json();
    assert_eq!((&sent["body"], &sent["isBase64Encoded"]), (&json!("AP8="), &json!(true)));
    let text = plane.request("GET", "/answers/bytes", &[], b"").0;
    assert!(text.body.starts_with("AAECAw"), "{text:?}");
    let address =
        plane.dev.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let raw = http::raw(&address, b"GET /dev/answers/bytes HTTP/1.1\r\nHost: x\r\nAccept: image/png\r\nConnection: close\r\n\r\n");
    assert_eq!(raw.header("content-length"), Some("256"));
}

#[test]
fn function_errors_are_reported_as_lambda_reports_them() {
    let plane = Plane::start(&["--function-timeout", "2"]);
    for (path, status, body, reason) in [
        ("/answers/malformed", 502, INTERNAL, "missing `statusCode`"),
        ("/answers/object", 502, INTERNAL, "expected a string, found a map"),
        ("/answers/list", 502, INTERNAL, "invalid proxy response from function `answers`"),
        ("/answers/raise", 502, INTERNAL, "function `answers` failed: it went wrong"),
        ("/answers/crash", 502, INTERNAL, "Runtime exited with error: exit status 3"),
        ("/answers/forever", 502, INTERNAL, "Task timed out after 2.00 seconds"),
        ("/answers/big", 502, INTERNAL, "exceeded maximum allowed payload size"),
        ("/broken", 502, INTERNAL, "Runtime exited with error: exit status 1"),
        ("/unreachable", 500, INTERNAL, "function `unreachable` cannot be invoked"),
        (
            "/hasty/slow",
            504,
            r#"{"message":"Endpoint request timed out"}"#,
            "timed out after 100 ms",
        ),
        ("/answers/fine", 200, "", "function `answers` returned 200"),
    ] {
        let (response, trace) = plane.request("GET", path, &[], b"");
        assert_eq!(response.status, status, "{path}: {trace}");
        assert!(body.is_empty() || response.body == body, "{path}: {}", response.body);
        assert!(trace["reason"].as_str().unwrap().contains(reason), "{path}: {trace}");
    }
    let large = vec![b'x'; 6_300_000];
    let (response, _) = plane.request("POST", "/answers/x", &[], &large);
    assert_eq!(
        (response.status, response.body.as_str()),
        (413, r#"{"message": "Request Too Long"}"#)
    );
}

#[test]
fn concurrent_requests_use_several_environments_and_sequential_ones_reuse_one() {
    let plane = Plane::start(&[]);
    let url = format!("{}/answers/who", plane.dev.url());
    let process_id = |url: &str| http::send("GET", url, &[], b"").body;
    let first = process_id(&url);
    assert_eq!(process_id(&url), first, "an environment is reused");
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || process_id(&url))
        })
        .collect();
    let ids: BTreeSet<String> = calls.into_iter().map(|call| call.join().unwrap()).collect();
    assert!(ids.len() > 1 && ids.contains(&first), "{ids:?}");
}

#[test]
fn functions_are_invoked_through_the_lambda_api() {
    let plane = Plane::start(&[]);
    let base = plane.dev.url().strip_suffix("/dev").unwrap().to_owned();
    let invoke = |name: &str, payload: &str, headers: &[(&str, &str)]| {
        let url = format!("{base}/2015-03-31/functions/{name}/invocations");
        http::send("POST", &url, headers, payload.as_bytes())
    };
    let response = invoke("answers", r#"{"what": "plain"}"#, &[]);
    assert_eq!((response.status, response.json()), (200, json!({"event": {"what": "plain"}})));
    let arn = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Aanswers%3Alive";
    assert_eq!(invoke(arn, "{}", &[]).status, 200);
    let failed = invoke("answers:live", r#"{"what": "raise"}"#, &[]);
    assert_eq!((failed.status, failed.header("x-amz-function-error")), (200, Some("Unhandled")));
    assert_eq!(failed.json(), json!({"errorType": "ValueError", "errorMessage": "it went wrong"}));
    let missing = invoke("missing", "{}", &[]);
    assert_eq!(
        (missing.status, missing.header("x-amzn-errortype")),
        (404, Some("ResourceNotFoundException"))
    );
    // Such an endpoint serves another gateway's function.
    let endpoint = format!("answers={base}/2015-03-31/functions/answers/invocations");
    let other = Plane::start(&["--function", &endpoint]);
    let (response, _) = other.request("GET", "/answers/text", &[], b"");
    assert_eq!((response.status, response.body.as_str()), (201, "hello"));
    let (response, trace) = other.request("GET", "/answers/raise", &[], b"");
    assert_eq!(response.status, 502, "{trace}");
    assert!(
        trace["reason"].as_str().unwrap().contains("function `answers` failed: it went wrong"),
        "{trace}"
    );
    // Pages of other origins, and foreign names that resolve to this host, invoke nothing.
    assert_eq!(invoke("answers", "{}", &[("Origin", "https://evil.example.com")]).status, 403);
    let address = base.strip_prefix("http://").unwrap();
    let request = "POST /2015-03-31/functions/answers/invocations HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(http::raw(address, request.as_bytes()).status, 403);
}
