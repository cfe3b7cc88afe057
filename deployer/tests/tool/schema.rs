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
fn the_published_schema_is_that_of_the_code() {
    let made = serde_json::to_value(schemars::schema_for!(Document)).unwrap();
    assert!(made == published(), "publish this as authorizer/authorizer.schema.json:\n{made:#}");
}

#[test]
fn the_schema_takes_what_the_authorizer_takes_and_refuses_what_has_another_form() {
    let schema = jsonschema::validator_for(&published()).unwrap();
    let folder = folder(MANIFEST, OPENAPI);
    let written = deployer(folder.path(), &["config"]);
    let right: Value = serde_json::from_slice(&written.stdout).unwrap();
    assert!(schema.is_valid(&right), "{right}");
    let wrong = |change: fn(&mut Value)| {
        let mut document = right.clone();
        change(&mut document);
        document
    };
    for document in [
        wrong(|document| document["issuer"] = json!(1)),
        wrong(|document| document["issuers"][0]["audience"] = json!("a")),
        wrong(|document| _ = document["issuers"][0].as_object_mut().unwrap().remove("issuer")),
        wrong(|document| document["issuers"][0]["profile"] = json!("loose")),
        wrong(|document| document["issuers"][0]["require"] = json!([{"any_of": ["x"]}])),
        wrong(|document| document["routes"][0]["scopes"] = json!(["read"])),
    ] {
        assert!(!schema.is_valid(&document), "{document}");
        assert!(authorizer::Config::from_json(&document.to_string()).is_err(), "{document}");
    }
}
