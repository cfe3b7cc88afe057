use std::collections::BTreeMap;

use authorizer::Config;
use authorizer::config::check_environment;
use serde_json::{Value, json};

use crate::{Bench, RS256, claims, response_json, verdict};

fn issuer() -> Value {
    json!({"issuer": "https://i.example.com/", "audience": ["a"]})
}

#[track_caller]
fn check_errors(document: &Value, expected: &[&str]) {
    let found = Config::from_json(&document.to_string())
        .err()
        .map(|p| p.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>())
        .unwrap_or_default();
    assert_eq!(found, expected, "{document}");
}

#[test]
fn all_errors_are_reported_together() {
    check_errors(
        &json!({"issuers": [
            {"issuer": "", "audience": []},
            {"issuer": "http://i.example.com", "audience": [""], "algorithms": [], "leeway_seconds": 301, "scope_claims": []},
            {"issuer": "x", "audience": ["a"], "jwks_uri": "http://i.example.com/keys", "algorithms": ["HS256"]},
        ]}),
        &[
            "`issuers[0].issuer` must not be empty",
            "`issuers[0].audience` must not be empty or have an empty item",
            "`issuers[1].issuer` must be an https URL (http for loopback) unless `jwks_uri` is set",
            "`issuers[1].audience` must not be empty or have an empty item",
            "`issuers[1].algorithms` must not be empty",
            "`issuers[1].leeway_seconds` must be at most 300 seconds",
            "`issuers[1].scope_claims` must not be empty or have an empty item or an invalid JSON pointer",
            "`issuers[2].jwks_uri` must be an https URL (http for loopback)",
            "`issuers[2].algorithms` has an unknown algorithm: expected one of ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512",
        ],
    );
}

#[test]
fn a_rule_has_one_test_that_some_token_passes_and_another_does_not() {
    let claim = |test: Value| {
        let mut rule = json!({"claim": "c"});
        rule.as_object_mut().unwrap().extend(test.as_object().unwrap().clone());
        rule
    };
    let exists = claim(json!({"exists": true}));
    let nested = (0..8).fold(exists.clone(), |rule, _| json!({"not": rule}));
    let one_test = "must have exactly one of `any_of`, `all_of`, `equals`, `exists`, a range (`at_least`, `at_most`), `starts_with`, `ends_with`, `contains`, `matches`, `any`, `all` and `not`";
    for (rule, message) in [
        (claim(json!({})), one_test),
        (json!({}), one_test),
        (claim(json!({"exists": true, "contains": "x"})), one_test),
        (json!({"any": [exists], "not": exists}), one_test),
        (json!({"exists": true}), "must have `claim` beside its test"),
        (claim(json!({"any": [exists]})), "must not have `claim` beside `any`, `all` or `not`"),
        (claim(json!({"any_of": []})), "has an empty `any_of`"),
        (claim(json!({"all_of": []})), "has an empty `all_of`"),
        (claim(json!({"starts_with": ""})), "has an empty `starts_with`"),
        (claim(json!({"ends_with": ""})), "has an empty `ends_with`"),
        (claim(json!({"contains": ""})), "has an empty `contains`"),
        (claim(json!({"matches": ""})), "has an empty `matches`"),
        (json!({"any": []}), "has an empty `any`"),
        (json!({"all": []}), "has an empty `all`"),
        (json!({"all": [exists, {"not": {"any": []}}]}), ".all[1].not|has an empty `any`"),
        (claim(json!({"at_least": 5, "at_most": 2})), "has `at_least` greater than `at_most`"),
        (
            json!({"not": {"claim": "/a~2b", "exists": true}}),
            ".not|must have a claim name or a JSON pointer (RFC 6901) in `claim`",
        ),
        (claim(json!({"equals": ["x"]})), "must have a string, number or boolean in `equals`"),
        (
            json!({"claim": "", "exists": true}),
            "must have a claim name or a JSON pointer (RFC 6901) in `claim`",
        ),
        (nested, ".not.not.not.not.not.not.not.not|is nested more than 8 levels deep"),
    ] {
        let issuer =
            json!({"issuer": "https://i.example.com", "audience": ["a"], "require": [rule]});
        let (path, message) = message.split_once('|').unwrap_or(("", message));
        check_errors(
            &json!({"issuers": [issuer]}),
            &[&format!("`issuers[0].require[0]{path}` {message}")],
        );
    }
    for pattern in ["(", "a)|(b", "[z-a]", "(?P<a>.){5000}", "\\p{Greek}"] {
        let issuer = json!({"issuer": "https://i.example.com", "audience": ["a"], "require": [claim(json!({"matches": pattern}))]});
        let errors = Config::from_json(&json!({"issuers": [issuer]}).to_string()).unwrap_err();
        assert!(errors.to_string().contains("invalid regular expression"), "{pattern}: {errors}");
    }
}

