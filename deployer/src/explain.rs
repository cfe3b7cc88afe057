//! Why a request ends as it does: what is checked, which rule decides, what the policy says, and
//! what its place in the cache means for every other route. Pure: the authorizer was asked
//! before.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use authorizer::config::TokenSource;
use authorizer::routes::Verb;
use authorizer::telemetry::{Decision, Step};
use authorizer::{Outcome, UnixTime};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value as Json;
use time::OffsetDateTime;

use compiler::api::routing::ApiRouter;
use compiler::api::{Api, Authorizer, IdentitySource, Route, Security};
use gateway::event::method_arn;
use gateway::gateway_response::RefusalKind;
use gateway::policy::{MatchedStatement, ParsedPolicy, RequestContext, Verdict};
use gateway::request::{RequestHead, RequestTime};
use gateway::router::find;

mod text;

/// Everything there is to say about one request.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The request, such as `GET /pets/7`.
    pub request: String,
    /// The route it belongs to.
    pub route: Option<String>,
    /// Who may call that.
    pub security: Option<String>,
    /// The authorizer that guards it.
    pub authorizer: Option<String>,
    /// What the authorizer asked itself, in order.
    pub checks: Vec<Check>,
    /// What it decided.
    pub decision: Option<Decision>,
    /// The policy it returned.
    pub policy: Option<Json>,
    /// How the request ends.
    pub end: End,
    /// What is cached, and what that means for the other routes.
    pub cache: Option<Cache>,
    /// What was taken for granted.
    pub assumed: Option<&'static str>,
}

/// One step of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The step.
    pub step: Step,
    /// What is asked.
    pub question: &'static str,
    /// Whether it was passed; nothing if it was not come to.
    pub passed: Option<bool>,
}

/// How a request ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// Whether its integration is called.
    pub passes: bool,
    /// What the gateway answers if it is not.
    pub status: Option<u16>,
    /// Why.
    pub why: String,
    /// The policy's statement that decides, from 0.
    pub statement: Option<usize>,
    /// The resource in it that matches.
    pub resource: Option<String>,
}

/// What is cached, and what that means for the other routes.
#[derive(Clone, Debug, Serialize)]
pub struct Cache {
    /// How long, in seconds; 0 is not at all.
    pub seconds: u32,
    /// By what.
    pub by: Vec<String>,
    /// Every other route, and how a request for it ends while that is cached.
    pub routes: Vec<Other>,
}

/// Another route, and a request for it.
#[derive(Clone, Debug, Serialize)]
pub struct Other {
    /// The route.
    pub route: String,
    /// An example of a request.
    pub request: String,
    /// Whether the cached policy answers it.
    pub from_cache: bool,
    /// How it ends; nothing if the authorizer, or another guard, is asked anew.
    pub end: Option<End>,
}

impl Explanation {
    /// Explains a request that no authorizer is asked about; nothing if one is.
    pub fn without_authorizer(
        api: &Api,
        router: &ApiRouter,
        method: &str,
        path: &str,
    ) -> Option<Self> {
        let found = find(router, api, method, path).map(|found| found.route);
        let end = match found.map(|route| &route.security) {
            Some(Security::Jwt { .. }) => return None,
            Some(Security::Public) => End::pass("it is public"),
            Some(Security::ApiKey) => End::other("an API key is asked for, and no token"),
            Some(Security::AwsIam) => End::other("a request signed for AWS_IAM is asked for"),
            Some(Security::External { scheme, .. }) => {
                End::other(&format!("`{scheme}` is not an authorizer of portcullis.toml"))
            }
            None => End::refused(
                RefusalKind::MissingAuthenticationToken,
                "no route has this method and path",
            ),
        };
        Some(Self::of(method, path, found, None, end))
    }

