//! One test for each known attack on a token verifier; the numbers are the rows of the list that
//! they were collected in.

use authorizer::jwk::{KeySet, KeySetError};
use authorizer::signature::Algorithm;
use serde_json::{Value, json};

use crate::mint::{Signer, base64url};
use crate::{
    AUDIENCE, Bench, ISSUER, JWKS, NOW, RS256, at, claims, claims_with, config, response_json,
    token_event, verdict,
};

const INVALID_TOKEN: (u16, &str) = (401, "invalid_token");
const INVALID_CLAIMS: (u16, &str) = (401, "invalid_claims");
const NOT_YET_VALID: (u16, &str) = (401, "token_not_yet_valid");
const UNKNOWN_KEY: (u16, &str) = (401, "unknown_key");
const WRONG_TYPE: (u16, &str) = (401, "wrong_token_type");
const PASSES: (u16, &str) = (200, "-");

fn rsa() -> Bench {
    Bench::with_keys(&config(&["RS256"]), &[RS256.jwk()])
}

fn header_with(member: &str, value: Value) -> String {
    let mut header = RS256.header();
    header[member] = value;
    RS256.token_with(&header.to_string(), &claims().to_string())
}

/// A bench whose issuer has additional or changed settings.
fn with_settings(settings: &Value) -> Bench {
    let mut config = config(&["RS256"]);
    for (name, value) in settings.as_object().unwrap() {
        config["issuers"][0][name] = value.clone();
    }
    Bench::with_keys(&config, &[RS256.jwk()])
}

async fn verdict_for(bench: &Bench, changes: &Value) -> (u16, &'static str) {
    verdict(&bench.bearer(&RS256.token(&claims_with(changes))).await)
}

#[tokio::test]
async fn row_01_alg_none_is_rejected_in_any_spelling() {
    let bench = rsa();
    let body = base64url(claims().to_string());
    for alg in [
        json!("none"),
        json!("None"),
        json!("NONE"),
        json!("nOnE"),
        Value::Null,
        json!([]),
        json!(["RS256"]),
        json!(""),
        json!({}),
    ] {
        let header = base64url(json!({"alg": alg, "kid": "rsa-1"}).to_string());
        for token in [format!("{header}.{body}."), RS256.sign(&format!("{header}.{body}"))] {
            assert_eq!(verdict(&bench.bearer(&token).await), INVALID_TOKEN, "{alg}");
        }
    }
    let missing = format!("{}.{body}.", base64url("{}"));
    assert_eq!(verdict(&bench.bearer(&missing).await), INVALID_TOKEN);
    assert!(bench.web.requested_urls().is_empty(), "no key is fetched");
}

#[tokio::test]
async fn row_02_a_public_key_is_never_used_as_an_hmac_secret() {
    let jwk = RS256.jwk().to_string();
    let modulus = RS256.bare_jwk()["n"].as_str().unwrap().to_owned();
    for secret in [jwk.as_bytes(), modulus.as_bytes(), b""] {
        for (alg, digest) in
            [("HS256", &aws_lc_rs::hmac::HMAC_SHA256), ("HS512", &aws_lc_rs::hmac::HMAC_SHA512)]
        {
            let header = json!({"alg": alg, "kid": "rsa-1"}).to_string();
            let signed = format!("{}.{}", base64url(header), base64url(claims().to_string()));
            let key = aws_lc_rs::hmac::Key::new(*digest, secret);
            let token =
                format!("{signed}.{}", base64url(aws_lc_rs::hmac::sign(&key, signed.as_bytes())));
            let bench = rsa();
            assert_eq!(verdict(&bench.bearer(&token).await), INVALID_TOKEN);
            assert!(bench.web.requested_urls().is_empty(), "rejected before any cryptography");
        }
    }
    let mut enabled = config(&["RS256"]);
    enabled["issuers"][0]["algorithms"] = json!(["HS256"]);
    assert!(authorizer::Config::from_json(&enabled.to_string()).is_err());
}

#[tokio::test]
async fn row_03_a_jwk_without_alg_is_limited_to_the_issuers_algorithms() {
    let mut jwk = RS256.bare_jwk();
    jwk["kid"] = json!("rsa-1");
    for (allowed, expected) in [
        (&["RS256"][..], PASSES),
        (&["RS512", "RS256"], PASSES),
        // RFC 8725 section 3.1: a key has one algorithm; here its family would be open.
        (&["RS512", "PS256", "RS256"], (500, "jwks_unavailable")),
        (&["RS512", "ES256"], INVALID_TOKEN),
    ] {
        let bench = Bench::with_keys(&config(allowed), std::slice::from_ref(&jwk));
        assert_eq!(verdict(&bench.bearer(&RS256.token(&claims())).await), expected, "{allowed:?}");
    }
}

#[tokio::test]
async fn row_04_a_jwk_with_another_alg_is_not_used() {
    let mut jwk = RS256.jwk();
    jwk["alg"] = json!("RS512");
    let bench = Bench::with_keys(&config(&["RS256", "RS512"]), &[jwk]);
    assert_eq!(verdict(&bench.bearer(&RS256.token(&claims())).await), UNKNOWN_KEY);
}

#[tokio::test]
async fn row_05_keys_in_the_token_header_are_never_used() {
    let other_key = Signer::new("RS256", "rsa-1");
    let bench = rsa();
    let header = json!({
        "alg": "RS256", "kid": "rsa-1", "jwk": other_key.jwk(), "jku": "https://evil.example.com/keys",
        "x5u": "https://evil.example.com/cert", "x5c": ["AAAA"],
    });
    let token = other_key.token_with(&header.to_string(), &claims().to_string());
    assert_eq!(verdict(&bench.bearer(&token).await), (401, "invalid_signature"));
    assert_eq!(bench.web.requested_urls(), [JWKS]);
}