#[test]
fn a_token_is_not_read_from_proxy_authorization() {
    for name in ["Proxy-Authorization", "proxy-authorization"] {
        check_errors(
            &json!({"issuers": [issuer()], "token": {"header": name}}),
            &[&format!("`token` must not name a header between client and proxy, found `{name}`")],
        );
    }
}

#[test]
fn an_issuer_that_no_token_can_have_is_rejected() {
    let placeholder = "has an unknown placeholder: only `{tenantid}` is one";
    for (name, message) in [
        ("https://login.example.com/{tenant}/v2.0", placeholder),
        ("https://login.example.com/{tenantid}/{x}", placeholder),
        ("https://i.example.com/ ", "must not have spaces"),
        (" https://i.example.com/", "must not have spaces"),
        ("https://i.example.com/\u{a0}", "must not have spaces"),
    ] {
        let issuer =
            json!({"issuer": name, "audience": ["a"], "jwks_uri": "https://i.example.com/keys"});
        let message = format!("`issuers[0].issuer` {message}");
        check_errors(&json!({"issuers": [issuer]}), &[&message]);
    }
}

#[test]
fn an_endpoint_of_entra_id_for_several_tenants_is_no_issuer() {
    for issuer in [
        "https://login.microsoftonline.com/common/v2.0",
        "https://login.microsoftonline.com/Organizations/v2.0",
        "https://login.microsoftonline.com/consumers/v2.0",
        "https://login.microsoftonline.us/common/v2.0",
        "https://sts.windows.net/common/",
    ] {
        let document = json!({"issuers": [{"issuer": issuer, "audience": ["a"]}]});
        let errors = Config::from_json(&document.to_string()).unwrap_err();
        assert!(errors.to_string().contains("the `iss` of no token"), "{issuer}: {errors}");
    }
    let tenant = "https://login.microsoftonline.com/common-1/v2.0";
    let document = json!({"issuers": [{"issuer": tenant, "audience": ["a"]}]});
    assert!(Config::from_json(&document.to_string()).is_ok());
}

#[test]
fn empty_never_means_any() {
    check_errors(&json!({"issuers": []}), &["`issuers` must not be empty"]);
    check_errors(
        &json!({"issuers": [issuer(), issuer()]}),
        &["`issuers[1].issuer` is a duplicate"],
    );
    check_errors(
        &json!({"issuers": [issuer()], "routes": []}),
        &[
            "`routes` must not be empty; omit `routes` and `apis` to allow every route to every valid token",
        ],
    );
    check_errors(&json!({"issuers": [issuer()], "apis": {}}), &["`apis` must not be empty"]);
    check_errors(
        &json!({"issuers": [issuer()], "routes": [{"method": "GET", "path": "/a", "scopes": []}]}),
        &["`routes[0].scopes` must not be empty; `[[]]` allows every valid token"],
    );
}

