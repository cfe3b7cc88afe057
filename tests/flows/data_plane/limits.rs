//! API keys, throttles, quotas, request validators and size limits.

use e2e::http;
use serde_json::json;

use super::{MANIFEST, Plane, document};

#[test]
fn api_keys_are_checked_and_throttled() {
    let mut plain = document();
    plain.as_object_mut().unwrap().remove("x-amazon-apigateway-gateway-responses");
    let plane = Plane::serving(&plain, &[]);
    let request = |path: &str, key: &str, token: &str| {
        let mut headers = vec![("Authorization", token)];
        if !key.is_empty() {
            headers.push(("x-api-key", key));
        }
        let (response, _) = plane.request("GET", path, &headers, b"");
        (response.status, response.body)
    };
    let forbidden = (403, r#"{"message":"Forbidden"}"#.to_owned());
    let passed = (200, "ok".to_owned());
    let too_many = (429, r#"{"message":"Too Many Requests"}"#.to_owned());
    assert_eq!(request("/key", "", ""), forbidden);
    assert_eq!(request("/key", "wrong", ""), forbidden);
    assert_eq!(request("/key", "secret-key", ""), passed);
    // The authorizer comes before the API key check.
    assert_eq!(request("/both", "secret-key", "").0, 401);
    assert_eq!(request("/both", "", "Bearer all"), forbidden);
    assert_eq!(request("/both", "secret-key", "Bearer all"), passed);
    assert_eq!(request("/key", "secret-key", ""), passed);
    assert_eq!(request("/key", "secret-key", ""), too_many, "the plan's burst is 3");
    assert_eq!(request("/key", "other-key", ""), passed, "quotas are per key");
    assert_eq!(request("/limited", "", "").0, 200);
    assert_eq!(request("/limited", "", "").0, 200);
    assert_eq!(request("/limited", "", ""), too_many, "the route's burst is 2");
    assert_eq!(request("/open", "", "").0, 200, "the others are not limited");
}

#[test]
fn api_keys_have_a_quota() {
    let manifest = MANIFEST.replace(
        "throttle = { rate = 0.001, burst = 3 }",
        "quota = { limit = 2, period = \"month\" }",
    );
    let plane = Plane::with_manifest(&manifest, &document(), &[]);
    let request = |key: &str| {
        let (response, trace) = plane.request("GET", "/key", &[("x-api-key", key)], b"");
        let error = response.header("x-amzn-errortype").unwrap_or_default().to_owned();
        (response.status, error, response.body, trace["response_type"].clone())
    };
    for _ in 0..2 {
        assert_eq!(request("secret-key").0, 200);
    }
    let limit = r#"{"message":"Limit Exceeded"}"#.to_owned();
    let exceeded = (429, "LimitExceededException".to_owned(), limit, json!("QUOTA_EXCEEDED"));
    assert_eq!(request("secret-key"), exceeded);
    assert_eq!(request("other-key").0, 200, "quotas are per key");
}

#[test]
fn the_authorizer_can_supply_the_api_key() {
    let mut document = document();
    document["x-amazon-apigateway-api-key-source"] = json!("AUTHORIZER");
    let plane = Plane::serving(&document, &[]);
    assert_eq!(plane.get("/both", "Bearer key").0.status, 200);
    assert_eq!(plane.get("/both", "Bearer all").0.status, 418, "the policy has no key");
    let (response, _) = plane.request(
        "GET",
        "/both",
        &[("Authorization", "Bearer all"), ("x-api-key", "secret-key")],
        b"",
    );
    assert_eq!(response.status, 418, "the header is ignored");
}

#[test]
fn request_validators_check_parameters_and_body() {
    let plane = Plane::start(&[]);
    let json = ("Content-Type", "application/json");
    for (path, need, media, body, status, message) in [
        (
            "/checked",
            "",
            json.1,
            "{\"name\":\"Rex\"}",
            400,
            "Missing required request parameters: [X-Need, q]",
        ),
        (
            "/checked?q=",
            "1",
            json.1,
            "{\"name\":\"Rex\"}",
            400,
            "Missing required request parameters: [q]",
        ),
        ("/checked?q=1", "1", json.1, "{}", 400, "Invalid request body"),
        ("/checked?q=1", "1", json.1, "", 400, "Invalid request body"),
        ("/checked?q=1", "1", json.1, "no json", 400, "Invalid request body"),
        ("/checked?q=1", "1", json.1, "{\"name\":null}", 400, "Invalid request body"),
        (
            "/checked?q=1",
            "1",
            json.1,
            "{\"name\":\"Rex\",\"owner\":{\"age\":\"old\"}}",
            400,
            "Invalid request body",
        ),
        (
            "/checked?q=1",
            "1",
            "application/json; charset=utf-8",
            "{\"name\":1}",
            400,
            "Invalid request body",
        ),
        (
            "/checked?q=1",
            "1",
            json.1,
            "{\"name\":\"Rex\",\"nick\":null,\"owner\":{\"age\":3}}",
            200,
            "",
        ),
        // A media type without a model is not checked.
        ("/checked?q=1", "1", "text/plain", "{\"statusCode\": 200}", 200, ""),
    ] {
        let headers = [("X-Need", need), ("Content-Type", media)];
        let (response, trace) = plane.request("POST", path, &headers, body.as_bytes());
        assert_eq!(response.status, status, "{path} {body}: {trace}");
        if status == 400 {
            assert_eq!(response.body, format!("{{\"message\":\"{message}\"}}"));
            assert_eq!(response.header("x-amzn-errortype"), Some("BadRequestException"));
        }
    }
}

/// No such request reaches the backend.
#[test]
fn hostile_requests_never_reach_the_backend() {
    let backend = e2e::backend::Backend::responding(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
    );
    let dev = e2e::Dev::start(&["infra/petstore", "--port", "0", "--backend", &backend.url]);
    let token = dev.token("pets:read pets:write owners:read admin");
    let address = dev.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let mut requests: Vec<(String, Vec<u8>, &[u16])> = Vec::new();
    let mut add = |name: &str, line: &str, headers: &str, body: &[u8], statuses: &'static [u16]| {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n{headers}\r\n"
        );
        requests.push((name.to_owned(), [head.as_bytes(), body].concat(), statuses));
    };
    for path in [
        "/dev/pets/%00",
        "/dev/pets/%0d%0aX:1",
        "/dev/pets/%zz",
        "/dev/pets/%",
        "/dev/pets/%f",
        "/dev/pets/%ff%fe",
        "/dev/pets/%2e%2e/admin",
        "/dev/pets/..",
        "/dev//pets",
        "/dev/pets/%7f",
        "/dev/./pets",
        "/dev/admin/%2e/x",
    ] {
        add(path, &format!("GET {path}"), "", b"", &[403]);
    }
    for query in ["%00", "a=%zz", "a=%0a", "a=%ff"] {
        add(query, &format!("GET /dev/pets?{query}"), "", b"", &[400]);
    }
    add("a null byte in the line", "GET /dev/pe\0ts", "", b"", &[400]);
    add("a null byte in a header", "GET /dev/pets", "X: a\0b\r\n", b"", &[400]);
    add("a name with a space", "GET /dev/pets", "X Y: a\r\n", b"", &[400]);
    add("a folded header", "GET /dev/pets", "X: a\r\n b\r\n", b"", &[400]);
    add(
        "two lengths",
        "POST /dev/pets",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        b"ab",
        &[400],
    );
    add("an invalid length", "POST /dev/pets", "Content-Length: +1\r\n", b"a", &[400]);
    add("a negative length", "POST /dev/pets", "Content-Length: -1\r\n", b"a", &[400]);
    add(
        "an unknown transfer",
        "POST /dev/pets",
        "Transfer-Encoding: chunked, x\r\n",
        b"0\r\n\r\n",
        &[400],
    );
    add(
        "invalid chunks",
        "POST /dev/pets/mine/..",
        "Transfer-Encoding: chunked\r\n",
        b"zz\r\n",
        &[400, 403],
    );
    add("two credentials", "GET /dev/pets", "authorization: Bearer a.b.c\r\n", b"", &[401]);
    add("a body too large", "POST /dev/pets", "Content-Length: 10485761\r\n", b"", &[413]);
    add("another version", "GET /dev/pets HTTP/9.9\r\nX:", "", b"", &[400]);
    let many = "X: 1\r\n".repeat(150);
    let long = |length: usize| format!("X: {}\r\n", "x".repeat(length));
    add("150 headers", "GET /dev/pets", &many, b"", &[431]);
    add("headers of more than 10 KB", "GET /dev/pets", &long(10_000), b"", &[431]);
    add("headers of more than 16 KB", "GET /dev/pets", &long(17_000), b"", &[431]);
    let path = format!("GET /dev/pets/{}", "x".repeat(2_000));
    add("a path of 2 KB", &path, "", b"", &[414]);
    for (name, bytes, statuses) in requests {
        let response = http::raw(&address, &bytes);
        assert!(statuses.contains(&response.status), "{name}: {response:?}");
    }
    assert_eq!(backend.requests(), [""; 0]);

    // A body above the limit is refused even if its length is not declared.
    let dev = e2e::Dev::start(&["infra/petstore", "--port", "0"]);
    let token = dev.token("pets:write");
    let address = dev.url().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let head = format!(
        "POST /dev/pets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let response = http::raw(&address, format!("{head}{}0\r\n\r\n", chunk.repeat(11)).as_bytes());
    let too_large = "HTTP content length exceeded 10485760 bytes.";
    assert!(
        response.status == 0 || (response.status, response.body.as_str()) == (413, too_large),
        "{response:?}"
    );
}
