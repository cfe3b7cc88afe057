//! Invalid input is reported, with the documented exit code and without a panic.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

use e2e::{Dev, binary, petstore_with, root};

fn deployer(arguments: &[&str]) -> (Option<i32>, String) {
    exit_and_text(
        &Command::new(binary("deployer")).args(arguments).current_dir(root()).output().unwrap(),
    )
}

fn exit_and_text(output: &Output) -> (Option<i32>, String) {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

#[test]
fn invalid_files_stop_dev_before_it_starts() {
    for (file, from, to, message) in [
        ("openapi.yaml", "paths:", "paths: [", "invalid YAML"),
        ("portcullis.toml", "cache_ttl", "cash_ttl", "did you mean `cache_ttl`?"),
        ("portcullis.toml", "issuer = \"https://tenant.eu.auth0.com/\"", "", "missing `issuer`"),
        (
            "portcullis.toml",
            "audience = [\"https://petstore.example.com\"]",
            "audience = []",
            "`audience` must not be empty or have an empty item",
        ),
    ] {
        let folder = petstore_with(file, from, to);
        let (code, text) = deployer(&["dev", folder.path().to_str().unwrap(), "--port", "0"]);
        assert_eq!(code, Some(3), "{text}");
        assert!(text.contains(message) && text.contains(file), "{text}");
    }
}

#[test]
fn a_port_in_use_is_reported_with_the_option_to_change_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (option, other) in [("--port", "--issuer-port"), ("--issuer-port", "--port")] {
        let (code, text) = deployer(&["dev", "infra/petstore", option, &port, other, "0"]);
        assert_eq!(code, Some(1), "{text}");
        let expected = format!("cannot listen on 127.0.0.1:{port}: Address already in use");
        assert!(
            text.contains(&expected)
                && text.contains(&format!("choose another port with `{option}`")),
            "{text}"
        );
    }
}

#[test]
fn an_invalid_url_is_reported() {
    for option in ["--backend", "--authorizer-url"] {
        for url in ["nowhere", "ftp://x", "http://", "http://x?y"] {
            let (code, text) = deployer(&["dev", "infra/petstore", "--port", "0", option, url]);
            assert_eq!(code, Some(1), "{text}");
            assert!(
                text.contains(&format!(
                    "invalid `{option}` `{url}`: expected an http or https URL"
                )),
                "{text}"
            );
        }
    }
}

#[test]
fn what_only_aws_supports_is_rejected_at_startup() {
    let aws = |target: &str| {
        format!("type: aws_proxy\n        uri: arn:aws:apigateway:eu-west-1:{target}")
    };
    let function = "lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:orders:live/invocations";
    let health = "application/json: '{\"statusCode\": 200}'";
    for (from, to, expected) in [
        ("type: mock", aws(function), "GET /health: function `orders` has no local implementation; set `--function orders=COMMAND`"),
        ("type: mock", aws("sns:action/Publish").replace("aws_proxy", "aws\n        httpMethod: POST"), "GET /health: `arn:aws:apigateway:eu-west-1:sns:action/Publish` is not supported locally: expected a Lambda function"),
        ("type: mock", "type: http_proxy\n        uri: http://b\n        connectionType: VPC_LINK\n        connectionId: v".to_owned(), "GET /health: HTTP_PROXY through a VPC link is not supported locally"),
        ("type: mock", "type: http_proxy\n        uri: http://b/${stageVariables.host}".to_owned(), "GET /health: missing stage variable `host`"),
        (health, "application/json: \"#set($x = 1){\\\"statusCode\\\": 200}\"".to_owned(), "GET /health: template uses VTL, which is not supported locally"),
    ] {
        let folder = petstore_with("openapi.yaml", from, &to);
        let (code, text) = deployer(&["dev", folder.path().to_str().unwrap(), "--port", "0"]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("cannot serve the API locally") && text.contains(expected), "{expected}: {text}");
    }
    for invalid in ["orders", "=x", "a b=x", "orders="] {
        let (code, text) =
            deployer(&["dev", "infra/petstore", "--port", "0", "--function", invalid]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("expected NAME=COMMAND or NAME=URL"), "{text}");
    }
    for unknown in ["petstore=true", "live=true", "Jwt=http://127.0.0.1:1/"] {
        let (code, text) =
            deployer(&["dev", "infra/petstore", "--port", "0", "--function", unknown]);
        assert_eq!(code, Some(1), "{text}");
        let name = unknown.split('=').next().unwrap();
        let expected = format!("`--function`: the API has no function or authorizer `{name}`");
        assert!(text.contains(&expected), "{text}");
        assert!(text.contains("choose one of: jwt, petstore-authorizer"), "{text}");
        assert!(!text.contains("serving"), "{text}");
    }
}

