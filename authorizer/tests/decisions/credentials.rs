//! The location of the token: cookies, and headers without a scheme.

use serde_json::{Value, json};

use crate::{Bench, RS256, claims, config, handle, token_event, verdict};

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/1";
const ACCEPTED: (u16, &str) = (200, "-");
const MISSING: (u16, &str) = (401, "missing_token");
const INVALID: (u16, &str) = (401, "invalid_token");

fn bench(token: &Value) -> Bench {
    let mut config = config(&["RS256"]);
    config["token"] = token.clone();
    Bench::with_keys(&config, &[RS256.jwk()])
}

/// An event of a REST API, with headers in the order of the request.
fn rest(headers: &[(&str, &str)]) -> Value {
    let (mut single, mut multiple) = (json!({}), json!({}));
    for (name, value) in headers {
        single[*name] = json!(value);
        let values = multiple[*name].as_array().cloned().unwrap_or_default();
        multiple[*name] = [values, vec![json!(value)]].concat().into();
    }
    json!({"type": "REQUEST", "methodArn": ARN, "headers": single, "multiValueHeaders": multiple})
}

/// An event of an HTTP API with payload format 2.0.
fn http(cookies: &Value) -> Value {
    json!({
        "version": "2.0", "type": "REQUEST", "routeArn": ARN, "cookies": cookies,
        "headers": {"host": "api.example.com"},
        "requestContext": {"http": {"method": "GET", "path": "/pets/1"}},
    })
}

#[tokio::test]
async fn a_token_in_a_cookie_is_the_only_cookie_of_its_name() {
    let token = RS256.token(&claims());
    let bench = bench(&json!({"cookie": "__Host-session"}));
    let named = format!("__Host-session={token}");
    for (cookies, expected) in [
        (named.clone(), ACCEPTED),
        (format!("theme=dark;\t {named} ; lang=en"), ACCEPTED),
        (format!("{named};"), ACCEPTED),
        (format!("{named}; {named}"), INVALID),
        (format!("__Host-session=x; {named}"), INVALID),
        (format!("{named}; __Host-session="), INVALID),
        (format!("{named}; __Host-session"), INVALID),
        (format!("{named}; __Host-session =x"), INVALID),
        (format!("{named}, {named}"), INVALID),
        (format!("__Host-session=\"{token}\""), INVALID),
        (format!("__Host-session=Bearer {token}"), INVALID),
        (format!("__Host-session={token}%20"), INVALID),
        ("__Host-session=".to_owned(), MISSING),
        (format!("__host-session={token}"), MISSING),
        (format!("session={token}; x__Host-session={token}"), MISSING),
        (format!("theme=__Host-session={token}"), MISSING),
        ("theme=dark".to_owned(), MISSING),
        (String::new(), MISSING),
    ] {
        let outcome = handle(&bench, &rest(&[("Cookie", &cookies)])).await;
        assert_eq!(verdict(&outcome), expected, "{cookies}");
        let list: Vec<&str> = cookies.split("; ").collect();
        let outcome = handle(&bench, &http(&json!(list))).await;
        assert_eq!(verdict(&outcome), expected, "{cookies} in payload 2.0");
    }
}

#[tokio::test]
async fn several_cookie_headers_are_ambiguous() {
    let token = RS256.token(&claims());
    let bench = bench(&json!({"cookie": "s"}));
    let cookie = format!("s={token}");
    for (headers, expected) in [
        (vec![("cookie", cookie.as_str())], ACCEPTED),
        (vec![("Cookie", cookie.as_str()), ("Cookie", &cookie)], INVALID),
        (vec![("Cookie", "theme=dark"), ("Cookie", &cookie)], INVALID),
        (vec![("Cookie", &cookie), ("Cookie", "theme=dark")], INVALID),
        (vec![("Cookie", &cookie), ("cookie", "theme=dark")], INVALID),
        (vec![("X-Cookie", &cookie)], MISSING),
    ] {
        assert_eq!(verdict(&handle(&bench, &rest(&headers)).await), expected, "{headers:?}");
    }
    let mut both = http(&json!([cookie]));
    both["headers"]["cookie"] = json!(cookie);
    for (event, expected) in [
        (http(&json!([cookie])), ACCEPTED),
        (http(&json!(["theme=dark", cookie])), ACCEPTED),
        (http(&json!([cookie, "s=x"])), INVALID),
        (http(&json!([format!("{cookie}; s=x")])), INVALID),
        (http(&json!([cookie, 7])), INVALID),
        (http(&json!(cookie)), INVALID),
        (http(&json!({"s": token})), INVALID),
        (http(&json!([])), MISSING),
        (http(&Value::Null), MISSING),
        (both, INVALID),
    ] {
        assert_eq!(verdict(&handle(&bench, &event).await), expected, "{event}");
    }
    // The list is not part of other events.
    let mut rest = rest(&[]);
    rest["cookies"] = json!([cookie]);
    assert_eq!(verdict(&handle(&bench, &rest).await), MISSING);
}

