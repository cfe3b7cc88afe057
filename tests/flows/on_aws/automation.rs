//! The action for GitHub and the template for GitLab, from the first plan to a drift.

use super::{Account, REGION};
use crate::automation::{
    Comments, EVENT, Outcome, Runner, TOKEN, default_branch, merge_request, run_action, run_job,
    template,
};

/// A machine with the account's credentials, and its project in the folder `api`.
fn runner(account: &Account) -> Runner {
    let mut runner = Runner::new();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", account.key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL", &account.proxy.url),
    ] {
        runner.environment.insert(name.to_owned(), value.to_owned());
    }
    runner.link("api", account.folder.path());
    runner
}

const MARKER: &str = "<!-- portcullis plan api dev -->\n";

/// Adds comments of others: more than a page, and two with the marker.
fn add_other_comments(comments: &Comments) -> Vec<String> {
    for number in 0..100 {
        comments.add(&format!("comment {number}"));
    }
    for _ in 0..2 {
        comments.add(&format!("{MARKER}### Portcullis: petstore, stage dev\n\nNo changes"));
    }
    comments.bodies()
}

/// Checks that only one comment was added, and returns its text.
#[track_caller]
fn own_comment(comments: &Comments, others: &[String]) -> String {
    let bodies = comments.bodies();
    assert_eq!(bodies[..others.len()], *others, "comments of others changed");
    assert_eq!(bodies.len(), others.len() + 1);
    let own = bodies.last().unwrap();
    own.strip_prefix(MARKER).unwrap_or_else(|| panic!("no marker: {own}")).to_owned()
}

/// Changes a method without Portcullis.
fn change_manually(account: &Account) {
    account.boto3("r = next(r for r in client.get_resources(restApiId=api, limit=500)['items'] if r['path'] == '/owners')\nclient.update_method(restApiId=api, resourceId=r['id'], httpMethod='GET', patchOperations=[{'op': 'replace', 'path': '/authorizationType', 'value': 'NONE'}])");
}

/// Checks that the token is neither in an argument of a program nor in a log.
#[track_caller]
fn expect_secret_token(runner: &Runner, outcomes: &[Outcome]) {
    assert!(runner.commands_of("curl").len() >= 8);
    let commands = runner.commands();
    assert!(!commands.iter().flatten().any(|argument| argument.contains(TOKEN)), "{commands:?}");
    for outcome in outcomes {
        assert!(!outcome.log.contains(TOKEN) && !outcome.summary.contains(TOKEN), "{outcome:?}");
    }
}

