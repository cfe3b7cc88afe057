//! What to do about one issuer's keys, decided from what is held and `now` alone.
//!
//! The wall clock counts, not a monotonic one: a Lambda is frozen between calls and its
//! monotonic clock with it.

use std::sync::Arc;
use std::time::Duration;

use super::bounded_max_age;
use super::fetch::FetchError;
use crate::jwk::KeySet;
use crate::time::UnixTime;

/// An issuer that forbids caching altogether is asked no more often than this.
pub const MIN_MAX_AGE: Duration = Duration::from_mins(1);

/// How long an old key set still serves while the issuer cannot be asked.
pub const STALE_IF_ERROR: Duration = Duration::from_hours(1);

/// How often an unknown `kid` may cause a fetch: a stranger can send as many as they like.
pub const UNKNOWN_KID_INTERVAL: Duration = Duration::from_secs(30);

/// The longest pause after failures; the first is one second, each further one twice as long.
pub const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// How far the clock may step back before what was read "in the future" counts as too old.
const CLOCK_STEP: Duration = Duration::from_mins(1);

/// The keys of one issuer and what happened to its fetches.
#[derive(Debug)]
pub struct Cache {
    max_age: Duration,
    held: Option<Held>,
    failure: Option<Failure>,
    unknown_kid_from: Option<UnixTime>,
    generation: u64,
}

#[derive(Debug)]
struct Held {
    set: Arc<KeySet>,
    read_at: UnixTime,
    max_age: Duration,
}

/// What a fetch that succeeded brought.
#[derive(Debug)]
pub struct Refreshed {
    /// The new set; none if the one at hand is still right.
    pub set: Option<KeySet>,
    /// How long it may be used, as far as the issuer says.
    pub max_age: Option<Duration>,
}

#[derive(Debug)]
struct Failure {
    cause: FetchError,
    retry_from: UnixTime,
    backoff: Duration,
}

/// What a caller is to do.
#[derive(Debug)]
pub enum Lookup {
    /// Use this set.
    Hit(Arc<KeySet>),
    /// Use this set: it is too old, the issuer cannot be asked, and it is not yet too old for that.
    Stale(Arc<KeySet>),
    /// Fetch, then look again.
    Fetch,
    /// The set does not have the key, and was asked for such a short while ago.
    CoolingDown(Arc<KeySet>),
    /// Nothing usable, for this reason.
    Unavailable(FetchError),
}

impl Cache {
    /// Starts with nothing. A revoked key works no longer than `max_age`.
    pub fn new(max_age: Duration) -> Self {
        Self { max_age, held: None, failure: None, unknown_kid_from: None, generation: 0 }
    }

    /// Holds a set that was read elsewhere, for a lifetime of its own.
    pub fn bundle(&mut self, set: KeySet, read_at: UnixTime, lifetime: Duration) {
        self.held = Some(Held { set: Arc::new(set), read_at, max_age: lifetime });
    }

    /// Decides what to do for a token that names `kid`.
    pub fn lookup(&self, kid: Option<&str>, now: UnixTime) -> Lookup {
        match self.lookup_without_fetch(kid, now) {
            hit @ Lookup::Hit(_) => hit,
            _ if self.may_fetch(now) => Lookup::Fetch,
            other => other,
        }
    }

    /// Decides what to do where no fetch may follow.
    pub fn lookup_without_fetch(&self, kid: Option<&str>, now: UnixTime) -> Lookup {
        let usable = |held: &Held| kid.is_none_or(|kid| held.set.has(kid));
        match (self.held.as_ref(), self.failure.as_ref()) {
            (Some(held), _) if held.is_fresh(now) && usable(held) => {
                Lookup::Hit(Arc::clone(&held.set))
            }
            (Some(held), Some(_)) if held.is_usable_stale(now) && usable(held) => {
                Lookup::Stale(Arc::clone(&held.set))
            }
            // The key may be a new one that could not be fetched: refusing would be a guess.
            (_, Some(failure)) => Lookup::Unavailable(failure.cause.clone()),
            (Some(held), None) if held.is_fresh(now) => Lookup::CoolingDown(Arc::clone(&held.set)),
            (_, None) => Lookup::Unavailable(FetchError::NeverFetched),
        }
    }

    fn may_fetch(&self, now: UnixTime) -> bool {
        if let Some(failure) = &self.failure {
            return now >= failure.retry_from;
        }
        let fresh = self.held.as_ref().is_some_and(|held| held.is_fresh(now));
        !fresh || self.unknown_kid_from.is_none_or(|from| now >= from)
    }

    /// Notes that a fetch starts.
    pub fn begin_fetch(&mut self, now: UnixTime) {
        // Only what is asked for in spite of a fresh set is asked for because of a `kid`.
        if self.held.as_ref().is_some_and(|held| held.is_fresh(now)) {
            self.unknown_kid_from = Some(now.plus(UNKNOWN_KID_INTERVAL));
        }
    }

    /// Notes how a fetch that started at `now` ended. A failure leaves the old set in place.
    pub fn end_fetch(&mut self, result: Result<Refreshed, FetchError>, now: UnixTime) {
        match result {
            Ok(Refreshed { set, max_age }) => {
                let max_age = bounded_max_age(max_age, self.max_age);
                self.generation = self.generation.saturating_add(1);
                let generation = self.generation;
                let kept = || self.held.as_ref().map(|held| Arc::clone(&held.set));
                if let Some(set) =
                    set.map(|set| Arc::new(set.of_generation(generation))).or_else(kept)
                {
                    self.held = Some(Held { set, read_at: now, max_age });
                }
                self.failure = None;
            }
            Err(cause) => {
                let backoff = self.failure.as_ref().map_or(Duration::from_secs(1), |failure| {
                    failure.backoff.saturating_mul(2).min(MAX_BACKOFF)
                });
                self.failure = Some(Failure { cause, retry_from: now.plus(backoff), backoff });
            }
        }
    }
}

impl Held {
    fn is_fresh(&self, now: UnixTime) -> bool {
        self.is_within(self.max_age, now)
    }

    fn is_usable_stale(&self, now: UnixTime) -> bool {
        self.is_within(self.max_age.saturating_add(STALE_IF_ERROR), now)
    }

    fn is_within(&self, age: Duration, now: UnixTime) -> bool {
        now < self.read_at.plus(age) && self.read_at <= now.plus(CLOCK_STEP)
    }
}
