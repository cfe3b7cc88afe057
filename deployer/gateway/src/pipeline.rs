//! The steps of a request through the gateway, in API Gateway's order.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{Extensions, Request, Response, StatusCode};
use http_body_util::{Full, Limited};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::access_log;
use super::authorize::authorize;
use super::body::{AnyBody, MAX_BODY_BYTES, ResponseFuture, body};
use super::cache::Cache;
use super::client::HttpClient;
use super::functions::{Functions, Invoked};
use super::gateway_response::{self, Refusal, RefusalKind};
use super::header_case::original_names;
use super::ids::{extended_id, new_id};
use super::integration::compiled::Backend;
use super::integration::{DescribedResponse, function, http_proxy, mock};
use super::limits::Limits;
use super::loaded_api::LoadedApi;
use super::request::{RequestHead, RequestTime};
use super::request_validation::validates_body;
use super::router::find;
use super::sync::lock;
use super::template::Context;
use super::trace::{IntegrationTrace, RequestTrace};
use crate::clock;
use compiler::api::{AuthorizerKind, Security};
use intake::{check_head, collect_body, strip_stage};

mod intake;

/// Receives the trace of each request.
pub type Observer = Box<dyn Fn(&RequestTrace) + Send + Sync>;

/// Receives the lines of the access log.
pub type LineWriter = Box<dyn Fn(&str) + Send + Sync>;

/// A gateway.
pub struct Gateway {
    loaded: RwLock<Arc<LoadedApi>>,
    /// The functions that it invokes.
    pub functions: Functions,
    client: HttpClient,
    limits: Limits,
    observer: Observer,
    access_log: Option<LineWriter>,
}

/// A request in progress.
struct InFlight<'a> {
    loaded: &'a LoadedApi,
    extensions: Extensions,
    payload: AnyBody,
    trace: &'a mut RequestTrace,
}

impl Gateway {
    /// Creates a gateway that accepts these API keys.
    pub fn new(
        loaded: LoadedApi,
        functions: Functions,
        client: HttpClient,
        keys: BTreeSet<String>,
        observer: Observer,
    ) -> Self {
        let loaded = RwLock::new(Arc::new(loaded));
        let limits = Limits::new(keys);
        Self { loaded, functions, client, limits, observer, access_log: None }
    }

    /// Writes a line of the access log for each request of the stage.
    #[must_use]
    pub fn with_access_log(self, access_log: Option<LineWriter>) -> Self {
        Self { access_log, ..self }
    }

    /// Returns the API that serves new requests.
    pub fn loaded(&self) -> Arc<LoadedApi> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the API; requests in flight finish with the API they started with.
    pub fn replace(&self, loaded: LoadedApi) {
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }

    /// Empties the authorizer result cache.
    pub fn flush(&self) {
        *lock(&self.loaded().cache) = Cache::default();
    }

    /// Invokes a local function, or an authorizer by its name.
    pub async fn invoke(&self, name: &str, payload: Bytes) -> Invoked {
        let loaded = self.loaded();
        match loaded.authorizer_in_process(name) {
            Some(authorizer) if !self.functions.contains(name) => {
                let event = String::from_utf8_lossy(&payload);
                authorizer.invoke(&event, clock::unix_time(), &self.functions).await.0
            }
            _ => self.functions.invoke(name, payload).await,
        }
    }