    /// Explains a request that the gateway refuses without asking the authorizer.
    pub fn without_identity(route: &Route, method: &str, path: &str, why: &str) -> Self {
        let end =
            End::refused(RefusalKind::Unauthorized, &format!("{why}; the authorizer is not asked"));
        Self::of(method, path, Some(route), None, end)
    }

    /// Explains what the authorizer made of a request.
    pub fn with(
        api: &Api,
        route: &Route,
        head: &RequestHead,
        outcome: &Outcome,
        now: UnixTime,
    ) -> Self {
        let (name, settings) = match &route.security {
            Security::Jwt { authorizer, .. } => (Some(authorizer), api.authorizers.get(authorizer)),
            _ => (None, None),
        };
        let (answer, end) = match &outcome.response {
            Ok(text) => match ParsedPolicy::parse(text.as_str()) {
                Ok(answer) => {
                    let end = judged(&answer, api, &head.method, &head.path, now);
                    (Some((text.as_str(), answer)), end)
                }
                Err(error) => (
                    None,
                    End::refused(RefusalKind::AuthorizerConfigurationError, &error.to_string()),
                ),
            },
            Err(error) => {
                let detail = outcome.decision.detail.as_deref().unwrap_or(error.error_message);
                let refusal = if error.error_message == "Unauthorized" {
                    RefusalKind::Unauthorized
                } else {
                    RefusalKind::AuthorizerFailure
                };
                (None, End::refused(refusal, detail))
            }
        };
        let mut explanation = Self::of(&head.method, &head.path, Some(route), name, end);
        explanation.checks = checks(&outcome.decision);
        if answer.is_some() {
            explanation.end.why.push_str(&because(&outcome.decision, &route.security));
        }
        explanation.decision = Some(outcome.decision.clone());
        if let (Some((text, answer)), Some(settings)) = (answer, settings) {
            let json = serde_json::from_str::<Json>(text).unwrap_or_default();
            explanation.policy = json.get("policyDocument").cloned();
            explanation.cache = Some(cache(api, route, settings, &answer, now));
        }
        explanation
    }

    fn of(
        method: &str,
        path: &str,
        route: Option<&Route>,
        authorizer: Option<&String>,
        end: End,
    ) -> Self {
        Self {
            request: format!("{method} {path}"),
            route: route.map(ToString::to_string),
            security: route.map(|route| route.security.to_string()),
            authorizer: authorizer.cloned(),
            checks: Vec::new(),
            decision: None,
            policy: None,
            end,
            cache: None,
            assumed: None,
        }
    }
}

impl End {
    fn pass(why: &str) -> Self {
        Self { passes: true, status: None, why: why.to_owned(), statement: None, resource: None }
    }

    fn refused(refusal: RefusalKind, why: &str) -> Self {
        let (status, ..) = refusal.default_response();
        Self { passes: false, status: Some(status), ..Self::pass(why) }
    }

    /// Something else than a token decides.
    fn other(why: &str) -> Self {
        Self { passes: false, ..Self::pass(why) }
    }

    fn by(self, matched: MatchedStatement<'_>) -> Self {
        let resource = matched.resource.map(str::to_owned);
        Self { statement: Some(matched.index), resource, ..self }
    }
}

/// What there is to say beside the policy.
fn because(decision: &Decision, security: &Security) -> String {
    let mut because = String::new();
    if let Some(detail) = &decision.detail {
        because = format!(": {detail}");
    }
    if let Some(scopes) = &decision.required_scope {
        because = format!("{because} (it needs {scopes})");
    }
    if let Some(warning) = decision.warning {
        because = format!("{because}; {warning}");
    }
    if matches!(security, Security::Jwt { api_key: true, .. }) {
        because.push_str("; an API key is asked for as well");
    }
    because
}

/// The steps up to the one at which a decision ended, and the ones it did not come to.
fn checks(decision: &Decision) -> Vec<Check> {
    let passed = |step: Step| match step.cmp(&decision.step) {
        std::cmp::Ordering::Less => Some(true),
        std::cmp::Ordering::Equal => Some(decision.reason.is_none()),
        std::cmp::Ordering::Greater => None,
    };
    let check = |step: Step| Check { step, question: step.description(), passed: passed(step) };
    Step::ALL.into_iter().map(check).collect()
}

