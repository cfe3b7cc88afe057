//! The patches of a stage.
//! <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>

use serde::{Deserialize, Serialize};

/// One patch of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The operation.
    pub op: PatchOp,
    /// The JSON pointer of the setting.
    pub path: String,
    /// The new value.
    pub value: Option<String>,
}

/// The patch operations of a stage. API Gateway's `add`, `copy`, `move` and `test` are not needed
/// for any setting of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchOp {
    /// Removes the setting.
    Remove,
    /// Sets the setting.
    Replace,
}

impl Patch {
    /// Creates the patch that sets a setting.
    pub fn replace(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { op: PatchOp::Replace, path: path.into(), value: Some(value.into()) }
    }

    /// Creates the patch that removes a setting.
    pub fn remove(path: impl Into<String>) -> Self {
        Self { op: PatchOp::Remove, path: path.into(), value: None }
    }
}
