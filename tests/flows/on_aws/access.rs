//! The policies that `deployer iam` prints are sufficient and minimal, as tested by an emulator
//! that evaluates IAM policies.

use std::process::Command;

use e2e::emulator::{Emulator, FaultProxy};
use e2e::tool;

use super::{CommandOutput, command};

fn admin(address: &str, script: &str) -> String {
    let mut python = Command::new(tool("ministack/bin/python"));
    let script = format!(
        "import boto3, json\ns = boto3.Session(aws_access_key_id='test', aws_secret_access_key='test', region_name='eu-west-1')\nclient = s.client('apigateway', endpoint_url='http://{address}')\niam = s.client('iam', endpoint_url='http://{address}')\n{script}"
    );
    let output = python.args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_printed_policy_grants_exactly_what_a_command_needs() {
    let emulator = Emulator::ministack(true);
    let address = &emulator.address;
    let url = FaultProxy::unchanged(address).url;
    let folder = tempfile::tempdir().unwrap();
    for name in ["openapi.yaml", "portcullis.toml"] {
        let text = std::fs::read_to_string(e2e::root().join("infra/petstore").join(name)).unwrap();
        std::fs::write(folder.path().join(name), text.replace("123456789012", "000000000000"))
            .unwrap();
    }
    let id = admin(
        address,
        "for n in range(60): client.create_rest_api(name=f'other-{n}')
api = client.create_rest_api(name='petstore', tags={'portcullis:api': 'petstore'})['id']
root = client.get_resources(restApiId=api)['items'][0]['id']
for n in range(30):
  r = client.create_resource(restApiId=api, parentId=root, pathPart=f'r{n}')['id']
  client.put_method(restApiId=api, resourceId=r, httpMethod='GET', authorizationType='AWS_IAM')
  client.put_integration(restApiId=api, resourceId=r, httpMethod='GET', type='MOCK')
d = client.create_deployment(restApiId=api, description='portcullis revision=1 content=x tool=x')['id']
e = client.create_deployment(restApiId=api, description='portcullis revision=2 content=y tool=x')['id']
client.create_stage(restApiId=api, stageName='dev', deploymentId=e, description=f'[portcullis served {d} {e}]')
print(api)",
    );
    let printed = |of: &str| {
        let mut iam = command("x", &url, folder.path(), &["iam", of, "--api", &id]);
        let output: CommandOutput = iam.output().unwrap().into();
        output.expect_exit(0).stdout
    };
    let user = |name: &str, policy: &str| -> (String, String) {
        let script = format!(
            "iam.create_user(UserName='{name}')\niam.put_user_policy(UserName='{name}', PolicyName='p', PolicyDocument=json.dumps({policy}))\nk = iam.create_access_key(UserName='{name}')['AccessKey']\nprint(k['AccessKeyId'], k['SecretAccessKey'])",
            policy = policy.replace("true", "True"),
        );
        let keys = admin(address, &script);
        let (key, secret) = keys.split_once(' ').unwrap();
        (key.to_owned(), secret.to_owned())
    };
    let run = |(key, secret): &(String, String), arguments: &[&str]| -> CommandOutput {
        let mut command = command(key, &url, folder.path(), arguments);
        command.env("AWS_SECRET_ACCESS_KEY", secret);
        command.output().unwrap().into()
    };
    let reader = user("reader", &printed("status"));
    let output = run(&reader, &["status", "--stage", "dev"]).expect_exit(0);
    assert!(output.contains("serves revision 2"), "{output:?}");
    run(&reader, &["history", "--stage", "dev"]).expect_exit(0);
    let denied = run(&reader, &["rollback", "1", "--stage", "dev", "--yes", "--allow-dangerous"])
        .expect_exit(4);
    assert!(
        denied.contains("AccessDenied") && denied.contains("deployer iam COMMAND"),
        "{denied:?}"
    );
    let rollback_user = user("rollback", &printed("rollback"));
    run(&rollback_user, &["rollback", "1", "--stage", "dev", "--yes", "--allow-dangerous"])
        .expect_exit(0);
    run(&rollback_user, &["undeploy", "--stage", "dev", "--yes"]).expect_exit(4);
    let discover_user =
        user("discover", &printed("discover").replace(&format!("/restapis/{id}"), "/restapis/*"));
    let found = run(&discover_user, &["discover"]).expect_exit(0);
    assert!(found.contains("eu-west-1: 61") && found.contains("GET /r29  AWS_IAM"), "{found:?}");
    let denied_user = user(
        "denied",
        "{'Version': '2012-10-17', 'Statement': [{'Effect': 'Deny', 'Action': '*', 'Resource': '*'}]}",
    );
    run(&denied_user, &["status", "--stage", "dev"]).expect_exit(4);
    let wrong_secret = (reader.0.clone(), "wrong".to_owned());
    let output = run(&wrong_secret, &["status", "--stage", "dev"]).expect_exit(4);
    assert!(output.contains("log in again"), "{output:?}");
    let undeploy_user = user("undeploy", &printed("undeploy"));
    run(&undeploy_user, &["undeploy", "--stage", "dev", "--yes"]).expect_exit(0);
    run(&undeploy_user, &["undeploy", "--delete-api", "--yes"]).expect_exit(0);
    assert_eq!(admin(address, "print(len(client.get_rest_apis(limit=500)['items']))"), "60");
}
