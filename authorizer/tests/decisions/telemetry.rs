use std::collections::BTreeMap;

use authorizer::keys::KeySource;
use authorizer::log_identity::LogKeyText;
use authorizer::telemetry::{Decision, EventKind, Invocation, Telemetry, Verdict};
use serde_json::{Value, json};

use crate::mint::Signer;
use crate::{Bench, ISSUER, JWKS, NOW, RS256, claims, claims_with, config, token_event};

fn telemetry(settings: &[(&str, &str)]) -> Telemetry {
    let settings: BTreeMap<_, _> = settings.iter().copied().collect();
    Telemetry::from_environment(|key| settings.get(key).map(|value| (*value).to_owned())).unwrap()
}

fn invocation(request_id: &str) -> Invocation<'_> {
    Invocation {
        request_id,
        trace_id: Some("Root=1-5759e988-bd862e3fe1be46a994272793"),
        timestamp_ms: 1_800_000_000_123,
        duration_us: 250,
        cold_start: true,
    }
}

fn decided(verdict: Verdict) -> Decision {
    Decision { decision: verdict, ..Decision::default() }
}

#[tokio::test]
async fn the_log_line_contains_decision_reason_and_detail() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let refused = bench.bearer("a.b.c").await;
    let line = telemetry(&[]).line(&invocation("r-1"), &refused.decision).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        line,
        json!({
            "level": "WARN", "request_id": "r-1", "trace_id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "decision": "unauthorized", "reason": "invalid_token", "kind": "TOKEN",
            "detail": "malformed token: header is not base64url", "duration_us": 250, "cold_start": true,
            "api_id": "abc123", "stage": "prod",
        })
    );
    let allowed = bench.bearer(&RS256.token(&claims())).await;
    let line = telemetry(&[]).line(&invocation("r-2"), &allowed.decision).unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["decision"], &line["keys"], &line["kid"]),
        (&json!("allow"), &json!("fetched"), &json!("rsa-1"))
    );
}

#[test]
fn log_values_of_event_kinds_and_key_sources_are_stable() {
    for (kind, name) in [
        (EventKind::Token, "TOKEN"),
        (EventKind::Request, "REQUEST"),
        (EventKind::Http, "HTTP"),
        (EventKind::WebSocket, "WEBSOCKET"),
    ] {
        let decision = Decision { kind: Some(kind), ..Decision::default() };
        assert_eq!(logged(&decision)["kind"], name);
    }
    for (source, name, fetches) in [
        (KeySource::Fetched, "fetched", 1),
        (KeySource::Cached, "cached", 0),
        (KeySource::Stale, "stale", 0),
        (KeySource::Unavailable, "unavailable", 0),
    ] {
        let decision = Decision { keys: Some(source), ..Decision::default() };
        assert_eq!(logged(&decision)["keys"], name);
        let metrics = telemetry(&[]).metrics(&invocation("r"), &decision);
        let metrics: Value = serde_json::from_str(&metrics).unwrap();
        assert_eq!(metrics["KeySetFetches"], fetches, "{name}");
    }
}

