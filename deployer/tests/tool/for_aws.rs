//! Settings for AWS alone: CORS, stages, usage plans, request validators, models.

use serde_json::{Value, json};

use crate::compiling::{check, manifest, openapi};
use crate::{MANIFEST, OPENAPI, deployer, exported, folder, transcript};

#[test]
fn errors_of_stages_and_cors_are_reported_at_their_position() {
    let at = "[stage.dev]";
    for (text, expected) in [
        (
            "[cors]\nallow_origins = []",
            "17:17: `allow_origins` must not be empty (list the origins, or `*` for every origin)",
        ),
        (
            "[cors]\nallow_origins = [\"https://a.example.com/\"]",
            "17:17: invalid origin `https://a.example.com/` (write scheme, host and port alone, such as https://app.example.com)",
        ),
        (
            "[cors]\nallow_origins = [\"*\", \"https://a.example.com\"]",
            "17:17: `*` is not allowed with other origins (remove `*`, or the other origins)",
        ),
        (
            "[cors]\nallow_origins = [\"*\"]\nallow_credentials = true",
            "17:17: `allow_credentials` is not allowed with the origin `*` (list the origins: browsers reject `*` with credentials)",
        ),
        (
            "[cors]\nallow_origins = [\"*\"]\nallow_headers = [\"a b\"]",
            "18:17: `a b` is not allowed in `allow_headers` (use letters, digits, `-` and `_`, or `*`)",
        ),
        (
            "[usage_plan]\nquota = { limit = 1 }",
            "17:9: `quota` requires `limit` and `period` (write { limit = REQUESTS, period = \"day\" })",
        ),
        (
            "[stage.dev]\nthrottle = { rate = 1 }",
            "17:12: `throttle` requires `rate` and `burst` (write { rate = REQUESTS_PER_SECOND, burst = REQUESTS })",
        ),
        (
            "[stage.dev]\nvariables = { \"a-b\" = \"c\" }",
            "17:15: invalid stage variable `a-b` (use 1 to 64 letters, digits and `_` in the name)",
        ),
        (
            "[stage.dev]\nvariables = { a = \"c d\" }",
            "17:15: invalid stage variable `a` (use 1 to 512 letters, digits and `-._~:/?#&=,` in the value)",
        ),
        (
            "[stage.dev]\naccess_log = \"/var/log\"",
            "17:14: `access_log` must be the ARN of a log group or a Firehose delivery stream (use arn:aws:logs:REGION:ACCOUNT:log-group:NAME, or arn:aws:firehose:REGION:ACCOUNT:deliverystream/amazon-apigateway-NAME)",
        ),
        (
            "[stage.dev]\naccess_log = { destination = \"arn:aws:logs:eu-west-1:123456789012:log-group:x\", format = \"$context.ip\" }",
            "17:30: `format` must contain `$context.requestId` (add $context.requestId)",
        ),
        (
            "[stage.dev]\nlogging = \"debug\"",
            "17:11: invalid `logging` `debug` (expected one of `error`, `info`, `off`)",
        ),
        (
            "[stage.dev]\nmetrics = \"yes\"",
            "17:11: `metrics`: expected `true` or `false`, found a string",
        ),
        (
            "[stage.dev.route.\"GET /opn\"]\nthrottle = { rate = 1, burst = 1 }",
            "16:18: unknown operation `GET /opn` (did you mean `GET /open`?)",
        ),
    ] {
        // The text replaces [stage.dev].
        let text = if text.starts_with("[stage") {
            text.to_owned()
        } else {
            format!("{text}\n[stage.dev]")
        };
        let line: usize = expected.split(':').next().unwrap().parse().unwrap();
        let rest = &expected[expected.find(':').unwrap()..];
        let expected = format!("portcullis.toml:{}{rest}", line - 1);
        manifest(at, &text, &[&expected]);
    }
    manifest(
        "name = \"shop\"",
        "name = \"shop\"\nkeep = 1",
        &["portcullis.toml:3:8: `keep`: expected an integer of at least 2, found 1"],
    );
    manifest(
        "name = \"shop\"",
        "name = \"shop\"\ntags = { \"portcullis:api\" = \"x\" }",
        &[
            "portcullis.toml:3:10: invalid tag `portcullis:api` (use another prefix: `aws:` and `portcullis:` are reserved)",
        ],
    );
}

