//! What the files say for AWS alone: CORS, stages, plans of keys, validators, models.

use serde_json::{Value, json};

use crate::compiling::{check, manifest, openapi};
use crate::{MANIFEST, OPENAPI, deployer, folder, scheme, transcript};

#[test]
fn what_is_wrong_about_stages_and_origins_is_told_at_its_place() {
    let at = "[stage.dev]";
    for (text, expected) in [
        (
            "[cors]\nallow_origins = []",
            "17:17: `allow_origins` names no origin (name the origins, or `*` for every page)",
        ),
        (
            "[cors]\nallow_origins = [\"https://a.example.com/\"]",
            "17:17: `https://a.example.com/` is no origin (write scheme, host and port alone, such as https://app.example.com)",
        ),
        (
            "[cors]\nallow_origins = [\"*\", \"https://a.example.com\"]",
            "17:17: `*` is every origin: it stands alone",
        ),
        (
            "[cors]\nallow_origins = [\"*\"]\nallow_credentials = true",
            "17:17: `allow_credentials` is for named origins (name the origins: browsers refuse `*` with credentials)",
        ),
        (
            "[cors]\nallow_origins = [\"*\"]\nallow_headers = [\"a b\"]",
            "18:17: `a b` cannot stand in `allow_headers`",
        ),
        (
            "[usage_plan]\nquota = { limit = 1 }",
            "17:9: `quota` says not how often (write { limit = REQUESTS, period = \"day\" })",
        ),
        (
            "[stage.dev]\nthrottle = { rate = 1 }",
            "17:12: `throttle` says not how often (write { rate = REQUESTS-A-SECOND, burst = REQUESTS })",
        ),
        (
            "[stage.dev]\nvariables = { \"a-b\" = \"c\" }",
            "17:15: `a-b` is no stage variable (a name has letters, digits and `_`; a value letters, digits and `-._~:/?#&=,`)",
        ),
        (
            "[stage.dev]\nvariables = { a = \"c d\" }",
            "17:15: `a` is no stage variable (a name has letters, digits and `_`; a value letters, digits and `-._~:/?#&=,`)",
        ),
        (
            "[stage.dev]\naccess_log = \"/var/log\"",
            "17:14: `access_log` is no place for logs (name a log group, arn:aws:logs:REGION:ACCOUNT:log-group:NAME, or a delivery stream whose name begins with amazon-apigateway-)",
        ),
        (
            "[stage.dev]\naccess_log = { destination = \"arn:aws:logs:x\", format = \"$context.ip\" }",
            "17:30: `format` has no request id (add $context.requestId: API Gateway refuses a format without it)",
        ),
        (
            "[stage.dev]\nlogging = \"debug\"",
            "17:11: `logging` cannot be `debug` (one of error, info, off)",
        ),
        ("[stage.dev]\nmetrics = \"yes\"", "17:11: `metrics` is text, not true or false"),
        (
            "[stage.dev.route.\"GET /opn\"]\nthrottle = { rate = 1, burst = 1 }",
            "16:18: there is no operation `GET /opn` (did you mean `GET /open`?)",
        ),
    ] {
        // The table stands in the last one's place.
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
        &["portcullis.toml:3:8: `keep` is not a whole number of at least 2"],
    );
    manifest(
        "name = \"shop\"",
        "name = \"shop\"\ntags = { \"portcullis:api\" = \"x\" }",
        &[
            "portcullis.toml:3:10: `portcullis:api` is no tag (a tag is text, and `portcullis:` begins our own)",
        ],
    );
}

