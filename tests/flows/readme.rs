//! The README's first command, and the console that it shows.

use std::fs;
use std::process::Command;

use e2e::process::Process;
use e2e::wait::Wait;
use e2e::{Dev, binary, root};

/// Runs a `curl` command in a shell and returns the response status.
pub(crate) fn curl_status(line: &str) -> u16 {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("{line}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_readme_command_serves_the_petstore_with_the_printed_statuses() {
    let command = "cargo run --release -p deployer -- dev infra/petstore";
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(command), "the README has a different first command");
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--release", "-p", "deployer"]).current_dir(root());
    Process::build(&mut build);
    // On a free port, because the default one may be in use.
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {command} --port 0 --output json")]).current_dir(root());
    let dev = Dev::from_process(Process::start(&mut shell));
    let examples = dev.ready["examples"].as_array().unwrap().clone();
    let statuses: Vec<u64> =
        examples.iter().map(|example| example["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 401, 403]);
    for example in examples {
        assert_eq!(
            u64::from(curl_status(example["curl"].as_str().unwrap())),
            example["status"].as_u64().unwrap()
        );
    }
    assert_eq!(dev.stop("INT"), Some(0), "ctrl-c ends it cleanly");
}

#[test]
fn the_console_prints_the_examples_and_the_reason_of_each_response() {
    let mut command = Command::new(binary("deployer"));
    command.args(["dev", "infra/petstore", "--port", "0"]).current_dir(root());
    let process = Process::start(&mut command);
    process.line(Wait::Start, |line| line == "press Ctrl-C to stop");
    for (status, comment) in
        [(200, "# 200: token with scope"), (401, "# 401: no token"), (403, "# 403: same token")]
    {
        process.line(Wait::Reply, |line| line.starts_with(comment));
        let curl = match status {
            200 => process.line(Wait::Reply, |line| {
                line.starts_with("curl") && line.contains("/owners'") && line.contains("Bearer")
            }),
            401 => process
                .line(Wait::Reply, |line| line.starts_with("curl") && !line.contains("Bearer")),
            _ => process.line(Wait::Reply, |line| {
                line.starts_with("curl") && line.contains("/pets'") && line.contains("Bearer")
            }),
        };
        assert_eq!(curl_status(&curl), status);
    }
    process.line(Wait::Reply, |line| {
        line.starts_with("200 GET /dev/owners  policy of `jwt` allows GET/owners; 127.0.0.1:")
    });
    process.line(Wait::Reply, |line| {
        line.starts_with(
            "401 GET /dev/owners  missing `Authorization` header; the authorizer was not invoked",
        )
    });
    process.line(Wait::Reply, |line| {
        line.starts_with("403 GET /dev/pets  cached policy (age ")
            && line.contains("requires scope pets:read")
    });
    assert_eq!(process.stop("TERM"), Some(0));
}
