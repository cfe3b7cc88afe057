//! Publishes a version of a function.
//!
//! `$LATEST` is brought to the requested state in steps. Before each, it is read again: a call
//! whose response was lost is then either seen or repeated, never both. A step that has to be
//! repeated although it succeeded is undone by another deployer, so publication ends. The
//! revision ID of that read, and the hash of the code, make Lambda refuse to publish anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, FunctionCode, Runtime};

use super::configuration::{Configuration, Readiness, environment, vpc};
use super::waits::waits;
use crate::api_call::if_found;
use crate::{ApiCall, Aws, Call, CallError, CallErrorKind};
use deployment::function::FunctionSettings;
use deployment::target::TAG_MANAGED;

/// The longest wait for a function or a version.
const READY_WITHIN: Duration = Duration::from_mins(2);
/// The longest wait until a new role can be assumed.
const ROLE_WITHIN: Duration = Duration::from_mins(1);
/// The longest time for sending a package.
const UPLOAD_WITHIN: Duration = Duration::from_mins(5);
/// The number of repetitions of a step without a known outcome.
const REPEATS: usize = 3;

/// A version to publish.
#[derive(Clone, Copy, Debug)]
pub struct PublishRequest<'a> {
    /// The function's name.
    pub name: &'a str,
    /// The package.
    pub zip: &'a [u8],
    /// The SHA-256 of the package, in Base64.
    pub code_sha256: &'a str,
    /// The settings.
    pub settings: &'a FunctionSettings,
    /// The description of the version.
    pub description: &'a str,
    /// The tags of a new function, and of one that Portcullis did not tag; none leaves the tags of a
    /// function unchanged.
    pub tags: &'a BTreeMap<String, String>,
}

/// A step of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Create,
    Configure,
    Upload,
    Publish,
}

impl PublishRequest<'_> {
    /// Returns the next step from the state of `$LATEST`. After a failed update, both updates are
    /// due: the configuration may be that of the failed one.
    fn next_step(&self, latest: Option<&Configuration>, done: &BTreeSet<Step>) -> Step {
        let Some(latest) = latest else { return Step::Create };
        let failed = matches!(latest.last_update, Readiness::Failed(_));
        if self.configures(latest) || (failed && !done.contains(&Step::Configure)) {
            Step::Configure
        } else if self.uploads(latest) || (failed && !done.contains(&Step::Upload)) {
            Step::Upload
        } else {
            Step::Publish
        }
    }

    /// Returns whether the configuration differs. The architecture is changed with the code.
    fn configures(&self, latest: &Configuration) -> bool {
        let architecture = latest.settings.architecture.clone();
        let desired = FunctionSettings { architecture, ..self.settings.clone() };
        desired != latest.settings || !latest.runtime.starts_with("provided")
    }

    fn uploads(&self, latest: &Configuration) -> bool {
        self.code_sha256 != latest.code_sha256
            || self.settings.architecture != latest.settings.architecture
    }

    /// Returns whether a version is the one to publish.
    fn is_published_as(&self, version: &Configuration) -> bool {
        version.description == self.description
            && version.code_sha256 == self.code_sha256
            && version.settings == *self.settings
    }
}

