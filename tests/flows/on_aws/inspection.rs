//! The commands that inspect an account: `discover`, `status`, `doctor`, `export`.

use std::fs;

use serde_json::{Value, json};

use super::Account;

/// An API that was created manually.
const MANUAL_API: &str = "
api = client.create_rest_api(name='legacy', endpointConfiguration={'types': ['REGIONAL']}, description='created manually')['id']
root = client.get_resources(restApiId=api)['items'][0]['id']
auth = client.create_authorizer(restApiId=api, name='Guard', type='TOKEN', authorizerUri='arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:guard/invocations', identitySource='method.request.header.Authorization', authorizerResultTtlInSeconds=60)['id']
for part, verb, extra in [('a', 'GET', dict(authorizationType='CUSTOM', authorizerId=auth)), ('b', 'POST', dict(authorizationType='AWS_IAM')), ('c', 'GET', dict(authorizationType='NONE', apiKeyRequired=True)), ('d', 'ANY', dict(authorizationType='NONE'))]:
  r = client.create_resource(restApiId=api, parentId=root, pathPart=part)['id']
  client.put_method(restApiId=api, resourceId=r, httpMethod=verb, **extra)
  client.put_method_response(restApiId=api, resourceId=r, httpMethod=verb, statusCode='200')
  client.put_integration(restApiId=api, resourceId=r, httpMethod=verb, type='HTTP_PROXY', integrationHttpMethod=verb, uri='https://legacy.example.com/' + part)
client.put_gateway_response(restApiId=api, responseType='THROTTLED', statusCode='420')
d = client.create_deployment(restApiId=api)['id']
client.create_stage(restApiId=api, stageName='live', deploymentId=d, variables={'a': 'b'}, tracingEnabled=True)
client.update_stage(restApiId=api, stageName='live', patchOperations=[{'op': 'replace', 'path': '/*/*/throttling/rateLimit', 'value': '3'}, {'op': 'replace', 'path': '/*/*/throttling/burstLimit', 'value': '4'}])
print(api)";

#[test]
fn an_api_created_manually_is_exported_and_adopted_unchanged() {
    let account = Account::new("100000000051");
    let id = account.boto3(MANUAL_API);
    let found = account.run(&["discover"]).expect_exit(0);
    for line in [
        &format!("legacy ({id}), regional"),
        "stage live: unknown revision (not deployed by Portcullis)",
        "GET /a  Guard",
        "POST /b  AWS_IAM",
        "GET /c  API key",
        "ANY /d  public",
    ] {
        assert!(found.contains(line), "{line}: {found:?}");
    }
    let before = account.api();
    let output = account.run(&["export", "--from-api", &id, "--out", "files"]).expect_exit(0);
    assert!(output.contains(&format!("deployer adopt {id}")), "{output:?}");
    assert!(
        account
            .run(&["export", "--from-api", &id, "--out", "files"])
            .expect_exit(1)
            .contains("exist")
    );
    assert!(
        account
            .run(&["export", "--from-api", "nope", "--out", "x"])
            .expect_exit(1)
            .contains("nope")
    );
    account.run(&["check", "files", "--deny-warnings"]).expect_exit(0);

    // Not managed yet: commands do not change it.
    assert!(
        account
            .run(&["status", "files", "--stage", "live"])
            .expect_exit(1)
            .contains("no API `legacy`")
    );
    assert!(account.run(&["adopt", &id, "files"]).expect_exit(1).contains("--yes"));
    account.run(&["adopt", &id, "files", "--yes"]).expect_exit(0);
    account.run(&["adopt", &id, "files", "--yes"]).expect_exit(0);
    let plan = account
        .run(&["plan", "files", "--stage", "live", "--output", "json"])
        .expect_exit(0)
        .json();
    assert!(plan["notes"][0].as_str().unwrap().contains("without a record"), "{plan}");
    assert_eq!(plan["changes"], json!([]), "the files match the API");
    account.run(&["deploy", "files", "--stage", "live", "--yes"]).expect_exit(0);
    account.run(&["plan", "files", "--stage", "live", "--detailed-exitcode"]).expect_exit(0);
    let after = account.api();
    for name in ["GET /a", "POST /b", "GET /c", "ANY /d"] {
        let (before, after) = (&before["methods"][name], &after["methods"][name]);
        for about in ["authorizationType", "apiKeyRequired"] {
            assert_eq!(before[about], after[about], "{name}");
        }
        assert_eq!(before["methodIntegration"]["uri"], after["methodIntegration"]["uri"]);
    }
    assert_eq!(after["stages"]["live"]["variables"], json!({"a": "b"}));
    assert_eq!(
        after["stages"]["live"]["methodSettings"],
        before["stages"]["live"]["methodSettings"]
    );
    let found = account.run(&["discover", "--output", "json"]).expect_exit(0).json();
    assert_eq!(found["apis"][0]["stages"][0]["routes"]["GET /a"], "Guard (external)");
    assert_eq!(found["apis"][0]["managed"], true);

    // An API of another project, and a second API for the same files.
    let other = account
        .boto3("print(client.create_rest_api(name='x', tags={'portcullis:api': 'x'})['id'])");
    assert!(account.run(&["adopt", &other, "files", "--yes"]).expect_exit(5).contains("several"));
    account.boto3(&format!("client.delete_rest_api(restApiId='{other}')\nclient.create_rest_api(name='x', tags={{'portcullis:api': 'legacy'}})"));
    let output = account.run(&["plan", "files", "--stage", "live"]).expect_exit(5);
    assert!(output.contains(&id) && output.contains("several APIs"), "{output:?}");
}

