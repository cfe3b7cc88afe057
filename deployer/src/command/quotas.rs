//! The default quotas of an account.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>

use std::collections::BTreeSet;
use std::fmt;

/// The use of one quota, once the API is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The kind of resources.
    pub kind: &'static str,
    /// The number of resources after the deployment.
    pub used: usize,
    /// The quota.
    pub quota: usize,
}

impl Usage {
    /// REST APIs of the account in the Region.
    pub const fn apis(used: usize) -> Self {
        Self { kind: "REST APIs", used, quota: 600 }
    }

    /// Resources of the API.
    pub const fn resources(used: usize) -> Self {
        Self { kind: "resources", used, quota: 300 }
    }

    /// Authorizers of the API.
    pub const fn authorizers(used: usize) -> Self {
        Self { kind: "authorizers", used, quota: 10 }
    }

    /// Stages of the API.
    pub const fn stages(used: usize) -> Self {
        Self { kind: "stages", used, quota: 10 }
    }

    /// Returns whether the use is within the quota.
    pub const fn is_within_quota(self) -> bool {
        self.used <= self.quota
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.used, self.quota)
    }
}

/// Returns the number of resources of the paths: each path, each of its parents, and the root.
pub fn resources<'a>(paths: impl IntoIterator<Item = &'a str>) -> usize {
    let mut resources = BTreeSet::from(["/"]);
    for path in paths {
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        resources.extend(above.filter(|path| !path.is_empty()));
        resources.insert(path);
    }
    resources.len()
}
