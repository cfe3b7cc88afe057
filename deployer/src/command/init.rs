//! `deployer init`: writes an example project, which the program contains.

use std::path::PathBuf;

use serde_json::json;

use super::{Failure, Invocation, create_directory, exists, write_bytes};
use crate::cli::{self, Example};
use crate::output::Exit;

/// The files of the example `petstore`, each with its name.
const PETSTORE: [(&str, &str); 3] = [
    ("portcullis.toml", include_str!("../../../infra/petstore/portcullis.toml")),
    ("openapi.yaml", include_str!("../../../infra/petstore/openapi.yaml")),
    ("cases.yaml", include_str!("../../../infra/petstore/cases.yaml")),
];

pub(super) fn run(arguments: &cli::Init, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let (name, files) = match arguments.example {
        Example::Petstore => ("petstore", &PETSTORE),
    };
    let directory = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    // Before the first file is written: an own project is neither overwritten nor mixed with these.
    for (name, _) in files {
        let path = directory.join(name);
        if exists(&path) {
            return Err(Failure::FileExists(path));
        }
    }
    create_directory(&directory)?;
    for (name, content) in files {
        write_bytes(content.as_bytes(), &directory.join(name))?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    let shown = directory.display();
    let text = format!("wrote {} to {shown}; run `deployer dev {shown}`", names.join(", "));
    let json = json!({"directory": directory, "example": name, "files": names});
    invocation.output.data(&text, &json);
    Ok(Exit::Success)
}
