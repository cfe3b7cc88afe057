//! `deployer config`: writes the authorizer's compiled configuration.

use authorizer::Config;
use authorizer::config::Document;

use super::{Failure, Invocation, local_issuer, write};
use crate::cli;
use crate::output::Exit;
use compiler::api::Api;
use deployment::function::{BuildMetadata, configuration_fingerprint};

pub(super) fn run(arguments: &cli::Config, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile(&arguments.files)?;
    let name = authorizer(&api, arguments.authorizer.as_deref())?;
    let unused = || Failure::UnusedAuthorizer(name.to_owned());
    let mut document = api.authorizer_document(name).ok_or_else(unused)?;
    if let Some(url) = &arguments.local_issuer {
        document.issuers.push(local_issuer(url, &document.issuers)?);
    }
    write(&text(&document)?, arguments.out.as_deref(), invocation.output)?;
    if arguments.out.is_some() && document.log_key.is_some() {
        // Its mode is that of any file: it is copied into the package, and Lambda runs the function as
        // another user than the owner.
        let note = "note: the file has the log key; keep it out of version control";
        invocation.output.note(note);
    }
    if arguments.out.is_some() && arguments.local_issuer.is_none() {
        let build =
            BuildMetadata { config: configuration_fingerprint(&document), binary: None, api: None };
        invocation.output.note(&format!(
            "note: deploy it with `--description \"{build}\"`, so that `plan` can compare it"
        ));
    }
    Ok(Exit::Success)
}

/// Returns the JSON text of a configuration, after checking that the authorizer accepts it.
pub(super) fn text(document: &Document) -> Result<String, Failure> {
    Config::resolve(document)?;
    serde_json::to_string_pretty(document)
        .map_err(|cause| Failure::Unserializable { what: "the configuration", cause })
}

fn authorizer<'a>(api: &'a Api, requested: Option<&'a str>) -> Result<&'a str, Failure> {
    let known: Vec<String> = api.authorizers.keys().cloned().collect();
    match requested {
        Some(name) if api.authorizers.contains_key(name) => Ok(name),
        Some(name) => Err(Failure::UnknownAuthorizer { name: name.to_owned(), known }),
        None if known.len() > 1 => Err(Failure::AuthorizerRequired(known)),
        None => api.authorizers.keys().next().map(String::as_str).ok_or(Failure::NoAuthorizer),
    }
}
