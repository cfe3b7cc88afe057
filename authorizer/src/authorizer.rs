//! [`Authorizer::handle`]: an event and the time → a response, in the order of the steps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use crate::claims::{self, VerifiedClaims};
use crate::config::{AccessRules, Config};
use crate::credential::Credential;
use crate::description::{self, Description};
use crate::error::{DecisionError, Fault, IssuerMismatch, Rejection};
use crate::event::{AuthorizationRequest, Event, EventKind, replace_unpaired_surrogates};
use crate::grant::grant;
use crate::issuer::Issuer;
use crate::jwk::KeySelector;
use crate::keys::fetch::Fetch;
use crate::keys::{IssuerKeys, KeySource};
use crate::method_arn::MethodArn;
use crate::policy::PolicyCache;
use crate::possession;
use crate::response::{AuthorizerResponse, policy_response, simple_response};
use crate::routes::{self, Requirement};
use crate::telemetry::{Decision, Step, Verdict};
use crate::time::UnixTime;
use crate::token::UnverifiedToken;
use crate::verified_tokens::{Digest, VerifiedTokenCache};

/// The authorizer: its configuration, and its caches of keys, verified tokens and policies.
pub struct Authorizer {
    config: Config,
    keys: BTreeMap<String, IssuerKeys>,
    verified_tokens: Mutex<VerifiedTokenCache>,
    policies: PolicyCache,
}

/// The result of one invocation: the response and its log record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The response, or the error that the function returns.
    pub response: Result<AuthorizerResponse, FunctionError>,
    /// The decision, for logs and metrics.
    pub decision: Decision,
}

/// An error as Lambda reports it. API Gateway responds with 401 if the message is exactly
/// `Unauthorized`, and with 500 for any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// `errorType`.
    pub error_type: &'static str,
    /// `errorMessage`.
    pub error_message: &'static str,
}

impl Authorizer {
    /// Creates an authorizer that fetches keys through `fetch`. Fetches nothing yet.
    pub fn new(config: Config, fetch: &Arc<dyn Fetch>) -> Self {
        let keys = config
            .issuers()
            .iter()
            .map(|issuer| (issuer.issuer().to_owned(), IssuerKeys::new(issuer, Arc::clone(fetch))));
        Self {
            keys: keys.collect(),
            config,
            verified_tokens: Mutex::default(),
            policies: PolicyCache::default(),
        }
    }

    /// Fetches the keys that are not cached, of all issuers concurrently and within
    /// [`PREFETCH_LIMIT`](crate::keys::PREFETCH_LIMIT). A failed fetch is repeated when a token
    /// needs the keys, after the backoff.
    pub async fn prefetch(&self, now: UnixTime) {
        join_all(self.keys.values().map(|keys| keys.prefetch(now))).await;
    }

    /// Returns the description of the function if the event requests it. Such an event has no caller and
    /// needs no decision, key or network.
    pub fn describe(&self, event: &str) -> Option<AuthorizerResponse> {
        let describe = || Description::of(&self.config).response().ok();
        description::is_requested(event).then(describe).flatten()
    }

    /// Decides one event, given as JSON text, at the time `now`.
    pub async fn handle(&self, event: &str, now: UnixTime) -> Outcome {
        let mut decision = Decision::default();
        let response = match self.decide(event, now, &mut decision).await {
            Ok(response) => Ok(response),
            Err(DecisionError::Rejected(rejection)) => {
                decision.decision = Verdict::Unauthorized;
                decision.reason = Some(rejection.reason());
                decision.detail = Some(rejection.to_string());
                Err(FunctionError { error_type: "Unauthorized", error_message: "Unauthorized" })
            }
            Err(DecisionError::Faulted(fault)) => {
                decision.decision = Verdict::Fault;
                decision.reason = Some(fault.reason());
                decision.detail = Some(fault.to_string());
                Err(FunctionError { error_type: "AuthorizerFault", error_message: fault.reason() })
            }
        };
        Outcome { response, decision }
    }

