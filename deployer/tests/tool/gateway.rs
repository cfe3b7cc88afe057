//! The gateway's pure parts; the end-to-end tests cover the rest over its port.

use std::sync::Arc;

use authorizer::config::{TokenScheme, TokenSource};
use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::telemetry::Step;
use authorizer::{Authorizer, Config, UnixTime};
use compiler::api::routing::{self, ApiRouter};
use compiler::api::{
    Api, AuthorizerKind, BEARER_TOKEN_PATTERN, IdentitySource, Quota, RAW_TOKEN_PATTERN, Route,
    Throttle,
};
use compiler::compile;
use compiler::source::diagnostic::Source;
use dev::examples::{self, ExampleRequest};
use gateway::authorizers::{AuthorizerTarget, LocalAuthorizer};
use gateway::cache::Cache;
use gateway::event::{authorizer_event, method_arn, proxy_event};
use gateway::gateway_response::RefusalKind;
use gateway::identity;
use gateway::policy::ParsedPolicy;
use gateway::request::{RequestHead, RequestTime};
use gateway::router::find;
use gateway::template::{Context, Template, expression, is_expression, stage_variables};
use gateway::throttle::Usage;
use gateway::trace::masked;
use http::HeaderMap;
use serde_json::json;

use crate::{MANIFEST, OPENAPI};

fn api(openapi: &str) -> Api {
    let source =
        |name: &str, text: &str| Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let manifest_source = source("portcullis.toml", MANIFEST);
    let (manifest, diagnostics) =
        compile::manifest(&manifest_source, &|_| None, &|_| Err(String::new()));
    assert_eq!(diagnostics, []);
    let (api, diagnostics) = compile::compile(
        &manifest.unwrap(),
        &manifest_source,
        &source("openapi.yaml", openapi),
        None,
        UnixTime::from_seconds(0),
    );
    api.unwrap_or_else(|| panic!("{diagnostics:?}"))
}

fn head(path: &str) -> RequestHead {
    let mut headers = HeaderMap::new();
    headers.append("authorization", "Bearer x".parse().unwrap());
    headers.append("x-many", "1".parse().unwrap());
    headers.append("x-many", "2".parse().unwrap());
    RequestHead {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: Some("q=a%20b&q=c&r".to_owned()),
        headers,
        header_names: [("x-many".to_owned(), vec!["X-Many".to_owned(), "X-Many".to_owned()])]
            .into(),
        source_ip: "127.0.0.1".to_owned(),
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        extended_id: "abc=".to_owned(),
        time: RequestTime(time::OffsetDateTime::UNIX_EPOCH),
    }
}

#[test]
fn requests_match_their_route_and_dot_segments_match_none() {
    let paths = "  /things/mine:\n    get: {}\n  /files/{proxy+}:\n    x-amazon-apigateway-any-method: {}\n  /open:";
    let api = api(&OPENAPI.replacen("  /open:", paths, 1));
    for (method, path, route, parameter) in [
        ("GET", "/things/7", Some("GET /things/{id}"), Some("7")),
        ("GET", "/things/7/", Some("GET /things/{id}"), Some("7")),
        ("GET", "/things/a%2Fb", Some("GET /things/{id}"), Some("a%2Fb")),
        ("GET", "/things/mine", Some("GET /things/mine"), None),
        ("POST", "/things/mine", None, None),
        ("PUT", "/files/a/b/c", Some("ANY /files/{proxy+}"), Some("a/b/c")),
        ("GET", "/files", None, None),
        ("GET", "/Things/7", None, None),
        ("GET", "/things", None, None),
        ("GET", "/things/7/8", None, None),
        ("GET", "/", None, None),
        ("GET", "/files/../open", None, None),
        ("GET", "/files/./a", None, None),
        ("GET", "/files/%2e%2E/open", None, None),
        ("GET", "/files/.%2e", None, None),
        ("GET", "/files//a", None, None),
        ("GET", "/things//", None, None),
        ("GET", "//open", None, None),
        ("GET", "/files/...", Some("ANY /files/{proxy+}"), Some("...")),
    ] {
        let found = find(&ApiRouter::new(&api.routes), &api, method, path);
        assert_eq!(
            found.as_ref().map(|found| found.route.to_string()).as_deref(),
            route,
            "{method} {path}"
        );
        let value =
            found.and_then(|found| found.parameters.first().map(|(_, value)| value.clone()));
        assert_eq!(value.as_deref(), parameter, "{method} {path}");
    }
}

