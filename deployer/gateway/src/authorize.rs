//! The authorization of a request: identity, cached or new result, and the policy's decision.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

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
use super::sync::lock;
use super::template::Context;
use super::trace::{AuthorizerTrace, RequestTrace, identity_fingerprint, masked};
use crate::clock;
use compiler::api::Security;

/// The longest method ARN.
const MAX_ARN_BYTES: usize = 1_600;

/// Returns the reason the caller's policy allows the request, and the policy; or the refusal. Adds
/// the authorizer's context to the request's.
pub(super) async fn authorize(
    loaded: &LoadedApi,
    name: &str,
    functions: &Functions,
    context: &mut Context<'_>,
    trace: &mut RequestTrace,
) -> Result<(String, Arc<ParsedPolicy>), Refusal> {
    let (target, arn, identity) = identify(loaded, name, context)?;
    let now = UnixTime::from_system(SystemTime::from(context.head.time.0));
    let cached = lock(&loaded.cache).get(name, &identity, now);
    let authorizer_trace = trace.authorizer.insert(AuthorizerTrace {
        name: name.to_owned(),
        identity: identity_fingerprint(&identity),
        ..AuthorizerTrace::default()
    });
    let policy = match cached {
        Some((policy, age)) => {
            trace.cache_age = Some(age);
            policy
        }
        None => {
            trace.authorizer_invoked = true;
            let event = authorizer_event(target.kind, &arn, &identity, context);
            let policy = Arc::new(invoke(target, event, now, functions, authorizer_trace).await?);
            lock(&loaded.cache).put(name, identity, &policy, target.ttl, now);
            policy
        }
    };
    let verdict = evaluate(&policy, &arn, context, now);
    record(authorizer_trace, &policy, verdict);
    add_to_context(context, &policy);
    trace.variables.clone_from(&context.added);
    let source = trace.cache_age.map_or_else(
        || "policy".to_owned(),
        |age| {
            let cached_at = now.minus(Duration::from_secs(age.unsigned_abs()));
            cached_source(age, verdict, evaluate(&policy, &arn, context, cached_at))
        },
    );
    let admitted = decide(verdict, &source, name, context)?;
    Ok((admitted, policy))
}

/// Returns the authorizer of a scheme, and the method ARN and the identity of a request.
fn identify<'a>(
    loaded: &'a LoadedApi,
    name: &str,
    context: &Context<'_>,
) -> Result<(&'a LocalAuthorizer, String, Vec<String>), Refusal> {
    let authorizer = loaded.authorizers.get(name).ok_or_else(|| {
        let reason = format!("no authorizer is available for `{name}`");
        Refusal::new(RefusalKind::AuthorizerConfigurationError, reason)
    })?;
    let arn = method_arn(&loaded.api.stage, &context.head.method, &context.head.path);
    if arn.len() > MAX_ARN_BYTES {
        let reason = format!("method ARN is {} bytes: expected at most {MAX_ARN_BYTES}", arn.len());
        return Err(Refusal::new(RefusalKind::PathTooLong, reason));
    }
    let identity = identity(&authorizer.identity, authorizer.validation.as_ref(), context)
        .map_err(|reason| {
            let reason = format!("{reason}; the authorizer was not invoked");
            Refusal::new(RefusalKind::Unauthorized, reason)
        })?;
    Ok((authorizer, arn, identity))
}

/// Invokes an authorizer, and traces the call.
async fn invoke(
    authorizer: &LocalAuthorizer,
    event: Json,
    now: UnixTime,
    functions: &Functions,
    trace: &mut AuthorizerTrace,
) -> Result<ParsedPolicy, Refusal> {
    let started = clock::instant();
    let (invoked, decision) = authorizer.invoke(&event.to_string(), now, functions).await;
    trace.request_id = invoked.request_id;
    trace.milliseconds = Some(started.elapsed().as_millis());
    trace.event = Some(masked(event, &authorizer.secrets()));
    parse_response(&trace.name, invoked.outcome, decision.as_ref())
}

/// Parses the response of an authorizer.
fn parse_response(
    name: &str,
    invocation: Invocation,
    decision: Option<&Decision>,
) -> Result<ParsedPolicy, Refusal> {
    let detail = || decision.and_then(|decision| decision.detail.as_deref());
    match invocation {
        Invocation::Succeeded(text) => ParsedPolicy::parse(&text).map_err(|error| {
            let reason = format!("authorizer `{name}`: {error}");
            Refusal::new(RefusalKind::AuthorizerConfigurationError, reason)
        }),
        // Byte for byte: any other message is a failure.
        Invocation::Failed { message, .. } if message == "Unauthorized" => Err(Refusal::new(
            RefusalKind::Unauthorized,
            format!(
                "authorizer `{name}` rejected the token: {}",
                detail().unwrap_or("its log has the reason")
            ),
        )),
        Invocation::Failed { message, .. } => Err(Refusal::new(
            RefusalKind::AuthorizerFailure,
            format!("authorizer `{name}` failed: {}", detail().unwrap_or(&message)),
        )),
        Invocation::NotInvocable(cause) => Err(Refusal::new(
            RefusalKind::AuthorizerConfigurationError,
            format!("authorizer `{name}` cannot be invoked: {cause}"),
        )),
    }
}

