//! Parts of a document that limit access: each is carried out, or an error or a warning names it.

use compiler::api::AuthorizerShape;
use compiler::definition::ApiDefinition;
use serde_json::{Value, json};

use crate::compiling::check;
use crate::{MANIFEST, OPENAPI, deployer, exported, folder, transcript};

/// Changes the document and returns the diagnostics without their positions.
#[track_caller]
fn found(from: &str, to: &str) -> Vec<String> {
    let without_position = |text: &String| {
        let (place, message) = text.split_once(": ").unwrap();
        match (place, message.split_once(": ")) {
            ("warning" | "note", Some((_, message))) => format!("{place}: {message}"),
            _ => message.to_owned(),
        }
    };
    check(("", ""), (from, to)).iter().map(without_position).collect()
}

/// Returns the names of the schemes and the scopes that an exported operation requires.
fn security(document: &Value, path: &str, method: &str) -> String {
    let operation = &document["paths"][path][method];
    let security = &operation["security"];
    assert!(security.is_array(), "{operation}");
    format!("{security} {}", operation["x-portcullis-scopes"])
}

const GET: &str = "    get:\n      operationId: getThing\n";

#[test]
fn the_security_behind_a_reference_is_that_of_the_operation() {
    let direct = "    get: { security: [{ jwt: [admin] }] }\n";
    let expected = exported(MANIFEST, &OPENAPI.replace(GET, direct));
    let expected = security(&expected, "/things/{id}", "get");
    assert!(expected.contains("admin"), "{expected}");
    let elsewhere = "x-more:\n  operations:\n    'a/b~c d': { security: [{ jwt: [admin] }] }\n  path: { get: { $ref: '#/x-more/operations/a~1b~0c%20d' } }\n  list: [{ $ref: '#/x-more/path' }]\npaths:";
    for reference in [
        "    get: { $ref: '#/x-more/operations/a~1b~0c%20d' }\n",
        "    get: { $ref: '#/x-more/path/get', summary: A thing }\n",
        "    get: { $ref: '#/x-more/list/0/get' }\n",
        "    $ref: '#/x-more/path'\n",
        "    $ref: '#/x-more/list/0'\n",
    ] {
        let document = OPENAPI.replace(GET, reference).replace("paths:", elsewhere);
        let found = security(&exported(MANIFEST, &document), "/things/{id}", "get");
        assert_eq!(found, expected, "{reference}");
    }
}

#[test]
fn a_reference_that_cannot_be_resolved_is_an_error() {
    let files = "(copy the value into this document: references to others are not supported)";
    let own = "(use a reference into this document, such as #/components/parameters/NAME)";
    for (reference, help) in [
        ("ops.yaml#/getPets", files),
        ("https://example.com/ops.yaml", files),
        ("", files),
        ("#/x-none/pets", own),
        ("#", own),
        ("#/paths/~1ope", "(did you mean `#/paths/~1open`?)"),
        ("#/paths/~1things~1{id}/get", own),
        ("#/paths/%zz", own),
    ] {
        let expected = format!("unresolved reference `{reference}` {help}");
        let text = format!("    get: {{ $ref: '{reference}' }}\n");
        assert_eq!(found(GET, &text), [expected.as_str()], "{reference}");
    }
    for key in ["    get: { $ref: 1 }\n", "    get: { $ref: }\n"] {
        let messages = found(GET, key);
        assert!(messages[0].starts_with("unresolved reference ``"), "{messages:?}");
    }
    let path = found(GET, "    $ref: paths.yaml#/things\n");
    assert_eq!(path, [format!("unresolved reference `paths.yaml#/things` {files}")]);
    for (beside, name) in [
        ("    get: { $ref: '#/paths/~1open/get', security: [] }\n", "security"),
        ("    get: { $ref: '#/paths/~1open/get', parameters: [] }\n", "parameters"),
        ("    $ref: '#/paths/~1open'\n    get: {}\n", "get"),
    ] {
        let help = "(move it to the value that `$ref` names, or remove `$ref`)";
        let expected = format!("`{name}` is not allowed beside `$ref` {help}");
        assert_eq!(found(GET, beside), [expected], "{beside}");
    }
}

