//! The parts of a document that API Gateway does not import, and backends that it cannot reach.

use serde_json::{Value, json};

use crate::compiling::{check, manifest, openapi};
use crate::{MANIFEST, OPENAPI, deployer, exported, folder, transcript};

/// Returns a document with these members of its paths and these schemas, and a validator of bodies.
fn document(paths: &str, schemas: &str) -> String {
    let validator = "x-amazon-apigateway-request-validators: { body: { validateRequestBody: true } }\nx-amazon-apigateway-request-validator: body\npaths:";
    OPENAPI
        .replace("paths:", validator)
        .replace("  /open:", &format!("{paths}  /open:"))
        .replace("  securitySchemes:", &format!("  schemas:\n{schemas}  securitySchemes:"))
}

/// Returns a path whose method `post` has a body with this schema.
fn posted(path: &str, content: &str) -> String {
    format!("  {path}:\n    post:\n      requestBody: {{ content: {content} }}\n")
}

/// Returns the content of a body with a reference to a schema.
fn content(schema: &str) -> String {
    format!("{{ application/json: {{ schema: {{ $ref: '#/components/schemas/{schema}' }} }} }}")
}

fn warnings(openapi: &str) -> Vec<String> {
    let folder = folder(MANIFEST, openapi);
    let output = deployer(folder.path(), &["check", "--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", transcript(&output));
    let line = output.stdout.split(|b| *b == b'\n').next().unwrap();
    let found: Value = serde_json::from_slice(line).unwrap();
    let text = |one: &Value| {
        assert_eq!(one["severity"], "warning");
        format!(
            "{}:{} {} {} ({})",
            one["line"],
            one["column"],
            one["code"].as_str().unwrap(),
            one["message"].as_str().unwrap(),
            one["help"].as_str().unwrap()
        )
    };
    found["diagnostics"].as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn keywords_that_are_not_validated_are_reported_at_their_lines_and_omitted() {
    let schemas = "    Pet:\n      type: object\n      minProperties: 1\n      properties:\n        tags:\n          type: array\n          prefixItems: [{ type: string }]\n      dependentRequired: { a: [b] }\n      unevaluatedProperties: false\n      $defs: { A: { type: string } }\n      requird: [id]\n";
    let text = document(&posted("/pets", &content("Pet")), schemas);
    let line = |keyword: &str| 1 + text.lines().position(|line| line.contains(keyword)).unwrap();
    let backend = "validate it in the backend: API Gateway accepts bodies that violate it";
    let expected: Vec<String> = [
        ("minProperties", 7, backend),
        ("prefixItems", 11, backend),
        ("dependentRequired", 7, backend),
        ("unevaluatedProperties", 7, backend),
        ("$defs", 7, backend),
        ("requird", 7, "did you mean `required`?"),
    ]
    .iter()
    .map(|(keyword, column, help)| {
        format!(
            "{}:{column} unsupported_keyword API Gateway does not validate the keyword `{keyword}` ({help})",
            line(keyword)
        )
    })
    .collect();
    assert_eq!(warnings(&text), expected);
    let pet = json!({"type": "object", "properties": {"tags": {"type": "array"}}});
    assert_eq!(exported(MANIFEST, &text)["components"]["schemas"], json!({"Pet": pet}));
}

#[test]
fn schemas_get_distinct_models_with_valid_names() {
    let schemas = "    Pet.v1: { type: string }\n    PetV1: { type: integer }\n    Pet-v1: { type: boolean }\n    写真: { type: number }\n    PortcullisRevision1: { type: array }\n    Error: { type: object }\n    Empty: { type: object, required: [a] }\n    postPhotosBody: { type: 'null' }\n";
    let names = ["Pet.v1", "PetV1", "Pet-v1", "写真", "PortcullisRevision1", "Error", "Empty"];
    let mut paths: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(number, name)| posted(&format!("/a{number}"), &content(name)))
        .collect();
    let inline = "{ application/json: { schema: { type: object } }, text/json: { schema: { type: array } }, application/x: { schema: { type: object } } }";
    paths.push(posted("/photos", inline).replace("post:", "post:\n      operationId: postPhotos"));
    let text = document(&paths.concat(), schemas);
    let found = exported(MANIFEST, &text);
    let models = found["components"]["schemas"].as_object().unwrap();
    let model = |path: &str, media: &str| {
        let schema = &found["paths"][path]["post"]["requestBody"]["content"][media]["schema"];
        let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
        (models[&name]["type"].clone(), name)
    };
    let types = ["string", "integer", "boolean", "number", "array", "object", "object"];
    for (number, kind) in types.iter().enumerate() {
        assert_eq!(model(&format!("/a{number}"), "application/json").0, *kind, "{found}");
    }
    assert_eq!(model("/a1", "application/json").1, "PetV1");
    assert_eq!(model("/a5", "application/json").1, "Error");
    assert_eq!(model("/a6", "application/json").1, "Empty");
    assert!(model("/a4", "application/json").1.starts_with("PortcullisRevision1Model"));
    let [first, second, third] =
        ["application/json", "text/json", "application/x"].map(|media| model("/photos", media));
    assert_eq!((&first.0, &second.0), (&json!("object"), &json!("array")), "{found}");
    assert_eq!(first.0, third.0);
    assert!(first.1 != "postPhotosBody" && first.1 != second.1, "{first:?} {second:?}");
    // The exported document has the same models.
    let again = folder("[api]\nname = \"shop\"\nopenapi = \"openapi.yaml\"\n", &found.to_string());
    let manifest = MANIFEST.replace("[integration]\nhttp = \"https://backend.example.com\"\n", "");
    std::fs::write(again.path().join("portcullis.toml"), manifest).unwrap();
    let output = deployer(again.path(), &["export", "--document"]);
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["components"]["schemas"], found["components"]["schemas"]);
    // A schema that is not a map is not one that accepts everything.
    let invalid =
        document(&posted("/pets", "{ application/json: { schema: Pet } }"), "    A: {}\n");
    let folder = folder(MANIFEST, &invalid);
    let output = transcript(&deployer(folder.path(), &["check"]));
    assert!(output.contains("schema: expected a map, found a string"), "{output}");
}