    /// Handles one request and traces it.
    pub fn handle(&self, request: Request<AnyBody>, peer: SocketAddr) -> ResponseFuture<'_> {
        Box::pin(self.handle_in_order(request, peer))
    }

    async fn handle_in_order(
        &self,
        request: Request<AnyBody>,
        peer: SocketAddr,
    ) -> Response<AnyBody> {
        let (started, now) = (clock::instant(), OffsetDateTime::from(clock::now()));
        let loaded = self.loaded();
        let (parts, payload) = request.into_parts();
        let mut trace = new_trace(&parts, now);
        let (mut head, extensions) = request_head(parts, peer, &trace, now);
        let request = InFlight { loaded: &loaded, extensions, payload, trace: &mut trace };
        let (mut response, is_of_stage) = match self.process(request, &mut head).await {
            Ok((response, reason)) => {
                trace.reason = reason;
                (response, true)
            }
            Err(refusal) => {
                let response = refusal_response(&loaded, &head, &refusal, &mut trace);
                (response, refusal.kind.response_type().is_some())
            }
        };
        add_ids(&mut response, &head);
        trace.status = response.status().as_u16();
        trace.milliseconds = started.elapsed().as_millis();
        if let Some(write) = self.access_log.as_ref().filter(|_| is_of_stage) {
            let found = find(&loaded.router, &loaded.api, &head.method, &head.path);
            write(&access_log::line(Context::new(&loaded.api, &head, found.as_ref()), &trace));
        }
        (self.observer)(&trace);
        response
    }

    async fn process(
        &self,
        request: InFlight<'_>,
        head: &mut RequestHead,
    ) -> Result<DescribedResponse, Refusal> {
        let loaded = request.loaded;
        let api = &loaded.api;
        head.path = strip_stage(&api.stage, &head.path)?;
        check_head(head)?;
        let found = find(&loaded.router, api, &head.method, &head.path).ok_or_else(|| {
            let reason = "no route has this method and path";
            Refusal::new(RefusalKind::MissingAuthenticationToken, reason)
        })?;
        let route = found.route;
        request.trace.route = Some(route.to_string());
        request.trace.security = Some(route.security.to_string());
        let backend = loaded.backends.get(&route.to_string()).ok_or_else(|| {
            Refusal::new(RefusalKind::ApiConfigurationError, "the route has no integration")
        })?;
        let authorizer = route.security.scheme().and_then(|name| loaded.authorizers.get(name));
        let is_request_authorizer =
            authorizer.is_some_and(|authorizer| authorizer.kind == AuthorizerKind::Request);
        if is_request_authorizer || matches!(backend, Backend::FunctionProxy(_)) {
            head.header_names =
                original_names(head.headers.clone(), request.extensions.clone()).await;
        }
        let mut context = Context::new(api, head, Some(&found));
        let response = self.process_route(request, backend, &mut context).await;
        response.map_err(|refusal| refusal.with_context(context.added.into_owned()))
    }

    async fn process_route(
        &self,
        request: InFlight<'_>,
        backend: &Backend,
        context: &mut Context<'_>,
    ) -> Result<DescribedResponse, Refusal> {
        let Some(found) = context.found else {
            return Err(Refusal::new(RefusalKind::MissingAuthenticationToken, "no route"));
        };
        let InFlight { loaded, extensions, payload, trace } = request;
        let route = found.route;
        self.limits.throttle(context.api, route, context.head)?;
        let admitted = self.admit(loaded, &route.security, context, trace).await?;
        loaded.validator.parameters(found, context.head)?;
        let streams = matches!(backend, Backend::HttpProxy(_)) && !validates_body(route);
        let (payload, streamed) = if streams {
            (Bytes::new(), Some(body(Limited::new(payload, MAX_BODY_BYTES))))
        } else {
            (collect_body(payload).await?, None)
        };
        loaded.validator.body(route, context.header("content-type"), &payload)?;
        let started = clock::instant();
        let kind = route.integration.kind.name();
        let result = self.call(backend, context, &extensions, payload, streamed).await;
        let milliseconds = started.elapsed().as_millis();
        trace.integration = Some(IntegrationTrace { kind, milliseconds });
        let (response, description) = result?;
        Ok((response, format!("{admitted}; {description}")))
    }

    /// Returns the reason the operation's security admits a request, or the refusal.
    async fn admit(
        &self,
        loaded: &LoadedApi,
        security: &Security,
        context: &mut Context<'_>,
        trace: &mut RequestTrace,
    ) -> Result<String, Refusal> {
        match security {
            Security::Public => Ok("public".to_owned()),
            Security::ApiKey => self.limits.api_key(context, None).map(|()| "API key".to_owned()),
            Security::AwsIam => {
                let reason = "AWS_IAM signatures are not supported locally";
                Err(Refusal::new(RefusalKind::MissingAuthenticationToken, reason))
            }
            Security::Jwt { authorizer: name, api_key, .. }
            | Security::External { scheme: name, api_key, .. } => {
                let (admitted, policy) =
                    authorize(loaded, name, &self.functions, context, trace).await?;
                if *api_key {
                    self.limits.api_key(context, Some(&policy))?;
                }
                Ok(admitted)
            }
        }
    }

    async fn call(
        &self,
        backend: &Backend,
        context: &Context<'_>,
        extensions: &Extensions,
        payload: Bytes,
        streamed: Option<AnyBody>,
    ) -> Result<DescribedResponse, Refusal> {
        match backend {
            Backend::Preflight(cors) => {
                let origin = context.head.headers.get(ORIGIN);
                Ok(mock::preflight(cors, origin.and_then(|origin| origin.to_str().ok())))
            }
            Backend::Mock(mappings) => mock::respond(mappings, context, &payload),
            Backend::HttpProxy(http) => {
                let payload = streamed.unwrap_or_else(|| body(Full::new(payload)));
                http_proxy::forward(http, context, extensions, payload, &self.client).await
            }
            Backend::Http(http, mappings) => {
                http_proxy::forward_mapped(http, mappings, context, &payload, &self.client).await
            }
            Backend::FunctionProxy(function) => {
                function::proxy(function, context, &payload, &self.functions).await
            }
            Backend::Function(function, mappings) => {
                function::call(function, mappings, context, &payload, &self.functions).await
            }
        }
    }
}

