//! A command's connection to AWS, and the state of the API there.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use crate::cli::AwsArguments;
use crate::output::{self, Output};
use aws::apigateway::{ApiLookup, ListedApi};
use aws::{self, Aws, CallError, CallErrorKind};
use compiler::api::{Api, Arn};
use deployment::desired::Desired;
use deployment::history::Missing;
use deployment::invoke_role::path_and_name;
use deployment::observed::{Observed, ObservedApi};
use deployment::record::{AuthorizerRecord, Records};
use deployment::target::function_arn;

/// The time in which a second interrupt is the same one: a launcher passes on what the terminal sends
/// to the program as well.
const SAME_INTERRUPT: Duration = Duration::from_millis(300);

/// A connection to AWS.
pub(super) struct Session {
    pub(super) aws: Aws,
    pub(super) output: Output,
    runtime: tokio::runtime::Runtime,
}

impl Session {
    /// Connects to AWS.
    pub(super) fn open(arguments: &AwsArguments, output: Output) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|cause| Failure::Start { what: "the runtime", cause })?;
        let listener = Arc::new(move |text: &str| output.note(&format!("  {text}")));
        let assume_role = arguments.assume_role.as_deref().map(|text| match text.split_once(',') {
            Some((role, id)) => (role.to_owned(), Some(id.to_owned())),
            None => (text.to_owned(), None),
        });
        if let Some((role, _)) = assume_role.as_ref().filter(|(role, _)| Arn::role(role).is_none())
        {
            return Err(Failure::InvalidOption {
                option: "--assume-role",
                value: role.clone(),
                expected: "the ARN of a role, such as arn:aws:iam::ACCOUNT:role/NAME",
            });
        }
        let options = aws::ConnectOptions {
            region: arguments.region.clone(),
            profile: arguments.profile.clone(),
            assume_role,
            endpoint_url: arguments.endpoint_url.clone(),
        };
        let aws = runtime.block_on(Aws::connect(&options, listener))?;
        let stop = aws.stop_before_next_call();
        runtime.spawn(async move {
            // The first signal lets the call in flight finish; the second one exits at once.
            if tokio::signal::ctrl_c().await.is_ok() {
                if output::is_prompting() {
                    output.note("\ncancelled");
                    std::process::exit(130);
                }
                output.note("finishing the current call; press Ctrl-C again to abort");
                stop();
            }
            tokio::time::sleep(SAME_INTERRUPT).await;
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
        Ok(Self { aws, output, runtime })
    }

    /// Runs a future to its end.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Returns the API with this name, if it exists.
    pub(super) fn find_api(&self, name: &str) -> Result<Option<ListedApi>, Failure> {
        match self.block_on(self.aws.find_api(name))? {
            ApiLookup::NotFound => Ok(None),
            ApiLookup::Found(api) => Ok(Some(*api)),
            ApiLookup::Ambiguous(ids) => Err(Failure::AmbiguousApi { name: name.to_owned(), ids }),
        }
    }

    /// Returns the API with this name, which must exist.
    pub(super) fn existing_api(&self, name: &str) -> Result<ListedApi, Failure> {
        self.find_api(name)?.ok_or_else(|| {
            let target = &self.aws.target;
            let (account, region) = (target.account.clone(), target.region.clone());
            Failure::NoApi { name: name.to_owned(), account, region }
        })
    }

    /// Reads the current state of an API, which must exist.
    pub(super) fn observe_api(&self, name: &str, stage: &str) -> Result<ObservedApi, Failure> {
        let listed = self.existing_api(name)?;
        Ok(self.block_on(self.aws.observe_api(listed, stage))?)
    }

    /// Returns the desired state in the account and Region.
    pub(super) fn desired(&self, api: Api) -> Result<Desired, Failure> {
        Ok(Desired::new(api, self.aws.target.clone())?)
    }

    /// Returns the resources that the readable records need and that do not exist any more.
    pub(super) fn missing(&self, records: &Records) -> Result<Missing, Failure> {
        let mut missing = Missing::default();
        let authorizers = || records.values().flatten().flat_map(|one| one.authorizers.values());
        let mut functions: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for (arn, version) in authorizers().filter_map(AuthorizerRecord::pinned_function) {
            functions.entry(arn).or_default().extend(version);
        }
        for (arn, needed) in functions {
            // A function of another account or Region was not pinned from here.
            let Some(name) = arn.rsplit(':').next().filter(|name| {
                function_arn(&self.aws.target, name).is_some_and(|here| here.as_str() == arn)
            }) else {
                continue;
            };
            let Some(found) = readable(self.block_on(self.aws.observe_function(name)))? else {
                continue;
            };
            let exists = |number: &u32| {
                found.as_ref().is_some_and(|function| function.version(*number).is_some())
            };
            let deleted = needed.iter().filter(|number| !exists(number));
            missing.versions.extend(deleted.map(|number| format!("{arn}:{number}")));
        }
        let roles: BTreeSet<&String> =
            authorizers().filter_map(|one| one.invoke_role.as_ref()).collect();
        for arn in roles {
            let Some((_, name)) = path_and_name(arn) else { continue };
            let Some(found) = readable(self.block_on(self.aws.role(name)))? else { continue };
            if found.is_none_or(|role| role.trust_problem().is_some()) {
                missing.roles.insert(arn.clone());
            }
        }
        Ok(missing)
    }

    /// Reads the current state.
    pub(super) fn observe(&self, desired: &Desired) -> Result<Observed, Failure> {
        let listed = self.find_api(&desired.api.name)?;
        Ok(self.block_on(self.aws.observe(desired, listed))?)
    }
}

/// Returns the result of a call; nothing if the caller may not make it.
fn readable<T>(result: Result<T, CallError>) -> Result<Option<T>, Failure> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == CallErrorKind::Denied => Ok(None),
        Err(error) => Err(error.into()),
    }
}
