//! The authorization decision for a request: the authorizer's checks, the policy, the statement that
//! decides, and the effect of the cached policy on every other route. Pure: the caller invokes the
//! authorizer.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use authorizer::routes::Verb;
use authorizer::telemetry::{Decision, Step};
use authorizer::{Outcome, UnixTime};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value as Json;
use time::OffsetDateTime;

use compiler::api::routing::ApiRouter;
use compiler::api::{Api, Authorizer, IdentitySource, PresentedToken, Route, Security};
use gateway::event::method_arn;
use gateway::gateway_response::RefusalKind;
use gateway::policy::{MatchedStatement, ParsedPolicy, RequestContext, Verdict};
use gateway::request::{RequestHead, RequestTime};
use gateway::router::find;

mod text;

/// The explanation of one request.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The request, such as `GET /pets/7`.
    pub request: String,
    /// The route that matches.
    pub route: Option<String>,
    /// The security requirement of the route.
    pub security: Option<String>,
    /// The authorizer of the route.
    pub authorizer: Option<String>,
    /// The authorizer's checks, in order.
    pub checks: Vec<Check>,
    /// The authorizer's decision.
    pub decision: Option<Decision>,
    /// The policy that the authorizer returned.
    pub policy: Option<Json>,
    /// The outcome of the request.
    pub outcome: RequestOutcome,
    /// The effect of the authorizer result cache on the other routes.
    pub cache: Option<Cache>,
    /// The assumption that the explanation makes.
    pub assumption: Option<&'static str>,
}

/// One check of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The step.
    pub step: Step,
    /// The condition that is checked.
    pub description: &'static str,
    /// The result of the check; none if it was not reached.
    pub passed: Option<bool>,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestOutcome {
    /// True if the request is allowed.
    pub allowed: bool,
    /// The gateway's status code if the request is not allowed; none if the authorizer does not decide.
    pub status: Option<u16>,
    /// The reason.
    pub reason: String,
    /// The index of the policy statement that decides, from 0.
    pub statement: Option<usize>,
    /// The resource of the statement that matches.
    pub resource: Option<String>,
}

/// The effect of the authorizer result cache on the other routes.
#[derive(Clone, Debug, Serialize)]
pub struct Cache {
    /// The TTL in seconds; 0 disables caching.
    pub ttl: u32,
    /// The identity sources, which form the cache key.
    pub identity_sources: Vec<String>,
    /// Every other route, with the outcome of a request for it while the policy is cached.
    pub routes: Vec<OtherRoute>,
}

/// Another route, with an example request.
#[derive(Clone, Debug, Serialize)]
pub struct OtherRoute {
    /// The route.
    pub route: String,
    /// The example request.
    pub request: String,
    /// True if the cached policy decides.
    pub from_cache: bool,
    /// The outcome; none if the authorizer, or another one, is invoked.
    pub outcome: Option<RequestOutcome>,
}

impl Explanation {
    /// Explains a request that needs no JWT authorizer; returns none if it does.
    pub fn without_authorizer(
        api: &Api,
        router: &ApiRouter,
        method: &str,
        path: &str,
    ) -> Option<Self> {
        let found = find(router, api, method, path).map(|found| found.route);
        let result = match found.map(|route| &route.security) {
            Some(Security::Jwt { .. }) => return None,
            Some(Security::Public) => RequestOutcome::allowed("the route is public"),
            Some(Security::ApiKey) => {
                RequestOutcome::undetermined("the route requires an API key, not a token")
            }
            Some(Security::AwsIam) => {
                RequestOutcome::undetermined("the route requires an AWS_IAM signature")
            }
            Some(Security::External { scheme, .. }) => RequestOutcome::undetermined(&format!(
                "the route requires `{scheme}`, which portcullis.toml does not configure"
            )),
            None => RequestOutcome::rejected(
                RefusalKind::MissingAuthenticationToken,
                "no route has this method and path",
            ),
        };
        Some(Self::of(method, path, found, None, result))
    }

    /// Explains a request that the gateway rejects without invoking the authorizer.
    pub fn without_identity(route: &Route, method: &str, path: &str, reason: &str) -> Self {
        let result = RequestOutcome::rejected(
            RefusalKind::Unauthorized,
            &format!("{reason}; the authorizer was not invoked"),
        );
        Self::of(method, path, Some(route), None, result)
    }

    /// Explains the authorizer's decision about a request.
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
        let (returned, result) = match &outcome.response {
            Ok(text) => match ParsedPolicy::parse(text.as_str()) {
                Ok(policy) => {
                    let result = policy_outcome(&policy, api, &head.method, &head.path, now);
                    (Some((text.as_str(), policy)), result)
                }
                Err(error) => (
                    None,
                    RequestOutcome::rejected(
                        RefusalKind::AuthorizerConfigurationError,
                        &error.to_string(),
                    ),
                ),
            },
            Err(error) => {
                let detail = outcome.decision.detail.as_deref().unwrap_or(error.error_message);
                let refusal = if error.error_message == "Unauthorized" {
                    RefusalKind::Unauthorized
                } else {
                    RefusalKind::AuthorizerFailure
                };
                (None, RequestOutcome::rejected(refusal, detail))
            }
        };
        let mut explanation = Self::of(&head.method, &head.path, Some(route), name, result);
        explanation.checks = checks(&outcome.decision);
        if returned.is_some() {
            explanation.outcome.reason.push_str(&details(&outcome.decision, &route.security));
        }
        explanation.decision = Some(outcome.decision.clone());
        if let (Some((text, policy)), Some(settings)) = (returned, settings) {
            let json = serde_json::from_str::<Json>(text).unwrap_or_default();
            explanation.policy = json.get("policyDocument").cloned();
            explanation.cache = Some(cache(api, route, settings, &policy, now));
        }
        explanation
    }

    fn of(
        method: &str,
        path: &str,
        route: Option<&Route>,
        authorizer: Option<&String>,
        outcome: RequestOutcome,
    ) -> Self {
        Self {
            request: format!("{method} {path}"),
            route: route.map(ToString::to_string),
            security: route.map(|route| route.security.to_string()),
            authorizer: authorizer.cloned(),
            checks: Vec::new(),
            decision: None,
            policy: None,
            outcome,
            cache: None,
            assumption: None,
        }
    }
}

