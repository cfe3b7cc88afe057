//! `deployer keys fetch`: from an issuer's key set to decisions without the network.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use e2e::backend::Backend;
use e2e::process::Process;
use e2e::wait::Wait;
use e2e::{Dev, binary, root, tool};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::mint::Signer;
use crate::provider::{PETSTORE, token};

/// The petstore with another issuer.
fn project(issuer: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let petstore = root().join("infra/petstore");
    fs::copy(petstore.join("openapi.yaml"), folder.path().join("openapi.yaml")).unwrap();
    let manifest = fs::read_to_string(petstore.join("portcullis.toml"))
        .unwrap()
        .replace("issuer = \"https://tenant.eu.auth0.com/\"", issuer);
    assert!(manifest.contains(issuer));
    fs::write(folder.path().join("portcullis.toml"), manifest).unwrap();
    folder
}

fn deployer(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(binary("deployer")).args(arguments).current_dir(folder).output().unwrap()
}

/// Runs `keys fetch`, and returns its exit code and the lines of its JSON.
fn fetch(folder: &Path) -> (Option<i32>, Vec<Value>) {
    let output = deployer(folder, &["keys", "fetch", "--output", "json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn read(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn the_function_decides_with_fetched_keys_after_the_issuer_has_stopped() {
    let provider = Process::start(Command::new("node").arg(tool("oidc-provider/server.mjs")));
    let issuer = provider.line(Wait::Start, |line| line.starts_with("http://"));
    let folder = project(&format!("issuer = \"{issuer}\"\nkeys = \"keys.json\""));
    let path = folder.path();

    let missing = deployer(path, &["check"]);
    let message = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert_eq!(missing.status.code(), Some(3), "{message}");
    assert!(message.contains("help: run `deployer keys fetch`"), "{message}");

    let (exit, lines) = fetch(path);
    assert_eq!(exit, Some(0), "{lines:?}");
    let [written] = lines[0]["written"].as_array().unwrap().as_slice() else { panic!("{lines:?}") };
    assert_eq!((&written["issuer"], &written["keys"]), (&json!(issuer), &json!(2)));
    let file = read(path, "keys.json");
    let jwks_uri = file["jwks_uri"].as_str().unwrap();
    assert!(jwks_uri.starts_with(&issuer), "{file}");
    assert_eq!(file["issuer"], json!(issuer));
    assert_eq!(file["read_at"], written["read_at"]);
    let members = |key: &Value| key.as_object().unwrap().contains_key("d");
    assert!(!file["jwks"]["keys"].as_array().unwrap().iter().any(members), "{file}");
    let check = deployer(path, &["check", "--deny-warnings"]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));

    let reader = token(&issuer, "RS256", PETSTORE, "pets:read");
    provider.stop("KILL");
    let function = format!("jwt={}", binary("bootstrap").display());
    let arguments = ["--port", "0", "--no-local-issuer", "--function", &function];
    let dev = Dev::start(&[&[path.to_str().unwrap()], &arguments[..]].concat());
    let (response, trace) = dev.request("GET", "/pets/7", Some(&reader));
    assert_eq!(response.status, 200, "{trace}");
    let (response, trace) = dev.request("GET", "/owners", Some(&reader));
    assert_eq!(response.status, 403, "{trace}");

    // The file is watched: other keys are used once they are written.
    let mut other = file.clone();
    other["jwks"] = json!({"keys": [Signer::new("RS256", "other").jwk()]});
    fs::write(path.join("keys.json"), other.to_string()).unwrap();
    dev.wait_for_event(|line| line["event"] == "reloaded");
    let (response, trace) = dev.request("GET", "/pets/7", Some(&reader));
    assert_eq!(response.status, 500, "{trace}");
}

#[test]
fn an_issuer_that_fails_leaves_its_file_unchanged_and_the_others_continue() {
    let public = json!({"keys": [Signer::new("RS256", "a").jwk()]});
    let mut private = public.clone();
    private["keys"][0]["d"] = json!("AQID");
    let respond = |document: &Value| {
        let body = document.to_string();
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ";
        let response = format!("{head}{}\r\n\r\n{body}", body.len());
        Backend::responding(Box::leak(response.into_boxed_str())).url
    };
    let working = respond(&public);
    let metadata = json!({"issuer": "https://other.example.com", "jwks_uri": working});
    let issuers = [
        (respond(&metadata), String::new(), "`issuer` of the metadata does not match"),
        (respond(&private), "/keys".to_owned(), "contains a private or symmetric key"),
        ("http://127.0.0.1:1".to_owned(), "/keys".to_owned(), "cannot reach"),
        (respond(&json!({"keys": []})), "/keys".to_owned(), "no key for the issuer's algorithms"),
        (working, "/keys".to_owned(), ""),
    ];
    let table = |(at, (issuer, path, _)): (usize, &(String, String, &str))| {
        let uri = format!("jwks_uri = \"{issuer}{path}\"\n");
        let uri = if path.is_empty() { "" } else { &uri };
        format!(
            "issuer = \"{issuer}\"\nkeys = \"keys-{at}.json\"\naudience = [\"a\"]\n{uri}\n[[authorizer.jwt.issuer]]\n"
        )
    };
    let tables: String = issuers.iter().enumerate().map(table).collect();
    let last = "issuer = \"https://last.example.com\"";
    let folder = project(&format!("{tables}{last}"));
    let path = folder.path();
    let old = json!({"issuer": "a", "read_at": 0, "jwks": {"keys": []}}).to_string();
    fs::write(path.join("keys-0.json"), &old).unwrap();

    let (exit, lines) = fetch(path);
    assert_eq!(exit, Some(1), "{lines:?}");
    let failed = lines[0]["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 4, "{lines:?}");
    for (failed, (issuer, _, error)) in failed.iter().zip(&issuers) {
        assert_eq!(failed["issuer"], json!(issuer));
        assert!(failed["error"].as_str().unwrap().contains(error), "{failed}");
    }
    assert_eq!(lines[1]["code"], "keys_not_fetched");
    assert_eq!(fs::read_to_string(path.join("keys-0.json")).unwrap(), old);
    for at in 1..4 {
        assert!(!path.join(format!("keys-{at}.json")).exists(), "{at}");
    }
    assert_eq!(read(path, "keys-4.json")["jwks"], public);
    let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.count(), 4, "no temporary file remains");
}

#[test]
fn the_help_of_a_failed_fetch_fits_the_failure() {
    let public = json!({"keys": [Signer::new("RS256", "a").jwk()]}).to_string();
    let (url, certificate) = https(public);
    let run = |issuer: &str| {
        let folder = project(issuer);
        let manifest = folder.path().join("portcullis.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let text = text.replace("[authorizer.jwt]", "[authorizer.jwt]\nca_bundle = \"ca.pem\"");
        fs::write(manifest, text).unwrap();
        fs::write(folder.path().join("ca.pem"), &certificate).unwrap();
        String::from_utf8(deployer(folder.path(), &["keys", "fetch"]).stderr).unwrap()
    };
    let error = run(&format!("issuer = \"{url}\"\njwks_uri = \"{url}/keys\"\nkeys = \"a/b.json\""));
    assert!(error.contains("create the directory") && error.contains("/a"), "{error}");
    // The metadata has the issuer's name with the other end.
    for configured_slash in ["", "/"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let other = if configured_slash.is_empty() { "/" } else { "" };
        let (configured, published) =
            (format!("{base}{configured_slash}"), format!("{base}{other}"));
        let body = json!({"issuer": published, "jwks_uri": format!("{base}/keys")}).to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut line = String::new();
                while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                    line.clear();
                }
                let head = format!(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.get_mut().write_all(format!("{head}{body}").as_bytes());
            }
        });
        let error = run(&format!("issuer = \"{configured}\"\nkeys = \"b.json\""));
        let fix = format!("set `issuer = \"{published}\"`, instead of `{configured}`");
        assert!(error.contains(&fix), "{error}");
    }
}

