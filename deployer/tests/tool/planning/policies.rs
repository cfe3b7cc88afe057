//! The printed policies.

use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

const PINNED: &str = "function = \"shop\"";
const FUNCTION: &str =
    "function_arn = \"arn:aws:lambda:eu-west-1:123456789012:function:shop:live\"";
const PLACE: [&str; 4] = ["--account", "123456789012", "--region", "eu-west-1"];

fn statements(toml: &str, arguments: &[&str]) -> Vec<Value> {
    let folder = folder(toml, OPENAPI);
    let output = deployer(folder.path(), &[&["iam"], arguments, &PLACE].concat());
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    policy["Statement"].as_array().unwrap().clone()
}

/// Returns the statements that allow an action.
fn allowing<'a>(statements: &'a [Value], action: &str) -> Vec<&'a Value> {
    let has = |one: &&Value| one["Action"].as_array().unwrap().iter().any(|found| found == action);
    statements.iter().filter(has).collect()
}

/// Returns the resources of an action without a condition.
fn resources(statements: &[Value], action: &str) -> Vec<String> {
    let found =
        allowing(statements, action).into_iter().filter(|one| one.get("Condition").is_none());
    found
        .flat_map(|one| one["Resource"].as_array().unwrap())
        .map(|one| one.as_str().unwrap().rsplit("::").next().unwrap().to_owned())
        .collect()
}

#[test]
fn an_execution_role_may_write_logs_in_both_forms_of_arns() {
    let group = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/shop";
    let [only] = &statements(MANIFEST, &["execution"])[..] else { panic!("one statement") };
    let actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
    assert_eq!(only["Action"], json!(actions));
    assert_eq!(only["Resource"], json!([group, format!("{group}:*")]));
}

#[test]
fn a_delivery_stream_needs_a_service_linked_role() {
    let action = "iam:CreateServiceLinkedRole";
    let logged = |destination: &str| {
        let stage = format!("[stage.dev]\naccess_log = \"{destination}\"");
        MANIFEST.replace("[stage.dev]", &stage)
    };
    let stream = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/amazon-apigateway-shop";
    let group = "arn:aws:logs:eu-west-1:123456789012:log-group:shop";
    for command in ["deploy", "build", "revoke"] {
        let found = statements(&logged(stream), &[command]);
        let [only] = allowing(&found, action)[..] else { panic!("{found:?}") };
        let role = "arn:aws:iam::123456789012:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway";
        assert_eq!(only["Resource"], json!([role]));
        let condition =
            json!({"StringEquals": {"iam:AWSServiceName": "ops.apigateway.amazonaws.com"}});
        assert_eq!(only["Condition"], condition);
        for toml in [MANIFEST.to_owned(), logged(group)] {
            assert!(allowing(&statements(&toml, &[command]), action).is_empty());
        }
    }
    assert!(allowing(&statements(&logged(stream), &["plan"]), action).is_empty());
}

#[test]
fn an_api_may_be_deleted_by_undeploy_and_if_it_was_created_twice() {
    let delete = "apigateway:DELETE";
    let undeploy = statements(MANIFEST, &["undeploy", "--api", "api1"]);
    assert!(resources(&undeploy, delete).contains(&"/restapis/api1".to_owned()), "{undeploy:?}");
    let named = MANIFEST.replace("name = \"shop\"", "name = \"Pets & Co\"");
    let deploy = statements(&named, &["deploy"]);
    assert!(!resources(&deploy, delete).contains(&"/restapis/*".to_owned()), "{deploy:?}");
    let conditional =
        allowing(&deploy, delete).into_iter().find(|one| one.get("Condition").is_some());
    let conditional = conditional.unwrap();
    assert_eq!(conditional["Resource"], json!(["arn:aws:apigateway:eu-west-1::/restapis/*"]));
    let tag = &conditional["Condition"]["StringEquals"]["aws:ResourceTag/portcullis:api"];
    assert_eq!(*tag, json!(deployment::observed::api_tag("Pets & Co")));
    // An API with an id exists.
    let deploy = statements(MANIFEST, &["deploy", "--api", "api1"]);
    assert!(allowing(&deploy, delete).iter().all(|one| one.get("Condition").is_none()));
    assert!(!resources(&deploy, delete).contains(&"/restapis/api1".to_owned()), "{deploy:?}");
}

#[test]
fn commands_that_read_stages_may_read_the_account() {
    for command in deployment::iam::COMMANDS {
        let found = statements(MANIFEST, &[command]);
        let reads = resources(&found, "apigateway:GET").contains(&"/account".to_owned());
        assert_eq!(reads, !["adopt", "diff", "sdk"].contains(&command), "{command}");
    }
}

#[test]
fn a_function_in_a_vpc_needs_permissions_to_read_networks() {
    let vpc = "function = { name = \"shop\", role_arn = \"arn:aws:iam::123456789012:role/r\", vpc = { subnets = [\"subnet-1\"], security_groups = [\"sg-1\"] } }";
    for action in ["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"] {
        let deploy = statements(&MANIFEST.replace(FUNCTION, vpc), &["deploy"]);
        assert_eq!(resources(&deploy, action), ["*"]);
        let deploy = statements(&MANIFEST.replace(FUNCTION, PINNED), &["deploy"]);
        assert!(allowing(&deploy, action).is_empty());
    }
}

#[test]
fn doctor_may_read_pinned_functions() {
    let doctor = statements(&MANIFEST.replace(FUNCTION, PINNED), &["doctor"]);
    for action in ["lambda:ListVersionsByFunction", "lambda:ListAliases", "lambda:ListTags"] {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop";
        assert!(resources(&doctor, action).contains(&arn.to_owned()), "{doctor:?}");
    }
}