#[test]
fn traces_show_no_token_whatever_the_identity_sources() {
    let event = json!({
        "headers": {
            "AUTHORIZATION": "secret", "cookie": "id=secret", "X-Token": "secret",
            "sec-websocket-protocol": "jwt, secret", "Accept": "shown",
        },
        "multiValueHeaders": {"x-token": ["secret"], "Accept": ["shown"]},
        "queryStringParameters": {"jwt": "secret", "Access_Token": "secret", "page": "shown"},
        "multiValueQueryStringParameters": {"jwt": ["secret"], "page": ["shown"]},
    });
    let header = TokenSource::Header { name: "x-token".to_owned(), scheme: TokenScheme::None };
    let query = TokenSource::Query("jwt".to_owned());
    let mut counts = Vec::new();
    for token in [header, query, TokenSource::Cookie("id".to_owned())] {
        let mut settings = api(OPENAPI).authorizers.remove("jwt").unwrap();
        settings.kind = AuthorizerKind::Request;
        settings.identity = vec![IdentitySource::Header("X-Client".to_owned())];
        settings.token = token;
        let endpoint = AuthorizerTarget::Endpoint("http://localhost/".parse().unwrap());
        let authorizer = LocalAuthorizer::new(&settings, endpoint).unwrap();
        let shown = masked(event.clone(), &authorizer.secrets()).to_string();
        assert_eq!(shown.matches("shown").count(), 4, "{shown}");
        counts.push(shown.matches("secret").count());
    }
    // The names of another authorizer's token have no meaning here.
    assert_eq!(counts, [2, 2, 4]);
}

#[test]
fn of_two_routes_with_the_same_method_and_resource_the_first_matches() {
    let mut api = api(OPENAPI);
    let second = Route { operation_id: Some("second".to_owned()), ..api.routes[0].clone() };
    api.routes.insert(1, second);
    let router = ApiRouter::new(&api.routes);
    for (index, route) in api.routes.iter().enumerate().filter(|(index, _)| *index != 1) {
        let found = router.find(&api.routes, route.verb.name(), &routing::sample_path(&route.path));
        assert_eq!(found, Some(route), "{index}");
    }
}

