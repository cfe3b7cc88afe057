//! The verdict on an authorizer's response to a probe.

use aws::apigateway::AuthorizerTestResponse;
use deployer::apply::probe::{ProbeResponse, Problem, Token, Verdict, evaluate};
use serde_json::{Value, json};

const ALLOW: &str = r#"{"Statement":[{"Effect":"Allow","Resource":"*"}]}"#;
const DENY: &str = r#"{"Statement":[{"Effect":"Deny","Resource":"*"}]}"#;

/// The log of a request that API Gateway rejects itself.
const NOT_INVOKED: &str = "Execution log for request 1
Thu Sep 05 04:56:39 UTC 2019 : Starting authorizer: 52u008 for request: 1
Thu Sep 05 04:56:39 UTC 2019 : Incoming identity: {method.request.header.Hash=***}
Thu Sep 05 04:56:39 UTC 2019 : Unauthorized request: 1
Thu Sep 05 04:56:39 UTC 2019 : Unauthorized";

#[derive(Debug, PartialEq)]
enum Expected {
    Passed,
    Retry,
    Failed,
    NotInvoked,
}

fn verdict(token: Token, response: &ProbeResponse) -> Expected {
    match evaluate(token, response) {
        Verdict::Passed => Expected::Passed,
        Verdict::Retry(_) => Expected::Retry,
        Verdict::Failed(Problem::NotInvoked { token: found, .. }) => {
            assert_eq!(found, token);
            Expected::NotInvoked
        }
        Verdict::Failed(_) => Expected::Failed,
    }
}

/// Returns the verdicts on a response to an invalid token, and on the same response to a given one.
fn verdicts(status: i32, policy: Option<&str>, log: &str) -> (Expected, Expected) {
    let (policy, log) = (policy.map(str::to_owned), log.to_owned());
    let response = AuthorizerTestResponse { status, policy, log };
    let response = ProbeResponse::of_test(&response, "token");
    (verdict(Token::Invalid, &response), verdict(Token::Given, &response))
}

#[test]
fn an_invalid_token_must_be_rejected_and_a_given_one_accepted_by_test_invoke_authorizer() {
    use Expected::{Failed, NotInvoked, Passed, Retry};
    let invoked =
        "Sending request to https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/f";
    for (status, policy, log, invalid, given) in [
        // 0 is the documented status of success, 200 that of emulators. A policy is a proof.
        (0, Some(ALLOW), "", Failed, Passed),
        (200, Some(ALLOW), "", Failed, Passed),
        (0, Some(DENY), "", Passed, Failed),
        (200, Some(DENY), "", Passed, Failed),
        (401, Some(DENY), "", Passed, Failed),
        (0, None, invoked, Retry, Retry),
        (200, None, invoked, Retry, Retry),
        (0, Some("{}"), invoked, Retry, Retry),
        // A rejection without a policy needs an invocation in the log.
        (401, None, invoked, Passed, Failed),
        (403, None, invoked, Passed, Failed),
        (401, None, NOT_INVOKED, NotInvoked, NotInvoked),
        (403, None, NOT_INVOKED, NotInvoked, NotInvoked),
        (401, None, "", NotInvoked, NotInvoked),
        (400, None, invoked, Retry, Retry),
        (500, None, invoked, Retry, Retry),
    ] {
        assert_eq!(verdicts(status, policy, log), (invalid, given), "{status} {policy:?} {log}");
    }
}

/// The lines of logs that were published from tests on AWS, of 2017 and 2019: one with a policy, and
/// one of a function that returned the error `Unauthorized`.
#[test]
fn an_invocation_is_recognized_in_the_logs_of_aws() {
    let at = "Thu Sep 05 04:56:39 UTC 2019 : ";
    let function = "https://lambda.ap-southeast-2.amazonaws.com/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:f/invocations";
    let china = "https://lambda.cn-north-1.amazonaws.com.cn/2015-03-31/functions/f/invocations";
    for (line, expected) in [
        (format!("{at}Endpoint request URI: {function}"), Expected::Passed),
        (format!("{at}Sending request to {function}"), Expected::Passed),
        (format!("{at}Sending request to {china}"), Expected::Passed),
        (format!("{at}Authorizer result body before parsing: {{}}"), Expected::Passed),
        (format!("{at}Starting authorizer: 52u008 for request: 1"), Expected::NotInvoked),
        (format!("{at}Incoming identity: https://lambda"), Expected::NotInvoked),
        (format!("{at}Unauthorized request: 1"), Expected::NotInvoked),
    ] {
        let log = line + "\n" + NOT_INVOKED;
        assert_eq!(verdicts(401, None, &log).0, expected, "{log}");
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
    let log = "one
two
Sending request to https://lambda.eu-west-1.amazonaws.com
three
Endpoint request headers: {Authorization=***, X-Amz-Security-Token=credential [TRUNCATED]
Endpoint request body after transformations: {\"authorizationToken\":\"Bearer a.b [TRUNCATED]
four
the token a.b.c was refused"
        .to_owned();
    let response =
        ProbeResponse::of_test(&AuthorizerTestResponse { status: 401, policy: None, log }, "a.b.c");
    let expected = "two
Sending request to https://lambda.eu-west-1.amazonaws.com
three
four
the token … was refused";
    assert_eq!(response.log, expected);
    let problem = Problem::RejectedGiven { found: "status 401".to_owned() };
    assert_eq!(problem.to_string(), "rejected the token from `--token-command` (status 401)");
    assert_eq!(evaluate(Token::Given, &response), Verdict::Failed(problem));
}
