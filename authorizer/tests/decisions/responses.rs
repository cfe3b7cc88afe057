//! The response for each kind of event. The events are AWS's examples from the crate
//! `aws_lambda_events`; the responses must deserialize into its types.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use authorizer::Outcome;
use authorizer::telemetry::EventKind;
use aws_lambda_events::event::apigw::{
    ApiGatewayCustomAuthorizerRequest, ApiGatewayCustomAuthorizerRequestTypeRequest,
    ApiGatewayCustomAuthorizerResponse, ApiGatewayV2CustomAuthorizerIamPolicyResponse,
    ApiGatewayV2CustomAuthorizerSimpleResponse,
};
use serde_json::{Value, json};

use crate::{Bench, RS256, claims, config, response_json, verdict};

static FIXTURES: LazyLock<PathBuf> = LazyLock::new(|| {
    let arguments = ["metadata", "--format-version", "1", "--locked", "--manifest-path"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "aws_lambda_events").unwrap();
    PathBuf::from(package["manifest_path"].as_str().unwrap()).with_file_name("src").join("fixtures")
});

fn fixture(name: &str) -> Value {
    let path = FIXTURES.join(format!("example-apigw-{name}.json"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut event: Value = serde_json::from_str(&text).unwrap();
    if event["methodArn"].as_str().is_some_and(|arn| arn.contains("/*/")) {
        // The only example with a wildcard as its stage, which the authorizer rejects.
        event["methodArn"] =
            json!("arn:aws:execute-api:us-west-2:123456789012:ymy8tbxw7b/test/GET/");
    }
    event
}

fn bench(settings: &Value) -> Bench {
    let mut config = config(&["RS256"]);
    for (name, value) in settings.as_object().unwrap() {
        config[name] = value.clone();
    }
    Bench::with_keys(&config, &[RS256.jwk()])
}

async fn authorize(bench: &Bench, event: &Value) -> Outcome {
    crate::handle(bench, event).await
}

fn bearer() -> String {
    format!("Bearer {}", RS256.token(&claims()))
}

/// The example event with this token in its headers.
fn event_with_token(name: &str, authorization: &str) -> Value {
    let mut event = fixture(name);
    event["headers"] = json!({"authorization": authorization});
    if event.get("multiValueHeaders").is_some() {
        event["multiValueHeaders"] = json!({"authorization": [authorization]});
    }
    event
}

#[tokio::test]
async fn aws_example_events_without_a_valid_token_are_rejected_without_faults() {
    for (name, reason) in [
        ("custom-auth-request", "invalid_token"),
        ("custom-auth-request-type-request", "missing_token"),
        ("v2-custom-authorizer-v1-request", "missing_token"),
        ("v2-custom-authorizer-v2-request", "missing_token"),
        ("v2-custom-authorizer-v2-request-null-maps", "missing_token"),
        ("v2-custom-authorizer-v2-request-without-cookies", "missing_token"),
        ("v2-custom-authorizer-v2-request-without-identity-source", "missing_token"),
        ("v2-custom-authorizer-websocket-request", "missing_token"),
    ] {
        let outcome = authorize(&bench(&json!({})), &fixture(name)).await;
        assert_eq!(verdict(&outcome), (401, reason), "{name}: {:?}", outcome.decision);
    }
    assert!(
        serde_json::from_value::<ApiGatewayCustomAuthorizerRequest>(fixture("custom-auth-request"))
            .is_ok()
    );
}

#[tokio::test]
async fn rest_api_responses_match_the_aws_types() {
    let mut token = fixture("custom-auth-request");
    token["authorizationToken"] = json!(bearer());
    let request = event_with_token("custom-auth-request-type-request", &bearer());
    assert!(
        serde_json::from_value::<ApiGatewayCustomAuthorizerRequestTypeRequest>(request.clone())
            .is_ok()
    );
    for (event, kind) in [
        (token, EventKind::Token),
        (request, EventKind::Request),
        (event_with_token("v2-custom-authorizer-v1-request", &bearer()), EventKind::Request),
    ] {
        let outcome = authorize(&bench(&json!({})), &event).await;
        assert_eq!((verdict(&outcome), outcome.decision.kind), ((200, "-"), Some(kind)));
        let read: ApiGatewayCustomAuthorizerResponse =
            serde_json::from_value(response_json(&outcome)).unwrap();
        assert_eq!(read.principal_id.as_deref(), Some("user-1"));
        assert_eq!(read.policy_document.version.as_deref(), Some("2012-10-17"));
        // The second denies everything after the token's expiry.
        let [allow, expired] = &read.policy_document.statement[..] else {
            panic!("two statements")
        };
        let arn = event["methodArn"].as_str().unwrap().to_owned();
        let stage = arn.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
        assert_eq!(allow.resource, [format!("{stage}/*/*")]);
        assert!(allow.condition.is_none() && expired.condition.is_some());
        assert_eq!(expired.resource, [format!("{stage}/*")]);
        assert!(!response_json(&outcome).to_string().contains("null"), "nulls are omitted");
    }
}

#[tokio::test]
async fn http_api_responses_are_policies_or_simple_responses() {
    let event = event_with_token("v2-custom-authorizer-v2-request", &bearer());
    let policy = authorize(&bench(&json!({})), &event).await;
    assert_eq!((verdict(&policy), policy.decision.kind), ((200, "-"), Some(EventKind::Http)));
    let read: ApiGatewayV2CustomAuthorizerIamPolicyResponse =
        serde_json::from_value(response_json(&policy)).unwrap();
    assert_eq!(read.principal_id.as_deref(), Some("user-1"));
    let simple = json!({"simple_responses": true, "scopes": ["pets:read"]});
    for (settings, authorized, reason) in [
        (simple, true, Value::Null),
        (
            json!({"simple_responses": true, "scopes": ["admin"]}),
            false,
            json!("insufficient_scope"),
        ),
    ] {
        let outcome = authorize(&bench(&settings), &event).await;
        let read: ApiGatewayV2CustomAuthorizerSimpleResponse<Value> =
            serde_json::from_value(response_json(&outcome)).unwrap();
        assert_eq!(read.is_authorized, authorized);
        assert_eq!(response_json(&outcome)["context"]["reason"], reason);
    }
    let rest = authorize(
        &bench(&json!({"simple_responses": true})),
        &event_with_token("custom-auth-request-type-request", &bearer()),
    )
    .await;
    assert!(
        response_json(&rest).get("policyDocument").is_some(),
        "only payload 2.0 gets a simple response"
    );
    let rejected = authorize(
        &bench(&json!({"simple_responses": true})),
        &event_with_token("v2-custom-authorizer-v2-request", "Bearer x"),
    )
    .await;
    assert_eq!(verdict(&rejected), (401, "invalid_token"));
}

#[tokio::test]
async fn a_simple_response_decides_the_requested_route() {
    let routes = json!([
        {"method": "GET", "path": "/request", "scopes": [["pets:read"]]},
        {"method": "GET", "path": "/other", "scopes": [["admin"]]},
    ]);
    let bench = bench(&json!({"simple_responses": true, "routes": routes}));
    for (path, authorized) in [("request", true), ("other", false), ("nowhere", false)] {
        let mut event = event_with_token("v2-custom-authorizer-v2-request", &bearer());
        event["routeArn"] =
            json!(format!("arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/{path}"));
        assert_eq!(
            response_json(&authorize(&bench, &event).await)["isAuthorized"],
            authorized,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_token_of_a_websocket_is_read_from_the_configured_source() {
    let raw = RS256.token(&claims());
    let example = || fixture("v2-custom-authorizer-websocket-request");
    let mut query = example();
    query["queryStringParameters"] = json!({"token": raw});
    query["multiValueQueryStringParameters"] = json!({"token": [raw]});
    let mut protocol = example();
    protocol["headers"] = json!({"Sec-WebSocket-Protocol": format!("chat, bearer, {raw}")});
    protocol["multiValueHeaders"] =
        json!({"Sec-WebSocket-Protocol": [format!("chat, bearer, {raw}")]});
    let header = event_with_token("v2-custom-authorizer-websocket-request", &bearer());
    let from_query = json!({"token": {"query": "token"}});
    let from_protocol = json!({"token": {"websocket_protocol": "bearer"}});
    for (settings, event, expected) in [
        (&json!({}), &header, (200, "-")),
        (&from_query, &query, (200, "-")),
        (&from_protocol, &protocol, (200, "-")),
        (&from_query, &header, (401, "invalid_token")),
        (&from_query, &protocol, (401, "missing_token")),
        (&from_protocol, &query, (401, "missing_token")),
        (&json!({}), &query, (401, "missing_token")),
    ] {
        let outcome = authorize(&bench(settings), event).await;
        assert_eq!(
            (verdict(&outcome), outcome.decision.kind),
            (expected, Some(EventKind::WebSocket)),
            "{settings}"
        );
        if expected.0 == 200 {
            let resource = &response_json(&outcome)["policyDocument"]["Statement"][0]["Resource"];
            assert_eq!(
                *resource,
                json!(["arn:aws:execute-api:eu-west-1:123456789012:abcdef123/test/*"])
            );
        }
    }
    let mut twice = query.clone();
    twice["multiValueQueryStringParameters"] = json!({"token": [raw, raw]});
    assert_eq!(verdict(&authorize(&bench(&from_query), &twice).await), (401, "invalid_token"));
}

#[tokio::test]
async fn with_a_route_table_every_websocket_connection_is_denied() {
    let routes = json!([{"method": "GET", "path": "/", "scopes": [[]]}]);
    let outcome = authorize(
        &bench(&json!({"routes": routes})),
        &event_with_token("v2-custom-authorizer-websocket-request", &bearer()),
    )
    .await;
    assert_eq!(verdict(&outcome), (200, "forbidden"));
    assert_eq!(
        response_json(&outcome)["policyDocument"]["Statement"],
        json!([{
            "Action": "execute-api:Invoke", "Effect": "Deny",
            "Resource": ["arn:aws:execute-api:eu-west-1:123456789012:abcdef123/test/*"],
        }])
    );
}

#[tokio::test]
async fn the_context_of_a_denial_has_reason_and_required_scope() {
    let routes = json!([{"method": "GET", "path": "/pets/{id}", "scopes": [["admin"], ["pets:all", "vet"]]}]);
    let mut event = crate::token_event(&bearer());
    event["methodArn"] = json!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/1");
    let outcome = authorize(&bench(&json!({"routes": routes})), &event).await;
    let context = response_json(&outcome)["context"].clone();
    assert_eq!(
        (&context["reason"], &context["required_scope"]),
        (&json!("insufficient_scope"), &json!("admin or pets:all vet"))
    );
}

#[tokio::test]
async fn the_usage_identifier_key_is_from_a_claim_or_the_client() {
    for (source, key) in [
        (json!({"claim": "sub"}), json!("user-1")),
        (json!({"claim": "nowhere"}), Value::Null),
        (json!({"claim": "exp"}), Value::Null),
        (json!({"clients": {"client-1": "key-1"}}), json!("key-1")),
        (json!({"clients": {"client-2": "key-2"}}), Value::Null),
    ] {
        let mut config = config(&["RS256"]);
        config["issuers"][0]["usage_key"] = source.clone();
        let outcome = Bench::with_keys(&config, &[RS256.jwk()]).authorize(&bearer()).await;
        assert_eq!(response_json(&outcome)["usageIdentifierKey"], key, "{source}");
    }
}
