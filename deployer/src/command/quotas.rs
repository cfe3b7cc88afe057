//! What an account may have, unless it was raised.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>

use std::collections::BTreeSet;
use std::fmt;

/// The use of one quota, once the API is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The resources that the quota counts.
    pub what: &'static str,
    /// How many there are to be.
    pub used: usize,
    /// How many there may be.
    pub quota: usize,
}

impl Usage {
    /// REST APIs of the account in the Region.
    pub const fn apis(used: usize) -> Self {
        Self { what: "REST APIs", used, quota: 600 }
    }

    /// Resources of the API.
    pub const fn resources(used: usize) -> Self {
        Self { what: "resources", used, quota: 300 }
    }

    /// Authorizers of the API.
    pub const fn authorizers(used: usize) -> Self {
        Self { what: "authorizers", used, quota: 10 }
    }

    /// Stages of the API.
    pub const fn stages(used: usize) -> Self {
        Self { what: "stages", used, quota: 10 }
    }

    /// Returns whether the quota allows it.
    pub const fn fits(self) -> bool {
        self.used <= self.quota
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.used, self.quota)
    }
}

/// Returns how many resources the paths make: one each, one for each path above it, and the root.
pub fn resources<'a>(paths: impl IntoIterator<Item = &'a str>) -> usize {
    let mut resources = BTreeSet::from(["/"]);
    for path in paths {
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        resources.extend(above.filter(|path| !path.is_empty()));
        resources.insert(path);
    }
    resources.len()
}
