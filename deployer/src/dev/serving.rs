//! Everything that `dev` runs, and `test` for the time of its cases: the gateway, the local
//! issuer, the backend that echoes, and the functions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use authorizer::config::{Document, IssuerDocument};
use authorizer::keys::fetch::{Fetch, HttpFetch};
use authorizer::{Authorizer, Config};
use http::Uri;
use regex::Regex;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::issuer::{self, Issuer};
use super::{echo, page};
use compiler::api::{Api, AuthorizerKind, IdentitySource, IntegrationKind};
use compiler::project;
use gateway::authorizers::{AuthorizerTarget, Guard};
use gateway::client::client;
use gateway::functions::{Command, Functions, Settings};
use gateway::identity;
use gateway::integration::compiled::function_name;
use gateway::loaded_api::LoadedApi;
use gateway::pipeline::{Gateway, Observer};
use gateway::server;

/// What is served, and how.
pub struct Options {
    /// The gateway's socket.
    pub gateway: TcpListener,
    /// The local issuer's; none if there is to be none.
    pub issuer: Option<TcpListener>,
    /// Where requests go; to the backend that echoes if left out.
    pub backend: Option<Uri>,
    /// A Lambda Invoke endpoint to ask in the target of every authorizer.
    pub authorizer: Option<Uri>,
    /// Functions, and what they are here.
    pub functions: Vec<(String, Local)>,
    /// What functions that are commands are set up with.
    pub settings: Settings,
    /// API keys that are taken.
    pub keys: BTreeSet<String>,
    /// Who gets the lines that functions write.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
    /// Where compiled configurations go that functions read.
    pub folder: PathBuf,
}

/// What a function is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Local {
    /// A command, as a shell reads it.
    Command(String),
    /// A Lambda Invoke endpoint.
    Endpoint(Uri),
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The API has what only AWS can do.
    #[error("these cannot be served locally: {}", .0.join("; "))]
    OnlyAws(Vec<String>),
    /// An authorizer's settings contradict each other.
    #[error("{0}")]
    Authorizer(String),
    /// Something could not be set up.
    #[error("cannot start {0}: {1}")]
    Start(&'static str, String),
}

/// What runs.
pub struct Serving {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The gateway's URL, without a stage.
    pub url: String,
    /// The local issuer.
    pub issuer: Option<Arc<Issuer>>,
    /// How many requests reached the backend that echoes.
    pub reached: Arc<AtomicU64>,
    setup: Setup,
    stop: watch::Sender<()>,
    servers: tokio::task::JoinSet<()>,
}

/// What an API is made ready with, each time it is read.
struct Setup {
    base: String,
    authorizer: Option<Uri>,
    folder: PathBuf,
}

