//! The authorizer's part in a request: identity, cached or new result, and the policy's decision.

use std::sync::Arc;
use std::time::SystemTime;

use authorizer::UnixTime;
use authorizer::telemetry::Decision;
use serde_json::Value as Json;

use super::authorizers::LocalAuthorizer;
use super::event::{authorizer_event, method_arn};
use super::functions::{Functions, Invocation};
use super::gateway_response::{Refusal, RefusalKind};
use super::identity::identity;
use super::loaded_api::LoadedApi;
use super::policy::{MatchedStatement, ParsedPolicy, RequestContext, Verdict};
use super::sync::locked;
use super::template::Context;
use super::trace::{AuthorizerTrace, RequestTrace, identity_key, masked};
use crate::clock;
use compiler::api::Security;

/// The longest method ARN.
const MAX_ARN_BYTES: usize = 1_600;

/// Returns why the policy for the caller allows the request, and the authorizer's answer; or the
/// refusal. Adds what the answer says to the context.
pub(super) async fn authorize(
    loaded: &LoadedApi,
    name: &str,
    functions: &Functions,
    context: &mut Context<'_>,
    trace: &mut RequestTrace,
) -> Result<(String, Arc<ParsedPolicy>), Refusal> {
    let (guard, arn, identity) = identified(loaded, name, context)?;
    let now = UnixTime::from_system(SystemTime::from(context.head.time.0));
    let cached = locked(&loaded.cache).get(name, &identity, now);
    let authorizer = trace.authorizer.insert(AuthorizerTrace {
        name: name.to_owned(),
        identity: identity_key(&identity),
        ..AuthorizerTrace::default()
    });
    let answer = match cached {
        Some((answer, age)) => {
            trace.cache_age = Some(age);
            answer
        }
        None => {
            trace.authorizer_called = true;
            let event = authorizer_event(guard.kind, &arn, &identity, context);
            let answer = Arc::new(call(guard, event, now, functions, authorizer).await?);
            locked(&loaded.cache).put(name, identity, &answer, guard.ttl, now);
            answer
        }
    };
    let verdict = evaluate(&answer, &arn, context, now);
    record(authorizer, &answer, verdict);
    add_to_context(context, &answer);
    let policy = trace
        .cache_age
        .map_or_else(|| "policy".to_owned(), |age| format!("cached policy (age {age}s)"));
    let admitted = decide(verdict, &policy, name, context)?;
    Ok((admitted, answer))
}

/// Returns the authorizer of a scheme, and the method ARN and the identity of a request.
fn identified<'a>(
    loaded: &'a LoadedApi,
    name: &str,
    context: &Context<'_>,
) -> Result<(&'a LocalAuthorizer, String, Vec<String>), Refusal> {
    let guard = loaded.guards.get(name).ok_or_else(|| {
        let reason = format!("there is nobody to ask for `{name}` here");
        Refusal::new(RefusalKind::AuthorizerConfigurationError, reason)
    })?;
    let arn = method_arn(&loaded.api.stage, &context.head.method, &context.head.path);
    if arn.len() > MAX_ARN_BYTES {
        let reason = format!("the ARN of what is called has {} bytes", arn.len());
        return Err(Refusal::new(RefusalKind::PathTooLong, reason));
    }
    let identity =
        identity(&guard.identity, guard.validation.as_ref(), context).map_err(|reason| {
            let reason = format!("{reason}; the authorizer was not asked");
            Refusal::new(RefusalKind::Unauthorized, reason)
        })?;
    Ok((guard, arn, identity))
}

/// Calls an authorizer, and records the call.
async fn call(
    guard: &LocalAuthorizer,
    event: Json,
    now: UnixTime,
    functions: &Functions,
    trace: &mut AuthorizerTrace,
) -> Result<ParsedPolicy, Refusal> {
    let started = clock::instant();
    let (invocation, decision) = guard.invoke(&event.to_string(), now, functions).await;
    trace.milliseconds = Some(started.elapsed().as_millis());
    trace.event = Some(masked(event, &guard.identity));
    answer(&trace.name, invocation, decision.as_ref())
}

