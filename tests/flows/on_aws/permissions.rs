//! Every call of a command is allowed by the policy that `deployer iam` prints for it.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::{Account, REGION};

const KEY: &str = "100000000091";

/// IAM wildcard matching; the printed patterns use `*` only.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| matches(after, rest)))
        }),
    }
}

fn allows(policy: &Value, action: &str, resource: &str) -> bool {
    let any = |statement: &Value, name: &str, text: &str| {
        let patterns = statement[name].as_array().unwrap().iter();
        patterns.map(|one| one.as_str().unwrap()).any(|pattern| matches(pattern, text))
    };
    policy["Statement"].as_array().unwrap().iter().any(|statement| {
        statement["Effect"] == "Allow"
            && any(statement, "Action", action)
            && any(statement, "Resource", resource)
    })
}

/// Returns the IAM action and resource of a call, by AWS's service authorization reference;
/// `None` if the call needs no permission.
fn action(key: &str, api: &str, method: &str, path: &str) -> Option<(String, String)> {
    let path = path.split('?').next().unwrap().replace("%3A", ":").replace("%2F", "/");
    if path == "/" {
        return None;
    }
    if let Some((_, arn)) = path.split_once("/tags/arn:aws:lambda:") {
        let action = if method == "GET" { "ListTags" } else { "TagResource" };
        return Some((format!("lambda:{action}"), format!("arn:aws:lambda:{arn}")));
    }
    if path.starts_with("/20")
        && let Some((_, function)) = path.split_once("/functions")
    {
        let (name, rest) = function.trim_matches('/').split_once('/').unwrap_or((function, ""));
        let name = name.rsplit(":function:").next().unwrap().split(':').next().unwrap();
        let name = name.trim_matches('/');
        let action = match (method, rest.split('/').next().unwrap()) {
            ("POST", "") => "CreateFunction",
            ("GET", "") => "GetFunction",
            ("DELETE", "") => "DeleteFunction",
            ("GET", "configuration") => "GetFunctionConfiguration",
            ("PUT", "configuration") => "UpdateFunctionConfiguration",
            ("PUT", "code") => "UpdateFunctionCode",
            ("GET", "versions") => "ListVersionsByFunction",
            ("POST", "versions") => "PublishVersion",
            ("GET", "aliases") if rest.trim_end_matches('/') == "aliases" => "ListAliases",
            ("GET", "aliases") => "GetAlias",
            ("POST", "aliases") => "CreateAlias",
            ("PUT", "aliases") => "UpdateAlias",
            ("POST", "invocations") => "InvokeFunction",
            ("GET", "policy") => "GetPolicy",
            ("POST", "policy") => "AddPermission",
            other => panic!("unknown action: {other:?} of {path}"),
        };
        let created = format!("{api}-authorizer");
        let name = if action == "CreateFunction" { &created } else { name };
        let resource = format!("arn:aws:lambda:{REGION}:{key}:function:{name}");
        return Some((format!("lambda:{action}"), resource));
    }
    Some((format!("apigateway:{method}"), format!("arn:aws:apigateway:{REGION}::{path}")))
}

/// Returns the same for an IAM or STS call of an API.
fn action_of(key: &str, api: &str, form: &str) -> Option<(String, String)> {
    let field =
        |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let action = field("Action").unwrap();
    if action == "GetCallerIdentity" {
        return None;
    }
    let resource = match field("RoleName") {
        Some(name) => format!("arn:aws:iam::{key}:role/portcullis/{api}/{name}"),
        None => "*".to_owned(),
    };
    Some((format!("iam:{action}"), resource))
}

/// Returns the actions of the calls so far; asserts that the policy allows each.
pub(super) fn used_actions(account: &Account, policy: &Value) -> BTreeSet<String> {
    let (calls, forms, key) = (account.proxy.calls(), account.proxy.forms(), &account.key);
    let manifest = fs::read_to_string(account.path("portcullis.toml")).unwrap();
    let api = manifest.split("[api]\nname = \"").nth(1).and_then(|rest| rest.split('"').next());
    let api = api.unwrap();
    let calls = calls.iter().filter_map(|(method, path)| action(key, api, method, path));
    let forms = forms.iter().filter_map(|form| action_of(key, api, form));
    let allowed = |(action, resource): (String, String)| {
        assert!(allows(policy, &action, &resource), "{action} on {resource}: {policy}");
        action
    };
    calls.chain(forms).map(allowed).collect()
}

#[test]
fn every_call_is_allowed_by_the_printed_policy() {
    let account = Account::new(KEY);
    let printed = |of: &str| account.run(&["iam", of]).expect_exit(0).json();
    let mut actions = BTreeSet::new();
    let mut run = |of: &str, arguments: &[&str]| {
        let policy = printed(of);
        let output = account.run(arguments);
        assert_eq!(output.exit, 0, "{output:?}");
        actions.extend(used_actions(&account, &policy));
    };
    let usage = "usage_plan = { quota = { limit = 10, period = \"day\" } }\n";
    account.edit("portcullis.toml", "[api]", &format!("{usage}\n[api]"));
    run("deploy", &["deploy", "--stage", "dev", "--yes"]);
    account.edit("openapi.yaml", "[owners:read]", "[owners:admin]");
    account.edit("portcullis.toml", "[stage.dev]", "[stage.dev]\nmetrics = true\n");
    run("plan", &["plan", "--stage", "dev"]);
    run("deploy", &["deploy", "--stage", "dev", "--yes", "--flush-auth-cache"]);
    run("status", &["status", "--stage", "dev"]);
    run("history", &["history", "--stage", "dev"]);
    run("rollback", &["rollback", "--stage", "dev", "--yes", "--allow-dangerous"]);
    run("discover", &["discover"]);
    run("undeploy", &["undeploy", "--delete-api", "--yes"]);
    for action in [
        "apigateway:POST",
        "apigateway:PUT",
        "apigateway:PATCH",
        "apigateway:DELETE",
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "iam:DeleteRole",
        "lambda:GetFunctionConfiguration",
    ] {
        assert!(actions.contains(action), "{action} was never used: {actions:?}");
    }
    assert!(!allows(
        &printed("plan"),
        "apigateway:PUT",
        "arn:aws:apigateway:eu-west-1::/restapis/x"
    ));
}
