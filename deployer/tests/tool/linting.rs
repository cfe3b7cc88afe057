//! Lint rules, and the type and identity sources that authorizers get from their routes.

use std::fs;

use compiler::api::RAW_TOKEN_PATTERN;
use serde_json::{Value, json};

use crate::compiling::{check, manifest, openapi};
use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

/// `GET /x/{a}` granted, `GET /x/{a}/y/{b}` not, `GET /x/{a}/y/{b}/w` granted.
const INEXPRESSIBLE: &str = "  /x/{a}:\n    get: { security: [{jwt: [one]}] }\n  /x/{a}/y/{b}:\n    get: { security: [{jwt: [two]}] }\n  /x/{a}/y/{b}/w:\n    get: { security: [{jwt: [one]}] }\n  /open:";

const CONFLICT: &str = "no IAM policy for the scopes `one` can allow `GET /x/{a}` and deny `GET /x/{a}/y/{b}` without denying part of `GET /x/{a}/y/{b}/w`: `*` also matches `/`";

/// Returns the authorizer in the document for AWS, and the function's configuration.
fn exported_and_configured(settings: &str, openapi: &str) -> (Value, Value) {
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
fn routes_that_no_policy_can_distinguish_are_cached_separately() {
    let by_route = "is a REQUEST authorizer that returns a policy per route, cached by HTTP method and resource path";
    openapi(
        "  /open:",
        INEXPRESSIBLE,
        &[&format!("note: openapi.yaml:12:5: {CONFLICT} (no action required: `jwt` {by_route})")],
    );
    let document = OPENAPI.replace("  /open:", INEXPRESSIBLE);
    let (scheme, config) = exported_and_configured("", &document);
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
    // Only a few of many conflicts are reported.
    let many: Vec<String> = ('a'..='e')
        .map(|name| INEXPRESSIBLE.replace("/x/", &format!("/{name}/")).replace("  /open:", ""))
        .collect();
    let found = check(("", ""), ("  /open:", &format!("{}  /open:", many.concat())));
    assert_eq!(found.len(), 4, "{found:?}");
    let more = "`jwt` has more routes that cannot be cached by the token alone";
    assert!(found.iter().any(|note| note.ends_with(more)), "{found:?}");
    // Without a cache, a TOKEN authorizer is enough.
    let (scheme, config) =
        exported_and_configured("\ncache_ttl = \"0s\"\ntype = \"token\"", &document);
    let authorizer = &scheme["x-amazon-apigateway-authorizer"];
    assert_eq!(
        (&authorizer["type"], &authorizer["identitySource"], &scheme["name"]),
        (&json!("token"), &json!("method.request.header.Authorization"), &json!("Authorization"))
    );
    assert_eq!(config["policy"], "route");
    // A cached TOKEN authorizer cannot return correct results.
    let found = check(
        ("[authorizer.jwt]", "[authorizer.jwt]\ntype = \"token\""),
        ("  /open:", INEXPRESSIBLE),
    );
    let help = "(remove `type`, or set `cache_ttl = \"0s\"`)";
    assert_eq!(
        found,
        [format!(
            "portcullis.toml:5:13: results of `jwt` cannot be cached by the token alone: {CONFLICT} {help}"
        )]
    );
    let (scheme, config) = exported_and_configured("", OPENAPI);
    assert_eq!(scheme["x-amazon-apigateway-authorizer"]["type"], "token");
    assert_eq!(config.get("policy"), None);
    // A note is not a warning.
    let folder = folder(MANIFEST, &document);
    assert_eq!(deployer(folder.path(), &["check", "--deny-warnings"]).status.code(), Some(0));
}

#[test]
fn policies_that_would_be_too_long_cover_one_route() {
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
    assert!(found.contains("the policy for the scopes `even odd read` would be "), "{found}");
    assert!(
        found.contains(" bytes, more than 8192 (no action required: `jwt` is a REQUEST"),
        "{found}"
    );
    let (scheme, config) = exported_and_configured("", &OPENAPI.replace("  /open:", &paths));
    assert_eq!(scheme["x-amazon-apigateway-authorizer"]["type"], "request");
    assert_eq!(config["policy"], "route");
    // By another limit.
    let limit = |bytes: u32| {
        format!("[authorizer.jwt]\npolicy_max_bytes = {bytes}\npolicy_outlives_token = true")
    };
    let longer = limit(65_536);
    assert_eq!(check(("[authorizer.jwt]", &longer), ("  /open:", &paths)), [""; 0]);
    let paths: Vec<&str> = paths.split_inclusive('\n').take(24).collect();
    let few = format!("{}  /open:", paths.concat());
    assert_eq!(check(("", ""), ("  /open:", &few)), [""; 0]);
    let found = check(("[authorizer.jwt]", &limit(1024)), ("  /open:", &few));
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert!(found.contains(" bytes, more than 1024 (no action required: `jwt`"), "{found}");
}

#[test]
fn a_pinned_function_with_merged_patterns_is_a_warning() {
    let paths: Vec<String> =
        (0..60).map(|at| format!("  /orders/{}{at}:\n    get: {{}}\n", "p".repeat(150))).collect();
    let paths = format!("{}  /open:", paths.concat());
    let released = "function_arn = \"arn:aws:lambda:eu-west-1:123456789012:function:shop:live\"";
    let pinned = |settings: &str| format!("function = \"shop\"\n{settings}");
    let found = check((released, &pinned("")), ("  /open:", &paths));
    let [found] = found.as_slice() else { panic!("{found:?}") };
    let message = "warning: portcullis.toml:5:13: policies of `jwt` have merged patterns: that for the scopes `read` would be ";
    let consequence = " bytes, more than 8192, with the patterns of its routes only (a cached policy may allow a route that was deployed manually, for up to 300 s: raise `policy_max_bytes`, or set `cache_ttl = \"0s\"`)";
    assert!(found.starts_with(message) && found.ends_with(consequence), "{found}");
    for settings in ["cache_ttl = \"0s\"", "policy_max_bytes = 65536"] {
        let found = check((released, &pinned(settings)), ("  /open:", &paths));
        assert_eq!(found, [""; 0], "{settings}");
    }
    assert_eq!(check((released, &pinned("")), ("", "")), [""; 0]);
    // Merged patterns are too long as well: a policy covers one route, and merges nothing.
    let small = pinned("policy_max_bytes = 1024");
    let words: Vec<String> = (0..30)
        .map(|at| {
            format!(
                "  /{}{at}:\n    get: {{}}\n  /x{at}: {{ get: {{ security: [{{jwt: [x]}}] }} }}\n",
                "p".repeat(150)
            )
        })
        .collect();
    let found = check((released, &small), ("  /open:", &format!("{}  /open:", words.concat())));
    assert!(found.iter().all(|found| found.contains("no action required: `jwt`")), "{found:?}");
    assert_eq!(found.len(), 1);
    // A function that is released separately: one route per policy.
    let found = check(("", ""), ("  /open:", &paths));
    assert!(found.iter().all(|found| found.contains("no action required: `jwt`")), "{found:?}");
    assert_eq!(found.len(), 1);
    let configured = |manifest: &str| -> Value {
        let folder = folder(manifest, &OPENAPI.replace("  /open:", &paths));
        let written = deployer(folder.path(), &["config"]).stdout;
        serde_json::from_slice(&written).unwrap()
    };
    let config = configured(&MANIFEST.replace(released, &pinned("")));
    assert_eq!((&config["pinned"], config.get("policy")), (&json!(true), None));
    let config = configured(MANIFEST);
    assert_eq!((config.get("pinned"), &config["policy"]), (None, &json!("route")));
}

#[test]
fn a_decision_by_values_outside_of_the_cache_key_is_an_error() {
    let audience = "audience = [\"https://shop.example.com\"]";
    let header = "\ntoken = { header = \"X-Token\" }";
    let request = "\ntype = \"request\"";
    let never = "\ncache_ttl = \"0s\"";
    let sources = |more: &str| format!("{request}\nidentity_sources = [{more}]");
    let by_header = "\"method.request.header.authorization\"";
    let certificate = "\"context.identity.clientCert.clientCertPem\"";
    let alone = "`dpop` and `mtls` require a REQUEST authorizer: `jwt` receives the token alone (set `type = \"request\"` and `cache_ttl = \"0s\"`: every request has its own proof)";
    let proof = "`jwt` verifies a DPoP proof per request, but its results are cached (set `cache_ttl = \"0s\"`: a proof is valid for one request)";
    let mtls = "`jwt` verifies the client certificate, which is not among its identity sources (add \"context.identity.clientCert.clientCertPem\" to `identity_sources`, or set `cache_ttl = \"0s\"`)";
    let other = "the token of `jwt` is in method.request.header.X-Token, which is not among its identity sources: callers would share cached results (add \"method.request.header.X-Token\" to `identity_sources`)";
    let alone_in = |location: &str| {
        format!(
            "a token in {location} requires a REQUEST authorizer: `jwt` receives one header (remove `type`, or set `type = \"request\"`)"
        )
    };
    let (query, cookie) = (alone_in("the query string"), alone_in("a cookie"));
    let (in_query, in_cookie) = ("\ntoken = { query = \"t\" }", "\ntoken = { cookie = \"t\" }");
    let token = "\ntype = \"token\"";
    let raw = "\ntoken = { header = \"X\", scheme = \"none\" }";
    let scheme = "`dpop` requires a header with the scheme `DPoP`: the token of `jwt` has no scheme (set `token = { header = \"Authorization\" }`, or `dpop = \"forbidden\"`)";
    let cookies = "the token of `jwt` is in method.request.header.Cookie, which is not among its identity sources: callers would share cached results (add \"method.request.header.Cookie\" to `identity_sources`)";
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
        (format!("{in_query}{token}"), "", Some(&query)),
        (format!("{in_query}{request}"), "", None),
        (in_query.to_owned(), "", None),
        (format!("{in_cookie}{token}"), "", Some(&cookie)),
        (format!("{in_cookie}{request}"), "", None),
        (in_cookie.to_owned(), "", None),
        (format!("{in_cookie}{}", sources(by_header)), "", Some(cookies)),
        (format!("{in_cookie}{never}"), "dpop = \"optional\"", Some(scheme)),
        (format!("{raw}{request}{never}"), "dpop = \"required\"", Some(scheme)),
        (format!("{raw}{request}{never}"), "", None),
        (format!("{in_cookie}{}", sources("\"method.request.header.cookie\"")), "", None),
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
fn token_locations_and_identity_sources_are_validated_at_their_position() {
    let with = |more: &str| format!("[authorizer.jwt]\n{more}");
    let names = "(use method.request.header.NAME, method.request.querystring.NAME, stageVariables.NAME or context.NAME)";
    let forms = "(write { header = \"NAME\" }, { query = \"NAME\" } or { cookie = \"NAME\" })";
    for (more, expected) in [
        ("token = { cooky = \"t\" }", "6:11: `token`: unknown member `cooky` (did you mean `cookie`?)".to_owned()),
        ("token = { header = \"a b\" }", format!("6:9: `token` must name a header, found `a b` {forms}")),
        ("token = { cookie = \"a=b\" }", format!("6:9: `token` must name a cookie, found `a=b` {forms}")),
        ("token = { websocket_protocol = \"t\" }", format!("6:9: `token` must not be `websocket_protocol`, which only WebSocket APIs support {forms}")),
        ("token = {}", "6:9: `token`: expected exactly one of `cookie`, `header`, `query` and `websocket_protocol`".to_owned()),
        ("token = { header = \"X\", cookie = \"t\" }", "6:9: `token`: expected exactly one of `cookie`, `header`, `query` and `websocket_protocol`".to_owned()),
        ("token = { cookie = \"t\", scheme = \"none\" }", "6:9: `token`: `scheme` is allowed with `header` only".to_owned()),
        ("token = { header = \"X\", scheme = \"basic\" }", "6:34: `token`: unknown value `basic` (expected `bearer` or `none`)".to_owned()),
        ("public_urls = [\"http://www.example.com\"]", "6:15: `public_urls` must be an https URL without user, query and fragment, or an http URL of a loopback host, found `http://www.example.com` (write the URL that clients use, such as \"https://www.example.com/api\")".to_owned()),
        ("public_urls = []", "6:15: `public_urls` must not be empty (write the URL that clients use, such as \"https://www.example.com/api\")".to_owned()),
        ("type = \"request\"\nidentity_sources = [\"method.request.header.Authorization\", \"method.request.path.id\"]", format!("7:20: invalid identity source `method.request.path.id` {names}")),
        ("identity_sources = [\"method.request.header.Authorization\"]", "6:20: `identity_sources` requires a REQUEST authorizer: a TOKEN authorizer receives the token alone (set `type = \"request\"`)".to_owned()),
    ] {
        manifest("[authorizer.jwt]", &with(more), &[&format!("portcullis.toml:{expected}")]);
    }
    let empty = "type = \"request\"\ncache_ttl = \"0s\"\nidentity_sources = []";
    let expected = "portcullis.toml:8:20: `identity_sources` must not be empty (remove it to cache results by the token)";
    manifest("[authorizer.jwt]", &with(empty), &[expected]);
    let (scheme, config) = exported_and_configured("\ntoken = { header = \"X-Token\" }", OPENAPI);
    assert_eq!(scheme["name"], "X-Token");
    assert_eq!(
        scheme["x-amazon-apigateway-authorizer"]["identitySource"],
        "method.request.header.X-Token"
    );
    assert_eq!(config["token"], json!({"header": "X-Token"}));
    let settings = "\ntoken = { cookie = \"s\" }\npublic_urls = [\"https://www.example.com/api\"]";
    let (scheme, config) = exported_and_configured(settings, OPENAPI);
    let authorizer = &scheme["x-amazon-apigateway-authorizer"];
    assert_eq!(
        (&authorizer["type"], &authorizer["identitySource"]),
        (&json!("request"), &json!("method.request.header.Cookie"))
    );
    assert_eq!(config["token"], json!({"cookie": "s"}));
    assert_eq!(config["public_urls"], json!(["https://www.example.com/api"]));
}

#[test]
fn a_token_without_a_scheme_can_have_a_token_authorizer() {
    let raw = "\ntoken = { header = \"X-Token\", scheme = \"none\" }";
    let (scheme, config) = exported_and_configured(raw, OPENAPI);
    let authorizer = &scheme["x-amazon-apigateway-authorizer"];
    assert_eq!(
        (&authorizer["type"], &authorizer["identitySource"]),
        (&json!("token"), &json!("method.request.header.X-Token"))
    );
    assert_eq!(authorizer["identityValidationExpression"], RAW_TOKEN_PATTERN);
    assert_eq!(config["token"], json!({"header": "X-Token", "scheme": "none"}));
}

#[test]
fn a_preflight_request_that_requires_authorization_is_a_warning() {
    let options =
        |security: &str| format!("  /things:\n    options: {{ security: {security} }}\n  /open:");
    openapi("  /open:", &options("[]"), &[]);
    for (security, security_name) in
        [("[{jwt: [read]}]", "jwt [read]"), ("[{key: []}]", "API key"), ("[{iam: []}]", "AWS_IAM")]
    {
        openapi(
            "  /open:",
            &options(security),
            &[&format!(
                "warning: openapi.yaml:10:5: `OPTIONS /things` requires authorization ({security_name}), so preflight requests are rejected (set `security: []` if browsers call this API)"
            )],
        );
    }
}

#[test]
fn a_path_that_api_gateway_responds_to_itself_is_a_warning() {
    for path in ["/ping", "/sping"] {
        openapi(
            "  /open:",
            &format!("  {path}:"),
            &[&format!(
                "warning: openapi.yaml:10:5: `{path}` is reserved by API Gateway for health checks of custom domains (use another path, such as /health)"
            )],
        );
    }
    openapi("  /open:", "  /ping/open:", &[]);
}

#[test]
fn weaker_security_for_other_methods_of_a_path_is_a_warning() {
    let help = "(declare these methods on the path, or set the same security on the greedy route)";
    openapi("  /open:\n    get:", "  /{proxy+}:\n    get:", &[]);
    openapi(
        "  /open:\n    get:",
        "  /{proxy+}:\n    x-amazon-apigateway-any-method:",
        &[&format!(
            "warning: openapi.yaml:7:5: `DELETE, HEAD, PATCH, POST, PUT /things/{{id}}` is matched by `ANY /{{proxy+}}`, which is public {help}"
        )],
    );
    // Weaker, different and equal security.
    let greedy =
        |security: &str| format!("  /{{proxy+}}:\n    post: {{ security: {security} }}\n  /open:");
    let less = |security: &str| {
        format!(
            "warning: openapi.yaml:7:5: `POST /things/{{id}}` is matched by `POST /{{proxy+}}`, which requires jwt [{security}], less than `GET /things/{{id}}` (jwt [read]) {help}"
        )
    };
    openapi("  /open:", &greedy("[{jwt: []}]"), &[&less("")]);
    openapi("  /open:", &greedy("[{jwt: [read]}, {jwt: [x]}]"), &[&less("read or x")]);
    openapi("  /open:", &greedy("[{jwt: [write]}]"), &[]);
    openapi("  /open:", &greedy("[{jwt: [read]}]"), &[]);
    openapi("  /open:", &greedy("[{jwt: [read, x]}]"), &[]);
}

#[test]
fn a_misspelled_extension_is_an_error() {
    let integration = |name: &str| {
        format!(
            "operationId: getThing\n      {name}: {{ type: http_proxy, uri: https://b.example.com }}"
        )
    };
    openapi("operationId: getThing", &integration("x-amazon-apigateway-integration"), &[]);
    openapi("operationId: getThing", &integration("x-amazon-integration"), &[]);
    openapi(
        "operationId: getThing",
        &integration("x-amazon-api-gateway-integraton"),
        &[
            "openapi.yaml:9:7: unknown extension `x-amazon-api-gateway-integraton` (did you mean `x-amazon-apigateway-integration`?)",
        ],
    );
    openapi(
        "paths:",
        "x-amazon-apigateway-polcy: {}\npaths:",
        &[
            "openapi.yaml:5:1: unknown extension `x-amazon-apigateway-polcy` (did you mean `x-amazon-apigateway-policy`?)",
        ],
    );
}

#[test]
fn an_operation_that_becomes_public_is_a_warning() {
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
    let newly_public = against("operationId: getThing", "security: []");
    assert_eq!(newly_public.status.code(), Some(3));
    assert!(
        transcript(&newly_public)
            .contains("`GET /things/{id}` becomes public: it required jwt [read]"),
        "{}",
        transcript(&newly_public)
    );
    // Removed, so that its requests reach a public route.
    let matched_by_other = against(
        "  /things/{id}:\n    get:\n      operationId: getThing\n",
        "  /{proxy+}:\n    get: { security: [] }\n",
    );
    assert!(
        transcript(&matched_by_other)
            .contains("`GET /things/{id}` becomes public by `GET /{proxy+}`: it required"),
        "{}",
        transcript(&matched_by_other)
    );
    let missing = deployer(earlier.path(), &["check", "--against", "none.json"]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(transcript(&missing).contains("cannot read none.json"), "{}", transcript(&missing));
}