#[test]
fn events_have_the_shape_of_api_gateway() {
    let api = api(OPENAPI);
    let head = head("/things/a%20b");
    let found = find(&ApiRouter::new(&api.routes), &api, "GET", &head.path).unwrap();
    let arn = method_arn("dev", "GET", &head.path);
    assert_eq!(arn, "arn:aws:execute-api:us-east-1:000000000000:local/dev/GET/things/a%20b");
    assert_eq!(
        method_arn("dev", "GET", "/"),
        "arn:aws:execute-api:us-east-1:000000000000:local/dev/GET/"
    );
    let context = Context::new(&api, &head, Some(&found));
    let identity = ["Bearer x".to_owned()];
    let token = authorizer_event(AuthorizerKind::Token, &arn, &identity, &context);
    assert_eq!(token, json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": "Bearer x"}));
    let request = authorizer_event(AuthorizerKind::Request, &arn, &identity, &context);
    let trace = "Root=1-00000000-0123456789abcdef01234567";
    let added = json!({
        "X-Amzn-Trace-Id": trace, "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": "80",
        "X-Forwarded-Proto": "http", "authorization": "Bearer x", "X-Many": "2",
    });
    let all = json!({
        "X-Amzn-Trace-Id": [trace], "X-Forwarded-For": ["127.0.0.1"], "X-Forwarded-Port": ["80"],
        "X-Forwarded-Proto": ["http"], "authorization": ["Bearer x"], "X-Many": ["1", "2"],
    });
    let mut expected = json!({
        "type": "REQUEST", "methodArn": arn, "resource": "/things/{id}", "path": "/things/a%20b", "httpMethod": "GET",
        "headers": added, "multiValueHeaders": all,
        "queryStringParameters": {"q": "c", "r": ""},
        "multiValueQueryStringParameters": {"q": ["a b", "c"], "r": [""]},
        "pathParameters": {"id": "a b"},
        "stageVariables": {},
        "requestContext": {
            "path": "/dev/things/a%20b", "accountId": "000000000000", "resourceId": "/things/{id}", "stage": "dev",
            "domainPrefix": "local", "requestId": "0123456789abcdef0123456789abcdef", "resourcePath": "/things/{id}",
            "httpMethod": "GET", "apiId": "local", "extendedRequestId": "abc=",
            "identity": {"apiKey": null, "sourceIp": "127.0.0.1", "userAgent": null},
        },
    });
    assert_eq!(request, expected);

    // A proxy integration receives the same, with null instead of empty maps, and a body.
    let context = context.with([("authorizer.principalId", "me".to_owned())]);
    let event = proxy_event(&context, Some(("eA==".to_owned(), true)));
    for name in ["type", "methodArn"] {
        expected.as_object_mut().unwrap().remove(name);
    }
    expected["stageVariables"] = json!(null);
    expected["body"] = json!("eA==");
    expected["isBase64Encoded"] = json!(true);
    let request_context = expected["requestContext"].as_object_mut().unwrap();
    for (name, value) in [
        ("authorizer", json!({"principalId": "me"})),
        ("requestTime", json!("01/Jan/1970:00:00:00 +0000")),
        ("requestTimeEpoch", json!(0)),
        ("protocol", json!("HTTP/1.1")),
        ("domainName", json!(null)),
    ] {
        request_context.insert(name.to_owned(), value);
    }
    for absent in [
        "accessKey",
        "accountId",
        "caller",
        "cognitoAuthenticationProvider",
        "cognitoAuthenticationType",
        "cognitoIdentityId",
        "cognitoIdentityPoolId",
        "principalOrgId",
        "user",
        "userArn",
    ] {
        request_context["identity"][absent] = json!(null);
    }
    assert_eq!(event, expected);
}

#[test]
fn an_identity_has_exactly_one_value_of_every_source() {
    let api = api(OPENAPI);
    let identity_of = |sources: &[&str], values: &[&[u8]], query: &str| {
        let mut head = head("/things/7");
        head.headers.remove("authorization");
        for value in values {
            let value = http::HeaderValue::from_bytes(value).unwrap();
            head.headers.append("Authorization", value);
        }
        head.query = Some(query.to_owned());
        let mut settings = api.authorizers["jwt"].clone();
        settings.kind = AuthorizerKind::Request;
        settings.identity = sources.iter().map(|source| source.parse().unwrap()).collect();
        assert!(settings.identity.iter().all(identity::is_supported));
        let found = find(&ApiRouter::new(&api.routes), &api, "GET", &head.path).unwrap();
        identity::identity(&settings.identity, None, &Context::new(&api, &head, Some(&found)))
    };
    let header = "method.request.header.authorization";
    assert_eq!(identity_of(&[header], &[b"Bearer x"], ""), Ok(vec!["Bearer x".to_owned()]));
    let invalid: [&[&[u8]]; 4] = [&[], &[b""], &[b"a", b"b"], &[b"\xff"]];
    for values in invalid {
        assert!(identity_of(&[header], values, "").is_err(), "{values:?}");
    }
    let all = [
        "method.request.querystring.t",
        "context.httpMethod",
        "context.resourcePath",
        "context.path",
        "context.identity.sourceIp",
        header,
    ];
    assert_eq!(
        identity_of(&all, &[b"x"], "t=a%20b").unwrap(),
        ["a b", "GET", "/things/{id}", "/dev/things/7", "127.0.0.1", "x"]
    );
    for query in ["", "t=", "t=a&t=b", "T=a"] {
        assert!(identity_of(&all, &[b"x"], query).is_err(), "{query}");
    }
    assert!(identity_of(&["context.identity.userAgent"], &[], "").is_err());
    let unsupported = "context.identity.clientCert.clientCertPem";
    assert!(!identity::is_supported(&unsupported.parse().unwrap()));
    // The stage has no such variable.
    assert!(identity_of(&["stageVariables.x"], &[], "").is_err());
    for invalid in ["", "context.", "method.request.path.id", "header.x", "context.a b"] {
        assert!(invalid.parse::<IdentitySource>().is_err(), "{invalid}");
    }
}

#[test]
fn only_a_single_bearer_token_matches_the_validation_expression() {
    let api = api(OPENAPI);
    let is_valid = |value: &str| {
        let mut head = head("/things/7");
        head.headers.insert("authorization", value.parse().unwrap());
        let found = find(&ApiRouter::new(&api.routes), &api, "GET", &head.path).unwrap();
        let settings = &api.authorizers["jwt"];
        let validation = identity::validation(settings.validation().unwrap()).unwrap();
        let context = Context::new(&api, &head, Some(&found));
        identity::identity(&settings.identity, Some(&validation), &context).is_ok()
    };
    for (value, expected) in [
        ("Bearer a.b.c", true),
        ("bEARER aA0-_.b.c", true),
        ("Bearer", false),
        ("Bearer a", false),
        ("Bearer a.b", false),
        ("Bearer a.b.", false),
        ("Bearer a..c", false),
        ("Bearer a.b.c.d.e", false),
        ("Bearer a.b.c=", false),
        ("Bearer  a.b.c", true),
        ("Bearer    a.b.c", true),
        ("Bearer\ta.b.c", false),
        ("Bearer \ta.b.c", false),
        ("Bearer a.b.c ", false),
        ("Bearer   ", false),
        (" Bearer a.b.c", false),
        ("Bearer a.b.c, Bearer a.b.c", false),
        ("Basic a.b.c", false),
        ("DPoP a.b.c", false),
        ("a.b.c", false),
    ] {
        assert_eq!(is_valid(value), expected, "{value}");
    }
}

#[test]
fn the_authorizer_accepts_no_value_that_the_validation_expression_rejects() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::default());
    // A well-formed token without an issuer: the authorizer rejects it after its form is checked.
    let token = "eyJhbGciOiJFUzI1NiJ9.e30.AA";
    let tokens =
        [token, "x", "x.x", "", &format!("{token}.AA"), &format!("{token}=")].map(str::to_owned);
    for (source, pattern) in [
        (json!({"header": "Authorization"}), BEARER_TOKEN_PATTERN),
        (json!({"header": "Authorization", "scheme": "none"}), RAW_TOKEN_PATTERN),
    ] {
        let issuer = json!({"issuer": "https://i.example.com/", "audience": ["a"]});
        let config = json!({"issuers": [issuer], "token": source});
        let authorizer = Authorizer::new(Config::from_json(&config.to_string()).unwrap(), &fetch);
        let expression = identity::validation(pattern).unwrap();
        let mut accepted = 0;
        for scheme in ["Bearer", "bEARER", "Basic", "Bear", " Bearer", ""] {
            for separator in ["", " ", "   ", "\t", " \t", ",", "\u{a0}"] {
                for token in &tokens {
                    for end in ["", " ", ", x", "\n"] {
                        let value = format!("{scheme}{separator}{token}{end}");
                        let event = json!({
                            "type": "TOKEN", "authorizationToken": value,
                            "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc/dev/GET/",
                        })
                        .to_string();
                        let decided = authorizer.handle(&event, UnixTime::from_seconds(0));
                        let decision = runtime.block_on(decided).decision;
                        let is_match = expression.is_match(&value);
                        // A token is accepted by both, and the expression accepts no other credential.
                        assert!(is_match || decision.step < Step::Issuer, "{value:?} {decision:?}");
                        assert!(!is_match || decision.step > Step::Credential, "{value:?}");
                        accepted += usize::from(decision.step >= Step::Issuer);
                    }
                }
            }
        }
        assert!(accepted > 0, "{pattern}");
    }
}

