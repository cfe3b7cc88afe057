//! The way of a request through the gateway, in API Gateway's order.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::authorize::scheme;
use super::authorizers::{AuthorizerTarget, Guard};
use super::cache::Cache;
use super::functions::{Functions, Invocation};
use super::gateway_response::{self, Refusal, Refused};
use super::header_case::spelled;
use super::integration::compiled::{Backend, function as function_name};
use super::integration::{
    Answered, AnyBody, HttpClient, MAX_BODY_BYTES, body, function, http_proxy, mock, too_large,
};
use super::loaded_api::LoadedApi;
use super::request::{RequestHead, RequestTime};
use super::request_validation::checks_body;
use super::router::{find, is_text};
use super::server::{new_id, random};
use super::template::Context;
use super::throttle::Usage;
use super::trace::{IntegrationTrace, RequestTrace};
use crate::clock;
use compiler::api::AuthorizerKind;

/// API Gateway takes this many bytes of request line and headers.
const MAX_HEAD_BYTES: usize = 10_240;

/// How long a client may take to send a body that must be there as a whole.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// Receives the trace of each request.
pub type Observer = Box<dyn Fn(&RequestTrace) + Send + Sync>;

/// A gateway.
pub struct Gateway {
    loaded: RwLock<Arc<LoadedApi>>,
    /// The functions that it invokes.
    pub functions: Functions,
    pub(super) client: HttpClient,
    pub(super) usage: Mutex<Usage>,
    pub(super) keys: BTreeSet<String>,
    observer: Observer,
}

/// A request on its way.
struct InFlight<'a, B> {
    loaded: &'a LoadedApi,
    parts: Parts,
    payload: B,
    trace: &'a mut RequestTrace,
}

impl Gateway {
    /// Makes one that takes these API keys.
    pub fn new(
        loaded: LoadedApi,
        functions: Functions,
        client: HttpClient,
        keys: BTreeSet<String>,
        observer: Observer,
    ) -> Self {
        Self {
            loaded: RwLock::new(Arc::new(loaded)),
            functions,
            client,
            usage: Mutex::default(),
            keys,
            observer,
        }
    }

    /// Returns the API that new requests are answered with.
    pub fn loaded(&self) -> Arc<LoadedApi> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves something else from now on; requests on their way end with what they began with.
    pub fn replace(&self, loaded: LoadedApi) {
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }

    /// Forgets what authorizers answered.
    pub fn flush(&self) {
        *locked(&self.loaded().cache) = Cache::default();
    }

