//! The authorizer result cache: the *policy* is cached for an identity and evaluated for every
//! request. Nothing here reads the clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authorizer::UnixTime;

use super::policy::ParsedPolicy;

/// The maximum number of entries; beyond it, expired ones are removed, and then all.
const MAX_ENTRIES: usize = 10_000;

/// Results by authorizer and identity.
#[derive(Debug, Default)]
pub struct Cache(BTreeMap<(String, Vec<String>), Entry>);

#[derive(Debug)]
struct Entry {
    policy: Arc<ParsedPolicy>,
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
        let entry = self.0.get(&(authorizer.to_owned(), identity.to_owned()))?;
        let age = now.seconds() - entry.stored.seconds();
        (age >= 0 && now < entry.expires).then(|| (Arc::clone(&entry.policy), age))
    }

    /// Returns the number of entries, including expired ones.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Caches a result for `ttl` seconds. Does nothing for a TTL of 0, nor without identity
    /// sources, which distinguish callers.
    pub fn put(
        &mut self,
        authorizer: &str,
        identity: Vec<String>,
        policy: &Arc<ParsedPolicy>,
        ttl: u32,
        now: UnixTime,
    ) {
        if ttl == 0 || identity.is_empty() {
            return;
        }
        if self.0.len() >= MAX_ENTRIES {
            self.0.retain(|_, entry| now < entry.expires);
        }
        if self.0.len() >= MAX_ENTRIES {
            self.0.clear();
        }
        let expires = now.plus(Duration::from_secs(ttl.into()));
        let entry = Entry { policy: Arc::clone(policy), stored: now, expires };
        self.0.insert((authorizer.to_owned(), identity), entry);
    }
}
