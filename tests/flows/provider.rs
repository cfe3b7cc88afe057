//! A third-party issuer: the npm package `oidc-provider`.

use std::fs;
use std::process::Command;

use e2e::process::Process;
use e2e::wait::Wait;
use e2e::{Dev, http, root, tool};

pub(crate) const PETSTORE: &str = "https://petstore.example.com";

/// Returns an access token by client credentials. The client ID selects the signing algorithm.
pub(crate) fn token(issuer: &str, algorithm: &str, resource: &str, scope: &str) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={algorithm}&client_secret=not+a+secret&resource={resource}&scope={scope}"
    );
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let response = http::send("POST", &format!("{issuer}/token"), &[kind], form.as_bytes());
    assert_eq!(response.status, 200, "{response:?}");
    let response: serde_json::Value = serde_json::from_str(response.body.trim()).unwrap();
    format!("Bearer {}", response["access_token"].as_str().unwrap())
}

#[test]
fn tokens_of_a_third_party_issuer_are_accepted_for_the_right_audience_only() {
    let server = tool("oidc-provider/server.mjs");
    let provider = Process::start(Command::new("node").arg(server));
    let issuer = provider.line(Wait::Start, |line| line.starts_with("http://"));

    let folder = tempfile::tempdir().unwrap();
    let petstore = root().join("infra/petstore");
    fs::copy(petstore.join("openapi.yaml"), folder.path().join("openapi.yaml")).unwrap();
    let manifest = fs::read_to_string(petstore.join("portcullis.toml"))
        .unwrap()
        .replace("https://tenant.eu.auth0.com/", &issuer)
        .replace("[\"RS256\"]", "[\"RS256\", \"ES256\"]");
    fs::write(folder.path().join("portcullis.toml"), &manifest).unwrap();
    let dev = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0", "--no-local-issuer"]);

    for algorithm in ["RS256", "ES256"] {
        let reader = token(&issuer, algorithm, PETSTORE, "pets:read");
        let (response, trace) = dev.request("GET", "/pets/7", Some(&reader));
        assert_eq!(response.status, 200, "{algorithm}: {trace}");
        let (response, trace) = dev.request("GET", "/owners", Some(&reader));
        assert_eq!(response.status, 403, "{algorithm}: {trace}");
        let other_audience = token(&issuer, algorithm, "https://other.example.com", "pets:read");
        let (response, trace) = dev.request("GET", "/pets/7", Some(&other_audience));
        assert_eq!(response.status, 401, "{algorithm}: {trace}");
        assert!(trace["reason"].as_str().unwrap().contains("`aud` does not match"), "{trace}");
    }

    // The same provider, but only RS256 is allowed.
    fs::write(
        folder.path().join("portcullis.toml"),
        manifest.replace("[\"RS256\", \"ES256\"]", "[\"RS256\"]"),
    )
    .unwrap();
    let strict = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0", "--no-local-issuer"]);
    let (response, trace) =
        strict.request("GET", "/pets/7", Some(&token(&issuer, "ES256", PETSTORE, "pets:read")));
    assert_eq!(response.status, 401, "{trace}");
    let (response, trace) =
        strict.request("GET", "/pets/7", Some(&token(&issuer, "RS256", PETSTORE, "pets:read")));
    assert_eq!(response.status, 200, "{trace}");
}
