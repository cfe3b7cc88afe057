//! HTTP in, the pipeline, HTTP out. The only place of the gateway that reads the clock.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use authorizer::UnixTime;
use authorizer::telemetry::Decision;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde::Serialize;
use tokio::net::TcpListener;

use super::authorizers::{Authorizers, Invocation};
use super::cache::Cache;
use super::event::{event, method_arn};
use super::identity;
use super::integration::{AnyBody, HttpClient, body, http_proxy, mock};
use super::policy::{Answer, Facts, Matched, Verdict};
use super::refusal::Refusal;
use super::request::RequestHead;
use super::router::{Match, find};
use crate::api::{Api, Local, Security};

/// API Gateway's payload limit.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// API Gateway takes 10,240 bytes of request line and headers; a little more is read here so
/// that a request just above it gets an answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a client may take to send a request's head, and how long one in flight may take
/// to end when the gateway is stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// An API, ready to be served.
pub struct Gateway {
    /// What is served.
    pub api: Api,
    /// Who decides.
    pub authorizers: Authorizers,
    /// For backends and functions.
    pub client: HttpClient,
    /// What was decided before.
    pub cache: Mutex<Cache>,
    /// Who is told about each request.
    pub observer: Box<dyn Fn(&Explanation) + Send + Sync>,
}

/// What happened to a request, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The request's id, also in the response's `x-amzn-RequestId`.
    pub request_id: String,
    /// The method.
    pub method: String,
    /// The path, stage included.
    pub path: String,
    /// The status.
    pub status: u16,
    /// The route it belongs to.
    pub route: Option<String>,
    /// Whether the authorizer was asked.
    pub authorizer_called: bool,
    /// How old the cached policy was, in seconds, if one was used.
    pub cache_age: Option<i64>,
    /// Why it ended so.
    pub why: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u128,
}

/// How a request ends before or after its integration.
struct End {
    response: Response<AnyBody>,
    why: String,
}

impl Gateway {
    /// Answers one request, and tells of it.
    pub async fn answer<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<AnyBody>
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        #[expect(clippy::disallowed_methods, reason = "this is the shell that measures")]
        let started = Instant::now();
        let mut told = Explanation {
            request_id: request_id(),
            method: request.method().as_str().to_owned(),
            path: request.uri().path().to_owned(),
            status: 0,
            route: None,
            authorizer_called: false,
            cache_age: None,
            why: String::new(),
            milliseconds: 0,
        };
        let (mut response, why) = match self.pass(request, peer, &mut told).await {
            Ok(end) => (end.response, end.why),
            Err((refusal, why)) => (refused(refusal), why),
        };
        if let Ok(id) = HeaderValue::from_str(&told.request_id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        told.status = response.status().as_u16();
        told.why = why;
        told.milliseconds = started.elapsed().as_millis();
        (self.observer)(&told);
        response
    }

