//! Whether a request may pass: throttle, authorizer and its cached answer, API key.

use std::sync::Arc;
use std::time::SystemTime;

use authorizer::UnixTime;
use authorizer::telemetry::Decision;

use super::event::{authorizer_event, method_arn};
use super::functions::Invocation;
use super::gateway_response::{Refusal, Refused};
use super::identity::identity;
use super::loaded_api::LoadedApi;
use super::pipeline::{Gateway, locked};
use super::policy::{Answer, Facts, Matched, Verdict};
use super::request::RequestHead;
use super::template::Context;
use super::trace::{AuthorizerTrace, RequestTrace, identity_key, masked};
use crate::clock;
use compiler::api::{Api, Route, Security};

/// The longest ARN of what is called.
const MAX_ARN_BYTES: usize = 1_600;

impl Gateway {
    /// A limit of the stage's is for each method; one of the operation's own wins.
    pub(super) fn throttled(
        &self,
        api: &Api,
        route: &Route,
        head: &RequestHead,
    ) -> Result<(), Refused> {
        let name = route.to_string();
        let own = api.stage_settings.routes.get(&name).copied();
        let Some(limit) = own.or(api.stage_settings.throttle) else { return Ok(()) };
        if locked(&self.usage).take(&name, limit, head.time.0) {
            return Ok(());
        }
        Err(Refused::because(Refusal::Throttled, format!("{name} is limited to {limit}")))
    }

    /// Says why a request may pass, or why not.
    pub(super) async fn admit(
        &self,
        loaded: &LoadedApi,
        route: &Route,
        context: &mut Context<'_>,
        trace: &mut RequestTrace,
    ) -> Result<String, Refused> {
        let (admitted, key) = match &route.security {
            Security::Public => return Ok("public".to_owned()),
            Security::ApiKey => return self.key(context, None).map(|()| "API key".to_owned()),
            Security::AwsIam => {
                let why = "it needs a request signed for AWS_IAM, which cannot be checked locally";
                return Err(Refused::because(Refusal::MissingAuthenticationToken, why));
            }
            Security::Jwt { authorizer: name, api_key, .. }
            | Security::External { scheme: name, api_key, .. } => {
                let (admitted, answer) = self.authorize(loaded, name, context, trace).await?;
                (admitted, api_key.then_some(answer))
            }
        };
        if let Some(answer) = key {
            self.key(context, Some(&answer))?;
        }
        Ok(admitted)
    }

    async fn authorize(
        &self,
        loaded: &LoadedApi,
        name: &str,
        context: &mut Context<'_>,
        trace: &mut RequestTrace,
    ) -> Result<(String, Arc<Answer>), Refused> {
        let guard = loaded.guards.get(name).ok_or_else(|| {
            let why = format!("there is nobody to ask for `{name}` here");
            Refused::because(Refusal::AuthorizerConfigurationError, why)
        })?;
        let head = context.head;
        let arn = method_arn(&loaded.api.stage, &head.method, &head.path);
        if arn.len() > MAX_ARN_BYTES {
            let why = format!("the ARN of what is called has {} bytes", arn.len());
            return Err(Refused::because(Refusal::PathTooLong, why));
        }
        let identity =
            identity(&guard.identity, guard.validation.as_ref(), context).map_err(|why| {
                let why = format!("{why}; the authorizer was not asked");
                Refused::because(Refusal::Unauthorized, why)
            })?;
        let now = UnixTime::from_system(SystemTime::from(head.time.0));
        let mut asked = AuthorizerTrace {
            name: name.to_owned(),
            identity: identity_key(&identity),
            ..AuthorizerTrace::default()
        };
        let cached = locked(&loaded.cache).get(name, &identity, now);
        let answer = match cached {
            Some((answer, age)) => {
                trace.cache_age = Some(age);
                answer
            }
            None => {
                trace.authorizer_called = true;
                let event = authorizer_event(guard.kind, &arn, &identity, context);
                let started = clock::instant();
                let (invocation, decision) =
                    guard.ask(&event.to_string(), now, &self.functions, &self.client).await;
                asked.milliseconds = Some(started.elapsed().as_millis());
                asked.event = Some(masked(event, &guard.identity));
                trace.authorizer = Some(asked.clone());
                let answer = Arc::new(answer(name, invocation, decision.as_ref())?);
                locked(&loaded.cache).put(name, identity, &answer, guard.ttl, now);
                answer
            }
        };
        asked.answer = serde_json::from_str(&answer.text).ok();
        let verdict = judged(&answer, &arn, context, now);
        let matched = match &verdict {
            Verdict::Allowed(matched) | Verdict::ExplicitlyDenied(matched) => Some(*matched),
            Verdict::NotAllowed => None,
        };
        asked.statement = matched.map(|matched| matched.statement);
        asked.resource = matched.and_then(|matched| matched.resource).map(str::to_owned);
        trace.authorizer = Some(asked);
        let known = context.more.to_mut();
        known.insert("authorizer.principalId".to_owned(), answer.principal.clone());
        known.extend(
            answer
                .context
                .iter()
                .map(|(name, value)| (format!("authorizer.{name}"), value.clone())),
        );
        let policy = trace
            .cache_age
            .map_or_else(|| "policy".to_owned(), |age| format!("cached policy (age {age}s)"));
        let needs = match context.found.map(|found| &found.route.security) {
            Some(Security::Jwt { requirement, .. }) => format!("needs scope {requirement}"),
            _ => "it is not in the policy".to_owned(),
        };
        match verdict {
            Verdict::Allowed(matched) => {
                let admitted = format!("{policy} of {name} grants {}", in_stage(matched));
                Ok((admitted, answer))
            }
            Verdict::ExplicitlyDenied(matched) => Err(Refused::because(
                Refusal::AccessDeniedExplicitly,
                format!("{policy} of {name} denies {}: {needs}", in_stage(matched)),
            )),
            Verdict::NotAllowed => Err(Refused::because(
                Refusal::AccessDenied,
                format!("{policy} of {name} does not grant it: {needs}"),
            )),
        }
    }

