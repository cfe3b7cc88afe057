//! Sender-constrained tokens: DPoP (row 45) and mutual TLS (row 46).

use authorizer::Outcome;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::mint::{Signer, base64url};
use crate::{Bench, NOW, RS256, claims_with, config, verdict};

const URI: &str = "https://api.example.com/prod/pets/7";
const REFUSED: (u16, &str) = (401, "proof_failed");
const PASSES: (u16, &str) = (200, "-");

fn sha256(bytes: &[u8]) -> String {
    base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

/// RFC 7638, written out for an Ed25519 key.
fn thumbprint(signer: &Signer) -> String {
    let jwk = signer.bare_jwk();
    sha256(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]).as_bytes())
}

fn bench(dpop: &str, mtls: &str) -> Bench {
    let mut config = config(&["RS256"]);
    config["issuers"][0]["dpop"] = json!(dpop);
    config["issuers"][0]["mtls"] = json!(mtls);
    Bench::with_keys(&config, &[RS256.jwk()])
}

fn event(headers: &[(&str, &str)], certificate: Option<&str>) -> Value {
    let single: Value = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mut multiple = serde_json::Map::new();
    for (name, value) in headers {
        multiple
            .entry(*name)
            .or_insert_with(|| json!([]))
            .as_array_mut()
            .unwrap()
            .push(json!(value));
    }
    json!({
        "type": "REQUEST", "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/pets/7",
        "headers": single, "multiValueHeaders": multiple,
        "requestContext": {
            "httpMethod": "GET", "path": "/prod/pets/7", "domainName": "api.example.com",
            "identity": {"clientCert": certificate.map(|pem| json!({"clientCertPem": pem}))},
        },
    })
}

async fn authorize(bench: &Bench, event: &Value) -> Outcome {
    crate::handle(bench, event).await
}

struct Proof {
    header: Value,
    claims: Value,
}

impl Proof {
    fn new(signer: &Signer, token: &str) -> Self {
        Self {
            header: json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": signer.bare_jwk()}),
            claims: json!({"jti": "p-1", "htm": "GET", "htu": URI, "iat": NOW, "ath": sha256(token.as_bytes())}),
        }
    }

    fn with(mut self, part: &str, member: &str, value: Value) -> Self {
        let target = if part == "header" { &mut self.header } else { &mut self.claims };
        if value.is_null() {
            target.as_object_mut().unwrap().remove(member);
        } else {
            target[member] = value;
        }
        self
    }

    fn signed(&self, signer: &Signer) -> String {
        signer.token_with(&self.header.to_string(), &self.claims.to_string())
    }
}

#[tokio::test]
async fn row_45_a_dpop_proof_is_bound_to_its_request_token_key_and_time() {
    let (holder, thief) = (Signer::new("EdDSA", ""), Signer::new("EdDSA", ""));
    let bound = RS256.token(&claims_with(&json!({"cnf": {"jkt": thumbprint(&holder)}})));
    let bench = bench("required", "forbidden");
    let authorization = format!("DPoP {bound}");
    let mut private = holder.bare_jwk();
    private["d"] = json!("AAAA");
    let proof = || Proof::new(&holder, &bound);
    for (name, proof, expected) in [
        ("valid", proof(), PASSES),
        (
            "equivalent htu",
            proof().with("claims", "htu", json!("HTTPS://API.example.com:443/prod/pets/7")),
            PASSES,
        ),
        ("a minute old", proof().with("claims", "iat", json!(NOW - 60)), PASSES),
        ("another method", proof().with("claims", "htm", json!("POST")), REFUSED),
        ("no method", proof().with("claims", "htm", Value::Null), REFUSED),
        (
            "another path",
            proof().with("claims", "htu", json!("https://api.example.com/prod/pets/8")),
            REFUSED,
        ),
        (
            "another host",
            proof().with("claims", "htu", json!("https://evil.example.com/prod/pets/7")),
            REFUSED,
        ),
        (
            "plain http",
            proof().with("claims", "htu", json!("http://api.example.com/prod/pets/7")),
            REFUSED,
        ),
        ("a query in it", proof().with("claims", "htu", json!(format!("{URI}?x#y"))), PASSES),
        (
            "a user in it",
            proof().with("claims", "htu", json!("https://x@api.example.com/prod/pets/7")),
            REFUSED,
        ),
        (
            "a backslash in it",
            proof().with(
                "claims",
                "htu",
                json!("https://evil.example.com\\@api.example.com/prod/pets/7"),
            ),
            REFUSED,
        ),
        ("no htu", proof().with("claims", "htu", Value::Null), REFUSED),
        ("stale", proof().with("claims", "iat", json!(NOW - 61)), REFUSED),
        ("from the future", proof().with("claims", "iat", json!(NOW + 1)), REFUSED),
        ("no iat", proof().with("claims", "iat", Value::Null), REFUSED),
        ("no ath", proof().with("claims", "ath", Value::Null), REFUSED),
        ("ath of another token", proof().with("claims", "ath", json!(sha256(b"x"))), REFUSED),
        ("no jti", proof().with("claims", "jti", Value::Null), REFUSED),
        ("another type", proof().with("header", "typ", json!("JWT")), REFUSED),
        ("no type", proof().with("header", "typ", Value::Null), REFUSED),
        ("a private key in it", proof().with("header", "jwk", private), REFUSED),
        ("no key in it", proof().with("header", "jwk", Value::Null), REFUSED),
        ("another key in it", proof().with("header", "jwk", thief.bare_jwk()), REFUSED),
        ("crit", proof().with("header", "crit", json!([])), REFUSED),
        ("alg none", proof().with("header", "alg", json!("none")), REFUSED),
    ] {
        let event =
            event(&[("Authorization", &authorization), ("DPoP", &proof.signed(&holder))], None);
        let outcome = authorize(&bench, &event).await;
        assert_eq!(verdict(&outcome), expected, "{name}: {:?}", outcome.decision);
    }
    let valid = proof().signed(&holder);
    let stolen = Proof::new(&thief, &bound).signed(&thief);
    let bearer = format!("Bearer {bound}");
    for (name, headers) in [
        ("none", vec![("Authorization", authorization.as_str())]),
        ("two proofs", vec![("Authorization", &authorization), ("DPoP", &valid), ("DPoP", &valid)]),
        ("a thief's own proof", vec![("Authorization", &authorization), ("DPoP", &stolen)]),
        ("sent as bearer", vec![("Authorization", &bearer), ("DPoP", &valid)]),
        ("no JWS", vec![("Authorization", &authorization), ("DPoP", "x")]),
    ] {
        assert_eq!(verdict(&authorize(&bench, &event(&headers, None)).await), REFUSED, "{name}");
    }
}

