//! The published JSON Schema of `authorizer.json`.

use std::fs;
use std::path::Path;

use authorizer::config::Document;
use serde_json::{Value, json};

use crate::{MANIFEST, OPENAPI, deployer, folder};

fn read(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../authorizer").join(path);
    serde_json::from_str(&fs::read_to_string(path).unwrap_or_default()).unwrap_or_default()
}

fn published() -> Value {
    read("authorizer.schema.json")
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

/// Files of earlier versions are in `authorizer/tests/retained`.
#[test]
fn a_file_for_a_function_that_is_not_pinned_is_valid_for_earlier_versions() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/petstore");
    let written = deployer(&project, &["config"]);
    let petstore: Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!(petstore.get("pinned"), None);
    let now = jsonschema::validator_for(&published()).unwrap();
    assert!(now.is_valid(&read("tests/retained/1.json")));
    for version in [2, 3] {
        let schema = read(&format!("tests/retained/{version}.schema.json"));
        let schema = jsonschema::validator_for(&schema).unwrap();
        let earlier = read(&format!("tests/retained/{version}.json"));
        assert!(now.is_valid(&earlier) && schema.is_valid(&earlier), "{version}");
        let errors: Vec<String> = schema.iter_errors(&petstore).map(|e| e.to_string()).collect();
        assert_eq!(errors, [""; 0], "{version}");
        // The schema is strict: an earlier function rejects a setting that it does not know.
        let mut pinned = petstore.clone();
        pinned["pinned"] = json!(true);
        assert!(!schema.is_valid(&pinned), "{version}");
    }
}
