//! `dev`: serve the API here, until ctrl-c.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use authorizer::config::Document;
use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::{Authorizer, Config, UnixTime};
use http::Uri;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Failure, compiled};
use crate::api::{Api, IntegrationKind, Local, Security};
use crate::cli;
use crate::compile::Environment;
use crate::dev::console::{self, Started};
use crate::dev::issuer::{self, Issuer};
use crate::dev::{backend, examples};
use crate::gateway::authorizers::Authorizers;
use crate::gateway::identity;
use crate::gateway::integration::client;
use crate::gateway::server::{self, Gateway};
use crate::output::{Exit, Output};

pub(super) fn run(
    arguments: &cli::Dev,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let mut api = compiled(&arguments.files, environment, output)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start { what: "the runtime", cause: error.to_string() })?;
    runtime.block_on(serve(arguments, &mut api, output))?;
    Ok(Exit::Done)
}

async fn serve(arguments: &cli::Dev, api: &mut Api, output: Output) -> Result<(), Failure> {
    let endpoint =
        arguments.authorizer_url.as_deref().map(|url| uri("--authorizer-url", url)).transpose()?;
    let base = arguments.backend.as_deref().map(|url| uri("--backend", url)).transpose()?;
    refuse_what_only_aws_does(api)?;
    // Both ports before anything is started: a busy one must leave nothing behind.
    let gateway = listen(arguments.port, "--port").await?;
    let issuing = if arguments.no_local_issuer {
        None
    } else {
        Some(listen(arguments.issuer_port, "--issuer-port").await?)
    };
    let echoing = if base.is_none() { Some(listen(0, "--port").await?) } else { None };

    let base = match (&base, &echoing) {
        (Some(base), _) => base.to_string(),
        (None, Some(echoing)) => format!("http://{}", address(echoing)?),
        (None, None) => String::new(),
    };
    redirect_backends(api, &base);
    let configured: Vec<_> =
        api.authorizers.values().flat_map(|authorizer| authorizer.issuers.clone()).collect();
    let local = match &issuing {
        Some(listener) => {
            let url = format!("http://{}", address(listener)?);
            let issuer = Issuer::new(url, &configured);
            Some(Arc::new(issuer.map_err(|error| Failure::Start {
                what: "the local issuer",
                cause: error.to_string(),
            })?))
        }
        None => None,
    };
    let authorizers = match &endpoint {
        Some(endpoint) => Authorizers::Endpoint(endpoint.clone()),
        None => Authorizers::InProcess(in_process(api, local.as_deref())?),
    };
    let started = started(arguments, api, &address(&gateway)?, local.as_deref())?;

    let (stopping, stopped) = watch::channel(());
    let until = || {
        let mut stopped = stopped.clone();
        async move { _ = stopped.changed().await }
    };
    let mut servers = tokio::task::JoinSet::new();
    if let Some((listener, issuer)) = issuing.zip(local) {
        servers.spawn(server::serve_with(listener, until(), move |request, _| {
            Arc::clone(&issuer).answer(request)
        }));
    }
    if let Some(listener) = echoing {
        servers.spawn(server::serve_with(listener, until(), |request, _| backend::answer(request)));
    }
    let observer = move |told: &_| output.data(&console::line(told), &console::json_line(told));
    let serving = Gateway {
        api: api.clone(),
        authorizers,
        client: client(),
        cache: Mutex::default(),
        observer: Box::new(observer),
    };
    servers.spawn(server::serve(Arc::new(serving), gateway, until()));
    output.data(&started.text(), &started.json());

    interrupted()
        .await
        .map_err(|error| Failure::Start { what: "the signal handler", cause: error.to_string() })?;
    output.note("stopping");
    // The receivers are there as long as the servers are.
    let _ = stopping.send(());
    while servers.join_next().await.is_some() {}
    Ok(())
}

/// Waits for ctrl-c, or for what a service manager sends.
async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

