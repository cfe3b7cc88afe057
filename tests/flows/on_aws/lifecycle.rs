//! The life cycle of an API: create, change, roll back, delete.

use serde_json::{Value, json};

use super::{Account, changes_of};

const KEY: &str = "100000000001";

fn stages(account: &Account) -> Vec<(String, String)> {
    let api = account.api();
    let stages = api["stages"].as_object().unwrap();
    let revision = |stage: &Value| {
        let words = stage["deployment"].as_str().unwrap().split(' ').nth(1).unwrap();
        words.trim_start_matches("revision=").to_owned()
    };
    stages.iter().map(|(name, stage)| (name.clone(), revision(stage))).collect()
}

fn owned(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn an_api_is_created_changed_rolled_back_and_deleted() {
    let account = Account::new(KEY);
    assert!(
        account
            .run(&["status", "--stage", "dev"])
            .expect_exit(1)
            .contains("no API `petstore` managed by Portcullis in ")
    );
    let output = account.deploy("dev").json();
    assert_eq!((&output["stage"], &output["revision"]), (&json!("dev"), &json!(1)));
    expect_petstore(&account);

    // Again: an empty plan changes nothing. The flush of an earlier run may have been interrupted.
    account.deploy("dev");
    let (_, writes) = account.proxy.api_gateway_calls();
    assert!(writes.len() == 1 && writes[0].ends_with("/cache/authorizers"), "{writes:?}");
    let iam: Vec<_> = account.proxy.calls().into_iter().filter(|(_, path)| path == "/").collect();
    assert!(iam.len() < 8, "{iam:?}");
    account.expect_no_changes("dev");

    // A route requires another scope.
    account.edit(
        "openapi.yaml",
        "security:\n        - jwt: [pets:write]\n        - jwt: [admin]",
        "security:\n        - jwt: [admin]",
    );
    let plan = account.plan("dev");
    let changed: Vec<_> = changes_of(&plan, "POST /pets");
    assert_eq!(changed.len(), 1, "{plan}");
    assert_eq!(
        (&changed[0]["before"], &changed[0]["after"], &changed[0]["impact"]),
        (&json!("jwt [pets:write or admin]"), &json!("jwt [admin]"), &json!("security"))
    );
    let subjects: Vec<&Value> =
        plan["changes"].as_array().unwrap().iter().map(|change| &change["subject"]).collect();
    assert_eq!(
        subjects,
        [&json!("POST /pets"), &json!("authorizer jwt")],
        "and the authorizer's rules"
    );
    let output = account.run(&["plan", "--stage", "dev", "--detailed-exitcode"]).expect_exit(2);
    assert!(
        output.contains("~ POST /pets  auth: jwt [pets:write or admin] → jwt [admin]  [security]")
    );
    account.deploy("dev");
    account.expect_no_changes("dev");
    assert_eq!(stages(&account), owned(&[("dev", "2")]));

    // Roll back, then forward.
    let back =
        account.run(&["rollback", "--stage", "dev", "--yes", "--allow-dangerous"]).expect_exit(0);
    assert!(
        back.contains("~ POST /pets  auth: jwt [admin] → jwt [pets:write or admin]"),
        "{back:?}"
    );
    assert_eq!(
        account.proxy.api_gateway_calls().1.len(),
        2,
        "one patch, and the flush of the cache"
    );
    assert_eq!(stages(&account), owned(&[("dev", "1")]));
    assert!(
        account
            .run(&["rollback", "--stage", "dev", "--yes", "--allow-dangerous"])
            .expect_exit(1)
            .contains("no earlier")
    );
    assert!(
        account
            .run(&["rollback", ".", "7", "--stage", "dev", "--yes", "--allow-dangerous"])
            .expect_exit(1)
            .contains("7")
    );
    account.run(&["rollback", "2", "--stage", "dev", "--yes", "--allow-dangerous"]).expect_exit(0);
    assert!(
        account
            .run(&["rollback", "2", "--stage", "dev", "--yes", "--allow-dangerous"])
            .expect_exit(0)
            .contains("nothing")
    );

    // A second stage serves the same deployment; the first is untouched.
    let before = account.api()["stages"]["dev"].clone();
    account.deploy("prod");
    assert_eq!(stages(&account), owned(&[("dev", "2"), ("prod", "2")]));
    assert_eq!(account.api()["stages"]["dev"], before);
    account.expect_no_changes("prod");
    let history =
        account.run(&["history", "--stage", "dev", "--output", "json"]).expect_exit(0).json();
    let listed: Vec<(&Value, &Value)> = (history["deployments"].as_array().unwrap().iter())
        .map(|one| (&one["revision"]["number"], &one["stages"]))
        .collect();
    assert_eq!(listed, [(&json!(2), &json!(["dev", "prod"])), (&json!(1), &json!([]))]);

    // One stage is deleted, the other remains; then the API is deleted.
    let output = account.run(&["undeploy", "--stage", "dev"]).expect_exit(1);
    assert!(
        output.contains("confirmation required") && output.contains("remaining stages: prod"),
        "{output:?}"
    );
    assert!(output.contains("dependent resources: none"), "{output:?}");
    account.run(&["undeploy", "--stage", "dev", "--yes"]).expect_exit(0);
    assert_eq!(stages(&account), owned(&[("prod", "2")]));
    assert!(
        account
            .run(&["undeploy", "--stage", "dev", "--yes"])
            .expect_exit(0)
            .contains("nothing to delete")
    );
    account.edit("portcullis.toml", "[api]", "[api]\nprotect = true");
    assert!(
        account.run(&["undeploy", "--delete-api", "--yes"]).expect_exit(1).contains("protected")
    );
    account.edit("portcullis.toml", "protect = true", "protect = false");
    account.run(&["undeploy", "--delete-api", "--yes"]).expect_exit(0);
    assert_eq!(account.read_back(), json!({"apis": [], "plans": [], "roles": {}}));
    assert!(
        account
            .run(&["undeploy", "--delete-api", "--yes"])
            .expect_exit(0)
            .contains("nothing to delete")
    );
}

/// Asserts that the account contains what the petstore's files configure.
fn expect_petstore(account: &Account) {
    let found = account.read_back();
    let api = account.api();
    let tags = json!({"portcullis:api": "petstore", "portcullis:managed": "true"});
    assert_eq!(api["api"]["tags"], tags);
    assert_eq!(api["api"]["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    let [authorizer] = api["authorizers"].as_array().unwrap().as_slice() else { panic!("{api}") };
    let function = format!("arn:aws:lambda:eu-west-1:{KEY}:function:petstore-authorizer:live");
    let uri = format!(
        "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations"
    );
    assert_eq!(authorizer["authorizerUri"], uri.as_str());
    assert_eq!(authorizer["authorizerResultTtlInSeconds"], 300);
    assert_eq!(authorizer["identitySource"], "method.request.header.Authorization");
    assert!(authorizer["identityValidationExpression"].as_str().unwrap().contains("[Bb][Ee]"));

    // One role, for that function and qualifier. Its trust policy has no condition: API Gateway would
    // not satisfy it.
    let roles = found["roles"].as_object().unwrap();
    let (name, role) = roles.iter().next().unwrap();
    assert_eq!(roles.len(), 1);
    let arn = format!("arn:aws:iam::{KEY}:role/portcullis/petstore/{name}");
    assert_eq!(authorizer["authorizerCredentials"], arn.as_str());
    assert_eq!(
        role["policies"],
        json!({"invoke": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function,
        }]}})
    );
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }]});
    assert_eq!(role["trust"], trust);
    let tags = json!({
        "portcullis:api": "petstore", "portcullis:managed": "true", "portcullis:region": "eu-west-1",
    });
    assert_eq!(role["tags"], tags);

    // Every operation, protected or public as in the document, and nothing else.
    let methods = api["methods"].as_object().unwrap();
    let authorization = |name: &str| {
        let method = &methods[name];
        let kind = method["authorizationType"].as_str().unwrap().to_owned();
        (kind, method["authorizer"].as_str().unwrap_or("none").starts_with("jwt-"))
    };
    assert_eq!(methods.len(), 15);
    for name in methods.keys() {
        let is_public = ["GET /", "GET /health"].contains(&name.as_str());
        let expected = if is_public { ("NONE", false) } else { ("CUSTOM", true) };
        assert_eq!(authorization(name), (expected.0.to_owned(), expected.1), "{name}");
    }
    let pet = &methods["GET /pets/{petId}"];
    assert_eq!(pet["requestParameters"], json!({"method.request.path.petId": true}));
    let integration = &pet["methodIntegration"];
    assert_eq!(integration["type"], "HTTP_PROXY");
    assert_eq!(integration["uri"], "https://petstore.example.com/pets/{petId}");
    assert_eq!(
        integration["requestParameters"],
        json!({"integration.request.path.petId": "method.request.path.petId"})
    );
    assert_eq!(
        api["gatewayResponses"]["UNAUTHORIZED"]["responseParameters"],
        json!({"gatewayresponse.header.WWW-Authenticate": "'Bearer realm=\"petstore\"'"})
    );
    assert_eq!(
        api["gatewayResponses"]["ACCESS_DENIED"]["responseParameters"],
        json!({"gatewayresponse.header.WWW-Authenticate": "'Bearer realm=\"petstore\", error=\"insufficient_scope\"'"})
    );
    let description = api["stages"]["dev"]["deployment"].as_str().unwrap();
    assert!(description.starts_with("portcullis revision=1 content="), "{description}");
    assert_eq!(api["deployments"].as_array().unwrap().len(), 1);
}