/// Reads the answer of an authorizer.
fn answer(
    name: &str,
    invocation: Invocation,
    decision: Option<&Decision>,
) -> Result<ParsedPolicy, Refusal> {
    let detail = || decision.and_then(|decision| decision.detail.as_deref());
    match invocation {
        Invocation::Succeeded(text) => ParsedPolicy::parse(&text).map_err(|error| {
            let reason = format!("{name}: {error}");
            Refusal::new(RefusalKind::AuthorizerConfigurationError, reason)
        }),
        // Byte for byte: any other message is a failure.
        Invocation::Failed { message, .. } if message == "Unauthorized" => Err(Refusal::new(
            RefusalKind::Unauthorized,
            format!("{name} refuses the token: {}", detail().unwrap_or("it does not say reason")),
        )),
        Invocation::Failed { message, .. } => Err(Refusal::new(
            RefusalKind::AuthorizerFailure,
            format!("{name} failed: {}", detail().unwrap_or(&message)),
        )),
        Invocation::NotInvocable(cause) => Err(Refusal::new(
            RefusalKind::AuthorizerConfigurationError,
            format!("{name} cannot be invoked: {cause}"),
        )),
    }
}

fn evaluate<'a>(
    answer: &'a ParsedPolicy,
    arn: &str,
    context: &Context<'_>,
    now: UnixTime,
) -> Verdict<'a> {
    answer.evaluate(&RequestContext {
        method_arn: arn,
        source_ip: &context.head.source_ip,
        user_agent: context.header("user-agent"),
        referer: context.header("referer"),
        now,
    })
}

/// Records the answer, and the statement and resource that decided.
fn record(trace: &mut AuthorizerTrace, answer: &ParsedPolicy, verdict: Verdict<'_>) {
    let matched = match verdict {
        Verdict::Allowed(matched) | Verdict::ExplicitlyDenied(matched) => Some(matched),
        Verdict::ImplicitlyDenied => None,
    };
    trace.response = serde_json::from_str(&answer.text).ok();
    trace.statement = matched.map(|matched| matched.index);
    trace.resource = matched.and_then(|matched| matched.resource).map(str::to_owned);
}

/// Adds `$context.authorizer.…`.
fn add_to_context(context: &mut Context<'_>, answer: &ParsedPolicy) {
    let known = context.more.to_mut();
    known.insert("authorizer.principalId".to_owned(), answer.principal.clone());
    known.extend(
        answer.context.iter().map(|(name, value)| (format!("authorizer.{name}"), value.clone())),
    );
}

/// Returns why a verdict admits the request, or the refusal.
fn decide(
    verdict: Verdict<'_>,
    policy: &str,
    name: &str,
    context: &Context<'_>,
) -> Result<String, Refusal> {
    let needs = || match context.found.map(|found| &found.route.security) {
        Some(Security::Jwt { requirement, .. }) => format!("needs scope {requirement}"),
        _ => "it is not in the policy".to_owned(),
    };
    match verdict {
        Verdict::Allowed(matched) => Ok(format!("{policy} of {name} grants {}", in_stage(matched))),
        Verdict::ExplicitlyDenied(matched) => Err(Refusal::new(
            RefusalKind::AccessDeniedExplicitly,
            format!("{policy} of {name} denies {}: {}", in_stage(matched), needs()),
        )),
        Verdict::ImplicitlyDenied => Err(Refusal::new(
            RefusalKind::AccessDenied,
            format!("{policy} of {name} does not grant it: {}", needs()),
        )),
    }
}

/// Returns the part of the matching resource that follows the stage.
fn in_stage(matched: MatchedStatement<'_>) -> &str {
    let Some(resource) = matched.resource else { return "it by NotResource" };
    resource.splitn(3, '/').last().unwrap_or(resource)
}