/// The text of a TOML string with this many characters.
fn repeated(character: char, count: usize) -> String {
    format!("\"{}\"", String::from(character).repeat(count))
}

/// The text of a TOML map with this many entries.
fn numbered(count: usize) -> String {
    let entries: Vec<String> = (0..count).map(|number| format!("a{number} = \"b\"")).collect();
    format!("{{ {} }}", entries.join(", "))
}

#[test]
fn tags_that_aws_does_not_accept_are_errors() {
    let prefix = "use another prefix: `aws:` and `portcullis:` are reserved";
    let characters = "use letters, digits, spaces and `_.:/=+-@` in the key and in the value";
    let key = "use 1 to 128 characters in the key";
    let value = "use at most 256 characters in the value";
    let long = repeated('k', 129);
    let cases = [
        ("a = 1".to_owned(), "a", "use a string as value"),
        ("\"aws:a\" = \"b\"".to_owned(), "aws:a", prefix),
        ("\"AWS:a\" = \"b\"".to_owned(), "AWS:a", prefix),
        ("\"Portcullis:a\" = \"b\"".to_owned(), "Portcullis:a", prefix),
        ("\"\" = \"b\"".to_owned(), "", key),
        (format!("{long} = \"b\""), long.trim_matches('"'), key),
        (format!("a = {}", repeated('v', 257)), "a", value),
        ("a = \"b & c\"".to_owned(), "a", characters),
        ("\"a(b)\" = \"c\"".to_owned(), "a(b)", characters),
        ("a = \"b\\tc\"".to_owned(), "a", characters),
    ];
    for (tag, name, help) in cases {
        let expected = format!("invalid tag `{name}` ({help})");
        let api = format!("name = \"shop\"\ntags = {{ {tag} }}");
        manifest("name = \"shop\"", &api, &[&format!("portcullis.toml:3:10: {expected}")]);
        let role = format!("name = \"shop\"\ninvoke_role.tags = {{ {tag} }}");
        manifest("name = \"shop\"", &role, &[&format!("portcullis.toml:3:22: {expected}")]);
    }
    let valid = format!(
        "{} = {}, \"größe ٣\" = \"\", A = \"1\", a = \"_.:/=+-@\"",
        repeated('k', 128),
        repeated('ü', 256)
    );
    manifest("name = \"shop\"", &format!("name = \"shop\"\ntags = {{ {valid} }}"), &[]);
    let api = |tags: &str| format!("name = \"shop\"\ntags = {tags}");
    manifest("name = \"shop\"", &api(&numbered(47)), &[]);
    manifest(
        "name = \"shop\"",
        &api(&numbered(48)),
        &[
            "portcullis.toml:3:8: too many tags: 48, expected at most 47 (AWS allows 50 for each resource, and `deploy` adds up to three)",
        ],
    );
    manifest(
        "name = \"shop\"",
        &api("\"x\""),
        &["portcullis.toml:3:8: `tags`: expected a map, found a string"],
    );
}

