//! The workflows of this project, with its heavy commands replaced.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;

use e2e::root;
use serde_json::Value;

use super::action::NO_API;
use super::github::run_workflow_job;
use super::runner::{Context, Runner, context, write_program};
use super::{TOKEN, yaml};

fn workflow(name: &str) -> Value {
    yaml(&root().join(".github/workflows").join(name))
}

/// The jobs that a job needs.
fn needs(job: &Value) -> BTreeSet<&str> {
    match &job["needs"] {
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
        name => name.as_str().into_iter().collect(),
    }
}

/// Writes a package of npm, which only has a name.
fn pack(runner: &Runner, file: &str, name: &str) {
    let script = format!(
        "mkdir -p package packages\necho '{{\"name\": \"{name}\"}}' >package/package.json\ntar -czf packages/{file} package\nrm -r package"
    );
    let (success, log) = runner.bash(&script, &Context::new());
    assert!(success, "{log}");
}

#[test]
fn the_gate_runs_every_check() {
    let runner = Runner::without_portcullis().at_github(NO_API);
    let workflow = workflow("check.yml");
    let run = |status: &str| {
        let script = format!("#!/bin/sh\necho all checks\nexit {status}");
        write_program(&runner.workspace().join(".ci/run"), &script);
        let uses =
            |name: &str, _: &Context| assert!(name.starts_with("actions/checkout@"), "{name}");
        run_workflow_job(&runner, &workflow, &workflow["jobs"]["check"], Context::new(), &uses)
    };
    assert_eq!(run("0").expect_success().log, "all checks\n");
    run("1").expect_failure();
}

#[test]
fn a_release_is_built_attested_and_published_in_this_order() {
    let workflow = workflow("release.yml");
    let jobs = workflow["jobs"].as_object().unwrap();
    let order = [
        ("check", &[][..]),
        ("functions", &[]),
        ("program", &["functions"]),
        ("assemble", &["functions", "program"]),
        ("attest", &["assemble"]),
        ("pypi", &["attest", "check"]),
        ("npm", &["attest", "check"]),
        ("github", &["npm", "pypi"]),
    ];
    assert_eq!(jobs.len(), order.len());
    for (name, needed) in order {
        assert_eq!(needs(&jobs[name]), needed.iter().copied().collect(), "{name}");
    }
    assert_eq!(jobs["check"]["uses"], "./.github/workflows/check.yml");
    let runners = jobs["program"]["strategy"]["matrix"]["include"].as_array().unwrap();
    let runners: Vec<&str> = runners.iter().map(|it| it["runner"].as_str().unwrap()).collect();
    assert_eq!(runners, ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15-intel", "macos-15"]);
}

#[test]
fn each_job_has_only_the_permissions_that_it_needs() {
    for name in ["check.yml", "release.yml"] {
        let workflow = workflow(name);
        assert_eq!(workflow["permissions"], Value::Object(serde_json::Map::new()), "{name}");
        for (job, body) in workflow["jobs"].as_object().unwrap() {
            let permissions = body["permissions"].as_object().unwrap().iter();
            let permissions: Vec<String> = permissions
                .map(|(name, level)| format!("{name}: {}", level.as_str().unwrap()))
                .collect();
            let expected: &[&str] = match job.as_str() {
                "attest" => &["attestations: write", "id-token: write"],
                "pypi" | "npm" => &["id-token: write"],
                "github" => &["contents: write"],
                _ => &["contents: read"],
            };
            assert_eq!(permissions, expected, "{job}");
            // An environment limits who publishes, and names the publisher for PyPI and npm.
            let environment = body["environment"].as_str();
            assert_eq!(
                environment,
                ["pypi", "npm"].contains(&job.as_str()).then_some(job.as_str())
            );
            for step in body["steps"].as_array().into_iter().flatten() {
                if step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["persist-credentials"], false, "{job}");
                }
            }
        }
    }
}

/// Runs a job of release.yml with its commands replaced. Returns its commands, and its actions in order, each
/// with the inputs that matter.
fn run_job(name: &str, prepare: &dyn Fn(&Runner)) -> (Runner, Vec<String>) {
    let runner = Runner::without_portcullis().at_github(NO_API);
    write_program(&runner.workspace().join("release/build"), "#!/bin/sh\nrelease-build \"$@\"");
    for program in ["release-build", "npm", "gh"] {
        runner.stub(program, "");
    }
    prepare(&runner);
    let workflow = workflow("release.yml");
    let context = context(&[
        ("github.repository", "example/petstore"),
        ("github.server_url", "https://github.com"),
        ("github.token", TOKEN),
        ("matrix.runner", "macos-15"),
    ]);
    let actions = RefCell::new(Vec::new());
    let uses = |name: &str, inputs: &Context| {
        let name = name.split_once('@').unwrap().0;
        let relevant = ["name", "pattern", "path", "subject-path", "packages-dir"];
        let inputs: Vec<String> =
            relevant.iter().filter_map(|name| inputs.get(*name).cloned()).collect();
        actions.borrow_mut().push(format!("{name} {}", inputs.join(" ")).trim_end().to_owned());
    };
    run_workflow_job(&runner, &workflow, &workflow["jobs"][name], context, &uses).expect_success();
    let actions = actions.into_inner();
    (runner, actions)
}

