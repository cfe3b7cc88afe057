//! The keys of the configured issuers: a pure cache an issuer, one fetch at a time.
//!
//! No lock is held while the network is waited for. Callers who need the same fetch share it.

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

type Fetching = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The keys of one issuer.
#[derive(Clone)]
pub(crate) struct Keys(Arc<Inner>);

/// The source of the key set that a token is checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySource {
    /// The issuer, by a fetch of this call's or of a concurrent one's.
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
    /// Where the held set came from and the entity tag it had there.
    validator: Option<(String, String)>,
    flight: Option<WeakShared<Fetching>>,
}

impl Keys {
    /// Prepares for an issuer's keys. Bundled ones are at hand at once.
    pub(crate) fn of(issuer: &Issuer, fetch: Arc<dyn Fetch>) -> Self {
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
            state: Mutex::new(State { cache, validator: None, flight: None }),
        }))
    }

    /// Returns a key set that may be used now and, unless the issuer has none of that name,
    /// holds the key `kid`.
    pub(crate) async fn set(
        &self,
        kid: Option<&str>,
        now: UnixTime,
    ) -> Result<(Arc<KeySet>, KeySource), Fault> {
        let first = self.0.state().cache.lookup(kid, now);
        let asked = matches!(first, Lookup::Fetch);
        let lookup = if asked {
            self.flight(now).await;
            self.0.state().cache.lookup_without_fetch(kid, now)
        } else {
            first
        };
        let source = if asked { KeySource::Fetched } else { KeySource::Cached };
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

    /// Joins the fetch that is under way, or starts one.
    fn flight(&self, now: UnixTime) -> Shared<Fetching> {
        let mut state = self.0.state();
        if let Some(flight) = state.flight.as_ref().and_then(WeakShared::upgrade)
            && flight.peek().is_none()
        {
            return flight;
        }
        state.cache.begin_fetch(now);
        let inner = Arc::clone(&self.0);
        let flight = async move {
            let result = inner.read().await;
            inner.state().cache.end_fetch(result, now);
        };
        let flight = flight.boxed().shared();
        state.flight = flight.downgrade();
        flight
    }
}

impl Inner {
    /// A panic while the lock was held cannot have left the cache half-written.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) -> Result<Refreshed, FetchError> {
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
            // Nobody asked whether it changed.
            FetchResponse::Unchanged { .. } => Err(FetchError::NotMetadata),
        }
    }
}

/// Bounds what an issuer says about how long its answer may be used.
pub(crate) fn bounded_max_age(asked: Option<Duration>, most: Duration) -> Duration {
    asked.map_or(most, |asked| asked.clamp(cache::MIN_MAX_AGE, most))
}