#[test]
fn what_is_wrong_about_default_integrations_is_told_at_its_place() {
    let http = "http = \"https://backend.example.com\"";
    let one = "portcullis.toml:12:1: an integration is one of `http = \"https://…\"`, `lambda = \"arn:…\"` and `mock = true` (`http` takes a `vpc_link`, `lambda` takes `credentials`, and both a `timeout`)";
    let lambda = "lambda = \"arn:aws:lambda:eu-west-1:123456789012:function:f\"";
    for (text, expected) in [
        (format!("{http}\n{lambda}"), Some(one)),
        (format!("{lambda}\nvpc_link = \"x\""), Some(one)),
        (format!("{http}\ncredentials = \"arn:aws:iam::123456789012:role/r\""), Some(one)),
        ("mock = true\ntimeout = \"1s\"".to_owned(), Some(one)),
        (
            format!("{lambda}\ntimeout = \"30s\""),
            Some(
                "portcullis.toml:14:11: `timeout` is not from 50ms to 29s, which API Gateway waits at most (write 500ms or 10s)",
            ),
        ),
        (
            format!("{lambda}\ntimeout = \"49ms\""),
            Some(
                "portcullis.toml:14:11: `timeout` is not from 50ms to 29s, which API Gateway waits at most (write 500ms or 10s)",
            ),
        ),
        (
            "lambda = \"f\"".to_owned(),
            Some(
                "portcullis.toml:13:10: `lambda` is not such an ARN (it looks like arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS])",
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
fn what_is_wrong_about_extensions_is_told_at_its_place() {
    let at = "paths:";
    for (text, expected) in [
        (
            "x-amazon-apigateway-request-validator: al\nx-amazon-apigateway-request-validators: { all: {} }\npaths:",
            "there is no validator `al` (did you mean `all`?)",
        ),
        (
            "x-amazon-apigateway-minimum-compression-size: -1\npaths:",
            "the minimum compression size is not from 0 to 10485760 bytes",
        ),
        (
            "x-amazon-apigateway-gateway-responses: { THROTTLED: { status: 1 } }\npaths:",
            "the gateway response THROTTLED is not one: unknown field `status`",
        ),
    ] {
        let found = check(("", ""), (at, text));
        assert!(found.iter().all(|one| one.contains(expected)) && !found.is_empty(), "{found:?}");
    }
    let with = |extension: &str| {
        format!("operationId: getThing\n      x-amazon-apigateway-integration: {extension}")
    };
    for (extension, expected) in [
        ("{ type: http_proxy }", "the integration of GET /things/{id} has no http `uri`"),
        (
            "{ type: aws_proxy, uri: 'arn:aws:lambda:x' }",
            "the integration of GET /things/{id} has no `uri` that begins with arn:PARTITION:apigateway:",
        ),
        (
            "{ type: http, uri: 'http://x', timeoutInMillis: 29001 }",
            "the integration of GET /things/{id} has a `timeoutInMillis` that is not from 50 to 29000",
        ),
        (
            "{ type: http, uri: 'http://x', connectionType: VPC_LINK }",
            "the integration of GET /things/{id} needs `connectionType: VPC_LINK` and a `connectionId` together",
        ),
        (
            "{ type: http, uri: 'http://x', connectionId: a }",
            "the integration of GET /things/{id} needs `connectionType: VPC_LINK` and a `connectionId` together",
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
        found[0].contains("the integration of GET /things/{id} is not one: unknown field `url`"),
        "{found:?}"
    );
}

/// Exports the document of the files with something in the place of the two operations.
fn exported(toml: &str, openapi: &str) -> Value {
    let folder = folder(toml, openapi);
    let output = deployer(folder.path(), &["export", "--document"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn schemas_are_converted_to_what_api_gateway_checks() {
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
    let wrong = document.replace("\"title\": \"T\"", "\"if\": {}, \"patternProperties\": {}");
    let folder = folder(MANIFEST, &wrong);
    let output = deployer(folder.path(), &["check"]);
    for name in ["if", "patternProperties"] {
        let text = format!("API Gateway cannot check `{name}`: bodies are taken without it");
        assert!(transcript(&output).contains(&text), "{}", transcript(&output));
    }
    let lost = OPENAPI.replace("operationId: getThing", &operation.replace("other-one", "none"));
    let lost = lost.replace(
        "paths:",
        "x-amazon-apigateway-request-validators: { b: { validateRequestBody: true } }\npaths:",
    );
    let folder = crate::folder(MANIFEST, &lost);
    let output = deployer(folder.path(), &["check"]);
    assert!(
        transcript(&output).contains("`#/components/schemas/none` leads to no schema"),
        "{}",
        transcript(&output)
    );
}

#[test]
fn preflight_requests_have_a_method_of_their_own_on_every_path() {
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
fn who_brings_the_key_and_which_challenge_is_made_follow_from_the_issuers() {
    let document = exported(MANIFEST, OPENAPI);
    assert_eq!(document["x-amazon-apigateway-api-key-source"], "HEADER");
    assert_eq!(
        document["x-amazon-apigateway-gateway-responses"]["UNAUTHORIZED"]["responseParameters"],
        json!({"gatewayresponse.header.WWW-Authenticate": "'Bearer'"})
    );
    let audience = "audience = [\"https://shop.example.com\"]";
    let keyed =
        MANIFEST.replace(audience, &format!("{audience}\nusage_key = {{ claim = \"key\" }}"));
    assert_eq!(exported(&keyed, OPENAPI)["x-amazon-apigateway-api-key-source"], "AUTHORIZER");
    let dpop = MANIFEST
        .replace(audience, &format!("{audience}\ndpop = \"required\""))
        .replace("[authorizer.jwt]", "[authorizer.jwt]\ntype = \"request\"\ncache_ttl = \"0s\"");
    let document = exported(&dpop, OPENAPI);
    assert_eq!(
        document["x-amazon-apigateway-gateway-responses"]["UNAUTHORIZED"]["responseParameters"],
        json!({"gatewayresponse.header.WWW-Authenticate": "'DPoP'"})
    );
    assert_eq!(scheme(&document, "jwt")["x-amazon-apigateway-authorizer"]["type"], "request");
}
