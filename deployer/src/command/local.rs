//! The local gateway of `dev` and `test`, as configured on the command line.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::net::TcpListener;

use super::{Failure, temporary_directory};
use crate::cli::Local as Arguments;
use crate::output::Output;
use compiler::api::Api;
use compiler::compile::Environment;
use compiler::project::{self, Project};
use compiler::source::diagnostic::{Code, Diagnostic};
use dev::serving::{LocalFunction, Options};
use gateway::clock;
use gateway::functions::Settings;

/// The ports to listen on.
pub(super) struct Ports {
    pub gateway: u16,
    /// None if the local issuer is disabled.
    pub issuer: Option<u16>,
}

/// Loads the API to serve: a project directory, or a self-contained OpenAPI document.
pub(super) fn project(
    path: &std::path::Path,
    stage: Option<&str>,
    environment: Environment<'_>,
) -> Result<Project, Failure> {
    if path.is_file() {
        return Ok(project::load_document(path, stage, environment, clock::unix_time()));
    }
    Ok(project::load(path, stage, environment, clock::unix_time())?)
}

/// Returns the API of a valid project, and reports its warnings.
pub(super) fn api(project: &mut Project, output: Output) -> Result<Api, Failure> {
    let api = project.api.take();
    let api =
        api.ok_or_else(|| Failure::InvalidConfiguration(std::mem::take(&mut project.diagnostics)))?;
    // The local gateway does not call the backends of the files.
    let is_local = |one: &Diagnostic| one.code != Code::UnreachableBackend;
    let warnings: Vec<Diagnostic> =
        project.diagnostics.iter().filter(|one| is_local(one)).cloned().collect();
    output.warnings(&warnings);
    Ok(api)
}

/// Binds the ports before anything is started: a busy port must not leave processes running.
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
        return Err(Failure::InvalidOption {
            option: "--function-timeout",
            value: arguments.function_timeout.to_string(),
            expected: "1 to 900 seconds",
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
        access_log: None,
        folder: folder.to_owned(),
    })
}

fn function(text: &str) -> Result<(String, LocalFunction), Failure> {
    let invalid = || Failure::InvalidOption {
        option: "--function",
        value: text.to_owned(),
        expected: "NAME=COMMAND or NAME=URL",
    };
    let (name, target) = text.split_once('=').ok_or_else(invalid)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if name.is_empty() || target.is_empty() || !name.chars().all(is_name) {
        return Err(invalid());
    }
    let is_url = target.starts_with("http://") || target.starts_with("https://");
    let local = if is_url {
        LocalFunction::Endpoint(uri("--function", target)?)
    } else {
        LocalFunction::Command(target.to_owned())
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
    parsed.filter(fits).ok_or_else(|| Failure::InvalidOption {
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

/// Creates a temporary directory, which is deleted when the value is dropped.
pub(super) fn folder() -> Result<tempfile::TempDir, Failure> {
    temporary_directory().map_err(|cause| Failure::Start { what: "a temporary directory", cause })
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::Start { what: "the runtime", cause })
}

/// Returns the token that a command prints.
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
