//! Policies as authorizers may return them, judged as IAM would.

use authorizer::UnixTime;
use gateway::policy::{ParsedPolicy, RequestContext, Verdict};
use serde_json::{Value, json};

const STAGE: &str = "arn:aws:execute-api:us-east-1:000000000000:local/dev";

fn answer(statement: &Value) -> Value {
    json!({"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": statement}})
}

fn statement(effect: &str, resource: &Value) -> Value {
    json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource})
}

fn allow() -> Value {
    statement("Allow", &json!("*"))
}

/// A statement with one member more, or another one.
fn with(name: &str, value: &Value) -> Value {
    let mut statement = allow();
    statement[name] = value.clone();
    statement
}

fn without(name: &str) -> Value {
    let mut statement = allow();
    statement.as_object_mut().unwrap().remove(name);
    statement
}

#[track_caller]
fn read(answer: &Value) -> ParsedPolicy {
    ParsedPolicy::parse(&answer.to_string()).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn request_context(method_arn: &str) -> RequestContext<'_> {
    RequestContext {
        method_arn,
        source_ip: "203.0.113.7",
        user_agent: Some("curl/8.5.0 *"),
        referer: None,
        // 2027-01-15T08:00:00Z
        now: UnixTime::from_seconds(1_800_000_000),
    }
}

/// What a policy says about `request`, such as `GET/pets`: `+`, `-` or nothing, the statement
/// and the resource below the stage.
fn said(answer: &ParsedPolicy, request: &str) -> String {
    let arn = format!("{STAGE}/{request}");
    let (sign, matched) = match answer.evaluate(&request_context(&arn)) {
        Verdict::Allowed(matched) => ('+', matched),
        Verdict::ExplicitlyDenied(matched) => ('-', matched),
        Verdict::ImplicitlyDenied => return String::new(),
    };
    let resource = matched.resource.unwrap_or("no such resource");
    format!("{sign}{} {}", matched.index, resource.replace(&format!("{STAGE}/"), ""))
}

#[test]
fn wildcards_are_iams() {
    for (pattern, request, expected) in [
        ("*", "GET/pets", true),
        ("*/*", "GET/", true),
        ("GET/pets/*", "GET/pets/", true),
        ("GET/pets/*", "GET/pets/1/owner", true),
        ("GET/pets/*", "GET/pets", false),
        ("GET/pets/*", "get/pets/1", false),
        ("GET/pets/*", "GET/Pets/1", false),
        ("GET/pets/*/owner", "GET/pets/1/2/owner", true),
        ("GET/pets/*/owner", "GET/pets/1/owners", false),
        ("GET/pets/?", "GET/pets/", false),
        ("GET/pets/?", "GET/pets/1", true),
        ("GET/pets/?", "GET/pets//", true),
        ("GET/pets/?", "GET/pets/12", false),
        ("GET/a.c", "GET/abc", false),
        ("GET/[a]", "GET/a", false),
        ("GET/a:b", "GET/a:b", true),
        ("GET/*:b", "GET/x:y:b", true),
        ("**a**b", "GET/xxaxxb", true),
        ("*a", "GET/aaaaaaaaaaaaaaab", false),
        ("GET/${*}", "GET/*", true),
        ("GET/${*}", "GET/a", false),
        ("GET/${?}${$}", "GET/?$", true),
    ] {
        let policy = read(&answer(&statement("Allow", &json!(format!("{STAGE}/{pattern}")))));
        assert_eq!(!said(&policy, request).is_empty(), expected, "{pattern} {request}");
    }
}

#[test]
fn a_wildcard_stays_within_its_field_of_an_arn_but_for_the_last() {
    for (resource, expected) in [
        ("*", true),
        ("arn:aws:execute-api:us-east-1:000000000000:local/dev/GET/pets", true),
        ("arn:*:execute-api:*:*:local/*", true),
        ("arn:aws:execute-api:*:*:*", true),
        ("arn:aws:execute-api:*", true),
        ("arn:aws:execute-api:us-*", true),
        ("arn:aws:execute-api:eu-*", false),
        ("arn:aws:execute-api:*:local/dev/GET/pets:x", false),
        ("arn:*:execute-api:*:local/dev/GET/pets:*", false),
        ("arn:aws:EXECUTE-API:*:*:*", false),
        ("arn:aws-cn:execute-api:*:*:*", false),
        ("arn:aws:execute-api:us-east-?:*:*", true),
    ] {
        let policy = read(&answer(&statement("Allow", &json!(resource))));
        assert_eq!(!said(&policy, "GET/pets").is_empty(), expected, "{resource}");
    }
}