#[test]
fn an_api_with_a_name_that_is_not_a_valid_tag_is_created_changed_and_deleted() {
    let account = Account::new("100000000101");
    account.edit("portcullis.toml", "name = \"petstore\"", "name = \"Pets & Co\"");
    // An earlier version set the name itself as the tag.
    let earlier = account.boto3(
        "print(client.create_rest_api(name='Pets & Co', tags={'portcullis:api': 'Pets & Co'})['id'])",
    );
    assert_eq!(account.plan("dev")["id"], earlier.as_str());
    account.boto3("client.delete_rest_api(restApiId=api)");
    let usage = "usage_plan = { quota = { limit = 10, period = \"day\" } }\n";
    account.edit("portcullis.toml", "[api]", &format!("{usage}\n[api]"));
    account.deploy("dev");
    account.expect_no_changes("dev");
    let tags = account.boto3(
        "print(json.dumps([apis[0]['name'], apis[0]['tags'], client.get_stage(restApiId=api, stageName='dev').get('tags')]))",
    );
    let tags: Value = serde_json::from_str(&tags).unwrap();
    let tag = tags[1]["portcullis:api"].as_str().unwrap();
    assert!(tag.starts_with("Pets - Co @"), "{tags}");
    assert_eq!(
        (&tags[0], &tags[2]["portcullis:api"]),
        (&json!("Pets & Co"), &tags[1]["portcullis:api"])
    );
    account.run(&["undeploy", "--delete-api", "--yes"]).expect_exit(0);
    assert_eq!(account.read_back(), json!({"apis": [], "plans": [], "roles": {}}));
}
