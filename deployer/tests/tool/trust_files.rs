//! The files that an authorizer names: root certificates and bundled keys, and the age of the keys.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use authorizer::config::{Config, IssuerDocument};
use authorizer::keys::fetch::{DocumentRequest, Fetch, FetchError, FetchFuture};
use authorizer::{Authorizer, UnixTime};
use compiler::api::Api;
use compiler::compile::{compile, manifest};
use compiler::source::diagnostic::{Diagnostic, Severity, Source};
use compiler::source::keys_file::KeysFile;
use deployment::function::configuration_fingerprint;
use dev::issuer::Issuer;
use serde_json::{Value, json};

use crate::cached_policies::now;
use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

const ISSUER: &str = "https://issuer.example.com/";
const READ_AT: i64 = 1_800_000_000;
const HOUR: i64 = 3600;

static LOCAL: LazyLock<Issuer> = LazyLock::new(|| {
    let configured = IssuerDocument {
        issuer: ISSUER.to_owned(),
        audience: vec!["https://shop.example.com".to_owned()],
        ..IssuerDocument::default()
    };
    Issuer::new(ISSUER.to_owned(), &[configured]).unwrap()
});

/// A self-signed certificate, as `ca_bundle` names it.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";

fn bundle() -> Value {
    let jwks_uri = "https://issuer.example.com/keys";
    json!({"issuer": ISSUER, "jwks_uri": jwks_uri, "read_at": READ_AT, "jwks": LOCAL.key_set()})
}

/// The help about the keys of an issuer that they cannot be fetched from.
const NO_URL: &str = "the issuer has no URL: set `jwks_uri` and run `deployer keys fetch`, or write the file manually, with `issuer`, `read_at` and `jwks`";

/// Writes the files that the guides name: keys of this issuer, fetched now.
pub(crate) fn write_files(folder: &Path, issuer: &str) {
    let mut keys = bundle();
    keys["issuer"] = json!(issuer);
    keys["read_at"] = json!(now().seconds());
    fs::write(folder.join("keys.json"), keys.to_string()).unwrap();
    fs::write(folder.join("ca.pem"), CERTIFICATE).unwrap();
}

/// Compiles a manifest with the files that it names.
fn compiled(toml: &str, files: &[(&str, String)], now: UnixTime) -> (Option<Api>, Vec<Diagnostic>) {
    let source =
        |name: &str, text: &str| Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    let toml = source("portcullis.toml", toml);
    let read = |name: &str| {
        let found = files.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| text.clone()).ok_or_else(|| "not found".to_owned())
    };
    let (manifest, mut diagnostics) = manifest(&toml, &|_| None, &read);
    let openapi = source("openapi.yaml", OPENAPI);
    let (api, found) = compile(&manifest.unwrap(), &toml, &openapi, None, now);
    diagnostics.extend(found);
    (api, diagnostics)
}

/// Compiles the manifest with more settings, and returns `line:column: message (help)` of each
/// diagnostic.
fn check(settings: &str, issuer: &str, files: &[(&str, String)], now: i64) -> Vec<String> {
    let (_, diagnostics) =
        compiled(&with(settings, issuer), files, UnixTime::from_seconds(READ_AT + now));
    let line = |found: &Diagnostic| {
        let (line, column) = found.source.position(found.span.start);
        let help = found.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let severity = if found.severity == Severity::Error { "" } else { "warning: " };
        format!("{severity}{line}:{column}: {}{help}", found.message)
    };
    diagnostics.iter().map(line).collect()
}

/// Returns the manifest with more settings of the authorizer and its issuer.
fn with(settings: &str, issuer: &str) -> String {
    let audience = "audience = [\"https://shop.example.com\"]";
    MANIFEST
        .replace("[authorizer.jwt]", &format!("[authorizer.jwt]{settings}"))
        .replace(audience, &format!("{audience}{issuer}"))
}

fn keys(text: &Value) -> Vec<(&'static str, String)> {
    vec![("keys.json", text.to_string())]
}

/// A network without any host.
struct NoNetwork;

impl Fetch for NoNetwork {
    fn get<'a>(&'a self, request: DocumentRequest<'a>) -> FetchFuture<'a> {
        let url = request.url.to_owned();
        Box::pin(async move { Err(FetchError::Connect { url }) })
    }
}