#[tokio::test]
async fn row_06_a_malicious_kid_is_rejected() {
    for kid in [
        json!("../../etc/passwd"),
        json!("' OR 1=1 --"),
        json!("a\u{0}b\nc"),
        json!("http://evil.example.com/"),
    ] {
        let bench = rsa();
        let outcome = bench.bearer(&header_with("kid", kid.clone())).await;
        assert_eq!(verdict(&outcome), UNKNOWN_KEY, "{kid}");
        assert_eq!(
            bench.web.requested_urls(),
            [JWKS, JWKS].as_slice()[..bench.web.requested_urls().len()],
            "never part of a URL"
        );
        let line = serde_json::to_string(&outcome.decision).unwrap();
        assert!(!line.contains(['\n', '\0']), "{line}");
    }
    for kid in [
        json!("k".repeat(513)),
        json!("k".repeat(8192)),
        json!(1),
        json!({}),
        Value::Null,
        json!([]),
    ] {
        let bench = rsa();
        assert_eq!(verdict(&bench.bearer(&header_with("kid", kid)).await), INVALID_TOKEN);
        assert!(bench.web.requested_urls().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_07_a_burst_of_unknown_kids_causes_one_fetch_per_interval() {
    let bench = std::sync::Arc::new(rsa());
    let good = format!("Bearer {}", RS256.token(&claims()));
    assert_eq!(verdict(&bench.authorize(&good).await), PASSES);
    let other_key = std::sync::Arc::new(Signer::new("EdDSA", ""));
    let rotated = Signer::new("RS256", "rsa-2");
    let burst = |at_second: i64, prefix: &'static str| {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let (bench, other_key, good) = (
                    std::sync::Arc::clone(&bench),
                    std::sync::Arc::clone(&other_key),
                    good.clone(),
                );
                tokio::spawn(async move {
                    for n in 0..625 {
                        let header = json!({"alg": "RS256", "kid": format!("{prefix}-{task}-{n}")})
                            .to_string();
                        let token = format!(
                            "Bearer {}",
                            other_key.token_with(&header, &claims().to_string())
                        );
                        assert_eq!(
                            verdict(&bench.authorize_at(&token, NOW + at_second).await),
                            UNKNOWN_KEY
                        );
                        if n % 50 == 0 {
                            assert_eq!(
                                verdict(&bench.authorize_at(&good, NOW + at_second).await),
                                PASSES
                            );
                        }
                    }
                })
            })
            .collect();
        futures_util::future::join_all(tasks)
    };
    for ended in burst(1, "first").await {
        ended.unwrap();
    }
    assert_eq!(bench.web.requested_urls().len(), 2, "the first, and one for 5,000 unknown kids");
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk(), rotated.jwk()]}));
    for ended in burst(20, "second").await {
        ended.unwrap();
    }
    assert_eq!(bench.web.requested_urls().len(), 2, "none within the cool-down");
    let new = format!("Bearer {}", rotated.token(&claims()));
    assert_eq!(verdict(&bench.authorize_at(&new, NOW + 31).await), PASSES);
    bench.web.publish(JWKS, &json!({"keys": [rotated.jwk()]}));
    let long_lived = format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": NOW + 10_000}))));
    assert_eq!(
        verdict(&bench.authorize_at(&long_lived, NOW + 31 + 600).await),
        UNKNOWN_KEY,
        "the removed key is no longer used"
    );
}

#[tokio::test]
async fn row_08_an_invalid_key_set_never_replaces_a_valid_one() {
    let long_lived = format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": NOW + 10_000}))));
    for document in ["<html>", "", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"RSA""#, "null"] {
        let fresh = Bench::new(&config(&["RS256"]));
        fresh.web.publish(JWKS, &document);
        assert_eq!(
            verdict(&fresh.authorize(&long_lived).await),
            (500, "jwks_unavailable"),
            "{document}"
        );
        let used = rsa();
        assert_eq!(verdict(&used.authorize(&long_lived).await), PASSES);
        used.web.publish(JWKS, &document);
        assert_eq!(
            verdict(&used.authorize_at(&long_lived, NOW + 601).await),
            PASSES,
            "the old set remains"
        );
        let fetches = used.web.requested_urls().len();
        assert_eq!(verdict(&used.authorize_at(&long_lived, NOW + 601).await), PASSES);
        assert_eq!(used.web.requested_urls().len(), fetches, "backing off");
    }
    for failing in ["500", "times out"] {
        let bench = Bench::new(&config(&["RS256"]));
        bench.web.fail(JWKS);
        assert_eq!(
            verdict(&bench.authorize(&long_lived).await),
            (500, "jwks_unavailable"),
            "{failing}"
        );
    }
}

#[test]
fn row_09_a_huge_or_deeply_nested_key_set_is_rejected() {
    let many = json!({"keys": vec![json!({"kty": "x"}); 10_000]}).to_string();
    let deep = format!("{{\"keys\":[{}{}]}}", "[".repeat(70_000), "]".repeat(70_000));
    assert_eq!(
        KeySet::read(many.as_bytes(), &[Algorithm::RS256]).unwrap_err(),
        KeySetError::NoEligibleKey
    );
    let deep = KeySet::read(deep.as_bytes(), &[Algorithm::RS256]).unwrap_err();
    assert!(matches!(deep, KeySetError::Malformed | KeySetError::NoEligibleKey));
}

