//! Published versions: the list of a function's versions, the state of one, and its deletion.

use std::collections::BTreeMap;

use super::configuration::{Configuration, Readiness};
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError};
use deployment::function::{BuildMetadata, FunctionSettings, ObservedFunction, ObservedVersion};

/// The state of a function's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// It can be invoked.
    Active,
    /// It was not invoked for some time: the next call starts it again, and may fail at first.
    Inactive,
    /// It is being created.
    Pending,
    /// It cannot be invoked.
    Failed,
}

impl Aws {
    /// Returns a function with its versions, aliases and tags, if it exists.
    pub fn observe_function<'a>(&'a self, name: &'a str) -> Call<'a, Option<ObservedFunction>> {
        Box::pin(async move {
            let Some(listed) = if_found(self.versions(name).await)? else { return Ok(None) };
            let aliases = self.aliases(name).await?;
            let tags = self.function_tags(name).await?;
            let mut versions: Vec<ObservedVersion> =
                listed.into_iter().filter_map(observed).collect();
            versions.sort_by_key(|version| version.number);
            Ok(Some(ObservedFunction { versions, aliases, tags }))
        })
    }

    /// Returns the settings that a function's next version has unless they are changed, if the
    /// function exists.
    pub fn function_settings<'a>(&'a self, name: &'a str) -> Call<'a, Option<FunctionSettings>> {
        Box::pin(
            async move { Ok(self.configuration(name, None).await?.map(|latest| latest.settings)) },
        )
    }

    /// Returns the state of a version, if it exists.
    pub fn version_state<'a>(
        &'a self,
        name: &'a str,
        version: u32,
    ) -> Call<'a, Option<VersionState>> {
        Box::pin(async move {
            let found = self.configuration(name, Some(version)).await?;
            Ok(found.map(|version| match version.state {
                Readiness::Ready => VersionState::Active,
                Readiness::Inactive => VersionState::Inactive,
                Readiness::Pending => VersionState::Pending,
                Readiness::Failed(_) => VersionState::Failed,
            }))
        })
    }

    /// Deletes a version, if it exists.
    pub fn delete_version<'a>(&'a self, name: &'a str, version: u32) -> Call<'a, ()> {
        Box::pin(async move {
            let context = format!("deleting version {version} of function {name}");
            let call = ApiCall::idempotent("lambda", context);
            let deleted = self.caller.call(&call, || {
                let version = version.to_string();
                self.lambda.delete_function().function_name(name).qualifier(version).send()
            });
            if_found(deleted.await).map(|_| ())
        })
    }

    /// Returns the configuration of `$LATEST` or of a version, if it exists.
    pub(super) async fn configuration(
        &self,
        name: &str,
        version: Option<u32>,
    ) -> Result<Option<Configuration>, CallError> {
        let context = match version {
            Some(version) => format!("reading version {version} of function {name}"),
            None => format!("reading function {name}"),
        };
        let call = ApiCall::idempotent("lambda", context);
        let found = self.caller.call(&call, || {
            let configuration = self.lambda.get_function_configuration().function_name(name);
            configuration.set_qualifier(version.map(|number| number.to_string())).send()
        });
        let found = if_found(found.await)?;
        found.map(|found| Configuration::of_one(&found, call.context())).transpose()
    }

    /// Returns the configurations of all versions, `$LATEST` included.
    pub(super) async fn versions(&self, name: &str) -> Result<Vec<Configuration>, CallError> {
        let context = format!("reading the versions of function {name}");
        let call = ApiCall::idempotent("lambda", context);
        let mut all = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let page = self.caller.call(&call, || {
                let list = self.lambda.list_versions_by_function().function_name(name);
                list.set_marker(marker.clone()).send()
            });
            let page = page.await?;
            for version in page.versions() {
                all.push(Configuration::of_listed(version, call.context())?);
            }
            marker = page.next_marker.filter(|next| !next.is_empty());
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    /// Returns the tags of a function.
    pub(super) async fn function_tags(
        &self,
        name: &str,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let call = ApiCall::idempotent("lambda", format!("reading the tags of function {name}"));
        let arn = self.function_arn(name);
        let found = self.caller.call(&call, || self.lambda.list_tags().resource(&arn).send());
        Ok(found.await?.tags.into_iter().flatten().collect())
    }
}

/// Returns a published version; none for `$LATEST`.
fn observed(version: Configuration) -> Option<ObservedVersion> {
    Some(ObservedVersion {
        number: version.version.parse().ok()?,
        build: BuildMetadata::read(&version.description),
        code_sha256: version.code_sha256,
        settings: version.settings,
    })
}
