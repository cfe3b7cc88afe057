//! [`UnixTime`]: whole seconds since 1970, as NumericDate (RFC 7519 section 2). Nothing here reads
//! the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::time::OffsetDateTime;

/// A point in time, in seconds since 1970-01-01T00:00:00Z; negative before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixTime(i64);

impl UnixTime {
    /// Creates a time from seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Converts a system time, rounded towards 1970.
    pub fn from_system(time: SystemTime) -> Self {
        let seconds = |distance: Duration| i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(seconds(after)),
            Err(before) => Self(seconds(before.duration()).saturating_neg()),
        }
    }

    /// Returns the seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Returns the time as ISO 8601 in UTC, `2026-11-26T06:00:00Z`; `None` after the year 9999.
    pub(crate) fn to_iso_8601(self) -> Option<String> {
        let moment = OffsetDateTime::from_unix_timestamp(self.0).ok()?;
        let ((year, month, day), (hour, minute, second)) =
            (moment.to_calendar_date(), moment.to_hms());
        let month = u8::from(month);
        Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
    }

    /// Returns the time `distance` later, saturating.
    #[must_use]
    pub fn plus(self, distance: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(distance.as_secs()))
    }

    /// Returns the time `distance` earlier, saturating.
    #[must_use]
    pub fn minus(self, distance: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(distance.as_secs()))
    }
}