/// Creates the trace of a request.
fn new_trace(parts: &Parts, now: OffsetDateTime) -> RequestTrace {
    RequestTrace {
        request_id: new_id(),
        time: now.format(&Rfc3339).unwrap_or_default(),
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        ..RequestTrace::default()
    }
}

/// Returns the head of a request, and the HTTP library's extensions of it.
fn request_head(
    parts: Parts,
    peer: SocketAddr,
    trace: &RequestTrace,
    now: OffsetDateTime,
) -> (RequestHead, Extensions) {
    let head = RequestHead {
        method: trace.method.clone(),
        path: trace.path.clone(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        header_names: BTreeMap::new(),
        source_ip: peer.ip().to_string(),
        id: trace.request_id.clone(),
        extended_id: extended_id(),
        time: RequestTime(now),
    };
    (head, parts.extensions)
}

/// Returns API Gateway's response for a refusal, and traces it.
fn refusal_response(
    loaded: &LoadedApi,
    head: &RequestHead,
    refusal: &Refusal,
    trace: &mut RequestTrace,
) -> Response<AnyBody> {
    let found = find(&loaded.router, &loaded.api, &head.method, &head.path);
    let mut context = Context::new(&loaded.api, head, found.as_ref());
    context.added = Cow::Borrowed(&refusal.context);
    let rendered = gateway_response::render(refusal, &loaded.responses, &context);
    trace.response_type = refusal.kind.response_type().filter(|kind| !kind.is_empty());
    trace.reason.clone_from(&refusal.reason);
    let variables = gateway_response::variables(refusal);
    trace.variables.extend(variables.map(|(name, value)| (name.to_owned(), value)));
    response(rendered)
}

fn response(rendered: gateway_response::GatewayResponse) -> Response<AnyBody> {
    let mut response = Response::new(body(Full::new(Bytes::from(rendered.body))));
    *response.status_mut() =
        StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in rendered.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn add_ids(response: &mut Response<AnyBody>, head: &RequestHead) {
    let headers = response.headers_mut();
    for (name, value) in [("x-amzn-requestid", &head.id), ("x-amz-apigw-id", &head.extended_id)] {
        let value = HeaderValue::from_str(value).ok();
        headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
    }
}
