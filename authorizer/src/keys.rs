//! The keys of the trusted issuers: one pure cache per issuer, one fetch at a time.
//!
//! No fetch runs under a lock. Concurrent callers share one fetch.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};
use serde::Serialize;

use crate::error::Fault;
use crate::issuer::Issuer;
use crate::jwk::KeySet;
use crate::signature::Algorithm;
use crate::time::UnixTime;

pub mod cache;
pub mod discovery;
pub mod fetch;

use cache::{Cache, Lookup, Refreshed};
use fetch::{Fetch, FetchError, FetchResponse};

type SharedFetch = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The keys of one issuer.
#[derive(Clone)]
pub(crate) struct IssuerKeys(Arc<Inner>);

/// The source of the key set that a token is checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySource {
    /// The issuer, by a fetch in this call or in a concurrent one.
    Fetched,
    /// The cache.
    Cached,
    /// The cache, past its maximum age, because the issuer is unavailable.
    Stale,
    /// None: the issuer is unavailable and the cache has no usable key set.
    Unavailable,
}

struct Inner {
    issuer: String,
    jwks_uri: Option<String>,
    algorithms: Vec<Algorithm>,
    fetch: Arc<dyn Fetch>,
    state: Mutex<State>,
}

struct State {
    cache: Cache,
    /// The URL and the entity tag of the cached set, for conditional requests.
    validator: Option<(String, String)>,
    in_flight: Option<WeakShared<SharedFetch>>,
}

impl IssuerKeys {
    /// Creates the key cache of an issuer, with its bundled keys.
    pub(crate) fn new(issuer: &Issuer, fetch: Arc<dyn Fetch>) -> Self {
        let mut cache = Cache::new(issuer.key_max_age);
        if let Some(bundled) = &issuer.bundled
            && let Ok(set) = KeySet::read(&bundled.document, issuer.algorithms())
        {
            cache.bundle(set, bundled.read_at, bundled.lifetime);
        }
        Self(Arc::new(Inner {
            issuer: issuer.issuer().to_owned(),
            jwks_uri: issuer.jwks_uri().map(str::to_owned),
            algorithms: issuer.algorithms().to_vec(),
            fetch,
            state: Mutex::new(State { cache, validator: None, in_flight: None }),
        }))
    }

    /// Returns a key set that is usable at `now`. It contains the key `kid`, unless the issuer
    /// published no such key at the last fetch.
    pub(crate) async fn set(
        &self,
        kid: Option<&str>,
        now: UnixTime,
    ) -> Result<(Arc<KeySet>, KeySource), Fault> {
        let first = self.0.state().cache.lookup(kid, now);
        let fetched = matches!(first, Lookup::Fetch);
        let lookup = if fetched {
            self.join_or_start_fetch(now).await;
            self.0.state().cache.lookup_without_fetch(kid, now)
        } else {
            first
        };
        let source = if fetched { KeySource::Fetched } else { KeySource::Cached };
        match lookup {
            Lookup::Hit(set) | Lookup::CoolingDown(set) => Ok((set, source)),
            Lookup::Stale(set) => Ok((set, KeySource::Stale)),
            Lookup::Unavailable(cause) => Err(self.unavailable(cause.to_string())),
            Lookup::Fetch => Err(self.unavailable("the fetch ended without a result".to_owned())),
        }
    }

    fn unavailable(&self, cause: String) -> Fault {
        Fault::KeysUnavailable { issuer: self.0.issuer.clone(), cause }
    }

    /// Returns the fetch in progress, or starts one.
    fn join_or_start_fetch(&self, now: UnixTime) -> Shared<SharedFetch> {
        let mut state = self.0.state();
        if let Some(in_flight) = state.in_flight.as_ref().and_then(WeakShared::upgrade)
            && in_flight.peek().is_none()
        {
            return in_flight;
        }
        state.cache.begin_fetch(now);
        let inner = Arc::clone(&self.0);
        let in_flight = async move {
            let result = inner.fetch_key_set().await;
            inner.state().cache.end_fetch(result, now);
        };
        let in_flight = in_flight.boxed().shared();
        state.in_flight = in_flight.downgrade();
        in_flight
    }
}

impl Inner {
    /// Ignores poisoning: a panic under the lock cannot leave the cache half-written.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch_key_set(&self) -> Result<Refreshed, FetchError> {
        let uri =
            if let Some(uri) = &self.jwks_uri { uri.clone() } else { self.discover().await? };
        let validator = self.state().validator.clone().filter(|(source, _)| *source == uri);
        let tag = validator.as_ref().map(|(_, tag)| tag.as_str());
        match self.fetch.get(&uri, tag).await? {
            FetchResponse::Unchanged { max_age } => Ok(Refreshed { set: None, max_age }),
            FetchResponse::Document { body, entity_tag, max_age } => {
                let set = KeySet::read(&body, &self.algorithms)?;
                self.state().validator = entity_tag.map(|tag| (uri, tag));
                Ok(Refreshed { set: Some(set), max_age })
            }
        }
    }

    async fn discover(&self) -> Result<String, FetchError> {
        match self.fetch.get(&discovery::uri(&self.issuer), None).await? {
            FetchResponse::Document { body, .. } => discovery::jwks_uri(&body, &self.issuer),
            // The request was not conditional.
            FetchResponse::Unchanged { .. } => Err(FetchError::InvalidMetadata),
        }
    }
}

/// Limits the `max-age` of an issuer's response to [`cache::MIN_MAX_AGE`] and `maximum`.
pub(crate) fn bounded_max_age(max_age: Option<Duration>, maximum: Duration) -> Duration {
    max_age.map_or(maximum, |max_age| max_age.clamp(cache::MIN_MAX_AGE, maximum))
}