/// What a policy says about a request from nowhere in particular.
fn judged(answer: &ParsedPolicy, api: &Api, method: &str, path: &str, now: UnixTime) -> End {
    let arn = method_arn(&api.stage, method, path);
    let source_ip = Ipv4Addr::LOCALHOST.to_string();
    let request = RequestContext {
        method_arn: &arn,
        source_ip: &source_ip,
        user_agent: None,
        referer: None,
        now,
    };
    match answer.evaluate(&request) {
        Verdict::Allowed(matched) => End::pass("the policy allows it").by(matched),
        Verdict::ExplicitlyDenied(matched) => {
            End::refused(RefusalKind::AccessDeniedExplicitly, "the policy denies it").by(matched)
        }
        Verdict::ImplicitlyDenied => {
            End::refused(RefusalKind::AccessDenied, "the policy does not allow it")
        }
    }
}

fn cache(
    api: &Api,
    asked: &Route,
    settings: &Authorizer,
    answer: &ParsedPolicy,
    now: UnixTime,
) -> Cache {
    let router = ApiRouter::new(&api.routes);
    let by_route =
        IdentitySource::route().iter().all(|source| settings.has_identity_source(source));
    let others = api.routes.iter().filter(|route| *route != asked).filter_map(|route| {
        let (method, path) = example(api, &router, route)?;
        let same_guard = match (&route.security, &asked.security) {
            (Security::Jwt { authorizer: a, .. }, Security::Jwt { authorizer: b, .. }) => a == b,
            _ => false,
        };
        let from_cache = same_guard && settings.caches_results() && !by_route;
        let end = if same_guard {
            from_cache.then(|| judged(answer, api, method, &path, now))
        } else {
            let explanation = Explanation::without_authorizer(api, &router, method, &path);
            explanation.map(|explanation| explanation.end)
        };
        Some(Other {
            route: route.to_string(),
            request: format!("{method} {path}"),
            from_cache,
            end,
        })
    });
    Cache {
        seconds: settings.cache_ttl,
        by: settings.identity.iter().map(ToString::to_string).collect(),
        routes: others.collect(),
    }
}

/// Makes a request that belongs to a route; nothing if none does.
fn example(api: &Api, router: &ApiRouter, route: &Route) -> Option<(&'static str, String)> {
    let path = route.example_path();
    let is_its =
        |method: &&str| find(router, api, method, &path).is_some_and(|found| found.route == route);
    let method = Verb::NAMED.into_iter().map(Verb::name).find(is_its)?;
    Some((method, path))
}

/// Makes the head of a request that carries a credential where the authorizer looks for it.
pub fn head(settings: &Authorizer, method: &str, path: &str, token: &str) -> Option<RequestHead> {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (path, None),
    };
    let mut headers = HeaderMap::new();
    let query = match &settings.token {
        TokenSource::Header(name) => {
            let name: HeaderName = name.parse().ok()?;
            headers.insert(name, HeaderValue::from_str(&format!("Bearer {token}")).ok()?);
            query
        }
        TokenSource::Query(name) => {
            let mut pairs = url::form_urlencoded::Serializer::new(query.unwrap_or_default());
            Some(pairs.append_pair(name, token).finish())
        }
        TokenSource::WebsocketProtocol(_) => return None,
    };
    Some(RequestHead {
        method: method.to_owned(),
        path: path.to_owned(),
        query,
        headers,
        header_names: BTreeMap::new(),
        source_ip: Ipv4Addr::LOCALHOST.to_string(),
        id: "explain".to_owned(),
        extended_id: String::new(),
        time: RequestTime(OffsetDateTime::UNIX_EPOCH),
    })
}