#[test]
fn a_security_scheme_may_be_a_reference() {
    let scheme = "    jwt: { $ref: '#/components/x-schemes/bearer' }\n";
    let bearer = "  x-schemes: { bearer: { type: http, scheme: bearer } }\n  securitySchemes:";
    let document = OPENAPI
        .replace("    jwt: { type: http, scheme: bearer }\n", scheme)
        .replace("  securitySchemes:", bearer);
    let get = |document: &str| security(&exported(MANIFEST, document), "/things/{id}", "get");
    assert_eq!(get(&document), get(OPENAPI));
    let none = found("    jwt: { type: http, scheme: bearer }\n", scheme);
    assert!(
        none.iter()
            .any(|text| text.starts_with("unresolved reference `#/components/x-schemes/bearer`")),
        "{none:?}"
    );
}

#[test]
fn the_authorization_type_of_a_method_must_agree_with_its_security() {
    let auth = |security: &str, auth: &str| {
        let operation = format!("security: {security}\n      x-amazon-apigateway-auth: {auth}");
        found("operationId: getThing", &operation)
    };
    let contradiction = |kind: &str, security: &str| {
        let help = match kind {
            "AWS_IAM" => {
                "require a security scheme with `x-amazon-apigateway-authtype: awsSigv4`, or remove the extension"
            }
            _ => "change `security`, or remove the extension",
        };
        vec![format!(
            "`x-amazon-apigateway-auth` has the type `{kind}`, which contradicts `security` ({security}) ({help})"
        )]
    };
    for (security, agreeing, shown) in [
        ("[]", "none", "public"),
        ("[{ key: [] }]", "NONE", "API key"),
        ("[{ iam: [] }]", "aws_iam", "AWS_IAM"),
        ("[{ jwt: [a] }]", "CUSTOM", "jwt [a]"),
    ] {
        for kind in ["NONE", "AWS_IAM", "CUSTOM", "COGNITO_USER_POOLS"] {
            let messages = auth(security, &format!("{{ type: {kind} }}"));
            if agreeing.eq_ignore_ascii_case(kind) {
                assert_eq!(messages, [""; 0], "{security} {kind}");
            } else {
                assert_eq!(messages, contradiction(kind, shown), "{security} {kind}");
            }
        }
        assert_eq!(auth(security, &format!("{{ type: {agreeing} }}")), [""; 0], "{security}");
        assert_eq!(auth(security, "null"), [""; 0], "{security}");
    }
    for (value, expected) in [
        ("{}", "missing `type` (write { type: AWS_IAM }, or remove the extension)"),
        ("AWS_IAM", "missing `type` (write { type: AWS_IAM }, or remove the extension)"),
        ("{ typ: AWS_IAM }", "unknown member `typ` (did you mean `type`?)"),
        ("{ type: AWS_IAN }", "unknown type `AWS_IAN` (did you mean `AWS_IAM`?)"),
        (
            "{ type: [AWS_IAM] }",
            "unknown type a list (expected one of `NONE`, `AWS_IAM`, `CUSTOM`, `COGNITO_USER_POOLS`)",
        ),
    ] {
        let expected = format!("`x-amazon-apigateway-auth`: {expected}");
        assert_eq!(auth("[{ iam: [] }]", value), [expected], "{value}");
    }
    // The security of the root, too.
    let inherited = found("operationId: getThing", "x-amazon-apigateway-auth: { type: NONE }");
    assert_eq!(inherited, contradiction("NONE", "jwt [read]"));
}

#[test]
fn an_operation_without_security_can_have_iam_authorization_and_is_never_public() {
    let without = OPENAPI.replace("security:\n  - jwt: [read]\n", "");
    let with = |kind: &str| {
        let auth = format!("x-amazon-apigateway-auth: {{ type: {kind} }}");
        without.replace("operationId: getThing", &auth)
    };
    let document = exported(MANIFEST, &with("AWS_IAM"));
    assert_eq!(security(&document, "/things/{id}", "get"), "[{\"aws_iam\":[]}] null");
    let folder = folder(MANIFEST, &with("NONE"));
    let output = transcript(&deployer(folder.path(), &["check"]));
    assert!(output.contains("`GET /things/{id}` has no security requirement"), "{output}");
}