#[test]
fn every_route_of_a_table_is_validated() {
    let row = |method: &str, path: &str| json!({"method": method, "path": path, "scopes": [["s"]]});
    check_errors(
        &json!({"issuers": [issuer()], "routes": [
            row("GET", "/ok/{id}"), row("get", "/a"), row("GET", "a"), row("GET", "/a//b"), row("GET", "/a/"),
            row("GET", "/{p+}/a"), row("GET", "/a*"), row("GET", "/x{id}"), row("GET", "/{}"), row("GET", "/a?b"),
        ]}),
        &[
            "`routes[1].method` is unknown: expected one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, ANY, found `get`",
            "`routes[2].path` is invalid: `a` must begin with `/`",
            "`routes[3].path` is invalid: `/a//b` has an empty segment",
            "`routes[4].path` is invalid: `/a/` has an empty segment",
            "`routes[5].path` is invalid: `/{p+}/a` has segments after the greedy segment `{p+}`",
            "`routes[6].path` is invalid: `/a*` has the segment `a*` with characters other than letters, digits and `.` `_` `-` `:`",
            "`routes[7].path` is invalid: `/x{id}` has the segment `x{id}`, which is neither a literal nor a whole parameter",
            "`routes[8].path` is invalid: `/{}` has the segment `{}`, which is neither a literal nor a whole parameter",
            "`routes[9].path` is invalid: `/a?b` has the segment `a?b` with characters other than letters, digits and `.` `_` `-` `:`",
        ],
    );
    check_errors(
        &json!({"issuers": [issuer()], "routes": [row("GET", "/a/{x}"), row("GET", "/a/{y}")]}),
        &["`routes` has a duplicate route `GET /a/{y}`"],
    );
    check_errors(
        &json!({"issuers": [issuer()], "routes": [{"method": "GET", "path": "/a", "scopes": [["a b"]]}]}),
        &["`routes[0].scopes` has the invalid scope `a b` (RFC 6749 section 3.3)"],
    );
    for invalid in [0, 1023, 1_048_577] {
        check_errors(
            &json!({"issuers": [issuer()], "policy_max_bytes": invalid}),
            &["`policy_max_bytes` must be 1024 to 1048576 bytes"],
        );
    }
}