fn logged(decision: &Decision) -> Value {
    let line = telemetry(&[]).line(&invocation("r"), decision).unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn the_log_level_and_format_of_lambda_are_respected() {
    let verdicts = [Verdict::Allow, Verdict::Deny, Verdict::Unauthorized, Verdict::Fault];
    for (level, expected) in
        [("", 4), ("TRACE", 4), ("info", 4), ("WARN", 3), ("ERROR", 1), ("FATAL", 0), ("LOUD", 4)]
    {
        let telemetry = telemetry(&[("AWS_LAMBDA_LOG_LEVEL", level)]);
        let lines = verdicts
            .iter()
            .filter_map(|verdict| telemetry.line(&invocation("r"), &decided(*verdict)));
        assert_eq!(lines.count(), expected, "{level}");
    }
    let text = telemetry(&[("AWS_LAMBDA_LOG_FORMAT", "Text")]);
    let line = text.line(&invocation("a\nb"), &decided(Verdict::Fault)).unwrap();
    assert!(
        line.starts_with("ERROR ") && line.contains("request_id=\"a\\nb\"") && !line.contains('\n'),
        "{line}"
    );
}

#[test]
fn characters_that_are_not_shown_are_escaped() {
    let hidden = "a\u{202e}b\u{2066}c\u{200b}d\u{85}e\u{7f}f\u{2028}g\u{feff}h\u{e0041}i\u{ad}j\n";
    let decision = Decision {
        kid: Some(hidden.to_owned()),
        detail: Some(hidden.to_owned()),
        ..decided(Verdict::Fault)
    };
    for format in ["JSON", "Text"] {
        let telemetry = telemetry(&[("AWS_LAMBDA_LOG_FORMAT", format)]);
        let line = telemetry.line(&invocation(hidden), &decision).unwrap();
        let shown = |character: char| !character.is_control() && character.is_ascii();
        assert!(line.chars().all(shown), "{line}");
        assert!(line.contains(
            "a\\u202eb\\u2066c\\u200bd\\u0085e\\u007ff\\u2028g\\ufeffh\\udb40\\udc41i\\u00adj\\n"
        ));
    }
    // It is still the same JSON, and other text is unchanged.
    assert_eq!(logged(&decision)["kid"], hidden);
    let plain = Decision { kid: Some("日本語 é 😀".to_owned()), ..decided(Verdict::Fault) };
    assert!(telemetry(&[]).line(&invocation("r"), &plain).unwrap().contains("日本語 é 😀"));
}

#[tokio::test]
async fn a_published_private_key_is_logged_with_every_decision() {
    let mut private = Signer::new("ES256", "leaked").jwk();
    private["d"] = json!("AAAA");
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk(), private]);
    let allowed = bench.bearer(&RS256.token(&claims())).await;
    let quiet = telemetry(&[("AWS_LAMBDA_LOG_LEVEL", "WARN"), ("AUTHORIZER_LOG_ALLOWED", "0")]);
    let line: Value =
        serde_json::from_str(&quiet.line(&invocation("r"), &allowed.decision).unwrap()).unwrap();
    assert_eq!((&line["decision"], &line["level"]), (&json!("allow"), &json!("WARN")));
    assert_eq!(line["warning"], "the issuer's key set contains a private or symmetric key");
}

#[test]
fn allow_decisions_can_be_sampled_and_refusals_are_always_logged() {
    for (percent, least, most) in [("0", 0, 0), ("20", 100, 300), ("100", 1000, 1000)] {
        let telemetry = telemetry(&[("AUTHORIZER_LOG_ALLOWED", percent)]);
        let ids: Vec<String> = (0..1000).map(|n| format!("79104EXAMPLE{n}")).collect();
        let logged = |verdict| {
            ids.iter()
                .filter(|id| telemetry.line(&invocation(id), &decided(verdict)).is_some())
                .count()
        };
        assert!(
            (least..=most).contains(&logged(Verdict::Allow)),
            "{percent}: {}",
            logged(Verdict::Allow)
        );
        assert_eq!(
            logged(Verdict::Deny) + logged(Verdict::Unauthorized) + logged(Verdict::Fault),
            3000
        );
    }
    for invalid in ["101", "-1", "all", ""] {
        let get = |key: &str| (key == "AUTHORIZER_LOG_ALLOWED").then(|| invalid.to_owned());
        assert!(Telemetry::from_environment(get).is_err(), "{invalid}");
    }
}

#[test]
fn metrics_are_in_the_embedded_metric_format() {
    let decision = Decision {
        decision: Verdict::Deny,
        reason: Some("insufficient_scope"),
        keys: Some(KeySource::Fetched),
        ..Decision::default()
    };
    let telemetry = telemetry(&[("AWS_LAMBDA_FUNCTION_NAME", "petstore-authorizer")]);
    let record: Value =
        serde_json::from_str(&telemetry.metrics(&invocation("r"), &decision)).unwrap();
    assert_eq!(record["_aws"]["Timestamp"], 1_800_000_000_123_i64);
    let mut values = BTreeMap::new();
    for directive in record["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], "Portcullis");
        for set in directive["Dimensions"].as_array().unwrap() {
            for dimension in set.as_array().unwrap() {
                assert!(record[dimension.as_str().unwrap()].is_string(), "{record}");
            }
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            values.insert(name, record[name].as_i64().unwrap());
        }
    }
    let expected = [("ColdStarts", 1), ("Decisions", 1), ("Duration", 250), ("KeySetFetches", 1)];
    assert_eq!(values, BTreeMap::from(expected));
    assert!(record.get("ApiId").is_none() && record.get("Stage").is_none(), "{record}");
    // The metric of the alarms in `infra/sam`.
    let directives = &record["_aws"]["CloudWatchMetrics"];
    assert_eq!(directives[0]["Dimensions"][0], json!(["FunctionName", "Decision"]));
    assert_eq!(directives[0]["Metrics"][0]["Name"], "Decisions");
    assert_eq!(record["FunctionName"], "petstore-authorizer");
}

