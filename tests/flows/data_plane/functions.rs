//! Lambda functions: proxied, run here, failing as Lambda reports it.

use std::collections::BTreeSet;
use std::thread;

use e2e::http;
use serde_json::json;

use super::Plane;

const INTERNAL: &str = r#"{"message": "Internal server error"}"#;

#[test]
fn a_function_gets_the_request_and_says_the_response() {
    let plane = Plane::start(&[]);
    let (answer, told) = plane.ask(
        "PUT",
        "/answers/a%20b?q=1&q=2&r",
        &[("X-CamEl", "1"), ("X-CamEl", "2"), ("User-Agent", "test")],
        "body ä".as_bytes(),
    );
    let event = answer.json();
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
        ("/requestContext/requestId", told["request_id"].clone()),
        ("/body", json!("body ä")),
        ("/isBase64Encoded", json!(false)),
    ] {
        assert_eq!(event.pointer(pointer), Some(&expected), "{pointer}: {event:#}");
    }
    assert_eq!(event.pointer("/requestContext/authorizer"), None);
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let (answer, _) = plane.ask("GET", "/answers/text", &[], b"");
    assert_eq!(
        (answer.status, answer.body.as_str(), answer.header("x-one")),
        (201, "hello", Some("1"))
    );
    let many: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "x-many")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(many, ["a", "b"]);
    assert_eq!(answer.header("x-amzn-remapped-server"), Some("mine"));
    assert_eq!(answer.header("x-amzn-remapped-date"), Some("then"));
    assert!(answer.header("x-amzn-trace-id").is_some_and(|id| id.starts_with("Root=1-")));

    // What an authorizer says reaches it as text.
    let event = plane.get("/known/x", "Bearer all").0.json();
    assert_eq!(
        event.pointer("/requestContext/authorizer"),
        Some(&json!({"principalId": "p", "n": "7", "yes": "true", "text": "x"}))
    );
    // Bytes go both ways where a media type says so.
    let sent =
        plane.ask("POST", "/answers/x", &[("Content-Type", "image/png")], &[0, 255]).0.json();
    assert_eq!((&sent["body"], &sent["isBase64Encoded"]), (&json!("AP8="), &json!(true)));
    let text = plane.ask("GET", "/answers/bytes", &[], b"").0;
    assert!(text.body.starts_with("AAECAw"), "{text:?}");
    let address =
        plane.dev.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let raw = http::raw(&address, b"GET /dev/answers/bytes HTTP/1.1\r\nHost: x\r\nAccept: image/png\r\nConnection: close\r\n\r\n");
    assert_eq!(raw.header("content-length"), Some("256"));
}

#[test]
fn a_function_that_fails_is_told_as_lambda_tells_it() {
    let plane = Plane::start(&["--function-timeout", "2"]);
    for (path, status, body, why) in [
        ("/answers/malformed", 502, INTERNAL, "missing field `statusCode`"),
        ("/answers/object", 502, INTERNAL, "invalid type: map"),
        ("/answers/list", 502, INTERNAL, "answers no response"),
        ("/answers/raise", 502, INTERNAL, "answers failed: it went wrong"),
        ("/answers/crash", 502, INTERNAL, "Runtime exited with error: exit status 3"),
        ("/answers/forever", 502, INTERNAL, "Task timed out after 2.00 seconds"),
        ("/answers/big", 502, INTERNAL, "exceeded maximum allowed payload size"),
        ("/broken", 502, INTERNAL, "Runtime exited with error: exit status 1"),
        ("/gone", 500, INTERNAL, "gone cannot be invoked"),
        ("/hasty/slow", 504, r#"{"message":"Endpoint request timed out"}"#, "within 100 ms"),
        ("/answers/fine", 200, "", "answers 200"),
    ] {
        let (answer, told) = plane.ask("GET", path, &[], b"");
        assert_eq!(answer.status, status, "{path}: {told}");
        assert!(body.is_empty() || answer.body == body, "{path}: {}", answer.body);
        assert!(told["why"].as_str().unwrap().contains(why), "{path}: {told}");
    }
    let large = vec![b'x'; 6_300_000];
    let (answer, _) = plane.ask("POST", "/answers/x", &[], &large);
    assert_eq!((answer.status, answer.body.as_str()), (413, r#"{"message": "Request Too Long"}"#));
}

#[test]
fn several_requests_run_in_several_environments_and_one_after_another_in_one() {
    let plane = Plane::start(&[]);
    let url = format!("{}/answers/who", plane.dev.url());
    let who = |url: &str| http::send("GET", url, &[], b"").body;
    let first = who(&url);
    assert_eq!(who(&url), first, "an environment is used again");
    let asked: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || who(&url))
        })
        .collect();
    let seen: BTreeSet<String> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
    assert!(seen.len() > 1 && seen.contains(&first), "{seen:?}");
}

#[test]
fn functions_are_invoked_as_on_lambda() {
    let plane = Plane::start(&[]);
    let base = plane.dev.url().strip_suffix("/dev").unwrap().to_owned();
    let invoke = |name: &str, payload: &str, headers: &[(&str, &str)]| {
        let url = format!("{base}/2015-03-31/functions/{name}/invocations");
        http::send("POST", &url, headers, payload.as_bytes())
    };
    let answer = invoke("answers", r#"{"what": "plain"}"#, &[]);
    assert_eq!((answer.status, answer.json()), (200, json!({"seen": {"what": "plain"}})));
    let arn = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Aanswers%3Alive";
    assert_eq!(invoke(arn, "{}", &[]).status, 200);
    let failed = invoke("answers:live", r#"{"what": "raise"}"#, &[]);
    assert_eq!((failed.status, failed.header("x-amz-function-error")), (200, Some("Unhandled")));
    assert_eq!(failed.json(), json!({"errorType": "ValueError", "errorMessage": "it went wrong"}));
    let missing = invoke("nobody", "{}", &[]);
    assert_eq!(
        (missing.status, missing.header("x-amzn-errortype")),
        (404, Some("ResourceNotFoundException"))
    );
    // Another gateway's function is behind such an endpoint.
    let endpoint = format!("answers={base}/2015-03-31/functions/answers/invocations");
    let other = Plane::start(&["--function", &endpoint]);
    let (answer, _) = other.ask("GET", "/answers/text", &[], b"");
    assert_eq!((answer.status, answer.body.as_str()), (201, "hello"));
    let (answer, told) = other.ask("GET", "/answers/raise", &[], b"");
    assert_eq!(answer.status, 502, "{told}");
    assert!(told["why"].as_str().unwrap().contains("answers failed: it went wrong"), "{told}");
    // Pages of others, and names that others made to lead here, invoke nothing.
    assert_eq!(invoke("answers", "{}", &[("Origin", "https://evil.example.com")]).status, 403);
    let address = base.strip_prefix("http://").unwrap();
    let request = "POST /2015-03-31/functions/answers/invocations HTTP/1.1\r\nHost: evil.example.com\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(http::raw(address, request.as_bytes()).status, 403);
}
