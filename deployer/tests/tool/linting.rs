//! What the files may say and should not, and how authorizers are wired by what they need.

use std::fs;

use serde_json::{Value, json};

use crate::compiling::{check, manifest, openapi};
use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

/// `GET /x/{a}` granted, `GET /x/{a}/y/{b}` not, `GET /x/{a}/y/{b}/w` granted.
const INEXPRESSIBLE: &str = "  /x/{a}:\n    get: { security: [{jwt: [one]}] }\n  /x/{a}/y/{b}:\n    get: { security: [{jwt: [two]}] }\n  /x/{a}/y/{b}/w:\n    get: { security: [{jwt: [one]}] }\n  /open:";

const WHY: &str = "no policy can let a caller with `one` call GET /x/{a} and not GET /x/{a}/y/{b} without closing part of GET /x/{a}/y/{b}/w, because IAM's `*` crosses `/`";

/// Returns the authorizer in the document for AWS, and the function's configuration.
fn wired(settings: &str, openapi: &str) -> (Value, Value) {
    let changed = MANIFEST.replace("[authorizer.jwt]", &format!("[authorizer.jwt]{settings}"));
    let folder = folder(&changed, openapi);
    let read = |arguments: &[&str]| -> Value {
        let output = deployer(folder.path(), arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", transcript(&output)))
    };
    let document = read(&["export", "--document"]);
    (crate::scheme(&document, "jwt"), read(&["config"]))
}

#[test]
fn routes_that_no_policy_can_tell_apart_are_cached_one_by_one() {
    let by_route =
        "is a REQUEST authorizer that answers for one route, cached by method and resource path";
    openapi(
        "  /open:",
        INEXPRESSIBLE,
        &[&format!("note: openapi.yaml:12:5: {WHY} (nothing to do: `jwt` {by_route})")],
    );
    let document = OPENAPI.replace("  /open:", INEXPRESSIBLE);
    let (scheme, config) = wired("", &document);
    let authorizer = &scheme["x-amazon-apigateway-authorizer"];
    assert_eq!(
        (&authorizer["type"], &authorizer["identitySource"], &scheme["name"]),
        (
            &json!("request"),
            &json!("context.httpMethod,context.resourcePath,method.request.header.Authorization"),
            &json!("Unused")
        )
    );
    assert_eq!(config["policy"], "route");
    // A few are told of many.
    let many: Vec<String> = ('a'..='e')
        .map(|name| INEXPRESSIBLE.replace("/x/", &format!("/{name}/")).replace("  /open:", ""))
        .collect();
    let found = check(("", ""), ("  /open:", &format!("{}  /open:", many.concat())));
    assert_eq!(found.len(), 4, "{found:?}");
    let more = "and there are more like it in `jwt`";
    assert!(found.iter().any(|note| note.ends_with(more)), "{found:?}");
    // Without a cache the token alone will do.
    let (scheme, config) = wired("\ncache_ttl = \"0s\"\ntype = \"token\"", &document);
    let authorizer = &scheme["x-amazon-apigateway-authorizer"];
    assert_eq!(
        (&authorizer["type"], &authorizer["identitySource"], &scheme["name"]),
        (&json!("token"), &json!("method.request.header.Authorization"), &json!("Authorization"))
    );
    assert_eq!(config["policy"], "route");
    // With one and the token alone there is no right answer.
    let found = check(
        ("[authorizer.jwt]", "[authorizer.jwt]\ntype = \"token\""),
        ("  /open:", INEXPRESSIBLE),
    );
    let help = "(leave out `type`, or set `cache_ttl = \"0s\"`)";
    assert_eq!(
        found,
        [format!(
            "portcullis.toml:5:13: the answers of `jwt` cannot be cached by its token: {WHY} {help}"
        )]
    );
    let (scheme, config) = wired("", OPENAPI);
    assert_eq!(scheme["x-amazon-apigateway-authorizer"]["type"], "token");
    assert_eq!(config.get("policy"), None);
    // A note is no warning.
    let folder = folder(MANIFEST, &document);
    assert_eq!(deployer(folder.path(), &["check", "--deny-warnings"]).status.code(), Some(0));
}

#[test]
fn policies_that_would_be_too_long_are_about_one_route() {
    let paths: Vec<String> = (0..60)
        .map(|at| {
            let scope = if at % 2 == 0 { "even" } else { "odd" };
            let long = "p".repeat(100);
            format!("  /{long}{at}/{{id}}/{long}:\n    get: {{ security: [{{jwt: [{scope}]}}] }}\n")
        })
        .collect();
    let paths = format!("{}  /open:", paths.concat());
    let found = check(("", ""), ("  /open:", &paths));
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert!(found.contains("the policy of a caller with `odd read` would have "), "{found}");
    assert!(found.contains(" bytes, more than 8192 (nothing to do: `jwt` is a REQUEST"), "{found}");
    let (scheme, config) = wired("", &OPENAPI.replace("  /open:", &paths));
    assert_eq!(scheme["x-amazon-apigateway-authorizer"]["type"], "request");
    assert_eq!(config["policy"], "route");
}

#[test]
fn a_decision_by_what_the_cache_does_not_know_is_an_error() {
    let audience = "audience = [\"https://shop.example.com\"]";
    let header = "\ntoken = { header = \"X-Token\" }";
    let request = "\ntype = \"request\"";
    let never = "\ncache_ttl = \"0s\"";
    let sources = |more: &str| format!("{request}\nidentity_sources = [{more}]");
    let by_header = "\"method.request.header.authorization\"";
    let certificate = "\"context.identity.clientCert.clientCertPem\"";
    let alone = "`dpop` and `mtls` of the authorizer `jwt` cannot be checked: it is sent the token alone (set `type = \"request\"` and `cache_ttl = \"0s\"`: the proof is in each request)";
    let proof = "`jwt` checks a DPoP proof of each request, and its answers are cached (set `cache_ttl = \"0s\"`: a proof is good for one request)";
    let mtls = "`jwt` checks the client's certificate, and its answers are not cached by it (add \"context.identity.clientCert.clientCertPem\" to `identity_sources`, or set `cache_ttl = \"0s\"`)";
    let other = "`jwt` decides by method.request.header.X-Token, and its answers are not cached by it: a caller would get another one's answer (add \"method.request.header.X-Token\" to `identity_sources`)";
    let query = "`jwt` finds its token in the query, and is sent one header alone (set `type = \"request\"`)";
    for (settings, possession, expected) in [
        (String::new(), "dpop = \"required\"", Some(alone)),
        (String::new(), "mtls = \"optional\"", Some(alone)),
        (String::new(), "dpop = \"forbidden\"", None),
        (request.to_owned(), "dpop = \"optional\"", Some(proof)),
        (request.to_owned(), "mtls = \"optional\"", Some(mtls)),
        (never.to_owned(), "mtls = \"required\"", Some(alone)),
        (format!("{request}{never}"), "mtls = \"required\"\ndpop = \"required\"", None),
        (sources(&format!("{by_header}, {certificate}")), "mtls = \"required\"", None),
        (sources(by_header), "", None),
        (header.to_owned(), "", None),
        (format!("{header}{}", sources(by_header)), "", Some(other)),
        (format!("{header}{}{never}", sources(by_header)), "", None),
        ("\ntoken = { query = \"t\" }".to_owned(), "", Some(query)),
        (format!("\ntoken = {{ query = \"t\" }}{request}"), "", None),
    ] {
        let changed = MANIFEST
            .replace("[authorizer.jwt]", &format!("[authorizer.jwt]{settings}"))
            .replace(audience, &format!("{audience}\n{possession}"));
        let expected: Vec<String> =
            expected.iter().map(|message| format!("portcullis.toml:5:13: {message}")).collect();
        assert_eq!(check((MANIFEST, &changed), ("", "")), expected, "{settings} {possession}");
    }
}

#[test]
fn where_the_token_is_and_what_answers_are_cached_by_are_checked_where_they_are_written() {
    let with = |more: &str| format!("[authorizer.jwt]\n{more}");
    let names = "(method.request.header.NAME, method.request.querystring.NAME, stageVariables.NAME or context.NAME)";
    for (more, expected) in [
        ("token = { cookie = \"t\" }", "6:9: `token`: unknown variant `cookie`, expected one of `header`, `query`, `websocket_protocol`".to_owned()),
        ("token = { header = \"a b\" }", "6:9: `token`: `a b` is no name of a header, parameter or protocol (write { header = \"NAME\" } or { query = \"NAME\" })".to_owned()),
        ("token = { websocket_protocol = \"t\" }", "6:9: `token`: `websocket_protocol` is for WebSocket APIs (write { header = \"NAME\" } or { query = \"NAME\" })".to_owned()),
        ("type = \"request\"\nidentity_sources = [\"method.request.header.Authorization\", \"method.request.path.id\"]", format!("7:20: `method.request.path.id` is not an identity source {names}")),
        ("identity_sources = [\"method.request.header.Authorization\"]", "6:20: an authorizer that is sent the token alone is cached by nothing else (set `type = \"request\"`)".to_owned()),
    ] {
        manifest("[authorizer.jwt]", &with(more), &[&format!("portcullis.toml:{expected}")]);
    }
    let empty = "type = \"request\"\ncache_ttl = \"0s\"\nidentity_sources = []";
    let told =
        "portcullis.toml:8:20: `identity_sources` is empty (leave it out to cache by the token)";
    manifest("[authorizer.jwt]", &with(empty), &[told]);
    let (scheme, config) = wired("\ntoken = { header = \"X-Token\" }", OPENAPI);
    assert_eq!(scheme["name"], "X-Token");
    assert_eq!(
        scheme["x-amazon-apigateway-authorizer"]["identitySource"],
        "method.request.header.X-Token"
    );
    assert_eq!(config["token"], json!({"header": "X-Token"}));
}

#[test]
fn an_answer_that_outlives_its_token_is_a_warning() {
    let audience = "audience = [\"https://shop.example.com\"]";
    let with = |age: &str| format!("{audience}\nmax_token_age = \"{age}\"");
    manifest(audience, &with("5m"), &[]);
    manifest(
        audience,
        &with("1m"),
        &[
            "warning: portcullis.toml:5:13: `jwt` caches its answers for 300s, and its tokens live for 60s at most (set `cache_ttl` below `max_token_age`: a cached answer outlives its token)",
        ],
    );
}

#[test]
fn a_preflight_request_behind_a_guard_is_a_warning() {
    let options =
        |security: &str| format!("  /things:\n    options: {{ security: {security} }}\n  /open:");
    openapi("  /open:", &options("[]"), &[]);
    for (security, guard) in
        [("[{jwt: [read]}]", "jwt [read]"), ("[{key: []}]", "API key"), ("[{iam: []}]", "AWS_IAM")]
    {
        openapi(
            "  /open:",
            &options(security),
            &[&format!(
                "warning: openapi.yaml:10:5: OPTIONS /things is guarded ({guard}), so browsers' preflight requests are refused (write `security: []` for it if browsers call this API)"
            )],
        );
    }
}

#[test]
fn a_path_that_api_gateway_answers_itself_is_a_warning() {
    for path in ["/ping", "/sping"] {
        openapi(
            "  /open:",
            &format!("  {path}:"),
            &[&format!(
                "warning: openapi.yaml:10:5: API Gateway answers {path} itself where a custom domain leads to the stage (give it another path, such as /health)"
            )],
        );
    }
    openapi("  /open:", "  /ping/open:", &[]);
}

#[test]
fn a_guard_that_other_methods_walk_around_is_a_warning() {
    let help = "(declare these methods on the path itself, or guard the greedy route)";
    openapi("  /open:\n    get:", "  /{proxy+}:\n    get:", &[]);
    openapi(
        "  /open:\n    get:",
        "  /{proxy+}:\n    x-amazon-apigateway-any-method:",
        &[&format!(
            "warning: openapi.yaml:7:5: DELETE, HEAD, PATCH, POST, PUT /things/{{id}} falls through to ANY /{{proxy+}}, which is public {help}"
        )],
    );
    // A weaker guard, a different one, the same one.
    let greedy =
        |security: &str| format!("  /{{proxy+}}:\n    post: {{ security: {security} }}\n  /open:");
    let less = |security: &str| {
        format!(
            "warning: openapi.yaml:7:5: POST /things/{{id}} falls through to POST /{{proxy+}}, which asks for less (jwt [{security}]) than GET /things/{{id}} (jwt [read]) {help}"
        )
    };
    openapi("  /open:", &greedy("[{jwt: []}]"), &[&less("")]);
    openapi("  /open:", &greedy("[{jwt: [read]}, {jwt: [x]}]"), &[&less("read or x")]);
    openapi("  /open:", &greedy("[{jwt: [write]}]"), &[]);
    openapi("  /open:", &greedy("[{jwt: [read]}]"), &[]);
    openapi("  /open:", &greedy("[{jwt: [read, x]}]"), &[]);
}

#[test]
fn what_an_earlier_deployment_guarded_and_everybody_may_call_now_is_a_warning() {
    let earlier = folder(MANIFEST, OPENAPI);
    let exported = deployer(earlier.path(), &["export", "--document", "--out", "live.json"]);
    assert_eq!(exported.status.code(), Some(0), "{}", transcript(&exported));
    let live = fs::read_to_string(earlier.path().join("live.json")).unwrap();
    let against = |from: &str, to: &str| {
        let now = folder(MANIFEST, &OPENAPI.replacen(from, to, 1));
        fs::write(now.path().join("live.json"), &live).unwrap();
        deployer(now.path(), &["check", "--deny-warnings", "--against", "live.json"])
    };
    assert_eq!(against("", "").status.code(), Some(0));
    let opened = against("operationId: getThing", "security: []");
    assert_eq!(opened.status.code(), Some(3));
    assert!(
        transcript(&opened)
            .contains("GET /things/{id} becomes public: it was guarded (jwt [read])"),
        "{}",
        transcript(&opened)
    );
    // Gone, so that its requests fall through to a public route.
    let fallen = against(
        "  /things/{id}:\n    get:\n      operationId: getThing\n",
        "  /{proxy+}:\n    get: { security: [] }\n",
    );
    assert!(
        transcript(&fallen)
            .contains("GET /things/{id} becomes public by GET /{proxy+}: it was guarded"),
        "{}",
        transcript(&fallen)
    );
    let missing = deployer(earlier.path(), &["check", "--against", "none.json"]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(transcript(&missing).contains("none.json cannot be read"), "{}", transcript(&missing));
}
