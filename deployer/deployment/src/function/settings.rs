//! The settings of a function.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use compiler::api::{Architecture, VpcSettings};
use compiler::fingerprint::fingerprint;

/// The settings of a function, as one of its versions has them. The values of environment variables
/// can be secrets: `Debug` omits them, and JSON has
/// their fingerprints.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct FunctionSettings {
    /// The architecture.
    pub architecture: Architecture,
    /// The memory in MB.
    pub memory_mb: i32,
    /// The timeout in seconds.
    pub timeout_seconds: i32,
    /// The ARN of the execution role.
    pub role: String,
    /// The environment variables.
    #[serde(serialize_with = "fingerprints")]
    pub environment: BTreeMap<String, String>,
    /// The VPC, if the function is connected to one.
    pub vpc: Option<VpcSettings>,
}

impl fmt::Debug for FunctionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, memory_mb, timeout_seconds, role, environment, vpc } = self;
        let names: BTreeSet<&String> = environment.keys().collect();
        f.debug_struct("FunctionSettings")
            .field("architecture", architecture)
            .field("memory_mb", memory_mb)
            .field("timeout_seconds", timeout_seconds)
            .field("role", role)
            .field("environment", &names)
            .field("vpc", vpc)
            .finish()
    }
}

fn fingerprints<S: Serializer>(
    environment: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(environment.iter().map(|(name, value)| (name, fingerprint(value))))
}

#[cfg(test)]
mod tests {
    use super::{Architecture, BTreeMap, FunctionSettings};

    fn settings(value: &str) -> FunctionSettings {
        FunctionSettings {
            architecture: Architecture::Arm64,
            memory_mb: 256,
            timeout_seconds: 10,
            role: "arn:aws:iam::123456789012:role/r".to_owned(),
            environment: BTreeMap::from([("KEY".to_owned(), value.to_owned())]),
            vpc: None,
        }
    }

    #[test]
    fn values_of_environment_variables_are_never_written() {
        let (one, other) = (settings("s3cret"), settings("another"));
        let json = |settings: &FunctionSettings| serde_json::to_string(settings).unwrap();
        for text in [json(&one), format!("{one:?}"), format!("{one:#?}")] {
            assert!(text.contains("KEY") && !text.contains("s3cret"), "{text}");
        }
        assert_ne!(json(&one), json(&other));
    }
}
