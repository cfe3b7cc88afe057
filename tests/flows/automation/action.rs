//! The action's commands that need no AWS account.

use std::fs;

use e2e::binary;

use super::github::run_action;
use super::runner::Runner;
use super::{Comments, PULL_REQUEST, TOKEN, version};

/// An API that is not called.
pub(crate) const NO_API: &str = "https://api.invalid";
/// The names of a pull request's event.
pub(crate) const EVENT: &[(&str, &str)] = &[
    ("github.token", TOKEN),
    ("github.event.pull_request.number", PULL_REQUEST),
    ("github.event.pull_request.head.sha", "5f0c1d2"),
];
/// The names of a push's event.
const PUSH: &[(&str, &str)] = &[
    ("github.token", TOKEN),
    ("github.event.pull_request.number", ""),
    ("github.event.pull_request.head.sha", ""),
];

/// A machine at GitHub with the example's files, without an API of comments.
fn runner() -> Runner {
    let runner = Runner::new().at_github(NO_API);
    runner.copy_petstore();
    runner
}

#[test]
fn a_failed_check_and_a_warning_with_strict_fail_the_step() {
    let runner = runner();
    let check = |inputs: &[(&str, &str)]| {
        run_action(&runner, &[&[("command", "check")], inputs].concat(), PUSH)
    };
    let output = check(&[]).expect_success();
    assert!(output.log.contains("petstore: valid"), "{output:?}");
    let manifest = runner.workspace().join("portcullis.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("[authorizer.jwt]", "[authorizer.other]")).unwrap();
    assert!(check(&[]).expect_failure().log.contains("error"));

    fs::write(&manifest, text).unwrap();
    let document = runner.workspace().join("openapi.yaml");
    let text = fs::read_to_string(&document).unwrap();
    fs::write(&document, text.replacen("[owners:read]", "[owners:undeclared]", 1)).unwrap();
    assert!(check(&[]).expect_success().log.contains("0 errors, 1 warning"));
    assert!(check(&[("strict", "true")]).expect_failure().log.contains("0 errors, 1 warning"));
    let output = check(&[("strict", "yes")]).expect_failure();
    assert!(output.log.contains("--deny-warnings must be `true` or `false`: `yes`"), "{output:?}");
}

#[test]
fn test_writes_a_junit_report_and_fails_with_a_failed_case() {
    let runner = runner();
    let run = || run_action(&runner, &[("command", "test"), ("junit", "report.xml")], PUSH);
    assert!(run().expect_success().log.contains("0 failed"));
    let report = fs::read_to_string(runner.workspace().join("report.xml")).unwrap();
    assert!(report.contains("<testsuites"), "{report}");
    let cases = runner.workspace().join("cases.yaml");
    let text = fs::read_to_string(&cases).unwrap();
    fs::write(&cases, text.replacen("status: 200", "status: 201", 1)).unwrap();
    assert!(run().expect_failure().log.contains("1 failed"));
}

#[test]
fn the_version_of_the_action_is_installed_unless_it_is_on_the_path() {
    for other_version in ["exit 127", "echo portcullis 9.9.9"] {
        let runner = Runner::without_portcullis().at_github(NO_API);
        runner.copy_petstore();
        runner.stub("portcullis", other_version);
        // npm install --prefix FOLDER …
        let npm = format!(
            "pwd >\"$3/folder\"\nmkdir -p \"$3/node_modules/.bin\"\nln -s {} \"$3/node_modules/.bin/portcullis\"",
            binary("deployer").display()
        );
        runner.stub("npm", &npm);
        run_action(&runner, &[("command", "check")], PUSH).expect_success();
        let folder = runner.temporary().join("portcullis");
        let expected = format!(
            "npm install --prefix {} --ignore-scripts --no-audit --no-fund --loglevel error portcullis@{}",
            folder.display(),
            version()
        );
        assert_eq!(runner.commands_of("npm"), [expected]);
        let folder_of_npm = fs::read_to_string(folder.join("folder")).unwrap();
        assert_eq!(folder_of_npm.trim(), folder.display().to_string(), "it reads another .npmrc");
    }

    let runner = runner();
    runner.stub("npm", "exit 1");
    run_action(&runner, &[("command", "install")], PUSH).expect_success();
    run_action(&runner, &[("command", "check")], PUSH).expect_success();
    assert_eq!(runner.commands_of("npm"), Vec::<String>::new());

    // No package of this platform.
    let runner = Runner::without_portcullis().at_github(NO_API);
    runner.stub("npm", "true");
    run_action(&runner, &[("command", "install")], PUSH).expect_failure();
}

/// Values that a shell or the program would run or interpret, if they were part of a script or an option.
const MALICIOUS: &[&str] = &[
    "\"; touch pwned; \"",
    "$(touch pwned)",
    "`touch pwned`",
    "--help",
    "a b",
    "x\ntouch pwned",
    "*",
];

/// The inputs that become arguments of the program.
const INPUTS: &[&str] = &[
    "directory",
    "stage",
    "plan",
    "cases",
    "junit",
    "canary",
    "function-zip",
    "smoke",
    "smoke-status",
    "token-command",
];

#[test]
fn inputs_are_not_interpreted() {
    let runner = Runner::with_portcullis("").at_github(NO_API);
    for command in ["check", "test", "plan", "deploy", "drift"] {
        for value in MALICIOUS {
            let given: Vec<(&str, &str)> = INPUTS.iter().map(|name| (*name, *value)).collect();
            run_action(&runner, &[&[("command", command)], &given[..]].concat(), PUSH);
            let arguments = runner.commands().pop().unwrap();
            assert_eq!(arguments[..2], ["portcullis", command]);
            // Each option has its value in the same argument, and only the last one is no option.
            let (positional, options) = arguments.split_last().unwrap();
            assert_eq!(*positional, runner.quote(value), "{arguments:?}");
            assert_eq!(options.last().unwrap(), "--", "{arguments:?}");
            assert!(!options.contains(positional), "{arguments:?}");
            assert!(options.contains(&runner.quote(&format!("--stage={value}"))), "{arguments:?}");
        }
    }
    for value in MALICIOUS {
        run_action(&runner, &[("command", value)], PUSH).expect_failure();
        run_action(&runner, &[("command", "check"), ("strict", value)], PUSH).expect_failure();
        run_action(&runner, &[("command", "plan"), ("comment", value)], PUSH).expect_failure();
        let comment = [("command", "plan"), ("comment", "true"), ("token", *value)];
        if *value != "--help" {
            run_action(&runner, &comment, EVENT).expect_failure();
        }
    }
    run_action(&runner, &[("command", "check now")], PUSH).expect_failure();
    assert_eq!(runner.commands_of("curl"), Vec::<String>::new());
    let files = fs::read_dir(runner.workspace()).unwrap();
    let files: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!files.iter().any(|name| name.contains("pwned")), "{files:?}");
}

