//! A version that an authorizer of another API names.

use serde_json::Value;

use super::{API, FUNCTION, Shop};
use crate::on_aws::permissions::used_actions;
use crate::on_aws::{REGION, python};

const KEY: &str = "320000000041";

/// Runs a script with boto3's client for API Gateway.
fn run(shop: &Shop, script: &str) {
    python(&format!(
        "import boto3, json\nclient = boto3.client('apigateway', endpoint_url='{}', aws_access_key_id='{KEY}', aws_secret_access_key='x', region_name='{REGION}')\n{script}",
        shop.account.proxy.url
    ));
}

/// Creates an API without tags whose authorizer invokes a version of the shop's function.
fn create_other_api(shop: &Shop, version: u32) {
    let uri = format!(
        "arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/arn:aws:lambda:{REGION}:{KEY}:function:{FUNCTION}:{version}/invocations"
    );
    run(
        shop,
        &format!(
            "api = client.create_rest_api(name='other')['id']\nclient.create_authorizer(restApiId=api, name='guard', type='TOKEN', authorizerUri='{uri}', identitySource='method.request.header.Authorization')"
        ),
    );
}

/// Creates an API of Portcullis whose deployment invokes a version of the shop's function, and whose
/// current definition does not.
fn create_managed_api(shop: &Shop, version: u32) {
    let record = format!(
        "{{\"format\":99,\"function\":\"arn:aws:lambda:{REGION}:{KEY}:function:{FUNCTION}:{version}\"}}"
    );
    run(
        shop,
        &format!(
            "api = client.create_rest_api(name='managed', tags={{'portcullis:api': 'managed'}})['id']\nclient.create_model(restApiId=api, name='PortcullisRevision1', contentType='application/json', schema=json.dumps({{'type': 'object', 'description': '{record}'}}))"
        ),
    );
}

/// Returns the policy that is printed for a command that affects the shop's API alone.
fn policy_of(shop: &Shop, command: &str) -> Value {
    let script = format!("print(next(one['id'] for one in apis if one['name'] == '{API}'))");
    let id = shop.account.boto3(&script);
    shop.run(&["iam", command, "--api", &id, "--account", KEY]).json()
}

fn numbers(shop: &Shop) -> Vec<String> {
    let number = |version: &Value| version["Version"].as_str().unwrap().to_owned();
    shop.versions().iter().map(number).collect()
}

#[test]
fn a_version_that_another_api_invokes_is_not_deleted() {
    let shop = Shop::without_issuer(KEY);
    shop.account.edit(
        "portcullis.toml",
        "endpoint = \"regional\"",
        "endpoint = \"regional\"\nkeep = 2",
    );
    shop.deploy("dev", &[]);
    create_other_api(&shop, 1);
    create_managed_api(&shop, 2);
    let mut scope = "write";
    for changed in ["admin", "owner", "keeper", "clerk"] {
        shop.change_scope(scope, changed);
        scope = changed;
        let policy = policy_of(&shop, "deploy");
        shop.deploy("dev", &[]);
        used_actions(&shop.account, &policy);
    }
    // Version 3 was pruned, versions 1 and 2 were not.
    assert_eq!(numbers(&shop), ["1", "2", "4", "5"]);
    let role = shop.versions()[0]["Role"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();

    let policy = policy_of(&shop, "undeploy");
    let output = shop.run(&["undeploy", "--delete-api", "--yes"]);
    let actions = used_actions(&shop.account, &policy);
    assert!(actions.contains("lambda:DeleteFunction"), "{actions:?}");
    assert!(output.contains(&format!("version 5 of function {FUNCTION}")), "{output:?}");
    assert_eq!(numbers(&shop), ["1", "2"]);
    assert!(shop.account.read_back()["roles"][&role].is_object(), "version 1 needs its role");
}
