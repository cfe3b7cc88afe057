//! The action for GitHub, the template for GitLab and the workflows of this project: they are valid by the
//! schemas of both platforms, and each of their scripts runs in bash as it does there. Nothing runs on GitHub or
//! GitLab.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::{root, tool};
use serde_json::Value;

mod action;
mod comments;
mod github;
mod gitlab;
mod runner;
mod template;
mod workflows;

pub(crate) use action::EVENT;
pub(crate) use comments::Comments;
pub(crate) use github::run_action;
pub(crate) use gitlab::run_job;
pub(crate) use runner::{Outcome, Runner};
pub(crate) use template::{default_branch, merge_request, template};

/// The number of the pull request or merge request.
pub(crate) const PULL_REQUEST: &str = "7";
/// The token for comments.
pub(crate) const TOKEN: &str = "ghs_e3b0c44298fc1c149afbf4c8996fb924";

/// Reads a YAML file as its platform does: without YAML 1.1's `on` for `true`.
pub(crate) fn yaml(path: &Path) -> Value {
    const SCRIPT: &str = "import json, sys\nfrom ruamel.yaml import YAML\njson.dump(YAML(typ='safe').load(open(sys.argv[1])), sys.stdout)";
    let mut python = Command::new(tool("check-jsonschema/bin/python"));
    let output = python.args(["-c", SCRIPT]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Validates a file against a schema that is part of check-jsonschema.
fn validate(schema: &str, path: &Path) -> Result<(), String> {
    let mut check = Command::new(tool("check-jsonschema/bin/check-jsonschema"));
    let output = check.args(["--builtin-schema", schema]).arg(path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(()).ok_or(text)
}

const WORKFLOW: &[&str] = &["vendor.github-workflows", "custom.github-workflows-require-timeout"];
const ACTION: &[&str] = &["vendor.github-actions"];
const GITLAB: &[&str] = &["vendor.gitlab-ci"];

/// The YAML blocks of the guide, each with the path in its first line.
fn examples() -> Vec<(String, String)> {
    let page = fs::read_to_string(root().join("docs/guides/ci.md")).unwrap();
    let blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|block| {
            let path = block.lines().next().unwrap().strip_prefix("# ").unwrap();
            (path.to_owned(), block.to_owned())
        })
        .collect()
}

#[test]
fn files_and_examples_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    let mut files =
        vec![(root().join("action.yml"), ACTION), (root().join("infra/ci/gitlab.yml"), GITLAB)];
    for file in fs::read_dir(root().join(".github/workflows")).unwrap() {
        files.push((file.unwrap().path(), WORKFLOW));
    }
    for (number, (path, text)) in examples().into_iter().enumerate() {
        let schemas = if path.starts_with(".github/workflows/") { WORKFLOW } else { GITLAB };
        let file = folder.path().join(format!("{number}.yml"));
        fs::write(&file, text).unwrap();
        files.push((file, schemas));
    }
    assert!(files.len() >= 7, "{files:?}");
    for (path, schemas) in files {
        for schema in schemas {
            let valid = validate(schema, &path);
            assert_eq!(valid, Ok(()), "{}", path.display());
        }
        // An invalid file is detected.
        let broken = folder.path().join("broken.yml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&broken, text + "\nunknown: 1\n").unwrap();
        assert!(validate(schemas[0], &broken).is_err(), "{}", path.display());
    }
}

/// Every `uses:` of a document, with its inputs.
fn steps(document: &Value, found: &mut Vec<(String, Value)>) {
    if let Some(uses) = document["uses"].as_str() {
        found.push((uses.to_owned(), document["with"].clone()));
    }
    match document {
        Value::Object(members) => members.values().for_each(|value| steps(value, found)),
        Value::Array(items) => items.iter().for_each(|item| steps(item, found)),
        _ => {}
    }
}

#[test]
fn actions_are_pinned_by_commit_and_this_one_by_its_version() {
    let mut found = Vec::new();
    for file in fs::read_dir(root().join(".github/workflows")).unwrap() {
        steps(&yaml(&file.unwrap().path()), &mut found);
    }
    let folder = tempfile::tempdir().unwrap();
    for (_, text) in examples() {
        let file = folder.path().join("example.yml");
        fs::write(&file, text).unwrap();
        steps(&yaml(&file), &mut found);
    }
    let this = format!("OWNER/portcullis@v{}", version());
    let known = yaml(&root().join("action.yml"))["inputs"].clone();
    let (of_this, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(uses, _)| *uses == this);
    assert!(of_this.len() > 4 && others.len() > 10);
    for (_, inputs) in of_this {
        for name in inputs.as_object().unwrap().keys() {
            assert!(known[name].is_object(), "unknown input: {name}");
        }
    }
    for (uses, _) in others {
        // A file of the same commit.
        if !uses.starts_with("./.github/") {
            let commit = uses.split_once('@').unwrap().1;
            let is_hash = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_hash, "{uses}");
        }
    }
}

#[test]
fn the_example_does_not_plan_pull_requests_from_forks() {
    let folder = tempfile::tempdir().unwrap();
    let (_, text) = examples().into_iter().find(|(path, _)| path.ends_with("/api.yml")).unwrap();
    let file = folder.path().join("api.yml");
    fs::write(&file, text).unwrap();
    let condition = yaml(&file)["jobs"]["plan"]["if"].as_str().unwrap().to_owned();
    for (event, repository, expected) in [
        ("pull_request", "mallory/petstore", "false"),
        ("pull_request", "example/petstore", "true"),
        ("push", "", "true"),
    ] {
        let value = github::evaluate(&condition, &|name| match name {
            "github.event_name" => event.to_owned(),
            "github.event.pull_request.head.repo.full_name" => repository.to_owned(),
            "github.repository" => "example/petstore".to_owned(),
            other => panic!("{other}"),
        });
        assert_eq!(value, expected, "{event} {repository}");
    }
}

/// Returns the version of the workspace.
pub(crate) fn version() -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \""));
    line.unwrap().trim_end_matches('"').to_owned()
}
