//! [`Authorizer::handle`]: an event and the time → an answer, in the order of the steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::claims::{self, VerifiedClaims};
use crate::config::{Access, Config, Issuer};
use crate::error::{Fault, Rejection, Stop};
use crate::event::{AuthorizationRequest, Event};
use crate::grant::grant;
use crate::keys::Keys;
use crate::keys::fetch::Fetch;
use crate::method_arn::MethodArn;
use crate::policy::policy;
use crate::response::policy_response;
use crate::routes;
use crate::telemetry::{Decision, Verdict};
use crate::time::UnixTime;
use crate::token::UnverifiedToken;

/// Decides who may call what.
pub struct Authorizer {
    config: Config,
    keys: BTreeMap<String, Keys>,
}

/// What the function answers, and what is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The answer's JSON, or the error that the function ends with.
    pub answer: Result<String, FunctionError>,
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
        Self { keys: keys.collect(), config }
    }

    /// Answers one event.
    pub async fn handle(&self, event: &str, now: UnixTime) -> Outcome {
        let mut decision = Decision::default();
        let answer = match self.decide(event, now, &mut decision).await {
            Ok(answer) => Ok(answer),
            Err(Stop::Rejected(rejection)) => {
                decision.decision = Verdict::Unauthorized;
                decision.reason = Some(rejection.reason());
                decision.detail = Some(rejection.to_string());
                Err(FunctionError { error_type: "Unauthorized", error_message: "Unauthorized" })
            }
            Err(Stop::Faulted(fault)) => {
                decision.decision = Verdict::Fault;
                decision.reason = Some(fault.reason());
                decision.detail = Some(fault.to_string());
                Err(FunctionError { error_type: "AuthorizerFault", error_message: fault.reason() })
            }
        };
        Outcome { answer, decision }
    }

    async fn decide(
        &self,
        event: &str,
        now: UnixTime,
        decision: &mut Decision,
    ) -> Result<String, Stop> {
        let event = Event::read(event)?;
        let request = event.request()?;
        decision.kind = Some(request.kind.name());
        let arn = request.method()?;
        let access = self
            .config
            .access(arn.api_id())
            .ok_or_else(|| Fault::UnknownApi { api_id: arn.api_id().to_owned() })?;
        let claims = self.verified(&request, now, decision).await?;
        let policy = policy(&grant(&claims, access), &arn);
        tell(access, &arn, &claims, decision);
        policy_response(&claims, &policy)
            .map_err(|_| Fault::MalformedEvent("its answer cannot be written").into())
    }

    /// The caller's claims, if the token is right in every respect.
    async fn verified(
        &self,
        request: &AuthorizationRequest<'_>,
        now: UnixTime,
        decision: &mut Decision,
    ) -> Result<VerifiedClaims, Stop> {
        let token = UnverifiedToken::parse(request.authorization.bearer()?)?;
        decision.kid = token.kid().map(str::to_owned);
        let (issuer, keys) = self.issuer(token.unverified_issuer()?)?;
        decision.issuer = Some(issuer.issuer().to_owned());
        if !issuer.algorithms().contains(&token.algorithm()) {
            return Err(Rejection::AlgorithmNotAllowed(token.algorithm()).into());
        }
        let set = keys.set(token.kid(), now).await?;
        let candidates = set.candidates(token.kid(), token.algorithm());
        if candidates.is_empty() {
            return Err(Rejection::UnknownKey.into());
        }
        let token = token.verified_by(&candidates)?;
        Ok(claims::verify(&token, issuer, now)?)
    }

    /// The issuer of exactly this name, and its keys: no other issuer's are ever tried.
    fn issuer(&self, name: &str) -> Result<(&Issuer, &Keys), Rejection> {
        let issuer = self.config.issuers().iter().find(|issuer| issuer.issuer() == name);
        issuer.zip(self.keys.get(name)).ok_or(Rejection::UnknownIssuer)
    }
}

/// Notes which route was asked for and whether the caller holds what opens it.
fn tell(access: &Access, arn: &MethodArn<'_>, claims: &VerifiedClaims, decision: &mut Decision) {
    let requirement = match access {
        Access::Stage(requirement) => Some(requirement),
        Access::Routes(table) => table.find(arn.verb(), &routes::split(arn.path())).map(|route| {
            decision.route = Some(route.to_string());
            &route.requirement
        }),
    };
    if requirement.is_some_and(|requirement| requirement.is_met_by(claims.scopes())) {
        decision.decision = Verdict::Allow;
        return;
    }
    decision.decision = Verdict::Deny;
    if let Some(requirement) = requirement {
        decision.reason = Some(Rejection::ScopeInsufficient.reason());
        decision.detail = Some(Rejection::ScopeInsufficient.to_string());
        decision.required_scope = Some(requirement.to_string());
    } else {
        decision.reason = Some("forbidden");
        decision.detail = Some("the request belongs to no route of the table".to_owned());
    }
}
