//! A function's configuration, as Lambda returns it for `$LATEST` and for versions.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{
    Environment, FunctionConfiguration, LastUpdateStatus, State, VpcConfig,
};

use crate::{CallError, CallErrorKind};
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use compiler::api::Architecture;
use deployment::function::{FunctionSettings, VpcSettings};

/// The configuration of `$LATEST` or of a version.
#[derive(Clone, Debug)]
pub(super) struct Configuration {
    pub(super) version: String,
    pub(super) description: String,
    pub(super) code_sha256: String,
    pub(super) revision: String,
    pub(super) runtime: String,
    pub(super) state: Readiness,
    pub(super) last_update: Readiness,
    pub(super) settings: FunctionSettings,
}

/// The progress of a function or of its last update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It can be used.
    Ready,
    /// It is not used any more, and starts again when it is invoked.
    Inactive,
    /// It is in progress.
    Pending,
    /// It failed, for this reason.
    Failed(String),
}

impl Readiness {
    fn of_state(state: Option<&State>, reason: Option<&str>) -> Self {
        match state {
            Some(State::Pending) => Self::Pending,
            Some(State::Failed) => Self::Failed(reason.unwrap_or("no reason").to_owned()),
            Some(State::Inactive) => Self::Inactive,
            // An emulator may have no state.
            _ => Self::Ready,
        }
    }

    fn of_update(status: Option<&LastUpdateStatus>, reason: Option<&str>) -> Self {
        match status {
            Some(LastUpdateStatus::InProgress) => Self::Pending,
            Some(LastUpdateStatus::Failed) => {
                Self::Failed(reason.unwrap_or("no reason").to_owned())
            }
            _ => Self::Ready,
        }
    }
}

/// Reads the two types of the SDK with the same members.
macro_rules! read {
    ($found:expr, $context:expr) => {{
        let found = $found;
        let environment = match found.environment().and_then(|all| all.error()) {
            None => found.environment().and_then(|all| all.variables()).cloned(),
            // Without the values, no difference could be found, and an update would erase them.
            Some(error) => {
                let cause = error.message().unwrap_or("no reason");
                let message = format!("the environment variables cannot be decrypted: {cause}");
                return Err(CallError::new(CallErrorKind::Denied, $context, message));
            }
        };
        let vpc = found.vpc_config().filter(|vpc| !vpc.subnet_ids().is_empty());
        Ok(Configuration {
            version: found.version().unwrap_or_default().to_owned(),
            description: found.description().unwrap_or_default().to_owned(),
            code_sha256: found.code_sha256().unwrap_or_default().to_owned(),
            revision: found.revision_id().unwrap_or_default().to_owned(),
            runtime: found.runtime().map(|one| one.as_str()).unwrap_or_default().to_owned(),
            state: Readiness::of_state(found.state(), found.state_reason()),
            last_update: Readiness::of_update(
                found.last_update_status(),
                found.last_update_status_reason(),
            ),
            settings: FunctionSettings {
                architecture: Architecture::from(
                    found.architectures().first().map_or("x86_64", |one| one.as_str()),
                ),
                memory_mb: found.memory_size().unwrap_or_default(),
                timeout_seconds: found.timeout().unwrap_or_default(),
                role: found.role().unwrap_or_default().to_owned(),
                environment: environment.into_iter().flatten().collect(),
                vpc: vpc.map(|vpc| VpcSettings {
                    subnets: vpc.subnet_ids().iter().cloned().collect(),
                    security_groups: vpc.security_group_ids().iter().cloned().collect(),
                }),
            },
        })
    }};
}

impl Configuration {
    /// Reads the configuration of a version in a list.
    pub(super) fn of_listed(
        found: &FunctionConfiguration,
        context: &str,
    ) -> Result<Self, CallError> {
        read!(found, context)
    }

    /// Reads the configuration of one version.
    pub(super) fn of_one(
        found: &GetFunctionConfigurationOutput,
        context: &str,
    ) -> Result<Self, CallError> {
        read!(found, context)
    }
}

/// Returns environment variables for a call.
pub(super) fn environment(variables: &BTreeMap<String, String>) -> Environment {
    Environment::builder().set_variables(Some(variables.clone().into_iter().collect())).build()
}

/// Returns the connection to a VPC for a call; an empty one disconnects a function.
pub(super) fn vpc(settings: Option<&VpcSettings>) -> VpcConfig {
    let ids = |select: fn(&VpcSettings) -> Vec<String>| settings.map(select).unwrap_or_default();
    VpcConfig::builder()
        .set_subnet_ids(Some(ids(|vpc| vpc.subnets.iter().cloned().collect())))
        .set_security_group_ids(Some(ids(|vpc| vpc.security_groups.iter().cloned().collect())))
        .build()
}