/// Authorizes a request with proofs for several URIs; returns those that are accepted.
async fn accepted<'a>(bench: &Bench, event: &Value, uris: &[&'a str]) -> Vec<&'a str> {
    let holder = Signer::new("EdDSA", "");
    let bound = RS256.token(&claims_with(&json!({"cnf": {"jkt": thumbprint(&holder)}})));
    let mut accepted = Vec::new();
    for uri in uris {
        let proof = Proof::new(&holder, &bound).with("claims", "htu", json!(uri));
        let mut event = event.clone();
        for (name, value) in
            [("Authorization", format!("DPoP {bound}")), ("DPoP", proof.signed(&holder))]
        {
            event["headers"][name] = json!(value);
            event["multiValueHeaders"][name] = json!([value]);
        }
        if verdict(&authorize(bench, &event).await) == PASSES {
            accepted.push(*uri);
        }
    }
    accepted
}

#[tokio::test]
async fn the_uri_of_a_proof_has_the_domain_name_and_a_host_header_only_without_one() {
    let bench = bench("required", "forbidden");
    let (other, spoofed) =
        ("https://other.example.com/prod/pets/7", event(&[("Host", "other.example.com")], None));
    assert_eq!(accepted(&bench, &spoofed, &[URI, other]).await, [URI]);
    let mut without_name = spoofed.clone();
    without_name["requestContext"]["domainName"] = Value::Null;
    assert_eq!(accepted(&bench, &without_name, &[URI, other]).await, [other]);
    let mut ambiguous = without_name.clone();
    ambiguous["multiValueHeaders"]["Host"] = json!(["other.example.com", "api.example.com"]);
    assert_eq!(accepted(&bench, &ambiguous, &[URI, other]).await, [""; 0]);
    let mut wrong_type = spoofed.clone();
    wrong_type["requestContext"]["domainName"] = json!(7);
    assert_eq!(accepted(&bench, &wrong_type, &[URI, other]).await, [""; 0]);
    let mut local = event(&[("Host", "localhost:4000")], None);
    local["requestContext"]["domainName"] = Value::Null;
    let uris = [
        "http://localhost:4000/prod/pets/7",
        "https://localhost:4000/prod/pets/7",
        "http://localhost/prod/pets/7",
    ];
    assert_eq!(accepted(&bench, &local, &uris).await, &uris[..2]);
    for host in
        ["user@api.example.com", "api.example.com/prod", "evil.example.com\\@api.example.com", ""]
    {
        let mut event = event(&[("Host", host)], None);
        event["requestContext"]["domainName"] = Value::Null;
        assert_eq!(accepted(&bench, &event, &[URI]).await, [""; 0], "{host}");
    }
}

