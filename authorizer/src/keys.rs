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
use tokio::time::{Instant, timeout};

use crate::error::Fault;
use crate::issuer::Issuer;
use crate::jwk::KeySet;
use crate::signature::Algorithm;
use crate::time::UnixTime;

pub mod address;
pub mod cache;
mod client;
pub mod discovery;
pub mod download;
pub mod fetch;
mod origin;
pub mod proxy;

use cache::{Cache, Lookup, Refreshed};
use fetch::{DocumentRequest, Fetch, FetchError, FetchResponse};
use origin::Origin;

/// The deadline of a fetch: metadata, key set and retries together. API Gateway waits at most 29 s
/// for an authorizer.
pub const DEADLINE: Duration = Duration::from_secs(3);

/// The maximum duration of [`Authorizer::prefetch`](crate::Authorizer::prefetch). Lambda ends an
/// INIT of 10 s.
pub const PREFETCH_LIMIT: Duration = Duration::from_secs(2);

/// A timer that ends this much too late: the process was suspended meanwhile, so the issuer did not
/// cause the timeout.
const SUSPENSION: Duration = Duration::from_secs(1);

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
    origin: Origin,
    algorithms: Vec<Algorithm>,
    state: Mutex<State>,
}

struct State {
    cache: Cache,
    /// The URL and the entity tag of the cached set, for conditional requests.
    validator: Option<(String, String)>,
    in_flight: Option<InFlight>,
}

struct InFlight {
    started: UnixTime,
    fetch: WeakShared<SharedFetch>,
}

impl InFlight {
    /// Returns the fetch if it has not ended, and is within its deadline at `now`.
    fn join(&self, now: UnixTime) -> Option<Shared<SharedFetch>> {
        let ends = self.started.plus(DEADLINE.saturating_add(SUSPENSION));
        let fetch = self.fetch.upgrade().filter(|fetch| fetch.peek().is_none())?;
        (self.started <= now && now <= ends).then_some(fetch)
    }
}

impl IssuerKeys {
    /// Creates the key cache of an issuer, with its bundled keys.
    pub(crate) fn new(issuer: &Issuer, fetch: Arc<dyn Fetch>) -> Self {
        let mut cache = Cache::new(issuer.key_max_age, issuer.keys_stale_for);
        if let Some(bundled) = &issuer.bundled
            && let Ok(set) = KeySet::read(&bundled.document, issuer.algorithms())
        {
            cache.bundle(set, bundled.read_at, bundled.lifetime);
        }
        Self(Arc::new(Inner {
            origin: Origin::new(issuer, fetch),
            algorithms: issuer.algorithms().to_vec(),
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
        let first = self.lookup(kid, now);
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

    /// Fetches the keys unless they are cached, for at most [`PREFETCH_LIMIT`]. A fetch that takes
    /// longer is dropped and counts as failed.
    pub(crate) async fn prefetch(&self, now: UnixTime) {
        let started = Instant::now();
        if timeout(PREFETCH_LIMIT, self.set(None, now)).await.is_ok() {
            return;
        }
        let elapsed = started.elapsed();
        if elapsed < PREFETCH_LIMIT.saturating_add(SUSPENSION) {
            let late = Err(self.0.origin.late());
            self.0.state().cache.end_fetch(late, now.plus(elapsed));
        }
    }

    fn lookup(&self, kid: Option<&str>, now: UnixTime) -> Lookup {
        let cache = &self.0.state().cache;
        if self.0.origin.has_url() {
            return cache.lookup(kid, now);
        }
        match cache.lookup_without_fetch(kid, now) {
            Lookup::Unavailable(_) => Lookup::Unavailable(FetchError::BundledKeysExpired),
            bundled => bundled,
        }
    }

    fn unavailable(&self, cause: String) -> Fault {
        Fault::KeysUnavailable { issuer: self.0.origin.issuer().to_owned(), cause }
    }

    /// Returns the fetch in progress, or starts one.
    fn join_or_start_fetch(&self, now: UnixTime) -> Shared<SharedFetch> {
        let mut state = self.0.state();
        if let Some(fetch) = state.in_flight.as_ref().and_then(|in_flight| in_flight.join(now)) {
            return fetch;
        }
        state.cache.begin_fetch(now);
        let inner = Arc::clone(&self.0);
        let fetch = async move {
            let started = Instant::now();
            let result = inner.fetch_key_set().await;
            let now = if result.is_ok() { now } else { now.plus(started.elapsed()) };
            inner.state().cache.end_fetch(result, now);
        };
        let fetch = fetch.boxed().shared();
        state.in_flight = fetch.downgrade().map(|fetch| InFlight { started: now, fetch });
        fetch
    }
}

impl Inner {
    /// Ignores poisoning: a panic under the lock cannot leave the cache half-written.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the key set within [`DEADLINE`]. A process that was suspended during the fetch starts
    /// over: its connections are dead, and it had less time than the deadline.
    async fn fetch_key_set(&self) -> Result<Refreshed, FetchError> {
        let started = Instant::now();
        match self.fetch_within_deadline().await {
            Err(FetchError::Timeout { .. })
                if started.elapsed() >= DEADLINE.saturating_add(SUSPENSION) =>
            {
                self.fetch_within_deadline().await
            }
            result => result,
        }
    }

    async fn fetch_within_deadline(&self) -> Result<Refreshed, FetchError> {
        let result = timeout(DEADLINE, self.fetch_from_origin()).await;
        result.unwrap_or_else(|_| Err(self.origin.late()))
    }

    async fn fetch_from_origin(&self) -> Result<Refreshed, FetchError> {
        let (uri, addresses) = self.origin.locate().await?;
        let validator = self.state().validator.clone().filter(|(source, _)| *source == uri);
        let entity_tag = validator.as_ref().map(|(_, tag)| tag.as_str());
        match self.origin.get(DocumentRequest { url: &uri, addresses, entity_tag }).await? {
            FetchResponse::Unchanged { max_age } => Ok(Refreshed { set: None, max_age }),
            FetchResponse::Document { body, entity_tag, max_age } => {
                let set = KeySet::read(&body, &self.algorithms)?;
                self.state().validator = entity_tag.map(|tag| (uri, tag));
                Ok(Refreshed { set: Some(set), max_age })
            }
        }
    }
}

/// Limits the `max-age` of an issuer's response to [`cache::MIN_MAX_AGE`] and `maximum`.
pub(crate) fn bounded_max_age(max_age: Option<Duration>, maximum: Duration) -> Duration {
    max_age.map_or(maximum, |max_age| max_age.clamp(cache::MIN_MAX_AGE, maximum))
}
