//! The build metadata of a function's version, in its description, so that no state file is needed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The sources of a version, and the API that pins it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildMetadata {
    /// The fingerprint of its `authorizer.json`.
    pub config: String,
    /// The fingerprint of its binary, if it was recorded.
    pub binary: Option<String>,
    /// The fingerprint of the API that published it, if it was recorded.
    pub api: Option<String>,
}

impl fmt::Display for BuildMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "portcullis config={}", self.config)?;
        for (name, value) in [("binary", &self.binary), ("api", &self.api)] {
            if let Some(value) = value {
                write!(f, " {name}={value}")?;
            }
        }
        Ok(())
    }
}

impl BuildMetadata {
    /// Reads a version's description; returns `None` if it has no build metadata.
    pub fn read(description: &str) -> Option<Self> {
        let mut words = description.strip_prefix("portcullis ")?.split(' ');
        let config = words.next()?.strip_prefix("config=")?.to_owned();
        let words: Vec<&str> = words.collect();
        let value = |name: &str| {
            let value = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            value.map(str::to_owned)
        };
        Some(Self { config, binary: value("binary"), api: value("api") })
    }
}

#[cfg(test)]
mod tests {
    use super::BuildMetadata;

    fn build(binary: Option<&str>, api: Option<&str>) -> BuildMetadata {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        BuildMetadata { config: "0a1b".to_owned(), binary: owned(binary), api: owned(api) }
    }

    #[test]
    fn a_version_description_holds_the_build_metadata() {
        for (description, expected) in [
            ("portcullis config=0a1b", build(None, None)),
            ("portcullis config=0a1b binary=2c3d", build(Some("2c3d"), None)),
            ("portcullis config=0a1b binary=2c3d api=4e5f", build(Some("2c3d"), Some("4e5f"))),
            ("portcullis config=0a1b api=4e5f", build(None, Some("4e5f"))),
        ] {
            assert_eq!(BuildMetadata::read(description), Some(expected.clone()), "{description}");
            assert_eq!(expected.to_string(), description);
        }
        for other in ["", "portcullis", "portcullis revision=1", "hotfix config=1"] {
            assert_eq!(BuildMetadata::read(other), None, "{other}");
        }
    }

    #[test]
    fn build_metadata_fits_into_a_description() {
        let digits = "0123456789abcdef".to_owned();
        let build = BuildMetadata {
            config: digits.clone(),
            binary: Some(digits.clone()),
            api: Some(digits),
        };
        // Lambda's limit for descriptions.
        assert!(build.to_string().len() <= 256);
    }
}