#[test]
fn an_explicit_deny_wins_and_silence_is_no_allow() {
    let at = |patterns: &[&str]| -> Value {
        patterns.iter().map(|pattern| format!("{STAGE}/{pattern}")).collect()
    };
    let policy = read(&answer(&json!([
        statement("Allow", &at(&["GET/a/*", "GET/b"])),
        statement("Deny", &at(&["GET/a/*/secret"])),
        statement("Allow", &at(&["GET/a/1/secret"])),
    ])));
    for (request, expected) in [
        ("GET/a/1", "+0 GET/a/*"),
        ("GET/b", "+0 GET/b"),
        ("GET/a/1/secret", "-1 GET/a/*/secret"),
        ("GET/c", ""),
    ] {
        assert_eq!(said(&policy, request), expected, "{request}");
    }
    assert_eq!(said(&read(&answer(&allow())), "GET/x"), "+0 *");
    assert_eq!(said(&read(&answer(&statement("Deny", &json!("*")))), "GET/x"), "-0 *");
}

#[test]
fn only_statements_about_invoking_count() {
    for (name, action, allowed) in [
        ("Action", json!("execute-api:Invoke"), true),
        ("Action", json!("EXECUTE-API:invoke"), true),
        ("Action", json!("execute-api:*"), true),
        ("Action", json!("execute-api:Inv?ke"), true),
        ("Action", json!("*"), true),
        ("Action", json!(["s3:GetObject", "execute-api:Invoke"]), true),
        ("Action", json!("s3:*"), false),
        ("Action", json!("execute-api:ManageConnections"), false),
        ("NotAction", json!("s3:*"), true),
        ("NotAction", json!(["s3:*", "execute-api:invoke"]), false),
        ("NotAction", json!("execute-api:*"), false),
    ] {
        let mut statement = without("Action");
        statement[name] = action.clone();
        let policy = read(&answer(&statement));
        assert_eq!(!said(&policy, "GET/x").is_empty(), allowed, "{name} {action}");
    }
}

#[test]
fn what_not_resource_does_not_list_is_meant() {
    let but = |effect: &str, resources: Value| {
        let mut statement = statement(effect, &json!("*"));
        statement.as_object_mut().unwrap().remove("Resource");
        statement["NotResource"] = resources;
        statement
    };
    let listed = json!([format!("{STAGE}/GET/a"), format!("{STAGE}/GET/b/*")]);
    let policy = read(&answer(&json!([allow(), but("Deny", listed.clone())])));
    assert_eq!(said(&policy, "GET/a"), "+0 *");
    assert_eq!(said(&policy, "GET/b/1"), "+0 *");
    assert_eq!(said(&policy, "GET/c"), "-1 no such resource");
    let policy = read(&answer(&but("Allow", listed)));
    assert_eq!(said(&policy, "GET/a"), "");
    assert_eq!(said(&policy, "GET/c"), "+0 no such resource");
}

