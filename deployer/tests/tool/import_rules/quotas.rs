//! Default quotas of an account, and the size of the imported document.

use super::FUNCTION;
use crate::compiling::{check, manifest};
use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

#[test]
fn an_api_beyond_a_default_quota_is_a_warning() {
    let help = "(request a higher quota of the account, or divide the API)";
    let paths = |count: usize| {
        let paths =
            (0..count).map(|n| format!("  /a/x{n}:\n    get: {{}}\n")).collect::<Vec<_>>().concat();
        check(("", ""), ("  /open:", &format!("{paths}  /open:")))
    };
    // /things, /things/{id}, /open, /a and those below it.
    let quotas = |found: Vec<String>| -> Vec<String> {
        found.into_iter().filter(|one| one.contains("default quota")).collect()
    };
    assert_eq!(quotas(paths(296)), [""; 0]);
    assert_eq!(
        quotas(paths(297)),
        [format!(
            "warning: openapi.yaml:10:5: the API has 301 resources, and the default quota is 300 {help}"
        )]
    );
    let authorizers = |count: usize| {
        let schemes = (0..count)
            .map(|n| {
                format!("    a{n}: {{ type: apiKey, in: header, name: A, x-amazon-apigateway-authtype: custom, x-amazon-apigateway-authorizer: {{ type: token, authorizerUri: 'arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations' }} }}\n")
            })
            .collect::<Vec<_>>().concat();
        let paths = (0..count)
            .map(|n| format!("  /a{n}:\n    get: {{ security: [{{ a{n}: [] }}] }}\n"))
            .collect::<Vec<_>>()
            .concat();
        let text = OPENAPI
            .replace("    key:", &format!("{schemes}    key:"))
            .replace("  /open:", &format!("{paths}  /open:"));
        let folder = folder(MANIFEST, &text);
        transcript(&deployer(folder.path(), &["check", "--output", "json"]))
    };
    assert!(!authorizers(9).contains("default quota"));
    assert!(authorizers(10).contains("the API has 11 authorizers, and the default quota is 10"));
    let stages = |count: usize| {
        let stages = (1..count).map(|n| format!("[stage.s{n}]\n")).collect::<Vec<_>>().concat();
        check(("[stage.dev]", &format!("[stage.dev]\n{stages}")), ("", ""))
    };
    assert_eq!(stages(10), [""; 0]);
    assert_eq!(
        stages(11),
        [
            "warning: portcullis.toml:25:8: the API has 11 stages, and the default quota is 10 (request a higher quota of the account, or remove stages)"
        ]
    );
}

#[test]
fn the_document_that_is_imported_is_limited_and_not_the_file() {
    let description = |bytes: usize| {
        let text = OPENAPI.replace(
            "operationId: getThing",
            &format!("operationId: getThing\n      description: {}", "a".repeat(bytes)),
        );
        transcript(&deployer(folder(MANIFEST, &text).path(), &["check"]))
    };
    let found = description(7_000_000);
    assert!(found.starts_with("exit 0\n") && !found.contains("imports"), "{}", &found[..500]);
    let templates = (0..25)
        .map(|n| {
            format!(
                "  /t{n}:\n    get: {{ x-amazon-apigateway-integration: {{ type: mock, requestTemplates: {{ a/b: '{}' }} }} }}\n",
                "a".repeat(290_000)
            )
        })
        .collect::<Vec<_>>().concat();
    let text = OPENAPI.replace("  /open:", &format!("{templates}  /open:"));
    let found =
        transcript(&deployer(folder(MANIFEST, &text).path(), &["check", "--output", "json"]));
    assert!(
        found.starts_with("exit 0\n") && found.contains("and the largest that it imports has 6 MB"),
        "{}",
        &found[..500]
    );
}

#[test]
fn integration_timeouts_beyond_the_default_quota_are_warnings_or_errors_by_endpoint() {
    let quota =
        "and the default quota is 29000 ms (shorten it, or request a higher quota of the account)";
    let edge = "and that of an edge-optimized API is at most 29000 ms (shorten it, or set `endpoint = \"regional\"` in [api])";
    let endpoint = |endpoint: &str| format!("name = \"shop\"\nendpoint = \"{endpoint}\"");
    let own = "operationId: getThing\n      x-amazon-apigateway-integration: { type: http_proxy, uri: 'https://a.example.com', timeoutInMillis: 120000 }";
    let checked =
        |kind: &str| check(("name = \"shop\"", &endpoint(kind)), ("operationId: getThing", own));
    let subject = "openapi.yaml:7:5: the integration timeout of `GET /things/{id}` is 120000 ms,";
    assert_eq!(checked("regional"), [format!("warning: {subject} {quota}")]);
    assert_eq!(checked("private"), [format!("warning: {subject} {quota}")]);
    assert_eq!(checked("edge"), [format!("{subject} {edge}")]);
    // The setting of the manifest is one cause for all operations.
    let http = "http = \"https://backend.example.com\"";
    let setting = format!("{http}\ntimeout = \"2m\"");
    let subject = "portcullis.toml:14:11: the integration timeout is 120000 ms,";
    manifest(http, &setting, &[&format!("warning: {subject} {quota}")]);
    let found = {
        let text = MANIFEST.replace(http, &setting).replace("name = \"shop\"", &endpoint("edge"));
        let folder = folder(&text, OPENAPI);
        transcript(&deployer(folder.path(), &["check", "--output", "json"]))
    };
    assert!(
        found.contains("exit 3") && found.contains("the integration timeout is 120000 ms"),
        "{found}"
    );
    manifest(http, &format!("{http}\ntimeout = \"29s\""), &[]);
    // A stream has a limit of its own.
    let stream = own.replace("timeoutInMillis", "responseTransferMode: STREAM, timeoutInMillis");
    let found = check(("name = \"shop\"", &endpoint("edge")), ("operationId: getThing", &stream));
    assert_eq!(found, [""; 0]);
}