#[test]
fn stage_variables_that_aws_does_not_accept_are_errors() {
    let name = "use 1 to 64 letters, digits and `_` in the name";
    let value = "use 1 to 512 letters, digits and `-._~:/?#&=,` in the value";
    let long = repeated('n', 65);
    let cases = [
        (format!("{long} = \"b\""), long.trim_matches('"'), name),
        ("\"\" = \"b\"".to_owned(), "", name),
        ("a = \"\"".to_owned(), "a", value),
        (format!("a = {}", repeated('v', 513)), "a", value),
        ("a = true".to_owned(), "a", "use a string as value"),
    ];
    let stage = |variables: &str| format!("[stage.dev]\nvariables = {variables}");
    for (variable, key, help) in cases {
        let expected = format!("portcullis.toml:16:15: invalid stage variable `{key}` ({help})");
        manifest("[stage.dev]", &stage(&format!("{{ {variable} }}")), &[&expected]);
    }
    let longest = format!("{{ {} = {} }}", repeated('n', 64), repeated('v', 512));
    manifest("[stage.dev]", &stage(&longest), &[]);
    manifest("[stage.dev]", &stage(&numbered(100)), &[]);
    manifest(
        "[stage.dev]",
        &stage(&numbered(101)),
        &["portcullis.toml:16:13: too many stage variables: 101, expected at most 100"],
    );
    manifest(
        "[stage.dev]",
        &stage("[\"a\"]"),
        &["portcullis.toml:16:13: `variables`: expected a map, found a list"],
    );
}

#[test]
fn destinations_that_api_gateway_does_not_write_to_are_errors() {
    let form = "portcullis.toml:16:14: `access_log` must be the ARN of a log group or a Firehose delivery stream (use arn:aws:logs:REGION:ACCOUNT:log-group:NAME, or arn:aws:firehose:REGION:ACCOUNT:deliverystream/amazon-apigateway-NAME)";
    let stream = "portcullis.toml:16:14: API Gateway does not deliver to the Firehose delivery stream `shop`: its name must begin with `amazon-apigateway-` (create a delivery stream `amazon-apigateway-shop`)";
    let logs = "arn:aws:logs:eu-west-1:123456789012";
    let firehose = "arn:aws:firehose:eu-west-1:123456789012";
    for (destination, expected) in [
        (format!("{logs}:log-group:/shop/api_1.#x"), None),
        (format!("{logs}:log-group:shop:*"), None),
        (format!("{firehose}:deliverystream/amazon-apigateway-shop"), None),
        (format!("{firehose}:deliverystream/shop"), Some(stream)),
        (format!("{firehose}:deliverystream/amazon-apigateway-"), Some(form)),
        (format!("{logs}:log-group:shop:log-stream:x"), Some(form)),
        (format!("{logs}:log-group:"), Some(form)),
        (format!("{logs}:log-group:a b"), Some(form)),
        (format!("{logs}:log-group:{}", "a".repeat(513)), Some(form)),
        (format!("{firehose}:stream/amazon-apigateway-shop"), Some(form)),
        (format!("{firehose}:deliverystream/amazon-apigateway-{}", "a".repeat(47)), Some(form)),
        ("arn:aws:logs:eu-west-1:1234:log-group:shop".to_owned(), Some(form)),
        ("arn:aws:logs::123456789012:log-group:shop".to_owned(), Some(form)),
        ("arn:aws:s3:::amazon-apigateway-shop".to_owned(), Some(form)),
    ] {
        let text = format!("[stage.dev]\naccess_log = \"{destination}\"");
        let expected: Vec<&str> = expected.into_iter().collect();
        manifest("[stage.dev]", &text, &expected);
    }
}

#[test]
fn a_log_format_has_at_most_3_kb() {
    let log = |length: usize| {
        let format = format!("$context.requestId {}", "a".repeat(length - 19));
        let destination = "arn:aws:logs:eu-west-1:123456789012:log-group:a";
        format!(
            "[stage.dev]\naccess_log = {{ destination = \"{destination}\", format = \"{format}\" }}"
        )
    };
    manifest("[stage.dev]", &log(3_072), &[]);
    let expected = "portcullis.toml:16:30: `format` is too long: 3073 bytes, expected at most 3072 (remove variables)";
    manifest("[stage.dev]", &log(3_073), &[expected]);
}