#[test]
fn metrics_have_a_dimension_set_of_the_stage_only_where_it_is_known() {
    let stage = |api_id: Option<&str>, stage: Option<&str>| {
        let decision = Decision {
            api_id: api_id.map(str::to_owned),
            stage: stage.map(str::to_owned),
            ..decided(Verdict::Deny)
        };
        let record = telemetry(&[]).metrics(&invocation("r"), &decision);
        let record: Value = serde_json::from_str(&record).unwrap();
        let sets = &record["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        let named = sets.as_array().unwrap().contains(&json!(["ApiId", "Stage", "Decision"]));
        (named, record["ApiId"].clone(), record["Stage"].clone())
    };
    assert_eq!(stage(Some("abc"), Some("$default")), (true, json!("abc"), json!("$default")));
    assert_eq!(stage(None, None), (false, Value::Null, Value::Null));
    assert_eq!(stage(Some("abc"), None), (false, Value::Null, Value::Null));
}

const LOG_KEY: &str = "0123456789abcdef0123456789abcdef";

/// A bench whose log identifies verified tokens in this form, with the key if there is one.
fn bench_with(log_identity: &str, log_key: Option<&str>) -> Bench {
    let mut config = config(&["RS256"]);
    config["log_identity"] = json!(log_identity);
    if let Some(key) = log_key {
        config["log_key"] = json!(key);
    }
    let bench = Bench::new(&config);
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk()]}));
    bench
}

#[tokio::test]
async fn verified_tokens_are_identified_as_configured() {
    let token = RS256.token(&claims_with(&json!({"jti": "token-1"})));
    let hash = |value| LogKeyText::from(LOG_KEY).key().unwrap().hash(ISSUER, value);
    let (sub, jti) = (hash("user-1"), hash("token-1"));
    for (log_identity, key, expected) in [
        ("plain", None, (json!("user-1"), json!("token-1"))),
        ("hashed", Some(LOG_KEY), (json!(sub), json!(jti))),
        ("hashed", None, (Value::Null, Value::Null)),
        ("none", None, (Value::Null, Value::Null)),
    ] {
        let bench = bench_with(log_identity, key);
        // The second time, the signature is in the cache of verified tokens.
        for _ in 0..2 {
            let line = logged(&bench.bearer(&token).await.decision);
            assert_eq!((&line["sub"], &line["jti"]), (&expected.0, &expected.1), "{log_identity}");
            assert_eq!(line["client_id"], "client-1", "{log_identity}");
        }
    }
}

#[tokio::test]
async fn a_failed_proof_of_possession_is_identified() {
    let bench = bench_with("plain", None);
    let bound = RS256.token(&claims_with(&json!({"cnf": {"jkt": "x"}})));
    let line = logged(&bench.bearer(&bound).await.decision);
    assert_eq!(line["decision"], "unauthorized");
    assert_eq!((&line["sub"], &line["client_id"]), (&json!("user-1"), &json!("client-1")));
}

#[test]
fn api_stage_and_request_ids_are_logged_with_every_verdict() {
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()]);
    let arn = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/1";
    let ids = |context: &Value| {
        let event = json!({"type": "REQUEST", "methodArn": arn, "requestContext": context});
        let line = logged(&bench.authorize_event(&event, NOW).decision);
        assert_eq!((&line["api_id"], &line["stage"]), (&json!("abc123"), &json!("prod")));
        (line["gateway_request_id"].clone(), line["extended_request_id"].clone())
    };
    let long = "x".repeat(513);
    for (context, expected) in [
        (json!({"requestId": "r-1", "extendedRequestId": "e="}), (json!("r-1"), json!("e="))),
        (json!({"requestId": "r-1"}), (json!("r-1"), Value::Null)),
        (json!({"requestId": 7, "extendedRequestId": null}), (Value::Null, Value::Null)),
        (json!({"requestId": long, "extendedRequestId": "e"}), (Value::Null, json!("e"))),
        (json!([]), (Value::Null, Value::Null)),
    ] {
        assert_eq!(ids(&context), expected, "{context}");
    }
    // A malformed ARN names no stage; the request is still found.
    let event = json!({"type": "REQUEST", "methodArn": "x", "requestContext": {"requestId": "r"}});
    let line = logged(&bench.authorize_event(&event, NOW).decision);
    assert_eq!((&line["decision"], &line["gateway_request_id"]), (&json!("fault"), &json!("r")));
    assert!(line.get("api_id").is_none() && line.get("stage").is_none(), "{line}");
    let unavailable = Bench::new(&config(&["RS256"]));
    let event = token_event(&format!("Bearer {}", RS256.token(&claims())));
    let line = logged(&unavailable.authorize_event(&event, NOW).decision);
    assert_eq!((&line["decision"], &line["stage"]), (&json!("fault"), &json!("prod")));
}

