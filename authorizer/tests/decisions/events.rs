use authorizer::telemetry::EventKind;
use serde_json::json;

use crate::{Bench, RS256, at, claims, config, response_json, token_event, verdict};

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/1";

async fn authorize(event: &str) -> (u16, &'static str) {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    verdict(&bench.authorizer.handle(event, at(crate::NOW)).await)
}

#[tokio::test]
async fn token_and_request_events_get_the_same_response() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let authorization = format!("Bearer {}", RS256.token(&claims()));
    let request = json!({
        "type": "REQUEST", "methodArn": ARN, "resource": "/pets/{id}", "path": "/pets/1", "httpMethod": "GET",
        "headers": {"authorization": authorization, "Host": "x"},
        "multiValueHeaders": {"authorization": [authorization], "Host": ["x"]},
        "queryStringParameters": null, "pathParameters": {"id": "1"}, "stageVariables": {},
        "requestContext": {"stage": "prod", "apiId": "abc123"},
    });
    let token =
        bench.authorizer.handle(&token_event(&authorization).to_string(), at(crate::NOW)).await;
    let request = bench.authorizer.handle(&request.to_string(), at(crate::NOW)).await;
    assert_eq!(token.response, request.response);
    assert_eq!(response_json(&token)["policyDocument"]["Statement"][0]["Effect"], "Allow");
    assert_eq!(
        (token.decision.kind, request.decision.kind),
        (Some(EventKind::Token), Some(EventKind::Request))
    );
}

#[tokio::test]
async fn a_caller_can_cause_no_fault() {
    for (event, expected) in [
        (json!({"type": "TOKEN", "methodArn": ARN}), (401, "missing_token")),
        (
            json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": null}),
            (401, "missing_token"),
        ),
        (
            json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": ""}),
            (401, "missing_token"),
        ),
        (
            json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": 7}),
            (401, "invalid_token"),
        ),
        (
            json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": "Basic x"}),
            (401, "invalid_token"),
        ),
        (json!({"type": "REQUEST", "methodArn": ARN}), (401, "missing_token")),
        (
            json!({"type": "REQUEST", "methodArn": ARN, "headers": null, "multiValueHeaders": null}),
            (401, "missing_token"),
        ),
        (
            json!({"type": "REQUEST", "methodArn": ARN, "headers": {"x": "\u{0}"}}),
            (401, "missing_token"),
        ),
        (
            json!({"type": "REQUEST", "methodArn": ARN, "multiValueHeaders": {"Authorization": ["Bearer a", "Bearer b"]}}),
            (401, "invalid_token"),
        ),
    ] {
        assert_eq!(authorize(&event.to_string()).await, expected, "{event}");
    }
}

#[tokio::test]
async fn other_events_are_a_fault_and_not_a_panic() {
    for event in [
        String::new(),
        "not JSON".to_owned(),
        "[]".to_owned(),
        "7".to_owned(),
        "{}".to_owned(),
        json!({"type": "TOKEN"}).to_string(),
        json!({"type": "TOKEN", "methodArn": 7}).to_string(),
        json!({"type": "COOKIE", "methodArn": ARN}).to_string(),
        json!({"methodArn": ARN, "authorizationToken": "x"}).to_string(),
        json!({"type": "TOKEN", "methodArn": "arn:aws:lambda:eu-west-1:1:function:f", "authorizationToken": "x"}).to_string(),
        json!({"type": "TOKEN", "methodArn": "arn:aws:execute-api:*:1:a/b/GET/", "authorizationToken": "x"}).to_string(),
        "[".repeat(100_000),
    ] {
        assert_eq!(authorize(&event).await, (500, "malformed_event"), "{event:.80}");
    }
}