#[test]
fn results_are_cached_by_identity_until_their_ttl() {
    let response = json!({"principalId": "p", "policyDocument": {
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
    }});
    let policy = Arc::new(ParsedPolicy::parse(&response.to_string()).unwrap());
    let at = UnixTime::from_seconds;
    let mut cache = Cache::default();
    let of = |identity: &str| vec![identity.to_owned()];
    cache.put("jwt", of("a"), &policy, 300, at(1000));
    cache.put("jwt", of("never"), &policy, 0, at(1000));
    cache.put("jwt", Vec::new(), &policy, 300, at(1000));
    assert!(cache.get("jwt", &[], at(1000)).is_none(), "no source distinguishes callers");
    let age = |authorizer, identity, now| {
        cache.get(authorizer, &of(identity), at(now)).map(|(_, age)| age)
    };
    assert_eq!(age("jwt", "a", 1000), Some(0));
    assert_eq!(age("jwt", "a", 1299), Some(299));
    assert_eq!(age("jwt", "a", 1300), None);
    assert_eq!(age("jwt", "a", 999), None, "the clock moved backwards");
    assert_eq!(age("jwt", "b", 1000), None);
    assert_eq!(age("other", "a", 1000), None);
    assert_eq!(age("jwt", "never", 1000), None);
    for n in 0..25_000 {
        cache.put("jwt", of(&n.to_string()), &policy, 300, at(2000));
    }
    assert!(cache.len() <= 10_000, "{}", cache.len());
}

