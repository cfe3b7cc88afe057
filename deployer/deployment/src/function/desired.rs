//! The version of a pinned function that a deployment needs, and which published version it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BuildMetadata, FunctionSettings, ObservedFunction, ObservedVersion};
use compiler::fingerprint::fingerprint;

/// The content of a version of a pinned function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DesiredVersion {
    /// The function's name.
    pub function: String,
    /// The fingerprint of its `authorizer.json`.
    pub config: String,
    /// The fingerprint of its binary; none if any binary is accepted.
    pub binary: Option<String>,
    /// The fingerprint of the API: a version is pinned by one API only.
    pub api: String,
    /// Its settings.
    pub settings: FunctionSettings,
}

/// A version to publish, as a plan has it: without the values of environment variables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The authorizer.
    pub authorizer: String,
    /// The function's name.
    pub function: String,
    /// True if the function exists.
    pub exists: bool,
    /// The build metadata of the version. Its binary is none if no source of one is known yet.
    pub build: BuildMetadata,
    /// The fingerprint of its settings.
    pub settings: String,
    /// The published version of the same function with the same binary, if there is one.
    pub base: Option<u32>,
}

impl DesiredVersion {
    /// Returns the fingerprint of the content.
    pub fn content(&self) -> String {
        fingerprint(self)
    }

    /// Returns the build metadata.
    pub fn build(&self) -> BuildMetadata {
        let (config, binary) = (self.config.clone(), self.binary.clone());
        BuildMetadata { config, binary, api: Some(self.api.clone()) }
    }

    /// Returns the published version with this content: `live` if it has it, else the newest one.
    pub fn published(&self, function: &ObservedFunction, live: Option<u32>) -> Option<u32> {
        let matching = || function.versions.iter().filter(|version| self.matches(version));
        let live = matching().find(|version| Some(version.number) == live);
        live.or_else(|| matching().next_back()).map(|version| version.number)
    }

    fn matches(&self, version: &ObservedVersion) -> bool {
        let Some(build) = &version.build else { return false };
        build.config == self.config
            && build.api.as_ref() == Some(&self.api)
            && (self.binary.is_none() || build.binary == self.binary)
            && version.settings == self.settings
    }
}

/// The functions of an account, by name; none for one that does not exist.
pub type ObservedFunctions = BTreeMap<String, Option<ObservedFunction>>;

/// Returns the fingerprint of an API, as versions have it.
pub fn api_fingerprint(name: &str) -> String {
    fingerprint(&name)
}