#[test]
fn names_that_aws_does_not_accept_are_errors() {
    let name = "name = \"shop\"";
    manifest(
        name,
        &format!("name = {}", repeated('é', 256)),
        &["portcullis.toml:2:8: `name` is too long: 256 characters, expected at most 255"],
    );
    manifest(name, &format!("name = {}", repeated('é', 255)), &[]);
    let lines =
        "portcullis.toml:2:8: invalid `name` (use one line of text without control characters)";
    manifest(name, "name = \"a\\nb\"", &[lines]);
    manifest(name, "name = \" \"", &[lines]);
    let private = |ids: &str| format!("{name}\nendpoint = \"private\"\nvpc_endpoints = {ids}");
    manifest(
        name,
        &private("[\"shop\"]"),
        &[
            "portcullis.toml:4:17: invalid `vpc_endpoints` (list ids such as vpce-0123456789abcdef0)",
        ],
    );
    manifest(name, &private("[\"vpce-0a1b\"]"), &[]);
    for kind in ["", "endpoint = \"regional\"\n", "endpoint = \"edge\"\n"] {
        let line = 3 + kind.lines().count();
        manifest(
            name,
            &format!("{name}\n{kind}vpc_endpoints = [\"vpce-0a1b\"]"),
            &[&format!(
                "portcullis.toml:{line}:17: `vpc_endpoints` of an API that is not private (set `endpoint = \"private\"`, or remove `vpc_endpoints`)"
            )],
        );
    }
    manifest(
        "[stage.dev]",
        "[usage_plan]\nkeys = [\"a1\", \"a2\", \"a1\"]\n[stage.dev]",
        &["portcullis.toml:16:8: duplicate API key `a1` (list each API key once)"],
    );
    for (setting, message) in [
        ("{ rate = -1, burst = 5 }", "21: invalid `rate` (write a number of at least 0)"),
        ("{ rate = \"1\", burst = 5 }", "21: invalid `rate` (write a number of at least 0)"),
        (
            "{ rate = 1 }",
            "12: `throttle` requires `rate` and `burst` (write { rate = REQUESTS_PER_SECOND, burst = REQUESTS })",
        ),
    ] {
        let line = format!("[stage.dev]\nthrottle = {setting}");
        manifest("[stage.dev]", &line, &[&format!("portcullis.toml:16:{message}")]);
    }
    manifest(
        "[stage.dev]",
        "[usage_plan]\nkeys = [\"the value\"]\n[stage.dev]",
        &[
            "portcullis.toml:16:8: invalid API key ID (list the IDs of API keys, such as abcdef1234, and not their values)",
        ],
    );
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:shop:live";
    let form = "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS]";
    for (found, is_valid) in [
        (function.replace("shop", &"a".repeat(64)), true),
        (function.replace("shop", &"a".repeat(65)), false),
        (function.replace("live", &"a".repeat(128)), true),
        (function.replace("live", &"a".repeat(129)), false),
        (function.replace("live", "a:b"), false),
    ] {
        let expected =
            format!("portcullis.toml:6:16: invalid `function_arn` `{found}` (expected {form})");
        let expected = if is_valid { vec![] } else { vec![expected.as_str()] };
        manifest(function, &found, &expected);
    }
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let form = "arn:aws:iam::ACCOUNT:role/NAME";
    for (name, is_valid) in [
        ("a_+=,.@-1".to_owned(), true),
        ("a/b!/c".to_owned(), true),
        ("a".repeat(64), true),
        ("a".repeat(65), false),
        ("a b".to_owned(), false),
        ("a/".to_owned(), false),
        ("é/a".to_owned(), false),
        (format!("{}/a", "p".repeat(513)), false),
    ] {
        let role = role(&name);
        let expected =
            format!("portcullis.toml:6:19: invalid `invoke_role_arn` `{role}` (expected {form})");
        let expected = if is_valid { vec![] } else { vec![expected.as_str()] };
        let text = format!("[authorizer.jwt]\ninvoke_role_arn = \"{role}\"");
        manifest("[authorizer.jwt]", &text, &expected);
    }
    let listed = |prefix: &str, count: usize| {
        let ids: Vec<String> = (0..count).map(|id| format!("\"{prefix}-{id}\"")).collect();
        format!("[{}]", ids.join(", "))
    };
    let vpc = |subnets: usize, groups: usize| {
        let (subnets, groups) = (listed("subnet", subnets), listed("sg", groups));
        let role = role("r");
        format!(
            "function = {{ name = \"f\", role_arn = \"{role}\", vpc = {{ subnets = {subnets}, security_groups = {groups} }} }}"
        )
    };
    let setting = format!("function_arn = \"{function}\"");
    manifest(&setting, &vpc(16, 5), &[]);
    for (text, expected) in [
        (vpc(17, 1), "too many `subnets`: 17, expected at most 16"),
        (vpc(1, 6), "too many `security_groups`: 6, expected at most 5"),
    ] {
        let found = check((&setting, &text), ("", ""));
        assert!(found.len() == 1 && found[0].ends_with(expected), "{found:?}");
    }
}