fn uri(option: &'static str, url: &str) -> Result<Uri, Failure> {
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

fn address(listener: &TcpListener) -> Result<String, Failure> {
    let address = listener.local_addr();
    address
        .map(|address| address.to_string())
        .map_err(|error| Failure::Start { what: "a server", cause: error.to_string() })
}

fn refuse_what_only_aws_does(api: &Api) -> Result<(), Failure> {
    let other = api.routes.iter().filter_map(|route| match route.integration.local() {
        Local::OnlyAws(kind) if route.preflight.is_none() => Some(format!("{route} ({kind})")),
        _ => None,
    });
    let other: Vec<String> = other.collect();
    if !other.is_empty() {
        let other = other.join(", ");
        let message = format!("these integrations cannot be served locally: {other}");
        return Err(Failure::NotLocal(message));
    }
    let sources = api.authorizers.values().flat_map(|authorizer| &authorizer.identity);
    match sources.into_iter().find(|source| !identity::is_known(source)) {
        Some(source) => {
            let message = format!("the identity source {source} has no value locally");
            Err(Failure::NotLocal(message))
        }
        None => Ok(()),
    }
}

/// Sends what would go to a deployed backend to the local one, on the same path.
fn redirect_backends(api: &mut Api, base: &str) {
    for route in &mut api.routes {
        if route.integration.kind != IntegrationKind::HttpProxy {
            continue;
        }
        let Some(uri) = &mut route.integration.uri else { continue };
        let path = uri.split_once("://").and_then(|(_, rest)| rest.get(rest.find('/')?..));
        *uri = format!("{}{}", base.trim_end_matches('/'), path.unwrap_or_default());
    }
}

/// Makes the authorizers, each with its own rules and the local issuer beside its own.
fn in_process(api: &Api, local: Option<&Issuer>) -> Result<BTreeMap<String, Authorizer>, Failure> {
    let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::default());
    let mut authorizers = BTreeMap::new();
    for name in api.authorizers.keys() {
        let Some(mut document) = api.authorizer_document(name) else { continue };
        if document.routes.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        let beside = local.map(|local| issuer::trusted(local.url(), &document.issuers));
        document.issuers.extend(beside);
        authorizers.insert(name.clone(), Authorizer::new(resolve(&document)?, &fetch));
    }
    Ok(authorizers)
}

fn resolve(document: &Document) -> Result<Config, Failure> {
    Config::resolve(document).map_err(|problems| Failure::Authorizer(problems.to_string()))
}

fn started(
    arguments: &cli::Dev,
    api: &Api,
    address: &str,
    local: Option<&Issuer>,
) -> Result<Started, Failure> {
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock")]
    let now = UnixTime::from_system(SystemTime::now());
    let tries = match (local, examples::choose(api)) {
        (Some(local), Some(examples)) => {
            let token = local.mint("local-client", &examples.scope, None, now);
            let token = token.map_err(|error| Failure::Start {
                what: "the local issuer",
                cause: error.to_string(),
            })?;
            Some((examples, token))
        }
        _ => None,
    };
    let authorizer = match &arguments.authorizer_url {
        Some(url) => format!("{url} (it must trust the issuer: deployer config --local-issuer)"),
        None => "in this process".to_owned(),
    };
    let unserved = |security: &Security| match security {
        Security::ApiKey | Security::Jwt { api_key: true, .. } => Some("API keys"),
        Security::AwsIam => Some("AWS_IAM"),
        Security::External { .. } => Some("an authorizer that is not in portcullis.toml"),
        Security::Jwt { .. } | Security::Public => None,
    };
    let limits = api.routes.iter().filter_map(|route| {
        let why = unserved(&route.security)?;
        Some(format!("{route} is always refused: {why} cannot be checked locally"))
    });
    Ok(Started {
        api: api.name.clone(),
        url: format!("http://{address}/{}", api.stage),
        issuer: local.map(|local| local.url().to_owned()),
        authorizer,
        backend: arguments
            .backend
            .clone()
            .unwrap_or_else(|| "built in, echoes what reaches it".to_owned()),
        tries,
        limits: limits.collect(),
    })
}
