//! The page of `deployer dev`, in a real browser.

use std::process::Command;

use e2e::{Dev, tool};

#[test]
fn the_page_shows_a_200_a_401_and_a_403() {
    let dev = Dev::start(&["infra/petstore", "--port", "0"]);
    let output = Command::new("node")
        .arg(tool("browser/click.mjs"))
        .arg(dev.ready["page"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