#[test]
fn errors_of_default_integrations_are_reported_at_their_position() {
    let http = "http = \"https://backend.example.com\"";
    let one = "portcullis.toml:12:1: an integration must have exactly one of `http`, `lambda` and `mock = true` (`vpc_link` requires `http`, `credentials` requires `lambda`, and `timeout` requires `http` or `lambda`)";
    let lambda = "lambda = \"arn:aws:lambda:eu-west-1:123456789012:function:f\"";
    for (text, expected) in [
        (format!("{http}\n{lambda}"), Some(one)),
        (format!("{lambda}\nvpc_link = \"x\""), Some(one)),
        (format!("{http}\ncredentials = \"arn:aws:iam::123456789012:role/r\""), Some(one)),
        ("mock = true\ntimeout = \"1s\"".to_owned(), Some(one)),
        (
            format!("{lambda}\ntimeout = \"301s\""),
            Some(
                "portcullis.toml:14:11: invalid `timeout` `301s`: expected 50ms to 5m (write 500ms or 10s)",
            ),
        ),
        (
            format!("{lambda}\ntimeout = \"49ms\""),
            Some(
                "portcullis.toml:14:11: invalid `timeout` `49ms`: expected 50ms to 5m (write 500ms or 10s)",
            ),
        ),
        (
            "lambda = \"f\"".to_owned(),
            Some(
                "portcullis.toml:13:10: invalid `lambda` `f` (expected arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS])",
            ),
        ),
        (
            format!(
                "{lambda}\ncredentials = \"arn:aws:iam::123456789012:role/r\"\ntimeout = \"50ms\""
            ),
            None,
        ),
        (format!("{http}\nvpc_link = \"abc\"\ntimeout = \"29s\""), None),
        ("http = \"https://${stageVariables.host}/base\"".to_owned(), None),
    ] {
        let expected: Vec<&str> = expected.into_iter().collect();
        manifest(http, &text, &expected);
    }
}