#[tokio::test]
async fn row_10_malformed_ecdsa_signatures_are_rejected() {
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap()).collect();
    let signer = Signer::new("ES256", "k");
    let bench = Bench::with_keys(&config(&["ES256", "ES384"]), &[signer.jwk()]);
    let token = signer.token(&claims());
    let (content, _) = token.rsplit_once('.').unwrap();
    let valid = signer.signature(content.as_bytes());
    let der = [&[0x30, 0x44, 0x02, 0x20][..], &valid[..32], &[0x02, 0x20], &valid[32..]].concat();
    let (zero, r, s) = ([0; 32].as_slice(), &valid[..32], &valid[32..]);
    for (name, signature) in [
        ("r = 0", [zero, s].concat()),
        ("s = 0", [r, zero].concat()),
        ("both 0", [zero, zero].concat()),
        ("r = n", [&order, s].concat()),
        ("s = n", [r, &order].concat()),
        ("DER", der),
        ("short", valid[..63].to_vec()),
        ("long", [&valid[..], &[0]].concat()),
        ("empty", Vec::new()),
    ] {
        let token = format!("{content}.{}", base64url(signature));
        assert_eq!(verdict(&bench.bearer(&token).await), (401, "invalid_signature"), "{name}");
    }
    let header = json!({"alg": "ES384", "kid": "k"}).to_string();
    let other_curve = signer.token_with(&header, &claims().to_string());
    assert_eq!(verdict(&bench.bearer(&other_curve).await), UNKNOWN_KEY);
}

#[test]
fn row_11_weak_and_oversized_rsa_keys_are_skipped() {
    let modulus = |bytes: usize| {
        let mut number = vec![0xff; bytes];
        number[bytes - 1] = 0xfd;
        base64url(number)
    };
    for (n, e, fits) in [
        (modulus(256), "AQAB", true),
        (modulus(1024), "AQAB", true),
        (modulus(255), "AQAB", false),
        (modulus(128), "AQAB", false),
        (modulus(1025), "AQAB", false),
        (modulus(256), "Aw", true),
        (modulus(256), "AQ", false),
        (modulus(256), "Ag", false),
        (modulus(256), "AQAC", false),
        (modulus(256), "____________", false),
    ] {
        let set = json!({"keys": [{"kty": "RSA", "n": n, "e": e}, RS256.jwk()]}).to_string();
        let set = KeySet::read(set.as_bytes(), &[Algorithm::RS256]).unwrap();
        assert_eq!(set.skipped(), usize::from(!fits), "{} bytes, e {e}", n.len() * 3 / 4);
        assert_eq!(set.warning().is_some(), !fits, "dropped with a warning");
    }
}

#[test]
fn row_12_encryption_and_private_keys_are_not_eligible() {
    let changed = |member: &str, value: Value| {
        let mut jwk = RS256.jwk();
        jwk[member] = value;
        jwk
    };
    let private = Some("the issuer's key set contains a private or symmetric key");
    for (jwk, warning) in [
        (changed("use", json!("enc")), None),
        (changed("use", Value::Null), None),
        (changed("key_ops", json!(["sign"])), None),
        (changed("key_ops", json!([])), None),
        (json!({"kty": "oct", "k": "AAAA", "kid": "rsa-1", "alg": "HS256"}), private),
        (changed("d", json!("AAAA")), private),
        (changed("p", json!("AAAA")), private),
    ] {
        let set = json!({"keys": [jwk, Signer::new("ES256", "ec").jwk()]}).to_string();
        let set = KeySet::read(set.as_bytes(), &[Algorithm::RS256, Algorithm::ES256]).unwrap();
        assert_eq!((set.skipped(), set.warning()), (1, warning), "{jwk}");
    }
}

#[tokio::test]
async fn row_13_up_to_three_keys_with_the_same_kid_are_tried() {
    let same_kids: Vec<Value> = (0..3).map(|_| Signer::new("ES256", "k").jwk()).collect();
    let signer = Signer::new("ES256", "k");
    for (preceding, expected) in [(2, PASSES), (3, (401, "invalid_signature"))] {
        let keys: Vec<Value> =
            same_kids[..preceding].iter().cloned().chain([signer.jwk()]).collect();
        let bench = Bench::with_keys(&config(&["ES256"]), &keys);
        assert_eq!(
            verdict(&bench.bearer(&signer.token(&claims())).await),
            expected,
            "{preceding} before"
        );
    }
    let same_kid = Signer::new("EdDSA", "k");
    let bench = Bench::with_keys(&config(&["ES256", "EdDSA"]), &[same_kid.jwk(), signer.jwk()]);
    assert_eq!(
        verdict(&bench.bearer(&signer.token(&claims())).await),
        PASSES,
        "distinguished by alg"
    );
}

