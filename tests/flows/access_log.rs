//! The way from a caller's request id to the authorizer's decision: through the access log, in the
//! default format, to the line of the function.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::{Dev, binary, http, petstore_with};
use serde_json::{Value, json};

const LOG_KEY: &str = "5b1d0c8e6a7f4f0e9d3c2b1a00112233";

/// The lines of an access log.
fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    let parsed =
        |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parsed).collect()
}

/// The line of a response's request; the gateway writes it before its trace.
#[track_caller]
fn line_of(path: &Path, response: &http::Response) -> Value {
    let id = response.header("x-amzn-requestid").unwrap();
    let found: Vec<Value> =
        lines(path).into_iter().filter(|line| line["requestId"] == id).collect();
    let [line] = found.as_slice() else { panic!("not one line of {id}: {found:?}") };
    assert_eq!(line["extendedRequestId"], response.header("x-amz-apigw-id").unwrap());
    line.clone()
}

/// The output of `deployer hash`.
fn hash(issuer: &str, value: &str) -> String {
    let output = Command::new(binary("deployer"))
        .args(["hash", "--issuer", issuer, value])
        .env("AUTHORIZER_LOG_KEY", LOG_KEY)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A token with the signature of another one.
fn forged(token: &str, other: &str) -> String {
    let (front, signature) = (token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    format!("Bearer {front}.{signature}")
}

#[test]
fn a_refused_call_is_found_from_the_callers_request_id_to_the_functions_line() {
    for kind in ["token", "request"] {
        let settings = format!("cache_ttl = \"0s\"\ntype = \"{kind}\"");
        let folder = petstore_with("portcullis.toml", "cache_ttl = \"5m\"", &settings);
        let project = folder.path().to_str().unwrap();
        let log = folder.path().join("access.log");
        let function = format!(
            "petstore-authorizer=env AUTHORIZER_LOG_KEY={LOG_KEY} {}",
            binary("bootstrap").display()
        );
        let common = [project, "--port", "0", "--access-log", log.to_str().unwrap()];
        let dev = Dev::start(&[&common[..], &["--function", &function]].concat());
        let base = dev.url().strip_suffix("/dev").unwrap();
        let endpoint = format!("{base}/2015-03-31/functions/petstore-authorizer/invocations");
        let by_url = [&common[..], &["--no-local-issuer", "--authorizer-url", &endpoint]].concat();
        let by_url = Dev::start(&by_url);
        let token = dev.token("pets:read");
        let (good, forged) = (format!("Bearer {token}"), forged(&token, &dev.token("admin")));

        for gateway in [&dev, &by_url] {
            for (authorization, status, decision, reason) in
                [(&good, 403, "deny", "insufficient_scope"), (&forged, 401, "unauthorized", "")]
            {
                let (response, _) = gateway.request("GET", "/pets/7/owner", Some(authorization));
                assert_eq!(response.status, status, "{response:?}");
                let access = line_of(&log, &response);
                assert_eq!(access["status"], status.to_string());
                let invocation = access["authorizerRequestId"].as_str().unwrap().to_owned();
                let found = dev.function_line(|line| line["request_id"] == invocation.as_str());
                assert_eq!(found["decision"], decision, "{found}");
                assert!(reason.is_empty() || found["reason"] == reason, "{found}");
                assert_eq!((&found["api_id"], &found["stage"]), (&json!("local"), &json!("dev")));
                let identified = if status == 403 {
                    (json!("local-client"), json!(hash(dev.issuer(), "local-client")))
                } else {
                    (Value::Null, Value::Null)
                };
                assert_eq!((&found["client_id"], &found["sub"]), (&identified.0, &identified.1));
                assert_eq!(found["jti"].is_string(), status == 403, "{found}");
                // A REQUEST event has the caller's ids itself.
                let ids = [
                    ("gateway_request_id", "requestId"),
                    ("extended_request_id", "extendedRequestId"),
                ];
                for (member, of_access) in ids {
                    let expected =
                        if kind == "request" { &access[of_access] } else { &Value::Null };
                    assert_eq!(&found[member], expected, "{found}");
                }
            }
        }
    }
}

#[test]
fn an_access_log_has_a_line_for_each_request_of_the_stage_whatever_the_caller_sends() {
    let folder = petstore_with("portcullis.toml", "[api]", "[api]");
    let log = folder.path().join("access.log");
    fs::write(&log, "{\"requestId\":\"earlier\"}\n").unwrap();
    let project = folder.path().to_str().unwrap();
    let dev = Dev::start(&[project, "--port", "0", "--access-log", log.to_str().unwrap()]);
    // A client whose name would end the member.
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let body = b"grant_type=client_credentials&scope=pets:read&client_id=a%22,%22x%22:%221%5C";
    let issued = http::send("POST", &format!("{}/token", dev.issuer()), &[form], body).json();
    let token = format!("Bearer {}", issued["access_token"].as_str().unwrap());

    for _ in 0..2 {
        // In this process there is no invocation with an id; the second result is cached.
        let (response, _) = dev.request("GET", "/pets/7", Some(&token));
        let line = line_of(&log, &response);
        assert_eq!((&line["status"], &line["route"]), (&json!("200"), &json!("/pets/{petId}")));
        assert_eq!(
            (&line["client"], &line["principal"]),
            (&json!("a\",\"x\":\"1\\"), &line["client"])
        );
        assert_eq!((&line["authorizerRequestId"], &line["reason"]), (&json!("-"), &json!("-")));
    }
    let (response, _) = dev.request("GET", "/pets/7", None);
    let line = line_of(&log, &response);
    assert_eq!((&line["status"], &line["response"]), (&json!("401"), &json!("UNAUTHORIZED")));
    assert_eq!(line["client"], "-");
    // No stage has this path, so no stage logs it.
    let base = dev.url().strip_suffix("/dev").unwrap();
    let elsewhere = http::send("GET", &format!("{base}/other/pets"), &[], b"");
    dev.trace(&elsewhere);
    let (nowhere, _) = dev.request("GET", "/nowhere", None);
    assert_eq!(line_of(&log, &nowhere)["route"], "-");
    let ids: Vec<Value> = lines(&log).into_iter().map(|line| line["requestId"].clone()).collect();
    assert_eq!((ids.len(), &ids[0]), (5, &json!("earlier")), "{ids:?}");
}

#[test]
fn an_access_log_that_cannot_be_written_stops_dev_before_it_starts() {
    let folder = petstore_with("portcullis.toml", "[api]", "[api]");
    let project = folder.path().to_str().unwrap();
    for (file, message) in [
        ("-", "invalid `--access-log` `-`: expected a file"),
        (project, "cannot write"),
        ("/nowhere/access.log", "cannot write /nowhere/access.log"),
    ] {
        let output = Command::new(binary("deployer"))
            .args(["dev", project, "--port", "0", "--access-log", file])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(message) && output.stdout.is_empty(), "{text}");
    }
}