#[test]
fn unknown_settings_and_other_json_are_rejected() {
    for (text, part) in [
        ("", "unexpected end of file"),
        ("[]", "expected an object, found a list"),
        (r#"{"issuers":{}}"#, "expected a list, found an object at line 1 column"),
        (r#"{"issuers":[],"simple_responses":"yes"}"#, "expected a boolean, found string \"yes\""),
        (r#"{"issuers":[],"policy_max_bytes":-1}"#, "expected a non-negative integer, found"),
        (r#"{"issuers":[],"policy":"x"}"#, "unknown value `x`"),
        (r#"{"issuers" 1}"#, "invalid JSON: expected `:`"),
        (r#"{"issuers":[],"isuers":[]}"#, "unknown setting `isuers`"),
        ("{}", "missing `issuers`"),
        (r#"{"issuers":[{"issuer":"x"}]}"#, "missing `audience`"),
    ] {
        let errors = Config::from_json(text).unwrap_err().to_string();
        assert!(errors.contains(part), "{text}: {errors}");
    }
}

fn environment(settings: &[(&str, &str)]) -> Result<Config, String> {
    let owned = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_environment(&owned.collect()).map_err(|errors| errors.to_string())
}

#[test]
fn the_environment_configures_a_single_issuer() {
    let config = environment(&[
        ("AUTHORIZER_ISSUER", "https://i.example.com/"),
        ("AUTHORIZER_AUDIENCE", "a, b"),
        ("AUTHORIZER_ALGORITHMS", "RS256,ES256"),
        ("AUTHORIZER_JWKS_URI", "https://i.example.com/keys"),
    ])
    .unwrap();
    let [issuer] = config.issuers() else { panic!("one issuer") };
    assert_eq!(issuer.issuer(), "https://i.example.com/");
    assert_eq!(issuer.audience(), ["a", "b"]);
    assert_eq!(issuer.jwks_uri(), Some("https://i.example.com/keys"));
    assert_eq!(issuer.algorithms().len(), 2);
}

#[test]
fn an_incomplete_environment_is_rejected() {
    let both = "`AUTHORIZER_ISSUER` is not set and authorizer.json does not exist; \
                `AUTHORIZER_AUDIENCE` is not set and authorizer.json does not exist";
    assert_eq!(environment(&[]).unwrap_err(), both);
    let with = |key, value| {
        environment(&[
            ("AUTHORIZER_ISSUER", "https://i.example.com"),
            ("AUTHORIZER_AUDIENCE", "a"),
            (key, value),
        ])
    };
    assert!(with("AUTHORIZER_ALGORITHMS", ",").unwrap_err().contains("algorithms"));
    assert!(with("AUTHORIZER_LEEWAY", "-1").unwrap_err().contains("AUTHORIZER_LEEWAY"));
    assert!(with("AUTHORIZER_AUDIENCE", ",").unwrap_err().contains("audience"));
    assert!(with("AUTHORIZER_LEEWAY", "10").is_ok());
    let error = with("AUTHORIZER_PROFILE", "Cognito").unwrap_err();
    assert!(
        error.starts_with("`AUTHORIZER_PROFILE` is invalid: unknown value `Cognito`"),
        "{error}"
    );
    assert!(with("AUTHORIZER_PROFILE", "cognito").is_ok());
}

/// The variables of a single issuer, and one more.
fn variables(name: &str, value: &str) -> BTreeMap<String, String> {
    let issuer = [("AUTHORIZER_ISSUER", "https://i.example.com"), ("AUTHORIZER_AUDIENCE", "a")];
    let all = issuer.into_iter().chain([(name, value)]);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_variable_without_effect_is_an_error() {
    let with =
        |name: &str, value: &str| Config::from_environment(&variables(name, value)).map(drop);
    for known in [
        "LEEWAY",
        "SCOPES",
        "SCOPE_CLAIMS",
        "ALGORITHMS",
        "JWKS_URI",
        "AUDIENCE",
        "ISSUER",
        "PROFILE",
    ] {
        let name = format!("AUTHORIZER_{known}");
        for blank in ["", "  ", "\t"] {
            let error = with(&name, blank).unwrap_err().to_string();
            assert_eq!(error, format!("`{name}` is empty; unset it"));
        }
        // Beside a file it would have no effect.
        let beside = BTreeMap::from([(name.clone(), "x".to_owned())]);
        let error = check_environment(&beside, Some("/var/task/authorizer.json")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{name}` has no effect beside /var/task/authorizer.json; remove one of them")
        );
    }
    for unknown in ["AUTHORIZER_SCOPE", "AUTHORIZER_ISSUERS", "AUTHORIZER_", "AUTHORIZER_issuer"] {
        let error = with(unknown, "x").unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{unknown}` is not a known variable")), "{error}");
    }
    for other in ["AUTHORIZERS", "AUTHORIZE", "PATH", "authorizer_scope"] {
        assert!(with(other, "").is_ok(), "{other}");
    }
    for (name, value) in
        [("AUTHORIZER_LOG_ALLOWED", "1"), ("AUTHORIZER_CONFIG", "/x"), ("AUTHORIZER_LOG_KEY", KEY)]
    {
        let beside = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert!(check_environment(&beside, Some("/x")).is_ok());
    }
}

#[test]
fn a_duplicate_member_of_the_file_is_an_error() {
    for (text, member) in [
        (r#"{"issuers":[],"apis":{"abc":[],"abc":[]}}"#, "abc"),
        (r#"{"issuers":[],"issuers":[]}"#, "issuers"),
        (r#"{"issuers":[{"issuer":"x","audience":["a"],"context":{"a":"b","a":"c"}}]}"#, "a"),
    ] {
        let error = Config::from_json(text).unwrap_err().to_string();
        assert!(error.contains("duplicate") && error.contains(&format!("`{member}`")), "{error}");
    }
}

#[tokio::test]
async fn scopes_of_the_environment_are_required_of_every_token() {
    for (scopes, effect, reason) in [
        ("pets:read", "Allow", "-"),
        (" pets:read  pets:write ", "Allow", "-"),
        ("pets:read admin", "Deny", "insufficient_scope"),
    ] {
        let config = environment(&[
            ("AUTHORIZER_ISSUER", crate::ISSUER),
            ("AUTHORIZER_AUDIENCE", crate::AUDIENCE),
            ("AUTHORIZER_JWKS_URI", crate::JWKS),
            ("AUTHORIZER_SCOPES", scopes),
        ]);
        let bench = Bench::of(config.unwrap());
        bench.web.publish(crate::JWKS, &json!({"keys": [RS256.jwk()]}));
        let outcome = bench.bearer(&RS256.token(&claims())).await;
        assert_eq!(
            response_json(&outcome)["policyDocument"]["Statement"][0]["Effect"],
            effect,
            "{scopes}"
        );
        assert_eq!(verdict(&outcome), (200, reason));
    }
}

#[tokio::test]
async fn a_route_table_applies_to_no_other_api() {
    for (api, expected) in [("abc123", (200, "-")), ("other", (500, "unknown_api"))] {
        let mut config = crate::config(&["RS256"]);
        config["apis"] =
            json!({api: [{"method": "GET", "path": "/pets/{id}", "scopes": [["pets:read"]]}]});
        let bench = Bench::with_keys(&config, &[RS256.jwk()]);
        assert_eq!(verdict(&bench.bearer(&RS256.token(&claims())).await), expected, "{api}");
    }
}

const KEY: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_log_key_is_given_once_is_long_enough_and_has_an_effect() {
    let document = |changes: &Value| {
        let mut document = json!({"issuers": [issuer()]});
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        document
    };
    check_errors(&document(&json!({"log_identity": "plain"})), &[]);
    check_errors(&document(&json!({"log_key": KEY})), &[]);
    let too_short = "must be at least 32 characters, without spaces at the ends";
    for key in ["", &KEY[1..], &format!("{KEY}\n")] {
        check_errors(&document(&json!({"log_key": key})), &[&format!("`log_key` {too_short}")]);
    }
    for form in ["plain", "none"] {
        let error = format!("has no effect with `log_identity` `{form}`; remove one of them");
        let both = document(&json!({"log_identity": form, "log_key": KEY}));
        check_errors(&both, &[&format!("`log_key` {error}")]);
        let config = Config::from_json(&document(&json!({"log_identity": form})).to_string());
        let result = config.unwrap().with_log_key(&variables("AUTHORIZER_LOG_KEY", KEY));
        assert_eq!(result.unwrap_err().to_string(), format!("`AUTHORIZER_LOG_KEY` {error}"));
    }
    let with_variable = |file: &Value, key: &str| {
        let config = Config::from_json(&document(file).to_string()).unwrap();
        config.with_log_key(&variables("AUTHORIZER_LOG_KEY", key)).map(drop)
    };
    assert_eq!(with_variable(&json!({}), KEY), Ok(()));
    let error = with_variable(&json!({}), "secret").unwrap_err().to_string();
    assert_eq!(error, format!("`AUTHORIZER_LOG_KEY` {too_short}"));
    let error = with_variable(&json!({"log_key": KEY}), KEY).unwrap_err().to_string();
    let expected =
        "`AUTHORIZER_LOG_KEY` has no effect beside `log_key` of the file; remove one of them";
    assert_eq!(error, expected);
    let settings = variables("AUTHORIZER_LOG_KEY", "secret");
    let error = Config::from_environment(&settings).unwrap_err().to_string();
    assert_eq!(error, format!("`AUTHORIZER_LOG_KEY` {too_short}"));
}

#[test]
fn debug_output_of_a_configuration_does_not_contain_the_log_key() {
    let document = json!({"issuers": [issuer()], "log_key": KEY});
    let parsed: authorizer::config::Document = serde_json::from_value(document.clone()).unwrap();
    let config = Config::from_json(&document.to_string()).unwrap();
    let output = format!("{parsed:?}{config:?}");
    assert!(!output.contains(&KEY[..6]), "{output}");
}

#[test]
fn public_urls_are_secure_base_urls() {
    let with = |urls: &serde_json::Value| {
        let mut config = crate::config(&["RS256"]);
        config["public_urls"] = urls.clone();
        Config::from_json(&config.to_string()).map(drop).map_err(|error| error.to_string())
    };
    for url in [
        "https://www.example.com",
        "https://www.example.com/",
        "https://www.example.com:8443/api",
        "http://localhost:8080/api",
        "http://127.0.0.1",
    ] {
        assert_eq!(with(&json!([url])), Ok(()), "{url}");
    }
    for url in [
        "",
        "www.example.com",
        "http://www.example.com",
        "https://user@www.example.com",
        "https://@www.example.com",
        "https://www.example.com?",
        "https://www.example.com/api?x=1",
        "https://www.example.com/#",
        "https://www.example.com\\api",
        "https:www.example.com",
        "https://",
        "ftp://www.example.com",
    ] {
        let error = with(&json!(["https://www.example.com", url])).unwrap_err();
        assert_eq!(
            error,
            format!(
                "`public_urls[1]` must be an https URL without user, query and fragment, or an http URL of a loopback host, found `{url}`"
            )
        );
    }
    assert_eq!(with(&json!([])).unwrap_err(), "`public_urls` must not be empty");
}
