//! The servers of `dev`, and of `test` while its cases run: the gateway, the local issuer, the echo
//! backend, and the functions.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use authorizer::config::IssuerDocument;
use http::Uri;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::issuer::Issuer;
use super::{echo, page};
use authorizers::{authorizers, configuration_path, scheme_of};
use compiler::api::{Api, IntegrationKind};
use gateway::body::ResponseFuture;
use gateway::client::client;
use gateway::functions::{Command, Functions, Settings};
use gateway::loaded_api::LoadedApi;
use gateway::pipeline::{Gateway, LineWriter, Observer};
use gateway::server::{self, Handler};

mod authorizers;
mod functions;

/// The options of the servers.
pub struct Options {
    /// The gateway's socket.
    pub gateway: TcpListener,
    /// The local issuer's socket; none without a local issuer.
    pub issuer: Option<TcpListener>,
    /// The backend; the echo backend if none.
    pub backend: Option<Uri>,
    /// A Lambda Invoke endpoint that replaces every authorizer.
    pub authorizer: Option<Uri>,
    /// Functions, and their local implementations.
    pub functions: Vec<(String, LocalFunction)>,
    /// The settings of functions that are commands.
    pub settings: Settings,
    /// The accepted API keys.
    pub keys: BTreeSet<String>,
    /// Receives the lines of output of functions.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
    /// Receives the lines of the access log; none without one.
    pub access_log: Option<LineWriter>,
    /// The folder for the compiled configurations that functions read.
    pub folder: PathBuf,
}

/// The local implementation of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalFunction {
    /// A command, as a shell reads it.
    Command(String),
    /// A Lambda Invoke endpoint.
    Endpoint(Uri),
}

/// The servers cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The API uses features that are not supported locally.
    #[error("cannot serve the API locally: {}", .0.join("; "))]
    Unsupported(Vec<String>),
    /// An authorizer's settings are invalid.
    #[error("{0}")]
    Authorizer(String),
    /// `--function` has a name that the API does not use.
    #[error("`--function`: the API has no function or authorizer `{name}`")]
    UnknownFunction {
        /// The name.
        name: String,
        /// The names that it uses.
        known: Vec<String>,
    },
    /// A server cannot be set up.
    #[error("cannot start {0}: {1}")]
    Start(&'static str, String),
}

/// The running servers.
pub struct RunningServers {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The gateway's URL, without a stage.
    pub url: String,
    /// The local issuer.
    pub issuer: Option<Arc<Issuer>>,
    /// The number of requests that the echo backend received.
    pub backend_requests: Arc<AtomicU64>,
    setup: Setup,
    servers: Servers,
}

impl RunningServers {
    /// Starts the servers.
    pub fn start(api: Api, options: Options, observer: Observer) -> Result<Self, StartError> {
        functions::check(&api, &options.functions)?;
        let url = url(&options.gateway)?;
        let mut servers = Servers::default();
        let backend_requests = Arc::new(AtomicU64::new(0));
        let base_url = match &options.backend {
            Some(base) => base.to_string(),
            None => echo_backend(&mut servers, &backend_requests)?,
        };
        let issuer = options.issuer.map(|socket| local_issuer(&mut servers, socket, &api));
        let issuer = issuer.transpose()?;
        let client = client();
        let mut functions = Functions::new(client.clone());
        for (name, local) in options.functions {
            match local {
                LocalFunction::Endpoint(uri) => functions.add_endpoint(&name, uri),
                LocalFunction::Command(line) => {
                    let mut settings = options.settings.clone();
                    if scheme_of(&api, &name).is_some() {
                        let path = configuration_path(&options.folder, &name).display().to_string();
                        settings.variables.push(("AUTHORIZER_CONFIG".to_owned(), path));
                    }
                    let log = Arc::clone(&options.log);
                    functions.add_command(Command { name, line, settings, log });
                }
            }
        }
        let setup = Setup { base_url, authorizer: options.authorizer, folder: options.folder };
        let loaded = setup.load(api, issuer.as_deref(), &functions)?;
        let log = Arc::new(page::Log::default());
        let observer = logged(&log, observer);
        let gateway = Gateway::new(loaded, functions, client, options.keys, observer);
        let gateway = Arc::new(gateway.with_access_log(options.access_log));
        let page = page::Page::new(issuer.clone(), &url, log);
        servers.gateway(options.gateway, &gateway, page);
        Ok(Self { gateway, url, issuer, backend_requests, setup, servers })
    }