#[tokio::test]
async fn behind_a_proxy_the_uri_of_a_proof_is_below_a_public_url() {
    let mut config = config(&["RS256"]);
    config["issuers"][0]["dpop"] = json!("required");
    config["public_urls"] = json!(["https://www.example.com/api/", "http://localhost:8080"]);
    let bench = Bench::with_keys(&config, &[RS256.jwk()]);
    let event = event(&[("Host", "www.example.com")], None);
    let (public, local) = ("https://www.example.com/api/pets/7", "http://localhost:8080/pets/7");
    let uris = [
        public,
        local,
        "https://www.example.com:443/x/../api/%70ets/7/?q#f",
        URI,
        "https://www.example.com/prod/pets/7",
        "https://www.example.com/api/prod/pets/7",
        "https://www.example.com/pets/7",
        "https://www.example.com/api/pets/70",
        "https://www.example.com/api/pets",
        "https://www.example.com/api//pets/7",
        "http://www.example.com/api/pets/7",
        "https://www.example.com.evil.example/api/pets/7",
        "https://localhost:8080/pets/7",
    ];
    assert_eq!(accepted(&bench, &event, &uris).await, &uris[..3]);
    // The path is the one that is authorized, not the one of the proxy.
    let mut root = event.clone();
    root["methodArn"] = json!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/");
    let uris = ["https://www.example.com/api", "https://www.example.com/api/", public];
    assert_eq!(accepted(&bench, &root, &uris).await, &uris[..2]);
    let mut dots = event.clone();
    dots["methodArn"] =
        json!("arn:aws:execute-api:eu-west-1:123456789012:abc123/prod/GET/x/../pets/7");
    assert_eq!(accepted(&bench, &dots, &[public]).await, [""; 0]);
}

#[tokio::test]
async fn row_46_a_certificate_bound_token_requires_its_certificate() {
    let der = b"the client's certificate, in DER";
    let pem = |der: &[u8]| {
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(der)
        )
    };
    let bound =
        format!("Bearer {}", RS256.token(&claims_with(&json!({"cnf": {"x5t#S256": sha256(der)}}))));
    let bench = bench("forbidden", "required");
    for (certificate, expected) in [
        (Some(pem(der)), PASSES),
        (Some(pem(b"another")), REFUSED),
        (Some("not PEM".to_owned()), REFUSED),
        (Some(pem(der) + "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"), REFUSED),
        (None, REFUSED),
    ] {
        let event = event(&[("Authorization", &bound)], certificate.as_deref());
        assert_eq!(verdict(&authorize(&bench, &event).await), expected, "{certificate:?}");
    }
    let mut http: Value = event(&[("Authorization", &bound)], None);
    http["version"] = json!("2.0");
    http["routeArn"] = http["methodArn"].clone();
    http["requestContext"]["authentication"] = json!({"clientCert": {"clientCertPem": pem(der)}});
    assert_eq!(verdict(&authorize(&bench, &http).await), PASSES);
}

#[tokio::test]
async fn a_binding_is_checked_or_the_token_is_rejected() {
    let (holder, thief) = (Signer::new("EdDSA", ""), Signer::new("EdDSA", ""));
    let der = b"der";
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(der)
    );
    for (dpop, mtls, confirmation, expected) in [
        ("forbidden", "forbidden", Value::Null, PASSES),
        ("forbidden", "forbidden", json!({"jkt": thumbprint(&holder)}), REFUSED),
        ("forbidden", "forbidden", json!({"x5t#S256": sha256(der)}), REFUSED),
        ("optional", "optional", Value::Null, PASSES),
        ("optional", "optional", json!({"jkt": thumbprint(&holder)}), PASSES),
        ("optional", "optional", json!({"x5t#S256": sha256(der)}), PASSES),
        (
            "required",
            "required",
            json!({"jkt": thumbprint(&holder), "x5t#S256": sha256(der)}),
            PASSES,
        ),
        ("required", "forbidden", Value::Null, REFUSED),
        ("forbidden", "required", Value::Null, REFUSED),
        ("optional", "optional", json!({"jwk": {}}), REFUSED),
        ("optional", "optional", json!({"jkt": thumbprint(&holder), "kid": "x"}), PASSES),
        ("optional", "optional", json!({"x5t#S256": sha256(der), "jwk": {}}), PASSES),
        ("optional", "optional", json!({"kid": "x"}), REFUSED),
        ("optional", "optional", json!({"jkt": thumbprint(&thief), "kid": "x"}), REFUSED),
        (
            "forbidden",
            "optional",
            json!({"jkt": thumbprint(&holder), "x5t#S256": sha256(der)}),
            REFUSED,
        ),
        ("optional", "optional", json!({}), REFUSED),
        ("optional", "optional", json!("x"), (401, "invalid_claims")),
        ("optional", "optional", json!({"jkt": 7}), (401, "invalid_claims")),
    ] {
        let token = RS256.token(&claims_with(&json!({"cnf": confirmation})));
        let scheme = if confirmation.get("jkt").is_some() { "DPoP" } else { "Bearer" };
        let (authorization, proof) =
            (format!("{scheme} {token}"), Proof::new(&holder, &token).signed(&holder));
        let event = event(&[("Authorization", &authorization), ("DPoP", &proof)], Some(&pem));
        let outcome = authorize(&bench(dpop, mtls), &event).await;
        assert_eq!(
            verdict(&outcome),
            expected,
            "{dpop} {mtls} {confirmation}: {:?}",
            outcome.decision
        );
    }
    let unbound = format!("DPoP {}", RS256.token(&claims_with(&json!({}))));
    assert_eq!(
        verdict(
            &authorize(
                &bench("optional", "forbidden"),
                &event(&[("Authorization", &unbound)], None)
            )
            .await
        ),
        REFUSED
    );
}