const URI: &str = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:123456789012:function:f/invocations";
const POOL: &str = "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/p";

/// Returns the document with schemes that declare their own authorizers: `own`, `other` and `pool`,
/// and an operation with this security.
fn with_externals(security: &str) -> String {
    let scheme = |name: &str, authorizer: &str| {
        format!(
            "    {name}: {{ type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {{ {authorizer} }} }}\n"
        )
    };
    let function = format!("type: token, authorizerUri: '{URI}'");
    let pool = format!("type: cognito_user_pools, providerARNs: ['{POOL}']");
    let schemes = scheme("own", &function) + &scheme("other", &function) + &scheme("pool", &pool);
    OPENAPI
        .replace("    key:", &format!("{schemes}    key:"))
        .replace("operationId: getThing", &format!("security: {security}"))
}

/// Returns `severity code message` of each diagnostic.
fn codes(manifest: &str, openapi: &str) -> Vec<String> {
    let folder = folder(manifest, openapi);
    let output = deployer(folder.path(), &["check", "--output", "json"]);
    let line = output.stdout.split(|b| *b == b'\n').next().unwrap();
    let document: Value = serde_json::from_slice(line).unwrap();
    let text = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        format!("{} {} {}", text("severity"), text("code"), text("message"))
    };
    document["diagnostics"].as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn two_authorizers_in_one_requirement_are_an_error() {
    let two = "error invalid_configuration a method must not have two authorizers";
    for security in [
        "[{ own: [], other: [] }]",
        "[{ own: [], pool: [] }]",
        "[{ own: [], jwt: [] }]",
        "[{ jwt: [], pool: [], key: [] }]",
        "[{ own: [] }, { own: [], pool: [] }]",
    ] {
        assert_eq!(codes(MANIFEST, &with_externals(security)), [two], "{security}");
    }
    for security in ["[{ own: [] }]", "[{ own: [], key: [] }]", "[{ pool: [a] }, { pool: [b] }]"] {
        assert_eq!(codes(MANIFEST, &with_externals(security)), [""; 0], "{security}");
    }
}

#[test]
fn scopes_that_api_gateway_does_not_require_are_a_warning() {
    let all = "warning weaker_scopes OpenAPI requires `a` and `b`, and API Gateway only one of them: `pool` is a user pool";
    let none = |scopes: &str| {
        format!(
            "warning weaker_scopes API Gateway does not require {scopes}: the function of `own` decides alone"
        )
    };
    for (security, expected) in [
        ("[{ pool: [a, b] }]", vec![all.to_owned()]),
        ("[{ pool: [c] }, { pool: [b, a] }]", vec![all.to_owned()]),
        ("[{ pool: [a, b], key: [] }]", vec![all.to_owned()]),
        ("[{ own: [a] }]", vec![none("`a`")]),
        ("[{ own: [b, a] }]", vec![none("`a` and `b`")]),
        ("[{ pool: [] }]", vec![]),
        ("[{ jwt: [a, b] }]", vec![]),
    ] {
        assert_eq!(codes(MANIFEST, &with_externals(security)), expected, "{security}");
    }
}

