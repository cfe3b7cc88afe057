//! The issuer of the benchmarks: its tokens, and its key set over https.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::mint::Signer;

pub(crate) const AUDIENCE: &str = "https://petstore.example.com";
const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdefghij/prod/GET/pets";

/// More than the verified token cache holds: used in turn, none of them is cached.
const TOKENS: usize = 1_200;

pub(crate) struct Issuer {
    pub(crate) url: String,
    /// The certificate of its server, in PEM.
    pub(crate) certificate: String,
    fetches: Arc<AtomicUsize>,
    signers: Vec<Signer>,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let signers: Vec<Signer> =
            ["RS256", "ES256", "EdDSA"].into_iter().map(|alg| Signer::new(alg, alg)).collect();
        let jwks = jwks(&signers).to_string();
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let fetches = Arc::new(AtomicUsize::new(0));
        let (counted, tls) = (Arc::clone(&fetches), Arc::new(tls));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
                let (jwks, counted) = (jwks.clone(), Arc::clone(&counted));
                thread::spawn(move || {
                    let mut line = String::new();
                    while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                        line.clear();
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    let head =
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json";
                    let length = jwks.len();
                    let response = format!("{head}\r\nContent-Length: {length}\r\n\r\n{jwks}");
                    let stream = stream.get_mut();
                    let _ = stream.write_all(response.as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                });
            }
        });
        Self { url, certificate: certificate.cert.pem(), fetches, signers }
    }

    /// Returns the number of key set fetches so far.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn jwks(&self) -> Value {
        jwks(&self.signers)
    }

    fn signer(&self, algorithm: &str) -> &Signer {
        self.signers.iter().find(|signer| signer.alg == algorithm).unwrap()
    }

    /// Signs a text, for measuring the signature check alone.
    pub(crate) fn signature(&self, algorithm: &str, text: &[u8]) -> Vec<u8> {
        self.signer(algorithm).signature(text)
    }

    fn token(&self, algorithm: &str, number: usize) -> String {
        let now = now();
        self.signer(algorithm).token(&json!({
            "iss": self.url, "aud": AUDIENCE, "sub": format!("user-{number}"), "client_id": "app",
            "scope": "pets:read pets:write", "iat": now, "exp": now + 86_400,
            "jti": format!("5c3a2b0e-{number:08}"),
        }))
    }

    /// Returns events with distinct tokens.
    pub(crate) fn events(&self, algorithm: &str) -> Arc<Vec<String>> {
        let event = |number| token_event(&self.token(algorithm, number));
        Arc::new((0..TOKENS).map(event).collect())
    }

    /// Returns one event.
    pub(crate) fn event(&self, algorithm: &str) -> Arc<Vec<String>> {
        Arc::new(vec![token_event(&self.token(algorithm, 0))])
    }

    /// Returns one event of a REQUEST authorizer, with a browser's headers.
    pub(crate) fn request_event(&self, algorithm: &str) -> Arc<Vec<String>> {
        let mut event: Value = serde_json::from_str(include_str!("request.json")).unwrap();
        let bearer = format!("Bearer {}", self.token(algorithm, 0));
        event["headers"]["Authorization"] = json!(bearer);
        event["multiValueHeaders"]["Authorization"] = json!([bearer]);
        event["methodArn"] = json!(ARN);
        Arc::new(vec![event.to_string()])
    }

    /// Returns an authorizer configuration for the petstore's routes, with bundled or fetched
    /// keys.
    pub(crate) fn configuration(&self, algorithm: &str, bundled: bool) -> Value {
        let text = include_str!(
            "../../../deployer/tests/tool/snapshots/tool__compiling__petstore_authorizer_json.snap"
        );
        let compiled: Value =
            serde_json::from_str(text.splitn(3, "---\n").nth(2).unwrap()).unwrap();
        let mut issuer = json!({
            "issuer": self.url, "audience": [AUDIENCE], "algorithms": [algorithm],
            "jwks_uri": format!("{}/keys", self.url),
        });
        if bundled {
            let keys = json!({"jwks": self.jwks(), "read_at": now(), "lifetime_seconds": 86_400});
            issuer["keys"] = keys;
        }
        json!({"issuers": [issuer], "routes": compiled["routes"], "ca_bundle": self.certificate})
    }
}

fn jwks(signers: &[Signer]) -> Value {
    json!({"keys": signers.iter().map(Signer::jwk).collect::<Vec<_>>()})
}

fn token_event(token: &str) -> String {
    json!({"type": "TOKEN", "methodArn": ARN, "authorizationToken": format!("Bearer {token}")})
        .to_string()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
