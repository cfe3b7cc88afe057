//! The proxy refuses what AWS refuses, as AWS does: by the service models, the documented patch
//! operations, and the rules.

use std::collections::BTreeSet;

use e2e::emulator::{Emulator, FaultProxy};
use e2e::strict::model::Service;
use e2e::strict::operation::Call;
use e2e::strict::patches::{self, Patch};
use e2e::strict::rules::{self, NOT_YET, RULES};
use e2e::strict::state::{AccountSettings, State};
use e2e::strict::{Refusal, Request, check, method_settings, pattern};
use e2e::tool;
use serde_json::{Value, json};

mod cases;
mod test_invoke;

const ACCOUNT: &str = "123456789012";

/// A request with its signature's scope.
struct Sent {
    method: &'static str,
    target: String,
    head: String,
    body: Vec<u8>,
}

impl Sent {
    fn new(service: &str, method: &'static str, target: &str, body: Vec<u8>) -> Self {
        let head = format!(
            "{method} {target} HTTP/1.1\r\nAuthorization: AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        Self { method, target: target.to_owned(), head, body }
    }

    /// A request to API Gateway, or to Lambda by its path.
    fn json(method: &'static str, target: &str, body: &Value) -> Self {
        let service = if target.starts_with("/20") { "lambda" } else { "apigateway" };
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Self::new(service, method, target, body)
    }

    /// A form to IAM or STS.
    fn form(service: &str, body: &str) -> Self {
        Self::new(service, "POST", "/", body.as_bytes().to_vec())
    }

    /// A PATCH of API Gateway, from `op path [value]` each.
    fn patch(target: &str, patches: &[&str]) -> Self {
        let operations: Vec<Value> = patches
            .iter()
            .map(|patch| {
                let mut words = patch.splitn(3, ' ');
                let (op, path) = (words.next().unwrap(), words.next().unwrap());
                match (op, words.next()) {
                    ("copy", from) => json!({"op": op, "path": path, "from": from}),
                    (_, None) => json!({"op": op, "path": path}),
                    (_, value) => json!({"op": op, "path": path, "value": value}),
                }
            })
            .collect();
        Self::json("PATCH", target, &json!({"patchOperations": operations}))
    }

    fn request(&self) -> Request<'_> {
        let Self { method, target, head, body } = self;
        Request { method, target, head, body }
    }

    fn call(&self) -> Call {
        Call::read(&self.request()).unwrap()
    }

    /// Returns the verdict in an account without any resource.
    fn verdict(&self) -> Result<Call, Refusal> {
        let settings = AccountSettings::default();
        check(&self.request(), &State { settings: &settings, read: None })
    }
}

#[test]
fn every_pattern_of_the_models_compiles() {
    for service in Service::ALL {
        for (_, shape) in service.model().shapes() {
            if let Some(pattern) = shape["pattern"].as_str() {
                pattern::matches(pattern, "");
            }
        }
    }
}

#[test]
fn patterns_match_whole_values_with_the_classes_of_java() {
    for (pattern, value, matches) in [
        (r"[\w+=,.@-]+", "a_b-1", true),
        (r"[\w+=,.@-]+", "a b", false),
        (r"[\w+=,.@-]+", "ä", false),
        (r"\d{12}", "123456789012", true),
        (r"\d{12}", "1234567890123", false),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Größe 1", true),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Pets & Co", false),
        ("(?!^[0-9]+$)([a-zA-Z0-9-_]+)", "live", true),
        ("(?!^[0-9]+$)([a-zA-Z0-9-_]+)", "12", false),
    ] {
        assert_eq!(pattern::matches(pattern, value), matches, "{pattern} {value}");
    }
}

