//! An authorizer's function: what a version of it was made of, told by the version's own
//! description, so that no state is kept anywhere else.

use std::collections::BTreeMap;
use std::fmt;

use authorizer::config::Document;
use serde::{Deserialize, Serialize};

use compiler::api::{Api, Arn};
use compiler::fingerprint::fingerprint;

/// What a version was made of, by fingerprints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildMetadata {
    /// Of the `authorizer.json` in it.
    pub config: String,
    /// Of the binary, if whoever deployed it said so.
    pub binary: Option<String>,
}

impl fmt::Display for BuildMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "portcullis config={}", self.config)?;
        self.binary.as_ref().map_or(Ok(()), |binary| write!(f, " binary={binary}"))
    }
}

impl BuildMetadata {
    /// Reads a version's description; nothing if it does not say so.
    pub fn read(description: &str) -> Option<Self> {
        let mut words = description.strip_prefix("portcullis ")?.split(' ');
        let config = words.next()?.strip_prefix("config=")?.to_owned();
        let binary = words.next().and_then(|word| word.strip_prefix("binary="));
        Some(Self { config, binary: binary.map(str::to_owned) })
    }
}

/// What stands at a function's ARN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum PublishedFunction {
    /// Nothing.
    Missing,
    /// A version.
    Version {
        /// Its number, or `$LATEST`.
        number: String,
        /// What it was made of, if it says so.
        build: Option<BuildMetadata>,
        /// `x86_64` or `arm64`.
        architecture: String,
    },
}

/// What is known of a function that does not do what the files say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionState {
    /// It does not exist.
    Missing,
    /// Its version does not say what it was made of.
    NoBuildMetadata {
        /// The version's number, or `$LATEST`.
        version: String,
    },
    /// It was made with another configuration.
    OtherConfiguration {
        /// The version's number, or `$LATEST`.
        version: String,
        /// A fingerprint of that configuration.
        config: String,
    },
}

impl fmt::Display for FunctionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is not there"),
            Self::NoBuildMetadata { version } => {
                write!(f, "is version {version}, which does not say what it was made of")
            }
            Self::OtherConfiguration { version, config } => {
                write!(f, "is version {version} with configuration {config}")
            }
        }
    }
}

/// A function that does not do what the files say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionDrift {
    /// The authorizer.
    pub authorizer: String,
    /// The function's ARN.
    pub function: String,
    /// What it is.
    pub state: FunctionState,
    /// The configuration that it is to have.
    pub config: String,
}

impl fmt::Display for FunctionDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authorizer, function, state, config } = self;
        write!(f, "{authorizer} ({function}) {state}; the files say configuration {config}")
    }
}

/// Returns the name of an authorizer's configuration: equal ones have equal names.
pub fn configuration_fingerprint(document: &Document) -> String {
    fingerprint(document)
}

/// Returns the functions that are known not to do what the files say, and those of which it is
/// not known.
pub fn function_drift(
    api: &Api,
    published: &BTreeMap<String, PublishedFunction>,
) -> Vec<FunctionDrift> {
    let different = |(name, authorizer): (&String, &compiler::api::Authorizer)| {
        let function = authorizer.function.as_ref()?;
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
    api.authorizers.iter().filter_map(different).collect()
}

/// A function that can be published anew: an alias leads to one of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionAlias {
    /// The function's name.
    pub name: String,
    /// The alias.
    pub alias: String,
}

impl FunctionAlias {
    /// Takes an ARN apart; nothing if it names no alias.
    pub fn of(arn: &Arn) -> Option<Self> {
        let mut parts = arn.as_str().split(':').skip(6);
        let (name, alias) = (parts.next()?, parts.next()?);
        let is_version = alias.starts_with('$') || alias.bytes().all(|byte| byte.is_ascii_digit());
        (!is_version).then(|| Self { name: name.to_owned(), alias: alias.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::{BuildMetadata, FunctionAlias};
    use compiler::api::Arn;

    #[test]
    fn a_description_says_what_a_version_was_made_of() {
        for build in [
            BuildMetadata { config: "0a1b".to_owned(), binary: None },
            BuildMetadata { config: "0a1b".to_owned(), binary: Some("2c3d".to_owned()) },
        ] {
            assert_eq!(BuildMetadata::read(&build.to_string()), Some(build));
        }
        for other in ["", "portcullis", "portcullis revision=1", "hotfix config=1"] {
            assert_eq!(BuildMetadata::read(other), None, "{other}");
        }
    }

    #[test]
    fn only_an_alias_can_be_moved() {
        for (qualifier, alias) in
            [(":live", Some("live")), (":7", None), (":$LATEST", None), ("", None)]
        {
            let arn = format!("arn:aws:lambda:eu-west-1:123456789012:function:f{qualifier}");
            let found = FunctionAlias::of(&Arn::function(&arn).unwrap());
            assert_eq!(found.map(|found| found.alias).as_deref(), alias, "{arn}");
        }
    }
}