#[test]
fn errors_of_extensions_are_reported_at_their_position() {
    let at = "paths:";
    for (text, expected) in [
        (
            "x-amazon-apigateway-request-validator: al\nx-amazon-apigateway-request-validators: { all: {} }\npaths:",
            "unknown request validator `al` (did you mean `all`?)",
        ),
        (
            "x-amazon-apigateway-minimum-compression-size: -1\npaths:",
            "`x-amazon-apigateway-minimum-compression-size`: expected 0 to 10485760 bytes",
        ),
        (
            "x-amazon-apigateway-gateway-responses: { THROTTLED: { status: 1 } }\npaths:",
            "gateway response `THROTTLED`: unknown member `status`",
        ),
    ] {
        let found = check(("", ""), (at, text));
        assert!(found.iter().all(|one| one.contains(expected)) && !found.is_empty(), "{found:?}");
    }
    let with = |extension: &str| {
        format!("operationId: getThing\n      x-amazon-apigateway-integration: {extension}")
    };
    for (extension, expected) in [
        (
            "{ type: http_proxy }",
            "integration of `GET /things/{id}`: `uri` must be an HTTP URL (set `uri: https://HOST[/PATH]`)",
        ),
        (
            "{ type: aws_proxy, uri: 'arn:aws:lambda:x' }",
            "integration of `GET /things/{id}`: `uri` must begin with `arn:PARTITION:apigateway:` (set `uri: arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`)",
        ),
        (
            "{ type: http, uri: 'http://x', timeoutInMillis: 300001 }",
            "integration of `GET /things/{id}`: invalid `timeoutInMillis` `300001`: expected 50 to 300000 (set `timeoutInMillis` from 50 to 300000)",
        ),
        (
            "{ type: http, uri: 'http://x', connectionType: VPC_LINK }",
            "integration of `GET /things/{id}`: `connectionType: VPC_LINK` and `connectionId` require each other (set both, or neither)",
        ),
        (
            "{ type: http, uri: 'http://x', connectionId: a }",
            "integration of `GET /things/{id}`: `connectionType: VPC_LINK` and `connectionId` require each other (set both, or neither)",
        ),
    ] {
        openapi(
            "operationId: getThing",
            &with(extension),
            &[&format!("openapi.yaml:9:40: {expected}")],
        );
    }
    let found =
        check(("", ""), ("operationId: getThing", &with("{ type: http, url: 'http://x' }")));
    assert!(
        found[0].contains(
            "integration of `GET /things/{id}`: unknown member `url` (did you mean `uri`?)"
        ),
        "{found:?}"
    );
}

#[test]
fn schemas_are_converted_to_models_of_api_gateway() {
    let schema = r##"{
        "type": ["object", "null"], "title": "T", "examples": [1], "x-y": 1,
        "properties": {
            "a": {"const": 1}, "b": {"type": ["string", "integer"]}, "c": true, "d": false,
            "e": {"exclusiveMaximum": 3}, "f": {"exclusiveMaximum": true, "maximum": 3},
            "g": {"$ref": "#/components/schemas/other-one"}, "h": {"type": "null"}, "j": {"type": ["null"]},
            "i": {"items": {"type": "string", "minLength": 1}, "additionalProperties": false}
        },
        "allOf": [{"required": ["a"]}], "not": {"type": "array"}
    }"##;
    let operation = format!(
        "operationId: getThing\n      x-amazon-apigateway-request-validator: b\n      requestBody: {{ content: {{ application/json: {{ schema: {} }} }} }}",
        schema.replace('\n', " ")
    );
    let document = OPENAPI
        .replace("operationId: getThing", &operation)
        .replace("paths:", "x-amazon-apigateway-request-validators: { b: { validateRequestBody: true } }\npaths:")
        .replace("  securitySchemes:", "  schemas: { other-one: { type: array, items: { $ref: '#/components/schemas/other-one' } } }\n  securitySchemes:");
    let schemas = exported(MANIFEST, &document)["components"]["schemas"].clone();
    assert_eq!(
        schemas,
        json!({
            "getThingBody": {
                "type": "object", "nullable": true,
                "properties": {
                    "a": {"enum": [1]}, "b": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    "c": {}, "d": {"not": {}},
                    "e": {"maximum": 3, "exclusiveMaximum": true},
                    "f": {"maximum": 3, "exclusiveMaximum": true},
                    "g": {"$ref": "#/components/schemas/otherOne"}, "h": {"type": "null"}, "j": {"nullable": true, "enum": [null]},
                    "i": {"items": {"type": "string", "minLength": 1}, "additionalProperties": false},
                },
                "allOf": [{"required": ["a"]}], "not": {"type": "array"},
            },
            "otherOne": {"type": "array", "items": {"$ref": "#/components/schemas/otherOne"}},
        })
    );
    let unsupported = document.replace("\"title\": \"T\"", "\"if\": {}, \"patternProperties\": {}");
    let folder = folder(MANIFEST, &unsupported);
    let output = deployer(folder.path(), &["check"]);
    for name in ["if", "patternProperties"] {
        let text = format!("API Gateway does not validate the keyword `{name}`");
        assert!(transcript(&output).contains(&text), "{}", transcript(&output));
    }
    let unresolved =
        OPENAPI.replace("operationId: getThing", &operation.replace("other-one", "none"));
    let unresolved = unresolved.replace(
        "paths:",
        "x-amazon-apigateway-request-validators: { b: { validateRequestBody: true } }\npaths:",
    );
    let folder = crate::folder(MANIFEST, &unresolved);
    let output = deployer(folder.path(), &["check"]);
    assert!(
        transcript(&output).contains("unresolved reference `#/components/schemas/none`"),
        "{}",
        transcript(&output)
    );
}

