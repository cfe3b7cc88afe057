use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

/// Breaks the files in one place and returns `file:line: message (help)` of each diagnostic.
#[track_caller]
pub(crate) fn check(manifest: (&str, &str), openapi: (&str, &str)) -> Vec<String> {
    assert!(MANIFEST.contains(manifest.0) && OPENAPI.contains(openapi.0), "nothing to replace");
    let folder = folder(
        &MANIFEST.replacen(manifest.0, manifest.1, 1),
        &OPENAPI.replacen(openapi.0, openapi.1, 1),
    );
    let output = deployer(folder.path(), &["check", "--output", "json"]);
    let document: Value =
        serde_json::from_slice(output.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
    let found = document["diagnostics"].as_array().cloned().unwrap_or_default();
    let errors = found.iter().any(|diagnostic| diagnostic["severity"] == "error");
    assert_eq!(
        output.status.code(),
        Some(if errors { 3 } else { 0 }),
        "{}",
        crate::transcript(&output)
    );
    found
        .iter()
        .map(|diagnostic| {
            let help =
                diagnostic["help"].as_str().map(|help| format!(" ({help})")).unwrap_or_default();
            let file = diagnostic["file"].as_str().unwrap().trim_start_matches("./");
            let severity = diagnostic["severity"].as_str().unwrap();
            let warning = if severity == "error" { String::new() } else { format!("{severity}: ") };
            format!(
                "{warning}{file}:{}:{}: {}{help}",
                diagnostic["line"],
                diagnostic["column"],
                diagnostic["message"].as_str().unwrap()
            )
        })
        .collect()
}

#[track_caller]
pub(crate) fn manifest(from: &str, to: &str, expected: &[&str]) {
    assert_eq!(check((from, to), ("", "")), expected, "{to}");
}

#[track_caller]
pub(crate) fn openapi(from: &str, to: &str, expected: &[&str]) {
    assert_eq!(check(("", ""), (from, to)), expected, "{to}");
}

#[test]
fn valid_files_have_no_diagnostics() {
    manifest("", "", &[]);
}

#[test]
fn errors_of_the_manifest_are_reported_at_their_position() {
    let issuer = "issuer = \"https://issuer.example.com/\"";
    let audience = "audience = [\"https://shop.example.com\"]";
    manifest(
        "[api]",
        "[apo]",
        &[
            "portcullis.toml:1:1: missing [api] (add [api] with `name` and `openapi`)",
            "portcullis.toml:1:2: unknown setting `apo` (did you mean `api`?)",
        ],
    );
    manifest(
        "name = \"shop\"",
        "nam = \"shop\"",
        &[
            "portcullis.toml:1:1: missing `name` (add name = \"…\")",
            "portcullis.toml:2:1: unknown setting `nam` (did you mean `name`?)",
        ],
    );
    manifest(
        "name = \"shop\"",
        "name = 7",
        &["portcullis.toml:2:8: `name`: expected a string, found a number"],
    );
    manifest("name = \"shop\"", "name = \"\"", &["portcullis.toml:2:8: `name` must not be empty"]);
    manifest(
        "name = \"shop\"",
        "name = \"${env:UNSET_FOR_THE_TEST}\"",
        &[
            "portcullis.toml:2:8: environment variable `UNSET_FOR_THE_TEST` is not set (set UNSET_FOR_THE_TEST, or write the value in the file)",
        ],
    );
    // An unset variable has no consequential error.
    for (setting, at) in [
        ("issuer = \"${env:UNSET_FOR_THE_TEST}\"", "9:10"),
        (
            "issuer = \"https://issuer.example.com/\"\nleeway = \"${env:UNSET_FOR_THE_TEST}\"",
            "10:10",
        ),
    ] {
        let expected = format!(
            "portcullis.toml:{at}: environment variable `UNSET_FOR_THE_TEST` is not set (set UNSET_FOR_THE_TEST, or write the value in the file)"
        );
        manifest(issuer, setting, &[&expected]);
    }
    manifest(
        "name = \"shop\"",
        "name = \"shop\"\nendpoint = \"regionl\"",
        &["portcullis.toml:3:12: invalid `endpoint` `regionl` (did you mean `regional`?)"],
    );
    manifest(
        "[stage.dev]",
        "[stage.dev",
        &["portcullis.toml:15:11: invalid TOML: unclosed table, expected `]`"],
    );
    manifest(issuer, "", &["portcullis.toml:8:1: missing `issuer` (add issuer = \"…\")"]);
    manifest(
        issuer,
        "issuer = \"http://issuer.example.com\"",
        &[
            "portcullis.toml:9:10: `issuer` must be an https URL (http for loopback) unless `jwks_uri` is set",
        ],
    );
    manifest(
        audience,
        "",
        &[
            "portcullis.toml:8:1: missing `audience` (list the `aud` values of tokens for this API: without it, every token of the issuer would be accepted)",
        ],
    );
    manifest(
        audience,
        "audience = []",
        &["portcullis.toml:10:12: `audience` must not be empty or have an empty item"],
    );
    manifest(
        audience,
        "audience = \"x\"",
        &["portcullis.toml:10:12: `audience`: expected a list of strings, found a string"],
    );
    manifest(
        audience,
        "audience = [\"x\"]\nalgorithms = [\"HS256\"]\nleeway = \"1h\"",
        &[
            "portcullis.toml:11:14: `algorithms` has an unknown algorithm: expected one of ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512",
            "portcullis.toml:12:10: `leeway` must be at most 300 seconds",
        ],
    );
    manifest(
        "[[authorizer.jwt.issuer]]",
        "[[authorizer.jwt.isuer]]",
        &[
            "portcullis.toml:5:13: authorizer `jwt` has no issuer (add [[authorizer.jwt.issuer]] with `issuer` and `audience`)",
            "portcullis.toml:8:18: unknown setting `isuer` (did you mean `issuer`?)",
        ],
    );
    manifest(
        "function_arn = \"arn:aws:lambda",
        "function_arn = \"arn:aws:lambada",
        &[
            "portcullis.toml:6:16: invalid `function_arn` `arn:aws:lambada:eu-west-1:123456789012:function:shop:live` (expected arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS])",
        ],
    );
    manifest(
        "[authorizer.jwt]",
        "[authorizer.jwt]\ncache_ttl = \"2h\"",
        &[
            "portcullis.toml:6:13: invalid `cache_ttl` `2h`: expected 0s to 3600s (use at most 1h, the longest that API Gateway caches)",
        ],
    );
    manifest(
        "[authorizer.jwt]",
        "[authorizer.jwt]\ncache_ttl = \"5 minutes\"",
        &[
            "portcullis.toml:6:13: invalid `cache_ttl` `5 minutes`: expected a duration (write 30s, 5m or 1h)",
        ],
    );
    manifest(
        "http = \"https://backend.example.com\"",
        "http = \"backend\"",
        &[
            "portcullis.toml:13:8: invalid `http` `backend`: expected a base URL (write https://HOST[/PATH])",
        ],
    );
    manifest(
        "http = \"https://backend.example.com\"",
        "mock = false",
        &[
            "portcullis.toml:12:1: an integration must have exactly one of `http`, `lambda` and `mock = true` (`vpc_link` requires `http`, `credentials` requires `lambda`, and `timeout` requires `http` or `lambda`)",
        ],
    );
}

#[test]
fn issuer_settings_are_validated_at_their_position() {
    let audience = "audience = [\"https://shop.example.com\"]";
    let with = |more: &str| format!("{audience}\n{more}");
    let valid = "profile = \"entra\"\nmax_token_age = \"24h\"\nclients = [\"a\"]\nqualify_principal = true\ncontext = { tenant = \"/org/id\", org = { json = \"org\" } }\nusage_key = { claim = \"plan\" }\ndenied = { jti = [\"x\"] }\n[[authorizer.jwt.issuer.require]]\nclaim = \"/roles\"\nany_of = [\"staff\"]";
    manifest(audience, &with(valid), &[]);
    for (more, message) in [
        (
            "profile = \"loose\"",
            "11:11: `profile`: unknown value `loose` (expected one of `oauth`, `rfc9068`, `auth0`, `okta`, `entra`, `entra-v1`, `b2c`, `keycloak`, `cognito`, `google-service-account`, `firebase`, `wso2`, `ping`, `any`)",
        ),
        ("clients = []", "11:11: `clients` must not be empty or have an empty item"),
        ("max_token_age = \"0s\"", "11:17: `max_token_age` must be greater than 0"),
        ("keys_stale_for = \"25h\"", "11:18: `keys_stale_for` must be 0 to 86400 seconds"),
        ("key_max_age = \"1s\"", "11:15: `key_max_age` must be 60 to 86400 seconds"),
        (
            "context = { sub = \"x\" }",
            "11:11: `context` has the invalid or reserved name `sub`: use letters, digits and `_`",
        ),
        ("denied = { sid = [] }", "11:12: `denied`: unknown member `sid` (did you mean `sub`?)"),
        (
            "require = [{ claim = \"x\" }]",
            "11:12: `require[0]` must have exactly one of `any_of`, `all_of`, `equals`, `exists`, a range (`at_least`, `at_most`), `starts_with`, `ends_with`, `contains`, `matches`, `any`, `all` and `not`",
        ),
    ] {
        manifest(audience, &with(more), &[&format!("portcullis.toml:{message}")]);
    }
}

#[test]
fn errors_of_the_document_are_reported_at_their_position() {
    openapi(
        "openapi: 3.0.3",
        "swagger: \"2.0\"",
        &[
            "openapi.yaml:1:1: missing `openapi`: not an OpenAPI 3.0 or 3.1 document (convert the document to OpenAPI 3.0 or 3.1)",
        ],
    );
    openapi(
        "info: { title",
        "info: { title: [",
        &[
            "openapi.yaml:3:1: invalid YAML: wrong indentation inside `[` or `{` (close the bracket, or indent the line)",
        ],
    );
    openapi(
        "/open:",
        "open:",
        &[
            "openapi.yaml:9:3: unsupported path `open`: must begin with `/` (use segments such as `pets`, `{id}`, or `{proxy+}` at the end)",
        ],
    );
    openapi(
        "/open:",
        "/open/{a}x:",
        &[
            "openapi.yaml:9:3: unsupported path `/open/{a}x`: has the segment `{a}x`, which is neither a literal nor a whole parameter (use segments such as `pets`, `{id}`, or `{proxy+}` at the end)",
        ],
    );
    openapi(
        "/open:",
        "/things/{other}:",
        &[
            "openapi.yaml:10:5: duplicate route `GET /things/{other}` (parameter names do not distinguish routes: remove one of them)",
        ],
    );
    openapi(
        "  /open:\n    get:",
        "  /open:\n    trace:",
        &[
            "openapi.yaml:10:5: unsupported method `trace` (expected one of `delete`, `get`, `head`, `options`, `patch`, `post`, `put`)",
        ],
    );
    openapi(
        "  /open:\n    get:",
        "  /open:\n    get:\n      security: []\n    get:",
        &["openapi.yaml:12:5: duplicate key `get`"],
    );
}

#[test]
fn two_authorizers_with_the_same_name_on_aws_are_an_error() {
    let (second, scheme) = (
        r#"
[authorizer."my.jwt"]
function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:other:live"

[[authorizer."my.jwt".issuer]]
issuer = "https://issuer.example.com/"
audience = ["https://shop.example.com"]

[integration]"#,
        "    my_jwt: { type: http, scheme: bearer }
    my.jwt: { type: http, scheme: bearer }
    key:",
    );
    let first = second.replace("my.jwt", "my_jwt").replace("[integration]", "");
    let both = format!("{first}{second}");
    let found = check(("[integration]", &both), ("    key:", scheme));
    let expected = "security schemes `my.jwt` and `my_jwt` have the same name on AWS";
    assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
}

#[test]
fn an_operation_without_security_is_an_error_and_never_public() {
    let nothing =
        "(add a security scheme and its scopes, or `security: []` for a public operation)";
    openapi(
        "security:\n  - jwt: [read]\n",
        "",
        &[&format!("openapi.yaml:5:5: `GET /things/{{id}}` has no security requirement {nothing}")],
    );
    let op = "      security: []";
    let with = |security: &str| format!("      security: {security}");
    let optional = "(write `security: []` for a public operation, or add a security scheme)";
    for (security, expected) in [
        ("[{}]", format!("openapi.yaml:11:18: an empty security requirement (`{{}}`) is not allowed: it would make the operation public {optional}")),
        ("[{jwt: []}, {}]", format!("openapi.yaml:11:29: an empty security requirement (`{{}}`) is not allowed: it would make the operation public {optional}")),
        ("", "openapi.yaml:11:15: `security`: expected a list, found no value".to_owned()),
        ("{}", "openapi.yaml:11:17: `security`: expected a list, found a map".to_owned()),
        ("[jwt]", "openapi.yaml:11:18: security requirement: expected a map, found a string (write `- SCHEME: [SCOPE]`)".to_owned()),
        ("[{jtw: []}]", "openapi.yaml:11:19: unknown security scheme `jtw` (did you mean `jwt`?)".to_owned()),
        ("[{jwt: read}]", "openapi.yaml:11:24: scopes: expected a list, found a string".to_owned()),
        ("[{jwt: [a b]}]", "openapi.yaml:11:25: invalid scope `a b` (use visible ASCII without space, `\"` and `\\` (RFC 6749 section 3.3))".to_owned()),
        ("[{jwt: []}, {key: []}]", "openapi.yaml:11:29: alternatives with different security schemes are not supported by API Gateway (use the same security schemes in every alternative: only scopes may differ)".to_owned()),
        ("[{jwt: [], iam: []}]", "openapi.yaml:11:17: this combination of security schemes is not supported by API Gateway (use one authorizer or AWS_IAM; an authorizer may be combined with an API key)".to_owned()),
    ] {
        openapi(op, &with(security), &[&expected]);
    }
    for security in
        ["[{jwt: [a]}, {jwt: [b, c]}]", "[{jwt: [], key: []}]", "[{key: []}]", "[{iam: []}]"]
    {
        openapi(op, &with(security), &[]);
    }
}

#[test]
fn unsupported_schemes_and_authorizers_without_a_scheme_are_errors() {
    let help = "(use `http` with `bearer`, `oauth2`, `openIdConnect`, an `apiKey` in the header `x-api-key`, or `x-amazon-apigateway-authtype: awsSigv4`)";
    let schemes = "[]\ncomponents:\n  securitySchemes:\n    jwt: { type: http, scheme: bearer }\n    key: { type: apiKey, in: header, name: x-api-key }";
    let used = |name: &str, scheme: &str| {
        let used = schemes.replacen("[]", &format!("[{{ {name}: [] }}]"), 1);
        used.replace("key: { type: apiKey, in: header, name: x-api-key }", scheme)
    };
    openapi(
        schemes,
        &used("key", "key: { type: http, scheme: basic }"),
        &[&format!("openapi.yaml:15:5: unsupported security scheme `key` {help}")],
    );
    openapi(
        schemes,
        &used("other", "other: { type: openIdConnect }"),
        &[
            "openapi.yaml:15:5: security scheme `other` has no authorizer (add [authorizer.other] with an issuer and its audience to portcullis.toml)",
        ],
    );
    let found = check(
        (
            "[stage.dev]",
            "[authorizer.jwt2]\n[[authorizer.jwt2.issuer]]\nissuer = \"https://x.example.com\"\naudience = [\"a\"]",
        ),
        ("", ""),
    );
    assert_eq!(
        found,
        ["portcullis.toml:15:13: unknown security scheme `jwt2` (did you mean `jwt`?)"]
    );
}

#[test]
fn all_errors_are_reported_and_not_only_the_first() {
    let found = check(
        ("name = \"shop\"", "name = \"\"\nextra = 1"),
        (
            "      security: []\ncomponents:",
            "      security: [{}]\n  bad:\n    get: {}\n  /x:\n    trace: {}\ncomponents:",
        ),
    );
    assert_eq!(found.len(), 5, "{found:#?}");
}

#[test]
fn a_scope_that_its_scheme_does_not_declare_is_a_warning() {
    let flows = "{ type: oauth2, flows: { clientCredentials: { tokenUrl: https://x, scopes: { reed: x } } } }";
    openapi(
        "{ type: http, scheme: bearer }",
        flows,
        &[
            "warning: openapi.yaml:4:11: scope `read` is not declared by its security scheme (did you mean `reed`?)",
        ],
    );
    let folder = folder(MANIFEST, &OPENAPI.replace("{ type: http, scheme: bearer }", flows));
    assert_eq!(deployer(folder.path(), &["check"]).status.code(), Some(0));
    assert_eq!(deployer(folder.path(), &["check", "--deny-warnings"]).status.code(), Some(3));
    let config = deployer(folder.path(), &["config", "--output", "json"]);
    assert!(
        serde_json::from_slice::<Value>(&config.stdout).is_ok(),
        "warnings are not in the document"
    );
}

#[test]
fn diagnostics_show_the_source() {
    let folder = folder(
        &MANIFEST
            .replace("audience = [\"https://shop.example.com\"]", "audience = []\nlevay = \"5s\""),
        OPENAPI,
    );
    insta::assert_snapshot!(transcript(&deployer(folder.path(), &["check"])));
}

#[test]
fn missing_files_are_reported() {
    let empty = tempfile::tempdir().unwrap();
    let output = deployer(empty.path(), &["check"]);
    assert_eq!(
        transcript(&output),
        "exit 3\n--- stdout\n--- stderr\nerror: cannot read ./portcullis.toml: No such file or directory (os error 2)\n  help: pass the directory that contains portcullis.toml, or run the command there\n"
    );
    let folder = folder(MANIFEST, OPENAPI);
    fs::remove_file(folder.path().join("openapi.yaml")).unwrap();
    let output = deployer(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(transcript(&output).contains("cannot read `openapi.yaml`"), "{}", transcript(&output));
}

#[test]
fn a_usage_error_has_another_exit_code_than_pending_changes() {
    let here = Path::new(".");
    assert_eq!(deployer(here, &["frobnicate"]).status.code(), Some(1));
    assert_eq!(deployer(here, &["export"]).status.code(), Some(1));
    assert_eq!(deployer(here, &["--help"]).status.code(), Some(0));
}

fn petstore() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/petstore")
}

#[test]
fn the_petstore_is_valid() {
    let output = deployer(&petstore(), &["check", "--deny-warnings"]);
    assert_eq!(
        transcript(&output),
        "exit 0\n--- stdout\npetstore: valid (15 operations, 1 authorizer, stage dev)\n--- stderr\n"
    );
}

#[test]
fn the_petstores_configuration_and_document_are_unchanged() {
    let config = deployer(&petstore(), &["config"]);
    insta::assert_snapshot!("petstore_authorizer_json", String::from_utf8(config.stdout).unwrap());
    let document = deployer(&petstore(), &["export", "--document"]);
    insta::assert_snapshot!("petstore_document", String::from_utf8(document.stdout).unwrap());
}

#[test]
fn every_operation_of_an_exported_document_has_security_and_every_scheme_is_mapped() {
    let output = deployer(&petstore(), &["export", "--document"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut operations = 0;
    for path in document["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values() {
            operations += 1;
            assert!(
                operation["security"].is_array()
                    && operation["x-amazon-apigateway-integration"].is_object()
            );
        }
    }
    assert_eq!(operations, 15);
    for scheme in document["components"]["securitySchemes"].as_object().unwrap().values() {
        assert_eq!(scheme["type"], "apiKey");
        assert_eq!(scheme["x-amazon-apigateway-authorizer"]["type"], "token");
    }
}

#[test]
fn a_document_for_aws_requires_a_function() {
    let arn = "function_arn = \"arn:aws:lambda:eu-west-1:123456789012:function:shop:live\"\n";
    let folder = folder(&MANIFEST.replace(arn, ""), OPENAPI);
    let output = deployer(folder.path(), &["export", "--document"]);
    assert_eq!(
        transcript(&output),
        "exit 3\n--- stdout\n--- stderr\nerror: authorizer `jwt` has neither `function` nor `function_arn` in portcullis.toml\n  help: add `function` or `function_arn` to [authorizer.jwt]\n"
    );
    assert_eq!(
        deployer(folder.path(), &["check"]).status.code(),
        Some(0),
        "serving locally requires none"
    );
}

#[test]
fn a_stage_has_its_own_integration_and_function() {
    let stages = "[stage.dev]\n[stage.prod]\nintegration = { mock = true }\n[stage.prod.authorizer.jwt]\nfunction_arn = \"arn:aws-cn:lambda:cn-north-1:123456789012:function:other\"\n";
    let folder = folder(&MANIFEST.replace("[stage.dev]\n", stages), OPENAPI);
    let export = |stage: &str| -> Value {
        let output = deployer(folder.path(), &["export", "--document", "--stage", stage]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", transcript(&output)))
    };
    let authorizer = |document: &Value| {
        crate::scheme(document, "jwt")["x-amazon-apigateway-authorizer"]["authorizerUri"].clone()
    };
    let kind = |document: &Value| {
        document["paths"]["/open"]["get"]["x-amazon-apigateway-integration"]["type"].clone()
    };
    let (dev, prod) = (export("dev"), export("prod"));
    assert_eq!((kind(&dev), kind(&prod)), (json!("http_proxy"), json!("mock")));
    assert_eq!(
        authorizer(&prod),
        "arn:aws-cn:apigateway:cn-north-1:lambda:path/2015-03-31/functions/arn:aws-cn:lambda:cn-north-1:123456789012:function:other/invocations"
    );
    assert_ne!(authorizer(&dev), authorizer(&prod));
    let output = deployer(folder.path(), &["export", "--document", "--stage", "prd"]);
    assert!(
        transcript(&output).contains("unknown stage `prd`")
            && transcript(&output).contains("did you mean `prod`?")
    );
}

#[test]
fn the_configuration_is_complete_and_trusts_a_local_issuer_only_with_the_option() {
    let folder = folder(MANIFEST, OPENAPI);
    let output = deployer(folder.path(), &["config", "--out", "authorizer.json"]);
    let text = transcript(&output);
    assert!(
        text.starts_with("exit 0\n--- stdout\n--- stderr\nnote: deploy it with `--description"),
        "{text}"
    );
    assert!(text.contains("\"portcullis config="), "{text}");
    let written: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("authorizer.json")).unwrap())
            .unwrap();
    assert_eq!(written["issuers"].as_array().unwrap().len(), 1);
    assert_eq!(
        written["routes"],
        json!([{"method": "GET", "path": "/things/{id}", "scopes": [["read"]]}])
    );
    let local = deployer(folder.path(), &["config", "--local-issuer", "http://127.0.0.1:4010"]);
    let local: Value = serde_json::from_slice(&local.stdout).unwrap();
    assert_eq!(
        local["issuers"][1],
        json!({"issuer": "http://127.0.0.1:4010", "audience": ["https://shop.example.com"]})
    );
    for url in ["http://evil.example.com", "https://evil.example.com", "x", ""] {
        let refused = deployer(folder.path(), &["config", "--local-issuer", url]);
        assert_eq!(refused.status.code(), Some(1), "{url}");
        assert!(refused.stdout.is_empty());
    }
    let unwritable = deployer(folder.path(), &["config", "--out", "nowhere/authorizer.json"]);
    assert_eq!(unwritable.status.code(), Some(1));
    assert!(transcript(&unwritable).contains(
        "cannot write nowhere/authorizer.json: No such file or directory (os error 2)\n"
    ));
}
