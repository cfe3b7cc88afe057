//! The authorizer in process, as a `bootstrap` under the Runtime API, and by URL: for every
//! `Authorization` value the three return the same.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{Dev, binary, http};
use serde_json::{Value, json};

/// A token with an invalid signature.
fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("Bearer {}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode([7; 256]))
}

/// `Authorization` values: valid and invalid tokens, and malformed values.
fn corpus(issuer: &Dev) -> Vec<String> {
    let url = issuer.issuer();
    let header = json!({"alg": "RS256", "kid": "local-1", "typ": "at+jwt"});
    let claims = json!({
        "iss": url, "aud": "https://petstore.example.com", "sub": "me", "exp": 4_102_444_800_u64,
        "iat": 1_600_000_000, "scope": "pets:read",
    });
    let mut corpus = Vec::new();
    for scope in ["", "pets:read", "pets:write", "owners:read", "admin", "pets:read owners:read"] {
        let token = issuer.token(scope);
        corpus.push(format!("bearer {token}"));
        corpus.push(format!("Bearer {token}"));
    }
    let good = issuer.token("pets:read");
    let (front, signature) = good.rsplit_once('.').unwrap();
    corpus.push(format!("Bearer {front}.{}", signature.chars().rev().collect::<String>()));
    corpus.push(format!("Bearer {front}.AAAA"));
    corpus.push(format!("Bearer {good}A"));
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("alg", json!(7)),
        ("kid", json!("other")),
        ("kid", json!(["local-1"])),
        ("typ", json!("JWT")),
        ("typ", json!("dpop+jwt")),
        ("crit", json!(["x"])),
        ("jku", json!("https://evil.example.com")),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("b64", json!(false)),
        ("x5u", json!("https://evil.example.com")),
    ] {
        let mut other = header.clone();
        other[name] = value;
        corpus.push(unsigned(&other, &claims));
    }
    for (name, value) in [
        ("exp", json!(1)),
        ("exp", json!("4102444800")),
        ("exp", json!(1e300)),
        ("exp", json!(null)),
        ("nbf", json!(4_102_444_000_u64)),
        ("iat", json!(4_102_444_000_u64)),
        ("iss", json!("https://evil.example.com/")),
        ("iss", json!([url])),
        ("iss", json!("http://127.0.0.1:1")),
        ("aud", json!("other")),
        ("aud", json!(["other", "https://petstore.example.com"])),
        ("aud", json!({})),
        ("sub", json!(7)),
        ("scope", json!(["pets:read"])),
        ("token_use", json!("id")),
    ] {
        let mut other = claims.clone();
        other[name] = value;
        corpus.push(unsigned(&header, &other));
    }
    corpus.push(format!("Bearer   {good}"));
    for odd in [
        "Bearer a.b.c",
        "Bearer e30.e30.AA",
        "Bearer e30.W10.AA",
        "Bearer bnVsbA.bnVsbA.AA",
        "Basic dTpw",
        "Bearer",
        "",
    ] {
        corpus.push(odd.to_owned());
    }
    corpus
}

#[test]
fn the_authorizer_decides_the_same_in_process_as_a_function_and_by_url() {
    let issuer = Dev::start(&["infra/petstore", "--port", "0"]);
    let corpus = corpus(&issuer);
    for kind in ["token", "request"] {
        let configured = format!(
            "{}\"\naudience = [\"https://petstore.example.com\"]\n[[authorizer.jwt.issuer]]\nissuer = \"http://127.0.0.1:1",
            issuer.issuer()
        );
        let folder =
            e2e::petstore_with("portcullis.toml", "https://tenant.eu.auth0.com/", &configured);
        let manifest = folder.path().join("portcullis.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(
            &manifest,
            text.replace("cache_ttl = \"5m\"", &format!("cache_ttl = \"0s\"\ntype = \"{kind}\"")),
        )
        .unwrap();
        let start = |more: &[&str]| {
            let project = folder.path().to_str().unwrap();
            Dev::start(&[&[project, "--port", "0", "--no-local-issuer"], more].concat())
        };
        let in_process = start(&[]);
        let function = format!("petstore-authorizer={}", binary("bootstrap").display());
        let function = start(&["--function", &function]);
        let base = in_process.url().strip_suffix("/dev").unwrap();
        let url = format!("{base}/2015-03-31/functions/petstore-authorizer/invocations");
        let by_url = start(&["--authorizer-url", &url]);
        assert_eq!(in_process.ready["authorizer"], "built-in authorizer");
        assert_eq!(function.ready["authorizer"], "function petstore-authorizer");

        let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
        for authorization in &corpus {
            for (method, path) in [("GET", "/pets/7"), ("POST", "/pets"), ("GET", "/pets/7/owner")]
            {
                let outcome = |dev: &Dev| {
                    let (response, trace) = dev.request(method, path, Some(authorization));
                    let base = dev.url().strip_suffix("/dev").unwrap();
                    let id = trace["request_id"].as_str().unwrap();
                    let all =
                        http::send("GET", &format!("{base}/_portcullis/requests/{id}"), &[], b"")
                            .json();
                    let result = all["authorizer"]["response"].clone();
                    assert!(
                        !all.to_string().contains(authorization.trim_start_matches("Bearer "))
                            || authorization.len() < 16,
                        "{all}"
                    );
                    // The echoed request contains ports, which differ.
                    let body = if response.status == 200 { String::new() } else { response.body };
                    (response.status, body, trace["authorizer_invoked"].clone(), result)
                };
                let first = outcome(&in_process);
                assert_eq!(
                    outcome(&function),
                    first,
                    "{kind}, {method} {path}, as a function: {authorization}"
                );
                assert_eq!(
                    outcome(&by_url),
                    first,
                    "{kind}, {method} {path}, by URL: {authorization}"
                );
                *statuses.entry(first.0).or_default() += 1;
            }
        }
        let distinct: Vec<u16> = statuses.keys().copied().collect();
        assert_eq!(distinct, [200, 401, 403, 500], "every outcome occurs: {statuses:?}");
    }
}
