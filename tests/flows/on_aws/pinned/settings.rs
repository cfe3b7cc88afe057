//! The function's settings, as boto3 reads them.

use serde_json::{Value, json};

use super::{FUNCTION, Shop, table};

#[test]
fn settings_are_parts_of_a_version_and_the_created_role_may_write_logs_only() {
    let shop = Shop::without_issuer("320000000005");
    shop.deploy("dev", &[]);
    let settings = |version: &Value| {
        ["MemorySize", "Timeout", "Environment", "Runtime", "Handler"]
            .map(|name| version[name].clone())
    };
    let versions = shop.versions();
    let [first] = versions.as_slice() else { panic!("{versions:?}") };
    let variables = |found: Value| if found.is_null() { json!({"Variables": {}}) } else { found };
    let [memory, timeout, environment, runtime, handler] = settings(first);
    assert_eq!(
        json!([memory, timeout, runtime, handler]),
        json!([256, 10, "provided.al2023", "bootstrap"])
    );
    assert_eq!(variables(environment), json!({"Variables": {}}));

    // The role: assumed by Lambda, logs only.
    let name = first["Role"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let role = shop.account.read_back()["roles"][&name].clone();
    let trust = &role["trust"]["Statement"][0];
    assert_eq!(trust["Principal"], json!({"Service": "lambda.amazonaws.com"}), "{role}");
    let policies = role["policies"].as_object().unwrap();
    let statements: Vec<&Value> =
        policies.values().flat_map(|policy| policy["Statement"].as_array().unwrap()).collect();
    let actions: Vec<&str> = (statements.iter())
        .flat_map(|one| match &one["Action"] {
            Value::String(action) => vec![action.as_str()],
            actions => actions.as_array().unwrap().iter().filter_map(Value::as_str).collect(),
        })
        .collect();
    assert!(!actions.is_empty() && actions.iter().all(|one| one.starts_with("logs:")), "{role}");
    let text = serde_json::to_string(&statements).unwrap();
    assert!(text.contains(&format!("log-group:/aws/lambda/{FUNCTION}")), "{text}");

    // A changed setting is a new version; the earlier one keeps its own.
    let more = ", memory = 512, timeout = \"5s\", environment = { LEVEL = \"warn\" }";
    shop.account.edit("portcullis.toml", &table(""), &table(more));
    shop.deploy("dev", &[]);
    let versions = shop.versions();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0], *first);
    let expected =
        json!([512, 5, {"Variables": {"LEVEL": "warn"}}, "provided.al2023", "bootstrap"]);
    assert_eq!(json!(settings(&versions[1])), expected);
    assert_eq!(versions[1]["CodeSha256"], first["CodeSha256"]);
    let uri = shop.account.api()["authorizers"][0]["authorizerUri"].to_string();
    assert!(uri.contains(&format!("{FUNCTION}:2/")), "{uri}");

    // A role of the files; the created one is retained while version 1 can be rolled back to.
    let arn = "arn:aws:iam::320000000005:role/own";
    let with_role = format!("{more}, role_arn = \"{arn}\"");
    shop.account.edit("portcullis.toml", &table(more), &table(&with_role));
    shop.deploy("dev", &[]);
    assert_eq!(shop.versions()[2]["Role"], json!(arn));
    assert!(shop.account.read_back()["roles"][&name].is_object());
    shop.account.expect_no_changes("dev");
}