#[test]
fn the_function_accepts_and_uses_every_setting() {
    let settings =
        "\npolicy_max_bytes = 2048\npolicy_outlives_token = true\nca_bundle = \"ca.pem\"";
    let issuer = "\nkeys = \"keys.json\"\nkeys_lifetime = \"7d\"\nkeys_stale_for = \"2h\"";
    let folder = folder(&with(settings, issuer), OPENAPI);
    let recent = now().seconds();
    let mut bundle = bundle();
    bundle["read_at"] = json!(recent);
    fs::write(folder.path().join("keys.json"), bundle.to_string()).unwrap();
    fs::write(folder.path().join("ca.pem"), CERTIFICATE).unwrap();
    let output = deployer(folder.path(), &["config"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", transcript(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["policy_max_bytes"], 2048);
    assert_eq!(document["policy_outlives_token"], true);
    assert_eq!(document["ca_bundle"], CERTIFICATE);
    assert_eq!(document["issuers"][0]["keys_stale_for_seconds"], 7200);
    let expected = json!({"jwks": LOCAL.key_set(), "read_at": recent, "lifetime_seconds": 604_800});
    assert_eq!(document["issuers"][0]["keys"], expected);
    let config = Config::from_json(&text).unwrap();
    assert_eq!(config.ca_bundle(), Some(CERTIFICATE));

    // A decision without the network.
    let fetch: Arc<dyn Fetch> = Arc::new(NoNetwork);
    let authorizer = Authorizer::new(config, &fetch);
    let now = UnixTime::from_seconds(recent);
    let token = LOCAL.mint("client", "read", None, now).unwrap();
    let arn = "arn:aws:execute-api:eu-west-1:123456789012:abc/dev/GET/things/1";
    let event =
        json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": format!("Bearer {token}")});
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(authorizer.handle(&event.to_string(), now));
    let response = serde_json::to_value(outcome.response.unwrap()).unwrap();
    assert_eq!(response["policyDocument"]["Statement"][0]["Effect"], "Allow", "{response}");
}

#[test]
fn invalid_limits_are_errors_at_their_position() {
    for (settings, expected) in [
        (
            "policy_max_bytes = 1000",
            "6:20: `policy_max_bytes` must be 1024 to 1048576 bytes, found 1000",
        ),
        (
            "policy_max_bytes = 1048577",
            "6:20: `policy_max_bytes` must be 1024 to 1048576 bytes, found 1048577",
        ),
        (
            "policy_max_bytes = -1",
            "6:20: `policy_max_bytes`: expected an integer of at least 0, found -1",
        ),
        (
            "policy_max_bytes = \"8k\"",
            "6:20: `policy_max_bytes`: expected an integer of at least 0, found a string",
        ),
        (
            "policy_outlives_token = 1",
            "6:25: `policy_outlives_token`: expected `true` or `false`, found a number",
        ),
    ] {
        assert_eq!(check(&format!("\n{settings}"), "", &[], 0), [expected], "{settings}");
    }
}

#[test]
fn an_invalid_ca_bundle_is_an_error_at_its_position() {
    let setting = "\nca_bundle = \"ca.pem\"";
    let with = |text: &str| check(setting, "", &[("ca.pem", text.to_owned())], 0);
    assert_eq!(with(CERTIFICATE), [""; 0]);
    assert_eq!(
        check(setting, "", &[], 0),
        [
            "6:13: cannot read `ca.pem`: not found (set `ca_bundle` to a path relative to the directory of portcullis.toml)"
        ]
    );
    let invalid = "6:13: `ca_bundle` must contain certificates in PEM, found `ca.pem`";
    for text in ["", "x", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----"] {
        assert_eq!(with(text), [invalid], "{text}");
    }
    let key = "-----BEGIN EC PRIVATE KEY-----\nAQID\n-----END EC PRIVATE KEY-----\n";
    let private = "6:13: `ca.pem` contains a private key (use a file with certificates only: it becomes part of authorizer.json)";
    assert_eq!(with(&format!("{CERTIFICATE}{key}")), [private]);
    // As the command reads it.
    let folder = folder(&super::trust_files::with(setting, ""), OPENAPI);
    let missing = transcript(&deployer(folder.path(), &["check"]));
    assert!(missing.contains("cannot read `ca.pem`: No such file or directory"), "{missing}");
    let large = CERTIFICATE.repeat(20_000);
    fs::write(folder.path().join("ca.pem"), large).unwrap();
    let large = transcript(&deployer(folder.path(), &["check"]));
    assert!(large.contains("cannot read `ca.pem`: larger than 1 MB"), "{large}");
}

#[test]
fn an_invalid_file_of_keys_is_an_error_with_the_command_that_replaces_it() {
    let setting = "\nkeys = \"keys.json\"";
    let change = |change: &dyn Fn(&mut Value)| {
        let mut bundle = bundle();
        change(&mut bundle);
        bundle
    };
    let with_key = |key: Value| change(&move |bundle| bundle["jwks"]["keys"] = json!([key]));
    let fetch = "(run `deployer keys fetch`)";
    let remove = "(remove the file, and run `deployer keys fetch`)";
    for (text, expected) in [
        (json!("x"), "`keys.json` is not a file of bundled keys: expected a map, found a string"),
        (
            LOCAL.key_set().clone(),
            "`keys.json` is a key set without `read_at`, so its age is unknown",
        ),
        (json!({}), "`keys.json` is not a file of bundled keys: missing `issuer`"),
        (
            change(&|bundle| drop(bundle.as_object_mut().unwrap().remove("read_at"))),
            "`keys.json` is not a file of bundled keys: missing `read_at`",
        ),
        (
            change(&|bundle| bundle["read_at"] = json!("2026-11-26")),
            "`keys.json` is not a file of bundled keys: expected an integer, found a string",
        ),
        (
            change(&|bundle| bundle["issuer"] = json!("https://issuer.example.com")),
            "`keys.json` has the keys of `https://issuer.example.com`",
        ),
        (
            with_key(json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"})),
            "`keys.json` contains a private or symmetric key",
        ),
        (
            with_key(json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d"})),
            "`keys.json` contains a private or symmetric key",
        ),
        (
            with_key(json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y"})),
            "`keys` is not usable: the key set has no key for the issuer's algorithms",
        ),
        (
            change(&|bundle| bundle["jwks"] = json!([])),
            "`keys` is not usable: not a JSON Web Key Set",
        ),
    ] {
        let is_keys_file = KeysFile::is_keys_file(&text.to_string());
        let fix = if is_keys_file { fetch } else { remove };
        let expected = [format!("11:8: {expected} {fix}")];
        assert_eq!(check("", setting, &keys(&text), 0), expected, "{text}");
    }
    let expected = [format!("11:8: cannot read `keys.json`: not found {fetch}")];
    assert_eq!(check("", setting, &[], 0), expected);
    let expected =
        [format!("11:8: `keys.json` is not a file of bundled keys: invalid JSON {remove}")];
    assert_eq!(check("", setting, &[("keys.json", "{".to_owned())], 0), expected);
    let other = format!("{setting}\njwks_uri = \"https://issuer.example.com/jwks\"");
    let expected = "11:8: `keys.json` has keys from `https://issuer.example.com/keys`, which is not `jwks_uri` (run `deployer keys fetch`)";
    assert_eq!(check("", &other, &keys(&bundle()), 0), [expected]);
    let same = format!("{setting}\njwks_uri = \"https://issuer.example.com/keys\"");
    assert_eq!(check("", &same, &keys(&bundle()), 0), [""; 0]);
}

#[test]
fn a_missing_file_of_keys_is_the_only_error_of_an_issuer_without_a_url() {
    let manifest = with("", "\nkeys = \"keys.json\"").replace(ISSUER, "issuer.internal");
    let (_, found) = compiled(&manifest, &[], UnixTime::from_seconds(READ_AT));
    let messages: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(messages, ["cannot read `keys.json`: not found"]);
    assert_eq!(found[0].help.as_deref(), Some(NO_URL));
    let template = "https://login.example.com/{tenantid}/v2.0";
    let manifest = with("", "\nkeys = \"keys.json\"").replace(ISSUER, template);
    let (_, found) = compiled(&manifest, &[], UnixTime::from_seconds(READ_AT));
    assert_eq!(found[0].help.as_deref(), Some(NO_URL), "{found:?}");
    // A file without `jwks_uri`, written manually.
    let manifest = with("", "\nkeys = \"keys.json\"").replace(ISSUER, "issuer.internal");
    let mut file = bundle();
    file["issuer"] = json!("issuer.internal");
    file.as_object_mut().unwrap().remove("jwks_uri");
    let (_, found) = compiled(&manifest, &keys(&file), UnixTime::from_seconds(READ_AT));
    assert_eq!(found, []);
}

#[test]
fn the_lifetime_of_keys_is_at_most_a_year_and_requires_keys() {
    let with = |lifetime: &str| format!("\nkeys = \"keys.json\"\nkeys_lifetime = \"{lifetime}\"");
    for lifetime in ["10m", "24h", "365d"] {
        assert_eq!(check("", &with(lifetime), &keys(&bundle()), 0), [""; 0], "{lifetime}");
    }
    for lifetime in ["0s", "366d", "400d", "8761h"] {
        let expected = format!(
            "12:17: invalid `keys_lifetime` `{lifetime}`: expected 1s to 365d (use at most 365d: a withdrawn key is accepted for as long)"
        );
        let found = check("", &with(lifetime), &keys(&bundle()), 0);
        assert_eq!(found, [expected], "{lifetime}");
    }
    let expected = "11:1: `keys_lifetime` requires `keys` (add `keys = \"FILE\"`, or remove it)";
    assert_eq!(check("", "\nkeys_lifetime = \"24h\"", &[], 0), [expected]);
}

#[test]
fn a_file_has_the_keys_of_one_issuer() {
    let second = |issuer: &str| {
        format!(
            "\nkeys = \"keys.json\"\n\n[[authorizer.jwt.issuer]]\nissuer = \"{issuer}\"\naudience = [\"a\"]\nkeys = \"keys.json\""
        )
    };
    let found = check("", &second("https://other.example.com"), &keys(&bundle()), 0);
    let expected = "16:8: `keys.json` is the file of the keys of `https://issuer.example.com/` (use a file for each issuer)";
    assert!(found.iter().any(|found| found == expected), "{found:?}");
}

#[test]
fn spellings_of_one_path_are_one_file() {
    for spelling in ["./keys.json", "a/./k.json", "a//k.json", ".//./keys.json"] {
        let name = if spelling.contains('a') { "a/k.json" } else { "keys.json" };
        let settings = format!(
            "\nkeys = \"{name}\"\n\n[[authorizer.jwt.issuer]]\nissuer = \"https://other.example.com\"\naudience = [\"a\"]\nkeys = \"{spelling}\""
        );
        let found = check("", &settings, &[], 0);
        let expected = format!(
            "16:8: `{spelling}` is the file of the keys of `https://issuer.example.com/` (use a file for each issuer)"
        );
        assert!(found.contains(&expected), "{found:?}");
    }
}

#[test]
fn a_path_out_of_the_project_is_an_error_at_its_position_and_is_not_read() {
    for path in ["../x", "/dev/zero", "a/../x", "..", ".", ""] {
        let help = "(use a path relative to the directory of portcullis.toml, without `..`)";
        let expected = |setting: &str| {
            format!("`{setting}` must be a file in the project, found `{path}` {help}")
        };
        let files = [(path, CERTIFICATE.to_owned())];
        let found = check(&format!("\nca_bundle = \"{path}\""), "", &files, 0);
        assert_eq!(found, [format!("6:13: {}", expected("ca_bundle"))]);
        let files = [(path, bundle().to_string())];
        let found = check("", &format!("\nkeys = \"{path}\""), &files, 0);
        assert_eq!(found, [format!("11:8: {}", expected("keys"))]);
    }
}

#[test]
fn only_regular_files_of_limited_size_are_read() {
    let folder = folder(&with("\nca_bundle = \"ca.pem\"", ""), OPENAPI);
    symlink("/dev/zero", folder.path().join("ca.pem")).unwrap();
    let device = transcript(&deployer(folder.path(), &["check"]));
    assert!(device.contains("cannot read `ca.pem`: not a regular file"), "{device}");
    fs::remove_file(folder.path().join("ca.pem")).unwrap();
    fs::write(folder.path().join("ca.pem"), CERTIFICATE).unwrap();
    // A device has the size 0.
    let endless = transcript(&deployer(folder.path(), &["check", "--against", "/dev/zero"]));
    assert!(endless.contains("cannot read /dev/zero: larger than 30 MB"), "{endless}");
}

#[test]
fn keys_that_have_expired_or_will_soon_are_a_warning_and_those_of_the_future_an_error() {
    let day = "\nkeys = \"keys.json\"";
    let age = |now: i64| check("", day, &keys(&bundle()), now);
    let warning = |text: &str| {
        vec![format!(
            "warning: 11:8: the keys in `keys.json` are {text} (run `deployer keys fetch`, and deploy the function)"
        )]
    };
    let none: Vec<String> = Vec::new();
    for (now, expected) in [
        (-301, vec!["11:8: `read_at` of `keys.json` is in the future (check the clock; run `deployer keys fetch`)".to_owned()]),
        (-300, none.clone()),
        (0, none.clone()),
        (18 * HOUR - 1, none.clone()),
        (18 * HOUR, warning("18 hours old and expire in 6 hours")),
        (24 * HOUR - 1, warning("23 hours old and expire in 1 second")),
        (24 * HOUR, warning("24 hours old and have expired after 24 hours, so the function fetches keys at each cold start")),
        (72 * HOUR, warning("3 days old and have expired after 24 hours, so the function fetches keys at each cold start")),
    ] {
        assert_eq!(age(now), expected, "{now}");
    }
    let week = format!("{day}\nkeys_lifetime = \"7d\"");
    assert_eq!(check("", &week, &keys(&bundle()), 72 * HOUR), none);
    // Without a URL, nothing replaces expired keys.
    let internal = with("", day).replace(ISSUER, "issuer.internal");
    let mut file = bundle();
    file["issuer"] = json!("issuer.internal");
    let (_, found) = compiled(&internal, &keys(&file), UnixTime::from_seconds(READ_AT + 24 * HOUR));
    let messages: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the keys in `keys.json` are 24 hours old and have expired after 24 hours, so all tokens of the issuer fail with 500"
        ]
    );
    assert_eq!(found[0].help, Some(format!("{NO_URL}, and deploy the function")));
}

#[test]
fn the_command_reports_the_age_by_its_clock() {
    let folder = folder(&with("", "\nkeys = \"keys.json\""), OPENAPI);
    let mut file = bundle();
    file["read_at"] = json!(0);
    fs::write(folder.path().join("keys.json"), file.to_string()).unwrap();
    let expired = deployer(folder.path(), &["check", "--output", "json"]);
    assert_eq!(expired.status.code(), Some(0), "{}", transcript(&expired));
    assert!(transcript(&expired).contains("\"code\":\"bundled_keys\""), "{}", transcript(&expired));
    let denied = deployer(folder.path(), &["check", "--deny-warnings"]);
    assert_eq!(denied.status.code(), Some(3), "{}", transcript(&denied));
}

#[test]
fn a_changed_file_changes_the_fingerprint_of_the_configuration() {
    let (settings, issuer) = ("\nca_bundle = \"ca.pem\"", "\nkeys = \"keys.json\"");
    let mut later = bundle();
    later["read_at"] = json!(READ_AT + 1);
    let fingerprint = |certificates: &str, bundle: &Value| {
        let mut files = keys(bundle);
        files.push(("ca.pem", certificates.to_owned()));
        let (api, _) = compiled(&with(settings, issuer), &files, UnixTime::from_seconds(READ_AT));
        configuration_fingerprint(&api.unwrap().authorizer_document("jwt").unwrap())
    };
    let first = fingerprint(CERTIFICATE, &bundle());
    assert_eq!(first, fingerprint(CERTIFICATE, &bundle()));
    assert_ne!(first, fingerprint(&CERTIFICATE.repeat(2), &bundle()));
    assert_ne!(first, fingerprint(CERTIFICATE, &later));
}

#[test]
fn keys_are_fetched_for_issuers_that_have_a_file() {
    let folder = folder(MANIFEST, OPENAPI);
    let none = deployer(folder.path(), &["keys", "fetch"]);
    assert_eq!(none.status.code(), Some(1));
    assert_eq!(
        transcript(&none),
        "exit 1\n--- stdout\n--- stderr\nerror: no issuer has `keys`\n  help: add `keys = \"keys.json\"` to an [[authorizer.NAME.issuer]] of portcullis.toml\n"
    );
    let manifest = |text: &str| {
        fs::write(folder.path().join("portcullis.toml"), text).unwrap();
        deployer(folder.path(), &["keys", "fetch", "--output", "json"])
    };
    let invalid = manifest(&with("", "\nkeys = \"keys.json\"\nleeway = \"1h\""));
    let document: Value = serde_json::from_slice(&invalid.stdout).unwrap();
    assert_eq!(document["diagnostics"].as_array().unwrap().len(), 1, "{document}");
    assert_eq!(document["diagnostics"][0]["line"], 12);
    let unreachable = with("", "\nkeys = \"keys.json\"\njwks_uri = \"http://127.0.0.1:1/keys\"");
    let failed = manifest(&unreachable);
    assert_eq!(failed.status.code(), Some(1), "{}", transcript(&failed));
    let lines: Vec<Value> = failed
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(lines[0]["failed"][0]["error"], "cannot reach http://127.0.0.1:1/keys");
    assert_eq!(lines[0]["written"], json!([]));
    assert_eq!(lines[1]["code"], "keys_not_fetched");
    let help = "check the network, HTTPS_PROXY and `ca_bundle`";
    assert!(transcript(&failed).contains(help), "{}", transcript(&failed));
    assert!(!folder.path().join("keys.json").exists());
    let without_url = manifest(&with("", "\nkeys = \"keys.json\"").replace(ISSUER, "internal"));
    assert!(
        transcript(&without_url).contains("has no URL to fetch keys from"),
        "{}",
        transcript(&without_url)
    );
}