#[test]
fn an_input_has_the_members_of_the_model_wherever_the_request_has_them() {
    let put = "/restapis/a1/?mode=overwrite&failonwarnings=true";
    let put = Sent::new("apigateway", "PUT", &put.replace("/?", "?"), b"{}".to_vec()).call();
    assert_eq!(put.operation, "PutRestApi");
    let expected =
        json!({"restApiId": "a1", "mode": "overwrite", "failOnWarnings": true, "body": "{}"});
    assert_eq!(put.input, expected);
    let import = Sent::new("apigateway", "POST", "/restapis?mode=import", b"{}".to_vec()).call();
    assert_eq!(import.operation, "ImportRestApi");
    let create = Sent::json("POST", "/restapis", &json!({"name": "a"})).call();
    assert_eq!(create.operation, "CreateRestApi");
    let target =
        "/tags/arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2Frestapis%2Fa1?tagKeys=a&tagKeys=b%3Ac";
    let untag = Sent::json("DELETE", target, &Value::Null).call();
    let arn = "arn:aws:apigateway:eu-west-1::/restapis/a1";
    assert_eq!(untag.input, json!({"resourceArn": arn, "tagKeys": ["a", "b:c"]}));
    let role = "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%7D&Tags.member.1.Key=a&Tags.member.1.Value=b+c&MaxSessionDuration=3600";
    let role = Sent::form("iam", role).call();
    let expected = json!({
        "RoleName": "r",
        "AssumeRolePolicyDocument": "{}",
        "Tags": [{"Key": "a", "Value": "b c"}],
        "MaxSessionDuration": 3600,
    });
    assert_eq!(role.input, expected);
    let identity = Sent::form("sts", "Action=GetCallerIdentity&Version=2011-06-15").call();
    assert_eq!((identity.operation.as_str(), &identity.input), ("GetCallerIdentity", &json!({})));
    let invoke = "/2015-03-31/functions/pets%3Alive/invocations?Qualifier=3";
    let invoke = Sent::new("lambda", "POST", invoke, b"{}".to_vec()).call();
    let expected = json!({"FunctionName": "pets:live", "Qualifier": "3", "Payload": "{}"});
    assert_eq!(invoke.input, expected);
}

#[test]
fn requests_that_do_not_match_the_models_are_refused() {
    let api = |body: Value| Sent::json("POST", "/restapis", &body);
    let role = |more: &str| {
        let base = "Action=CreateRole&Version=2010-05-08&AssumeRolePolicyDocument=%7B%7D";
        Sent::form("iam", &format!("{base}{more}"))
    };
    let cases: Vec<(Sent, u16, &str, &str)> = vec![
        (
            Sent::json("GET", "/restapi", &Value::Null),
            403,
            "MissingAuthenticationTokenException",
            "no operation",
        ),
        (
            Sent::form("iam", "Action=MakeRole&Version=2010-05-08"),
            403,
            "MissingAuthenticationTokenException",
            "no operation",
        ),
        (
            Sent::form("iam", "Action=GetRole&Version=2011-06-15&RoleName=r"),
            403,
            "MissingAuthenticationTokenException",
            "no operation",
        ),
        (
            api(json!({})),
            400,
            "ValidationException",
            "Value null at 'name' failed to satisfy constraint: Member must not be null",
        ),
        (api(json!({"name": 7})), 400, "SerializationException", "name is no string"),
        (
            api(json!({"name": "a", "colour": "red"})),
            400,
            "SerializationException",
            "no member colour",
        ),
        (
            api(json!({"name": "a", "apiKeySource": "COOKIE"})),
            400,
            "ValidationException",
            "Member must satisfy enum value set: [HEADER, AUTHORIZER]",
        ),
        (
            api(json!({"name": "a", "endpointConfiguration": {"types": ["LOCAL"]}})),
            400,
            "ValidationException",
            "'endpointConfiguration.types.1.member'",
        ),
        (
            Sent::json("GET", "/restapis?limit=many", &Value::Null),
            400,
            "SerializationException",
            "limit is no integer",
        ),
        (
            Sent::json("GET", "/restapis?colour=red", &Value::Null),
            400,
            "SerializationException",
            "no member colour",
        ),
        (
            Sent::json(
                "PUT",
                "/restapis/a/gatewayresponses/THROTTLED",
                &json!({"statusCode": "99"}),
            ),
            400,
            "ValidationException",
            r"pattern: [1-5]\d\d",
        ),
        (
            role("&RoleName=a%20b"),
            400,
            "ValidationError",
            "regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            role(&format!("&RoleName={}", "r".repeat(65))),
            400,
            "ValidationError",
            "length less than or equal to 64",
        ),
        (
            role("&RoleName=r&Tags.member.1.Key=a&Tags.member.1.Value=Pets+%26+Co"),
            400,
            "ValidationError",
            "'tags.1.member.value'",
        ),
        (role("&RoleName=r&Path=no"), 400, "ValidationError", "'path'"),
        (
            role("&RoleName=r&MaxSessionDuration=60"),
            400,
            "ValidationError",
            "value greater than or equal to 3600",
        ),
        (role("&RoleName=r&Colour=red"), 400, "MalformedInput", "no member Colour"),
        (
            Sent::json(
                "PUT",
                "/2015-03-31/functions/f/configuration",
                &json!({"Environment": {"Variables": {"A": "b"}}}),
            ),
            400,
            "ValidationException",
            "'environment.variables.key'",
        ),
        (
            Sent::json(
                "POST",
                "/2015-03-31/functions/f/versions",
                &json!({"Description": "d".repeat(257)}),
            ),
            400,
            "ValidationException",
            "length less than or equal to 256",
        ),
    ];
    for (sent, status, code, message) in cases {
        let refusal = sent.verdict().expect_err(&sent.target);
        assert_eq!(
            (refusal.rule, refusal.status, refusal.code),
            ("model", status, code),
            "{refusal:?}"
        );
        assert!(refusal.message.contains(message), "{refusal:?}: {message}");
    }
}

