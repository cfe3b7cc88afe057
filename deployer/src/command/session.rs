//! What every command that needs AWS begins with: the files, the caller, and what is there.

use std::future::Future;
use std::sync::Arc;

use crate::cli::{Access, Live};
use crate::command::{Failure, compiled};
use crate::output::Output;
use aws::apigateway::{Found, Listed};
use aws::{self, Aws};
use compiler::api::{Api, Arn};
use compiler::compile::Environment;
use deployment::desired::Desired;
use deployment::observed::{Observed, ObservedApi};

/// AWS, as this caller.
pub(super) struct Session {
    pub(super) aws: Aws,
    runtime: tokio::runtime::Runtime,
}

impl Session {
    /// Gets in.
    pub(super) fn open(access: &Access, output: Output) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Failure::Start { what: "the runtime", cause: error.to_string() })?;
        let listener = Arc::new(move |text: &str| output.note(&format!("  {text}")));
        let assume_role = access.assume_role.as_deref().map(|text| match text.split_once(',') {
            Some((role, id)) => (role.to_owned(), Some(id.to_owned())),
            None => (text.to_owned(), None),
        });
        if let Some((role, _)) = assume_role.as_ref().filter(|(role, _)| Arn::role(role).is_none())
        {
            return Err(Failure::Value {
                option: "--assume-role",
                value: role.clone(),
                expected: "the ARN of a role, such as arn:aws:iam::ACCOUNT:role/NAME",
            });
        }
        let access = aws::Access {
            region: access.region.clone(),
            profile: access.profile.clone(),
            assume_role,
            endpoint_url: access.endpoint_url.clone(),
        };
        let aws = runtime.block_on(Aws::connect(&access, listener))?;
        let stop = aws.stop_before_next_call();
        runtime.spawn(async move {
            // What was begun is finished; a second time ends at once.
            if tokio::signal::ctrl_c().await.is_ok() {
                output.note("stopping after this call; again to stop at once");
                stop();
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
        Ok(Self { aws, runtime })
    }

    /// Waits for something.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Finds the API with this name, if it is there.
    pub(super) fn find(&self, name: &str) -> Result<Option<Listed>, Failure> {
        match self.wait(self.aws.find(name))? {
            Found::Nothing => Ok(None),
            Found::Ours(api) => Ok(Some(*api)),
            Found::Several(ids) => Err(Failure::Several { name: name.to_owned(), ids }),
        }
    }

    /// Finds the API with this name, which must be there.
    pub(super) fn must_find(&self, name: &str) -> Result<Listed, Failure> {
        self.find(name)?.ok_or_else(|| {
            let place = &self.aws.place;
            let (account, region) = (&place.account, &place.region);
            Failure::NotThere(format!("there is no API {name} of ours in {account}, {region}"))
        })
    }

    /// Looks at an API that must be there.
    pub(super) fn observe_api(&self, name: &str, stage: &str) -> Result<ObservedApi, Failure> {
        let listed = self.must_find(name)?;
        Ok(self.wait(self.aws.observe_api(listed, stage))?)
    }

    /// Works out what the files ask for here.
    pub(super) fn desired(&self, api: Api) -> Result<Desired, Failure> {
        Ok(Desired::new(api, self.aws.place.clone())?)
    }

    /// Looks at what is there of it.
    pub(super) fn observe(&self, desired: &Desired) -> Result<Observed, Failure> {
        let listed = self.find(&desired.api.name)?;
        let roles: Vec<String> = desired.roles.keys().cloned().collect();
        let api = &desired.api;
        let functions = api.authorizers.values().filter_map(|one| one.function.as_ref());
        let functions = functions.map(|function| function.as_str().to_owned()).collect();
        Ok(self.wait(self.aws.observe(&api.name, listed, &api.stage, &roles, &functions))?)
    }
}

/// Compiles the files for a stage, gets in, and looks.
pub(super) fn look(
    live: &Live,
    access: &Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<(Session, Desired, Observed), Failure> {
    let api = compiled(&live.files(), environment, output)?;
    let session = Session::open(access, output)?;
    let desired = session.desired(api)?;
    let observed = session.observe(&desired)?;
    Ok((session, desired, observed))
}