#[test]
fn refusals_have_the_responses_of_api_gateway() {
    let responses: Vec<String> = RefusalKind::ALL
        .iter()
        .map(|refusal| {
            let (status, error_type, body) = refusal.default_response();
            format!("{refusal:?}: {status} {error_type} {body}")
        })
        .collect();
    insta::assert_snapshot!(responses.join("\n"));
}

#[test]
fn examples_include_an_allowed_request_and_an_insufficient_scope() {
    let two = OPENAPI.replacen(
        "  /open:",
        "  /others:\n    get: { security: [{jwt: [other]}] }\n  /open:",
        1,
    );
    let found = examples::choose(&api(&two)).unwrap();
    assert_eq!(found.scope, "other");
    let request = |path: &str| ExampleRequest {
        method: "GET",
        path: path.to_owned(),
        token: TokenSource::default(),
    };
    assert_eq!(found.allowed, request("/others"));
    assert_eq!(found.insufficient_scope, Some(request("/things/1")));
    let one = examples::choose(&api(OPENAPI)).unwrap();
    assert_eq!((one.allowed.path.as_str(), one.insufficient_scope), ("/things/1", None));
    let without_tokens = OPENAPI.replace("- jwt: [read]", "- key: []");
    assert_eq!(examples::choose(&api(&without_tokens)), None);
}

