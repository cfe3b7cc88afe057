//! An issuer we did not write: the npm package `oidc-provider`.

use std::fs;
use std::process::Command;

use e2e::process::Process;
use e2e::wait::Wait;
use e2e::{Dev, http, root, tool};

const PETSTORE: &str = "https://petstore.example.com";

/// A token by client credentials; the client's name is the algorithm its tokens are signed by.
fn token(issuer: &str, algorithm: &str, resource: &str, scope: &str) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={algorithm}&client_secret=not+a+secret&resource={resource}&scope={scope}"
    );
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let answer = http::send("POST", &format!("{issuer}/token"), &[kind], form.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer: serde_json::Value = serde_json::from_str(answer.body.trim()).unwrap();
    format!("Bearer {}", answer["access_token"].as_str().unwrap())
}

#[test]
fn its_tokens_open_the_petstore_and_those_for_another_audience_do_not() {
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
        let (answer, told) = dev.ask("GET", "/pets/7", Some(&reader));
        assert_eq!(answer.status, 200, "{algorithm}: {told}");
        let (answer, told) = dev.ask("GET", "/owners", Some(&reader));
        assert_eq!(answer.status, 403, "{algorithm}: {told}");
        let stranger = token(&issuer, algorithm, "https://other.example.com", "pets:read");
        let (answer, told) = dev.ask("GET", "/pets/7", Some(&stranger));
        assert_eq!(answer.status, 401, "{algorithm}: {told}");
        assert!(told["why"].as_str().unwrap().contains("another audience"), "{told}");
    }

    // The same provider where only RS256 is trusted.
    fs::write(
        folder.path().join("portcullis.toml"),
        manifest.replace("[\"RS256\", \"ES256\"]", "[\"RS256\"]"),
    )
    .unwrap();
    let strict = Dev::start(&[folder.path().to_str().unwrap(), "--port", "0", "--no-local-issuer"]);
    let (answer, told) =
        strict.ask("GET", "/pets/7", Some(&token(&issuer, "ES256", PETSTORE, "pets:read")));
    assert_eq!(answer.status, 401, "{told}");
    let (answer, told) =
        strict.ask("GET", "/pets/7", Some(&token(&issuer, "RS256", PETSTORE, "pets:read")));
    assert_eq!(answer.status, 200, "{told}");
}