impl Serving {
    /// Starts it all.
    pub fn start(api: Api, options: Options, observer: Observer) -> Result<Self, StartError> {
        let url = format!("http://{}", address(&options.gateway)?);
        let reached = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(());
        let until = || {
            let mut stopped = stopped.clone();
            async move { _ = stopped.changed().await }
        };
        let mut servers = tokio::task::JoinSet::new();
        let base = match &options.backend {
            Some(base) => base.to_string(),
            None => {
                let listener = std::net::TcpListener::bind("127.0.0.1:0")
                    .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
                    .and_then(TcpListener::from_std)
                    .map_err(|error| StartError::Start("the backend", error.to_string()))?;
                let base = format!("http://{}", address(&listener)?);
                let reached = Arc::clone(&reached);
                servers.spawn(server::serve_with(listener, until(), move |request, _| {
                    reached.fetch_add(1, Ordering::SeqCst);
                    echo::answer(request)
                }));
                base
            }
        };
        let issuer = match options.issuer {
            Some(listener) => {
                let url = format!("http://{}", address(&listener)?);
                let issuer = Issuer::new(url, &issuers(&api));
                let issuer = issuer
                    .map_err(|error| StartError::Start("the local issuer", error.to_string()))?;
                let issuer = Arc::new(issuer);
                let serving = Arc::clone(&issuer);
                servers.spawn(server::serve_with(listener, until(), move |request, _| {
                    Arc::clone(&serving).answer(request)
                }));
                Some(issuer)
            }
            None => None,
        };
        let setup = Setup { base, authorizer: options.authorizer, folder: options.folder.clone() };
        let client = client();
        let mut functions = Functions::new(client.clone());
        for (name, local) in options.functions {
            match local {
                Local::Endpoint(uri) => functions.at(&name, uri),
                Local::Command(line) => {
                    let mut settings = options.settings.clone();
                    if scheme_of(&api, &name).is_some() {
                        let path = configuration(&options.folder, &name);
                        let path = path.display().to_string();
                        settings.variables.push(("AUTHORIZER_CONFIG".to_owned(), path));
                    }
                    let log = Arc::clone(&options.log);
                    functions.run(Command { name, line, settings, log });
                }
            }
        }
        let loaded = setup.prepare(api, issuer.as_deref(), &functions)?;
        let log = Arc::new(page::Log::default());
        let remembered = Arc::clone(&log);
        let observer: Observer = Box::new(move |trace| {
            remembered.push(trace);
            observer(trace);
        });
        let gateway = Arc::new(Gateway::new(loaded, functions, client, options.keys, observer));
        let page = Arc::new(page::Page::new(issuer.clone(), &url, log));
        let (serving, shown) = (Arc::clone(&gateway), page);
        servers.spawn(server::serve_with(options.gateway, until(), move |request, peer| {
            let (gateway, page) = (Arc::clone(&serving), Arc::clone(&shown));
            async move {
                match page.answer(request, &gateway).await {
                    Ok(response) => response,
                    Err(request) => gateway.answer(request, peer).await,
                }
            }
        }));
        Ok(Self { gateway, url, issuer, reached, setup, stop, servers })
    }

    /// Says where the authorizers are.
    pub fn authorizers(&self) -> String {
        let loaded = self.gateway.loaded();
        let functions: Vec<&str> = loaded.authorizer_functions().collect();
        if functions.is_empty() {
            return "in this process".to_owned();
        }
        format!("the function {}", functions.join(", "))
    }

    /// Serves another version of the API from now on.
    pub fn replace(&self, api: Api) -> Result<(), StartError> {
        if let Some(issuer) = &self.issuer {
            issuer.serve(&issuers(&api));
        }
        let functions = &self.gateway.functions;
        let loaded = self.setup.prepare(api, self.issuer.as_deref(), functions)?;
        self.gateway.replace(loaded);
        functions.recycle();
        Ok(())
    }

    /// Lets requests on their way end, and stops.
    pub async fn stop(mut self) {
        // The receivers are there as long as the servers are.
        let _ = self.stop.send(());
        while self.servers.join_next().await.is_some() {}
    }
}

impl Setup {
    fn prepare(
        &self,
        mut api: Api,
        issuer: Option<&Issuer>,
        functions: &Functions,
    ) -> Result<LoadedApi, StartError> {
        redirect_backends(&mut api, &self.base);
        let guards = self.guards(&api, issuer, functions)?;
        LoadedApi::new(api, guards, functions).map_err(StartError::OnlyAws)
    }

