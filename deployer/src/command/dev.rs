//! `deployer dev`: serves the API locally until Ctrl-C, and reloads it when its files change.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::{Failure, Invocation, local, open_to_append};
use crate::cli;
use crate::output::{Exit, Output};
use compiler::api::{Api, Security};
use compiler::project;
use dev::console::{self, StartSummary};
use dev::examples;
use dev::page::PAGE;
use dev::serving::{Options, RunningServers};
use gateway::clock;
use gateway::pipeline::LineWriter;

/// The interval between two reads of the files.
const POLL_INTERVAL: Duration = Duration::from_millis(300);

pub(super) fn run(arguments: &cli::Dev, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let output = invocation.output;
    let stage = arguments.stage.as_deref();
    let mut project = local::project(&arguments.dir, stage, invocation.environment)?;
    let api = local::api(&mut project, output)?;
    let folder = local::folder()?;
    local::runtime()?.block_on(async {
        let ports = local::Ports {
            gateway: arguments.port,
            issuer: (!arguments.no_local_issuer).then_some(arguments.issuer_port),
        };
        let access_log = access_log(arguments, output)?;
        let options = local::options(&arguments.local, &ports, folder.path(), output).await?;
        let options = Options { access_log, ..options };
        let served_api = api.clone();
        let observer =
            move |trace: &_| output.data(&console::line(trace), &console::json_line(trace));
        let serving = RunningServers::start(api, options, Box::new(observer))?;
        let started = started(arguments, &served_api, &serving)?;
        output.data(&started.text(), &started.json());
        let mut watched = Watched::new(project.files);
        let mut signal = std::pin::pin!(interrupted());
        loop {
            tokio::select! {
                interrupted = &mut signal => {
                    interrupted
                        .map_err(|cause| Failure::Start { what: "the signal handler", cause })?;
                    break;
                }
                () = tokio::time::sleep(POLL_INTERVAL) => {
                    if watched.changed() {
                        reload(arguments, invocation, &serving, &mut watched);
                    }
                }
            }
        }
        output.note("stopping");
        serving.stop().await;
        Ok(Exit::Success)
    })
}

/// Opens the access log.
fn access_log(arguments: &cli::Dev, output: Output) -> Result<Option<LineWriter>, Failure> {
    let Some(path) = &arguments.access_log else { return Ok(None) };
    if path.as_os_str() == "-" {
        return Err(Failure::InvalidOption {
            option: "--access-log",
            value: "-".to_owned(),
            expected: "a file, because stdout has a line of its own for each request",
        });
    }
    let append = open_to_append(path)?;
    let path = path.clone();
    Ok(Some(Box::new(move |line| {
        if let Err(cause) = append(line) {
            output.note(&format!("cannot write {}: {cause}", path.display()));
        }
    })))
}

/// Reloads the files. If they are invalid, reports it and keeps serving the previous version.
fn reload(
    arguments: &cli::Dev,
    invocation: Invocation<'_>,
    serving: &RunningServers,
    watched: &mut Watched,
) {
    let output = invocation.output;
    let (files, result) = replace_api(arguments, invocation, serving);
    match result {
        Ok(()) => output.data("reloaded", &json!({"event": "reloaded"})),
        Err(failure) => {
            let (code, reason) = (failure.code().name(), failure.to_string());
            let event = json!({"event": "reload_failed", "code": code, "reason": reason});
            output.data("reload failed; still serving the previous version", &event);
            failure.report(output);
        }
    }
    watched.add(files);
}

/// Loads the files and serves them; returns the files that were read, and the result.
fn replace_api(
    arguments: &cli::Dev,
    invocation: Invocation<'_>,
    serving: &RunningServers,
) -> (Vec<PathBuf>, Result<(), Failure>) {
    let stage = arguments.stage.as_deref();
    let mut project = match local::project(&arguments.dir, stage, invocation.environment) {
        Ok(project) => project,
        Err(failure) => return (Vec::new(), Err(failure)),
    };
    let api = local::api(&mut project, invocation.output);
    let result = api.and_then(|api| Ok(serving.replace(api)?));
    (project.files, result)
}

/// The watched files, with their content at the last read.
struct Watched(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Watched {
    fn new(files: Vec<PathBuf>) -> Self {
        let mut watched = Self(Vec::new());
        watched.add(files);
        watched
    }

    /// Watches these files too: the manifest may name another document now.
    fn add(&mut self, files: Vec<PathBuf>) {
        for file in files {
            if !self.0.iter().any(|(known, _)| *known == file) {
                let content = project::read_bytes(&file);
                self.0.push((file, content));
            }
        }
    }

    /// Returns whether the content of a file changed since the last call.
    fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, known) in &mut self.0 {
            let now = project::read_bytes(file);
            // An editor that saves a file may delete or truncate it for a moment.
            let complete = now.as_ref().is_some_and(|content| !content.is_empty());
            if complete && now != *known {
                *known = now;
                changed = true;
            }
        }
        changed
    }
}

/// Waits for SIGINT (Ctrl-C) or SIGTERM.
async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

fn started(
    arguments: &cli::Dev,
    api: &Api,
    serving: &RunningServers,
) -> Result<StartSummary, Failure> {
    let now = clock::unix_time();
    let examples = match (&serving.issuer, examples::choose(api)) {
        (Some(issuer), Some(examples)) => {
            let token = issuer.mint("local-client", &examples.scope, None, now)?;
            Some((examples, token))
        }
        _ => None,
    };
    let authorizer = match &arguments.local.authorizer_url {
        Some(url) => {
            format!("{url} (must trust the local issuer: `deployer config --local-issuer`)")
        }
        None => serving.authorizers(),
    };
    Ok(StartSummary {
        api: api.name.clone(),
        url: format!("{}/{}", serving.url, api.stage),
        page: format!("{}{PAGE}", serving.url),
        issuer: serving.issuer.as_ref().map(|issuer| issuer.url().to_owned()),
        authorizer,
        backend: arguments
            .local
            .backend
            .clone()
            .unwrap_or_else(|| "built-in echo server".to_owned()),
        examples,
        notes: notes(arguments, api, serving),
    })
}

/// Returns notes about operations that are always rejected locally.
fn notes(arguments: &cli::Dev, api: &Api, serving: &RunningServers) -> Vec<String> {
    let no_keys = arguments.local.api_key.is_empty();
    let reason = |security: &Security| match security {
        Security::ApiKey | Security::Jwt { api_key: true, .. } if no_keys => {
            Some("requires an API key; add one with `--api-key`".to_owned())
        }
        Security::AwsIam => Some("AWS_IAM signatures are not supported locally".to_owned()),
        Security::External { scheme, .. } if !serving.gateway.loaded().has_authorizer(scheme) => {
            Some(format!("no local authorizer for `{scheme}`; add its function with `--function`"))
        }
        _ => None,
    };
    let rejected = api.routes.iter().filter_map(|route| {
        Some(format!("{route} is always rejected: {}", reason(&route.security)?))
    });
    rejected.collect()
}