#[test]
fn patches_that_api_gateway_does_not_document_are_refused() {
    for (target, patch, message) in [
        (
            "/restapis/a/stages/s",
            "replace /colour red",
            "Invalid method setting path: /colour. Must be one of: [/deploymentId, ",
        ),
        (
            "/restapis/a/stages/s",
            "replace /pets/GET/metrics/enabled true",
            "Invalid method setting path: /pets/GET/metrics/enabled.",
        ),
        (
            "/restapis/a/stages/s",
            "replace /~1pets/FETCH/metrics/enabled true",
            "Invalid method setting path",
        ),
        ("/restapis/a/stages/s", "remove /~1pets/GET/metrics/enabled", "Must be one of: [replace]"),
        ("/restapis/a/stages/s", "add /variables/a b", "Must be one of: [replace, remove]"),
        (
            "/restapis/a/stages/s",
            "add /canarySettings/deploymentId d",
            "Invalid add operation with path: /canarySettings/deploymentId",
        ),
        ("/restapis/a/stages/s", "replace /accessLogSettings x", "Must be one of: [remove]"),
        (
            "/restapis/a/stages/s",
            "copy /deploymentId /variables/a",
            "Invalid copy operation with path: /deploymentId and from /variables/a",
        ),
        (
            "/restapis/a",
            "replace /binaryMediaTypes image/png",
            "Invalid patch path /binaryMediaTypes",
        ),
        ("/restapis/a", "replace /endpointConfiguration/types/LOCAL EDGE", "Invalid patch path"),
        (
            "/restapis/a",
            "replace /endpointConfiguration/vpcEndpointIds v",
            "Must be one of: [add, remove]",
        ),
        ("/restapis/a/authorizers/z", "replace /providerARNs x", "Must be one of: [add, remove]"),
        ("/restapis/a/authorizers/z", "replace /jwt x", "Invalid patch path /jwt"),
        (
            "/restapis/a/resources/r/methods/GET",
            "replace /authorizationScopes x",
            "Must be one of: [add, remove]",
        ),
        ("/usageplans/p", "replace /quota x", "Must be one of: [remove]"),
        ("/usageplans/p", "remove /quota/limit", "Must be one of: [add, replace]"),
        ("/usageplans/p", "replace /apiStages a:s", "Must be one of: [add, remove]"),
        ("/account", "replace /cloudwatchRoleArn x", "no table has the patches of UpdateAccount"),
    ] {
        let refusal = patches::check(&Sent::patch(target, &[patch]).call()).expect_err(patch);
        assert_eq!((refusal.status, refusal.code), (400, "BadRequestException"), "{patch}");
        assert!(refusal.message.contains(message), "{patch}: {refusal:?}");
    }
    for (target, patch) in [
        ("/restapis/a/stages/s", "replace /~1pets~1{id}/GET/throttling/rateLimit 1"),
        ("/restapis/a/stages/s", "replace /*/*/logging/loglevel OFF"),
        ("/restapis/a/stages/s", "remove /*/*"),
        ("/restapis/a/stages/s", "remove /~1/ANY"),
        ("/restapis/a/stages/s", "remove /variables/a"),
        ("/restapis/a/stages/s", "copy /deploymentId /canarySettings/deploymentId"),
        ("/restapis/a", "add /binaryMediaTypes/image~1png"),
        ("/restapis/a", "replace /endpointConfiguration/types/EDGE REGIONAL"),
        ("/usageplans/p", "remove /throttle"),
        ("/usageplans/p", "add /apiStages/a:s/throttle/~1pets/GET/rateLimit 1"),
    ] {
        assert_eq!(patches::check(&Sent::patch(target, &[patch]).call()), Ok(()), "{patch}");
    }
}