#[test]
fn parts_that_api_gateway_does_not_import_are_reported_and_omitted() {
    let at = "      operationId: getThing\n";
    let text = OPENAPI.replace(
        at,
        "      operationId: getThing\n      parameters:\n        - { name: 'filter[a]', in: query, required: true }\n        - { name: 'page.size:$-_9', in: query }\n        - { name: X-Ok, in: header }\n    put:\n      operationId: getThing\n",
    );
    assert_eq!(
        warnings(&text),
        [
            "10:11 not_imported API Gateway does not accept the name of the parameter `filter[a]`, so it is omitted (use letters, digits and `:._$-`; API Gateway passes undeclared parameters to proxy integrations, and does not check them)",
            "14:20 not_imported `operationId` `getThing` is that of `GET /things/{id}` too, so it is omitted (use a unique `operationId` for each operation)",
        ]
    );
    let found = exported(MANIFEST, &text);
    let thing = &found["paths"]["/things/{id}"];
    let parameters = thing["get"]["parameters"].as_array().unwrap();
    let names: Vec<&str> = parameters.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["X-Ok", "id", "page.size:$-_9"]);
    assert_eq!(
        (&thing["get"]["operationId"], &thing["put"]["operationId"]),
        (&json!("getThing"), &Value::Null)
    );
    // A mapping cannot be omitted.
    let mapped = "operationId: getThing\n      x-amazon-apigateway-integration: { type: http, httpMethod: GET, uri: 'https://a.example.com', requestParameters: { integration.request.querystring.a: 'method.request.querystring.a[b]' } }";
    openapi(
        "operationId: getThing",
        mapped,
        &[
            "openapi.yaml:9:40: integration of `GET /things/{id}`: API Gateway does not accept the name of the parameter in `method.request.querystring.a[b]` (use letters, digits and `:._$-` in the name)",
        ],
    );
}

