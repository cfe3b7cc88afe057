//! The isolation of trusted issuers: `bootstrap` under a Runtime API, with an issuer that hangs.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use e2e::process::Process;
use e2e::wait::Wait;
use e2e::{binary, http};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::mint::Signer;

mod runtime_api;

use runtime_api::RuntimeApi;

/// Longer than a fetch may take.
const SUSPENSION: Duration = Duration::from_secs(6);

/// An issuer of one or more keys, which can hang.
struct Issuer {
    url: String,
    signer: Signer,
    key_set: Arc<Mutex<Value>>,
    hangs: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

impl Issuer {
    fn start(hangs: bool) -> Self {
        let signer = Signer::new("ES256", "first");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key_set = Arc::new(Mutex::new(json!({"keys": [signer.jwk()]})));
        let (hangs, connections) = (Arc::new(AtomicBool::new(hangs)), Arc::default());
        let issuer = Self { url, signer, key_set, hangs, connections };
        let (key_set, hangs) = (Arc::clone(&issuer.key_set), Arc::clone(&issuer.hangs));
        let connections = Arc::clone(&issuer.connections);
        thread::spawn(move || {
            let mut hanging = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let hangs = hangs.load(Ordering::SeqCst);
                connections.fetch_add(1, Ordering::SeqCst);
                if hangs {
                    hanging.push(stream);
                } else {
                    respond(stream, &key_set.lock().unwrap().to_string());
                }
            }
        });
        issuer
    }

    fn settings(&self) -> Value {
        json!({
            "issuer": self.url, "audience": ["a"], "algorithms": ["ES256"],
            "jwks_uri": format!("{}/keys", self.url),
        })
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn wait_for_connections(&self, count: usize) {
        let connected = || (self.connections() >= count).then_some(());
        Wait::Start.until("connection to the issuer", String::new, connected);
    }

    /// An event with a token of this issuer, signed with any key.
    #[expect(clippy::disallowed_methods, reason = "the function checks tokens by its clock")]
    fn event(&self, signer: &Signer) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let token = signer.token(&json!({
            "iss": self.url, "aud": "a", "sub": "user", "client_id": "app",
            "iat": now, "exp": now + 3_600,
        }));
        json!({
            "type": "TOKEN", "authorizationToken": format!("Bearer {token}"),
            "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abcdefghij/prod/GET/pets",
        })
    }
}

fn respond(stream: TcpStream, body: &str) {
    let mut writer = stream.try_clone().unwrap();
    http::read_request(&mut BufReader::new(stream));
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    let _ = writer.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
}

/// Starts the function with these issuers.
fn start(issuers: &[&Issuer], api: &RuntimeApi) -> (Process, NamedTempFile) {
    let mut file = NamedTempFile::new().unwrap();
    let settings: Vec<Value> = issuers.iter().map(|issuer| issuer.settings()).collect();
    write!(file, "{}", json!({"issuers": settings})).unwrap();
    let mut function = Command::new(binary("bootstrap"));
    function
        .env_clear()
        .env("AUTHORIZER_CONFIG", file.path())
        .env("AWS_LAMBDA_RUNTIME_API", &api.address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "authorizer")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_REGION", "eu-west-1");
    (Process::start(&mut function), file)
}

fn assert_allows(response: &Value) {
    assert_eq!(response["policyDocument"]["Statement"][0]["Effect"], "Allow", "{response}");
}

#[test]
fn a_hanging_issuer_does_not_affect_the_callers_of_another() {
    let (sick, healthy, api) = (Issuer::start(true), Issuer::start(false), RuntimeApi::start());
    let (function, _file) = start(&[&sick, &healthy], &api);
    api.wait_for_poll();
    assert_eq!((sick.connections(), healthy.connections()), (1, 1), "both were started in INIT");
    let forged = sick.event(&Signer::new("ES256", "forged"));
    for _ in 0..25 {
        assert_allows(&api.invoke(&healthy.event(&healthy.signer)));
        let response = api.invoke(&forged);
        assert_eq!(
            response,
            json!({"errorType": "AuthorizerFault", "errorMessage": "jwks_unavailable"})
        );
    }
    assert_eq!((sick.connections(), healthy.connections()), (1, 1), "no fetch in the backoff");
    let fault = function.json_line(Wait::Reply, |line| line["decision"] == "fault");
    let cause = format!("{}/keys did not respond in time", sick.url);
    assert!(fault["detail"].as_str().unwrap().ends_with(&cause), "{fault}");
}

#[test]
fn a_function_suspended_during_a_fetch_responds_to_the_next_call() {
    let (issuer, api) = (Issuer::start(true), RuntimeApi::start());
    let (function, _file) = start(&[&issuer], &api);
    let suspend = |fetch| {
        issuer.wait_for_connections(fetch);
        function.signal("STOP");
        issuer.hangs.store(false, Ordering::SeqCst);
        thread::park_timeout(SUSPENSION);
        function.signal("CONT");
    };

    // During the prefetch of INIT.
    suspend(1);
    assert_allows(&api.invoke(&issuer.event(&issuer.signer)));

    // During the fetch of a call, for a key that is new.
    let second = Signer::new("ES256", "second");
    *issuer.key_set.lock().unwrap() = json!({"keys": [issuer.signer.jwk(), second.jwk()]});
    issuer.hangs.store(true, Ordering::SeqCst);
    let fetches = issuer.connections();
    api.send(&issuer.event(&second));
    suspend(fetches + 1);
    assert_allows(&api.response());
    assert_allows(&api.invoke(&issuer.event(&issuer.signer)));
}
