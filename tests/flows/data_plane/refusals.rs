//! The responses to refused requests.

use super::{Plane, document};

const UNAUTHORIZED: (u16, &str, &str) =
    (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#);
const CONFIGURATION: (u16, &str, &str) =
    (500, "AuthorizerConfigurationException", r#"{"message": "Internal server error"}"#);
const FAILURE: (u16, &str, &str) = (500, "AuthorizerConfigurationException", r#"{"message":null}"#);
const DENIED: (u16, &str, &str) = (
    403,
    "AccessDeniedException",
    r#"{"Message":"User is not authorized to access this resource"}"#,
);
const DENIED_EXPLICITLY: (u16, &str, &str) = (
    403,
    "AccessDeniedException",
    r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#,
);
const NO_ROUTE: (u16, &str, &str) =
    (403, "MissingAuthenticationTokenException", r#"{"message":"Missing Authentication Token"}"#);
const PASSED: (u16, &str, &str) = (200, "", "ok");

#[test]
fn authorizer_responses_end_as_aws_documents() {
    let plane = Plane::start(&["--function-timeout", "2"]);
    // Path, Authorization, response, whether the first and the second request call the authorizer.
    for (path, token, expected, called, again) in [
        ("/guarded", "", UNAUTHORIZED, false, false),
        ("/guarded", "Bearer", UNAUTHORIZED, false, false),
        ("/guarded", "Bearer ALL", UNAUTHORIZED, false, false),
        ("/guarded", "xBearer all", UNAUTHORIZED, false, false),
        ("/guarded", "Bearer unauthorized", UNAUTHORIZED, true, true),
        ("/guarded", "Bearer lower", FAILURE, true, true),
        ("/guarded", "Bearer error", FAILURE, true, true),
        ("/guarded", "Bearer crash", FAILURE, true, true),
        ("/guarded", "Bearer slow", FAILURE, true, true),
        ("/guarded", "Bearer anonymous", CONFIGURATION, true, true),
        ("/guarded", "Bearer nested", CONFIGURATION, true, true),
        ("/guarded", "Bearer nonsense", CONFIGURATION, true, true),
        ("/absent", "all", CONFIGURATION, false, false),
        ("/guarded", "Bearer other", DENIED, true, false),
        ("/guarded", "Bearer deny", DENIED_EXPLICITLY, true, false),
        ("/guarded", "Bearer all", PASSED, true, false),
        ("/guarded/other", "Bearer all", PASSED, false, false),
        // A cached policy for one route is applied to the next: the classic bug, as on AWS.
        ("/guarded", "Bearer this", PASSED, true, false),
        ("/guarded/other", "Bearer this", DENIED, false, false),
        // Without a TTL nothing is cached.
        ("/fresh", "all", PASSED, true, true),
        ("/fresh", "deny", DENIED_EXPLICITLY, true, true),
        ("/fresh", "", UNAUTHORIZED, false, false),
        ("/iam", "", NO_ROUTE, false, false),
        ("/iam", "Bearer all", NO_ROUTE, false, false),
    ] {
        for expected_call in [called, again] {
            let (response, trace) = plane.get(path, token);
            let error = response.header("x-amzn-errortype").unwrap_or_default();
            assert_eq!(
                (response.status, error, response.body.as_str()),
                expected,
                "{path} {token}: {trace}"
            );
            assert_eq!(trace["authorizer_invoked"], expected_call, "{path} {token}: {trace}");
        }
    }
    // A missing header is not an empty one.
    let (response, trace) = plane.request("GET", "/guarded", &[], b"");
    assert_eq!((response.status, trace["authorizer_invoked"].as_bool()), (401, Some(false)));

    // The cache is flushed through AWS's operation.
    let base = plane.dev.url().strip_suffix("/dev").unwrap().to_owned();
    let flush = |path: &str, method: &str| {
        e2e::http::send(method, &format!("{base}{path}"), &[], b"").status
    };
    let flushed = "/restapis/local/stages/dev/cache/authorizers";
    for (path, method, status) in [
        ("/restapis/local/stages/prod/cache/authorizers", "DELETE", 404),
        (flushed, "GET", 404),
        (flushed, "DELETE", 202),
    ] {
        assert_eq!(flush(path, method), status, "{method} {path}");
    }
    assert_eq!(plane.get("/guarded", "Bearer all").1["authorizer_invoked"], true);
}

#[test]
fn a_request_authorizer_is_cached_by_all_identity_sources() {
    let plane = Plane::start(&[]);
    let request = |token: &str, path: &str| {
        let headers: &[(&str, &str)] = if token.is_empty() { &[] } else { &[("X-Token", token)] };
        let (response, trace) = plane.request("GET", path, headers, b"");
        (response.status, trace["authorizer_invoked"].as_bool().unwrap())
    };
    for (token, path, status, called) in [
        ("", "/by-request?q=1", 401, false),
        ("all", "/by-request", 401, false),
        ("all", "/by-request?q=", 401, false),
        ("all", "/by-request?q=1", 200, true),
        ("all", "/by-request?q=1", 200, false),
        ("all", "/by-request?q=1&more=2", 200, false),
        ("all", "/by-request?q=2", 200, true),
        ("all-2", "/by-request?q=1", 200, true),
    ] {
        assert_eq!(request(token, path), (status, called), "{token} {path}");
    }
    // Credentials are never logged, whatever the identity sources are.
    let headers = [("X-Token", "all-3"), ("Authorization", "Basic secret")];
    let (_, trace) = plane.request("GET", "/by-request?q=hidden", &headers, b"");
    let base = plane.dev.url().strip_suffix("/dev").unwrap();
    let id = trace["request_id"].as_str().unwrap();
    let all = e2e::http::send("GET", &format!("{base}/_portcullis/requests/{id}"), &[], b"");
    assert_eq!(all.json()["authorizer"]["event"]["headers"]["Authorization"], "… (12 characters)");
    for secret in ["secret", "all-3", "hidden"] {
        assert!(!all.body.contains(secret), "{secret}: {}", all.body);
    }
}

/// The configuration is reloaded while the authorizer runs.
#[test]
fn a_result_from_before_a_reload_is_not_cached() {
    let plane = Plane::start(&[]);
    std::thread::scope(|scope| {
        let pending = scope.spawn(|| plane.get("/guarded", "Bearer wait"));
        plane.dev.wait_for_stderr("the authorizer is running");
        let mut changed = document();
        changed["info"]["version"] = serde_json::json!("2");
        std::fs::write(plane.folder.path().join("openapi.json"), changed.to_string()).unwrap();
        plane.dev.wait_for_event(|line| line["event"] == "reloaded");
        assert_eq!(
            pending.join().unwrap().0.status,
            200,
            "the request ends with the previous configuration"
        );
    });
    let (response, trace) = plane.get("/guarded/other", "Bearer wait");
    assert_eq!(
        (response.status, trace["authorizer_invoked"].as_bool()),
        (200, Some(true)),
        "{trace}"
    );
}

#[test]
fn routing_comes_before_authorization() {
    let plane = Plane::start(&[]);
    for (method, path, status, route) in [
        ("POST", "/admin", 401, "POST /admin"),
        // A method that the protected resource does not have matches the public route.
        ("GET", "/admin", 200, "ANY /{proxy+}"),
        ("GET", "/guarded/", 401, "GET /guarded"),
        ("GET", "/anything/at%20all", 200, "ANY /{proxy+}"),
        ("GET", "/open", 200, "GET /open"),
        ("DELETE", "/open", 200, "ANY /{proxy+}"),
    ] {
        let (response, trace) = plane.request(method, path, &[], b"");
        assert_eq!(
            (response.status, trace["route"].as_str()),
            (status, Some(route)),
            "{method} {path}"
        );
    }
    let base = plane.dev.url().strip_suffix("/dev").unwrap().to_owned();
    for (path, status, body) in [
        ("/ping", 200, "healthy"),
        ("/sping", 200, "healthy"),
        ("/", 403, r#"{"message":"Forbidden"}"#),
        ("/prod/open", 403, r#"{"message":"Forbidden"}"#),
    ] {
        let response = e2e::http::send("GET", &format!("{base}{path}"), &[], b"");
        assert_eq!((response.status, response.body.as_str()), (status, body), "{path}");
    }
}

#[test]
fn gateway_responses_are_substituted_and_override_each_other_entirely() {
    let mut customized = document();
    customized["x-amazon-apigateway-gateway-responses"] = serde_json::json!({
        "DEFAULT_4XX": {"responseParameters": {"gatewayresponse.header.X-Default": "context.stage"},
            "responseTemplates": {
                "application/json": "{\"message\":$context.error.messageString}",
                "text/plain": "sorry: $context.error.message ($context.identity.sourceIp, $context.nothing).",
            }},
        "DEFAULT_5XX": {"statusCode": "503"},
        "ACCESS_DENIED": {"statusCode": "404"},
    });
    let plane = Plane::serving(&customized, &[]);
    let response_to = |path: &str, token: &str, accept: &str| {
        let (response, _) =
            plane.request("GET", path, &[("Authorization", token), ("Accept", accept)], b"");
        let header = response.header("x-default").map(str::to_owned);
        (response.status, header, response.body)
    };
    let default = Some("dev".to_owned());
    assert_eq!(
        response_to("/guarded", "", ""),
        (401, default.clone(), r#"{"message":"Unauthorized"}"#.to_owned())
    );
    assert_eq!(
        response_to("/guarded", "", "text/plain;q=1"),
        (401, default, "sorry: Unauthorized (127.0.0.1, ).".to_owned())
    );
    // A custom response has a lower-case `message`, and does not inherit the default's headers.
    assert_eq!(
        response_to("/guarded", "Bearer other", ""),
        (404, None, r#"{"message":"User is not authorized to access this resource"}"#.to_owned())
    );
    assert_eq!(
        response_to("/guarded", "Bearer error", ""),
        (503, None, r#"{"message":null}"#.to_owned())
    );
    assert_eq!(
        response_to("/absent", "x", ""),
        (503, None, r#"{"message":"Internal server error"}"#.to_owned())
    );

    // Gateway responses can use the authorizer context.
    let custom = "x-amazon-apigateway-gateway-responses:\n  ACCESS_DENIED:\n    responseParameters:\n      gatewayresponse.header.X-Needs: context.authorizer.required_scope\npaths:";
    let folder = e2e::petstore_with("openapi.yaml", "paths:", custom);
    let dev = e2e::Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"]);
    let (response, trace) =
        dev.request("GET", "/pets", Some(&format!("Bearer {}", dev.token("admin"))));
    assert_eq!((response.status, response.header("x-needs")), (403, Some("pets:read")), "{trace}");

    let plane = Plane::start(&[]);
    let (response, trace) = plane.request("GET", "/key", &[("X-Probe", "echoed")], b"");
    assert_eq!(
        (response.status, response.header("x-reason"), response.header("x-echo")),
        (418, Some("no key"), Some("echoed"))
    );
    assert_eq!(
        response.json(),
        serde_json::json!({"id": trace["request_id"], "type": "INVALID_API_KEY", "color": "blue", "text": "Forbidden"})
    );
}
