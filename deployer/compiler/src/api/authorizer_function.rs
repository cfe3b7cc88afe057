//! The functions of authorizers: released separately, or pinned by each deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::arn::Arn;

/// The function of an authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorizerFunction {
    /// A function that is released separately: its ARN, or that of a version or alias.
    Released(Arn),
    /// A function in the deploying account and Region. Each deployment pins a version of it.
    Pinned(Box<PinnedFunction>),
}

/// A function of which each deployment pins a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedFunction {
    /// Its name.
    pub name: String,
    /// Its settings, except for a role that is created.
    pub settings: FunctionTable,
    /// The ARN of the pinned version; none until the account and the version are known.
    pub version: Option<Arn>,
    /// The fingerprint of the version's content, which distinguishes it before it is published.
    pub content: String,
}

/// The settings of a pinned function in `portcullis.toml`.
#[derive(Clone, PartialEq, Eq)]
pub struct FunctionTable {
    /// The instruction set.
    pub architecture: Architecture,
    /// The memory, in MB.
    pub memory_mb: i32,
    /// The timeout, in seconds.
    pub timeout_seconds: i32,
    /// The execution role, if `deploy` does not create one.
    pub role: Option<Arn>,
    /// The environment variables.
    pub environment: BTreeMap<String, String>,
    /// The VPC, if the function is attached to one.
    pub vpc: Option<VpcSettings>,
}

/// The VPC that a function is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcSettings {
    /// The ids of the subnets.
    pub subnets: BTreeSet<String>,
    /// The ids of the security groups.
    pub security_groups: BTreeSet<String>,
}

impl Default for FunctionTable {
    fn default() -> Self {
        Self {
            architecture: Architecture::Arm64,
            memory_mb: Self::DEFAULT_MEMORY_MB,
            timeout_seconds: Self::DEFAULT_TIMEOUT_SECONDS,
            role: None,
            environment: BTreeMap::new(),
            vpc: None,
        }
    }
}

impl FunctionTable {
    /// The default memory, in MB: CPU is proportional to it, and signatures are checked with CPU.
    pub const DEFAULT_MEMORY_MB: i32 = 256;
    /// The default timeout, in seconds. API Gateway waits for an authorizer as long as for an
    /// integration.
    pub const DEFAULT_TIMEOUT_SECONDS: i32 = 10;
}

/// Values of environment variables may be secrets.
impl fmt::Debug for FunctionTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { architecture, memory_mb, timeout_seconds, role, environment, vpc } = self;
        f.debug_struct("FunctionTable")
            .field("architecture", architecture)
            .field("memory_mb", memory_mb)
            .field("timeout_seconds", timeout_seconds)
            .field("role", role)
            .field("environment", &environment.keys())
            .field("vpc", vpc)
            .finish()
    }
}

impl AuthorizerFunction {
    /// Returns the ARN, if it is known.
    pub fn arn(&self) -> Option<&Arn> {
        match self {
            Self::Released(arn) => Some(arn),
            Self::Pinned(function) => function.version.as_ref(),
        }
    }

    /// Returns the name, without account, Region and version.
    pub fn name(&self) -> &str {
        match self {
            Self::Released(arn) => arn.as_str().split(':').nth(6).unwrap_or_default(),
            Self::Pinned(function) => &function.name,
        }
    }

    /// Returns the function if deployments pin its versions.
    pub fn pinned(&self) -> Option<&PinnedFunction> {
        match self {
            Self::Released(_) => None,
            Self::Pinned(function) => Some(function),
        }
    }
}
