//! The template for GitLab.

use std::fs;

use e2e::root;

use super::action::NO_API;
use super::gitlab::{jobs, run_job};
use super::runner::{Context, Runner, context};
use super::{PULL_REQUEST, version, yaml};

/// The variables of a merge request's pipeline.
pub(crate) fn merge_request(api: &str) -> Context {
    context(&[
        ("CI_API_V4_URL", api),
        ("CI_COMMIT_SHA", "5f0c1d2"),
        ("CI_DEFAULT_BRANCH", "main"),
        ("CI_JOB_ID", "99"),
        ("CI_JOB_URL", "https://gitlab.com/example/petstore/-/jobs/99"),
        ("CI_MERGE_REQUEST_IID", PULL_REQUEST),
        ("CI_PIPELINE_SOURCE", "merge_request_event"),
        ("CI_PROJECT_ID", "42"),
        ("PORTCULLIS_DEPLOY_ROLE", "arn:aws:iam::123456789012:role/deploy"),
        ("PORTCULLIS_PLAN_ROLE", "arn:aws:iam::123456789012:role/plan"),
        ("PORTCULLIS_STAGE", "dev"),
    ])
}

/// The variables of another pipeline of the default branch.
pub(crate) fn default_branch(source: &str) -> Context {
    let mut variables = merge_request(NO_API);
    variables.remove("CI_MERGE_REQUEST_IID");
    variables.extend(context(&[("CI_PIPELINE_SOURCE", source), ("CI_COMMIT_BRANCH", "main")]));
    variables
}

/// The template.
pub(crate) fn template() -> serde_json::Value {
    yaml(&root().join("infra/ci/gitlab.yml"))
}

#[test]
fn the_template_contains_the_script_and_the_version() {
    let path = root().join("infra/ci/gitlab.yml");
    let text = fs::read_to_string(&path).unwrap();
    let (start, end) = ("<<'END_OF_PORTCULLIS_CI'\n", "      END_OF_PORTCULLIS_CI\n");
    let (before, rest) = text.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let script = fs::read_to_string(root().join("infra/ci/portcullis-ci")).unwrap();
    let lines = script
        .lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("      {line}\n") });
    let script: String = lines.collect();
    let expected = [before, start, &script, end, after].concat();
    if text != expected && std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::write(&path, &expected).unwrap();
    }
    assert!(
        text == expected,
        "run it again with INSTA_UPDATE=always: infra/ci/portcullis-ci changed"
    );
    assert_eq!(template()["variables"]["PORTCULLIS_VERSION"], version());
}

#[test]
fn each_pipeline_has_its_jobs() {
    let template = template();
    let mut feature = default_branch("push");
    feature.insert("CI_COMMIT_BRANCH".to_owned(), "feature".to_owned());
    for (variables, expected) in [
        (merge_request(""), vec!["check", "plan", "test"]),
        (default_branch("push"), vec!["check", "deploy?", "plan", "test"]),
        (default_branch("schedule"), vec!["drift"]),
        (feature, vec![]),
    ] {
        let mut found = jobs(&template, &variables);
        found.sort();
        let expected: Vec<String> =
            expected.iter().map(|name| format!("portcullis-{name}")).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn jobs_with_aws_have_the_token_and_role_of_their_kind() {
    let record = "printf '%s %s %s\\n' \"$1\" \"${AWS_ROLE_ARN:-}\" \"$(cat \"${AWS_WEB_IDENTITY_TOKEN_FILE:-/dev/null}\")\"";
    let (merge, push, scheduled) =
        (merge_request(NO_API), default_branch("push"), default_branch("schedule"));
    for (job, variables, expected) in [
        ("check", &merge, "check  "),
        ("test", &merge, "test  "),
        ("plan", &push, "plan arn:aws:iam::123456789012:role/plan token-for-sts.amazonaws.com"),
        (
            "deploy",
            &push,
            "deploy arn:aws:iam::123456789012:role/deploy token-for-sts.amazonaws.com",
        ),
        (
            "drift",
            &scheduled,
            "drift arn:aws:iam::123456789012:role/plan token-for-sts.amazonaws.com",
        ),
    ] {
        let runner = Runner::with_portcullis(record);
        let output =
            run_job(&runner, &template(), &format!("portcullis-{job}"), variables).expect_success();
        assert!(output.log.lines().any(|line| line == expected), "{output:?}");
    }
}

#[test]
fn check_and_test_run_in_a_merge_request() {
    let runner = Runner::new();
    runner.copy_petstore();
    let run = |job: &str| run_job(&runner, &template(), job, &merge_request(NO_API));
    assert!(run("portcullis-check").expect_success().log.contains("petstore: valid"));
    run("portcullis-test").expect_success();
    let report =
        template()["portcullis-test"]["artifacts"]["reports"]["junit"].as_str().unwrap().to_owned();
    let report = fs::read_to_string(runner.workspace().join(report)).unwrap();
    assert!(report.contains("<testsuites"), "{report}");
    let cases = runner.workspace().join("cases.yaml");
    let text = fs::read_to_string(&cases).unwrap();
    fs::write(&cases, text.replacen("status: 200", "status: 201", 1)).unwrap();
    run("portcullis-test").expect_failure();
    fs::remove_file(runner.workspace().join("openapi.yaml")).unwrap();
    run("portcullis-check").expect_failure();
}
