//! The verdict on an authorizer's response to a probe.

use aws::apigateway::AuthorizerTestResponse;
use deployer::apply::probe::{ProbeResponse, Problem, Token, Verdict, evaluate};
use serde_json::{Value, json};

const ALLOW: &str = r#"{"Statement":[{"Effect":"Allow","Resource":"*"}]}"#;
const DENY: &str = r#"{"Statement":[{"Effect":"Deny","Resource":"*"}]}"#;

#[derive(Debug, PartialEq)]
enum Expected {
    Passed,
    Retry,
    Failed,
}

fn verdict(token: Token, response: &ProbeResponse) -> Expected {
    match evaluate(token, response) {
        Verdict::Passed => Expected::Passed,
        Verdict::Retry(_) => Expected::Retry,
        Verdict::Failed(_) => Expected::Failed,
    }
}

#[test]
fn an_invalid_token_must_be_rejected_and_a_given_one_accepted_by_test_invoke_authorizer() {
    use Expected::{Failed, Passed, Retry};
    for (status, policy, invalid, given) in [
        (200, Some(ALLOW), Failed, Passed),
        (200, None, Failed, Passed),
        (200, Some(DENY), Passed, Failed),
        (401, None, Passed, Failed),
        (403, None, Passed, Failed),
        (400, None, Retry, Retry),
        (500, None, Retry, Retry),
    ] {
        let response = AuthorizerTestResponse {
            status,
            policy: policy.map(str::to_owned),
            log: String::new(),
        };
        let response = ProbeResponse::of_test(&response, "token");
        let found = (verdict(Token::Invalid, &response), verdict(Token::Given, &response));
        assert_eq!(found, (invalid, given), "{status} {policy:?}");
    }
}

#[test]
fn an_invalid_token_must_be_rejected_and_a_given_one_accepted_by_invoke() {
    use Expected::{Failed, Passed, Retry};
    let policy =
        |text: &str| json!({"policyDocument": serde_json::from_str::<Value>(text).unwrap()});
    for (result, invalid, given) in [
        (policy(ALLOW), Failed, Passed),
        (policy(DENY), Passed, Failed),
        (json!({"errorMessage": "Unauthorized"}), Passed, Failed),
        (json!({"errorMessage": "Runtime exited"}), Retry, Retry),
        (json!({"policyDocument": null}), Retry, Retry),
        (policy("{}"), Retry, Retry),
        (policy("{\"Statement\": []}"), Retry, Retry),
        (policy("{\"Statement\": {\"Effect\": \"ALLOW\"}}"), Retry, Retry),
        (json!({}), Retry, Retry),
        (Value::Null, Retry, Retry),
    ] {
        let response = ProbeResponse::of_invoke(&result);
        let found = (verdict(Token::Invalid, &response), verdict(Token::Given, &response));
        assert_eq!(found, (invalid, given), "{result}");
    }
}

#[test]
fn a_verdict_has_the_found_status_and_the_log_excerpt_has_no_token() {
    let log = "one\ntwo\nthree\nfour\nfive\nthe token a.b.c was refused".to_owned();
    let response =
        ProbeResponse::of_test(&AuthorizerTestResponse { status: 401, policy: None, log }, "a.b.c");
    assert_eq!(response.log, "two\nthree\nfour\nfive\nthe token … was refused");
    let problem = Problem::RejectedGiven { found: "status 401".to_owned() };
    assert_eq!(problem.to_string(), "rejected the token from `--token-command` (status 401)");
    assert_eq!(evaluate(Token::Given, &response), Verdict::Failed(problem));
}
