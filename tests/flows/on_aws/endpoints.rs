//! Endpoints of an API: its type and its VPC endpoints, changed and deployed.

use e2e::emulator::Fault;
use serde_json::json;

use super::Account;

const POLICY: &str = "x-amazon-apigateway-policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: '*', Action: 'execute-api:Invoke', Resource: 'execute-api:/*' }] }\npaths:";

impl Account {
    /// Replaces the endpoint in the manifest, and returns the calls of its deployment.
    fn deploy_endpoint(&self, from: &str, to: &str) -> Vec<String> {
        self.edit("portcullis.toml", from, to);
        self.deploy("dev");
        let calls = self.proxy.calls();
        self.expect_no_changes("dev");
        calls.iter().map(|(method, path)| format!("{method} {path}")).collect()
    }

    fn endpoint(&self) -> serde_json::Value {
        let mut endpoint = self.api()["api"]["endpointConfiguration"].clone();
        if let Some(ids) = endpoint["vpcEndpointIds"].as_array_mut() {
            ids.sort_by_key(ToString::to_string);
        }
        json!([endpoint["types"][0], endpoint["vpcEndpointIds"]])
    }
}

#[test]
fn an_api_becomes_private_with_vpc_endpoints_and_regional_again() {
    let account = Account::new("360000000001");
    account.edit("openapi.yaml", "paths:", POLICY);
    let regional = "endpoint = \"regional\"";
    account.deploy("dev");
    let id = account.boto3("print(api)").trim().to_owned();

    let private = "endpoint = \"private\"\nvpc_endpoints = [\"vpce-1\", \"vpce-2\"]";
    let calls = account.deploy_endpoint(regional, private);
    assert_eq!(account.endpoint(), json!(["PRIVATE", ["vpce-1", "vpce-2"]]));
    let position = |call: String| {
        let found = calls.iter().position(|known| known.starts_with(&call));
        found.unwrap_or_else(|| panic!("{calls:#?}"))
    };
    let import = position(format!("PUT /restapis/{id}?"));
    let change = position(format!("PATCH /restapis/{id}"));
    let deployment = position(format!("POST /restapis/{id}/deployments"));
    assert!(import < change && change < deployment, "{calls:#?}");
    let reads =
        calls[change..deployment].iter().filter(|call| **call == format!("GET /restapis/{id}"));
    assert_eq!(reads.count(), 3, "two reads have the status UPDATING: {calls:#?}");

    let other = "endpoint = \"private\"\nvpc_endpoints = [\"vpce-2\", \"vpce-3\"]";
    account.deploy_endpoint(private, other);
    assert_eq!(account.endpoint(), json!(["PRIVATE", ["vpce-2", "vpce-3"]]));

    account.boto3(&format!(
        "client.update_rest_api(restApiId='{id}', patchOperations=[{{'op': 'remove', 'path': '/endpointConfiguration/vpcEndpointIds', 'value': 'vpce-3'}}])"
    ));
    let output = account.run(&["plan", "--stage", "dev"]).expect_exit(0);
    let change = "endpoint: PRIVATE (vpce-2) → PRIVATE (vpce-2, vpce-3)";
    assert!(output.contains(change), "{output:?}");
    account.deploy("dev");
    account.expect_no_changes("dev");
    assert_eq!(account.endpoint(), json!(["PRIVATE", ["vpce-2", "vpce-3"]]));

    // It becomes reachable from the internet.
    account.edit("portcullis.toml", other, regional);
    let output = account.run(&["deploy", "--stage", "dev", "--yes"]).expect_exit(1);
    assert!(output.contains("endpoint: PRIVATE (vpce-2, vpce-3) → REGIONAL  [becomes public]"));
    let arguments = ["deploy", "--stage", "dev", "--yes", "--allow-dangerous"];
    account.run(&arguments).expect_exit(0);
    let calls = account.proxy.calls();
    let calls: Vec<String> =
        calls.iter().map(|(method, path)| format!("{method} {path}")).collect();
    account.expect_no_changes("dev");
    assert_eq!(account.api()["api"]["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    assert!(calls.contains(&format!("POST /restapis/{id}/deployments")), "{calls:#?}");
}

#[test]
fn a_private_api_is_created_with_its_vpc_endpoints() {
    let account = Account::new("360000000002");
    account.edit("openapi.yaml", "paths:", POLICY);
    let private = "endpoint = \"private\"\nvpc_endpoints = [\"vpce-1\"]";
    account.edit("portcullis.toml", "endpoint = \"regional\"", private);
    account.deploy("dev");
    account.expect_no_changes("dev");
    assert_eq!(account.endpoint(), json!(["PRIVATE", ["vpce-1"]]));
}

#[test]
fn a_failed_run_leaves_the_endpoint_and_its_vpc_endpoints_unchanged() {
    let account = Account::new("360000000003");
    account.edit("openapi.yaml", "paths:", POLICY);
    let private = "endpoint = \"private\"\nvpc_endpoints = [\"vpce-1\"]";
    account.edit("portcullis.toml", "endpoint = \"regional\"", private);
    account.deploy("dev");

    // The authorizer fails its test, after the import.
    account.edit("openapi.yaml", "pets:read", "pets:see");
    account.proxy.inject_into("/authorizers/", Fault::Refused);
    account.run_with_faults(&["deploy", "--stage", "dev", "--yes"]).expect_exit(1);
    assert_eq!(account.endpoint(), json!(["PRIVATE", ["vpce-1"]]));
    account.edit("portcullis.toml", private, "endpoint = \"regional\"");
    let arguments = ["deploy", "--stage", "dev", "--yes", "--allow-dangerous"];
    account.proxy.inject_into("/authorizers/", Fault::Refused);
    account.run_with_faults(&arguments).expect_exit(1);
    assert_eq!(account.endpoint(), json!(["PRIVATE", ["vpce-1"]]));

    account.run(&arguments).expect_exit(0);
    account.expect_no_changes("dev");
    assert_eq!(account.api()["api"]["endpointConfiguration"]["types"], json!(["REGIONAL"]));
    let output = account.run(&["rollback", "--stage", "dev", "--yes", "--allow-dangerous"]);
    let output = output.expect_exit(0);
    assert!(output.contains("note: the endpoint of the API remains REGIONAL"), "{output:?}");
}

#[test]
fn a_change_that_an_interrupted_run_began_is_complete_before_the_api_is_read() {
    let account = Account::new("360000000004");
    account.deploy("dev");
    let id = account.boto3("print(api)").trim().to_owned();
    account.proxy.set_updating(&id);
    account.expect_no_changes("dev");
    let calls = account.proxy.calls();
    let read = format!("/restapis/{id}");
    let waits = calls.iter().position(|(_, path)| *path == read).unwrap();
    let resources = calls.iter().position(|(_, path)| path.contains("/resources")).unwrap();
    assert!(waits < resources, "{calls:#?}");
    assert_eq!(calls.iter().filter(|(_, path)| *path == read).count(), 3, "{calls:#?}");
}

#[test]
fn a_disabled_default_endpoint_remains_disabled_and_is_adopted() {
    let account = Account::new("360000000005");
    let extension =
        "x-amazon-apigateway-endpoint-configuration: { disableExecuteApiEndpoint: true }\npaths:";
    account.edit("openapi.yaml", "paths:", extension);
    account.deploy("dev");
    account.expect_no_changes("dev");
    let is_disabled = || account.api()["api"]["disableExecuteApiEndpoint"].clone();
    assert_eq!(is_disabled(), true);
    account.edit("openapi.yaml", "pets:read", "pets:see");
    account.deploy("dev");
    account.expect_no_changes("dev");
    assert_eq!(is_disabled(), true);

    let id = account.boto3("print(api)").trim().to_owned();
    account.run(&["export", "--from-api", &id, "--out", "copy"]).expect_exit(0);
    let copy = std::fs::read_to_string(account.path("copy/openapi.json")).unwrap();
    assert!(copy.contains("\"disableExecuteApiEndpoint\": true"), "{copy}");

    account.boto3("client.update_rest_api(restApiId=api, patchOperations=[{'op': 'replace', 'path': '/disableExecuteApiEndpoint', 'value': 'false'}])");
    let output = account.run(&["drift", "--stage", "dev"]).expect_exit(2);
    assert!(output.contains("default endpoint disabled → REGIONAL"), "{output:?}");
    account.deploy("dev");
    assert_eq!(is_disabled(), true);
}
