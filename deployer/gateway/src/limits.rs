//! Limits on the rate of requests: the stage's throttle, and API keys with their usage plan.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::gateway_response::{Refusal, RefusalKind};
use super::policy::ParsedPolicy;
use super::request::RequestHead;
use super::sync::lock;
use super::template::Context;
use super::throttle::Usage;
use compiler::api::{Api, Route};

/// The accepted API keys, and the usage of every limit.
pub(super) struct Limits {
    keys: BTreeSet<String>,
    usage: Mutex<Usage>,
}

impl Limits {
    /// Creates limits without usage that accept these API keys.
    pub(super) fn new(keys: BTreeSet<String>) -> Self {
        Self { keys, usage: Mutex::default() }
    }

    /// Applies the stage's throttle, which is counted for each method; a limit of the operation
    /// takes precedence.
    pub(super) fn throttle(
        &self,
        api: &Api,
        route: &Route,
        head: &RequestHead,
    ) -> Result<(), Refusal> {
        let name = route.to_string();
        let own = api.stage_settings.routes.get(&route.into()).copied();
        let Some(limit) = own.or(api.stage_settings.throttle) else { return Ok(()) };
        if lock(&self.usage).take(&name, limit, head.time.0) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::Throttled,
            format!("`{name}` is over its rate limit: {limit}"),
        ))
    }

    /// Checks the API key, from the header or from the authorizer's response, and applies its usage
    /// plan.
    pub(super) fn api_key(
        &self,
        context: &Context<'_>,
        policy: Option<&ParsedPolicy>,
    ) -> Result<(), Refusal> {
        let api = context.api;
        let invalid = |reason: &str| Err(Refusal::new(RefusalKind::InvalidApiKey, reason));
        let key = if api.settings.key_from_authorizer {
            policy.and_then(|policy| policy.usage_key.as_deref())
        } else {
            context.header("x-api-key")
        };
        let Some(key) = key else { return invalid("missing API key") };
        if !self.keys.contains(key) {
            return invalid("unknown API key");
        }
        let Some(plan) = &api.usage_plan else { return Ok(()) };
        let now = context.head.time.0;
        let mut usage = lock(&self.usage);
        // No method is named `key`, so no route has this name.
        let name = format!("key {key}");
        if plan.throttle.is_some_and(|limit| !usage.take(&name, limit, now)) {
            let reason = "API key is over its rate limit";
            return Err(Refusal::new(RefusalKind::Throttled, reason));
        }
        if plan.quota.as_ref().is_some_and(|quota| !usage.count(&name, quota, now)) {
            let reason = "API key is over its quota";
            return Err(Refusal::new(RefusalKind::QuotaExceeded, reason));
        }
        Ok(())
    }
}