#[test]
fn a_plan_is_commented_deployed_and_compared_on_github() {
    let account = Account::new("380000000001");
    let comments = Comments::github();
    let others = add_other_comments(&comments);
    let runner = runner(&account).at_github(&comments.url);
    let run = |command: &str, inputs: &[(&str, &str)]| {
        let inputs =
            [&[("command", command), ("directory", "api"), ("stage", "dev")], inputs].concat();
        run_action(&runner, &inputs, EVENT)
    };
    let plan = || run("plan", &[("comment", "true")]);

    // The first push.
    let first = plan().expect_success();
    assert_eq!(first.outputs["changes"], "true");
    assert!(first.summary.starts_with("### Portcullis: petstore, stage dev\n"), "{first:?}");
    assert_eq!(comments.take_writes(), ["POST /repos/example/petstore/issues/7/comments"]);
    let body = own_comment(&comments, &others);
    assert!(body.starts_with(&first.summary), "{body}");
    let footer = "\nCommit 5f0c1d2, [log](https://github.com/example/petstore/actions/runs/99)\n";
    assert!(body.ends_with(footer), "{body}");

    // The second push.
    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    let second = plan().expect_success();
    assert_eq!(comments.take_writes(), ["PATCH /repos/example/petstore/issues/comments/1102"]);
    let body = own_comment(&comments, &others);
    assert!(body.contains("owners:admin") && !first.summary.contains("owners:admin"), "{body}");

    // A push with invalid files: no plan of an earlier commit is shown.
    account.edit("openapi.yaml", "openapi: 3", "openapi: 1");
    let invalid = plan().expect_failure();
    assert!(!invalid.outputs.contains_key("steps.run.outputs.changes"), "{invalid:?}");
    let body = own_comment(&comments, &others);
    assert!(body.starts_with("### Portcullis: no plan\n"), "{body}");
    account.edit("openapi.yaml", "openapi: 1", "openapi: 3");

    // The deployment of the saved plan, which is then stale.
    run("deploy", &[("smoke-status", "200")]).expect_failure();
    let deployed = run("deploy", &[]).expect_success();
    let stale = run("deploy", &[]).expect_failure();
    assert!(stale.log.contains("is stale: AWS changed since it was created"), "{stale:?}");
    let unchanged = plan().expect_success();
    assert_eq!(unchanged.outputs["changes"], "false");
    let body = own_comment(&comments, &others);
    assert!(body.contains("No changes: revision 1 matches the configuration"), "{body}");

    // Drift.
    let same = run("drift", &[]).expect_success();
    assert_eq!(same.outputs["drift"], "false");
    change_manually(&account);
    let changed = run("drift", &[]).expect_failure();
    assert_eq!(changed.outputs["drift"], "true");
    assert!(changed.summary.contains("    drift: changed outside Portcullis\n"), "{changed:?}");

    let outcomes = [first, second, invalid, deployed, stale, unchanged, same, changed];
    expect_secret_token(&runner, &outcomes);
}

#[test]
fn a_plan_is_commented_deployed_and_compared_on_gitlab() {
    let account = Account::new("380000000002");
    let comments = Comments::gitlab();
    let others = add_other_comments(&comments);
    let mut runner = runner(&account);
    runner.environment.insert("PORTCULLIS_DIRECTORY".to_owned(), "api".to_owned());
    runner.environment.insert("PORTCULLIS_TOKEN".to_owned(), TOKEN.to_owned());
    let template = template();
    let plan = || run_job(&runner, &template, "portcullis-plan", &merge_request(&comments.url));

    let first = plan().expect_success();
    assert_eq!(comments.take_writes(), ["POST /projects/42/merge_requests/7/notes"]);
    let body = own_comment(&comments, &others);
    assert!(body.starts_with("### Portcullis: petstore, stage dev\n"), "{body}");
    let footer = "\nCommit 5f0c1d2, [log](https://gitlab.com/example/petstore/-/jobs/99)\n";
    assert!(body.ends_with(footer), "{body}");

    account.edit("openapi.yaml", "- jwt: [owners:read]", "- jwt: [owners:admin]");
    let second = plan().expect_success();
    assert_eq!(comments.take_writes(), ["PUT /projects/42/merge_requests/7/notes/1102"]);
    assert!(own_comment(&comments, &others).contains("owners:admin"));

    // After the merge. The plan is a file of the pipeline.
    let push = default_branch("push");
    let run = |job: &str| run_job(&runner, &template, job, &push);
    let planned = run("portcullis-plan").expect_success();
    assert!(planned.log.contains("no pull request to comment on"), "{planned:?}");
    assert!(runner.workspace().join("portcullis-plan.json").exists());
    let deployed = run("portcullis-deploy").expect_success();
    let stale = run("portcullis-deploy").expect_failure();
    assert!(stale.log.contains("is stale: AWS changed since it was created"), "{stale:?}");

    let scheduled = default_branch("schedule");
    let drift = || run_job(&runner, &template, "portcullis-drift", &scheduled);
    let same = drift().expect_success();
    change_manually(&account);
    let changed = drift().expect_failure();
    assert!(changed.log.contains("drift: changed outside Portcullis"), "{changed:?}");
    expect_secret_token(&runner, &[first, second, planned, deployed, stale, same, changed]);
}