    /// Makes the authorizers ready: ours with their own rules and the local issuer beside its
    /// own, others if their function is here.
    fn guards(
        &self,
        api: &Api,
        issuer: Option<&Issuer>,
        functions: &Functions,
    ) -> Result<BTreeMap<String, Guard>, StartError> {
        let fetch: Arc<dyn Fetch> = Arc::new(HttpFetch::default());
        let expression = |text: &str| {
            identity::validation(text)
                .map_err(|error| StartError::Authorizer(format!("`{text}`: {error}")))
        };
        let mut guards = BTreeMap::new();
        for (name, authorizer) in &api.authorizers {
            let Some(mut document) = api.authorizer_document(name) else { continue };
            if document.routes.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let beside = issuer.map(|issuer| issuer::trusted(issuer.url(), &document.issuers));
            document.issuers.extend(beside);
            let target = match (&self.authorizer, function_of(api, name, functions)) {
                (Some(endpoint), _) => AuthorizerTarget::Endpoint(endpoint.clone()),
                (None, Some(function)) => {
                    write_configuration(&self.folder, &function, &document)?;
                    AuthorizerTarget::Function(function)
                }
                (None, None) => {
                    let authorizer = Authorizer::new(resolve(&document)?, &fetch);
                    AuthorizerTarget::InProcess(Box::new(authorizer))
                }
            };
            let guard = Guard::new(authorizer, target)
                .map_err(|error| StartError::Authorizer(format!("{name}: {error}")))?;
            guards.insert(name.clone(), guard);
        }
        for (name, shape) in &api.externals {
            let kind = match shape.kind.as_str() {
                "TOKEN" => AuthorizerKind::Token,
                "REQUEST" => AuthorizerKind::Request,
                _ => continue,
            };
            let function = function_name(shape.uri.as_deref().unwrap_or_default());
            let function = function.ok().filter(|function| functions.has(function));
            let target = match (function, &self.authorizer) {
                (Some(function), _) => AuthorizerTarget::Function(function),
                (None, Some(endpoint)) => AuthorizerTarget::Endpoint(endpoint.clone()),
                (None, None) => continue,
            };
            // One that is left out would have callers share answers.
            let identity = shape.identity.iter().map(|source| {
                let known = source.parse::<IdentitySource>();
                known.map_err(|_| format!("the identity source {source} of {name}"))
            });
            let identity = identity.collect::<Result<Vec<_>, String>>();
            let identity = identity.map_err(|source| StartError::OnlyAws(vec![source]))?;
            let validation: Option<Regex> =
                shape.validation.as_deref().map(expression).transpose()?;
            let ttl = u32::try_from(shape.ttl).unwrap_or(0);
            guards.insert(name.clone(), Guard { kind, identity, validation, ttl, target });
        }
        let sources = guards.values().flat_map(|guard| &guard.identity);
        let unknown = sources.filter(|source| !identity::is_known(source));
        let unknown: Vec<String> =
            unknown.map(|source| format!("the identity source {source}")).collect();
        if unknown.is_empty() { Ok(guards) } else { Err(StartError::OnlyAws(unknown)) }
    }
}

fn issuers(api: &Api) -> Vec<IssuerDocument> {
    api.authorizers.values().flat_map(|authorizer| authorizer.issuers.clone()).collect()
}

fn resolve(document: &Document) -> Result<Config, StartError> {
    Config::resolve(document).map_err(|problems| StartError::Authorizer(problems.to_string()))
}

/// Returns the function that an authorizer of ours is here: the one on AWS by its name, or one
/// with the authorizer's own.
fn function_of(api: &Api, scheme: &str, functions: &Functions) -> Option<String> {
    let arn = api.authorizers.get(scheme)?.function.as_ref();
    let named = arn.and_then(|arn| function_name(arn.as_str()).ok());
    [named, Some(scheme.to_owned())].into_iter().flatten().find(|name| functions.has(name))
}

/// Returns the authorizer of ours that a function is.
fn scheme_of<'a>(api: &'a Api, name: &str) -> Option<&'a str> {
    let is = |(scheme, authorizer): &(&'a String, &compiler::api::Authorizer)| {
        let arn = authorizer.function.as_ref().and_then(|arn| function_name(arn.as_str()).ok());
        *scheme == name || arn.as_deref() == Some(name)
    };
    api.authorizers.iter().find(is).map(|(scheme, _)| scheme.as_str())
}

fn configuration(folder: &Path, function: &str) -> PathBuf {
    folder.join(format!("{function}.json"))
}

fn write_configuration(
    folder: &Path,
    function: &str,
    document: &Document,
) -> Result<(), StartError> {
    let text = serde_json::to_string(document).unwrap_or_default();
    project::write(&configuration(folder, function), &text)
        .map_err(|error| StartError::Start("a function", error.to_string()))
}

fn address(listener: &TcpListener) -> Result<String, StartError> {
    let address = listener.local_addr();
    address
        .map(|address| address.to_string())
        .map_err(|error| StartError::Start("a server", error.to_string()))
}

/// Sends what would go to a deployed backend to the local one, on the same path.
fn redirect_backends(api: &mut Api, base: &str) {
    for route in &mut api.routes {
        if !matches!(route.integration.kind, IntegrationKind::Http | IntegrationKind::HttpProxy) {
            continue;
        }
        let Some(uri) = &mut route.integration.uri else { continue };
        let path = uri.split_once("://").and_then(|(_, rest)| rest.get(rest.find('/')?..));
        *uri = format!("{}{}", base.trim_end_matches('/'), path.unwrap_or_default());
    }
}
