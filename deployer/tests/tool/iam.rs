//! Policies as authorizers may return them, evaluated as by IAM.

use authorizer::UnixTime;
use gateway::policy::{ParsedPolicy, RequestContext, Verdict};
use serde_json::{Value, json};

const STAGE: &str = "arn:aws:execute-api:us-east-1:000000000000:local/dev";

fn response(statement: &Value) -> Value {
    json!({"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": statement}})
}

fn statement(effect: &str, resource: &Value) -> Value {
    json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource})
}

fn allow() -> Value {
    statement("Allow", &json!("*"))
}

/// Returns a statement with a member added or replaced.
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
fn read(response: &Value) -> ParsedPolicy {
    ParsedPolicy::parse(&response.to_string()).unwrap_or_else(|error| panic!("{error}: {response}"))
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

/// Returns the effect of a policy on `request`, such as `GET/pets`: `+`, `-` or nothing, the statement
/// and the resource below the stage.
fn effect_on(response: &ParsedPolicy, request: &str) -> String {
    let arn = format!("{STAGE}/{request}");
    let (sign, matched) = match response.evaluate(&request_context(&arn)) {
        Verdict::Allowed(matched) => ('+', matched),
        Verdict::ExplicitlyDenied(matched) => ('-', matched),
        Verdict::ImplicitlyDenied => return String::new(),
    };
    let resource = matched.resource.unwrap_or("(none listed)");
    format!("{sign}{} {}", matched.index, resource.replace(&format!("{STAGE}/"), ""))
}

#[test]
fn wildcards_match_as_in_iam() {
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
        let policy = read(&response(&statement("Allow", &json!(format!("{STAGE}/{pattern}")))));
        assert_eq!(!effect_on(&policy, request).is_empty(), expected, "{pattern} {request}");
    }
}

#[test]
fn a_wildcard_matches_within_one_arn_field_except_in_the_last() {
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
        let policy = read(&response(&statement("Allow", &json!(resource))));
        assert_eq!(!effect_on(&policy, "GET/pets").is_empty(), expected, "{resource}");
    }
}

#[test]
fn an_explicit_deny_overrides_an_allow_and_the_default_is_deny() {
    let at = |patterns: &[&str]| -> Value {
        patterns.iter().map(|pattern| format!("{STAGE}/{pattern}")).collect()
    };
    let policy = read(&response(&json!([
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
        assert_eq!(effect_on(&policy, request), expected, "{request}");
    }
    assert_eq!(effect_on(&read(&response(&allow())), "GET/x"), "+0 *");
    assert_eq!(effect_on(&read(&response(&statement("Deny", &json!("*")))), "GET/x"), "-0 *");
}

#[test]
fn only_statements_for_execute_api_invoke_apply() {
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
        let policy = read(&response(&statement));
        assert_eq!(!effect_on(&policy, "GET/x").is_empty(), allowed, "{name} {action}");
    }
}

#[test]
fn not_resource_matches_all_other_resources() {
    let except = |effect: &str, resources: Value| {
        let mut statement = statement(effect, &json!("*"));
        statement.as_object_mut().unwrap().remove("Resource");
        statement["NotResource"] = resources;
        statement
    };
    let listed = json!([format!("{STAGE}/GET/a"), format!("{STAGE}/GET/b/*")]);
    let policy = read(&response(&json!([allow(), except("Deny", listed.clone())])));
    assert_eq!(effect_on(&policy, "GET/a"), "+0 *");
    assert_eq!(effect_on(&policy, "GET/b/1"), "+0 *");
    assert_eq!(effect_on(&policy, "GET/c"), "-1 (none listed)");
    let policy = read(&response(&except("Allow", listed)));
    assert_eq!(effect_on(&policy, "GET/a"), "");
    assert_eq!(effect_on(&policy, "GET/c"), "+0 (none listed)");
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
        let policy = read(&response(&with("Condition", &condition)));
        assert_eq!(!effect_on(&policy, "GET/x").is_empty(), holds, "{condition}");
        // A Deny applies under the same condition.
        let mut deny = with("Condition", &condition);
        deny["Effect"] = json!("Deny");
        let policy = read(&response(&json!([allow(), deny])));
        assert_eq!(effect_on(&policy, "GET/x").starts_with('-'), holds, "{condition}");
    }
}

#[test]
fn an_unsupported_authorizer_response_is_rejected() {
    let condition = |condition: &Value| response(&with("Condition", condition));
    let policy = |name: &str, value: Value| {
        let mut response = response(&allow());
        response["policyDocument"][name] = value;
        response
    };
    let top = |name: &str, value: Value| {
        let mut response = response(&allow());
        response[name] = value;
        response
    };
    let resource = |resource: &str| response(&statement("Allow", &json!(resource)));
    for unsupported in [
        json!(null),
        json!({}),
        json!({"isAuthorized": true}),
        json!({"policyDocument": {"Version": "2012-10-17", "Statement": [allow()]}}),
        json!({"principalId": "p", "policyDocument": {"Statement": [allow()]}}),
        response(&json!([])),
        response(&json!("Allow")),
        response(&json!([allow(), "x"])),
        response(&with("Effect", &json!("allow"))),
        response(&with("Effect", &json!("Maybe"))),
        response(&with("Effect", &json!(["Allow"]))),
        response(&with("Action", &json!([]))),
        response(&with("Action", &json!(7))),
        response(&with("Resource", &json!([]))),
        response(&with("Resource", &json!([["*"]]))),
        response(&with("Resource", &json!(format!("{STAGE}/{}", "x".repeat(500))))),
        response(&with("NotAction", &json!("s3:*"))),
        response(&with("NotResource", &json!("*"))),
        response(&with("Principal", &json!("*"))),
        response(&with("effect", &json!("Deny"))),
        response(&without("Effect")),
        response(&without("Action")),
        response(&without("Resource")),
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
        assert!(ParsedPolicy::parse(&unsupported.to_string()).is_err(), "{unsupported}");
    }
    // Of two members with one name, the second would hide the first.
    for duplicate in [
        r#""Effect": "Allow", "Effect": "Deny", "Action": "*", "Resource": "*""#,
        r#""Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}, "Bool": {}}"#,
        r#""Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false", "aws:SecureTransport": "true"}}"#,
    ] {
        let text = format!(
            r#"{{"principalId": "p", "policyDocument": {{"Version": "2012-10-17", "Statement": [{{{duplicate}}}]}}}}"#
        );
        let error = ParsedPolicy::parse(&text).unwrap_err().to_string();
        assert!(error.contains("duplicate"), "{error}");
    }
    assert!(ParsedPolicy::parse("not JSON").is_err());
    let error =
        ParsedPolicy::parse(&response(&with("Effect", &json!("Maybe"))).to_string()).unwrap_err();
    assert!(error.to_string().contains("unknown value `Maybe`"), "{error}");
}

#[test]
fn a_2008_policy_has_no_variables_and_context_values_are_scalars() {
    let mut policy_2008 = response(&statement("Allow", &json!(format!("{STAGE}/GET/${{x}}"))));
    policy_2008["policyDocument"]["Version"] = json!("2008-10-17");
    policy_2008["policyDocument"]["Id"] = json!("an id");
    policy_2008["context"] = json!({"a": "x", "b": 1, "c": true});
    let policy_2008 = read(&policy_2008);
    assert!(!effect_on(&policy_2008, "GET/${x}").is_empty());
    let context: Vec<(&str, &str)> =
        policy_2008.context.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(context, [("a", "x"), ("b", "1"), ("c", "true")]);
}
