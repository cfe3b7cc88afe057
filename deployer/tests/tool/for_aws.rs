//! Settings for AWS alone: CORS, stages, usage plans, request validators, models.

use serde_json::{Value, json};

use crate::compiling::{check, manifest, openapi};
use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

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
            "17:15: invalid stage variable `a-b` (use letters, digits and `_` in the name; letters, digits and `-._~:/?#&=,` in the value)",
        ),
        (
            "[stage.dev]\nvariables = { a = \"c d\" }",
            "17:15: invalid stage variable `a` (use letters, digits and `_` in the name; letters, digits and `-._~:/?#&=,` in the value)",
        ),
        (
            "[stage.dev]\naccess_log = \"/var/log\"",
            "17:14: `access_log` must be the ARN of a log group or a Firehose delivery stream (use arn:aws:logs:REGION:ACCOUNT:log-group:NAME, or the ARN of a delivery stream whose name begins with amazon-apigateway-)",
        ),
        (
            "[stage.dev]\naccess_log = { destination = \"arn:aws:logs:x\", format = \"$context.ip\" }",
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
            "portcullis.toml:3:10: invalid tag `portcullis:api` (use a string as value; the prefix `portcullis:` is reserved)",
        ],
    );
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
            format!("{lambda}\ntimeout = \"30s\""),
            Some(
                "portcullis.toml:14:11: invalid `timeout` `30s`: expected 50ms to 29s (write 500ms or 10s)",
            ),
        ),
        (
            format!("{lambda}\ntimeout = \"49ms\""),
            Some(
                "portcullis.toml:14:11: invalid `timeout` `49ms`: expected 50ms to 29s (write 500ms or 10s)",
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
            "{ type: http, uri: 'http://x', timeoutInMillis: 29001 }",
            "integration of `GET /things/{id}`: invalid `timeoutInMillis` `29001`: expected 50 to 29000 (set `timeoutInMillis` from 50 to 29000)",
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

/// Exports the document of the files.
fn exported(toml: &str, openapi: &str) -> Value {
    let folder = folder(toml, openapi);
    let output = deployer(folder.path(), &["export", "--document"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap()
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
