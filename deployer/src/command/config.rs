//! `config`: write what the authorizer reads.

use authorizer::Config;

use super::{Failure, compiled, local_issuer, write};
use crate::api::Api;
use crate::cli;
use crate::compile::Environment;
use crate::output::{Exit, Output};

pub(super) fn run(
    arguments: &cli::Config,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let api = compiled(&arguments.files, environment, output)?;
    let name = authorizer(&api, arguments.authorizer.as_deref())?;
    let missing = || Failure::Authorizer(format!("no operation is guarded by `{name}`"));
    let mut document = api.authorizer_document(name).ok_or_else(missing)?;
    if let Some(url) = &arguments.local_issuer {
        document.issuers.push(local_issuer(url, &document.issuers)?);
    }
    // What is written must be what the authorizer will start with.
    Config::resolve(&document).map_err(|problems| Failure::Authorizer(problems.to_string()))?;
    let text = serde_json::to_string_pretty(&document).map_err(|error| {
        Failure::Authorizer(format!("the configuration cannot be written: {error}"))
    })?;
    write(&text, arguments.out.as_deref(), output)?;
    Ok(Exit::Done)
}

fn authorizer<'a>(api: &'a Api, wanted: Option<&'a str>) -> Result<&'a str, Failure> {
    let names: Vec<&str> = api.authorizers.keys().map(String::as_str).collect();
    match (wanted, names.as_slice()) {
        (Some(name), names) if names.contains(&name) => Ok(name),
        (Some(name), names) => Err(Failure::Authorizer(format!(
            "there is no authorizer `{name}`, only: {}",
            names.join(", ")
        ))),
        (None, [only]) => Ok(only),
        (None, []) => Err(Failure::Authorizer("portcullis.toml has no authorizer".to_owned())),
        (None, names) => Err(Failure::Authorizer(format!(
            "choose with --authorizer one of: {}",
            names.join(", ")
        ))),
    }
}
