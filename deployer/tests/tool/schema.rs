//! The published JSON Schema of `authorizer.json`.

use std::fs;
use std::path::Path;

use authorizer::config::Document;
use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, deployer, folder};

fn published() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../authorizer/authorizer.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap_or_default()).unwrap_or_default()
}

#[test]
fn the_published_schema_is_generated_from_the_code() {
    let generated = serde_json::to_value(schemars::schema_for!(Document)).unwrap();
    assert!(
        generated == published(),
        "publish this as authorizer/authorizer.schema.json:\n{generated:#}"
    );
}

#[test]
fn the_schema_accepts_and_rejects_the_same_documents_as_the_authorizer() {
    let schema = jsonschema::validator_for(&published()).unwrap();
    let folder = folder(MANIFEST, OPENAPI);
    let written = deployer(folder.path(), &["config"]);
    let valid: Value = serde_json::from_slice(&written.stdout).unwrap();
    assert!(schema.is_valid(&valid), "{valid}");
    let changed = |change: fn(&mut Value)| {
        let mut document = valid.clone();
        change(&mut document);
        document
    };
    for document in [
        changed(|document| document["issuer"] = json!(1)),
        changed(|document| document["issuers"][0]["audience"] = json!("a")),
        changed(|document| _ = document["issuers"][0].as_object_mut().unwrap().remove("issuer")),
        changed(|document| document["issuers"][0]["profile"] = json!("loose")),
        changed(|document| {
            document["issuers"][0]["require"] = json!([{"claim": "c", "any_of": "x"}]);
        }),
        changed(|document| document["issuers"][0]["require"] = json!([{"not": {"has": "x"}}])),
        changed(|document| document["routes"][0]["scopes"] = json!(["read"])),
    ] {
        assert!(!schema.is_valid(&document), "{document}");
        assert!(authorizer::Config::from_json(&document.to_string()).is_err(), "{document}");
    }
}
