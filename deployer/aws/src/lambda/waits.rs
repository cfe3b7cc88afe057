//! The pauses between the reads of a state that AWS changes by itself.

use std::time::Duration;

/// The first pause, and the longest one.
const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// Returns pauses that grow, and end when they are this long together.
pub(super) fn waits(most: Duration) -> impl Iterator<Item = Duration> {
    let growing = std::iter::successors(Some(FIRST), |pause| Some((*pause * 2).min(LONGEST)));
    growing.scan(Duration::ZERO, move |total, pause| {
        *total += pause;
        (*total <= most).then_some(pause)
    })
}

#[cfg(test)]
mod tests {
    use super::{Duration, waits};

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<u128> = waits(Duration::from_secs(18)).map(|one| one.as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(waits(Duration::ZERO).count(), 0);
    }
}
