//! The only place that reads the clock. What decides is given the time.

use std::time::{Instant, SystemTime};

use authorizer::UnixTime;

/// Returns the time.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Returns the time as tokens have it.
pub fn unix_time() -> UnixTime {
    UnixTime::from_system(now())
}

/// Returns what passing time is measured from.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn instant() -> Instant {
    Instant::now()
}