#[test]
fn every_path_has_an_options_method_for_preflight_requests() {
    let cors = |more: &str| {
        format!("{MANIFEST}\n[cors]\nallow_origins = [\"https://a.example.com\"{more}]\n")
    };
    let any = OPENAPI.replace(
        "  /open:\n    get:",
        "  /own:\n    options:\n      security: []\n  /open:\n    x-amazon-apigateway-any-method:",
    );
    let document = exported(&cors(""), &any);
    let paths = &document["paths"];
    let of = |path: &str| {
        paths[path]["options"]["x-amazon-apigateway-integration"]["responses"]["default"]["responseParameters"].clone()
    };
    assert_eq!(
        of("/things/{id}"),
        json!({
            "method.response.header.Access-Control-Allow-Origin": "'https://a.example.com'",
            "method.response.header.Access-Control-Allow-Methods": "'GET'",
            "method.response.header.Access-Control-Allow-Headers": "'Authorization,Content-Type,X-Api-Key'",
        })
    );
    let all = of("/open")["method.response.header.Access-Control-Allow-Methods"].clone();
    assert_eq!(all, "'DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT'");
    assert_eq!(paths["/things/{id}"]["options"]["security"], json!([]));
    assert_eq!(paths["/things/{id}"]["options"]["parameters"][0]["name"], "id");
    assert_eq!(
        paths["/own"]["options"]["x-amazon-apigateway-integration"]["type"], "http_proxy",
        "its own"
    );
    let several = exported(&cors(", \"https://b.example.com\""), OPENAPI);
    let response = &several["paths"]["/open"]["options"]["x-amazon-apigateway-integration"]["responses"]
        ["default"];
    assert_eq!(response["responseParameters"]["method.response.header.Vary"], "'Origin'");
    assert_eq!(
        response["responseParameters"]["method.response.header.Access-Control-Allow-Origin"],
        Value::Null
    );
    let template = response["responseTemplates"]["application/json"].as_str().unwrap();
    assert!(template.contains("#if([\"https://a.example.com\",\"https://b.example.com\"].contains($origin))#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"), "{template}");
}

#[test]
fn the_api_key_source_and_the_challenge_depend_on_the_issuers() {
    let document = exported(MANIFEST, OPENAPI);
    assert_eq!(document["x-amazon-apigateway-api-key-source"], "HEADER");
    assert_eq!(
        document["x-amazon-apigateway-gateway-responses"]["UNAUTHORIZED"]["responseParameters"],
        json!({"gatewayresponse.header.WWW-Authenticate": "'Bearer realm=\"shop\"'"})
    );
    let audience = "audience = [\"https://shop.example.com\"]";
    let keyed =
        MANIFEST.replace(audience, &format!("{audience}\nusage_key = {{ claim = \"key\" }}"));
    assert_eq!(exported(&keyed, OPENAPI)["x-amazon-apigateway-api-key-source"], "AUTHORIZER");
}