fn evaluate<'a>(
    policy: &'a ParsedPolicy,
    arn: &str,
    context: &Context<'_>,
    now: UnixTime,
) -> Verdict<'a> {
    policy.evaluate(&RequestContext {
        method_arn: arn,
        source_ip: &context.head.source_ip,
        user_agent: context.header("user-agent"),
        referer: context.header("referer"),
        now,
    })
}

/// Names a cached policy. A Deny that did not apply when the policy was cached is that of an expired
/// token.
fn cached_source(age: i64, now: Verdict<'_>, when_cached: Verdict<'_>) -> String {
    let is_denied = |verdict| matches!(verdict, Verdict::ExplicitlyDenied(_));
    if is_denied(now) && !is_denied(when_cached) {
        format!("cached policy (age {age} s, token expired)")
    } else {
        format!("cached policy (age {age} s)")
    }
}

/// Traces the response, and the statement and resource that decided.
fn record(trace: &mut AuthorizerTrace, policy: &ParsedPolicy, verdict: Verdict<'_>) {
    let matched = match verdict {
        Verdict::Allowed(matched) | Verdict::ExplicitlyDenied(matched) => Some(matched),
        Verdict::ImplicitlyDenied => None,
    };
    trace.response = serde_json::from_str(&policy.text).ok();
    trace.statement = matched.map(|matched| matched.index);
    trace.resource = matched.and_then(|matched| matched.resource).map(str::to_owned);
}

/// Adds `$context.authorizer.…`.
fn add_to_context(context: &mut Context<'_>, policy: &ParsedPolicy) {
    let added = context.added.to_mut();
    added.insert("authorizer.principalId".to_owned(), policy.principal.clone());
    added.extend(
        policy.context.iter().map(|(name, value)| (format!("authorizer.{name}"), value.clone())),
    );
}

/// Returns the reason a verdict admits the request, or the refusal.
fn decide(
    verdict: Verdict<'_>,
    source: &str,
    name: &str,
    context: &Context<'_>,
) -> Result<String, Refusal> {
    let cause = || match context.found.map(|found| &found.route.security) {
        // The policy of a token that no route is open to. Its `reason` is that of every route.
        _ if is_forbidden(context) => {
            ": the token's client is not allowed, or a claim requirement is not satisfied"
                .to_owned()
        }
        Some(Security::Jwt { requirement, .. }) => match requirement.to_string() {
            scopes if scopes.is_empty() => String::new(),
            scopes => format!(": requires scope {scopes}"),
        },
        _ => String::new(),
    };
    match verdict {
        Verdict::Allowed(matched) => {
            Ok(format!("{source} of `{name}` allows {}", resource_in_stage(matched)))
        }
        Verdict::ExplicitlyDenied(matched) => Err(Refusal::new(
            RefusalKind::AccessDeniedExplicitly,
            format!("{source} of `{name}` denies {}{}", resource_in_stage(matched), cause()),
        )),
        Verdict::ImplicitlyDenied => Err(Refusal::new(
            RefusalKind::AccessDenied,
            format!("{source} of `{name}` does not allow the request{}", cause()),
        )),
    }
}

fn is_forbidden(context: &Context<'_>) -> bool {
    context.added.get("authorizer.reason").is_some_and(|reason| reason == "forbidden")
}

/// Returns the part of the matching resource that follows the stage.
fn resource_in_stage(matched: MatchedStatement<'_>) -> &str {
    let Some(resource) = matched.resource else { return "the request by `NotResource`" };
    resource.splitn(3, '/').last().unwrap_or(resource)
}

#[cfg(test)]
mod tests {
    use authorizer::UnixTime;

    use super::cached_source;
    use crate::policy::{ParsedPolicy, RequestContext};

    #[test]
    fn a_cached_policy_that_ended_with_its_token_is_named() {
        let arn = "arn:aws:execute-api:eu-west-1:123456789012:local/dev/GET/pets";
        let policy = ParsedPolicy::parse(
            r#"{"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"},
                {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": "*",
                 "Condition": {"DateGreaterThan": {"aws:CurrentTime": "1970-01-01T00:01:40Z"}}}
            ]}}"#,
        )
        .unwrap();
        let verdict = |seconds| {
            let now = UnixTime::from_seconds(seconds);
            let (source_ip, user_agent, referer) = ("127.0.0.1", None, None);
            policy.evaluate(&RequestContext {
                method_arn: arn,
                source_ip,
                user_agent,
                referer,
                now,
            })
        };
        let source = |cached, now| cached_source(now - cached, verdict(now), verdict(cached));
        assert_eq!(source(90, 100), "cached policy (age 10 s)");
        assert_eq!(source(90, 101), "cached policy (age 11 s, token expired)");
        assert_eq!(source(101, 102), "cached policy (age 1 s)");
    }
}
