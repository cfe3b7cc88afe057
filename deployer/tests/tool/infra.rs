//! The files in `infra/` match the output of the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn print_policy(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_deployer"))
        .arg("iam")
        .args(arguments)
        .current_dir(root())
        .env_remove("AWS_REGION")
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn file(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("infra/iam").join(name)).unwrap()).unwrap()
}

#[test]
fn the_policies_match_those_that_iam_prints_for_the_petstore() {
    let role = "arn:aws:iam::123456789012:role/petstore-authorizer-execution";
    for (name, arguments) in [
        ("deployer-policy.json", vec!["build", "infra/petstore", "--function-role", role]),
        ("planner-policy.json", vec!["plan", "infra/petstore"]),
        ("execution-policy.json", vec!["execution", "infra/petstore"]),
        ("execution-trust.json", vec!["execution-trust", "infra/petstore"]),
        ("invoke-trust.json", vec!["trust", "infra/petstore"]),
    ] {
        assert_eq!(
            file(name),
            print_policy(&arguments),
            "{name}: print it again with `deployer iam`"
        );
    }
    assert_eq!(file("invoke-policy.json"), print_policy(&["invoke", "infra/petstore"])["jwt"]);
}

#[test]
fn ci_trusts_one_environment_of_one_repository() {
    let trust = file("ci-trust.json");
    let conditions = &trust["Statement"][0]["Condition"];
    assert_eq!(conditions.as_object().unwrap().len(), 1, "{conditions}");
    let equals = conditions["StringEquals"].as_object().unwrap();
    let claims = equals.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    let claims: Vec<_> = claims.collect();
    assert_eq!(
        claims,
        [
            ("token.actions.githubusercontent.com:aud", "sts.amazonaws.com"),
            (
                "token.actions.githubusercontent.com:sub",
                "repo:example/petstore:environment:production"
            ),
        ]
    );
}