#[test]
fn a_gateway_response_of_the_document_gets_the_challenge_that_it_lacks() {
    let own = "x-amazon-apigateway-gateway-responses:\n  UNAUTHORIZED:\n    statusCode: '401'\n    responseParameters: {gatewayresponse.header.X-Own: \"'1'\"}\n  ACCESS_DENIED:\n    responseParameters: {gatewayresponse.header.www-authenticate: \"'Own x=1'\"}\n  QUOTA_EXCEEDED:\n    statusCode: '429'\n";
    let document = exported(MANIFEST, &format!("{OPENAPI}\n{own}"));
    let headers = |kind: &str| {
        document["x-amazon-apigateway-gateway-responses"][kind]["responseParameters"].clone()
    };
    assert_eq!(
        headers("UNAUTHORIZED"),
        json!({
            "gatewayresponse.header.X-Own": "'1'",
            "gatewayresponse.header.WWW-Authenticate": "'Bearer realm=\"shop\"'",
        })
    );
    let replaced = json!({"gatewayresponse.header.www-authenticate": "'Own x=1'"});
    assert_eq!(headers("ACCESS_DENIED"), replaced);
    assert!(headers("QUOTA_EXCEEDED").as_object().is_none_or(serde_json::Map::is_empty));
}

#[test]
fn a_challenge_names_the_schemes_that_the_issuers_accept() {
    let audience = "audience = [\"https://shop.example.com\"]";
    let other = "[[authorizer.jwt.issuer]]\nissuer = \"https://other.example.com/\"";
    let settings = "[authorizer.jwt]\ntype = \"request\"\ncache_ttl = \"0s\"";
    let algorithms = "algs=\"ES256 ES384 ES512 EdDSA PS256 PS384 PS512 RS256 RS384 RS512\"";
    let error = "error=\"insufficient_scope\"";
    for (name, dpop, second, schemes) in [
        ("shop", "forbidden", None, ["Bearer"].as_slice()),
        ("shop", "optional", None, &["Bearer", "DPoP"]),
        ("shop", "required", None, &["DPoP"]),
        ("shop", "required", Some("required"), &["DPoP"]),
        ("shop", "required", Some("forbidden"), &["Bearer", "DPoP"]),
        ("The 'shop', \\\"EU\\\"", "forbidden", None, &["Bearer"]),
    ] {
        let realm = if name == "shop" { "shop" } else { "The _shop_, _EU_" };
        let second = second
            .map_or(String::new(), |dpop| format!("{other}\n{audience}\ndpop = \"{dpop}\"\n"));
        let manifest = MANIFEST
            .replace("name = \"shop\"", &format!("name = \"{name}\""))
            .replace("[authorizer.jwt]", settings)
            .replace(audience, &format!("{audience}\ndpop = \"{dpop}\"\n{second}"));
        let document = exported(&manifest, OPENAPI);
        let challenge = |kind: &str| {
            let response = &document["x-amazon-apigateway-gateway-responses"][kind];
            response["responseParameters"]["gatewayresponse.header.WWW-Authenticate"].clone()
        };
        let expected = |error: &[&str]| {
            let challenges = schemes.iter().map(|scheme| {
                let algorithms = if *scheme == "DPoP" { vec![algorithms] } else { vec![] };
                let realm = format!("{scheme} realm=\"{realm}\"");
                [&[realm.as_str()], error, &algorithms].concat().join(", ")
            });
            format!("'{}'", challenges.collect::<Vec<_>>().join(", "))
        };
        assert_eq!(challenge("UNAUTHORIZED"), expected(&[]), "{dpop} {second}");
        assert_eq!(challenge("ACCESS_DENIED"), expected(&[error]), "{dpop} {second}");
    }
}