    /// Checks the API key, from the header or from the authorizer, and what it may still do.
    fn key(&self, context: &Context<'_>, answer: Option<&Answer>) -> Result<(), Refused> {
        let api = context.api;
        let refused = |why: &str| Err(Refused::because(Refusal::InvalidApiKey, why));
        let key = if api.settings.key_from_authorizer {
            answer.and_then(|answer| answer.usage_key.as_deref())
        } else {
            context.header("x-api-key")
        };
        let Some(key) = key else { return refused("there is no API key") };
        if !self.keys.contains(key) {
            return refused("the API key is none of those that are known here");
        }
        let Some(plan) = &api.usage_plan else { return Ok(()) };
        let now = context.head.time.0;
        let mut usage = locked(&self.usage);
        // A name with a space is no route's.
        let name = format!("key {key}");
        if plan.throttle.is_some_and(|limit| !usage.take(&name, limit, now)) {
            let why = "the API key was used too often in a moment";
            return Err(Refused::because(Refusal::Throttled, why));
        }
        if plan.quota.as_ref().is_some_and(|quota| !usage.count(&name, quota, now)) {
            let why = "the API key was used too often in its period";
            return Err(Refused::because(Refusal::QuotaExceeded, why));
        }
        Ok(())
    }
}

/// Returns the scheme that an authorizer serves.
pub(super) fn scheme(security: &Security) -> Option<&str> {
    match security {
        Security::Jwt { authorizer: name, .. } | Security::External { scheme: name, .. } => {
            Some(name)
        }
        Security::ApiKey | Security::AwsIam | Security::Public => None,
    }
}

fn judged<'a>(answer: &'a Answer, arn: &str, context: &Context<'_>, now: UnixTime) -> Verdict<'a> {
    answer.judge(&Facts {
        method_arn: arn,
        source_ip: &context.head.source_ip,
        user_agent: context.header("user-agent"),
        referer: context.header("referer"),
        now,
    })
}

/// Reads what asking the authorizer came to.
fn answer(
    name: &str,
    invocation: Invocation,
    decision: Option<&Decision>,
) -> Result<Answer, Refused> {
    let detail = || decision.and_then(|decision| decision.detail.as_deref());
    match invocation {
        Invocation::Answered(text) => Answer::read(&text).map_err(|error| {
            let why = format!("{name}: {error}");
            Refused::because(Refusal::AuthorizerConfigurationError, why)
        }),
        // Byte for byte: anything else is a failure.
        Invocation::Failed { message, .. } if message == "Unauthorized" => Err(Refused::because(
            Refusal::Unauthorized,
            format!("{name} refuses the token: {}", detail().unwrap_or("it does not say why")),
        )),
        Invocation::Failed { message, .. } => Err(Refused::because(
            Refusal::AuthorizerFailure,
            format!("{name} failed: {}", detail().unwrap_or(&message)),
        )),
        Invocation::NotInvocable(cause) => Err(Refused::because(
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
