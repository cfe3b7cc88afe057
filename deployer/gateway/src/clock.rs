//! The only module that reads the clock. Decisions take the time as an argument.

use std::time::{Instant, SystemTime};

use authorizer::UnixTime;

/// Returns the time.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Returns the time in the unit of a token's claims.
pub fn unix_time() -> UnixTime {
    UnixTime::from_system(now())
}

/// Returns the start of a time measurement.
#[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
pub fn instant() -> Instant {
    Instant::now()
}