#[test]
fn status_history_and_sdk_report_the_served_revision() {
    let account = Account::new("100000000052");
    account.deploy("dev");
    let id = account.api()["id"].as_str().unwrap().to_owned();
    let status = account.run(&["status", "--stage", "dev"]).expect_exit(0);
    for line in [
        &format!("petstore ({id}), stage dev"),
        "serves revision 1, deployed 20",
        &format!("at https://{id}.execute-api.eu-west-1.amazonaws.com/dev"),
        "function:petstore-authorizer:live",
        "no drift detected",
    ] {
        assert!(status.contains(line), "{line}: {status:?}");
    }
    let json = account.run(&["status", "--stage", "dev", "--output", "json"]).expect_exit(0).json();
    assert_eq!((&json["revision"]["number"], &json["drift"]), (&json!(1), &json!([])));
    assert!(
        account
            .run(&["status", "--stage", "prod"])
            .expect_exit(1)
            .contains("stage `prod` of API `petstore` does not exist")
    );
    let history = account.run(&["history", "--stage", "dev"]).expect_exit(0);
    assert!(history.contains("revision 1  ← dev"), "{history:?}");
    let sdk = ["sdk", "--stage", "dev", "--language", "javascript", "--out", "sdk.zip"];
    account.run(&sdk).expect_exit(0);
    assert!(fs::read(account.path("sdk.zip")).unwrap().starts_with(b"PK"));
    assert!(account.proxy.calls().last().unwrap().1.ends_with("/sdks/javascript"));
    let invalid =
        account.run(&["sdk", "--stage", "dev", "--language", "cobol", "--out", "x"]).expect_exit(1);
    assert!(invalid.contains("invalid `--language` `cobol`"), "{invalid:?}");
}

/// Returns the calls so far that simulate a policy.
fn simulations(account: &Account) -> Vec<String> {
    let forms = account.proxy.forms().into_iter();
    forms.filter(|form| form.contains("Action=SimulatePrincipalPolicy")).collect()
}

#[test]
fn doctor_simulates_the_role_of_a_session_with_its_path() {
    let key = "100000000054";
    let account = Account::new(key);
    let name = r#"function = { name = "petstore-authorizer" }"#;
    let arn = format!(
        "function_arn = \"arn:aws:lambda:eu-west-1:{key}:function:petstore-authorizer:live\""
    );
    account.edit("portcullis.toml", &arn, name);
    let role = format!("arn:aws:iam::{key}:role/teams/pets/deployer");
    account.boto3(&format!(
        "iam.create_role(RoleName='deployer', Path='/teams/pets/', AssumeRolePolicyDocument=json.dumps({{'Version': '2012-10-17', 'Statement': [{{'Effect': 'Allow', 'Principal': {{'AWS': 'arn:aws:iam::{key}:root'}}, 'Action': 'sts:AssumeRole'}}]}}))"
    ));
    let arguments = ["doctor", "--stage", "dev", "--assume-role", &role];
    let output = account.run(&arguments);
    assert!(output.contains("assumed-role/deployer/portcullis-deployer"), "{output:?}");
    // No policy is attached to the role.
    for (of, service) in
        [("jwt", "apigateway.amazonaws.com"), ("petstore-authorizer", "lambda.amazonaws.com")]
    {
        let line =
            output.stdout.lines().find(|line| line.contains(&format!("iam:PassRole for {of}:")));
        let line = line.unwrap_or_else(|| panic!("{output:?}"));
        assert!(line.starts_with("fail") && line.ends_with(&format!("to {service}")), "{line}");
    }
    let simulated = simulations(&account);
    let principal = format!("PolicySourceArn={}", role.replace(':', "%3A").replace('/', "%2F"));
    for (form, service) in simulated.iter().zip(["apigateway", "lambda"]) {
        let entry = "ContextEntries.member.1.ContextKey";
        let context = format!(
            "{entry}Name=iam%3APassedToService&{entry}Values.member.1={service}.amazonaws.com&{entry}Type=string"
        );
        assert!(form.contains(&principal) && form.contains(&context), "{form}");
    }
    assert_eq!(simulated.len(), 2, "{simulated:?}");
}