    /// Returns the location of the authorizers, for people.
    pub fn authorizers(&self) -> String {
        let loaded = self.gateway.loaded();
        let functions: Vec<&str> = loaded.authorizer_functions().collect();
        if functions.is_empty() {
            return "built-in authorizer".to_owned();
        }
        format!("function {}", functions.join(", "))
    }

    /// Replaces the API.
    pub fn replace(&self, api: Api) -> Result<(), StartError> {
        if let Some(issuer) = &self.issuer {
            issuer.set_audiences(&issuers(&api));
        }
        let functions = &self.gateway.functions;
        let loaded = self.setup.load(api, self.issuer.as_deref(), functions)?;
        self.gateway.replace(loaded);
        functions.recycle();
        Ok(())
    }

    /// Stops the servers once the requests in flight have ended.
    pub async fn stop(self) {
        self.servers.stop().await;
    }
}

/// The tasks of the servers, and the signal that stops them.
#[derive(Default)]
struct Servers {
    stop: watch::Sender<()>,
    tasks: JoinSet<()>,
}

impl Servers {
    /// Serves a listener until the servers are stopped.
    fn serve(&mut self, listener: TcpListener, handler: Handler) {
        let mut stopped = self.stop.subscribe();
        let stopped = Box::pin(async move { _ = stopped.changed().await });
        self.tasks.spawn(server::serve(listener, stopped, handler));
    }

    /// Serves the gateway: the API and the page.
    fn gateway(&mut self, listener: TcpListener, gateway: &Arc<Gateway>, page: page::Page) {
        let (gateway, page) = (Arc::clone(gateway), Arc::new(page));
        let handler = move |request, peer| -> ResponseFuture<'static> {
            let (gateway, page) = (Arc::clone(&gateway), Arc::clone(&page));
            Box::pin(async move {
                match page.handle(request, &gateway).await {
                    Ok(response) => response,
                    Err(request) => gateway.handle(request, peer).await,
                }
            })
        };
        self.serve(listener, Arc::new(handler));
    }

    async fn stop(mut self) {
        // The receivers live as long as the servers.
        let _ = self.stop.send(());
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Starts the echo backend, which counts its requests; returns its URL.
fn echo_backend(
    servers: &mut Servers,
    backend_requests: &Arc<AtomicU64>,
) -> Result<String, StartError> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .and_then(TcpListener::from_std)
        .map_err(|error| StartError::Start("the echo backend", error.to_string()))?;
    let url = url(&listener)?;
    let backend_requests = Arc::clone(backend_requests);
    let handler = move |request, _| -> ResponseFuture<'static> {
        backend_requests.fetch_add(1, Ordering::SeqCst);
        Box::pin(echo::handle(request))
    };
    servers.serve(listener, Arc::new(handler));
    Ok(url)
}

fn local_issuer(
    servers: &mut Servers,
    listener: TcpListener,
    api: &Api,
) -> Result<Arc<Issuer>, StartError> {
    let issuer = Issuer::new(url(&listener)?, &issuers(api))
        .map_err(|error| StartError::Start("the local issuer", error.to_string()))?;
    let issuer = Arc::new(issuer);
    let serving = Arc::clone(&issuer);
    let handler = move |request, _| -> ResponseFuture<'static> {
        Box::pin(Arc::clone(&serving).handle(request))
    };
    servers.serve(listener, Arc::new(handler));
    Ok(issuer)
}

/// Returns an observer that also adds each trace to the page's log.
fn logged(log: &Arc<page::Log>, observer: Observer) -> Observer {
    let log = Arc::clone(log);
    Box::new(move |trace| {
        log.push(trace);
        observer(trace);
    })
}

/// Prepares an API for serving, each time it is loaded.
struct Setup {
    base_url: String,
    authorizer: Option<Uri>,
    folder: PathBuf,
}

impl Setup {
    fn load(
        &self,
        mut api: Api,
        issuer: Option<&Issuer>,
        functions: &Functions,
    ) -> Result<LoadedApi, StartError> {
        redirect_backends(&mut api, &self.base_url);
        let authorizers = authorizers(self, &api, issuer, functions)?;
        LoadedApi::new(api, authorizers, functions).map_err(StartError::Unsupported)
    }
}

fn issuers(api: &Api) -> Vec<IssuerDocument> {
    api.authorizers.values().flat_map(|authorizer| authorizer.issuers.clone()).collect()
}

fn url(listener: &TcpListener) -> Result<String, StartError> {
    let address = listener.local_addr();
    address
        .map(|address| format!("http://{address}"))
        .map_err(|error| StartError::Start("a server", error.to_string()))
}

/// Redirects HTTP integrations to the local backend; each keeps its path.
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
