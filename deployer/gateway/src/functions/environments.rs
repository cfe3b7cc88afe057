//! Execution environments: processes that poll a Runtime API, one request at a time each, as
//! on Lambda. <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinError;

use super::{Invocation, Invoked, MAX_RESPONSE_BYTES};
use crate::body::{AnyBody, ResponseFuture, body, json_reply};
use crate::clock;
use crate::ids::new_id;
use crate::server::serve;
use crate::sync::lock;

/// The maximum number of concurrent requests of a function; more wait.
const MAX_ENVIRONMENTS: usize = 10;

/// The timeout for initialization, until the first request is polled.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A function that is a command.
#[derive(Clone)]
pub struct Command {
    /// Its name.
    pub name: String,
    /// The shell command that runs it: a `bootstrap`, or an interpreter with a script.
    pub line: String,
    /// Its settings.
    pub settings: Settings,
    /// Receives its lines of output.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The settings of a function.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Environment variables in addition to those that Lambda sets.
    pub variables: Vec<(String, String)>,
    /// The timeout for a request.
    pub timeout: Duration,
}

/// The environments of one function.
#[derive(Clone)]
pub(super) struct Environments(Arc<Shared>);

struct Shared {
    command: Command,
    idle: Mutex<Vec<Environment>>,
    /// The number of times that all environments were restarted.
    generation: AtomicUsize,
    permits: Arc<Semaphore>,
}

struct Environment {
    child: Child,
    invocations: mpsc::Sender<PendingInvocation>,
    runtime: Arc<Runtime>,
    /// Ends the Runtime API with the environment.
    _serving: watch::Sender<()>,
}

struct PendingInvocation {
    id: String,
    payload: Bytes,
    deadline: Duration,
    outcome: oneshot::Sender<Invocation>,
}

/// The Runtime API of one environment.
struct Runtime {
    function: String,
    invocations: tokio::sync::Mutex<mpsc::Receiver<PendingInvocation>>,
    current: Mutex<Option<(String, oneshot::Sender<Invocation>)>>,
    polled: watch::Sender<bool>,
    init_error: Mutex<Option<String>>,
}

impl Environments {
    pub(super) fn new(command: Command) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_ENVIRONMENTS));
        let (idle, generation) = (Mutex::default(), AtomicUsize::new(0));
        Self(Arc::new(Shared { command, idle, generation, permits }))
    }

    /// Stops the idle environments, and the others after their request.
    pub(super) fn recycle(&self) {
        self.0.generation.fetch_add(1, Ordering::SeqCst);
        lock(&self.0.idle).clear();
    }

    /// Invokes the function in an idle environment, or in a new one.
    pub(super) async fn invoke(&self, payload: Bytes) -> Invoked {
        let shared = Arc::clone(&self.0);
        let request_id = new_id();
        let id = request_id.clone();
        // The caller may disconnect: the function continues, as on Lambda.
        let run = tokio::spawn(async move {
            let Ok(_permit) = Arc::clone(&shared.permits).acquire_owned().await else {
                return Invocation::NotInvocable("function is stopping".to_owned());
            };
            let generation = shared.generation.load(Ordering::SeqCst);
            let mut environment = match shared.environment().await {
                Ok(environment) => environment,
                Err(failed) => return failed,
            };
            let (invocation, reusable) = environment.run(id, payload, &shared.command).await;
            if reusable && generation == shared.generation.load(Ordering::SeqCst) {
                lock(&shared.idle).push(environment);
            }
            invocation
        });
        let stopped = |error: JoinError| Invocation::NotInvocable(error.to_string());
        Invoked { request_id: Some(request_id), outcome: run.await.unwrap_or_else(stopped) }
    }
}

impl Shared {
    async fn environment(&self) -> Result<Environment, Invocation> {
        loop {
            let Some(mut idle) = lock(&self.idle).pop() else { break };
            // A process may have ended since.
            if matches!(idle.child.try_wait(), Ok(None)) {
                return Ok(idle);
            }
        }
        Environment::start(&self.command).await.map_err(|error| {
            Invocation::NotInvocable(format!("cannot start `{}`: {error}", self.command.line))
        })
    }
}

impl Environment {
    async fn start(command: &Command) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (invocations, receiver) = mpsc::channel(1);
        let runtime = Arc::new(Runtime {
            function: command.name.clone(),
            invocations: tokio::sync::Mutex::new(receiver),
            current: Mutex::default(),
            polled: watch::Sender::new(false),
            init_error: Mutex::default(),
        });
        let (serving, mut stop) = watch::channel(());
        let api = Arc::clone(&runtime);
        let stopped = Box::pin(async move { _ = stop.changed().await });
        let handler = move |request, _| -> ResponseFuture<'static> {
            let api = Arc::clone(&api);
            Box::pin(async move { api.handle(request).await })
        };
        tokio::spawn(serve(listener, stopped, Arc::new(handler)));
        let mut child = process(command, address).spawn()?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(lines(stdout, Arc::clone(&command.log)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(lines(stderr, Arc::clone(&command.log)));
        }
        Ok(Self { child, invocations, runtime, _serving: serving })
    }

    /// Runs one request; also returns whether the environment can run another.
    async fn run(&mut self, id: String, payload: Bytes, command: &Command) -> (Invocation, bool) {
        if let Some(failed) = self.initialized(&id).await {
            return (failed, false);
        }
        let timeout = command.settings.timeout;
        let (sender, outcome) = oneshot::channel();
        let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let pending =
            PendingInvocation { id: id.clone(), payload, deadline: now + timeout, outcome: sender };
        if self.invocations.send(pending).await.is_err() {
            return (failed(&id, "Runtime.ExitError", "Error: Runtime exited"), false);
        }
        tokio::select! {
            // A process may respond and end at once.
            biased;
            outcome = outcome => {
                let exited = || failed(&id, "Runtime.ExitError", "Error: Runtime exited");
                (outcome.unwrap_or_else(|_| exited()), true)
            }
            status = self.child.wait() => (exited(&id, status), false),
            () = tokio::time::sleep(timeout) => {
                let _ = self.child.kill().await;
                let seconds = timeout.as_secs_f64();
                let reason = format!("Error: Task timed out after {seconds:.2} seconds");
                (failed(&id, "Sandbox.Timedout", &reason), false)
            }
        }
    }

    /// Waits until the process polls its first request, or returns the failed initialization.
    async fn initialized(&mut self, id: &str) -> Option<Invocation> {
        let mut polled = self.runtime.polled.subscribe();
        let reported = || lock(&self.runtime.init_error).clone().and_then(Invocation::failed);
        tokio::select! {
            () = async { _ = polled.wait_for(|polled| *polled).await } => reported(),
            status = self.child.wait() => Some(reported().unwrap_or_else(|| exited(id, status))),
            () = tokio::time::sleep(INIT_TIMEOUT) => {
                let _ = self.child.kill().await;
                let reason = format!("Error: Task timed out after {:.2} seconds", INIT_TIMEOUT.as_secs_f64());
                Some(failed(id, "Sandbox.Timedout", &reason))
            }
        }
    }
}