    /// Invokes a function that is here, or an authorizer by its name.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Invocation {
        let loaded = self.loaded();
        let named = |(scheme, guard): &(&String, &Guard)| {
            let authorizer = loaded.api.authorizers.get(*scheme);
            let arn = authorizer.and_then(|authorizer| authorizer.function.as_ref());
            let is = *scheme == name
                || arn.and_then(|arn| function_name(arn.as_str()).ok()).as_deref() == Some(name);
            is && matches!(guard.target, AuthorizerTarget::InProcess(_))
        };
        let found = loaded.guards.iter().find(named).map(|(_, guard)| guard);
        match found {
            Some(guard) if !self.functions.has(name) => {
                let event = String::from_utf8_lossy(&payload);
                let now = clock::unix_time();
                guard.ask(&event, now, &self.functions, &self.client).await.0
            }
            _ => self.functions.invoke(name, payload).await,
        }
    }

    /// Answers one request, and tells of it.
    pub async fn answer<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<AnyBody>
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (started, now) = (clock::instant(), clock::now());
        let now = OffsetDateTime::from(now);
        let loaded = self.loaded();
        let mut trace = RequestTrace {
            request_id: new_id(),
            time: now.format(&Rfc3339).unwrap_or_default(),
            method: request.method().as_str().to_owned(),
            path: request.uri().path().to_owned(),
            ..RequestTrace::default()
        };
        let (parts, payload) = request.into_parts();
        let mut head = RequestHead {
            method: trace.method.clone(),
            path: trace.path.clone(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers.clone(),
            spelled: BTreeMap::new(),
            source_ip: peer.ip().to_string(),
            id: trace.request_id.clone(),
            extended_id: extended_id(),
            time: RequestTime(now),
        };
        let asked = InFlight { loaded: &loaded, parts, payload, trace: &mut trace };
        let mut response = match self.pass(asked, &mut head).await {
            Ok((response, why)) => {
                trace.why = why;
                response
            }
            Err(refused) => {
                let found = find(&loaded.router, &loaded.api.routes, &head.method, &head.path);
                let mut context = Context::new(&loaded.api, &head, found.as_ref());
                context.more = Cow::Borrowed(&refused.known);
                let answer = gateway_response::answer(&refused, &loaded.responses, &context);
                trace.response_type = refused.refusal.kind().filter(|kind| !kind.is_empty());
                trace.why.clone_from(&refused.why);
                refused_response(answer)
            }
        };
        let headers = response.headers_mut();
        for (name, value) in
            [("x-amzn-requestid", &trace.request_id), ("x-amz-apigw-id", &head.extended_id)]
        {
            let value = HeaderValue::from_str(value).ok();
            headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
        }
        trace.status = response.status().as_u16();
        trace.milliseconds = started.elapsed().as_millis();
        (self.observer)(&trace);
        response
    }

    async fn pass<B>(
        &self,
        asked: InFlight<'_, B>,
        head: &mut RequestHead,
    ) -> Result<Answered, Refused>
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let InFlight { loaded, parts, payload, trace } = asked;
        let api = &loaded.api;
        head.path = below_stage(&api.stage, &head.path)?;
        before_routing(head)?;
        let found =
            find(&loaded.router, &api.routes, &head.method, &head.path).ok_or_else(|| {
                let why = "no route has this method and path";
                Refused::because(Refusal::MissingAuthenticationToken, why)
            })?;
        let route = found.route;
        trace.route = Some(route.to_string());
        trace.security = Some(route.security.to_string());
        let backend = loaded.backends.get(&route.to_string()).ok_or_else(|| {
            Refused::because(Refusal::ApiConfigurationError, "the route has no integration")
        })?;
        let by_request = scheme(&route.security)
            .and_then(|name| loaded.guards.get(name))
            .is_some_and(|guard| guard.kind == AuthorizerKind::Request);
        if by_request || matches!(backend, Backend::FunctionProxy(_)) {
            head.spelled = spelled(parts.headers.clone(), parts.extensions.clone()).await;
        }
        let head = &*head;
        let mut context = Context::new(api, head, Some(&found));
        let parts = (&parts.extensions, payload);
        let passed = self.past_routing(loaded, backend, &mut context, parts, trace).await;
        passed.map_err(|refused| refused.knowing(context.more.into_owned()))
    }

    async fn past_routing<B>(
        &self,
        loaded: &LoadedApi,
        backend: &Backend,
        context: &mut Context<'_>,
        (extensions, payload): (&Extensions, B),
        trace: &mut RequestTrace,
    ) -> Result<Answered, Refused>
    where
        B: Body<Data = Bytes> + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(found) = context.found else {
            return Err(Refused::because(Refusal::MissingAuthenticationToken, "there is no route"));
        };
        let route = found.route;
        self.throttled(context.api, route, context.head)?;
        let admitted = self.admit(loaded, route, context, trace).await?;
        loaded.checks.parameters(found, context.head)?;
        let streams = matches!(backend, Backend::HttpProxy(_)) && !checks_body(route);
        let (payload, streamed) = if streams {
            (Bytes::new(), Some(body(Limited::new(payload, MAX_BODY_BYTES))))
        } else {
            (collected(payload).await?, None)
        };
        loaded.checks.body(route, context.header("content-type"), &payload)?;
        let started = clock::instant();
        let kind = route.integration.kind.name();
        let answered = self.call(backend, context, extensions, payload, streamed).await;
        let milliseconds = started.elapsed().as_millis();
        trace.integration = Some(IntegrationTrace { kind, milliseconds });
        let (response, said) = answered?;
        Ok((response, format!("{admitted}; {said}")))
    }

    async fn call(
        &self,
        backend: &Backend,
        context: &Context<'_>,
        extensions: &Extensions,
        payload: Bytes,
        streamed: Option<AnyBody>,
    ) -> Result<Answered, Refused> {
        match backend {
            Backend::Preflight(cors) => {
                let origin = context.head.headers.get(ORIGIN);
                Ok(mock::preflight(cors, origin.and_then(|origin| origin.to_str().ok())))
            }
            Backend::Mock(maps) => mock::answer(maps, context, &payload),
            Backend::HttpProxy(http) => {
                let payload = streamed.unwrap_or_else(|| body(Full::new(payload)));
                http_proxy::forward(http, context, extensions, payload, &self.client).await
            }
            Backend::Http(http, maps) => {
                http_proxy::forward_mapped(http, maps, context, &payload, &self.client).await
            }
            Backend::FunctionProxy(to) => {
                function::proxy(to, context, &payload, &self.functions).await
            }
            Backend::Function(to, maps) => {
                function::call(to, maps, context, &payload, &self.functions).await
            }
        }
    }
}

/// A panic while a lock was held cannot have left what it guards half-written.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is refused whatever the API says.
fn before_routing(head: &RequestHead) -> Result<(), Refused> {
    let size = head.size();
    if size > MAX_HEAD_BYTES {
        let why = format!("request line and headers have {size} bytes, more than 10240");
        return Err(Refused::because(Refusal::HeadTooLarge, why));
    }
    let declared = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let declared: Option<usize> = declared.and_then(|length| length.parse().ok());
    if declared.is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(Refused::because(Refusal::BodyTooLarge, "the body is larger than 10 MB"));
    }
    if head.query.as_deref().is_some_and(|query| !is_text(query)) {
        let why = "the query is not percent-encoded text";
        return Err(Refused::because(Refusal::BadRequest, why));
    }
    Ok(())
}

/// Takes the stage off a path.
fn below_stage(stage: &str, path: &str) -> Result<String, Refused> {
    match path.strip_prefix('/').and_then(|path| path.strip_prefix(stage)) {
        Some("") => Ok("/".to_owned()),
        Some(rest) if rest.starts_with('/') => Ok(rest.to_owned()),
        _ => {
            let why = format!("the path does not begin with the stage, /{stage}");
            Err(Refused::because(Refusal::UnknownStage, why))
        }
    }
}

async fn collected<B>(payload: B) -> Result<Bytes, Refused>
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let collecting = Limited::new(payload, MAX_BODY_BYTES).collect();
    match tokio::time::timeout(BODY_PATIENCE, collecting).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) => Err(too_large(error.as_ref()).unwrap_or_else(|| {
            Refused::because(Refusal::BadRequest, format!("the body broke off: {error}"))
        })),
        Err(_) => {
            let why = "the client did not send its body in time";
            Err(Refused::because(Refusal::BadRequest, why))
        }
    }
}

fn refused_response(answer: gateway_response::Answer) -> Response<AnyBody> {
    let mut response = Response::new(body(Full::new(Bytes::from(answer.body))));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Makes an id in the form that `x-amz-apigw-id` has.
fn extended_id() -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE.encode(random::<11>())
}
