//! [`Authorizer::handle`]: an event and the time → an answer, in the order of the steps.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;

use crate::claims::{self, VerifiedClaims};
use crate::config::{Access, Config};
use crate::credential::Credential;
use crate::error::{DecisionError, Fault, Rejection};
use crate::event::{AuthorizationRequest, Event, EventKind};
use crate::grant::grant;
use crate::issuer::Issuer;
use crate::jwk::KeySelector;
use crate::keys::fetch::Fetch;
use crate::keys::{KeySource, Keys};
use crate::method_arn::MethodArn;
use crate::policy::{Policies, PolicyCoverage};
use crate::possession;
use crate::response::{AuthorizerResponse, policy_response, simple_response};
use crate::routes::{self, Requirement};
use crate::telemetry::{Decision, Step, Verdict};
use crate::time::UnixTime;
use crate::token::UnverifiedToken;
use crate::verified_tokens::{Digest, VerifiedTokenCache};

/// Decides who may call what.
pub struct Authorizer {
    config: Config,
    keys: BTreeMap<String, Keys>,
    verified_tokens: Mutex<VerifiedTokenCache>,
    policies: Policies,
}

/// What the function answers, and what is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The answer, or the error that the function ends with.
    pub response: Result<AuthorizerResponse, FunctionError>,
    /// For the log.
    pub decision: Decision,
}

/// An error as Lambda reports it. API Gateway makes a 401 of the message `Unauthorized`, byte
/// for byte, and a 500 of any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// `errorType`.
    pub error_type: &'static str,
    /// `errorMessage`.
    pub error_message: &'static str,
}

impl Authorizer {
    /// Makes an authorizer that gets keys through `fetch`. Nothing is fetched yet.
    pub fn new(config: Config, fetch: &Arc<dyn Fetch>) -> Self {
        let keys = config
            .issuers()
            .iter()
            .map(|issuer| (issuer.issuer().to_owned(), Keys::of(issuer, Arc::clone(fetch))));
        Self {
            keys: keys.collect(),
            config,
            verified_tokens: Mutex::default(),
            policies: Policies::default(),
        }
    }

    /// Fetches the keys that are not at hand, all issuers' at once. What fails here is tried
    /// again when it is needed.
    pub async fn prefetch(&self, now: UnixTime) {
        join_all(self.keys.values().map(|keys| keys.set(None, now))).await;
    }

    /// Answers one event.
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
        let event = Event::read(event)?;
        let request = event.request()?;
        decision.kind = Some(request.kind);
        let arn = request.method()?;
        let unknown = || Fault::UnknownApi { api_id: arn.api_id().to_owned() };
        let access = self.config.access(arn.api_id()).ok_or_else(unknown)?;
        let (claims, issuer) = self.verified(&request, now, decision).await?;
        let allowed = tell(access, &arn, &claims, decision);
        if request.kind == EventKind::Http && self.config.simple_responses() {
            return Ok(simple_response(&claims, issuer, allowed, decision)?);
        }
        let grant = grant(&claims, access, self.config.policy(), &arn);
        let max_bytes = self.config.policy_max_bytes();
        let (policy, coverage) = self.policies.of(&grant, &arn, max_bytes)?;
        decision.warning = coverage.warning().or(decision.warning);
        if coverage == PolicyCoverage::DenyAll {
            decision.decision = Verdict::Deny;
        }
        Ok(policy_response(&claims, issuer, &policy, decision)?)
    }

    /// The caller's claims, if the token is right in every respect. What is cheap to refuse is
    /// refused before keys are looked for, and those before anything is computed with them.
    async fn verified(
        &self,
        request: &AuthorizationRequest<'_>,
        now: UnixTime,
        decision: &mut Decision,
    ) -> Result<(VerifiedClaims, &Issuer), DecisionError> {
        decision.step = Step::Credential;
        let credential = Credential::of(request, self.config.token())?;
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
        let prevalidated = claims::judge(&token, issuer, now)?;
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
        let before = self.verified_tokens().contains(&digest, set.generation());
        let token = token.verified_by(&candidates, before)?;
        if !before {
            self.verified_tokens().insert(digest, set.generation());
        }
        let claims = prevalidated.into_verified(token);
        decision.step = Step::Possession;
        possession::check(request, credential, &claims, issuer, now)?;
        Ok((claims, issuer))
    }

    /// A panic while the lock was held cannot have left a token half-remembered.
    fn verified_tokens(&self) -> MutexGuard<'_, VerifiedTokenCache> {
        self.verified_tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The issuer whose tokens have this `iss`, and its keys: no other issuer's are ever tried.
    /// One of exactly this name goes before a template.
    fn issuer(&self, iss: &str) -> Result<(&Issuer, &Keys), Rejection> {
        let issuers = self.config.issuers();
        let named = || issuers.iter().filter(|issuer| issuer.is_named(iss));
        let issuer = named().find(|issuer| issuer.issuer() == iss).or_else(|| named().next());
        let keys = issuer.and_then(|issuer| self.keys.get(issuer.issuer()));
        issuer.zip(keys).ok_or(Rejection::UnknownIssuer)
    }
}

/// Notes which route was asked for and whether the caller may call it, and says so.
fn tell(
    access: &Access,
    arn: &MethodArn<'_>,
    claims: &VerifiedClaims,
    decision: &mut Decision,
) -> bool {
    let requirement: Option<&Requirement> = match access {
        Access::Stage(requirement) => Some(requirement),
        Access::Routes(table) => {
            table.find(arn.verb(), &routes::segments(arn.path())).map(|route| {
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
            (Step::Scopes, Some(Rejection::ScopeInsufficient))
        }
        (None, None) => (Step::Route, Some(Rejection::NoSuchRoute)),
    };
    decision.step = step;
    decision.decision = if refusal.is_none() { Verdict::Allow } else { Verdict::Deny };
    decision.reason = refusal.map(Rejection::reason);
    decision.detail = refusal.map(|refusal| refusal.to_string());
    refusal.is_none()
}