    async fn decide(
        &self,
        event: &str,
        now: UnixTime,
        decision: &mut Decision,
    ) -> Result<AuthorizerResponse, DecisionError> {
        let replaced;
        let event = match Event::parse(event) {
            Ok(event) => event,
            Err(fault) => {
                replaced = replace_unpaired_surrogates(event).ok_or(fault)?;
                Event::parse(&replaced)?
            }
        };
        let request = event.request()?;
        decision.kind = Some(request.kind);
        decision.set_gateway_ids(request.gateway_ids());
        let arn = request.method()?;
        decision.set_stage(&arn);
        let unknown = || Fault::UnknownApi { api_id: arn.api_id().to_owned() };
        let rules = self.config.access_rules(arn.api_id()).ok_or_else(unknown)?;
        let (claims, issuer) = self.verify(&request, now, decision).await?;
        evaluate_route(rules, &arn, &claims, issuer, decision);
        let grant = grant(&claims, rules, self.config.policy(), &arn);
        let mut policy = self.policies.policy(&grant, &arn, self.config.policy_limit())?;
        decision.warning = policy.coverage.warning().or(decision.warning);
        // The log states what the policy does, not what the scopes alone would grant.
        if decision.decision == Verdict::Allow && !policy.allows_request {
            decision.deny(Rejection::PolicyConflict);
        }
        if request.kind == EventKind::Http && self.config.simple_responses() {
            let is_authorized = policy.allows_request;
            return Ok(simple_response(&claims, issuer, is_authorized, decision)?);
        }
        if self.config.may_outlive_token(claims.rejected_from(), now) {
            policy.expire(&arn, claims.rejected_from())?;
        }
        Ok(policy_response(&claims, issuer, &policy.document(), decision)?)
    }

    /// Returns the verified claims and their issuer. Cheap checks come first: the claims are
    /// checked before keys are looked up, and the keys before a signature is verified.
    async fn verify(
        &self,
        request: &AuthorizationRequest<'_>,
        now: UnixTime,
        decision: &mut Decision,
    ) -> Result<(VerifiedClaims, &Issuer), DecisionError> {
        decision.step = Step::Credential;
        let credential = Credential::extract(request, self.config.token())?;
        decision.step = Step::Token;
        let token = UnverifiedToken::parse(credential.token)?;
        decision.kid = token.kid().map(str::to_owned);
        decision.step = Step::Issuer;
        let iss = token.unverified_issuer()?.to_owned();
        let (issuer, keys) = self.issuer(&iss)?;
        decision.issuer = Some(issuer.issuer().to_owned());
        decision.step = Step::Algorithm;
        if !issuer.algorithms().contains(&token.algorithm()) {
            return Err(Rejection::AlgorithmNotAllowed(token.algorithm()).into());
        }
        decision.step = Step::Claims;
        let prevalidated = claims::prevalidate(&token, issuer, now)?;
        decision.step = Step::Keys;
        let set = match keys.set(token.kid(), now).await {
            Ok((set, source)) => {
                decision.keys = Some(source);
                set
            }
            Err(fault) => {
                decision.keys = Some(KeySource::Unavailable);
                return Err(fault.into());
            }
        };
        decision.warning = set.warning();
        let candidates = set.candidates(KeySelector {
            kid: token.kid(),
            algorithm: token.algorithm(),
            issuer: &iss,
            tenant: issuer.tenant_of(&iss),
        });
        if candidates.is_empty() {
            return Err(Rejection::UnknownKey.into());
        }
        decision.step = Step::Signature;
        let digest = Digest::of(credential.token);
        let previously_verified = self.verified_tokens().contains(&digest, set.generation());
        let token = token.verify(&candidates, previously_verified)?;
        if !previously_verified {
            self.verified_tokens().insert(digest, set.generation());
        }
        let claims = prevalidated.into_verified(token, issuer);
        // Before the deny-list and possession are checked, so that these refusals are identified too.
        decision.set_identity(&claims, self.config.identification());
        decision.step = Step::DenyList;
        claims.check_deny_list(issuer)?;
        decision.step = Step::Possession;
        let public_urls = self.config.public_urls();
        possession::check(request, credential, &claims, issuer, public_urls, now)?;
        Ok((claims, issuer))
    }

