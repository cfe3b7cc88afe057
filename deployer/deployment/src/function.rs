//! An authorizer's function: its versions and their build metadata, its settings, and its aliases.

use std::collections::BTreeMap;
use std::fmt;

use authorizer::config::Document;
use serde::{Deserialize, Serialize};

use compiler::api::{Api, Arn};
use compiler::fingerprint::fingerprint;

mod build_metadata;
mod desired;
mod observed;
mod settings;

pub use build_metadata::BuildMetadata;
pub use compiler::api::{Architecture, VpcSettings};
pub use desired::{DesiredVersion, ObservedFunctions, Publication, api_fingerprint};
pub use observed::{ObservedFunction, ObservedVersion};
pub use settings::FunctionSettings;

/// The state of a function's ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PublishedFunction {
    /// The function, version or alias does not exist.
    Missing,
    /// A version.
    Version {
        /// Its number, or `$LATEST`.
        number: String,
        /// Its build metadata, if it has any.
        build: Option<BuildMetadata>,
        /// `x86_64` or `arm64`.
        architecture: String,
    },
}

/// The difference of a function from its desired configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionState {
    /// It does not exist.
    Missing,
    /// Its version has no build metadata.
    NoBuildMetadata {
        /// The version's number, or `$LATEST`.
        version: String,
    },
    /// Its version has another configuration.
    OtherConfiguration {
        /// The version's number, or `$LATEST`.
        version: String,
        /// The fingerprint of that configuration.
        config: String,
    },
}

impl fmt::Display for FunctionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("does not exist"),
            Self::NoBuildMetadata { version } => {
                write!(f, "version {version} has no build metadata (not published by Portcullis)")
            }
            Self::OtherConfiguration { version, config } => {
                write!(f, "version {version} has configuration {config}")
            }
        }
    }
}

/// A function whose published version differs from the desired configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionDrift {
    /// The authorizer.
    pub authorizer: String,
    /// The function's ARN.
    pub function: String,
    /// The difference.
    pub state: FunctionState,
    /// The fingerprint of the desired configuration.
    pub config: String,
}

impl fmt::Display for FunctionDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authorizer, function, state, config } = self;
        write!(f, "{authorizer} ({function}): {state}; desired configuration: {config}")
    }
}

/// Returns the fingerprint of an authorizer's configuration.
pub fn configuration_fingerprint(document: &Document) -> String {
    fingerprint(document)
}

/// Returns the functions whose configuration differs or is unknown.
pub fn function_drift(
    api: &Api,
    published: &BTreeMap<String, PublishedFunction>,
) -> Vec<FunctionDrift> {
    let drift = |(name, authorizer): (&String, &compiler::api::Authorizer)| {
        let function = authorizer.function_arn().filter(|_| !authorizer.is_pinned())?;
        let config = configuration_fingerprint(&api.authorizer_document(name)?);
        let state = match published.get(function.as_str())? {
            PublishedFunction::Missing => FunctionState::Missing,
            PublishedFunction::Version { number, build: None, .. } => {
                FunctionState::NoBuildMetadata { version: number.clone() }
            }
            PublishedFunction::Version { build: Some(build), .. } if build.config == config => {
                return None;
            }
            PublishedFunction::Version { number, build: Some(build), .. } => {
                let (version, config) = (number.clone(), build.config.clone());
                FunctionState::OtherConfiguration { version, config }
            }
        };
        let (authorizer, function) = (name.clone(), function.as_str().to_owned());
        Some(FunctionDrift { authorizer, function, state, config })
    };
    api.authorizers.iter().filter_map(drift).collect()
}

/// A function whose alias can be pointed at a new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionAlias {
    /// The function's name.
    pub name: String,
    /// The alias.
    pub alias: String,
}

impl FunctionAlias {
    /// Reads the name and the alias of an ARN; returns `None` if it names no alias.
    pub fn of(arn: &Arn) -> Option<Self> {
        let mut parts = arn.as_str().split(':').skip(6);
        let (name, alias) = (parts.next()?, parts.next()?);
        let is_version = alias.starts_with('$') || alias.bytes().all(|byte| byte.is_ascii_digit());
        (!is_version).then(|| Self { name: name.to_owned(), alias: alias.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::FunctionAlias;
    use compiler::api::Arn;

    #[test]
    fn only_an_arn_with_an_alias_is_read() {
        for (qualifier, alias) in
            [(":live", Some("live")), (":7", None), (":$LATEST", None), ("", None)]
        {
            let arn = format!("arn:aws:lambda:eu-west-1:123456789012:function:f{qualifier}");
            let found = FunctionAlias::of(&Arn::function(&arn).unwrap());
            assert_eq!(found.map(|found| found.alias).as_deref(), alias, "{arn}");
        }
    }
}
