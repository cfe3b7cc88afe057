//! `config`: write what the authorizer reads.

use authorizer::Config;
use authorizer::config::Document;

use super::{Failure, compiled, local_issuer, write};
use crate::cli;
use crate::output::{Exit, Output};
use compiler::api::Api;
use compiler::compile::Environment;
use deployment::function::{Build, configuration};

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
    write(&text(&document)?, arguments.out.as_deref(), output)?;
    if arguments.out.is_some() && arguments.local_issuer.is_none() {
        let build = Build { config: configuration(&document), binary: None };
        output.note(&format!(
            "deploy it with --description \"{build}\", by which `plan` knows it again"
        ));
    }
    Ok(Exit::Done)
}

/// Returns the text of a configuration, which must be one that the authorizer starts with.
pub(super) fn text(document: &Document) -> Result<String, Failure> {
    Config::resolve(document).map_err(|problems| Failure::Authorizer(problems.to_string()))?;
    serde_json::to_string_pretty(document).map_err(|error| {
        Failure::Authorizer(format!("the configuration cannot be written: {error}"))
    })
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