#[test]
fn misspelled_extensions_are_errors_in_every_place() {
    let unknown = |name: &str, known: &str| {
        vec![format!("unknown extension `{name}` (did you mean `x-amazon-apigateway-{known}`?)")]
    };
    for (name, known) in [
        ("x-amazon-apigateway-polcy", "policy"),
        ("x-amazon-apigateway-gateway-response", "gateway-responses"),
        ("x-amazon-api-gateway-policy", "policy"),
        ("x-aws-apigateway-policy", "policy"),
        ("X-Amazon-Apigateway-Policy", "policy"),
        ("x_amazon_apigateway_policy", "policy"),
        ("amazon-apigateway-policy", "policy"),
    ] {
        assert_eq!(found("paths:", &format!("{name}: {{}}\npaths:")), unknown(name, known));
    }
    let made_up = found("paths:", "x-amazon-apigateway-something-else-entirely: {}\npaths:");
    let help = "(remove it: API Gateway has no extension of this name)";
    let name = "x-amazon-apigateway-something-else-entirely";
    assert_eq!(made_up, [format!("unknown extension `{name}` {help}")]);
    let typo = "x-amazon-apigateway-authorizr: {}";
    for (from, to) in [
        ("info: { title: Shop", format!("info: {{ {typo}, title: Shop")),
        ("paths:", format!("servers: [{{ url: 'https://a', {typo} }}]\npaths:")),
        ("paths:", format!("tags: [{{ name: a, {typo} }}]\npaths:")),
        ("paths:", format!("paths:\n  {typo}")),
        (GET, format!("    {typo}\n{GET}")),
        (GET, format!("{GET}      {typo}\n")),
        (GET, format!("{GET}      parameters: [{{ name: q, in: query, {typo} }}]\n")),
        (GET, format!("{GET}      parameters: [{{ name: q, in: query, schema: {{ {typo} }} }}]\n")),
        (GET, format!("{GET}      responses: {{ '200': {{ description: '', {typo} }} }}\n")),
        (
            GET,
            format!(
                "{GET}      requestBody: {{ content: {{ text/plain: {{ schema: {{ properties: {{ a: {{ {typo} }} }} }} }} }} }}\n"
            ),
        ),
        ("components:", format!("components:\n  {typo}")),
        ("components:", format!("components:\n  schemas: {{ A: {{ items: {{ {typo} }} }} }}")),
        ("bearer }", format!("bearer, {typo} }}")),
    ] {
        let expected = unknown("x-amazon-apigateway-authorizr", "authorizer");
        assert_eq!(found(from, &to), expected, "{to}");
    }
    // Data and extensions of other programs.
    for (from, to) in [
        ("info: { title: Shop", format!("info: {{ x-other: {{ {typo} }}, title: Shop")),
        (
            "info: { title: Shop",
            "info: { x-amazon-spds-sandbox: 1, x-aws-region: a, title: Shop".to_owned(),
        ),
        ("components:", format!("components:\n  examples: {{ A: {{ value: {{ {typo} }} }} }}")),
        ("components:", format!("components:\n  schemas: {{ A: {{ example: {{ {typo} }} }} }}")),
        ("components:", format!("components:\n  schemas: {{ A: {{ properties: {{ {typo} }} }} }}")),
        ("paths:", "x-amazon-apigateway-policy: null\npaths:".to_owned()),
    ] {
        let messages = found(from, &to);
        assert!(messages.is_empty(), "{to}: {messages:?}");
    }
}

#[test]
fn extensions_in_a_place_without_effect_are_errors_if_they_limit_access() {
    for (from, to, expected) in [
        (
            GET,
            format!("    x-amazon-apigateway-request-validator: all\n{GET}"),
            "`x-amazon-apigateway-request-validator` has no effect in a path (move it to the root of the document or an operation)",
        ),
        (
            GET,
            format!("{GET}      x-amazon-apigateway-policy: {{}}\n"),
            "`x-amazon-apigateway-policy` has no effect in an operation (move it to the root of the document)",
        ),
        (
            "paths:",
            "x-amazon-apigateway-auth: { type: AWS_IAM }\npaths:".to_owned(),
            "`x-amazon-apigateway-auth` has no effect in the root of the document (move it to an operation)",
        ),
        (
            GET,
            format!(
                "{GET}      servers: [{{ url: 'https://a', x-amazon-apigateway-endpoint-configuration: {{ disableExecuteApiEndpoint: true }} }}]\n"
            ),
            "`x-amazon-apigateway-endpoint-configuration` has no effect in this place (move it to a server of the document or the root of the document)",
        ),
        (
            "components:",
            "components:\n  x-amazon-apigateway-gateway-responses: {}".to_owned(),
            "warning: `x-amazon-apigateway-gateway-responses` has no effect in `components` (move it to the root of the document)",
        ),
        (
            "paths:",
            "x-amazon-apigateway-cors: { allowOrigins: ['*'] }\npaths:".to_owned(),
            "warning: `x-amazon-apigateway-cors` is not carried out (add [cors] to portcullis.toml: REST APIs do not have this extension)",
        ),
        (
            "paths:",
            "x-amazon-apigateway-security-policy: SecurityPolicy_TLS13_1_3_2025_09\npaths:"
                .to_owned(),
            "warning: `x-amazon-apigateway-security-policy` is not carried out (remove it, and set the security policy of the API with another tool)",
        ),
        (
            "paths:",
            "tags: [{ name: a, x-amazon-apigateway-tag-value: b }]\npaths:".to_owned(),
            "warning: `x-amazon-apigateway-tag-value` is not carried out (set `tags` of [api] in portcullis.toml)",
        ),
    ] {
        assert_eq!(found(from, &to), [expected], "{to}");
    }
}