#[test]
fn doctor_reports_failed_checks() {
    let key = "100000000053";
    let account = Account::new(key);
    let rows = |account: &Account, exit: i32| -> Vec<(String, String)> {
        let output =
            account.run(&["doctor", "--stage", "dev", "--output", "json"]).expect_exit(exit).json();
        let rows = output["checks"].as_array().unwrap().iter();
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        rows.map(|row| {
            (text(row, "subject"), format!("{}: {}", text(row, "status"), text(row, "message")))
        })
        .collect()
    };
    let row = |rows: &[(String, String)], name: &str| {
        rows.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{rows:?}")).1.clone()
    };
    let before = rows(&account, 1);
    assert!(row(&before, "function of jwt").starts_with("fail: arn:aws:lambda:"));
    assert!(row(&before, "invoke role of jwt").starts_with("ok: `deploy` will create "));
    assert_eq!(row(&before, "regional REST APIs"), "ok: 1 of 600");
    account.boto3("awslambda.create_function(FunctionName='petstore-authorizer', Runtime='provided.al2023', Role='arn:aws:iam::000000000000:role/r', Handler='x', Code={'ZipFile': b'PK\\x05\\x06' + bytes(18)}, Publish=True)\nawslambda.create_alias(FunctionName='petstore-authorizer', Name='live', FunctionVersion='1')");
    account.deploy("dev");
    let after = rows(&account, 1);
    // The emulator stores functions but cannot run them.
    assert!(row(&after, "function of jwt").ends_with(":live is Failed"), "{after:?}");
    assert!(row(&after, "invoke role of jwt").starts_with("ok: arn:aws:iam::"), "{after:?}");
    assert_eq!(row(&after, "resources"), "ok: 13 of 300");
    account.boto3("r = iam.list_roles(PathPrefix='/portcullis/petstore/')['Roles'][0]['RoleName']\niam.update_assume_role_policy(RoleName=r, PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'Service': 'lambda.amazonaws.com'}, 'Action': 'sts:AssumeRole'}]}))");
    let broken = rows(&account, 1);
    assert!(
        row(&broken, "invoke role of jwt").contains(
            "its trust policy does not allow apigateway.amazonaws.com; `deploy` corrects it"
        ),
        "{broken:?}"
    );
    // `deploy` repairs it.
    let plan = account.plan("dev");
    assert_eq!(plan["changes"][0]["aspect"], "trust policy");
    account.deploy("dev");
    assert!(row(&rows(&account, 1), "invoke role of jwt").starts_with("ok: arn:aws:iam::"));

    // A configured role, with a condition that API Gateway does not satisfy.
    account.boto3(&format!("iam.create_role(RoleName='given', AssumeRolePolicyDocument=json.dumps({{'Version': '2012-10-17', 'Statement': [{{'Effect': 'Allow', 'Principal': {{'Service': 'apigateway.amazonaws.com'}}, 'Action': 'sts:AssumeRole', 'Condition': {{'StringEquals': {{'aws:SourceAccount': '{key}'}}}}}}]}}))"));
    let role = format!("invoke_role_arn = \"arn:aws:iam::{key}:role/given\"\ncache_ttl");
    account.edit("portcullis.toml", "cache_ttl", &role);
    let given = rows(&account, 1);
    assert!(
        row(&given, "invoke role of jwt").starts_with("fail: its trust policy has a condition"),
        "{given:?}"
    );
}