#[test]
fn buckets_refill_and_quotas_reset() {
    let at = |text: &str| {
        time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap()
    };
    let limit = Throttle { rate: 2.0, burst: 3 };
    let mut usage = Usage::default();
    for (time, expected) in [
        ("2026-11-21T10:00:00Z", true),
        ("2026-11-21T10:00:00Z", true),
        ("2026-11-21T10:00:00Z", true),
        ("2026-11-21T10:00:00Z", false),
        ("2026-11-21T10:00:00.4Z", false),
        ("2026-11-21T10:00:00.6Z", true),
        ("2026-11-21T10:00:00.6Z", false),
        // The clock moves backwards: no tokens are added.
        ("2026-11-21T09:00:00Z", false),
        // No more than the burst, however long the bucket was idle.
        ("2026-11-21T23:00:00Z", true),
        ("2026-11-21T23:00:00Z", true),
        ("2026-11-21T23:00:00Z", true),
        ("2026-11-21T23:00:00Z", false),
    ] {
        assert_eq!(usage.take("a", limit, at(time)), expected, "{time}");
    }
    assert!(usage.take("b", limit, at("2026-11-21T23:00:00Z")), "each name has its own bucket");

    // 2026-11-21 is a Saturday.
    for (period, within, beyond) in [
        ("DAY", "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z"),
        ("WEEK", "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z"),
        ("WEEK", "2026-11-15T00:00:00Z", "2026-11-14T23:59:59Z"),
        ("MONTH", "2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"),
        ("MONTH", "2026-11-01T00:00:00Z", "2027-11-01T00:00:00Z"),
    ] {
        let quota = Quota { limit: 2, period: period.into() };
        let mut usage = Usage::default();
        let mut count = |time: &str| usage.count("key", &quota, at(time));
        assert!(count("2026-11-21T10:00:00Z") && count(within), "{period}");
        assert!(!count(within), "{period}");
        assert!(count(beyond), "{period} {beyond}");
    }
}

#[test]
fn templates_are_substituted_unless_they_require_vtl() {
    let api = api(OPENAPI);
    let head = head("/things/a%20b");
    let found = find(&ApiRouter::new(&api.routes), &api, "GET", &head.path).unwrap();
    let context = Context::new(&api, &head, Some(&found));
    let context = context.with([("authorizer.sub", "me".to_owned())]);
    for (template, expected) in [
        ("", ""),
        ("plain, 5 € and 100 %", "plain, 5 € and 100 %"),
        ("{\"a\": $input.json('$')}", "{\"a\": BODY}"),
        ("$input.body", "BODY"),
        ("$context.stage/$context.authorizer.sub.", "dev/me."),
        ("[$context.nothing]", "[]"),
        (
            "$input.params('id') $input.params('q') $input.params('x-many') $input.params('none')",
            "a b c 1 ",
        ),
        ("#1 and # alone", "#1 and # alone"),
    ] {
        let parsed = Template::parse(template).unwrap_or_else(|| panic!("{template}"));
        assert_eq!(parsed.render("BODY", &context), expected, "{template}");
    }
    for vtl in [
        "#set($a = 1)",
        "#if($x)a#end",
        "## a comment",
        "#* one *#",
        "$util.urlDecode('a')",
        "$input.json('$.a')",
        "$input.path('$')",
        "$a",
        "${context.stage}",
        "$!context.stage",
        "$context.stage.toUpperCase()",
        "$input.params().header",
        "$input.params(\"id\")",
        "5 $",
        "#{end}",
        "#@x",
    ] {
        assert_eq!(Template::parse(vtl), None, "{vtl}");
    }
    let variables = [("a".to_owned(), "1".to_owned())].into();
    assert_eq!(
        stage_variables("http://${stageVariables.a}/x/${stageVariables.a}", &variables).unwrap(),
        "http://1/x/1"
    );
    assert!(stage_variables("${stageVariables.b}", &variables).unwrap_err().contains("`b`"));
    for (mapped, value) in [
        ("'a text'", Some("a text")),
        ("''", Some("")),
        ("context.httpMethod", Some("GET")),
        ("context.authorizer.sub", Some("me")),
        ("method.request.path.id", Some("a b")),
        ("method.request.querystring.q", Some("c")),
        ("method.request.header.X-Many", Some("1")),
        ("method.request.header.none", None),
        ("stageVariables.none", None),
    ] {
        assert!(is_expression(mapped), "{mapped}");
        assert_eq!(expression(mapped, &context).as_deref(), value, "{mapped}");
    }
    for other in ["'", "text", "method.request.body.a", "integration.response.header.a", ""] {
        assert!(!is_expression(other), "{other}");
    }
}