#[tokio::test]
async fn row_14_without_kid_exactly_one_key_must_match() {
    let token = RS256.token_with(r#"{"alg":"RS256"}"#, &claims().to_string());
    let one =
        Bench::with_keys(&config(&["RS256"]), &[RS256.jwk(), Signer::new("ES256", "ec").jwk()]);
    assert_eq!(verdict(&one.bearer(&token).await), PASSES);
    let two =
        Bench::with_keys(&config(&["RS256"]), &[RS256.jwk(), Signer::new("RS256", "rsa-2").jwk()]);
    assert_eq!(verdict(&two.bearer(&token).await), UNKNOWN_KEY);
}

/// Asserts that every token is rejected, and no key is fetched.
async fn assert_rejected_without_fetch(tokens: impl IntoIterator<Item = String>) {
    let bench = rsa();
    for token in tokens {
        assert_eq!(verdict(&bench.bearer(&token).await), INVALID_TOKEN, "{token:.200}");
    }
    assert!(bench.web.requested_urls().is_empty(), "{:?}", bench.web.requested_urls());
}

#[tokio::test]
async fn row_15_critical_extensions_are_rejected() {
    let crit = [json!(["exp"]), json!([]), json!("exp"), Value::Null, json!(["b64"])];
    let tokens = crit.map(|value| header_with("crit", value)).into_iter();
    assert_rejected_without_fetch(
        tokens.chain([header_with("b64", json!(false)), header_with("b64", json!(true))]),
    )
    .await;
}

#[tokio::test]
async fn row_16_encrypted_compressed_nested_and_json_tokens_are_rejected() {
    let good = RS256.token(&claims());
    let json = json!({"payload": "AA", "protected": "AA", "signature": "AA"}).to_string();
    assert_rejected_without_fetch([
        format!("{good}.AA.AA"),
        "AA.AA.AA.AA.AA".to_owned(),
        header_with("enc", json!("A256GCM")),
        header_with("zip", json!("DEF")),
        header_with("cty", json!("JWT")),
        json,
    ])
    .await;
}

#[tokio::test]
async fn row_17_oversized_tokens_are_rejected() {
    let good = RS256.token(&claims());
    assert_rejected_without_fetch([
        ".".repeat(10_240),
        good.repeat(2),
        format!("{good}{}", "A".repeat(1_000_000)),
    ])
    .await;
}

#[tokio::test]
async fn row_18_non_canonical_base64url_is_rejected() {
    let good = RS256.token(&claims());
    let (content, signature) = good.rsplit_once('.').unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.chars().last().unwrap();
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let short = &signature[..signature.len() - 1];
    assert_rejected_without_fetch([
        format!("{content}.{short}{next}"),
        format!("{content}.{signature}="),
        format!("{content}.{signature}=="),
        format!("{content}.+/{}", &signature[2..]),
        format!("{content}.{signature} "),
        format!("{content}.\n{signature}"),
        format!("{content}.{signature}\0"),
        format!("{content}.{short}"),
    ])
    .await;
    // Header and claims as well: signed as they are, so that only their form can be the reason.
    let encoded = [RS256.header().to_string(), claims().to_string()].map(base64url);
    for part in [0, 1] {
        let text = &encoded[part];
        let middle = format!("{}\n{}", &text[..4], &text[4..]);
        for changed in [
            format!("{text}="),
            format!("{text} "),
            format!("{text}\0"),
            format!("{text}+/"),
            middle,
        ] {
            let mut parts = encoded.clone();
            parts[part] = changed;
            assert_rejected_without_fetch([RS256.sign(&parts.join("."))]).await;
        }
    }
}

#[tokio::test]
async fn row_19_duplicate_members_are_rejected() {
    let header = RS256.header().to_string();
    assert_rejected_without_fetch([
        RS256.token_with(r#"{"alg":"RS256","alg":"RS256","kid":"rsa-1"}"#, "{}"),
        RS256.token_with(r#"{"alg":"RS256","\u0061lg":"none","kid":"rsa-1"}"#, "{}"),
        RS256.token_with(&header, r#"{"iss":"a","iss":"a"}"#),
        RS256.token_with(&header, r#"{"a":{"b":[{"c":1,"\u0063":2}]}}"#),
    ])
    .await;
}

#[tokio::test]
async fn row_20_json_other_than_one_object_is_rejected() {
    let header = RS256.header().to_string();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    let claims = [
        "[]",
        "1",
        "\"x\"",
        "null",
        "",
        "{}{}",
        "{} x",
        "\u{feff}{}",
        &deep,
        "{\"a\":\"\\ud800\"}",
    ];
    let bytes = RS256.sign(&format!("{}.{}", base64url(&header), base64url(b"{\"a\":\"\xff\"}")));
    assert_rejected_without_fetch(
        claims.map(|claims| RS256.token_with(&header, claims)).into_iter().chain([bytes]),
    )
    .await;
}

#[tokio::test]
async fn row_21_malformed_dates_are_rejected() {
    let bench = rsa();
    for member in ["exp", "nbf", "iat"] {
        for value in [
            json!("1900000000"),
            json!(true),
            json!(-1),
            json!(1e19),
            json!(u64::MAX),
            json!([]),
            json!(253_402_300_800_i64),
        ] {
            assert_eq!(
                verdict_for(&bench, &json!({member: value})).await,
                INVALID_CLAIMS,
                "{member} {value}"
            );
        }
        let mut null = claims();
        null[member] = Value::Null;
        assert_eq!(
            verdict(&bench.bearer(&RS256.token(&null)).await),
            INVALID_CLAIMS,
            "{member} null"
        );
    }
    assert_eq!(
        verdict_for(&bench, &json!({"exp": 1_800_000_001.5, "nbf": 1_799_999_999.5})).await,
        PASSES
    );
}

#[tokio::test]
async fn row_22_missing_expired_and_excessive_exp_is_rejected() {
    let bench = with_settings(&json!({"max_token_age_seconds": 600}));
    for (changes, expected) in [
        (json!({"exp": null}), INVALID_CLAIMS),
        (json!({"exp": NOW}), (401, "token_expired")),
        (json!({"exp": NOW + 1}), PASSES),
        (json!({"iat": NOW, "exp": NOW + 600}), PASSES),
        (json!({"iat": NOW, "exp": NOW + 601}), INVALID_CLAIMS),
        (json!({"iat": null}), INVALID_CLAIMS),
    ] {
        assert_eq!(verdict_for(&bench, &changes).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn row_23_tokens_not_yet_valid_are_rejected_even_before_1970() {
    let bench = with_settings(&json!({"leeway_seconds": 30}));
    for (changes, expected) in [
        (json!({"nbf": NOW + 30}), PASSES),
        (json!({"nbf": NOW + 31}), NOT_YET_VALID),
        (json!({"iat": NOW + 30}), PASSES),
        (json!({"iat": NOW + 31}), NOT_YET_VALID),
    ] {
        assert_eq!(verdict_for(&bench, &changes).await, expected, "{changes}");
    }
    let token = format!("Bearer {}", RS256.token(&claims()));
    assert_eq!(verdict(&bench.authorize_at(&token, -1).await), NOT_YET_VALID);
    assert_eq!(verdict(&bench.authorize_at(&token, i64::MIN).await), NOT_YET_VALID);
}

#[tokio::test]
async fn row_24_an_issuer_must_match_exactly() {
    let bench = rsa();
    for iss in [
        json!([ISSUER]),
        json!(ISSUER.trim_end_matches('/')),
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}evil")),
        json!(&ISSUER[1..]),
        json!(ISSUER.to_uppercase()),
        json!(""),
        json!({}),
        Value::Null,
    ] {
        assert_eq!(verdict_for(&bench, &json!({"iss": iss})).await, INVALID_CLAIMS, "{iss}");
    }
    assert!(bench.web.requested_urls().is_empty());
}

#[tokio::test]
async fn row_25_an_issuers_key_verifies_no_other_issuers_tokens() {
    let other = "https://other.example.com/";
    let (mine, theirs) = (Signer::new("ES256", "same"), Signer::new("ES256", "same"));
    let bench = Bench::new(&json!({"issuers": [
        {"issuer": ISSUER, "audience": [AUDIENCE], "algorithms": ["ES256"], "jwks_uri": JWKS},
        {"issuer": other, "audience": [AUDIENCE], "algorithms": ["ES256"], "jwks_uri": "https://other.example.com/keys"},
    ]}));
    bench.web.publish(JWKS, &json!({"keys": [mine.jwk()]}));
    bench.web.publish("https://other.example.com/keys", &json!({"keys": [theirs.jwk()]}));
    let (my_claims, their_claims) = (claims(), claims_with(&json!({"iss": other})));
    for (signer, claims, expected) in [
        (&mine, &my_claims, PASSES),
        (&theirs, &their_claims, PASSES),
        (&mine, &their_claims, (401, "invalid_signature")),
        (&theirs, &my_claims, (401, "invalid_signature")),
    ] {
        assert_eq!(verdict(&bench.bearer(&signer.token(claims)).await), expected);
    }
}

#[tokio::test]
async fn row_26_id_tokens_are_rejected_unless_the_profile_is_any() {
    for (profile, expected) in [
        ("oauth", WRONG_TYPE),
        ("rfc9068", WRONG_TYPE),
        ("cognito", WRONG_TYPE),
        ("entra", WRONG_TYPE),
        ("any", PASSES),
    ] {
        let bench = with_settings(&json!({"profile": profile}));
        for claim in [
            json!({"nonce": "n"}),
            json!({"at_hash": "h"}),
            json!({"c_hash": "h"}),
            json!({"token_use": "id"}),
        ] {
            assert_eq!(verdict_for(&bench, &claim).await, expected, "{profile} {claim}");
        }
    }
}

#[tokio::test]
async fn row_27_typ_must_be_that_of_an_access_token() {
    for (typ, oauth, strict) in [
        (json!("at+jwt"), PASSES, PASSES),
        (json!("application/at+jwt"), PASSES, PASSES),
        (json!("AT+JWT"), PASSES, PASSES),
        (json!("JWT"), PASSES, WRONG_TYPE),
        (json!("dpop+jwt"), WRONG_TYPE, WRONG_TYPE),
        (json!("logout+jwt"), WRONG_TYPE, WRONG_TYPE),
        (json!("secevent+jwt"), WRONG_TYPE, WRONG_TYPE),
        (json!(""), WRONG_TYPE, WRONG_TYPE),
    ] {
        let token = RS256.token_with(
            &json!({"alg": "RS256", "kid": "rsa-1", "typ": typ}).to_string(),
            &claims_with(&json!({"jti": "j"})).to_string(),
        );
        assert_eq!(verdict(&rsa().bearer(&token).await), oauth, "{typ}");
        let rfc9068 = with_settings(&json!({"profile": "rfc9068"}));
        assert_eq!(verdict(&rfc9068.bearer(&token).await), strict, "{typ}");
    }
    let untyped = RS256.token_with(r#"{"alg":"RS256","kid":"rsa-1"}"#, &claims().to_string());
    assert_eq!(verdict(&rsa().bearer(&untyped).await), PASSES);
    let untyped = RS256.token_with(
        r#"{"alg":"RS256","kid":"rsa-1"}"#,
        &claims_with(&json!({"jti": "j"})).to_string(),
    );
    let rfc9068 = with_settings(&json!({"profile": "rfc9068"}));
    assert_eq!(verdict(&rfc9068.bearer(&untyped).await), WRONG_TYPE);
}

#[tokio::test]
async fn row_28_aud_must_contain_a_configured_audience() {
    let bench = rsa();
    for (aud, expected) in [
        (json!(AUDIENCE), PASSES),
        (json!([AUDIENCE]), PASSES),
        (json!(["x", AUDIENCE]), PASSES),
        (json!([]), INVALID_CLAIMS),
        (json!([""]), INVALID_CLAIMS),
        (json!(""), INVALID_CLAIMS),
        (json!(7), INVALID_CLAIMS),
        (json!({"a": AUDIENCE}), INVALID_CLAIMS),
        (json!([AUDIENCE, 7]), INVALID_CLAIMS),
        (json!(format!("{AUDIENCE}/")), INVALID_CLAIMS),
        (Value::Null, INVALID_CLAIMS),
    ] {
        assert_eq!(verdict_for(&bench, &json!({"aud": aud})).await, expected, "{aud}");
    }
}

#[tokio::test]
async fn row_29_scopes_match_exactly_in_the_union_of_the_scope_claims() {
    let mut config = config(&["RS256"]);
    config["scopes"] = json!(["admin"]);
    let bench = Bench::with_keys(&config, &[RS256.jwk()]);
    let short = (200, "insufficient_scope");
    for (changes, expected) in [
        (json!({"scope": "admin"}), PASSES),
        (json!({"scope": "read admin"}), PASSES),
        (json!({"scope": "admin:read"}), short),
        (json!({"scope": "superadmin"}), short),
        (json!({"scope": "Admin"}), short),
        (json!({"scope": null, "scp": ["admin"]}), PASSES),
        (json!({"scope": "read", "scp": ["admin"]}), PASSES),
        (json!({"scope": "read\tadmin"}), short),
        (json!({"scope": "read  admin"}), PASSES),
        (json!({"scope": 7, "scp": "admin"}), PASSES),
        (json!({"scope": ["admin", 7]}), PASSES),
        (json!({"scope": ["read admin"]}), short),
        (json!({"scope": [["admin"]]}), short),
        (json!({"scope": {"admin": true}}), short),
        (json!({"scope": 7}), short),
    ] {
        assert_eq!(verdict_for(&bench, &changes).await, expected, "{changes}");
    }
}

#[tokio::test]
async fn row_30_claims_are_found_by_exact_name_or_json_pointer() {
    let rule =
        |claim: &str| with_settings(&json!({"require": [{"claim": claim, "any_of": ["staff"]}]}));
    let forbidden = (200, "forbidden");
    for (claim, changes, expected) in [
        ("https://example.com/roles", json!({"https://example.com/roles": ["staff"]}), PASSES),
        ("realm.roles", json!({"realm.roles": "staff"}), PASSES),
        ("realm.roles", json!({"realm": {"roles": "staff"}}), forbidden),
        ("/realm/roles", json!({"realm": {"roles": ["x", "staff"]}}), PASSES),
        ("/realm/roles", json!({"realm.roles": ["staff"]}), forbidden),
        ("/a~1b/c~0d", json!({"a/b": {"c~d": "staff"}}), PASSES),
        ("/list/0", json!({"list": ["staff"]}), PASSES),
    ] {
        assert_eq!(verdict_for(&rule(claim), &changes).await, expected, "{claim} {changes}");
    }
}

#[tokio::test]
async fn row_31_wildcards_in_a_request_are_never_copied_into_a_policy() {
    let bench = rsa();
    let token = format!("Bearer {}", RS256.token(&claims()));
    for path in ["*", "pets/*", "pets/${aws:username}", "pets/%2A", "?"] {
        let mut event = token_event(&token);
        event["methodArn"] =
            json!(format!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/{path}"));
        let outcome = bench.authorizer.handle(&event.to_string(), at(NOW)).await;
        let policy = response_json(&outcome)["policyDocument"]["Statement"][0]["Resource"].clone();
        assert_eq!(
            policy,
            json!(["arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/*/*"]),
            "{path}"
        );
    }
    for arn in [
        "arn:aws:execute-api:eu-west-1:123456789012:*/prod/GET/x",
        "arn:aws:execute-api:eu-west-1:123456789012:abc/*/GET/x",
        "arn:aws:execute-api:eu-west-1:123456789012:abc/prod/*/x",
    ] {
        let mut event = token_event(&token);
        event["methodArn"] = json!(arn);
        let outcome = bench.authorizer.handle(&event.to_string(), at(NOW)).await;
        assert_eq!(verdict(&outcome), (500, "malformed_event"), "{arn}");
    }
}

fn with_table() -> Bench {
    let mut config = config(&["RS256"]);
    config["routes"] = json!([
        {"method": "GET", "path": "/pets", "scopes": [["pets:read"]]},
        {"method": "GET", "path": "/pets/{id}", "scopes": [["pets:read"]]},
        {"method": "GET", "path": "/pets/{id}/secret", "scopes": [["admin"]]},
        {"method": "DELETE", "path": "/pets/{id}", "scopes": [["admin"]]},
    ]);
    Bench::with_keys(&config, &[RS256.jwk()])
}

async fn at_path(bench: &Bench, method: &str, path: &str) -> Value {
    let mut event = token_event(&format!("Bearer {}", RS256.token(&claims())));
    event["methodArn"] =
        json!(format!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/{method}/{path}"));
    response_json(&bench.authorizer.handle(&event.to_string(), at(NOW)).await)["policyDocument"]
        .clone()
}

#[tokio::test]
async fn row_32_the_policy_does_not_depend_on_the_requested_route() {
    let bench = with_table();
    let first = at_path(&bench, "GET", "pets").await;
    for (method, path) in
        [("GET", "pets/7"), ("GET", "pets/7/secret"), ("DELETE", "pets/7"), ("POST", "nowhere")]
    {
        assert_eq!(at_path(&bench, method, path).await, first, "{method} {path}");
    }
}

#[tokio::test]
async fn row_33_path_variants_do_not_widen_access() {
    let bench = with_table();
    for (path, allowed) in [
        ("pets/7", true),
        ("pets/a%2Fsecret", true),
        ("Pets/7", false),
        ("pets/7/secret", false),
        ("pets/7/secret/", false),
        ("pets//secret", false),
        ("pets/7/x/secret", false),
    ] {
        let mut event = token_event(&format!("Bearer {}", RS256.token(&claims())));
        event["methodArn"] =
            json!(format!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/{path}"));
        let outcome = bench.authorizer.handle(&event.to_string(), at(NOW)).await;
        assert_eq!(verdict(&outcome).1 == "-", allowed, "{path}: {:?}", outcome.decision);
    }
}

fn request_event(headers: &Value) -> Value {
    let multiple: Value = headers
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            (name.clone(), if value.is_array() { value.clone() } else { json!([value]) })
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    json!({
        "type": "REQUEST", "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/7",
        "resource": "/pets/{id}", "path": "/pets/7", "httpMethod": "GET", "headers": headers, "multiValueHeaders": multiple,
        "requestContext": {"httpMethod": "GET", "path": "/prod/pets/7", "domainName": "api.example.com"},
    })
}

#[tokio::test]
async fn row_34_x_http_method_override_is_ignored() {
    let bench = with_table();
    let authorization = format!("Bearer {}", RS256.token(&claims()));
    let event =
        request_event(&json!({"Authorization": authorization, "X-HTTP-Method-Override": "DELETE"}));
    let outcome = bench.authorizer.handle(&event.to_string(), at(NOW)).await;
    assert_eq!(outcome.decision.route.as_deref(), Some("GET /pets/{id}"));
    assert_eq!(response_json(&outcome)["policyDocument"], at_path(&bench, "GET", "pets/7").await);
}

#[tokio::test]
async fn row_35_exactly_one_credential_is_accepted() {
    let bench = rsa();
    let good = format!("Bearer {}", RS256.token(&claims()));
    let authorize =
        async |event: Value| verdict(&bench.authorizer.handle(&event.to_string(), at(NOW)).await);
    assert_eq!(authorize(request_event(&json!({"aUTHORIZATION": good}))).await, PASSES);
    assert_eq!(
        authorize(request_event(&json!({"Authorization": [good, good]}))).await,
        INVALID_TOKEN
    );
    assert_eq!(
        authorize(request_event(&json!({"Authorization": good, "authorization": good}))).await,
        INVALID_TOKEN
    );
    assert_eq!(
        authorize(request_event(&json!({"Authorization": format!("{good}, {good}")}))).await,
        INVALID_TOKEN
    );
    let mut both = request_event(&json!({"Authorization": good}));
    both["queryStringParameters"] = json!({"access_token": "x"});
    assert_eq!(authorize(both).await, INVALID_TOKEN);
}

#[tokio::test]
async fn row_36_unusual_and_oversized_events_cause_no_panic() {
    let bench = rsa();
    let arn = "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/7";
    let huge = "x".repeat(6_000_000);
    for (event, expected) in [
        (
            json!({"type": "REQUEST", "methodArn": arn, "headers": null, "multiValueHeaders": null}),
            (401, "missing_token"),
        ),
        (
            json!({"type": "REQUEST", "methodArn": arn, "headers": {"cookie": huge}}),
            (401, "missing_token"),
        ),
        (
            json!({"type": "REQUEST", "version": "2.0", "routeArn": arn, "cookies": null, "headers": null}),
            (401, "missing_token"),
        ),
        (
            json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": format!("Bearer {huge}")}),
            INVALID_TOKEN,
        ),
        (json!({"type": "TOKEN", "authorizationToken": "x"}), (500, "malformed_event")),
    ] {
        assert_eq!(verdict(&bench.authorizer.handle(&event.to_string(), at(NOW)).await), expected);
    }
}

#[tokio::test]
async fn row_37_context_contains_only_bounded_scalars_without_control_characters() {
    let bench = with_settings(&json!({"context": {
        "tenant": "/org/id", "level": "level", "vip": "vip", "org": {"json": "org"}, "whole": "org", "none": "none",
        "missing": "nowhere", "long": "long", "forged": "forged",
    }}));
    let outcome = bench.bearer(&RS256.token(&claims_with(&json!({
        "org": {"id": "o-1", "n": [1]}, "level": 7, "vip": true, "long": "x".repeat(1025), "forged": "a\r\nX: y",
    })))).await;
    assert_eq!(
        response_json(&outcome)["context"],
        json!({
            "iss": ISSUER, "sub": "user-1", "client_id": "client-1", "scope": "pets:read pets:write",
            "tenant": "o-1", "level": 7, "vip": true, "org": "{\"id\":\"o-1\",\"n\":[1]}",
        })
    );
    let mut config_with_context = config(&["RS256"]);
    for name in ["sub", "reason", "principalId", "a.b", "", "a b"] {
        config_with_context["issuers"][0]["context"] = json!({name: "x"});
        assert!(authorizer::Config::from_json(&config_with_context.to_string()).is_err(), "{name}");
    }
    let many: serde_json::Map<String, Value> =
        (0..10).map(|n| (format!("c{n}"), json!("claim"))).collect();
    let outcome = with_settings(&json!({"context": many}))
        .bearer(&RS256.token(&claims_with(&json!({"claim": "x".repeat(1000)}))))
        .await;
    assert!(response_json(&outcome)["context"].to_string().len() < 5_000, "bounded as a whole");
}

#[tokio::test]
async fn row_38_unsafe_subjects_are_rejected() {
    let bench = rsa();
    for sub in [json!(""), json!("s".repeat(2048)), json!("a\r\nb"), json!(7), json!([])] {
        assert_eq!(verdict_for(&bench, &json!({"sub": sub})).await, INVALID_CLAIMS, "{sub}");
    }
    let star = bench.bearer(&RS256.token(&claims_with(&json!({"sub": "*"})))).await;
    assert_eq!(response_json(&star)["principalId"], "*");
    assert_eq!(
        response_json(&star)["policyDocument"]["Statement"][0]["Resource"],
        json!(["arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/*/*"])
    );
    let qualified =
        with_settings(&json!({"qualify_principal": true})).bearer(&RS256.token(&claims())).await;
    assert_eq!(response_json(&qualified)["principalId"], format!("{ISSUER}|user-1"));
}

#[tokio::test]
async fn row_39_no_output_contains_a_part_of_a_token() {
    let bench = rsa();
    let token = RS256.token(&claims());
    for presented in
        [token.clone(), format!("{token}x"), format!("x{token}"), token.replace('.', "")]
    {
        let output = format!("{:?}", bench.bearer(&presented).await);
        for piece in presented.as_bytes().windows(12) {
            assert!(!output.contains(std::str::from_utf8(piece).unwrap()), "{output}");
        }
    }
}

#[tokio::test]
async fn row_40_clients_cannot_distinguish_rejection_reasons() {
    let bench = rsa();
    let mut errors = Vec::new();
    for authorization in [
        String::new(),
        "Bearer x".to_owned(),
        "Basic x".to_owned(),
        format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": 1})))),
        format!("Bearer {}", RS256.token(&claims_with(&json!({"aud": "x"})))),
        format!("Bearer {}", Signer::new("RS256", "rsa-1").token(&claims())),
    ] {
        errors.push(bench.authorize(&authorization).await.response.unwrap_err());
    }
    assert!(errors.windows(2).all(|pair| pair[0] == pair[1]), "{errors:?}");
    assert_eq!(errors[0].error_message, "Unauthorized");
}

#[tokio::test]
async fn row_41_claims_of_a_cached_token_are_checked_again() {
    let bench = rsa();
    let token = format!("Bearer {}", RS256.token(&claims()));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW).await), PASSES);
    assert_eq!(verdict(&bench.authorize_at(&token, NOW).await), PASSES);
    assert_eq!(verdict(&bench.authorize_at(&token, NOW + 300).await), (401, "token_expired"));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW - 11).await), NOT_YET_VALID);
    let (content, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{content}.{}", base64url([0; 256]));
    assert_eq!(
        verdict(&bench.authorize(&forged).await),
        (401, "invalid_signature"),
        "the cache key is the whole token"
    );
}

#[tokio::test]
async fn row_42_tokens_of_a_removed_key_are_rejected_within_the_maximum_age() {
    let other = Signer::new("RS256", "rsa-2");
    let bench = Bench::with_keys(&config(&["RS256"]), &[RS256.jwk(), other.jwk()]);
    let long_lived_token = |signer: &Signer| {
        format!("Bearer {}", signer.token(&claims_with(&json!({"exp": NOW + 10_000}))))
    };
    let (remaining, removed) = (long_lived_token(&RS256), long_lived_token(&other));
    assert_eq!(verdict(&bench.authorize_at(&removed, NOW).await), PASSES);
    // Another key gets the same `kid`: a cached token must not outlive its key.
    let same_kid = Signer::new("RS256", "rsa-2");
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk(), same_kid.jwk()]}));
    for after in (0..600).step_by(100) {
        assert_eq!(verdict(&bench.authorize_at(&remaining, NOW + after).await), PASSES);
    }
    assert_eq!(verdict(&bench.authorize_at(&removed, NOW + 600).await), (401, "invalid_signature"));
    bench.web.publish(JWKS, &json!({"keys": [RS256.jwk()]}));
    assert_eq!(verdict(&bench.authorize_at(&removed, NOW + 1_200).await), UNKNOWN_KEY);
    assert_eq!(verdict(&bench.authorize_at(&remaining, NOW + 1_200).await), PASSES);
}

#[tokio::test]
async fn row_43_stale_keys_are_usable_for_one_hour() {
    let bench = rsa();
    let token = format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": NOW + 100_000}))));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW).await), PASSES);
    bench.web.fail(JWKS);
    for (after, expected) in
        [(599, PASSES), (600, PASSES), (4_199, PASSES), (4_200, (500, "jwks_unavailable"))]
    {
        assert_eq!(
            verdict(&bench.authorize_at(&token, NOW + after).await),
            expected,
            "after {after} s"
        );
    }
}

#[tokio::test]
async fn row_44_keys_expire_while_the_function_is_frozen() {
    let bench = rsa();
    let token = format!("Bearer {}", RS256.token(&claims_with(&json!({"exp": NOW + 100_000}))));
    assert_eq!(verdict(&bench.authorize_at(&token, NOW).await), PASSES);
    assert_eq!(verdict(&bench.authorize_at(&token, NOW + 40_000).await), PASSES);
    assert_eq!(
        bench.web.requested_urls().len(),
        2,
        "fetched again, although no process time has passed"
    );
}

#[test]
fn row_47_incomplete_configurations_are_rejected() {
    for document in [
        json!({}),
        json!({"issuers": []}),
        json!({"issuers": [{"issuer": ISSUER}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": []}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": [""]}]}),
        json!({"issuers": [{"issuer": "", "audience": ["a"]}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "algorithms": []}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "algorithms": ["none"]}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "clients": []}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "require": [{"claim": "x"}]}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "require": [{"claim": "x", "any_of": []}]}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "require": [{"claim": "", "exists": true}]}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "max_token_age_seconds": 0}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "key_max_age_seconds": 59}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "profile": "loose"}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "dpop": "maybe"}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "usage_key": {"clients": {}}}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"], "keys": {"jwks": {"keys": []}, "read_at": 0, "lifetime_seconds": 9}}]}),
        json!({"issuers": [{"issuer": "https://x/{tenantid}/", "audience": ["a"]}]}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"]}], "token": {"header": ""}}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"]}], "ca_bundle": "none"}),
        json!({"issuers": [{"issuer": ISSUER, "audience": ["a"]}], "unknown": 1}),
    ] {
        assert!(authorizer::Config::from_json(&document.to_string()).is_err(), "{document}");
    }
}

