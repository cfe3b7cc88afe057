//! The settings of the invoke roles that `deploy` creates.

use std::collections::BTreeMap;

/// The settings of the invoke roles that `deploy` creates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleSettings {
    /// The path, if it differs from the default.
    pub path: Option<String>,
    /// The ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
    /// The tags, in addition to those that mark the role.
    pub tags: BTreeMap<String, String>,
}

impl RoleSettings {
    /// The most tags of a role, an API and a function: AWS allows 50, and up to three mark the
    /// resource.
    pub const MAX_TAGS: usize = 47;
}