impl RequestOutcome {
    fn allowed(reason: &str) -> Self {
        Self {
            allowed: true,
            status: None,
            reason: reason.to_owned(),
            statement: None,
            resource: None,
        }
    }

    fn rejected(refusal: RefusalKind, reason: &str) -> Self {
        let (status, ..) = refusal.default_response();
        Self { allowed: false, status: Some(status), ..Self::allowed(reason) }
    }

    /// Returns an outcome that the authorizer does not decide.
    fn undetermined(reason: &str) -> Self {
        Self { allowed: false, ..Self::allowed(reason) }
    }

    fn decided_by(self, matched: MatchedStatement<'_>) -> Self {
        let resource = matched.resource.map(str::to_owned);
        Self { statement: Some(matched.index), resource, ..self }
    }
}

/// Returns the details that the policy does not show.
fn details(decision: &Decision, security: &Security) -> String {
    let mut details = String::new();
    if let Some(detail) = &decision.detail {
        details = format!(": {detail}");
    }
    if let Some(scopes) = &decision.required_scope {
        details = format!("{details} (required: {scopes})");
    }
    if let Some(warning) = decision.warning {
        details = format!("{details}; {warning}");
    }
    if matches!(security, Security::Jwt { api_key: true, .. }) {
        details.push_str("; an API key is required as well");
    }
    details
}

/// Returns all checks: those up to the one that ended the decision, and those not reached.
fn checks(decision: &Decision) -> Vec<Check> {
    let passed = |step: Step| match step.cmp(&decision.step) {
        std::cmp::Ordering::Less => Some(true),
        std::cmp::Ordering::Equal => Some(decision.reason.is_none()),
        std::cmp::Ordering::Greater => None,
    };
    let check = |step: Step| Check { step, description: step.description(), passed: passed(step) };
    Step::ALL.into_iter().map(check).collect()
}

/// Returns the outcome of a policy for a request with default context values.
fn policy_outcome(
    policy: &ParsedPolicy,
    api: &Api,
    method: &str,
    path: &str,
    now: UnixTime,
) -> RequestOutcome {
    let arn = method_arn(&api.stage, method, path);
    let source_ip = Ipv4Addr::LOCALHOST.to_string();
    let request = RequestContext {
        method_arn: &arn,
        source_ip: &source_ip,
        user_agent: None,
        referer: None,
        now,
    };
    match policy.evaluate(&request) {
        Verdict::Allowed(matched) => {
            RequestOutcome::allowed("the policy allows it").decided_by(matched)
        }
        Verdict::ExplicitlyDenied(matched) => {
            RequestOutcome::rejected(RefusalKind::AccessDeniedExplicitly, "the policy denies it")
                .decided_by(matched)
        }
        Verdict::ImplicitlyDenied => {
            RequestOutcome::rejected(RefusalKind::AccessDenied, "the policy does not allow it")
        }
    }
}

fn cache(
    api: &Api,
    requested: &Route,
    settings: &Authorizer,
    policy: &ParsedPolicy,
    now: UnixTime,
) -> Cache {
    let router = ApiRouter::new(&api.routes);
    let by_route =
        IdentitySource::route().iter().all(|source| settings.has_identity_source(source));
    let others = api.routes.iter().filter(|route| *route != requested).filter_map(|route| {
        let (method, path) = example_request(api, &router, route)?;
        let same_authorizer = match (&route.security, &requested.security) {
            (Security::Jwt { authorizer: a, .. }, Security::Jwt { authorizer: b, .. }) => a == b,
            _ => false,
        };
        let from_cache = same_authorizer && settings.caches_results() && !by_route;
        let outcome = if same_authorizer {
            from_cache.then(|| policy_outcome(policy, api, method, &path, now))
        } else {
            let explanation = Explanation::without_authorizer(api, &router, method, &path);
            explanation.map(|explanation| explanation.outcome)
        };
        Some(OtherRoute {
            route: route.to_string(),
            request: format!("{method} {path}"),
            from_cache,
            outcome,
        })
    });
    Cache {
        ttl: settings.cache_ttl,
        identity_sources: settings.identity.iter().map(ToString::to_string).collect(),
        routes: others.collect(),
    }
}

/// Returns an example request for a route, if there is one.
fn example_request(api: &Api, router: &ApiRouter, route: &Route) -> Option<(&'static str, String)> {
    let path = route.example_path();
    let matches_route =
        |method: &&str| find(router, api, method, &path).is_some_and(|found| found.route == route);
    let method = Verb::NAMED.into_iter().map(Verb::name).find(matches_route)?;
    Some((method, path))
}

/// Returns the head of a request with a token in the authorizer's token source; none if it is not
/// possible.
pub fn request_head(
    settings: &Authorizer,
    method: &str,
    path: &str,
    token: &str,
) -> Option<RequestHead> {
    let presented = PresentedToken::new(&settings.token, token);
    let url = presented.url(path);
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (url.as_str(), None),
    };
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = presented.header() {
        let name: HeaderName = name.parse().ok()?;
        headers.insert(name, HeaderValue::from_str(value).ok()?);
    }
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