impl Aws {
    /// Publishes a version of a function and returns its number, when it can be invoked. Creates the
    /// function if it does not exist. An equal version that was published before is returned instead.
    pub fn publish_function<'a>(&'a self, request: &'a PublishRequest<'a>) -> Call<'a, u32> {
        Box::pin(async move {
            if let Some(number) = self.equal_version(request).await? {
                self.version_ready(request.name, number).await?;
                return Ok(number);
            }
            let number = self.publish_latest(request).await?;
            self.version_ready(request.name, number).await?;
            Ok(number)
        })
    }

    /// Brings `$LATEST` to the requested state and publishes it.
    async fn publish_latest(&self, request: &PublishRequest<'_>) -> Result<u32, CallError> {
        let name = request.name;
        let mut done = BTreeSet::new();
        let mut repeats = 0;
        let mut is_tagged = request.tags.is_empty();
        loop {
            let latest = self.latest_ready(name, !done.is_empty()).await?;
            if latest.is_some() && !is_tagged {
                self.tag_if_untagged(request).await?;
                is_tagged = true;
            }
            let step = request.next_step(latest.as_ref(), &done);
            if done.contains(&step) {
                return Err(changed_concurrently(name));
            }
            let revision = latest.as_ref().map(|latest| latest.revision.as_str());
            let result = match step {
                Step::Create => self.create_function(request).await,
                Step::Configure => self.configure(request, revision).await,
                Step::Upload => self.upload(request, revision).await,
                Step::Publish => match self.publish_version(request, revision).await {
                    Ok(number) => return Ok(number),
                    Err(error) => Err(error),
                },
            };
            match result {
                Ok(()) => _ = done.insert(step),
                // A conflict is an update in progress, or a creation whose response was lost.
                Err(error) if repeats < REPEATS && may_repeat(&error) => {
                    repeats += 1;
                    if step == Step::Publish
                        && let Some(number) = self.equal_version(request).await?
                    {
                        return Ok(number);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the newest version that is equal to the requested one.
    async fn equal_version(&self, request: &PublishRequest<'_>) -> Result<Option<u32>, CallError> {
        let versions = if_found(self.versions(request.name).await)?.unwrap_or_default();
        let equal = versions.iter().filter(|version| request.is_published_as(version));
        Ok(equal.filter_map(|version| version.version.parse().ok()).max())
    }

    /// Returns `$LATEST` when no update of it is in progress, if the function exists. An update that
    /// failed is an error if it was requested by this publication.
    async fn latest_ready(
        &self,
        name: &str,
        is_updated: bool,
    ) -> Result<Option<Configuration>, CallError> {
        let context = format!("updating function {name}");
        let mut pauses = waits(READY_WITHIN);
        loop {
            let Some(latest) = self.configuration(name, None).await? else { return Ok(None) };
            match (&latest.state, &latest.last_update) {
                (Readiness::Failed(reason), _) => return Err(failed(&context, reason)),
                (_, Readiness::Failed(reason)) if is_updated => {
                    return Err(failed(&context, reason));
                }
                (Readiness::Pending, _) | (_, Readiness::Pending) => {}
                _ => return Ok(Some(latest)),
            }
            self.pause(pauses.next(), &context, "an update of the function is in progress").await?;
        }
    }

    /// Waits until a version can be invoked.
    async fn version_ready(&self, name: &str, number: u32) -> Result<(), CallError> {
        let context = format!("publishing version {number} of function {name}");
        let mut pauses = waits(READY_WITHIN);
        loop {
            match self.configuration(name, Some(number)).await?.map(|version| version.state) {
                Some(Readiness::Ready | Readiness::Inactive) => return Ok(()),
                Some(Readiness::Failed(reason)) => return Err(failed(&context, &reason)),
                // A new version may not be found for a moment.
                Some(Readiness::Pending) | None => {}
            }
            self.pause(pauses.next(), &context, "the version is not active yet").await?;
        }
    }

    /// Waits, unless the pauses are over.
    async fn pause(
        &self,
        pause: Option<Duration>,
        context: &str,
        reason: &str,
    ) -> Result<(), CallError> {
        let late = || {
            let message = format!("{reason}, after {} s", READY_WITHIN.as_secs());
            CallError::new(CallErrorKind::OutcomeUnknown, context, message)
        };
        self.wait(pause.ok_or_else(late)?, reason).await;
        Ok(())
    }

    async fn tag_if_untagged(&self, request: &PublishRequest<'_>) -> Result<(), CallError> {
        let name = request.name;
        if self.function_tags(name).await?.contains_key(TAG_MANAGED) {
            return Ok(());
        }
        // It may have been created after the plan was made.
        let function = self.observe_function(name).await?;
        if function.is_some_and(|function| !function.is_managed()) {
            let context = format!("publishing a version of function {name}");
            let message = "the function was created by another program";
            return Err(CallError::new(CallErrorKind::PreconditionFailed, context, message));
        }
        let call = ApiCall::idempotent("lambda", format!("tagging function {name}"));
        let arn = self.function_arn(name);
        let tagged = self.caller.call(&call, || {
            let tags = request.tags.clone().into_iter().collect();
            self.lambda.tag_resource().resource(&arn).set_tags(Some(tags)).send()
        });
        tagged.await.map(|_| ())
    }

    /// Creates a function. A role that was just created cannot be assumed yet.
    async fn create_function(&self, request: &PublishRequest<'_>) -> Result<(), CallError> {
        let mut pauses = waits(ROLE_WITHIN);
        loop {
            match self.send_creation(request).await {
                Err(error) if is_new_role(&error) => match pauses.next() {
                    Some(pause) => self.wait(pause, "the role cannot be assumed yet").await,
                    None => return Err(error),
                },
                result => return result,
            }
        }
    }

    async fn send_creation(&self, request: &PublishRequest<'_>) -> Result<(), CallError> {
        let PublishRequest { name, zip, settings, tags, .. } = *request;
        let call = ApiCall::once("lambda", format!("creating function {name}"));
        let created = self.caller.call(&call, || {
            let code = FunctionCode::builder().zip_file(Blob::new(zip)).build();
            let connected = settings.vpc.as_ref().map(|settings| vpc(Some(settings)));
            let creation = self.lambda.create_function();
            creation
                .function_name(name)
                .runtime(Runtime::Providedal2023)
                .handler("bootstrap")
                .role(&settings.role)
                .code(code)
                .architectures(Architecture::from(settings.architecture.name()))
                .memory_size(settings.memory_mb)
                .timeout(settings.timeout_seconds)
                .environment(environment(&settings.environment))
                .set_vpc_config(connected)
                .set_tags(Some(tags.clone().into_iter().collect()))
                .customize()
                .config_override(upload_config())
                .send()
        });
        created.await.map(|_| ())
    }

    async fn configure(
        &self,
        request: &PublishRequest<'_>,
        revision: Option<&str>,
    ) -> Result<(), CallError> {
        let PublishRequest { name, settings, .. } = *request;
        let call = ApiCall::once("lambda", format!("updating the settings of function {name}"));
        let updated = self.caller.call(&call, || {
            self.lambda
                .update_function_configuration()
                .function_name(name)
                .runtime(Runtime::Providedal2023)
                .handler("bootstrap")
                .role(&settings.role)
                .memory_size(settings.memory_mb)
                .timeout(settings.timeout_seconds)
                .environment(environment(&settings.environment))
                .vpc_config(vpc(settings.vpc.as_ref()))
                .set_revision_id(revision.map(str::to_owned))
                .send()
        });
        updated.await.map(|_| ())
    }

    async fn upload(
        &self,
        request: &PublishRequest<'_>,
        revision: Option<&str>,
    ) -> Result<(), CallError> {
        let PublishRequest { name, zip, settings, .. } = *request;
        let call = ApiCall::once("lambda", format!("updating the code of function {name}"));
        let updated = self.caller.call(&call, || {
            self.lambda
                .update_function_code()
                .function_name(name)
                .zip_file(Blob::new(zip))
                .architectures(Architecture::from(settings.architecture.name()))
                .set_revision_id(revision.map(str::to_owned))
                .customize()
                .config_override(upload_config())
                .send()
        });
        updated.await.map(|_| ())
    }

    async fn publish_version(
        &self,
        request: &PublishRequest<'_>,
        revision: Option<&str>,
    ) -> Result<u32, CallError> {
        let PublishRequest { name, code_sha256, description, .. } = *request;
        let call = ApiCall::once("lambda", format!("publishing a version of function {name}"));
        let published = self.caller.call(&call, || {
            self.lambda
                .publish_version()
                .function_name(name)
                .code_sha256(code_sha256)
                .description(description)
                .set_revision_id(revision.map(str::to_owned))
                .send()
        });
        let number = published.await?.version.and_then(|version| version.parse().ok());
        number.ok_or_else(|| {
            let message = "the response has no version number";
            CallError::new(CallErrorKind::OutcomeUnknown, call.context(), message)
        })
    }
}

/// Returns the configuration of a call that sends a package.
fn upload_config() -> aws_sdk_lambda::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(UPLOAD_WITHIN).build();
    aws_sdk_lambda::Config::builder().timeout_config(timeouts)
}

/// Returns whether a failed step may have had its effect, or may have it later: the next read shows
/// it.
fn may_repeat(error: &CallError) -> bool {
    matches!(error.kind, CallErrorKind::OutcomeUnknown | CallErrorKind::Conflict)
}

/// Returns whether Lambda cannot assume the execution role, which is so for some seconds after the
/// role is created.
fn is_new_role(error: &CallError) -> bool {
    error.kind == CallErrorKind::Invalid && error.message.contains("cannot be assumed")
}

fn failed(context: &str, reason: &str) -> CallError {
    CallError::new(CallErrorKind::Invalid, context, format!("failed: {reason}"))
}

fn changed_concurrently(name: &str) -> CallError {
    let context = format!("publishing a version of function {name}");
    CallError::new(
        CallErrorKind::PreconditionFailed,
        context,
        "the function was updated concurrently",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use compiler::api::Architecture as ApiArchitecture;

    fn settings() -> FunctionSettings {
        FunctionSettings {
            architecture: ApiArchitecture::Arm64,
            memory_mb: 256,
            timeout_seconds: 10,
            role: "role".to_owned(),
            environment: BTreeMap::new(),
            vpc: None,
        }
    }

    fn latest() -> Configuration {
        Configuration {
            version: "$LATEST".to_owned(),
            description: String::new(),
            code_sha256: "hash".to_owned(),
            revision: "r".to_owned(),
            runtime: "provided.al2023".to_owned(),
            state: Readiness::Ready,
            last_update: Readiness::Ready,
            settings: settings(),
        }
    }

    /// Returns the next step towards the settings above and the code `hash`.
    fn step(latest: Option<&Configuration>, done: &[Step]) -> Step {
        let (settings, tags) = (settings(), BTreeMap::new());
        let request = PublishRequest {
            name: "f",
            zip: b"",
            code_sha256: "hash",
            settings: &settings,
            description: "d",
            tags: &tags,
        };
        request.next_step(latest, &done.iter().copied().collect())
    }

    #[test]
    fn a_publication_makes_only_the_steps_that_are_needed() {
        assert_eq!(step(None, &[]), Step::Create);
        assert_eq!(step(Some(&latest()), &[]), Step::Publish);
        let other_code = Configuration { code_sha256: "other".to_owned(), ..latest() };
        assert_eq!(step(Some(&other_code), &[]), Step::Upload);
        let architecture = ApiArchitecture::X86_64;
        let other = FunctionSettings { architecture, ..settings() };
        assert_eq!(step(Some(&Configuration { settings: other, ..latest() }), &[]), Step::Upload);
        let other = FunctionSettings { memory_mb: 512, ..settings() };
        let other = Configuration { settings: other, ..other_code };
        assert_eq!(step(Some(&other), &[]), Step::Configure);
        let other = Configuration { runtime: "python3.13".to_owned(), ..latest() };
        assert_eq!(step(Some(&other), &[]), Step::Configure);
    }

    #[test]
    fn an_update_that_failed_before_is_repeated() {
        let last_update = Readiness::Failed("no such subnet".to_owned());
        let failed = Configuration { last_update, ..latest() };
        assert_eq!(step(Some(&failed), &[]), Step::Configure);
        assert_eq!(step(Some(&failed), &[Step::Configure]), Step::Upload);
    }
}