#[test]
fn the_comment_of_a_user_s_token_is_replaced() {
    let comments = Comments::github();
    comments.accept_user();
    let plan = "echo \"### plan${PORTCULLIS_TOKEN-}\"";
    let runner = Runner::with_portcullis(plan).at_github(&comments.url);
    // The directory differs in characters that end an HTML comment.
    for directory in ["a", "b --> c"] {
        let plan = [("command", "plan"), ("directory", directory), ("comment", "true")];
        run_action(&runner, &plan, EVENT).expect_success();
        run_action(&runner, &plan, EVENT).expect_success();
    }
    let writes = comments.take_writes();
    let all = format!("POST /repos/example/petstore/issues/{PULL_REQUEST}/comments");
    let update = |id: usize| format!("PATCH /repos/example/petstore/issues/comments/{id}");
    assert_eq!(writes, [all.clone(), update(1000), all, update(1001)]);
    let marker = comments.bodies()[1].lines().next().unwrap().to_owned();
    assert_eq!(marker, "<!-- portcullis plan b%20--%3E%20c  -->");
    // The program, and what it starts, has no token.
    assert!(!comments.bodies().iter().any(|body| body.contains(TOKEN)));
}

#[test]
fn without_a_pull_request_nothing_is_commented() {
    let comments = Comments::github();
    let runner = Runner::with_portcullis("echo '### plan'").at_github(&comments.url);
    let plan = [("command", "plan"), ("stage", "dev"), ("comment", "true")];
    let output = run_action(&runner, &plan, PUSH).expect_success();
    assert!(output.log.contains("no pull request to comment on"), "{output:?}");
    assert_eq!(output.summary, "### plan\n");
    assert_eq!(comments.bodies(), Vec::<String>::new());
    // The token of a pull request from a fork may not write, and a renamed repository redirects.
    for status in [403, 307] {
        comments.refuse(status);
        let output = run_action(&runner, &plan, EVENT).expect_failure();
        assert!(output.log.contains("Resource not accessible by integration"), "{output:?}");
        let path = format!(
            "POST /repos/example/petstore/issues/{PULL_REQUEST}/comments failed with status {status}"
        );
        assert!(output.log.contains(&path), "{output:?}");
    }
}