#[test]
fn the_packages_are_built_from_the_tag() {
    let none = |_: &Runner| {};
    let (runner, actions) = run_job("functions", &none);
    let build = |part: &str| {
        let repository = "https://github.com/example/petstore";
        format!("release-build --tag v1.2.3 --repository {repository} {part}")
    };
    assert_eq!(runner.commands_of("release-build"), [build("functions")]);
    assert_eq!(
        actions,
        ["actions/checkout", "actions/upload-artifact part-functions target/packages"]
    );

    let (runner, actions) = run_job("program", &none);
    assert_eq!(runner.commands_of("release-build"), [build("program")]);
    let expected = [
        "actions/checkout",
        "actions/download-artifact part-functions target/packages",
        "actions/upload-artifact part-program-macos-15 target/packages\n!target/packages/authorizer-*.zip",
    ];
    assert_eq!(actions, expected);

    let (runner, actions) = run_job("assemble", &none);
    assert_eq!(runner.commands_of("release-build"), [build("assemble")]);
    let expected = [
        "actions/checkout",
        "actions/download-artifact part-* target/packages",
        "actions/upload-artifact packages target/packages",
    ];
    assert_eq!(actions, expected);

    let (_, actions) = run_job("attest", &none);
    let expected = [
        "actions/download-artifact packages packages",
        "actions/attest-build-provenance packages/**",
    ];
    assert_eq!(actions, expected);
}

#[test]
fn the_packages_of_pypi_are_the_wheels() {
    let files = |runner: &Runner| {
        let packages = runner.workspace().join("packages");
        fs::create_dir(&packages).unwrap();
        for name in ["portcullis-1.2.3-py3-none-any.whl", "SHA256SUMS"] {
            fs::write(packages.join(name), "").unwrap();
        }
    };
    let (runner, actions) = run_job("pypi", &files);
    assert_eq!(actions[1], "pypa/gh-action-pypi-publish wheels");
    let wheels = fs::read_dir(runner.workspace().join("wheels")).unwrap();
    let wheels: Vec<_> = wheels.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(wheels, ["portcullis-1.2.3-py3-none-any.whl"]);
}

#[test]
fn npm_gets_the_main_package_last_and_no_package_twice() {
    let files = |runner: &Runner| {
        pack(runner, "portcullis-1.2.3.tgz", "portcullis");
        pack(runner, "portcullis-cli-darwin-arm64-1.2.3.tgz", "@portcullis/cli-darwin-arm64");
        pack(runner, "portcullis-cli-linux-x64-1.2.3.tgz", "@portcullis/cli-linux-x64");
        runner.stub(
            "npm",
            "if [[ \"$*\" == 'view @portcullis/cli-darwin-arm64@1.2.3 version' ]]; then echo 1.2.3; fi",
        );
    };
    let (runner, _) = run_job("npm", &files);
    let published: Vec<String> =
        runner.commands_of("npm").into_iter().filter(|command| !command.contains("view")).collect();
    let expected = ["portcullis-cli-linux-x64-1.2.3.tgz", "portcullis-1.2.3.tgz"]
        .map(|file| format!("npm publish ./packages/{file} --provenance --access public"));
    assert_eq!(published, expected);
}

#[test]
fn the_release_has_every_file() {
    let files = |runner: &Runner| {
        fs::create_dir_all(runner.workspace().join("packages/npm")).unwrap();
        for name in ["SHA256SUMS", "install.sh", "notes.md", "portcullis-1.2.3.tgz"] {
            fs::write(runner.workspace().join("packages").join(name), "").unwrap();
        }
        runner.stub("gh", "[[ -n $GH_TOKEN ]]");
    };
    let (runner, _) = run_job("github", &files);
    let expected = "gh release create v1.2.3 --repo example/petstore --verify-tag --notes-file packages/notes.md packages/SHA256SUMS packages/install.sh packages/notes.md packages/portcullis-1.2.3.tgz";
    assert_eq!(runner.commands_of("gh"), [expected]);
}