#[tokio::test]
async fn row_48_discovery_metadata_must_match_the_issuer() {
    let metadata = "https://issuer.example.com/.well-known/openid-configuration";
    let config = json!({"issuers": [{"issuer": ISSUER, "audience": [AUDIENCE]}]});
    let unavailable = (500, "jwks_unavailable");
    for (document, expected) in [
        (json!({"issuer": ISSUER, "jwks_uri": JWKS}), PASSES),
        (json!({"issuer": "https://issuer.example.com", "jwks_uri": JWKS}), unavailable),
        (json!({"issuer": ISSUER, "jwks_uri": "http://issuer.example.com/keys"}), unavailable),
        (json!({"issuer": ISSUER, "jwks_uri": "https://u:p@issuer.example.com/keys"}), unavailable),
        (json!({"issuer": ISSUER}), unavailable),
        (json!([]), unavailable),
    ] {
        let bench = Bench::with_keys(&config, &[RS256.jwk()]);
        bench.web.publish(metadata, &document);
        assert_eq!(verdict(&bench.bearer(&RS256.token(&claims())).await), expected, "{document}");
        assert_eq!(bench.web.requested_urls()[0], metadata);
    }
    let bench = Bench::with_keys(&config, &[RS256.jwk()]);
    assert_eq!(
        verdict(&bench.bearer(&RS256.token(&claims())).await),
        unavailable,
        "no guessed fallback"
    );
    assert_eq!(bench.web.requested_urls(), [metadata]);
}
