//! The authorizer's result cache: the *policy* is kept for an identity and judged again for
//! every request. Nothing here reads the clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authorizer::UnixTime;

use super::policy::ParsedPolicy;

/// The maximum number of entries; beyond it, expired ones are removed, and then all.
const MAX_ENTRIES: usize = 10_000;

/// Results by authorizer and identity.
#[derive(Debug, Default)]
pub struct Cache(BTreeMap<(String, Vec<String>), Held>);

#[derive(Debug)]
struct Held {
    answer: Arc<ParsedPolicy>,
    stored: UnixTime,
    expires: UnixTime,
}

impl Cache {
    /// Returns the cached result for an identity, and its age in seconds.
    pub fn get(
        &self,
        authorizer: &str,
        identity: &[String],
        now: UnixTime,
    ) -> Option<(Arc<ParsedPolicy>, i64)> {
        let held = self.0.get(&(authorizer.to_owned(), identity.to_owned()))?;
        let age = now.seconds() - held.stored.seconds();
        (age >= 0 && now < held.expires).then(|| (Arc::clone(&held.answer), age))
    }

    /// Returns the number of entries, including expired ones.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Caches a result for `ttl` seconds; does not for a TTL of 0, nor without identity sources,
    /// which tell callers apart.
    pub fn put(
        &mut self,
        authorizer: &str,
        identity: Vec<String>,
        answer: &Arc<ParsedPolicy>,
        ttl: u32,
        now: UnixTime,
    ) {
        if ttl == 0 || identity.is_empty() {
            return;
        }
        if self.0.len() >= MAX_ENTRIES {
            self.0.retain(|_, held| now < held.expires);
        }
        if self.0.len() >= MAX_ENTRIES {
            self.0.clear();
        }
        let expires = now.plus(Duration::from_secs(ttl.into()));
        let held = Held { answer: Arc::clone(answer), stored: now, expires };
        self.0.insert((authorizer.to_owned(), identity), held);
    }
}
