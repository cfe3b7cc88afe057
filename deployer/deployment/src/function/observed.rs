//! A function as AWS has it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{BuildMetadata, FunctionSettings};
use crate::target::TAG_MANAGED;

/// A published version of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObservedVersion {
    /// Its number.
    pub number: u32,
    /// Its build metadata, if it has any.
    pub build: Option<BuildMetadata>,
    /// The SHA-256 of its package, in Base64.
    pub code_sha256: String,
    /// Its settings.
    pub settings: FunctionSettings,
}

/// A function with everything that was published of it. `$LATEST` is not part of it: other APIs
/// and other deployers share that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ObservedFunction {
    /// The published versions, in ascending order.
    pub versions: Vec<ObservedVersion>,
    /// The versions that each alias points or routes to.
    pub aliases: BTreeMap<String, BTreeSet<u32>>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
}

impl ObservedFunction {
    /// Returns whether Portcullis published the function: it has the tag, or a version has build
    /// metadata.
    pub fn is_managed(&self) -> bool {
        self.tags.contains_key(TAG_MANAGED)
            || self.versions.iter().any(|version| version.build.is_some())
    }

    /// Returns the version with this number.
    pub fn version(&self, number: u32) -> Option<&ObservedVersion> {
        self.versions.iter().find(|version| version.number == number)
    }
}
