//! [`Plan`] → calls, in order. Decides nothing: what is done is in the plan, and what is not as
//! the plan says ends it. A stage moves last, by one call, and back if what follows fails.

use std::collections::{BTreeMap, BTreeSet};

use aws::apigateway::UsagePlanStep;
use aws::{Aws, CallError};
use compiler::api::AuthorizerShape;
use deployment::observed::{Observed, TAG_API};
use deployment::plan::{Plan, Step};
use deployment::revision::Revision;

mod authorizers;
mod stage;
mod verify;

pub(crate) use authorizers::NO_TOKEN;
use stage::Back;
pub use stage::put_back;

/// What is done beside the plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A token that must be let in.
    pub token: Option<String>,
    /// Go on though nobody can ask the authorizer; for stand-ins of AWS's only.
    pub untested: bool,
    /// Send this share of requests to the new deployment, in percent.
    pub canary: Option<f64>,
}

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A call failed for good.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An authorizer did not answer as it must.
    #[error("the authorizer {name} {what}; no stage was moved")]
    Authorizer {
        /// Its name.
        name: String,
        /// What it did.
        what: String,
        /// The end of what it logged.
        log: String,
    },
    /// There is nobody to ask, and that may not be passed over.
    #[error("the authorizer {0} cannot be tested there: TestInvokeAuthorizer is missing")]
    Untestable(String),
    /// The draft is not what was put into it.
    #[error("{0}; no stage was moved")]
    Draft(String),
    /// Somebody else was there in the meantime.
    #[error("{0}")]
    Stale(String),
    /// A share of nothing.
    #[error("the stage {0} is not there yet: a canary needs one that serves something")]
    NoStage(String),
    /// The stage did not become what it was to be, and could not be put back.
    #[error("{0}, and it could not be put back: {1}")]
    NotBack(String, CallError),
    /// The stage did not become what it was to be, and is again what it was.
    #[error("{0}; the stage is again what it was")]
    RolledBack(String),
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The API's id.
    pub api: String,
    /// The deployment that the stage serves now, if it moved.
    pub deployment: Option<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// How the stage is put back.
    back: Option<Back>,
}

/// Carries out a plan.
pub async fn apply(
    aws: &Aws,
    plan: &Plan,
    observed: &Observed,
    options: &Options,
    tell: &dyn Fn(&str),
) -> Result<Report, ApplyError> {
    let known = observed.api.iter().flat_map(|api| &api.deployments);
    let mut run = Run {
        aws,
        plan,
        options,
        known: known.map(|deployment| deployment.id.clone()).collect(),
        authorizers: None,
        fresh_role: false,
        report: Report { api: plan.id.clone().unwrap_or_default(), ..Report::default() },
    };
    let count = plan.steps.len();
    for (number, step) in plan.steps.iter().enumerate() {
        tell(&format!("[{}/{count}] {}", number + 1, step.sentence()));
        run.step(step).await?;
    }
    Ok(run.report)
}

type Authorizers = BTreeMap<String, (String, AuthorizerShape)>;

struct Run<'a> {
    aws: &'a Aws,
    plan: &'a Plan,
    options: &'a Options,
    known: BTreeSet<String>,
    authorizers: Option<Authorizers>,
    fresh_role: bool,
    report: Report,
}

impl Run<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), ApplyError> {
        let (aws, api) = (self.aws, self.report.api.clone());
        match step {
            Step::CreateApi { name, endpoint, vpc_endpoints, tags } => {
                self.report.api = aws.create_api(name, endpoint, vpc_endpoints, tags).await?;
            }
            Step::Tag { set, unset } => aws.tag_api(&api, set, unset).await?,
            Step::Endpoint { from, to } => aws.change_endpoint(&api, from, to).await?,
            Step::Role { name, role, .. } => {
                let tags = BTreeMap::from([(TAG_API.to_owned(), self.plan.api.clone())]);
                aws.put_role(&self.plan.api, name, role, &tags).await?;
                self.fresh_role = true;
            }
            Step::Put { document } => aws.put_api(&api, document).await?,
            Step::Settle { authorizers, gateway_responses } => {
                let found = aws.reconcile_import(&api, authorizers, gateway_responses).await?;
                self.authorizers = Some(found);
            }
            Step::Permit { functions } => {
                for function in functions {
                    aws.grant_invoke(function, &api).await?;
                }
            }
            Step::Test { authorizers } => self.test(authorizers).await?,
            Step::Deploy { revision } => {
                self.report.deployment = Some(aws.deploy(&api, revision, &self.known).await?);
            }
            Step::Verify { methods } => self.verify(methods).await?,
            Step::CreateStage { name, deployment, settings } => {
                self.create_stage(name, deployment.as_deref(), settings).await?;
            }
            Step::MoveStage { .. } => self.move_stage(step).await?,
            Step::UsagePlan { name, stage, id, plan, keys_there, has_stage } => {
                let step = UsagePlanStep {
                    name,
                    stage,
                    id: id.as_deref(),
                    plan,
                    keys_there,
                    has_stage: *has_stage,
                };
                aws.put_usage_plan(&api, &step).await?;
            }
            Step::Prune { deployments, roles } => self.prune(deployments, roles).await,
        }
        Ok(())
    }

    /// Removes what is not needed. What stays is removed next time: it harms nobody.
    async fn prune(&mut self, deployments: &[String], roles: &[String]) {
        for id in deployments {
            if let Err(error) = self.aws.delete_deployment(&self.report.api, id).await {
                self.report.notes.push(error.to_string());
            }
        }
        for role in roles {
            if let Err(error) = self.aws.delete_role(role).await {
                self.report.notes.push(error.to_string());
            }
        }
    }
}

/// Returns the number of a revision, for messages.
pub fn number(revision: Option<&Revision>) -> String {
    revision.map_or("no revision of ours".to_owned(), |r| format!("revision {}", r.number))
}
