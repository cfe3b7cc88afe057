//! The key cache of one issuer, which decides from its state and `now` alone.
//!
//! `now` is wall-clock time: Lambda freezes the process between invocations, and its monotonic
//! clock with it.

use std::sync::Arc;
use std::time::Duration;

use super::bounded_max_age;
use super::fetch::FetchError;
use crate::jwk::KeySet;
use crate::time::UnixTime;

/// The minimum time between fetches, even if the issuer forbids caching.
pub const MIN_MAX_AGE: Duration = Duration::from_mins(1);

/// The minimum time between fetches caused by an unknown `kid`, which any client can send.
pub const UNKNOWN_KID_INTERVAL: Duration = Duration::from_secs(30);

/// The maximum backoff after failed fetches. It starts at one second and doubles; after a timeout,
/// which blocks the function for the whole deadline, it is the maximum at once.
pub const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The tolerance for a clock that is set back: a set read further in the future is expired.
const CLOCK_STEP: Duration = Duration::from_mins(1);

/// The cached key set of one issuer and the state of its fetches.
#[derive(Debug)]
pub struct Cache {
    max_age: Duration,
    stale_for: Duration,
    cached: Option<CachedKeySet>,
    failure: Option<Failure>,
    unknown_kid_from: Option<UnixTime>,
    generation: u64,
}

#[derive(Debug)]
struct CachedKeySet {
    set: Arc<KeySet>,
    read_at: UnixTime,
    max_age: Duration,
}

/// The result of a successful fetch.
#[derive(Debug)]
pub struct Refreshed {
    /// The new set; `None` if the cached one is unchanged.
    pub set: Option<KeySet>,
    /// `max-age` of the issuer's response.
    pub max_age: Option<Duration>,
}

#[derive(Debug)]
struct Failure {
    cause: FetchError,
    retry_from: UnixTime,
    backoff: Duration,
}

/// The result of a cache lookup.
#[derive(Debug)]
pub enum Lookup {
    /// Use this set.
    Hit(Arc<KeySet>),
    /// Use this set, which is past its maximum age, because the issuer is unavailable.
    Stale(Arc<KeySet>),
    /// Fetch, then look up again.
    Fetch,
    /// The set does not contain the key, and [`UNKNOWN_KID_INTERVAL`] has not passed.
    CoolingDown(Arc<KeySet>),
    /// No usable set, and the reason.
    Unavailable(FetchError),
}

impl Cache {
    /// Creates an empty cache. A key that the issuer removes is used for at most `max_age`, plus
    /// `stale_for` while the issuer is unavailable.
    pub fn new(max_age: Duration, stale_for: Duration) -> Self {
        Self {
            max_age,
            stale_for,
            cached: None,
            failure: None,
            unknown_kid_from: None,
            generation: 0,
        }
    }

    /// Stores a set of the configuration, with its own lifetime.
    pub fn bundle(&mut self, set: KeySet, read_at: UnixTime, lifetime: Duration) {
        self.cached = Some(CachedKeySet { set: Arc::new(set), read_at, max_age: lifetime });
    }

    /// Looks up the key set for a token with this `kid`.
    pub fn lookup(&self, kid: Option<&str>, now: UnixTime) -> Lookup {
        match self.lookup_without_fetch(kid, now) {
            hit @ Lookup::Hit(_) => hit,
            _ if self.can_fetch(now) => Lookup::Fetch,
            other => other,
        }
    }

    /// Looks up the key set without causing a fetch.
    pub fn lookup_without_fetch(&self, kid: Option<&str>, now: UnixTime) -> Lookup {
        let usable = |cached: &CachedKeySet| kid.is_none_or(|kid| cached.set.contains(kid));
        match (self.cached.as_ref(), self.failure.as_ref()) {
            (Some(cached), _) if cached.is_fresh(now) && usable(cached) => {
                Lookup::Hit(Arc::clone(&cached.set))
            }
            (Some(cached), Some(_))
                if cached.is_usable_stale(self.stale_for, now) && usable(cached) =>
            {
                Lookup::Stale(Arc::clone(&cached.set))
            }
            // The key may be new and not fetched yet, so the token cannot be rejected.
            (_, Some(failure)) => Lookup::Unavailable(failure.cause.clone()),
            (Some(cached), None) if cached.is_fresh(now) => {
                Lookup::CoolingDown(Arc::clone(&cached.set))
            }
            (_, None) => Lookup::Unavailable(FetchError::NeverFetched),
        }
    }

    fn can_fetch(&self, now: UnixTime) -> bool {
        // A clock that was set back makes no pause longer.
        let is_over =
            |from: UnixTime, pause| now >= from || from > now.plus(pause).plus(CLOCK_STEP);
        if let Some(failure) = &self.failure {
            return is_over(failure.retry_from, MAX_BACKOFF);
        }
        let fresh = self.cached.as_ref().is_some_and(|cached| cached.is_fresh(now));
        !fresh || self.unknown_kid_from.is_none_or(|from| is_over(from, UNKNOWN_KID_INTERVAL))
    }

    /// Records the start of a fetch.
    pub fn begin_fetch(&mut self, now: UnixTime) {
        // With a fresh set, only an unknown `kid` causes a fetch.
        if self.cached.as_ref().is_some_and(|cached| cached.is_fresh(now)) {
            self.unknown_kid_from = Some(now.plus(UNKNOWN_KID_INTERVAL));
        }
    }

    /// Records the result of a fetch: `now` is the start of a successful one and the end of a failed
    /// one. After a failure the old set remains.
    pub fn end_fetch(&mut self, result: Result<Refreshed, FetchError>, now: UnixTime) {
        match result {
            Ok(Refreshed { set, max_age }) => {
                let max_age = bounded_max_age(max_age, self.max_age);
                self.generation = self.generation.saturating_add(1);
                let generation = self.generation;
                let current = || self.cached.as_ref().map(|cached| Arc::clone(&cached.set));
                if let Some(set) =
                    set.map(|set| Arc::new(set.with_generation(generation))).or_else(current)
                {
                    self.cached = Some(CachedKeySet { set, read_at: now, max_age });
                }
                self.failure = None;
            }
            Err(cause) => {
                let previous = self.failure.as_ref().map(|failure| failure.backoff);
                let backoff = match (&cause, previous) {
                    (FetchError::Timeout { .. }, _) => MAX_BACKOFF,
                    (_, Some(previous)) => previous.saturating_mul(2).min(MAX_BACKOFF),
                    (_, None) => Duration::from_secs(1),
                };
                self.failure = Some(Failure { cause, retry_from: now.plus(backoff), backoff });
            }
        }
    }
}

impl CachedKeySet {
    fn is_fresh(&self, now: UnixTime) -> bool {
        self.is_within(self.max_age, now)
    }

    fn is_usable_stale(&self, stale_for: Duration, now: UnixTime) -> bool {
        self.is_within(self.max_age.saturating_add(stale_for), now)
    }

    fn is_within(&self, age: Duration, now: UnixTime) -> bool {
        now < self.read_at.plus(age) && self.read_at <= now.plus(CLOCK_STEP)
    }
}
