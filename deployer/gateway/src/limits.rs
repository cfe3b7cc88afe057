//! Limits on the rate of requests: the stage's throttle, and API keys with their usage plan.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::gateway_response::{Refusal, RefusalKind};
use super::policy::ParsedPolicy;
use super::request::RequestHead;
use super::sync::locked;
use super::template::Context;
use super::throttle::Usage;
use compiler::api::{Api, Route};

/// The known API keys, and what was used of every limit.
pub(super) struct Limits {
    keys: BTreeSet<String>,
    usage: Mutex<Usage>,
}

impl Limits {
    /// Starts with nothing used; accepts these API keys.
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
        if locked(&self.usage).take(&name, limit, head.time.0) {
            return Ok(());
        }
        Err(Refusal::new(RefusalKind::Throttled, format!("{name} is limited to {limit}")))
    }

    /// Checks the API key, from the header or from the authorizer's answer, and applies its usage
    /// plan.
    pub(super) fn api_key(
        &self,
        context: &Context<'_>,
        answer: Option<&ParsedPolicy>,
    ) -> Result<(), Refusal> {
        let api = context.api;
        let refused = |reason: &str| Err(Refusal::new(RefusalKind::InvalidApiKey, reason));
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
        // No method is called `key`: this is not the name of a route.
        let name = format!("key {key}");
        if plan.throttle.is_some_and(|limit| !usage.take(&name, limit, now)) {
            let reason = "the API key was used too often in a moment";
            return Err(Refusal::new(RefusalKind::Throttled, reason));
        }
        if plan.quota.as_ref().is_some_and(|quota| !usage.count(&name, quota, now)) {
            let reason = "the API key was used too often in its period";
            return Err(Refusal::new(RefusalKind::QuotaExceeded, reason));
        }
        Ok(())
    }
}