/// The state of an account that the cases of the rules use.
fn resources(path: &str) -> Option<Value> {
    Some(match path {
        "/restapis/edge" => json!({"endpointConfiguration": {"types": ["EDGE"]}}),
        "/restapis/connected" => {
            json!({"endpointConfiguration": {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"]}})
        }
        "/restapis/private" => json!({"endpointConfiguration": {"types": ["PRIVATE"]}}),
        "/domainnames" => json!({"item": [{"domainName": "api.example.com"}]}),
        "/domainnames/api.example.com/basepathmappings" => {
            json!({"item": [{"restApiId": "mapped", "stage": "prod", "basePath": "(none)"}]})
        }
        "/restapis/closed" => {
            json!({"endpointConfiguration": {"types": ["PRIVATE"]}, "policy": "{}"})
        }
        "/restapis/edge/stages" => json!({"item": [
            {"stageName": "dev", "deploymentId": "d1", "canarySettings": {"deploymentId": "d2"}},
        ]}),
        "/restapis/edge/stages/dev" => json!({
            "stageName": "dev",
            "variables": (0..100).map(|n| (format!("v{n}"), json!("x"))).collect::<serde_json::Map<_, _>>(),
            "methodSettings": {"~1pets/GET": {}},
        }),
        "/restapis/edge/stages/canary" => json!({"canarySettings": {"deploymentId": "d2"}}),
        "/restapis/edge/authorizers" => json!({"item": [{"id": "z1", "name": "jwt"}]}),
        "/restapis/edge/authorizers/z1" => json!({
            "id": "z1",
            "name": "jwt",
            "type": "TOKEN",
            "authorizerUri": cases::FUNCTION,
            "identitySource": "method.request.header.Authorization",
        }),
        "/restapis/edge/resources?embed=methods&limit=500"
        | "/restapis/closed/resources?embed=methods&limit=500" => json!({"item": [
            {"path": "/"},
            {"path": "/pets", "resourceMethods": {"GET": {"authorizerId": "z1"}}},
        ]}),
        "/usageplans/p1" => json!({"id": "p1", "apiStages": [{"apiId": "edge", "stage": "dev"}]}),
        "/usageplans/p2" => json!({"id": "p2"}),
        _ => return None,
    })
}

#[test]
fn each_rule_refuses_what_breaks_it_and_nothing_else() {
    let most = AccountSettings::default();
    let small = AccountSettings::of_small_region();
    let mut tested = (BTreeSet::new(), BTreeSet::new());
    for case in cases::all() {
        let rule = RULES.iter().find(|rule| rule.name == case.rule).expect(case.rule);
        let settings = if case.in_small_region { &small } else { &most };
        let state = State { settings, read: Some(&resources) };
        let call = case.sent.call();
        let applies = rule.operations.contains(&call.operation.as_str());
        assert!(applies, "{} does not apply to {}", rule.name, call.operation);
        let verdict = rules::check_one(rule, &call, &state);
        let Some((status, code, message)) = case.refused else {
            assert_eq!(verdict, Ok(()), "{}: {:?}", rule.name, call.input);
            tested.0.insert(rule.name);
            continue;
        };
        let refusal = verdict.expect_err(&format!("{}: {:?}", rule.name, call.input));
        assert_eq!((refusal.rule, refusal.status, refusal.code), (rule.name, status, code));
        assert!(refusal.message.contains(message), "{refusal:?}: {message}");
        tested.1.insert(rule.name);
    }
    for rule in RULES {
        assert!(tested.0.contains(rule.name), "no accepted call of {}", rule.name);
        assert!(tested.1.contains(rule.name), "no refused call of {}", rule.name);
        assert!(rule.source.starts_with('['), "{} has no source", rule.name);
    }
    assert!(NOT_YET.iter().all(|name| RULES.iter().any(|rule| rule.name == *name)));
}

#[test]
fn an_entry_of_method_settings_gets_the_values_of_the_stage_when_it_is_made() {
    let settings = AccountSettings::default();
    let patches = [
        "replace /*/*/metrics/enabled true",
        "replace /~1pets/GET/throttling/rateLimit 5",
        "replace /*/*/metrics/enabled false",
        "replace /description x",
        "remove /~1old/GET",
    ];
    let patches = Patch::all(&Sent::patch("/restapis/a/stages/s", &patches).call());
    let entries = json!({"~1old/GET": {}});
    let completed = method_settings::complete(&patches, &entries, &settings);
    let last = |path: &str| {
        let mut found = completed.iter().rev();
        found.find(|patch| patch.path == path).map(|patch| patch.value.as_str())
    };
    assert_eq!(last("/*/*/metrics/enabled"), Some("false"));
    assert_eq!(last("/*/*/throttling/burstLimit"), Some("5000"));
    assert_eq!(last("/~1pets/GET/metrics/enabled"), Some("true"));
    assert_eq!(last("/~1pets/GET/throttling/rateLimit"), Some("5"));
    assert_eq!(last("/~1pets/GET/logging/loglevel"), Some("OFF"));
    assert_eq!(last("/description"), Some("x"));
    assert_eq!(completed.last().map(|patch| patch.op.as_str()), Some("remove"));
    // An existing entry is not made again.
    let entries = json!({"*/*": {}, "~1pets/GET": {}, "~1old/GET": {}});
    assert_eq!(method_settings::complete(&patches, &entries, &settings), patches);
}

/// Through the proxy, boto3 reads errors, method settings and the account as those of AWS.
#[test]
fn a_client_reads_refusals_and_settings_as_those_of_aws() {
    let key = "320000000001";
    let authorizer = FaultProxy::accepting("a.b.c");
    let proxy = FaultProxy::in_front_of(&Emulator::localstack().address, 500, authorizer);
    let script = include_str!("strict_aws/client.py");
    let mut python = std::process::Command::new(tool("localstack/bin/python"));
    let output = python.args(["-c", script, &proxy.url, key]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let refused = |code: &str, status: u16, message: &str| json!([code, status, message]);
    let expected = json!({
        "patch": refused("BadRequestException", 400, "Invalid add operation with path: /canarySettings/deploymentId"),
        "entry": refused("BadRequestException", 400, "Cannot remove method setting */* because there is no method setting for this method "),
        "deployment": refused("BadRequestException", 400, "Active stages pointing to this deployment must be moved or deleted"),
        "authorizer": refused("ConflictException", 409, "Unable to complete operation due to concurrent modification. Please try again later."),
        "role": refused("InvalidInput", 400, "Tag keys with the prefix aws: are reserved: aws:x"),
        "role_name": refused("ValidationError", 400, "1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+"),
        "copied": [true, 5.0, "5000"],
        "retained": [true, 7.0, "5000"],
        "entries": ["*/*"],
        "again": [false, 1.0],
        "account": [format!("arn:aws:iam::{key}:role/api-gateway-logs"), 10_000.0, 5_000],
    });
    assert_eq!(found, expected);
    let rules: Vec<&str> = proxy.refusals().iter().map(|refusal| refusal.rule).collect();
    let expected = [
        "patch-operations",
        "method-setting-entries",
        "deployment-in-use",
        "authorizer-of-an-unknown-api",
        "iam-tags",
        "model",
    ];
    assert_eq!(rules, expected);
    proxy.set_account(AccountSettings::of_small_region());
    let mut python = std::process::Command::new(tool("localstack/bin/python"));
    let script = "import boto3, json, sys\nc = boto3.client('apigateway', endpoint_url=sys.argv[1], region_name='eu-west-1', aws_access_key_id=sys.argv[2], aws_secret_access_key='x')\na = c.get_account()\nprint(json.dumps([a.get('cloudwatchRoleArn'), a['throttleSettings']]))";
    let output = python.args(["-c", script, &proxy.url, key]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found, json!([null, {"burstLimit": 1250, "rateLimit": 2500.0}]));
}
