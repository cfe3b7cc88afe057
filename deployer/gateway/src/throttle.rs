//! Rate limits: token buckets and quotas. Nothing here reads the clock.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html>

use std::collections::BTreeMap;

use time::OffsetDateTime;

use compiler::api::{Quota, QuotaPeriod, Throttle};

/// The usage of every limit.
#[derive(Debug, Default)]
pub struct Usage {
    buckets: BTreeMap<String, Bucket>,
    counts: BTreeMap<String, (i64, i32)>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: OffsetDateTime,
}

impl Usage {
    /// Takes a token from a bucket; returns whether one was available.
    pub fn take(&mut self, name: &str, limit: Throttle, now: OffsetDateTime) -> bool {
        let full = f64::from(limit.burst);
        let bucket =
            self.buckets.entry(name.to_owned()).or_insert(Bucket { tokens: full, at: now });
        let elapsed = (now - bucket.at).as_seconds_f64().max(0.0);
        bucket.tokens = elapsed.mul_add(limit.rate, bucket.tokens).min(full);
        bucket.at = now;
        let available = bucket.tokens >= 1.0;
        if available {
            bucket.tokens -= 1.0;
        }
        available
    }

    /// Counts a request towards a quota; returns whether it is within it.
    pub fn count(&mut self, name: &str, quota: &Quota, now: OffsetDateTime) -> bool {
        let period = period(&quota.period, now);
        let (since, used) = self.counts.entry(name.to_owned()).or_insert((period, 0));
        if *since != period {
            (*since, *used) = (period, 0);
        }
        let within = *used < quota.limit;
        if within {
            *used += 1;
        }
        within
    }
}

/// Returns the number of the day, the week (from Sunday) or the month, in UTC.
fn period(period: &QuotaPeriod, now: OffsetDateTime) -> i64 {
    let day = i64::from(now.date().to_julian_day());
    match period {
        QuotaPeriod::Month => i64::from(now.year()) * 12 + i64::from(u8::from(now.month())),
        // Julian day 0 is a Monday.
        QuotaPeriod::Week => (day + 1).div_euclid(7),
        QuotaPeriod::Day | QuotaPeriod::Other(_) => day,
    }
}
