//! `dev`: serve the API here, until ctrl-c, and again whenever its files change.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::{Failure, Invocation, local};
use crate::cli;
use crate::output::Exit;
use compiler::api::{Api, Security};
use compiler::project;
use dev::console::{self, StartSummary};
use dev::examples;
use dev::page::PAGE;
use dev::serving::RunningServers;
use gateway::clock;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(300);

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
        let options = local::options(&arguments.local, &ports, folder.path(), output).await?;
        let shown = api.clone();
        let observer = move |told: &_| output.data(&console::line(told), &console::json_line(told));
        let serving = RunningServers::start(api, options, Box::new(observer))?;
        let started = started(arguments, &shown, &serving)?;
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
                () = tokio::time::sleep(LOOK) => {
                    if watched.changed() {
                        again(arguments, invocation, &serving, &mut watched);
                    }
                }
            }
        }
        output.note("stopping");
        serving.stop().await;
        Ok(Exit::Done)
    })
}

/// Serves the files as they are now. What is wrong with them is told, and changes nothing.
fn again(
    arguments: &cli::Dev,
    invocation: Invocation<'_>,
    serving: &RunningServers,
    watched: &mut Watched,
) {
    let output = invocation.output;
    let (files, result) = reload(arguments, invocation, serving);
    match result {
        Ok(()) => output.data("reloaded", &json!({"event": "reloaded"})),
        Err(failure) => {
            let (code, reason) = (failure.code().name(), failure.to_string());
            let event = json!({"event": "reload_failed", "code": code, "reason": reason});
            output.data("reload failed; still serving the previous version", &event);
            failure.tell(output);
        }
    }
    watched.follow(files);
}

/// Returns the files that were read, and whether they are served now.
fn reload(
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

/// Files, and what was in them when they were last looked at.
struct Watched(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Watched {
    fn new(files: Vec<PathBuf>) -> Self {
        let mut watched = Self(Vec::new());
        watched.follow(files);
        watched
    }

    /// Looks at these too: a document may have another name now.
    fn follow(&mut self, files: Vec<PathBuf>) {
        for file in files {
            if !self.0.iter().any(|(known, _)| *known == file) {
                let content = project::read_bytes(&file);
                self.0.push((file, content));
            }
        }
    }

    /// Says whether one of them is not what it was; whatever way it came to be so.
    fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, known) in &mut self.0 {
            let now = project::read_bytes(file);
            // A file that is being written again may be gone, or empty, for a moment.
            let whole = now.as_ref().is_some_and(|content| !content.is_empty());
            if whole && now != *known {
                *known = now;
                changed = true;
            }
        }
        changed
    }
}

/// Waits for ctrl-c, or for what a service manager sends.
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
        Some(url) => format!("{url} (it must trust the issuer: deployer config --local-issuer)"),
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
            .unwrap_or_else(|| "built in, echoes what reaches it".to_owned()),
        examples,
        notes: notes(arguments, api, serving),
    })
}

/// Says what is refused here though AWS would serve it.
fn notes(arguments: &cli::Dev, api: &Api, serving: &RunningServers) -> Vec<String> {
    let no_keys = arguments.local.api_key.is_empty();
    let why = |security: &Security| match security {
        Security::ApiKey | Security::Jwt { api_key: true, .. } if no_keys => {
            Some("it needs an API key: name one with --api-key".to_owned())
        }
        Security::AwsIam => Some("signatures for AWS_IAM cannot be checked locally".to_owned()),
        Security::External { scheme, .. } if !serving.gateway.loaded().has_authorizer(scheme) => {
            Some(format!("no local authorizer for `{scheme}`: set its function with --function"))
        }
        _ => None,
    };
    let refused = api
        .routes
        .iter()
        .filter_map(|route| Some(format!("{route} is always refused: {}", why(&route.security)?)));
    refused.collect()
}