impl Runtime {
    async fn handle(self: Arc<Self>, request: Request<AnyBody>) -> Response<AnyBody> {
        let (head, content) = request.into_parts();
        let path = head.uri.path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        if (&head.method, path) == (&Method::GET, "invocation/next") {
            return self.next().await;
        }
        let content = Limited::new(content, MAX_RESPONSE_BYTES).collect().await;
        let content =
            content.map(|content| String::from_utf8_lossy(&content.to_bytes()).into_owned());
        let (id, action) =
            match path.strip_prefix("invocation/").and_then(|rest| rest.split_once('/')) {
                Some(found) if head.method == Method::POST => found,
                None if head.method == Method::POST && path == "init/error" => {
                    *lock(&self.init_error) = content.ok();
                    self.polled.send_replace(true);
                    return json_reply(StatusCode::ACCEPTED, &json!({"status": "OK"}));
                }
                _ => return error_response(StatusCode::NOT_FOUND, "not found"),
            };
        let too_large =
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
        let (invocation, status) = match (action, content) {
            ("response", Ok(content)) => (Invocation::Succeeded(content), StatusCode::ACCEPTED),
            ("error", Ok(content)) => {
                let unread = || failed(id, "Runtime.Unknown", "reported error is not JSON");
                (Invocation::failed(content).unwrap_or_else(unread), StatusCode::ACCEPTED)
            }
            ("response" | "error", Err(_)) => {
                let failed = failed(id, "Function.ResponseSizeTooLarge", too_large);
                (failed, StatusCode::PAYLOAD_TOO_LARGE)
            }
            _ => return error_response(StatusCode::NOT_FOUND, "not found"),
        };
        let mut current = lock(&self.current);
        match current.take_if(|(running, _)| running == id) {
            Some((_, outcome)) => {
                let _ = outcome.send(invocation);
                json_reply(status, &json!({"status": "OK"}))
            }
            None => error_response(StatusCode::BAD_REQUEST, "no request in progress has this ID"),
        }
    }

    async fn next(&self) -> Response<AnyBody> {
        self.polled.send_replace(true);
        let Some(invocation) = self.invocations.lock().await.recv().await else {
            return error_response(StatusCode::GONE, "environment is stopping");
        };
        let mut response = Response::new(body(Full::new(invocation.payload)));
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{}", self.function);
        let deadline = invocation.deadline.as_millis().to_string();
        for (name, value) in [
            ("content-type", "application/json"),
            ("lambda-runtime-aws-request-id", invocation.id.as_str()),
            ("lambda-runtime-deadline-ms", deadline.as_str()),
            ("lambda-runtime-invoked-function-arn", arn.as_str()),
        ] {
            response.headers_mut().extend(
                HeaderValue::from_str(value)
                    .ok()
                    .map(|value| (http::HeaderName::from_static(name), value)),
            );
        }
        *lock(&self.current) = Some((invocation.id, invocation.outcome));
        response
    }
}

fn process(command: &Command, address: SocketAddr) -> tokio::process::Command {
    let mut process = tokio::process::Command::new("sh");
    process
        .args(["-c", &format!("exec {}", command.line)])
        .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", &command.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", command.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
        .env("_HANDLER", "bootstrap")
        .envs(command.settings.variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    process
}

async fn lines(stream: impl AsyncRead + Unpin, log: Arc<dyn Fn(&str) + Send + Sync>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log(&line);
    }
}

fn exited(id: &str, status: std::io::Result<std::process::ExitStatus>) -> Invocation {
    let reason = match status {
        Ok(status) => {
            let status = status.to_string().replace("status: ", "status ");
            format!("Error: Runtime exited with error: {status}")
        }
        Err(error) => format!("Error: Runtime exited: {error}"),
    };
    failed(id, "Runtime.ExitError", &reason)
}

/// Returns an error as Lambda reports those that a function does not report itself.
fn failed(id: &str, kind: &str, reason: &str) -> Invocation {
    let message = format!("RequestId: {id} {reason}");
    let payload = json!({"errorType": kind, "errorMessage": message}).to_string();
    Invocation::Failed { message, payload }
}

fn error_response(status: StatusCode, reason: &str) -> Response<AnyBody> {
    json_reply(status, &json!({"errorType": "InvalidRequest", "errorMessage": reason}))
}