    async fn pass<B>(
        &self,
        request: Request<B>,
        peer: SocketAddr,
        told: &mut Explanation,
    ) -> Result<End, (Refusal, String)>
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, content) = request.into_parts();
        let path = self.below_stage(parts.uri.path())?;
        let head = RequestHead {
            method: parts.method.as_str().to_owned(),
            path,
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers,
            source_ip: peer.ip().to_string(),
            id: told.request_id.clone(),
        };
        let no_route = || {
            (Refusal::MissingAuthenticationToken, "no route has this method and path".to_owned())
        };
        let found = find(&self.api.routes, &head.method, &head.path).ok_or_else(no_route)?;
        told.route = Some(found.route.to_string());
        let admitted = self.admit(&head, &found, told).await?;
        if declared_length(&head).is_some_and(|length| length > MAX_BODY_BYTES) {
            return Err((Refusal::RequestTooLarge, "the body is larger than 10 MB".to_owned()));
        }
        let (response, answered) = match (&found.route.preflight, found.route.integration.local()) {
            (Some(cors), _) => {
                let origin = head.headers.get(http::header::ORIGIN);
                mock::preflight(cors, origin.and_then(|origin| origin.to_str().ok()))
            }
            (None, Local::Mock(answer)) => mock::answer(&answer),
            (None, Local::HttpProxy(proxy)) => {
                let content = body(Limited::new(content, MAX_BODY_BYTES));
                http_proxy::forward(&proxy, &found.parameters, &head, content, &self.client).await?
            }
            (None, Local::OnlyAws(kind)) => {
                let why = format!("an integration of type {kind} is not served locally");
                return Err((Refusal::ApiConfigurationError, why));
            }
        };
        Ok(End { response, why: format!("{admitted}; {answered}") })
    }

    /// Takes the stage off a path.
    fn below_stage(&self, path: &str) -> Result<String, (Refusal, String)> {
        let below =
            path.strip_prefix('/').and_then(|path| path.strip_prefix(self.api.stage.as_str()));
        match below {
            Some("") => Ok("/".to_owned()),
            Some(rest) if rest.starts_with('/') => Ok(rest.to_owned()),
            _ => Err((
                Refusal::UnknownStage,
                format!("the path does not begin with the stage, /{}", self.api.stage),
            )),
        }
    }

    /// Says why a request may pass, or why not.
    async fn admit(
        &self,
        head: &RequestHead,
        found: &Match<'_>,
        told: &mut Explanation,
    ) -> Result<String, (Refusal, String)> {
        match &found.route.security {
            Security::Public => Ok("public".to_owned()),
            Security::Jwt { api_key: true, .. } | Security::ApiKey => Err((
                Refusal::InvalidApiKey,
                "it needs an API key, and none is known locally".to_owned(),
            )),
            Security::AwsIam => {
                let why = "it needs a request signed for AWS_IAM, which cannot be checked locally";
                Err((Refusal::MissingAuthenticationToken, why.to_owned()))
            }
            Security::External { scheme, .. } => {
                let why = format!(
                    "`{scheme}` is guarded by an authorizer that is not in portcullis.toml"
                );
                Err((Refusal::AuthorizerConfigurationError, why))
            }
            Security::Jwt { authorizer, .. } => self.authorize(authorizer, head, found, told).await,
        }
    }

    async fn authorize(
        &self,
        name: &str,
        head: &RequestHead,
        found: &Match<'_>,
        told: &mut Explanation,
    ) -> Result<String, (Refusal, String)> {
        let settings = self.api.authorizers.get(name).ok_or_else(|| {
            (Refusal::AuthorizerConfigurationError, format!("there is no authorizer `{name}`"))
        })?;
        let identity =
            identity::identity(settings, &self.api.stage, head, found).map_err(|why| {
                (Refusal::Unauthorized, format!("{why}; the authorizer was not asked"))
            })?;
        #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock")]
        let now = UnixTime::from_system(SystemTime::now());
        let arn = method_arn(&self.api.stage, &head.method, &head.path);
        let cached = self.cache().get(name, &identity, now);
        let answer = match cached {
            Some((answer, age)) => {
                told.cache_age = Some(age);
                answer
            }
            None => {
                told.authorizer_called = true;
                let token = identity.first().map(String::as_str).unwrap_or_default();
                let event = event(settings.kind, &self.api.stage, &arn, token, head, found);
                let (invocation, decision) =
                    self.authorizers.ask(name, &event, now, &self.client).await;
                let answer = Arc::new(answer(name, invocation, decision.as_ref())?);
                self.cache().put(name, identity, &answer, settings.cache_ttl, now);
                answer
            }
        };
        let policy = told
            .cache_age
            .map_or_else(|| "policy".to_owned(), |age| format!("cached policy (age {age}s)"));
        let needs = match &found.route.security {
            Security::Jwt { requirement, .. } => format!("needs scope {requirement}"),
            _ => String::new(),
        };
        let text = |name: &str| head.headers.get(name)?.to_str().ok();
        let facts = Facts {
            method_arn: &arn,
            source_ip: &head.source_ip,
            user_agent: text("user-agent"),
            referer: text("referer"),
            now,
        };
        match answer.judge(&facts) {
            Verdict::Allowed(matched) => {
                Ok(format!("{policy} of {name} grants {}", in_stage(matched)))
            }
            Verdict::ExplicitlyDenied(matched) => Err((
                Refusal::AccessDeniedExplicitly,
                format!("{policy} of {name} denies {}: {needs}", in_stage(matched)),
            )),
            Verdict::NotAllowed => Err((
                Refusal::AccessDenied,
                format!("{policy} of {name} does not grant it: {needs}"),
            )),
        }
    }

    /// A panic while the lock was held cannot have left the cache half-written.
    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what asking the authorizer came to.
fn answer(
    name: &str,
    invocation: Invocation,
    decision: Option<&Decision>,
) -> Result<Answer, (Refusal, String)> {
    let detail = || decision.and_then(|decision| decision.detail.as_deref());
    match invocation {
        Invocation::Answered(text) => Answer::read(&text)
            .map_err(|error| (Refusal::AuthorizerConfigurationError, format!("{name}: {error}"))),
        // Byte for byte: anything else is a failure.
        Invocation::Failed(message) if message == "Unauthorized" => Err((
            Refusal::Unauthorized,
            format!("{name} refuses the token: {}", detail().unwrap_or("it does not say why")),
        )),
        Invocation::Failed(message) => Err((
            Refusal::AuthorizerFailure,
            format!("{name} failed: {}", detail().unwrap_or(&message)),
        )),
        Invocation::NotInvocable(cause) => Err((
            Refusal::AuthorizerConfigurationError,
            format!("{name} cannot be invoked: {cause}"),
        )),
    }
}

/// Shortens what spoke to what follows the stage.
fn in_stage(matched: Matched<'_>) -> &str {
    let Some(resource) = matched.resource else { return "it by NotResource" };
    resource.splitn(3, '/').last().unwrap_or(resource)
}

fn declared_length(head: &RequestHead) -> Option<usize> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn refused(refusal: Refusal) -> Response<AnyBody> {
    let (status, error_type, text) = refusal.answer();
    let mut response = Response::new(body(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
    response
}

/// Makes an id in the form API Gateway's have.
fn request_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness ids repeat, which only makes a log harder to read.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let id = format!("{:032x}", u128::from_be_bytes(bytes));
    let groups: [Option<&str>; 5] =
        [id.get(..8), id.get(8..12), id.get(12..16), id.get(16..20), id.get(20..)];
    groups.map(Option::unwrap_or_default).join("-")
}

/// Serves a gateway until `stop` is done, then lets requests in flight end.
pub async fn serve(gateway: Arc<Gateway>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let handle = move |request, peer| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.answer(request, peer).await }
    };
    serve_with(listener, stop, handle).await;
}

/// Serves any handler over HTTP/1.1 until `stop` is done.
pub async fn serve_with<H, F>(listener: TcpListener, stop: impl Future<Output = ()>, handle: H)
where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<AnyBody>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Out of file descriptors, most often: wait for some to be freed.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let handle = handle.clone();
        let service = service_fn(move |request| {
            let answering = handle(request, peer);
            async move { Ok::<_, std::convert::Infallible>(answering.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        // What breaks a connection is the client's business, and it is gone.
        tokio::spawn(async move { _ = connection.await });
    }
    drop(listener);
    // Whoever is slower is cut off.
    let _ = tokio::time::timeout(PATIENCE, graceful.shutdown()).await;
}
