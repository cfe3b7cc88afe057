//! `deployer sdk`: writes a client SDK that API Gateway generates.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Failure, Invocation, write_bytes};
use crate::cli;
use crate::output::Exit;

const LANGUAGES: [&str; 6] = ["android", "java", "javascript", "objectivec", "ruby", "swift"];

pub(super) fn run(arguments: &cli::Sdk, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    if !LANGUAGES.contains(&arguments.language.as_str()) {
        return Err(Failure::InvalidOption {
            option: "--language",
            value: arguments.language.clone(),
            expected: "android, java, javascript, objectivec, ruby or swift",
        });
    }
    let mut parameters = BTreeMap::new();
    for parameter in &arguments.parameter {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(Failure::InvalidOption {
                option: "--parameter",
                value: parameter.clone(),
                expected: "NAME=VALUE",
            });
        };
        parameters.insert(name.to_owned(), value.to_owned());
    }
    let api = invocation.compile_quietly(&arguments.live.files())?;
    let session = invocation.connect()?;
    let listed = session.existing_api(&api.name)?;
    let stage = &arguments.live.stage;
    let sdk = session.aws.generate_sdk(&listed.id, stage, &arguments.language, &parameters);
    let sdk = session.block_on(sdk)?;
    write_bytes(&sdk, &arguments.out)?;
    let text = format!("wrote {} bytes to {}", sdk.len(), arguments.out.display());
    let json = json!({"api": api.name, "file": arguments.out, "bytes": sdk.len()});
    invocation.output.data(&text, &json);
    Ok(Exit::Success)
}
