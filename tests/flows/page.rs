//! The page of `deployer dev`, in a real browser.

use std::process::Command;

use e2e::{Dev, petstore_with, tool};

#[test]
fn the_page_shows_a_200_a_401_and_a_403() {
    page_shows_a_200_a_401_and_a_403("infra/petstore");
}

#[test]
fn the_page_sends_a_token_in_a_cookie_and_deletes_it() {
    let (from, to) = ("cache_ttl = \"5m\"", "cache_ttl = \"0s\"\ntoken = { cookie = \"session\" }");
    let folder = petstore_with("portcullis.toml", from, to);
    page_shows_a_200_a_401_and_a_403(folder.path().to_str().unwrap());
}

fn page_shows_a_200_a_401_and_a_403(folder: &str) {
    let dev = Dev::start(&[folder, "--port", "0"]);
    let output = Command::new("node")
        .arg(tool("browser/click.mjs"))
        .arg(dev.ready["page"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
