//! The files that `deployer keys fetch` writes, and those that it does not.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{MANIFEST, OPENAPI, deployer, folder, transcript};

/// Serves a key set, and returns its URL.
fn key_set() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let keys = json!({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ]});
    let body = keys.to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let length = body.len();
            let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        }
    });
    url
}

/// Returns a project whose issuer has its keys in a file.
fn project(url: &str, file: &str) -> TempDir {
    let audience = "audience = [\"https://shop.example.com\"]";
    let settings =
        format!("{audience}\njwks_uri = \"{url}\"\nkeys = \"{file}\"\nalgorithms = [\"EdDSA\"]");
    folder(&MANIFEST.replace(audience, &settings), OPENAPI)
}

fn fetch(folder: &TempDir) -> Output {
    deployer(folder.path(), &["keys", "fetch"])
}

const OTHER: &str =
    "{\"issuer\": \"https://other.example.com\", \"read_at\": 1, \"jwks\": {\"keys\": []}}";

#[test]
fn a_missing_file_and_a_file_of_keys_are_written_also_behind_a_link() {
    let url = key_set();
    let written = |folder: &TempDir, name: &str| {
        let output = fetch(folder);
        assert!(output.status.success(), "{}", transcript(&output));
        let file: Value =
            serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap();
        assert_eq!(file["issuer"], "https://issuer.example.com/");
        assert_eq!(file["jwks"]["keys"][0]["kid"], "a");
    };
    let missing = project(&url, "keys.json");
    written(&missing, "keys.json");
    written(&missing, "keys.json");
    fs::write(missing.path().join("keys.json"), OTHER).unwrap();
    written(&missing, "keys.json");
    let linked = project(&url, "./keys/link.json");
    fs::create_dir(linked.path().join("keys")).unwrap();
    fs::write(linked.path().join("real.json"), OTHER).unwrap();
    symlink("../real.json", linked.path().join("keys/link.json")).unwrap();
    written(&linked, "real.json");
    assert!(linked.path().join("keys/link.json").is_symlink());
}

#[test]
fn no_other_file_of_the_project_is_overwritten() {
    let url = key_set();
    let raw = "{\"keys\": []}";
    for (name, content) in
        [("hooks/x", "#!/bin/sh\n"), ("raw.json", raw), ("empty", ""), ("Cargo.toml", "[package]")]
    {
        let folder = project(&url, name);
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        let shown = transcript(&fetch(&folder));
        let expected = format!(
            "{name}: not written: the file exists and has no bundled keys; remove it, or set `keys` to another path"
        );
        assert!(shown.starts_with("exit 1") && shown.contains(&expected), "{shown}");
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
    }
    for name in ["portcullis.toml", "openapi.yaml", "./x/./..", "./openapi.yaml"] {
        let folder = project(&url, name);
        let before = fs::read(folder.path().join("portcullis.toml")).unwrap();
        let shown = transcript(&fetch(&folder));
        assert!(shown.starts_with("exit 3"), "{shown}");
        assert_eq!(fs::read(folder.path().join("portcullis.toml")).unwrap(), before);
        assert_eq!(fs::read_to_string(folder.path().join("openapi.yaml")).unwrap(), OPENAPI);
    }
}

#[test]
fn an_openapi_document_that_does_not_exist_yet_is_not_created_with_keys() {
    let folder = project(&key_set(), "openapi.yaml");
    fs::remove_file(folder.path().join("openapi.yaml")).unwrap();
    let shown = transcript(&fetch(&folder));
    assert!(shown.contains("`openapi.yaml` is not a file of bundled keys"), "{shown}");
    assert!(!folder.path().join("openapi.yaml").exists());
}

#[test]
fn nothing_outside_the_project_is_overwritten_or_created() {
    let url = key_set();
    let outside = tempfile::tempdir().unwrap();
    let existing = outside.path().join("existing.json");
    fs::write(&existing, OTHER).unwrap();
    let fails = |folder: &TempDir, message: &str| {
        let shown = transcript(&fetch(folder));
        assert!(!shown.starts_with("exit 0") && shown.contains(message), "{shown}");
        assert_eq!(fs::read_to_string(&existing).unwrap(), OTHER);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    };
    let folder = project(&url, "link.json");
    symlink(&existing, folder.path().join("link.json")).unwrap();
    fails(&folder, "; remove the link, or set `keys` to another path");
    let folder = project(&url, "link.json");
    symlink(outside.path().join("new.json"), folder.path().join("link.json")).unwrap();
    fails(&folder, "link.json: not written: ");
    for name in ["existing.json", "new.json"] {
        let folder = project(&url, &format!("links/{name}"));
        symlink(outside.path(), folder.path().join("links")).unwrap();
        fails(&folder, "; remove the link, or set `keys` to another path");
    }
    for path in [existing.to_str().unwrap(), "../existing.json", "a/../../existing.json"] {
        let message = format!("`keys` must be a file in the project, found `{path}`");
        fails(&project(&url, path), &message);
    }
}

#[test]
fn a_pipe_is_neither_read_nor_written() {
    let folder = project(&key_set(), "pipe");
    let pipe = Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap();
    assert!(pipe.success());
    let shown = transcript(&fetch(&folder));
    assert!(
        shown.contains("pipe: not written: the file exists and has no bundled keys"),
        "{shown}"
    );
    let shown = transcript(&deployer(folder.path(), &["check"]));
    assert!(shown.contains("cannot read `pipe`: not a regular file"), "{shown}");
}
