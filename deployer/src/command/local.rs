//! What `dev` and `test` run here, as the command line says it.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::net::TcpListener;

use super::Failure;
use crate::cli::Local as Arguments;
use crate::output::Output;
use compiler::api::Api;
use compiler::compile::Environment;
use compiler::project::{self, Project};
use dev::serving::{LocalFunction, Options};
use gateway::functions::Settings;

/// The ports to listen on.
pub(super) struct Ports {
    pub gateway: u16,
    /// None if there is to be no local issuer.
    pub issuer: Option<u16>,
}

/// Reads what is served: a folder, or a document that says everything by itself.
pub(super) fn project(
    path: &std::path::Path,
    stage: Option<&str>,
    environment: Environment<'_>,
) -> Result<Project, Failure> {
    if path.is_file() {
        return Ok(project::load_document(path, stage, environment));
    }
    Ok(project::load(path, stage, environment)?)
}

/// Returns the API of a project whose files are right; warnings are told.
pub(super) fn api(project: &mut Project, output: Output) -> Result<Api, Failure> {
    let api = project.api.take();
    let api = api.ok_or_else(|| Failure::Files(std::mem::take(&mut project.diagnostics)))?;
    output.asides(&project.diagnostics);
    Ok(api)
}

/// Listens, before anything is started: a busy port must leave nothing behind.
pub(super) async fn options(
    arguments: &Arguments,
    ports: &Ports,
    folder: &std::path::Path,
    output: Output,
) -> Result<Options, Failure> {
    let authorizer =
        arguments.authorizer_url.as_deref().map(|url| uri("--authorizer-url", url)).transpose()?;
    let backend = arguments.backend.as_deref().map(|url| uri("--backend", url)).transpose()?;
    let functions = arguments.function.iter().map(|text| function(text));
    let functions = functions.collect::<Result<_, Failure>>()?;
    if arguments.function_timeout == 0 || arguments.function_timeout > 900 {
        return Err(Failure::Value {
            option: "--function-timeout",
            value: arguments.function_timeout.to_string(),
            expected: "between 1 and 900 seconds",
        });
    }
    let gateway = listen(ports.gateway, "--port").await?;
    let issuer = match ports.issuer {
        Some(port) => Some(listen(port, "--issuer-port").await?),
        None => None,
    };
    Ok(Options {
        gateway,
        issuer,
        backend,
        authorizer,
        functions,
        settings: Settings {
            variables: Vec::new(),
            timeout: Duration::from_secs(arguments.function_timeout),
        },
        keys: arguments.api_key.iter().cloned().collect(),
        log: Arc::new(move |line| output.note(&format!("  | {line}"))),
        folder: folder.to_owned(),
    })
}

fn function(text: &str) -> Result<(String, LocalFunction), Failure> {
    let wrong = || Failure::Value {
        option: "--function",
        value: text.to_owned(),
        expected: "NAME=COMMAND or NAME=URL",
    };
    let (name, what) = text.split_once('=').ok_or_else(wrong)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || what.is_empty() || !name.chars().all(is_name) {
        return Err(wrong());
    }
    let is_url = what.starts_with("http://") || what.starts_with("https://");
    let local = if is_url {
        LocalFunction::Endpoint(uri("--function", what)?)
    } else {
        LocalFunction::Command(what.to_owned())
    };
    Ok((name.to_owned(), local))
}

pub(super) fn uri(option: &'static str, url: &str) -> Result<Uri, Failure> {
    let parsed = url.parse::<Uri>().ok();
    let fits = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some()
            && uri.query().is_none()
    };
    parsed.filter(fits).ok_or_else(|| Failure::Value {
        option,
        value: url.to_owned(),
        expected: "an http or https URL",
    })
}

async fn listen(port: u16, option: &'static str) -> Result<TcpListener, Failure> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|cause| Failure::Listen {
        port,
        option,
        cause,
    })
}

/// Returns a folder that goes away with this value.
pub(super) fn folder() -> Result<tempfile::TempDir, Failure> {
    let folder = tempfile::Builder::new().prefix("portcullis-").tempdir();
    folder.map_err(|cause| Failure::Start { what: "a folder for functions", cause })
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::Start { what: "the runtime", cause })
}

/// Runs a command that prints a token.
pub(super) fn token(command: &str, variables: &[(&str, String)]) -> Result<String, Failure> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stderr(Stdio::inherit());
    shell.envs(variables.iter().map(|(name, value)| (name, value)));
    let output =
        shell.output().map_err(|cause| Failure::Start { what: "the token command", cause })?;
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || token.is_empty() {
        return Err(Failure::NoToken(output.status));
    }
    Ok(token.strip_prefix("Bearer ").unwrap_or(&token).to_owned())
}
