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
    let told: Value =
        serde_json::from_slice(output.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
    let found = told["diagnostics"].as_array().cloned().unwrap_or_default();
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
fn right_files_have_nothing_to_tell() {
    manifest("", "", &[]);
}

#[test]
fn what_is_wrong_with_the_manifest_is_told_at_its_place() {
    let issuer = "issuer = \"https://issuer.example.com/\"";
    let audience = "audience = [\"https://shop.example.com\"]";
    manifest(
        "[api]",
        "[apo]",
        &[
            "portcullis.toml:1:1: there is no [api] table (begin with [api] and its `name` and `openapi`)",
            "portcullis.toml:1:2: unknown key `apo` (did you mean `api`?)",
        ],
    );
    manifest(
        "name = \"shop\"",
        "nam = \"shop\"",
        &[
            "portcullis.toml:1:1: `name` is missing",
            "portcullis.toml:2:1: unknown key `nam` (did you mean `name`?)",
        ],
    );
    manifest("name = \"shop\"", "name = 7", &["portcullis.toml:2:8: `name` is a number, not text"]);
    manifest("name = \"shop\"", "name = \"\"", &["portcullis.toml:2:8: `name` is empty"]);
    manifest(
        "name = \"shop\"",
        "name = \"${env:UNSET_FOR_THE_TEST}\"",
        &[
            "portcullis.toml:2:8: the environment variable `UNSET_FOR_THE_TEST` is not set (set UNSET_FOR_THE_TEST, or write the value itself)",
        ],
    );
    manifest(
        "name = \"shop\"",
        "name = \"shop\"\nendpoint = \"regionl\"",
        &["portcullis.toml:3:12: `endpoint` cannot be `regionl` (did you mean `regional`?)"],
    );
    manifest(
        "[stage.dev]",
        "[stage.dev",
        &["portcullis.toml:15:11: not TOML: unclosed table, expected `]`"],
    );
    manifest(issuer, "", &["portcullis.toml:8:1: `issuer` is missing"]);
    manifest(
        issuer,
        "issuer = \"http://issuer.example.com\"",
        &[
            "portcullis.toml:9:10: `issuer` is no https URL (http for loopback), so `jwks_uri` must be given",
        ],
    );
    manifest(
        audience,
        "",
        &[
            "portcullis.toml:8:1: `audience` is missing (name the APIs its tokens must be for; without one every token of the issuer's would do)",
        ],
    );
    manifest(
        audience,
        "audience = []",
        &[
            "portcullis.toml:10:12: `audience` is empty, which would take every token of the issuer's",
        ],
    );
    manifest(
        audience,
        "audience = \"x\"",
        &["portcullis.toml:10:12: `audience` is not a list of texts"],
    );
    manifest(
        audience,
        "audience = [\"x\"]\nalgorithms = [\"HS256\"]\nleeway = \"1h\"",
        &[
            "portcullis.toml:11:14: `algorithms` has a name that is not one of ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512",
            "portcullis.toml:12:10: `leeway` is more than 300",
        ],
    );
    manifest(
        "[[authorizer.jwt.issuer]]",
        "[[authorizer.jwt.isuer]]",
        &[
            "portcullis.toml:5:13: the authorizer `jwt` has no issuer (add [[authorizer.jwt.issuer]] with `issuer` and `audience`)",
            "portcullis.toml:8:18: unknown key `isuer` (did you mean `issuer`?)",
        ],
    );
    manifest(
        "function_arn = \"arn:aws:lambda",
        "function_arn = \"arn:aws:lambada",
        &[
            "portcullis.toml:6:16: `function_arn` is not such an ARN (it looks like arn:aws:lambda:REGION:ACCOUNT:function:NAME[:ALIAS])",
        ],
    );
    manifest(
        "[authorizer.jwt]",
        "[authorizer.jwt]\ncache_ttl = \"2h\"",
        &[
            "portcullis.toml:6:13: `cache_ttl` is more than an hour, the longest that API Gateway caches",
        ],
    );
    manifest(
        "[authorizer.jwt]",
        "[authorizer.jwt]\ncache_ttl = \"5 minutes\"",
        &["portcullis.toml:6:13: `cache_ttl` is not a length of time (write 30s, 5m or 1h)"],
    );
    manifest(
        "http = \"https://backend.example.com\"",
        "http = \"backend\"",
        &[
            "portcullis.toml:13:8: `http` is not the base URL of a backend (write https://HOST[/PATH])",
        ],
    );
    manifest(
        "http = \"https://backend.example.com\"",
        "mock = false",
        &[
            "portcullis.toml:12:1: an integration is one of `http = \"https://…\"`, `lambda = \"arn:…\"` and `mock = true` (`http` takes a `vpc_link`, `lambda` takes `credentials`, and both a `timeout`)",
        ],
    );
}

#[test]
fn an_issuers_rules_are_checked_where_they_are_written() {
    let audience = "audience = [\"https://shop.example.com\"]";
    let with = |more: &str| format!("{audience}\n{more}");
    let right = "profile = \"entra\"\nmax_token_age = \"24h\"\nclients = [\"a\"]\nqualify_principal = true\ncontext = { tenant = \"/org/id\", org = { json = \"org\" } }\nusage_key = { claim = \"plan\" }\ndenied = { jti = [\"x\"] }\n[[authorizer.jwt.issuer.require]]\nclaim = \"/roles\"\nany_of = [\"staff\"]";
    manifest(audience, &with(right), &[]);
    for (more, message) in [
        (
            "profile = \"loose\"",
            "11:11: `profile`: unknown variant `loose`, expected one of `oauth`, `rfc9068`, `cognito`, `entra`, `any`",
        ),
        ("clients = []", "11:11: `clients` is empty, which would take no client's token"),
        ("max_token_age = \"0s\"", "11:17: `max_token_age` is 0, which would take no token"),
        ("key_max_age = \"1s\"", "11:15: `key_max_age` is not from 60 to 86400"),
        ("context = { sub = \"x\" }", "11:11: `context` cannot have the name `sub`"),
        ("denied = { sid = [] }", "11:10: `denied`: unknown field `sid`, expected `jti` or `sub`"),
        (
            "require = [{ claim = \"x\" }]",
            "11:11: `require` has a rule without exactly one of any_of, all_of, equals, exists, at_least and at_most",
        ),
    ] {
        manifest(audience, &with(more), &[&format!("portcullis.toml:{message}")]);
    }
}

#[test]
fn what_is_wrong_with_the_document_is_told_at_its_place() {
    openapi(
        "openapi: 3.0.3",
        "swagger: \"2.0\"",
        &[
            "openapi.yaml:1:1: not an OpenAPI 3.0 or 3.1 document (OpenAPI 3.0 and 3.1 are read; convert a Swagger 2.0 document first)",
        ],
    );
    openapi(
        "info: { title",
        "info: { title: [",
        &["openapi.yaml:3:1: not YAML: invalid indentation in flow construct"],
    );
    openapi(
        "/open:",
        "open:",
        &["openapi.yaml:9:3: API Gateway has no such path: it does not begin with `/`"],
    );
    openapi(
        "/open:",
        "/open/{a}x:",
        &[
            "openapi.yaml:9:3: API Gateway has no such path: the segment `{a}x` is not wholly a parameter",
        ],
    );
    openapi(
        "/open:",
        "/things/{other}:",
        &["openapi.yaml:10:5: GET /things/{other} stands there twice"],
    );
    openapi(
        "  /open:\n    get:",
        "  /open:\n    trace:",
        &["openapi.yaml:10:5: API Gateway has no method `trace`"],
    );
    openapi(
        "  /open:\n    get:",
        "  /open:\n    get:\n      security: []\n    get:",
        &["openapi.yaml:12:5: `get` stands twice in one table"],
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
    let expected = "the security schemes `my.jwt` and `my_jwt` have the same name on AWS";
    assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
}

#[test]
fn an_operation_that_nothing_guards_is_an_error_and_never_public() {
    let nothing =
        "(name a security scheme and its scopes, or write `security: []` to make it public)";
    openapi(
        "security:\n  - jwt: [read]\n",
        "",
        &[&format!("openapi.yaml:5:5: nothing says who may call GET /things/{{id}} {nothing}")],
    );
    let op = "      security: []";
    let with = |security: &str| format!("      security: {security}");
    let optional = "(API Gateway has no optional security: write `security: []` for a public operation, or name a scheme)";
    for (security, expected) in [
        ("[{}]", format!("openapi.yaml:11:18: an empty security requirement would open the operation to everybody {optional}")),
        ("[{jwt: []}, {}]", format!("openapi.yaml:11:29: an empty security requirement would open the operation to everybody {optional}")),
        ("", "openapi.yaml:11:15: `security` is nothing, not a list".to_owned()),
        ("{}", "openapi.yaml:11:17: `security` is a table, not a list".to_owned()),
        ("[jwt]", "openapi.yaml:11:18: a security requirement is text, not a table".to_owned()),
        ("[{jtw: []}]", "openapi.yaml:11:19: there is no usable security scheme `jtw` (did you mean `jwt`?)".to_owned()),
        ("[{jwt: read}]", "openapi.yaml:11:24: the scopes are text, not a list".to_owned()),
        ("[{jwt: [a b]}]", "openapi.yaml:11:25: not a scope name (visible ASCII without space, `\"` and `\\` (RFC 6749 section 3.3))".to_owned()),
        ("[{jwt: []}, {key: []}]", "openapi.yaml:11:29: API Gateway checks one authorizer per method, not one or another (alternatives may differ in scopes only)".to_owned()),
        ("[{jwt: [], iam: []}]", "openapi.yaml:11:17: API Gateway cannot check these security schemes together".to_owned()),
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
fn schemes_that_api_gateway_cannot_check_and_authorizers_without_a_scheme_are_errors() {
    let help = "(use `http` with `bearer`, `oauth2`, `openIdConnect`, an `apiKey` in the header `x-api-key`, or `x-amazon-apigateway-authtype: awsSigv4`)";
    openapi(
        "key: { type: apiKey, in: header, name: x-api-key }",
        "key: { type: http, scheme: basic }",
        &[&format!("openapi.yaml:15:5: API Gateway cannot check the security scheme `key` {help}")],
    );
    openapi(
        "key: { type: apiKey",
        "other: { type: openIdConnect }\n    key: { type: apiKey",
        &[
            "openapi.yaml:15:5: no authorizer serves the security scheme `other` (add [authorizer.other] with its issuer and audience to portcullis.toml)",
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
        [
            "portcullis.toml:15:13: the OpenAPI document has no security scheme `jwt2` (did you mean `jwt`?)"
        ]
    );
}

#[test]
fn all_problems_are_told_and_not_the_first() {
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
            "warning: openapi.yaml:4:11: the scope `read` is not among those its scheme declares (did you mean `reed`?)",
        ],
    );
    let folder = folder(MANIFEST, &OPENAPI.replace("{ type: http, scheme: bearer }", flows));
    assert_eq!(deployer(folder.path(), &["check"]).status.code(), Some(0));
    assert_eq!(deployer(folder.path(), &["check", "--deny-warnings"]).status.code(), Some(3));
    let config = deployer(folder.path(), &["config", "--output", "json"]);
    assert!(
        serde_json::from_slice::<Value>(&config.stdout).is_ok(),
        "warnings stay out of the document"
    );
}

#[test]
fn diagnostics_for_people_show_the_place() {
    let folder = folder(
        &MANIFEST
            .replace("audience = [\"https://shop.example.com\"]", "audience = []\nlevay = \"5s\""),
        OPENAPI,
    );
    insta::assert_snapshot!(transcript(&deployer(folder.path(), &["check"])));
}

#[test]
fn files_that_are_not_there_are_told_as_such() {
    let empty = tempfile::tempdir().unwrap();
    let output = deployer(empty.path(), &["check"]);
    assert_eq!(
        transcript(&output),
        "exit 3\n--- stdout\n--- stderr\nerror: ./portcullis.toml cannot be read: No such file or directory (os error 2)\n  help: name the folder that holds portcullis.toml, or run it there\n"
    );
    let folder = folder(MANIFEST, OPENAPI);
    fs::remove_file(folder.path().join("openapi.yaml")).unwrap();
    let output = deployer(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        transcript(&output).contains("`openapi.yaml` cannot be read"),
        "{}",
        transcript(&output)
    );
}

#[test]
fn a_usage_error_is_not_mistaken_for_pending_changes() {
    let here = Path::new(".");
    assert_eq!(deployer(here, &["frobnicate"]).status.code(), Some(1));
    assert_eq!(deployer(here, &["export"]).status.code(), Some(1));
    assert_eq!(deployer(here, &["--help"]).status.code(), Some(0));
}

fn petstore() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/petstore")
}

#[test]
fn the_petstore_is_right() {
    let output = deployer(&petstore(), &["check", "--deny-warnings"]);
    assert_eq!(
        transcript(&output),
        "exit 0\n--- stdout\npetstore is right: 15 operations, 1 authorizer, stage dev\n--- stderr\n"
    );
}

#[test]
fn the_petstores_configuration_and_document_are_as_they_were() {
    let config = deployer(&petstore(), &["config"]);
    insta::assert_snapshot!("petstore_authorizer_json", String::from_utf8(config.stdout).unwrap());
    let document = deployer(&petstore(), &["export", "--document"]);
    insta::assert_snapshot!("petstore_document", String::from_utf8(document.stdout).unwrap());
}

#[test]
fn every_operation_of_an_exported_document_says_its_security_and_every_scheme_is_mapped() {
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
fn a_document_for_aws_needs_a_function() {
    let arn = "function_arn = \"arn:aws:lambda:eu-west-1:123456789012:function:shop:live\"\n";
    let folder = folder(&MANIFEST.replace(arn, ""), OPENAPI);
    let output = deployer(folder.path(), &["export", "--document"]);
    assert_eq!(
        transcript(&output),
        "exit 3\n--- stdout\n--- stderr\nerror: the authorizer `jwt` has no `function_arn` in portcullis.toml\n  help: add `function_arn` to [authorizer.jwt]\n"
    );
    assert_eq!(
        deployer(folder.path(), &["check"]).status.code(),
        Some(0),
        "serving locally needs none"
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
        transcript(&output).contains("there is no stage `prd`")
            && transcript(&output).contains("did you mean `prod`?")
    );
}

#[test]
fn the_configuration_is_written_whole_and_trusts_a_local_issuer_only_if_told_to() {
    let folder = folder(MANIFEST, OPENAPI);
    let output = deployer(folder.path(), &["config", "--out", "authorizer.json"]);
    let said = transcript(&output);
    assert!(
        said.starts_with("exit 0\n--- stdout\n--- stderr\ndeploy it with --description"),
        "{said}"
    );
    assert!(said.contains("\"portcullis config="), "{said}");
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
    assert!(transcript(&unwritable).contains("nowhere/authorizer.json cannot be written"));
}