#[test]
fn an_unreachable_issuer_is_a_500_with_its_cause() {
    let folder =
        petstore_with("portcullis.toml", "https://tenant.eu.auth0.com/", "http://127.0.0.1:1");
    let dev = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"]);
    // {"alg":"RS256","kid":"k"}
    // {"iss":"http://127.0.0.1:1","aud":"https://petstore.example.com","exp":4102444800}
    let token = "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjEiLCJhdWQiOiJodHRwczovL3BldHN0b3JlLmV4YW1wbGUuY29tIiwiZXhwIjo0MTAyNDQ0ODAwfQ.AAAA";
    let (response, trace) = dev.request("GET", "/pets", Some(token));
    assert_eq!((response.status, response.body.as_str()), (500, r#"{"message":null}"#));
    assert_eq!(response.header("x-amzn-errortype"), Some("AuthorizerConfigurationException"));
    let reason = trace["reason"].as_str().unwrap();
    assert!(
        reason.contains("keys of issuer `http://127.0.0.1:1` are unavailable")
            && reason.contains("cannot reach http://127.0.0.1:1"),
        "{reason}"
    );
}

#[test]
fn an_authorizer_that_fails_or_returns_no_policy_is_a_500() {
    let no_policy = e2e::backend::Backend::responding(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ntrue",
    );
    for (url, reason) in [
        ("http://127.0.0.1:1/x", "cannot be invoked"),
        (no_policy.url.as_str(), "invalid response"),
    ] {
        let dev = Dev::start(&["infra/petstore", "--port", "0", "--authorizer-url", url]);
        let (response, trace) = dev.request("GET", "/pets", Some("Bearer a.b.c"));
        assert_eq!(
            (response.status, response.body.as_str()),
            (500, r#"{"message": "Internal server error"}"#)
        );
        assert!(trace["reason"].as_str().unwrap().contains(reason), "{trace}");
    }
}

#[test]
fn the_function_does_not_start_without_its_required_settings() {
    let start = |settings: &[(&str, &str)]| {
        let mut function = Command::new(binary("bootstrap"));
        function.env_clear().envs(settings.iter().copied());
        exit_and_text(&function.output().unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorizer.json");
    let path = file.to_str().unwrap();
    fs::write(&file, r#"{"issuers":[]}"#).unwrap();
    let key = "0123456789abcdef0123456789abcdef";
    let with_key = folder.path().join("with-key.json");
    let issuer = r#"{"issuer":"https://x.example.com","audience":["a"]}"#;
    fs::write(&with_key, format!(r#"{{"issuers":[{issuer}],"log_key":"{key}"}}"#)).unwrap();
    let with_key = with_key.to_str().unwrap();
    let link = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/nowhere.json", link.path().join("authorizer.json")).unwrap();
    let linked = link.path().to_str().unwrap();
    let runtime = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
    for (settings, message) in [
        (
            &[runtime][..],
            "`AUTHORIZER_ISSUER` is not set and authorizer.json does not exist; `AUTHORIZER_AUDIENCE` is not set",
        ),
        (
            &[runtime, ("AUTHORIZER_ISSUER", "https://x.example.com"), ("AUTHORIZER_AUDIENCE", "")],
            "`AUTHORIZER_AUDIENCE` is empty; unset it",
        ),
        (
            &[
                runtime,
                ("AUTHORIZER_ISSUER", "https://x.example.com"),
                ("AUTHORIZER_AUDIENCE", "a"),
                ("AUTHORIZER_SCOPE", "admin"),
            ],
            "`AUTHORIZER_SCOPE` is not a known variable",
        ),
        (
            // A link without its target must not start a function without its route table.
            &[runtime, ("LAMBDA_TASK_ROOT", linked), ("AUTHORIZER_LOG_ALLOWED", "1")],
            "/authorizer.json: No such file or directory",
        ),
        (&[runtime, ("AUTHORIZER_CONFIG", "/nowhere.json")], "cannot read /nowhere.json"),
        (&[runtime, ("AUTHORIZER_CONFIG", path)], "`issuers` must not be empty"),
        (
            &[runtime, ("LAMBDA_TASK_ROOT", folder.path().to_str().unwrap())],
            "`issuers` must not be empty",
        ),
        (
            &[runtime, ("AUTHORIZER_CONFIG", path), ("AUTHORIZER_ISSUER", "https://x")],
            "`AUTHORIZER_ISSUER` has no effect beside",
        ),
        (
            &[
                runtime,
                ("AUTHORIZER_ISSUER", "https://x.example.com"),
                ("AUTHORIZER_AUDIENCE", "a"),
                ("AUTHORIZER_LOG_ALLOWED", "x"),
            ],
            "`AUTHORIZER_LOG_ALLOWED` must be an integer from 0 to 100",
        ),
        (
            &[runtime, ("AUTHORIZER_CONFIG", with_key), ("AUTHORIZER_LOG_KEY", key)],
            "`AUTHORIZER_LOG_KEY` has no effect beside `log_key` of the file; remove one of them",
        ),
        (
            &[
                runtime,
                ("AUTHORIZER_ISSUER", "https://x.example.com"),
                ("AUTHORIZER_AUDIENCE", "a"),
                ("AUTHORIZER_LOG_KEY", "01234567"),
            ],
            "`AUTHORIZER_LOG_KEY` must be at least 32 characters",
        ),
        (
            &[("AUTHORIZER_ISSUER", "https://x.example.com"), ("AUTHORIZER_AUDIENCE", "a")],
            "`AWS_LAMBDA_RUNTIME_API` is not set",
        ),
    ] {
        let (code, text) = start(settings);
        assert_eq!(code, Some(1), "{text}");
        assert!(
            text.starts_with("authorizer failed to start: ") && text.contains(message),
            "{text}"
        );
        assert!(!text.contains("01234567"), "{text}");
    }
}
