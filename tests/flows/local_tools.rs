//! The tools around the local gateway: reload, traces, the page and `deployer test`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use e2e::{Dev, binary, http, petstore_with, root};
use serde_json::{Value, json};

fn base(dev: &Dev) -> String {
    dev.url().strip_suffix("/dev").unwrap().to_owned()
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{} has no {from}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn changed_files_are_reloaded_and_invalid_ones_are_not() {
    let folder = petstore_with("openapi.yaml", "openapi: 3.0.3", "openapi: 3.0.3");
    let file = folder.path().join("openapi.yaml");
    let dev = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"]);
    let token = format!("Bearer {}", dev.token("pets:read"));
    assert_eq!(dev.request("GET", "/pets", Some(&token)).0.status, 200);

    // Requests during reloads always get a response; another token keeps the caches apart.
    let stop = Arc::new(AtomicBool::new(false));
    let another = format!("Bearer {}", dev.token("pets:read pets:list"));
    let requests = {
        let (stop, url, token) = (Arc::clone(&stop), dev.url().to_owned(), another);
        thread::spawn(move || {
            let mut statuses = std::collections::BTreeSet::new();
            while !stop.load(Ordering::SeqCst) {
                statuses.insert(
                    http::send("GET", &format!("{url}/pets/7"), &[("Authorization", &token)], b"")
                        .status,
                );
            }
            statuses
        })
    };
    edit(
        &file,
        "operationId: listPets",
        "security: [{ jwt: [admin] }]\n      operationId: listPets",
    );
    dev.wait_for_event(|line| line["event"] == "reloaded");
    let (response, trace) = dev.request("GET", "/pets", Some(&token));
    assert_eq!(response.status, 403, "{trace}");
    assert_eq!(trace["authorizer_invoked"], true, "the cache is cleared");

    // An invalid edit is reported, and the previous version is still served.
    edit(&file, "security: [{ jwt: [admin] }]", "security: [{ jwt: [admin }]");
    let event = dev.wait_for_event(|line| line["event"] == "reload_failed");
    assert_eq!(event["reason"], "invalid configuration");
    assert_eq!(dev.request("GET", "/pets", Some(&token)).0.status, 403);
    edit(&file, "security: [{ jwt: [admin }]", "x-fixed: true");
    dev.wait_for_nth_event(|line| line["event"] == "reloaded", 2);
    assert_eq!(dev.request("GET", "/pets", Some(&token)).0.status, 200);

    // The issuer's audience changes: new tokens have the new one.
    edit(
        &folder.path().join("portcullis.toml"),
        "https://petstore.example.com\"]",
        "https://other.example.com\"]",
    );
    dev.wait_for_nth_event(|line| line["event"] == "reloaded", 3);
    assert_eq!(dev.request("GET", "/pets", Some(&token)).0.status, 401);
    let other = format!("Bearer {}", dev.token("pets:read"));
    assert_eq!(dev.request("GET", "/pets", Some(&other)).0.status, 200);
    stop.store(true, Ordering::SeqCst);
    let statuses = requests.join().unwrap();
    assert!(statuses.is_subset(&[200, 401].into()), "no request was dropped: {statuses:?}");
}

#[test]
fn a_request_trace_is_complete_and_redacted() {
    let folder = petstore_with(
        "portcullis.toml",
        "cache_ttl = \"5m\"",
        "cache_ttl = \"5m\"\ntype = \"request\"",
    );
    let dev = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"]);
    let token = dev.token("pets:read");
    let headers = [
        ("Authorization", format!("Bearer {token}")),
        ("Cookie", "session=secret".to_owned()),
        ("X-Api-Key", "a-key".to_owned()),
    ];
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let explain = |response: &http::Response| {
        let id = response.header("x-amzn-requestid").unwrap();
        http::send("GET", &format!("{}/_portcullis/requests/{id}", base(&dev)), &[], b"").json()
    };
    let first = explain(&http::send("GET", &format!("{}/pets/7?q=1", dev.url()), &headers, b""));
    for (pointer, expected) in [
        ("/route", json!("GET /pets/{petId}")),
        ("/security", json!("jwt [pets:read]")),
        ("/status", json!(200)),
        ("/authorizer_invoked", json!(true)),
        ("/cache_age", json!(null)),
        ("/authorizer/name", json!("jwt")),
        ("/authorizer/event/type", json!("REQUEST")),
        ("/authorizer/event/headers/Cookie", json!("… (14 characters)")),
        ("/authorizer/event/headers/X-Api-Key", json!("… (5 characters)")),
        ("/authorizer/event/requestContext/identity/apiKey", json!("… (5 characters)")),
        ("/authorizer/event/queryStringParameters/q", json!("1")),
        ("/authorizer/response/principalId", json!("local-client")),
        ("/authorizer/statement", json!(0)),
        ("/integration/kind", json!("HTTP_PROXY")),
    ] {
        assert_eq!(first.pointer(pointer), Some(&expected), "{pointer}: {first:#}");
    }
    assert!(
        first["authorizer"]["milliseconds"].is_number()
            && first["integration"]["milliseconds"].is_number()
    );
    assert!(
        !first.to_string().contains(&token) && !first.to_string().contains("a-key"),
        "{first:#}"
    );

    let second = explain(&http::send("GET", &format!("{}/owners", dev.url()), &headers, b""));
    assert_eq!(
        (&second["status"], &second["authorizer_invoked"]),
        (&json!(403), &json!(false)),
        "{second:#}"
    );
    assert!(second["cache_age"].is_number());
    assert_eq!(second["authorizer"]["identity"], first["authorizer"]["identity"]);
    assert_eq!(second["response_type"], "ACCESS_DENIED");
    assert_eq!(second["authorizer"]["statement"], Value::Null, "no statement matched");

    let listed =
        http::send("GET", &format!("{}/_portcullis/requests", base(&dev)), &[], b"").json();
    let ids: Vec<&Value> =
        listed["requests"].as_array().unwrap().iter().map(|one| &one["request_id"]).collect();
    assert_eq!(ids, [&second["request_id"], &first["request_id"]], "the latest first");
    let nothing = http::send("GET", &format!("{}/_portcullis/requests/none", base(&dev)), &[], b"");
    assert_eq!(nothing.status, 404);
}

#[test]
fn the_page_is_served_to_this_machine_only() {
    let dev = Dev::start(&["infra/petstore", "--port", "0"]);
    let address = base(&dev).strip_prefix("http://").unwrap().to_owned();
    let send = |method: &str, path: &str, host: &str, more: &str| {
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
        http::raw(&address, request.as_bytes())
    };
    for (path, host, status) in [
        ("/_portcullis/", address.as_str(), 200),
        ("/_portcullis", address.as_str(), 308),
        ("/_portcullis/page.js", "localhost", 200),
        ("/_portcullis/page.css", "localhost:80", 200),
        ("/_portcullis/api", "[::1]:80", 200),
        ("/_portcullis/nothing", address.as_str(), 404),
        ("/_portcullis/", "evil.example.com", 403),
        ("/_portcullis/requests", "127.0.0.1.evil.example.com", 403),
        ("/_portcullis/api", "localhost.evil.example.com:3000", 403),
    ] {
        assert_eq!(send("GET", path, host, "").status, status, "{path} {host}");
    }
    let page = send("GET", "/_portcullis/", &address, "");
    assert_eq!(
        page.header("content-security-policy"),
        Some("default-src 'self'; frame-ancestors 'none'; base-uri 'none'")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let token = |origin: &str, body: &str| {
        let more = format!(
            "{origin}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        send("POST", "/_portcullis/token", &address, more.trim_end_matches("\r\n"))
    };
    let scope = "{\"scope\":\"pets:read\"}";
    assert_eq!(token("Origin: https://evil.example.com\r\n", scope).status, 403);
    assert_eq!(token("", "{}").status, 400);
    let made = token(&format!("Origin: http://{address}\r\n"), scope).json();
    let authorization = format!("Bearer {}", made["access_token"].as_str().unwrap());
    assert_eq!(dev.request("GET", "/pets", Some(&authorization)).0.status, 200);
    let shown = send("GET", "/_portcullis/api", &address, "").json();
    assert_eq!(shown["scopes"], json!(["admin", "owners:read", "pets:read", "pets:write"]));
    assert_eq!(shown["routes"].as_array().unwrap().len(), 15);
}

fn test(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary("deployer"))
        .arg("test")
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn every_operation_of_the_petstore_is_tested() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.xml");
    let (code, out, stderr) =
        test(&["infra/petstore", "--output", "json", "--junit", report.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{out}{stderr}");
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&json["failed"], &json["skipped"]), (&json!(0), &json!(0)));
    let xml = fs::read_to_string(report).unwrap();
    let cases = json["cases"].as_array().unwrap();
    assert!(
        xml.contains(&format!("tests=\"{}\" skipped=\"0\" failures=\"0\"", cases.len())),
        "{xml}"
    );

    // Every operation has test cases.
    let dev = Dev::start(&["infra/petstore", "--port", "0"]);
    let api = http::send("GET", &format!("{}/_portcullis/api", base(&dev)), &[], b"").json();
    for route in api["routes"].as_array().unwrap() {
        let (method, path) = (route["method"].as_str().unwrap(), route["path"].as_str().unwrap());
        let segments: Vec<&str> = path
            .split('/')
            .map(|segment| if segment.starts_with('{') { "" } else { segment })
            .collect();
        let tested: Vec<&str> = (cases.iter())
            .filter_map(|case| case["case"].as_str().unwrap().split_once(" with "))
            .filter(|(request, _)| {
                let (verb, tested) = request.split_once(' ').unwrap();
                let tested: Vec<&str> = tested.split('/').collect();
                (method == "ANY" || verb == method)
                    && tested.len() == segments.len()
                    && tested
                        .iter()
                        .zip(&segments)
                        .all(|(actual, expected)| expected.is_empty() || actual == expected)
            })
            .map(|(_, token)| token)
            .collect();
        for token in ["none", "garbage", "expired", "foreign"] {
            assert!(tested.contains(&token), "{method} {path} with {token}");
        }
        if route["public"] == false {
            for token in ["plain", "reader", "writer", "owners", "admin", "clerk"] {
                assert!(tested.contains(&token), "{method} {path} with {token}");
            }
        }
    }
}

#[test]
fn failed_expectations_are_reported_with_their_line() {
    let folder = petstore_with("portcullis.toml", "[api]", "[api]");
    let cases = folder.path().join("cases.yaml");
    let write = |text: &str| fs::write(&cases, text).unwrap();
    write(
        "tokens:\n  reader: { scopes: pets:read }\ncases:\n  - request: GET /pets\n    expect:\n      none: 200\n      reader: { status: 200, body: nowhere, backend: false }\n  - { request: GET /health, expect: { none: { status: 200, backend: true } } }\n",
    );
    let report = folder.path().join("report.xml");
    let (code, out, stderr) = test(&[cases.to_str().unwrap(), "--junit", report.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(out.trim(), "0 passed, 3 failed, 0 skipped");
    for line in [
        "failed: line 6, GET /pets with none: expected status 200, found 401",
        "failed: line 7, GET /pets with reader: expected a body with `nowhere`; expected no backend request, found one",
        "failed: line 8, GET /health with none: expected a backend request, found none",
    ] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
    let xml = fs::read_to_string(&report).unwrap();
    assert!(
        xml.contains("failures=\"3\"")
            && xml.contains("<failure message=\"expected status 200, found 401\">"),
        "{xml}"
    );

    for (text, expected) in [
        ("cases: []", "missing `cases`"),
        ("cases: [{ request: pets, expect: { none: 1 } }]", "invalid request `pets`"),
        (
            "cases: [{ request: GET /, expect: { reeder: 1 } }]\ntokens: { reader: { scopes: a } }",
            "did you mean `reader`",
        ),
        ("cases: [{ request: GET /, expect: { none: soon } }]", "expected a status code"),
        ("cases: [{ request: GET /, expect: { none: { code: 1 } } }]", "unknown setting `code`"),
        ("cases: [{ expect: { none: 1 } }]", "missing `request`"),
        ("cases: [{ request: GET / }]", "missing `expect`"),
        (
            "tokens: { a: { expired: true } }\ncases: [{ request: GET /, expect: { a: 1 } }]",
            "a token must have either `scopes` or `text`",
        ),
        ("cases: [{", "cases.yaml:1"),
    ] {
        write(text);
        let (code, _, stderr) = test(&[folder.path().to_str().unwrap()]);
        assert!(code == Some(3) && stderr.contains(expected), "{text}: {code:?} {stderr}");
    }
}

#[test]
fn a_deployed_stage_is_tested_with_a_token_command() {
    let dev = Dev::start(&["infra/petstore", "--port", "0"]);
    let command = format!(
        "test \"$TOKEN_EXPIRED\" = false -a -z \"$TOKEN_AUDIENCE\" && curl -sf -d grant_type=client_credentials --data-urlencode \"scope=$TOKEN_SCOPES\" {}/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'",
        dev.issuer()
    );
    let (code, out, stderr) =
        test(&["infra/petstore", "--url", dev.url(), "--token-command", &command]);
    assert_eq!(code, Some(0), "{out}{stderr}");
    assert_eq!(out.trim(), "126 passed, 0 failed, 32 skipped", "{stderr}");
    assert!(
        stderr.contains(
            "skipped: line 22, GET /pets with expired: the token command printed no token"
        ),
        "{stderr}"
    );
    // The gateway is unreachable.
    let (code, out, stderr) =
        test(&["infra/petstore", "--url", "http://127.0.0.1:1", "--token-command", "echo x"]);
    assert!(code == Some(1) && out.contains("0 passed"), "{out}{stderr}");
}

/// An API Gateway export is served unchanged.
#[test]
fn a_document_is_served_without_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(binary("deployer"))
        .args(["export", "infra/petstore", "--document", "--out"])
        .arg(folder.path().join("export.json"))
        .current_dir(root())
        .output()
        .unwrap();
    assert!(written.status.success(), "{written:?}");
    let document = folder.path().join("export.json");
    let guard = format!(
        "petstore-authorizer=python3 {}/runtime.py guard",
        root().join("tests/flows/functions").display()
    );
    let dev = Dev::start(&[document.to_str().unwrap(), "--port", "0", "--function", &guard]);
    assert_eq!(dev.ready["api"], "export");
    assert_eq!(dev.request("GET", "/health", None).0.status, 200);
    for (token, status) in
        [("Bearer all.a.a", 500), ("Bearer a.b.all", 500), ("Bearer garbage", 401), ("", 401)]
    {
        let (response, trace) = dev.request("GET", "/pets", Some(token));
        assert_eq!(response.status, status, "{token}: {trace}");
    }
    // An identity source that API Gateway does not accept is rejected at startup.
    let mut changed: Value = serde_json::from_str(&fs::read_to_string(&document).unwrap()).unwrap();
    for scheme in changed["components"]["securitySchemes"].as_object_mut().unwrap().values_mut() {
        let Some(authorizer) = scheme["x-amazon-apigateway-authorizer"].as_object_mut() else {
            continue;
        };
        authorizer.remove("identityValidationExpression");
        authorizer.insert("type".to_owned(), "request".into());
        authorizer.insert("identitySource".to_owned(), "method.request.path.petId".into());
    }
    let other = folder.path().join("other.json");
    fs::write(&other, changed.to_string()).unwrap();
    let output = Command::new(binary("deployer"))
        .args(["dev", other.to_str().unwrap(), "--port", "0", "--function", &guard])
        .current_dir(root())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success()
            && stderr.contains("invalid identity source")
            && stderr.contains("`method.request.path.petId`"),
        "{stderr}"
    );
    // Without a local function the scheme has no authorizer.
    let dev = Dev::start(&[document.to_str().unwrap(), "--port", "0"]);
    let notes = dev.ready["notes"].as_array().unwrap();
    assert!(
        notes.iter().any(|note| note.as_str().unwrap().contains("no local authorizer for")),
        "{notes:?}"
    );
    let (response, trace) = dev.request("GET", "/pets", Some("Bearer a.b.c"));
    assert_eq!(response.status, 500, "{trace}");
}