/// Serves one key set over https; returns its URL and certificate.
fn https(document: String) -> (String, String) {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key);
    let tls = Arc::new(tls.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut line = String::new();
            // A client that does not trust the certificate closes the connection.
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let length = document.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
            let stream = stream.get_mut();
            let _ = stream.write_all(format!("{head}{document}").as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (url, certificate.cert.pem())
}

#[test]
fn keys_are_fetched_with_a_private_certificate_authority() {
    let signer = Signer::new("RS256", "a");
    let public = json!({"keys": [signer.jwk()]});
    let (url, certificate) = https(public.to_string());
    let issuer = format!("issuer = \"{url}\"\njwks_uri = \"{url}/keys\"\nkeys = \"keys.json\"");
    let folder = project(&issuer);
    let (exit, lines) = fetch(folder.path());
    assert_eq!(exit, Some(1), "not a public certificate authority: {lines:?}");
    let manifest = folder.path().join("portcullis.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let with_bundle = text.replace("[authorizer.jwt]", "[authorizer.jwt]\nca_bundle = \"ca.pem\"");
    fs::write(manifest, with_bundle).unwrap();
    fs::write(folder.path().join("ca.pem"), certificate).unwrap();
    let (exit, lines) = fetch(folder.path());
    assert_eq!(exit, Some(0), "{lines:?}");
    assert_eq!(read(folder.path(), "keys.json")["jwks"], public);

    // `dev` and `explain` trust the same certificates.
    let (path, manifest) = (folder.path(), folder.path().join("portcullis.toml"));
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(manifest, text.replace("keys = \"keys.json\"", "")).unwrap();
    let token = signer.token(&json!({
        "iss": url, "aud": PETSTORE, "sub": "user", "scope": "pets:read", "exp": 32_503_680_000_i64,
    }));
    let dev = Dev::start(&[path.to_str().unwrap(), "--port", "0", "--no-local-issuer"]);
    let (response, trace) = dev.request("GET", "/pets/7", Some(&format!("Bearer {token}")));
    assert_eq!(response.status, 200, "{trace}");
    let explained = deployer(path, &["explain", "--token", &token, "GET", "/pets/7"]);
    let text = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(text.contains("ok   signature verified"), "{text}");
}