#[test]
fn an_empty_description_is_omitted() {
    for (description, expected) in [("''", Value::Null), ("' '", Value::Null), ("A", json!("A"))] {
        let text =
            OPENAPI.replace("title: Shop,", &format!("title: Shop, description: {description},"));
        assert_eq!(exported(MANIFEST, &text)["info"]["description"], expected);
    }
}

#[test]
fn gateway_and_integration_responses_that_api_gateway_refuses_are_errors() {
    let responses =
        |text: &str| format!("x-amazon-apigateway-gateway-responses: {{ {text} }}\npaths:");
    openapi(
        "paths:",
        &responses("THROTLED: {}"),
        &[
            "openapi.yaml:5:42: unknown type of gateway response `THROTLED` (did you mean `THROTTLED`?)",
        ],
    );
    for status in ["'99'", "600", "4xx", "''"] {
        let found = check(
            ("", ""),
            ("paths:", &responses(&format!("THROTTLED: {{ statusCode: {status} }}"))),
        );
        let status = status.trim_matches('\'');
        let expected = format!(
            "openapi.yaml:5:53: gateway response `THROTTLED`: invalid `statusCode` `{status}`: expected 100 to 599"
        );
        assert_eq!(found, [expected]);
    }
    openapi(
        "paths:",
        &responses("THROTTLED: { statusCode: 503 }, WAF_FILTERED: {}, DEFAULT_5XX: {}"),
        &[],
    );
    let mock = "operationId: getThing\n      x-amazon-apigateway-integration: { type: mock, responses: { default: { statusCode: '2XX' } } }";
    openapi(
        "operationId: getThing",
        mock,
        &[
            "openapi.yaml:9:40: integration of `GET /things/{id}`: invalid `statusCode` `2XX`: expected 100 to 599 (set `statusCode` to three digits)",
        ],
    );
}

#[test]
fn a_resource_policy_beyond_the_default_quota_is_a_warning() {
    let policy = |length: usize| {
        let policy = json!({"Version": "2012-10-17", "Statement": [], "Id": ""});
        let rest = length - policy.to_string().len();
        let id = "é".repeat(rest);
        format!(
            "x-amazon-apigateway-policy: {{ Version: '2012-10-17', Statement: [], Id: {id} }}\npaths:"
        )
    };
    openapi("paths:", &policy(8192), &[]);
    openapi(
        "paths:",
        &policy(8193),
        &[
            "warning: openapi.yaml:5:29: the resource policy has 8193 characters, and the default quota is 8192 (shorten it, or request a higher quota of the account)",
        ],
    );
}

#[test]
fn an_endpoint_configuration_that_has_no_effect_is_reported() {
    let name = "x-amazon-apigateway-endpoint-configuration";
    let text = |value: &str| format!("{name}: {value}\npaths:");
    openapi("paths:", &text("{ disableExecuteApiEndpoint: true }"), &[]);
    for (value, expected) in [
        (
            "{ disableExecuteApiEndpoint: 'true' }",
            "openapi.yaml:5:74: invalid `disableExecuteApiEndpoint` (write true or false)",
        ),
        (
            "[true]",
            "openapi.yaml:5:45: invalid `x-amazon-apigateway-endpoint-configuration` (write a map, such as { disableExecuteApiEndpoint: true })",
        ),
        (
            "{ vpcEndpointIds: [vpce-1] }",
            "warning: openapi.yaml:5:63: `vpcEndpointIds` of the document has no effect (list the VPC endpoints in `vpc_endpoints` of [api])",
        ),
        (
            "{ disableExecuteApiEndpont: true }",
            "openapi.yaml:5:47: `disableExecuteApiEndpont` of `x-amazon-apigateway-endpoint-configuration` has no effect (did you mean `disableExecuteApiEndpoint`?)",
        ),
        (
            "{ ipAddressType: dualstack }",
            "warning: openapi.yaml:5:62: `ipAddressType` of `x-amazon-apigateway-endpoint-configuration` has no effect (remove it)",
        ),
    ] {
        openapi("paths:", &text(value), &[expected]);
    }
}

