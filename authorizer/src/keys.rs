//! The keys of the configured issuers: a pure cache a issuer, one fetch at a time.
//!
//! No lock is held while the network is waited for. Callers who need the same fetch share it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use crate::config::Issuer;
use crate::error::Fault;
use crate::jwk::KeySet;
use crate::keys::cache::{Cache, Lookup};
use crate::signature::Algorithm;
use crate::time::UnixTime;

pub mod cache;
pub mod discovery;
pub mod fetch;

use fetch::{Fetch, FetchError};

type Flight = Shared<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// The keys of one issuer.
#[derive(Clone)]
pub(crate) struct Keys(Arc<Inner>);

struct Inner {
    issuer: String,
    jwks_uri: Option<String>,
    algorithms: Vec<Algorithm>,
    fetch: Arc<dyn Fetch>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cache: Cache,
    flight: Option<WeakShared<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Keys {
    pub(crate) fn of(issuer: &Issuer, fetch: Arc<dyn Fetch>) -> Self {
        Self(Arc::new(Inner {
            issuer: issuer.issuer().to_owned(),
            jwks_uri: issuer.jwks_uri().map(str::to_owned),
            algorithms: issuer.algorithms().to_vec(),
            fetch,
            state: Mutex::default(),
        }))
    }

    /// Returns a key set that may be used now and, unless the issuer has none of that name,
    /// holds the key `kid`.
    pub(crate) async fn set(&self, kid: Option<&str>, now: UnixTime) -> Result<Arc<KeySet>, Fault> {
        let first = self.0.state().cache.lookup(kid, now);
        let lookup = if let Lookup::Fetch = first {
            self.flight(now).await;
            self.0.state().cache.lookup_without_fetch(kid, now)
        } else {
            first
        };
        match lookup {
            Lookup::Hit(set) | Lookup::Stale(set) | Lookup::CoolingDown(set) => Ok(set),
            Lookup::Unavailable(cause) => Err(self.unavailable(cause.to_string())),
            Lookup::Fetch => Err(self.unavailable("the fetch ended without a result".to_owned())),
        }
    }

    fn unavailable(&self, cause: String) -> Fault {
        Fault::KeysUnavailable { issuer: self.0.issuer.clone(), cause }
    }

    /// Joins the fetch that is under way, or starts one.
    fn flight(&self, now: UnixTime) -> Flight {
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

    async fn read(&self) -> Result<KeySet, FetchError> {
        let uri = if let Some(uri) = &self.jwks_uri {
            uri.clone()
        } else {
            let document = self.fetch.get(&discovery::uri(&self.issuer)).await?;
            discovery::jwks_uri(&document, &self.issuer)?
        };
        Ok(KeySet::read(&self.fetch.get(&uri).await?, &self.algorithms)?)
    }
}
