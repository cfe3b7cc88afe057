//! `config`: write what the authorizer reads.

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
    if arguments.out.is_some() && arguments.local_issuer.is_none() {
        let build = BuildMetadata { config: configuration_fingerprint(&document), binary: None };
        invocation.output.note(&format!(
            "deploy it with --description \"{build}\", by which `plan` knows it again"
        ));
    }
    Ok(Exit::Done)
}

/// Returns the text of a configuration, which must be one that the authorizer starts with.
pub(super) fn text(document: &Document) -> Result<String, Failure> {
    Config::resolve(document)?;
    serde_json::to_string_pretty(document)
        .map_err(|cause| Failure::Unserializable { what: "the configuration", cause })
}

fn authorizer<'a>(api: &'a Api, wanted: Option<&'a str>) -> Result<&'a str, Failure> {
    let known: Vec<String> = api.authorizers.keys().cloned().collect();
    match wanted {
        Some(name) if api.authorizers.contains_key(name) => Ok(name),
        Some(name) => Err(Failure::UnknownAuthorizer { name: name.to_owned(), known }),
        None if known.len() > 1 => Err(Failure::UnnamedAuthorizer(known)),
        None => api.authorizers.keys().next().map(String::as_str).ok_or(Failure::NoAuthorizer),
    }
}