#[test]
fn backends_that_api_gateway_cannot_reach_are_warnings_except_locally() {
    let help = "(use a public host name, or a VPC link; for a local backend, start `deployer dev --backend`)";
    let http = "http = \"https://backend.example.com\"";
    let warning = |at: &str, host: &str| {
        format!("warning: {at}: API Gateway cannot reach the backend `{host}` {help}")
    };
    for (url, host) in [
        ("http://localhost:8080/a", Some("localhost")),
        ("http://api.localhost", Some("api.localhost")),
        ("http://backend", Some("backend")),
        ("https://backend./a", Some("backend.")),
        ("http://127.0.0.1:80", Some("127.0.0.1")),
        ("http://0.0.0.0", Some("0.0.0.0")),
        ("http://10.1.2.3", Some("10.1.2.3")),
        ("http://192.168.0.1", Some("192.168.0.1")),
        ("http://169.254.169.254", Some("169.254.169.254")),
        ("http://[::1]:80", Some("[::1]")),
        ("http://[fd00::1]", Some("[fd00::1]")),
        ("http://[::ffff:127.0.0.1]", Some("[::ffff:7f00:1]")),
        ("https://8.8.8.8", None),
        ("https://[2001:db8::1]", None),
        ("https://backend.internal", None),
        ("https://localhost.example.com", None),
        ("https://${stageVariables.host}", None),
    ] {
        let expected = host.map(|host| warning("portcullis.toml:13:8", host));
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        manifest(http, &format!("http = \"{url}\""), &expected);
    }
    manifest(http, "http = \"http://backend\"\nvpc_link = \"a1\"", &[]);
    // The variable of the stage is a part of the URL.
    let variable = MANIFEST
        .replace("backend.example.com", "${stageVariables.host}")
        .replace("[stage.dev]", "[stage.dev]\nvariables = { host = \"localhost:1\" }");
    let project = folder(&variable, OPENAPI);
    let output = transcript(&deployer(project.path(), &["check"]));
    assert!(output.contains("API Gateway cannot reach the backend `localhost`"), "{output}");
    // An operation's own integration.
    let own = "operationId: getThing\n      x-amazon-apigateway-integration: { type: http_proxy, uri: 'http://localhost/{id}', requestParameters: { integration.request.path.id: method.request.path.id } }";
    openapi("operationId: getThing", own, &[&warning("openapi.yaml:7:5", "localhost")]);
    // Another stage is not deployed.
    let stage = "[stage.dev]\n[stage.local.integration]\nhttp = \"http://localhost\"";
    manifest("[stage.dev]", stage, &[]);
    // The local gateway does not call it.
    let project =
        folder(&MANIFEST.replace("https://backend.example.com", "http://localhost"), OPENAPI);
    let cases = "cases: [{ request: GET /things/1, expect: { none: 401 } }]";
    std::fs::write(project.path().join("cases.yaml"), cases).unwrap();
    let output = deployer(project.path(), &["test", "cases.yaml"]);
    let text = transcript(&output);
    assert!(output.status.success() && !text.contains("cannot reach"), "{text}");
}

#[test]
fn paths_with_different_variables_in_one_position_are_errors() {
    let path = |path: &str| format!("  {path}:\n    get: {{ security: [] }}\n  /open:");
    let error = |path: &str, segment: &str, first: &str| {
        format!(
            "openapi.yaml:9:3: `{path}` has `{segment}` where an earlier path has `{first}`, and API Gateway allows one variable below each resource (write `{first}` in both paths)"
        )
    };
    openapi("  /open:", &path("/things/{id}/parts/{part}"), &[]);
    openapi("  /open:", &path("/parts/{part}"), &[]);
    for (other, segment) in [("/things/{thing}/parts", "{thing}"), ("/things/{ID}/a/b", "{ID}")] {
        openapi("  /open:", &path(other), &[&error(other, segment, "{id}")]);
    }
    let beside = "warning: openapi.yaml:9:3: `/things/{proxy+}` has `{proxy+}` where an earlier path has `{id}`, which API Gateway may reject (use only `{proxy+}` or only `{id}` there)";
    openapi("  /open:", &path("/things/{proxy+}"), &[beside]);
}

