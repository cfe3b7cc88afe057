//! The share of a stage's requests that a canary serves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A canary's share of the requests: an integer from 1 to 99. API Gateway accepts 0 and 100 too,
/// but such a canary would serve no request, or replace what the stage serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub struct Percent(u8);

/// A value that is not a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an integer from 1 to 99")]
pub struct InvalidPercent;

impl Percent {
    /// Returns the percentage as API Gateway has it.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0)
    }

    /// Returns the percentage of the requests that remain.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(100_u8.saturating_sub(self.0))
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

impl TryFrom<u8> for Percent {
    type Error = InvalidPercent;

    fn try_from(value: u8) -> Result<Self, InvalidPercent> {
        if (1..=99).contains(&value) { Ok(Self(value)) } else { Err(InvalidPercent) }
    }
}

impl FromStr for Percent {
    type Err = InvalidPercent;

    fn from_str(text: &str) -> Result<Self, InvalidPercent> {
        // `u8` also parses `+5`.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let value: u8 = text.parse().ok().filter(|_| is_number).ok_or(InvalidPercent)?;
        value.try_into()
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}
