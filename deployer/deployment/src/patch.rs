//! The patches of an API's endpoint and of a stage.
//! <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>

use serde::{Deserialize, Serialize};

/// One patch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The operation.
    pub op: PatchOp,
    /// The JSON pointer of the setting.
    pub path: String,
    /// The new value, or the one to remove from a list.
    pub value: Option<String>,
}

/// The patch operations. API Gateway's `copy`, `move` and `test` are not needed for any setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchOp {
    /// Adds a value to a list.
    Add,
    /// Removes the setting, or a value from a list.
    Remove,
    /// Sets the setting.
    Replace,
}

impl Patch {
    /// Creates the patch that adds a value to a list.
    pub fn add(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { op: PatchOp::Add, path: path.into(), value: Some(value.into()) }
    }

    /// Creates the patch that removes a value from a list.
    pub fn remove_value(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { op: PatchOp::Remove, path: path.into(), value: Some(value.into()) }
    }

    /// Creates the patch that sets a setting.
    pub fn replace(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { op: PatchOp::Replace, path: path.into(), value: Some(value.into()) }
    }

    /// Creates the patch that removes a setting.
    pub fn remove(path: impl Into<String>) -> Self {
        Self { op: PatchOp::Remove, path: path.into(), value: None }
    }
}