#[test]
fn an_authorizer_that_is_not_understood_is_an_error() {
    let own = |authorizer: &str| {
        let scheme = format!(
            "    own: {{ type: apiKey, in: header, name: A, x-amazon-apigateway-authorizer: {authorizer} }}\n    key:"
        );
        found("    key:", &scheme)
    };
    let types = "(expected one of `token`, `request`, `cognito_user_pools`)";
    let of_jwt = "(remove the extension, and add [authorizer.NAME] with the issuers and audiences to portcullis.toml)";
    let with_uri = |members: &str| format!("{{ type: token, authorizerUri: '{URI}', {members} }}");
    for (authorizer, expected) in [
        (
            "{ type: jwt, jwtConfiguration: { issuers: [] } }".to_owned(),
            format!("unsupported type `jwt`, API Gateway's own JWT authorizer {of_jwt}"),
        ),
        ("{ type: JWT }".to_owned(), format!("unsupported type `JWT`, API Gateway's own JWT authorizer {of_jwt}")),
        ("{ type: tokn }".to_owned(), "unknown type `tokn` (did you mean `token`?)".to_owned()),
        ("{ type: oauth2 }".to_owned(), format!("unknown type `oauth2` {types}")),
        ("{ type: 1 }".to_owned(), format!("`type`: expected a string, found a number {types}")),
        ("[token]".to_owned(), "expected a map, found a list".to_owned()),
        (
            with_uri("identityValidationExpresion: a"),
            "unknown member `identityValidationExpresion` (did you mean `identityValidationExpression`?)".to_owned(),
        ),
        (
            with_uri("jwtConfiguration: {}"),
            "unknown member `jwtConfiguration` (remove it: it requires the type `jwt`)".to_owned(),
        ),
        (
            with_uri("identityValidationExpression: 1"),
            "`identityValidationExpression`: expected a string, found a number".to_owned(),
        ),
        (
            with_uri("authorizerCredentials: { a: b }"),
            "`authorizerCredentials`: expected a string, found a map".to_owned(),
        ),
        (
            with_uri("identitySource: [method.request.header.A]"),
            "`identitySource`: expected a string, found a list".to_owned(),
        ),
        (
            format!("{{ type: cognito_user_pools, providerARNs: '{POOL}' }}"),
            "`providerARNs`: expected a list of strings".to_owned(),
        ),
        (
            with_uri("authorizerResultTtlInSeconds: 'ten'"),
            "invalid `authorizerResultTtlInSeconds` `\"ten\"` (set it from 0 to 3600)".to_owned(),
        ),
    ] {
        let expected = format!("authorizer of security scheme `own`: {expected}");
        assert_eq!(own(&authorizer), [expected], "{authorizer}");
    }
    assert_eq!(
        own(&with_uri("authorizerPayloadFormatVersion: '2.0', identityValidationExpression: null")),
        [
            "warning: authorizer of security scheme `own`: `authorizerPayloadFormatVersion` has no effect in a REST API (remove it)"
        ]
    );
}

#[test]
fn iam_authorization_is_not_misspelled_or_beside_an_authorizer() {
    let iam = "awsSigv4 }";
    let help = "(did you mean `awsSigv4`?)";
    for typo in ["awsSigV4", "awsSig4"] {
        let messages = found(iam, &format!("{typo} }}"));
        let expected = format!("unknown `x-amazon-apigateway-authtype` `{typo}` {help}");
        assert!(messages.contains(&expected), "{messages:?}");
    }
    let both = format!(
        "awsSigv4, x-amazon-apigateway-authorizer: {{ type: token, authorizerUri: '{URI}' }} }}"
    );
    let expected = "security scheme `iam` has IAM authorization and an authorizer (remove `x-amazon-apigateway-authorizer`, or `x-amazon-apigateway-authtype: awsSigv4`)";
    assert_eq!(found(iam, &both), [expected]);
}