#[test]
fn conditions_are_evaluated() {
    for (condition, holds) in [
        (json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), true),
        (json!({"IpAddress": {"AWS:sourceip": ["10.0.0.0/8", "203.0.113.7"]}}), true),
        (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), false),
        (json!({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}), false),
        (json!({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]}}), false),
        (json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), true),
        (json!({"StringEquals": {"aws:UserAgent": "curl/8.5.0 *"}}), true),
        (json!({"StringEquals": {"aws:UserAgent": "CURL/8.5.0 *"}}), false),
        (json!({"StringEquals": {"aws:UserAgent": "curl/8.5.0 ${*}"}}), true),
        (json!({"StringEquals": {"aws:UserAgent": "curl/*"}}), false),
        (json!({"StringNotEquals": {"aws:UserAgent": ["x", "curl/8.5.0 *"]}}), false),
        (json!({"StringEqualsIgnoreCase": {"aws:UserAgent": "CURL/8.5.0 *"}}), true),
        (json!({"StringNotEqualsIgnoreCase": {"aws:UserAgent": "CURL/8.5.0 *"}}), false),
        (json!({"StringLike": {"aws:UserAgent": "curl/?.*"}}), true),
        (json!({"StringNotLike": {"aws:UserAgent": "curl/*"}}), false),
        (json!({"StringLike": {"aws:UserAgent": "curl${*}"}}), false),
        // A key that the request does not have.
        (json!({"StringEquals": {"aws:Referer": "x"}}), false),
        (json!({"StringNotEquals": {"aws:Referer": "x"}}), true),
        (json!({"StringEqualsIfExists": {"aws:Referer": "x"}}), true),
        (json!({"StringEqualsIfExists": {"aws:UserAgent": "x"}}), false),
        (json!({"StringLikeIfExists": {"aws:Referer": "x"}}), true),
        (json!({"Null": {"aws:Referer": "true"}}), true),
        (json!({"Null": {"aws:Referer": "false"}}), false),
        (json!({"Null": {"aws:UserAgent": false}}), true),
        (json!({"Bool": {"aws:SecureTransport": "true"}}), true),
        (json!({"Bool": {"aws:SecureTransport": false}}), false),
        (json!({"BoolIfExists": {"aws:SecureTransport": "True"}}), true),
        (json!({"DateLessThan": {"aws:CurrentTime": "2027-01-15T08:00:01Z"}}), true),
        (json!({"DateLessThan": {"aws:CurrentTime": "2027-01-15T08:00:00Z"}}), false),
        (json!({"DateLessThanEquals": {"aws:CurrentTime": "2027-01-15T09:00:00+01:00"}}), true),
        (json!({"DateGreaterThan": {"aws:CurrentTime": "2027-01-15"}}), true),
        (json!({"DateGreaterThan": {"aws:CurrentTime": "2027-01-16"}}), false),
        (json!({"DateGreaterThanEquals": {"aws:EpochTime": 1_800_000_000}}), true),
        (json!({"DateEquals": {"aws:EpochTime": "2027-01-15T08:00:00Z"}}), true),
        (json!({"DateNotEquals": {"aws:CurrentTime": "2027-01-15T08:00:00Z"}}), false),
        (json!({"NumericGreaterThan": {"aws:EpochTime": "1799999999"}}), true),
        (json!({"NumericLessThanEquals": {"aws:EpochTime": 1_799_999_999}}), false),
        (json!({"NumericEquals": {"aws:EpochTime": [1, 1_800_000_000]}}), true),
        (json!({"NumericNotEquals": {"aws:EpochTime": 1_800_000_000}}), false),
        (json!({"NumericLessThan": {"aws:UserAgent": 5}}), false),
        // All of several must hold.
        (
            json!({"Bool": {"aws:SecureTransport": "true"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
            false,
        ),
        (json!({"StringLike": {"aws:UserAgent": "curl*", "aws:Referer": "*"}}), false),
        (json!({}), true),
    ] {
        let policy = read(&answer(&with("Condition", &condition)));
        assert_eq!(!said(&policy, "GET/x").is_empty(), holds, "{condition}");
        // A Deny speaks under the same condition.
        let mut deny = with("Condition", &condition);
        deny["Effect"] = json!("Deny");
        let policy = read(&answer(&json!([allow(), deny])));
        assert_eq!(said(&policy, "GET/x").starts_with('-'), holds, "{condition}");
    }
}

#[test]
fn what_is_not_understood_is_no_answer() {
    let condition = |condition: &Value| answer(&with("Condition", condition));
    let policy = |name: &str, value: Value| {
        let mut answer = answer(&allow());
        answer["policyDocument"][name] = value;
        answer
    };
    let top = |name: &str, value: Value| {
        let mut answer = answer(&allow());
        answer[name] = value;
        answer
    };
    let resource = |resource: &str| answer(&statement("Allow", &json!(resource)));
    for wrong in [
        json!(null),
        json!({}),
        json!({"isAuthorized": true}),
        json!({"policyDocument": {"Version": "2012-10-17", "Statement": [allow()]}}),
        json!({"principalId": "p", "policyDocument": {"Statement": [allow()]}}),
        answer(&json!([])),
        answer(&json!("Allow")),
        answer(&json!([allow(), "x"])),
        answer(&with("Effect", &json!("allow"))),
        answer(&with("Effect", &json!("Maybe"))),
        answer(&with("Effect", &json!(["Allow"]))),
        answer(&with("Action", &json!([]))),
        answer(&with("Action", &json!(7))),
        answer(&with("Resource", &json!([]))),
        answer(&with("Resource", &json!([["*"]]))),
        answer(&with("Resource", &json!(format!("{STAGE}/{}", "x".repeat(500))))),
        answer(&with("NotAction", &json!("s3:*"))),
        answer(&with("NotResource", &json!("*"))),
        answer(&with("Principal", &json!("*"))),
        answer(&with("effect", &json!("Deny"))),
        answer(&without("Effect")),
        answer(&without("Action")),
        answer(&without("Resource")),
        policy("Version", json!("2012-10-18")),
        policy("Version", json!(2012)),
        policy("statement", json!([])),
        top("principalId", json!("")),
        top("principalId", json!(7)),
        top("context", json!({"a": {"b": 1}})),
        top("context", json!({"a": null})),
        top("context", json!([])),
        top("usageIdentifierKey", json!(7)),
        resource("GET/pets"),
        resource(""),
        resource("arn:aws:execute-api"),
        resource("arn:aws:*"),
        resource("arn:aws:execute-*:*:*:*"),
        resource("arn:aws:s3:::${aws:username}/*"),
        resource("arn:aws:s3:::${"),
        condition(&json!([])),
        condition(&json!({"IpAddress": "10.0.0.0/8"})),
        condition(&json!({"IpAddress": {"aws:SourceIp": []}})),
        condition(&json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}})),
        condition(&json!({"IpAddress": {"aws:UserAgent": "10.0.0.0/8"}})),
        condition(&json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}})),
        condition(&json!({"StringEquals": {"aws:username": "x"}})),
        condition(&json!({"StringEquals": {"aws:UserAgent": {"a": 1}}})),
        condition(&json!({"StringEquals": {"aws:UserAgent": null}})),
        condition(&json!({"StringEquals": {"aws:UserAgent": "${aws:Referer}"}})),
        condition(&json!({"StringStartsWith": {"aws:UserAgent": "x"}})),
        condition(&json!({"stringequals": {"aws:UserAgent": "x"}})),
        condition(&json!({"ForAnyValue:StringEquals": {"aws:UserAgent": "x"}})),
        condition(&json!({"ArnLike": {"aws:Referer": "x"}})),
        condition(&json!({"BinaryEquals": {"aws:Referer": "x"}})),
        condition(&json!({"NullIfExists": {"aws:Referer": "true"}})),
        condition(&json!({"Null": {"aws:Referer": "maybe"}})),
        condition(&json!({"Bool": {"aws:SecureTransport": "yes"}})),
        condition(&json!({"DateLessThan": {"aws:CurrentTime": "tomorrow"}})),
        condition(&json!({"DateLessThan": {"aws:UserAgent": "2027-01-15"}})),
        condition(&json!({"NumericLessThan": {"aws:EpochTime": "many"}})),
        condition(&json!({"NumericLessThan": {"aws:EpochTime": "inf"}})),
        condition(&json!({"NumericLike": {"aws:EpochTime": 1}})),
    ] {
        assert!(ParsedPolicy::parse(&wrong.to_string()).is_err(), "{wrong}");
    }
    // The second of two members of one name would hide the first.
    for twice in [
        r#""Effect": "Allow", "Effect": "Deny", "Action": "*", "Resource": "*""#,
        r#""Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}, "Bool": {}}"#,
        r#""Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false", "aws:SecureTransport": "true"}}"#,
    ] {
        let text = format!(
            r#"{{"principalId": "p", "policyDocument": {{"Version": "2012-10-17", "Statement": [{{{twice}}}]}}}}"#
        );
        let error = ParsedPolicy::parse(&text).unwrap_err().to_string();
        assert!(error.contains("twice") || error.contains("duplicate"), "{error}");
    }
    assert!(ParsedPolicy::parse("not JSON").is_err());
    let told =
        ParsedPolicy::parse(&answer(&with("Effect", &json!("Maybe"))).to_string()).unwrap_err();
    assert!(
        told.to_string().contains("unknown variant `Maybe`, expected `Allow` or `Deny`"),
        "{told}"
    );
}

#[test]
fn an_older_policy_has_no_variables_and_context_is_scalars() {
    let mut older = answer(&statement("Allow", &json!(format!("{STAGE}/GET/${{x}}"))));
    older["policyDocument"]["Version"] = json!("2008-10-17");
    older["policyDocument"]["Id"] = json!("an id");
    older["context"] = json!({"a": "x", "b": 1, "c": true});
    let older = read(&older);
    assert!(!said(&older, "GET/${x}").is_empty());
    let context: Vec<(&str, &str)> =
        older.context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(context, [("a", "x"), ("b", "1"), ("c", "true")]);
}