#[test]
fn authorizers_of_the_document_that_api_gateway_refuses_are_errors() {
    let uri = "authorizerUri: 'arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:${stageVariables.f}/invocations'";
    let pool = "providerARNs: ['arn:aws:cognito-idp:eu-west-1:123456789012:userpool/a']";
    let header = "identitySource: method.request.header.A";
    let function = "`authorizerUri` is not the URI of a function (set `authorizerUri: arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`)";
    let source = "`identitySource` must be one header (set `identitySource: method.request.header.NAME`, or use the type `request`)";
    for (authorizer, expected) in [
        (format!("type: token, {uri}"), None),
        (format!("type: request, {header}, {uri}"), None),
        (format!("type: request, {uri}, authorizerResultTtlInSeconds: 0"), None),
        (format!("type: cognito_user_pools, {pool}"), None),
        ("type: token".to_owned(), Some(function)),
        ("type: token, authorizerUri: 'https://a.example.com'".to_owned(), Some(function)),
        (
            "type: request, authorizerUri: 'arn:aws:lambda:eu-west-1:123456789012:function:f'"
                .to_owned(),
            Some(function),
        ),
        (
            format!(
                "type: token, {uri}, identitySource: 'method.request.header.A, method.request.header.B'"
            ),
            Some(source),
        ),
        (format!("type: token, {uri}, identitySource: method.request.querystring.a"), Some(source)),
        (
            format!("type: request, {uri}"),
            Some(
                "cached results require `identitySource` (list the identity sources, or set `authorizerResultTtlInSeconds: 0`)",
            ),
        ),
        (
            format!("type: request, {header}, {uri}, identityValidationExpression: a"),
            Some("`identityValidationExpression` requires the type `token` (remove it)"),
        ),
        (
            format!("type: token, {uri}, authorizerResultTtlInSeconds: 3601"),
            Some("invalid `authorizerResultTtlInSeconds` `3601` (set it from 0 to 3600)"),
        ),
        (
            format!("type: token, {uri}, authorizerResultTtlInSeconds: -1"),
            Some("invalid `authorizerResultTtlInSeconds` `-1` (set it from 0 to 3600)"),
        ),
        (
            "type: cognito_user_pools".to_owned(),
            Some(
                "`providerARNs` must list at least one user pool (list the ARNs of the user pools)",
            ),
        ),
    ] {
        let scheme = format!(
            "    own: {{ type: apiKey, in: header, name: A, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {{ {authorizer} }} }}\n    key:"
        );
        let found = check(("", ""), ("    key:", &scheme));
        let expected = expected.map(|text| {
            format!("openapi.yaml:15:117: authorizer of security scheme `own`: {text}")
        });
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{authorizer}");
    }
}

