//! Invoke roles: those of two Regions and of two APIs with similar names in one account, and the
//! settings of created ones.

use std::fs;

use serde_json::{Value, json};

use super::{Account, CommandOutput, REGION, python, read_back_in};
use e2e::emulator::Emulator;

const KEY: &str = "100000000097";
const OTHER_REGION: &str = "us-east-1";

/// An API of the account: its name and Region.
type Api = (&'static str, &'static str);

const APIS: [Api; 3] = [("my shop", REGION), ("my-shop", REGION), ("my shop", OTHER_REGION)];

fn select(account: &Account, (name, _): Api, scope: &str) {
    for file in ["portcullis.toml", "openapi.yaml"] {
        let original = e2e::root().join("infra/petstore").join(file);
        fs::copy(original, account.path(file)).unwrap();
    }
    let role = "invoke_role_arn = \"arn:aws:iam::123456789012:role/petstore-invoke\"\n";
    account.edit("portcullis.toml", role, "");
    account.edit("portcullis.toml", "123456789012", KEY);
    account.edit("portcullis.toml", "name = \"petstore\"", &format!("name = \"{name}\""));
    account.edit("openapi.yaml", "[owners:read]", &format!("[{scope}]"));
}

#[track_caller]
fn run(account: &Account, (_, region): Api, arguments: &[&str]) -> CommandOutput {
    account.run(&[arguments, &["--region", region, "--yes"]].concat()).expect_exit(0)
}

/// Returns the parts of the state that belong to an API, as boto3 reads them: the API, and the roles
/// that its authorizers name.
fn state(account: &Account, (name, region): Api) -> (Value, Vec<(String, Value)>) {
    let found = read_back_in(region, &[&account.key])[&account.key].clone();
    let apis = found["apis"].as_array().unwrap();
    let api = apis.iter().find(|api| api["api"]["name"] == name).unwrap_or(&Value::Null).clone();
    let named = api["authorizers"].to_string();
    let roles = found["roles"].as_object().unwrap();
    let roles = roles.iter().filter(|(role, _)| named.contains(*role));
    (api, roles.map(|(name, role)| (name.clone(), role.clone())).collect())
}

fn role_count(account: &Account) -> usize {
    account.read_back()["roles"].as_object().unwrap().len()
}

#[test]
fn a_change_a_rollback_and_a_removal_leave_similar_apis_and_other_regions_unchanged() {
    let account = Account::new(KEY);
    for api in APIS {
        select(&account, api, "owners:read");
        run(&account, api, &["deploy", "--stage", "dev"]);
    }
    assert_eq!(role_count(&account), 3);
    for (at, api) in APIS.into_iter().enumerate() {
        let others: Vec<Api> = APIS.into_iter().skip(at + 1).collect();
        let before: Vec<_> = others.iter().map(|other| state(&account, *other)).collect();
        for (_, roles) in &before {
            let [(_, role)] = roles.as_slice() else { panic!("{before:?}") };
            assert_eq!(role["policies"].as_object().unwrap().len(), 1, "{role}");
        }
        let expect_unchanged = |step: &str| {
            let now: Vec<_> = others.iter().map(|other| state(&account, *other)).collect();
            assert_eq!(now, before, "{step} of {api:?}");
        };
        // Another function, twice, so that roles of earlier deployments are deleted.
        for (function, scope) in [("second", "owners:admin"), ("third", "owners:none")] {
            select(&account, api, scope);
            account.edit(
                "portcullis.toml",
                "function:petstore-authorizer",
                &format!("function:{function}"),
            );
            account.edit("portcullis.toml", "[api]", "[api]\nkeep = 2");
            run(&account, api, &["deploy", "--stage", "dev"]);
            expect_unchanged("a change");
        }
        run(&account, api, &["rollback", "--stage", "dev", "--allow-dangerous"]);
        expect_unchanged("a rollback");
        run(&account, api, &["undeploy", "--delete-api"]);
        expect_unchanged("a removal");
        assert_eq!(state(&account, api).0, Value::Null);
        assert_eq!(role_count(&account), others.len());
    }
}

/// Earlier versions did not tag roles with a Region.
#[test]
fn a_role_of_an_earlier_version_in_an_unknown_region_is_not_deleted() {
    let key = "100000000098";
    let account = Account::new(key);
    account.deploy("dev");
    let create = "import boto3\niam = boto3.client('iam', aws_access_key_id='KEY', aws_secret_access_key='x', region_name='us-east-1', endpoint_url='http://ENDPOINT')\niam.create_role(RoleName='petstore-jwt-0a1b2c3d', Path='/portcullis/petstore/', AssumeRolePolicyDocument='{}', Tags=[{'Key': 'portcullis:api', 'Value': 'petstore'}])";
    python(&create.replace("KEY", key).replace("ENDPOINT", &Emulator::localstack().address));
    account.edit("openapi.yaml", "[owners:read]", "[owners:admin]");
    let note = "role petstore-jwt-0a1b2c3d is not deleted";
    for arguments in
        [&["deploy", "--stage", "dev", "--yes"][..], &["undeploy", "--delete-api", "--yes"]]
    {
        let output = account.run(arguments).expect_exit(0);
        assert!(output.contains(note), "{output:?}");
    }
    let roles = account.read_back()["roles"].clone();
    assert_eq!(roles.as_object().unwrap().keys().collect::<Vec<_>>(), ["petstore-jwt-0a1b2c3d"]);
}

#[test]
fn the_settings_of_created_roles_are_deployed_and_updated() {
    let account = Account::new("100000000099");
    account.deploy("dev");
    let role = || -> Value {
        let script = "r = iam.get_role(RoleName=iam.list_roles(PathPrefix='/portcullis/petstore/')['Roles'][0]['RoleName'])['Role']\nprint(json.dumps([r.get('PermissionsBoundary', {}).get('PermissionsBoundaryArn'), {t['Key']: t['Value'] for t in r['Tags'] if not t['Key'].startswith('portcullis:')}]))";
        serde_json::from_str(&account.boto3(script)).unwrap()
    };
    assert_eq!(role(), json!([null, {}]));
    let boundary = "arn:aws:iam::100000000099:policy/delivery";
    let table = |tags: &str| {
        format!("invoke_role = {{ permissions_boundary = \"{boundary}\", tags = {{ {tags} }} }}\n")
    };
    account.edit(
        "portcullis.toml",
        "[api]\n",
        &format!("[api]\n{}", table("a = \"1\", b = \"2\"")),
    );
    let plan = account.plan("dev");
    let aspects: Vec<&str> = (plan["changes"].as_array().unwrap().iter())
        .map(|change| change["aspect"].as_str().unwrap())
        .collect();
    assert_eq!(aspects, ["permissions boundary", "tag a", "tag b"]);
    account.deploy("dev");
    assert_eq!(role(), json!([boundary, {"a": "1", "b": "2"}]));
    account.expect_no_changes("dev");
    account.edit("portcullis.toml", &table("a = \"1\", b = \"2\""), &table("b = \"3\""));
    account.deploy("dev");
    assert_eq!(role(), json!([boundary, {"b": "3"}]));
    account.expect_no_changes("dev");
}