#[test]
fn an_authorizer_over_a_scheme_that_is_enforced_otherwise_is_reported() {
    let over = |name: &str| {
        let issuer = "issuer = \"https://issuer.example.com/\"\naudience = [\"a\"]\n";
        format!("{MANIFEST}\n[authorizer.{name}]\n[[authorizer.{name}.issuer]]\n{issuer}")
    };
    let document = with_externals("[{ own: [] }]");
    assert_eq!(
        codes(&over("own"), &document),
        [
            "warning replaced_authorizer [authorizer.own] replaces the authorizer that security scheme `own` declares"
        ]
    );
    for (name, enforced) in [("key", "an API key"), ("iam", "IAM authorization")] {
        let expected = format!(
            "error invalid_configuration [authorizer.{name}] is never invoked: security scheme `{name}` requires {enforced}"
        );
        assert_eq!(codes(&over(name), &document), [expected]);
    }
    // A document that was exported declares the authorizers of its manifest.
    let exported = exported(MANIFEST, OPENAPI).to_string();
    let messages = codes(MANIFEST, &exported);
    assert!(!messages.iter().any(|text| text.contains("replaced_authorizer")), "{messages:?}");
}

#[test]
fn an_authorizer_of_an_unknown_type_on_aws_is_not_exported_without_its_settings() {
    let with = |kind: &str| {
        let extension = json!({"type": kind, "authorizerUri": URI});
        let shape = AuthorizerShape::read(&extension, "Authorization");
        let authorizers = [("guard".to_owned(), shape)].into();
        ApiDefinition { authorizers, ..ApiDefinition::default() }
    };
    assert_eq!(with("jwt").unsupported_authorizer(), Some(("guard", "JWT")));
    for kind in ["token", "REQUEST", "cognito_user_pools"] {
        assert_eq!(with(kind).unsupported_authorizer(), None, "{kind}");
    }
}

#[test]
fn a_misspelled_member_that_limits_access_is_an_error() {
    let public = OPENAPI.replace("security:\n  - jwt: [read]\n", "security: []\n");
    for (from, name, known) in [
        ("operationId: getThing", "securty: [{ jwt: [read] }]", "security"),
        ("operationId: getThing", "Security: [{ jwt: [read] }]", "security"),
        ("operationId: getThing", "paramters: []", "parameters"),
        ("operationId: getThing", "requestBodies: {}", "requestBody"),
        ("paths:", "securities: [{ jwt: [read] }]\npaths:", "security"),
    ] {
        let key = name.split(':').next().unwrap();
        let expected = format!("error invalid_configuration unknown member `{key}`");
        assert_eq!(codes(MANIFEST, &public.replace(from, name)), [expected], "{name}");
        assert!(found(from, name)[0].ends_with(&format!("(did you mean `{known}`?)")), "{name}");
    }
    let valid = "operationId: getThing\n      servers: []\n      responses: {}\n      deprecated: true\n      callbacks: {}\n      externalDocs: { url: 'https://a' }\n      tags: [a]\n      x-security: 1";
    assert_eq!(found("operationId: getThing", valid), [""; 0]);
}

#[test]
fn a_reference_in_a_setting_of_the_api_is_an_error() {
    for (name, is_alone) in [("policy", true), ("gateway-responses", false)] {
        let name = format!("x-amazon-apigateway-{name}");
        let messages = found("paths:", &format!("{name}: {{ $ref: '#/x-own' }}\npaths:"));
        let expected =
            format!("`$ref` is not resolved in `{name}` (write the value that it names)");
        assert_eq!(messages[0], expected);
        assert_eq!(messages.len() == 1, is_alone, "{messages:?}");
    }
    let name = "x-amazon-apigateway-endpoint-configuration";
    let server =
        format!("servers: [{{ url: 'https://a', {name}: {{ $ref: '#/x-own' }} }}]\npaths:");
    let messages = found("paths:", &server);
    assert!(
        messages[0].starts_with(&format!("`$ref` is not resolved in `{name}`")),
        "{messages:?}"
    );
}
