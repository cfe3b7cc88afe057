//! The waits that keep calls within an account's quotas. Nothing here reads the clock.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
//! <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests>

use std::collections::BTreeMap;
use std::time::Duration;

/// A quota: a burst of calls, and one more per interval.
struct Quota {
    name: &'static str,
    burst: u32,
    interval: Duration,
}

impl Quota {
    const fn new(name: &'static str, burst: u32, milliseconds: u64) -> Self {
        Self { name, burst, interval: Duration::from_millis(milliseconds) }
    }
}

/// Returns the quotas that a call uses up. IAM and STS document none.
fn quotas(operation: &'static str) -> Vec<Quota> {
    let (burst, milliseconds) = match operation {
        "iam" | "sts" => return Vec::new(),
        "lambda" => return vec![Quota::new(operation, 15, 67)],
        "CreateRestApi" => (1, 3_000),
        "CreateEdgeRestApi" | "DeleteRestApi" => (1, 30_000),
        "PutRestApi" => (1, 1_000),
        "CreateDeployment" => (1, 5_000),
        "GetResources" => (5, 400),
        "UpdateUsagePlan" => (1, 20_000),
        "CreateApiKey" => (5, 200),
        _ => return vec![ALL_OPERATIONS],
    };
    vec![Quota::new(operation, burst, milliseconds), ALL_OPERATIONS]
}

/// The quota of all operations of API Gateway together.
const ALL_OPERATIONS: Quota = Quota::new("", 40, 100);

/// The time until which the calls use up each quota.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    until: BTreeMap<&'static str, Duration>,
}

impl RateLimit {
    /// Counts a call, and returns its wait at `now`, the time since a fixed instant.
    pub(super) fn wait(&mut self, operation: &'static str, now: Duration) -> Duration {
        let mut wait = Duration::ZERO;
        for Quota { name, burst, interval } in quotas(operation) {
            let until = self.until.entry(name).or_default();
            let backlog = until.saturating_sub(now);
            let allowed = interval * burst.saturating_sub(1);
            wait = wait.max(backlog.saturating_sub(allowed));
            *until = (*until).max(now) + interval;
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(operation: &'static str, times: &[u64]) -> Vec<u64> {
        let mut limit = RateLimit::default();
        let wait = |at: &u64| limit.wait(operation, Duration::from_millis(*at)).as_millis();
        times.iter().map(wait).map(|ms| u64::try_from(ms).unwrap()).collect()
    }

    #[test]
    fn calls_beyond_a_burst_wait_for_the_quota() {
        assert_eq!(waits("CreateDeployment", &[0, 0, 0]), [0, 5000, 10_000]);
        assert_eq!(waits("CreateDeployment", &[0, 6000, 6000]), [0, 0, 5000]);
        assert_eq!(waits("GetResources", &[0; 7]), [0, 0, 0, 0, 0, 400, 800]);
        let many = waits("GetStages", &[0; 45]);
        assert_eq!((many[39], many[40], many[44]), (0, 100, 500));
        assert_eq!(waits("GetStages", &[0, 60_000]), [0, 0]);
    }

    #[test]
    fn all_operations_share_a_quota() {
        let mut limit = RateLimit::default();
        for _ in 0..40 {
            assert_eq!(limit.wait("GetStages", Duration::ZERO), Duration::ZERO);
        }
        assert_eq!(limit.wait("GetAuthorizers", Duration::ZERO), Duration::from_millis(100));
    }

    #[test]
    fn calls_to_other_services_do_not_use_up_the_quota_of_api_gateway() {
        let mut limit = RateLimit::default();
        for _ in 0..100 {
            assert_eq!(limit.wait("iam", Duration::ZERO), Duration::ZERO);
            limit.wait("lambda", Duration::ZERO);
        }
        assert_eq!(limit.wait("GetStages", Duration::ZERO), Duration::ZERO);
        let many = waits("lambda", &[0; 17]);
        assert_eq!((many[14], many[15], many[16]), (0, 67, 134));
    }
}