#[test]
fn texts_beyond_the_limits_of_aws_are_errors() {
    let template = |length: usize| {
        format!(
            "operationId: getThing\n      x-amazon-apigateway-integration: {{ type: mock, requestTemplates: {{ application/json: '{}' }} }}",
            "a".repeat(length)
        )
    };
    openapi("operationId: getThing", &template(300 * 1024), &[]);
    openapi(
        "operationId: getThing",
        &template(300 * 1024 + 1),
        &[
            "openapi.yaml:9:40: integration of `GET /things/{id}`: a mapping template is larger than 300 KB (shorten it, or map the body in the backend)",
        ],
    );
    let schema = |length: usize| format!("    Pet: {{ pattern: {} }}\n", "a".repeat(length));
    let checked = |length: usize| {
        let text = document(&posted("/pets", &content("Pet")), &schema(length));
        let folder = folder(MANIFEST, &text);
        transcript(&deployer(folder.path(), &["check", "--output", "json"]))
    };
    // {"pattern":""} has 14 bytes.
    assert!(checked(400 * 1024 - 14).starts_with("exit 0"));
    assert!(checked(400 * 1024 - 13).contains("the schema is larger than 400 KB"));
    let format = "format = \"$context.requestId\\n$context.ip\"";
    let log = format!(
        "[stage.dev]\naccess_log = {{ destination = \"arn:aws:logs:eu-west-1:123456789012:log-group:a\", {format} }}"
    );
    manifest(
        "[stage.dev]",
        &log,
        &["portcullis.toml:16:30: `format` must be a single line (remove the line breaks)"],
    );
    manifest("[stage.dev]", &log.replace("\\n$context.ip", "\\n"), &[]);
    let function = "function_arn = \"arn:aws:lambda:eu-west-1:123456789012:function:shop:live\"";
    // {"AB":""} has 9 bytes.
    let environment = |length: usize| {
        let value = "a".repeat(length - 9);
        format!("function = {{ name = \"shop\", environment = {{ AB = \"{value}\" }} }}")
    };
    manifest(function, &environment(4096), &[]);
    let found = check((function, &environment(4097)), ("", ""));
    assert!(
        found[0].ends_with("`environment` is too large: 4097 bytes, expected at most 4096"),
        "{found:?}"
    );
}

#[test]
fn mappings_that_api_gateway_does_not_import_are_errors() {
    let from = "(map from a declared parameter (`method.request.querystring.NAME`), `method.request.body`, `context.NAME`, `stageVariables.NAME`, or a constant in single quotes)";
    let to = "(map to `integration.request.header.NAME`, `….querystring.NAME` or `….path.NAME`)";
    let uri = "https://a.example.com/${stageVariables.a}";
    for (uri, target, source, expected) in [
        (uri, "header.A", "method.request.path.id", None),
        (uri, "header.A", "method.request.querystring.q", None),
        (uri, "header.A", "method.request.multivaluequerystring.q", None),
        (uri, "header.A", "method.request.body", None),
        (uri, "header.A", "method.request.body.a.b", None),
        (uri, "querystring.A", "context.requestId", None),
        (uri, "querystring.A", "stageVariables.a", None),
        (uri, "querystring.A", "''text''", None),
        ("https://a.example.com/{id}", "path.id", "method.request.path.id", None),
        (uri, "header.A", "method.request.header.q", Some(format!("invalid mapping from `method.request.header.q` {from}"))),
        (uri, "header.A", "method.request.querystring.r", Some(format!("invalid mapping from `method.request.querystring.r` {from}"))),
        (uri, "header.A", "text", Some(format!("invalid mapping from `text` {from}"))),
        (uri, "header.A", "''a''b''", Some(format!("invalid mapping from `'a'b'` {from}"))),
        (uri, "cookie.A", "context.requestId", Some(format!("invalid mapping to `integration.request.cookie.A` {to}"))),
        (
            "https://a.example.com/{id}",
            "path.other",
            "method.request.path.id",
            Some("`uri` has a variable without a mapping to `integration.request.path.id` (add the mapping to `requestParameters`)".to_owned()),
        ),
    ] {
        let operation = format!(
            "operationId: getThing\n      parameters: [{{ name: q, in: query }}]\n      x-amazon-apigateway-integration: {{ type: http, httpMethod: GET, uri: '{uri}', requestParameters: {{ integration.request.{target}: '{source}' }} }}"
        );
        let found = check(("", ""), ("operationId: getThing", &operation));
        let expected = expected.map(|text| {
            format!("openapi.yaml:10:40: integration of `GET /things/{{id}}`: {text}")
        });
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{uri} {target} {source}");
    }
}