#[tokio::test]
async fn a_second_credential_beside_any_source_is_rejected() {
    let token = RS256.token(&claims());
    let (cookie, bearer) = (format!("s={token}"), format!("Bearer {token}"));
    let protocol = format!("bearer, {token}");
    for (source, headers, query) in [
        (json!({"cookie": "s"}), vec![("Cookie", cookie.as_str())], json!({})),
        (json!({"query": "t"}), vec![], json!({"t": token})),
        (json!({"query": "access_token"}), vec![], json!({"access_token": token})),
        (
            json!({"websocket_protocol": "bearer"}),
            vec![("Sec-WebSocket-Protocol", protocol.as_str())],
            json!({}),
        ),
        (json!({"header": "Authorization"}), vec![("Authorization", bearer.as_str())], json!({})),
        (json!({"header": "X", "scheme": "none"}), vec![("X", token.as_str())], json!({})),
    ] {
        let bench = bench(&source);
        let mut event = rest(&headers);
        event["queryStringParameters"] = query;
        assert_eq!(verdict(&handle(&bench, &event).await), ACCEPTED, "{source}");
        let with_parameter = |value: &str| {
            let mut event = event.clone();
            event["queryStringParameters"]["access_token"] = json!(value);
            event
        };
        if source["query"] != "access_token" {
            let outcome = handle(&bench, &with_parameter("x")).await;
            assert_eq!(verdict(&outcome), INVALID, "{source}");
            let outcome = handle(&bench, &with_parameter("")).await;
            assert_eq!(verdict(&outcome), INVALID, "{source}");
        }
        if source["header"].is_null() {
            let mut event = event.clone();
            event["headers"]["authorization"] = json!(bearer);
            event["multiValueHeaders"]["authorization"] = json!([bearer]);
            assert_eq!(verdict(&handle(&bench, &event).await), INVALID, "{source}");
        }
    }
}

#[tokio::test]
async fn a_token_without_a_scheme_is_the_whole_header() {
    let token = RS256.token(&claims());
    let bench = bench(&json!({"header": "X-Token", "scheme": "none"}));
    for (value, expected) in [
        (token.clone(), ACCEPTED),
        (format!("Bearer {token}"), INVALID),
        (format!("{token} "), INVALID),
        (format!("{token},{token}"), INVALID),
        (String::new(), MISSING),
    ] {
        let outcome = handle(&bench, &rest(&[("X-Token", &value)])).await;
        assert_eq!(verdict(&outcome), expected, "{value}");
        // A TOKEN event has the value of the header that the authorizer is configured with.
        let outcome = handle(&bench, &token_event(&value)).await;
        assert_eq!(verdict(&outcome), expected, "{value}");
    }
    let bearer = format!("Bearer {token}");
    assert_eq!(verdict(&handle(&bench, &rest(&[("Authorization", &bearer)])).await), MISSING);
    let twice = rest(&[("X-Token", &token), ("X-Token", &token)]);
    assert_eq!(verdict(&handle(&bench, &twice).await), INVALID);
}

#[tokio::test]
async fn one_or_more_spaces_separate_the_scheme_from_the_token() {
    let token = RS256.token(&claims());
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    for (separator, expected) in [
        (" ", ACCEPTED),
        ("  ", ACCEPTED),
        ("     ", ACCEPTED),
        ("", INVALID),
        ("\t", INVALID),
        (" \t", INVALID),
    ] {
        let value = format!("Bearer{separator}{token}");
        let outcome = handle(&bench, &token_event(&value)).await;
        assert_eq!(verdict(&outcome), expected, "{separator:?}");
        let outcome = handle(&bench, &rest(&[("Authorization", &value)])).await;
        assert_eq!(verdict(&outcome), expected, "{separator:?}");
    }
}

#[tokio::test]
async fn a_bound_token_in_a_cookie_is_rejected() {
    let token = RS256.token(&crate::claims_with(&json!({"cnf": {"jkt": "x"}})));
    let mut config = config(&["RS256"]);
    config["token"] = json!({"cookie": "s"});
    config["issuers"][0]["dpop"] = json!("optional");
    let bench = Bench::with_keys(&config, &[RS256.jwk()]);
    let outcome = handle(&bench, &rest(&[("Cookie", &format!("s={token}"))])).await;
    assert_eq!(outcome.response.unwrap_err().error_message, "Unauthorized");
}
