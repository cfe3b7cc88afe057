//! Tokens in a cookie, in a query parameter and in a header without a scheme.

use std::process::Command;

use e2e::{Dev, binary, http, petstore_with, root};
use serde_json::Value;
use tempfile::TempDir;

use crate::readme::curl_status;

/// The petstore with another location of the token.
fn project(token: &str) -> TempDir {
    let (from, to) = ("cache_ttl = \"5m\"", format!("cache_ttl = \"5m\"\ntoken = {token}"));
    petstore_with("portcullis.toml", from, &to)
}

fn start(folder: &TempDir) -> Dev {
    Dev::start(&[folder.path().to_str().unwrap(), "--port", "0"])
}

/// Checks that every command and tool sends tokens to the location.
fn tools_send_tokens_to_their_location(dev: &Dev, folder: &TempDir) {
    let examples = dev.ready["examples"].as_array().unwrap();
    let statuses: Vec<&Value> = examples.iter().map(|example| &example["status"]).collect();
    assert_eq!(statuses, [200, 401, 403]);
    for example in examples {
        let line = example["curl"].as_str().unwrap();
        assert_eq!(u64::from(curl_status(line)), example["status"], "{line}");
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new(binary("deployer"));
        let output = command.args(arguments).current_dir(root()).output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    };
    let path = folder.path().to_str().unwrap();
    run(&["test", "infra/petstore/cases.yaml", "--dir", path]);
    let text = run(&["explain", path, "--scopes", "pets:read", "GET", "/pets/7"]);
    assert!(text.starts_with("GET /pets/7: allowed"), "{text}");
}

#[test]
fn a_cookie_api_accepts_exactly_one_cookie_of_its_name() {
    let folder = project("{ cookie = \"session\" }");
    let dev = start(&folder);
    let token = dev.token("pets:read");
    let (cookie, bearer) = (format!("session={token}"), format!("Bearer {token}"));
    let with_theme = format!("theme=dark; {cookie}");
    let twice = format!("{cookie}; {cookie}");
    let query = format!("/pets?access_token={token}");
    let get = |path: &str, headers: &[(&str, &str)]| {
        let response = http::send("GET", &format!("{}{path}", dev.url()), headers, b"");
        let trace = dev.trace(&response);
        (response, trace)
    };
    for (name, path, headers, status, is_invoked) in [
        ("accepted", "/pets", vec![("Cookie", cookie.as_str())], 200, true),
        ("cached by the same header", "/pets", vec![("cookie", &cookie)], 200, false),
        ("not cached by another header", "/pets", vec![("Cookie", &with_theme)], 200, true),
        ("without the scope", "/owners", vec![("Cookie", &cookie)], 403, false),
        ("missing", "/pets", vec![], 401, false),
        ("another cookie", "/pets", vec![("Cookie", "theme=dark")], 401, true),
        ("empty", "/pets", vec![("Cookie", "session=")], 401, true),
        ("twice", "/pets", vec![("Cookie", &twice)], 401, true),
        ("two headers", "/pets", vec![("Cookie", &cookie), ("Cookie", &cookie)], 401, false),
        (
            "two headers, one cached",
            "/pets",
            vec![("Cookie", &cookie), ("Cookie", "x=1")],
            401,
            false,
        ),
        ("bearer alone", "/pets", vec![("Authorization", &bearer)], 401, false),
        (
            "bearer beside it",
            "/pets",
            vec![("Cookie", &format!("{cookie}; n=1")), ("Authorization", &bearer)],
            401,
            true,
        ),
        ("parameter beside it", &query, vec![("Cookie", &format!("{cookie}; n=2"))], 401, true),
        ("garbage", "/pets", vec![("Cookie", "session=garbage")], 401, true),
    ] {
        let (response, trace) = get(path, &headers);
        assert_eq!(response.status, status, "{name}: {trace}");
        assert_eq!(trace["authorizer_invoked"], is_invoked, "{name}: {trace}");
        let challenge = match status {
            401 => Some("Bearer realm=\"petstore\""),
            403 => Some("Bearer realm=\"petstore\", error=\"insufficient_scope\""),
            _ => None,
        };
        assert_eq!(response.header("www-authenticate"), challenge, "{name}");
        assert!(!format!("{response:?}{trace}").contains(&token), "{name}");
    }
    tools_send_tokens_to_their_location(&dev, &folder);
}

#[test]
fn a_token_in_a_query_parameter_or_without_a_scheme_is_accepted_at_its_location_only() {
    let folder = project("{ header = \"X-Token\", scheme = \"none\" }");
    let dev = start(&folder);
    let token = dev.token("pets:read");
    let bearer = format!("Bearer {token}");
    for (name, value, status, is_invoked) in [
        ("X-Token", token.as_str(), 200, true),
        ("X-Token", &bearer, 401, false),
        ("X-Token", "garbage", 401, false),
        ("X-Token", "a.b.c", 401, true),
        ("Authorization", &bearer, 401, false),
    ] {
        let response = http::send("GET", &format!("{}/pets", dev.url()), &[(name, value)], b"");
        let trace = dev.trace(&response);
        let expected = (status, is_invoked);
        let is_invoked = trace["authorizer_invoked"] == true;
        assert_eq!((response.status, is_invoked), expected, "{name}: {trace}");
    }
    tools_send_tokens_to_their_location(&dev, &folder);

    let folder = project("{ query = \"t\" }");
    tools_send_tokens_to_their_location(&start(&folder), &folder);
}