    /// Ignores poisoning: a panic under the lock cannot leave an entry half-written.
    fn verified_tokens(&self) -> MutexGuard<'_, VerifiedTokenCache> {
        self.verified_tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the trusted issuer with this `iss`, and its keys; no other issuer's keys are ever
    /// tried. An exact match takes precedence over a `{tenantid}` template.
    fn issuer(&self, iss: &str) -> Result<(&Issuer, &IssuerKeys), Rejection> {
        let issuers = self.config.issuers();
        let matching = || issuers.iter().filter(|issuer| issuer.is_named(iss));
        let issuer = matching().find(|issuer| issuer.issuer() == iss).or_else(|| matching().next());
        let keys = issuer.and_then(|issuer| self.keys.get(issuer.issuer()));
        let mismatch = || issuers.iter().find_map(|issuer| issuer.near_miss(iss));
        issuer.zip(keys).ok_or_else(|| {
            Rejection::UntrustedIssuer(mismatch().unwrap_or(IssuerMismatch::Unknown))
        })
    }
}

/// Records the requested route, and whether the scopes grant it, in `decision`.
fn evaluate_route(
    rules: &AccessRules,
    arn: &MethodArn<'_>,
    claims: &VerifiedClaims,
    issuer: &Issuer,
    decision: &mut Decision,
) {
    let requirement: Option<&Requirement> = match rules {
        AccessRules::Stage(requirement) => Some(requirement),
        AccessRules::Routes(_) if arn.is_connect() => None,
        AccessRules::Routes(table) => {
            table.find(arn.verb(), &routes::split(arn.path())).map(|route| {
                decision.route = Some(route.to_string());
                &route.requirement
            })
        }
    };
    let (step, refusal) = match (claims.forbidden(), requirement) {
        (Some(forbidden), _) => (Step::Rules, Some(forbidden)),
        (None, Some(requirement)) if requirement.is_met_by(claims.scopes()) => (Step::Scopes, None),
        (None, Some(requirement)) => {
            decision.required_scope = Some(requirement.to_string());
            (Step::Scopes, Some(Rejection::InsufficientScope))
        }
        (None, None) => (Step::Route, Some(Rejection::RouteNotFound)),
    };
    decision.step = step;
    match refusal {
        Some(refusal) => decision.deny(refusal),
        None => decision.decision = Verdict::Allow,
    }
    match refusal {
        Some(Rejection::InsufficientScope) => {
            decision.detail = Some(insufficient_scope(claims, issuer));
        }
        Some(Rejection::RequirementUnmet { rule }) => {
            let unmet = issuer.rules.get(rule.saturating_sub(1));
            decision.detail =
                unmet.map(|unmet| format!("claim requirement {rule} not satisfied: {unmet}"));
        }
        _ => {}
    }
}

/// Returns the detail of a rejection for insufficient scope: the scope claims of the token, or those
/// that it lacks.
fn insufficient_scope(claims: &VerifiedClaims, issuer: &Issuer) -> String {
    let list = |names: &[String]| format!("`{}`", names.join("`, `"));
    let configured: Vec<String> = issuer.scope_claims.iter().map(ToString::to_string).collect();
    match (claims.scope_claims(), configured.as_slice()) {
        ([], []) => "required scopes not granted: the profile has no scope claim".to_owned(),
        ([], none) => format!("required scopes not granted: the token has no {}", list(none)),
        (present, _) => format!("required scopes not granted by {}", list(present)),
    }
}