/// Every string of a token's claims except the issuer, which is logged if it is a configured one.
fn texts(claims: &Value) -> Vec<&str> {
    let members = claims.as_object().unwrap().iter().filter(|(name, _)| *name != "iss");
    members.filter_map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn claims_of_unverified_tokens_are_never_logged() {
    let secret = claims_with(&json!({
        "sub": "subject-4711", "jti": "token-4711", "client_id": "client-4711", "azp": "azp-4711",
        "email": "someone@example.net", "scope": "scope-4711",
    }));
    let with = |changes: &Value| {
        let mut claims = secret.clone();
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        claims
    };
    let forged = |claims: &Value| {
        let (good, other) = (RS256.token(claims), RS256.token(&crate::claims()));
        let (front, signature) =
            (good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
        format!("{front}.{signature}")
    };
    let unknown = json!({"iss": "https://unknown.example.com/"});
    for (log_identity, key) in
        [("plain", None), ("hashed", Some(LOG_KEY)), ("hashed", None), ("none", None)]
    {
        let bench = bench_with(log_identity, key);
        let hashes: Vec<String> = key.map_or_else(Vec::new, |key| {
            let key = LogKeyText::from(key).key().unwrap();
            texts(&secret).iter().map(|text| key.hash(ISSUER, text)).collect()
        });
        for (claims, token) in [
            (&secret, forged(&secret)),
            (&secret, RS256.token(&with(&json!({"exp": 1})))),
            (&secret, RS256.token(&with(&json!({"aud": "other"})))),
            (&secret, RS256.token(&with(&unknown))),
            (&secret, Signer::new("ES256", "rsa-1").token(&secret)),
            (&secret, Signer::new("RS256", "unknown").token(&secret)),
        ] {
            let decision = bench.bearer(&token).await.decision;
            assert_eq!(decision.decision, Verdict::Unauthorized);
            let output = everything(&decision);
            for text in texts(claims) {
                assert!(!output.contains(text), "{log_identity}: {output}");
            }
            assert!(!output.contains("unknown.example.com"), "{output}");
            assert!(hashes.iter().all(|hash| !output.contains(hash)), "{log_identity}: {output}");
        }
        // A verified token: the client, and subject and token ID in the configured form.
        let output = everything(&bench.bearer(&RS256.token(&secret)).await.decision);
        for text in texts(&secret) {
            let is_logged = match text {
                "client-4711" => true,
                "subject-4711" | "token-4711" => log_identity == "plain",
                _ => false,
            };
            assert_eq!(output.contains(text), is_logged, "{log_identity}, {text}: {output}");
        }
        assert!(key.is_none_or(|key| !output.contains(key)), "{output}");
    }
}

/// All that is written about a decision, at the most verbose level.
fn everything(decision: &Decision) -> String {
    let outputs = ["JSON", "Text"].map(|format| {
        let settings = [("AWS_LAMBDA_LOG_LEVEL", "TRACE"), ("AWS_LAMBDA_LOG_FORMAT", format)];
        telemetry(&settings).line(&invocation("r"), decision).unwrap()
    });
    format!(
        "{decision:?}{}{}",
        outputs.concat(),
        telemetry(&[]).metrics(&invocation("r"), decision)
    )
}

#[tokio::test]
async fn no_log_level_outputs_a_part_of_a_token() {
    // `plain` logs most of a verified token.
    let bench = bench_with("plain", None);
    let good = RS256.token(&claims());
    let expired = RS256.token(&claims_with(&json!({"exp": 1})));
    let telemetry = telemetry(&[("AWS_LAMBDA_LOG_LEVEL", "TRACE")]);
    for presented in [
        good.clone(),
        expired,
        format!("{good}x"),
        good.replace('.', "-"),
        good.repeat(2),
        good[9..].to_owned(),
    ] {
        let outcome = bench.bearer(&presented).await;
        let line = telemetry.line(&invocation("r\n"), &outcome.decision).unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        let output =
            format!("{outcome:?}{line}{}", telemetry.metrics(&invocation("r"), &outcome.decision));
        for piece in presented.as_bytes().windows(12) {
            assert!(!output.contains(std::str::from_utf8(piece).unwrap()), "{output}");
        }
    }
}
