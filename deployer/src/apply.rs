//! [`Plan`] → calls, in order. Decides nothing: what is done is in the plan, and what is not as
//! the plan says ends it. A stage moves last, by one call, and back if what follows fails.

use std::collections::{BTreeMap, BTreeSet};

use aws::apigateway::UsagePlanStep;
use aws::{Aws, CallError};
use compiler::api::{AuthorizerShape, RouteKey};
use deployment::observed::{Observed, TAG_API};
use deployment::plan::{Plan, Step};
use deployment::revision::Revision;

mod authorizers;
pub mod probe;
mod stage;
mod verify;

use probe::Problem;
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
pub enum ApplyError {
    /// A call failed for good.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An authorizer does not decide as it must.
    #[error("the authorizer {name} {problem}; no stage was updated")]
    Authorizer {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: Problem,
        /// The end of its log.
        log: String,
    },
    /// The authorizer of this name cannot be tested, and that was not permitted.
    #[error("the authorizer {0} cannot be tested: TestInvokeAuthorizer is not supported")]
    Untestable(String),
    /// The API definition on AWS is not the one that was imported.
    #[error("{mismatch}; no stage was updated")]
    Definition {
        /// What differs.
        mismatch: MethodMismatch,
    },
    /// Something else updated the stage while the plan was carried out.
    #[error(transparent)]
    ConcurrentUpdate(#[from] ConcurrentUpdate),
    /// There is no stage that could share its requests with a canary.
    #[error("the stage {0} does not exist: a canary needs one that serves a deployment")]
    NoStage(String),
    /// The stage is not as planned, and rolling it back failed.
    #[error("{mismatch}; rollback failed: {error}")]
    RollbackFailed {
        /// What is not as planned.
        mismatch: StageMismatch,
        /// Why it is still so.
        error: CallError,
    },
    /// The stage was not as planned, and was rolled back.
    #[error("{0}; stage rolled back")]
    RolledBack(StageMismatch),
}

/// How a method on AWS differs from the imported one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MethodMismatch {
    /// It was imported and does not exist.
    #[error("{0} is missing from the API definition")]
    Missing(RouteKey),
    /// Who may call it, or its integration, is another.
    #[error("{name} differs from the imported definition: {difference}")]
    Different {
        /// The method and path.
        name: RouteKey,
        /// The members, each with the expected and the found value.
        difference: String,
    },
    /// It exists and was not imported.
    #[error("unexpected method {0} in the API definition")]
    Unexpected(RouteKey),
}

/// Something else updated a stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "stage {stage} was updated concurrently: expected {}, found {}",
    deployment_or_none(.expected.as_deref()),
    deployment_or_none(.found.as_deref())
)]
pub struct ConcurrentUpdate {
    /// The stage.
    pub stage: String,
    /// The deployment that it was to serve; none if it was not to exist.
    pub expected: Option<String>,
    /// The deployment that it serves.
    pub found: Option<String>,
}

fn deployment_or_none(deployment: Option<&str>) -> String {
    deployment.map_or("no stage".to_owned(), |id| format!("deployment {id}"))
}

/// How a stage differs from what was planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StageMismatch {
    /// It serves another deployment.
    #[error("stage points at an unexpected deployment: expected {expected}, found {found}")]
    Deployment {
        /// The deployment to serve.
        expected: String,
        /// The deployment that it serves.
        found: String,
    },
    /// Some of its settings have other values.
    #[error("stage settings were only partially applied: {} not set", .0.join(", "))]
    Settings(Vec<String>),
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
        tell(&format!("[{}/{count}] {}", number + 1, step.description()));
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
            Step::TagApi { set, unset } => aws.tag_api(&api, set, unset).await?,
            Step::UpdateEndpoint { from, to } => aws.update_endpoint(&api, from, to).await?,
            Step::PutRole { name, role, .. } => {
                let tags = BTreeMap::from([(TAG_API.to_owned(), self.plan.api.clone())]);
                aws.put_role(&self.plan.api, name, role, &tags).await?;
                self.fresh_role = true;
            }
            Step::ImportDefinition { document } => aws.import_definition(&api, document).await?,
            Step::ReconcileImport { authorizers, gateway_responses } => {
                let found = aws.reconcile_import(&api, authorizers, gateway_responses).await?;
                self.authorizers = Some(found);
            }
            Step::GrantInvoke { functions } => {
                for function in functions {
                    aws.grant_invoke(function, &api).await?;
                }
            }
            Step::TestAuthorizers { authorizers } => self.test(authorizers).await?,
            Step::CreateDeployment { revision } => {
                self.report.deployment =
                    Some(aws.create_deployment(&api, revision, &self.known).await?);
            }
            Step::VerifyDefinition { methods } => self.verify(methods).await?,
            Step::CreateStage { name, deployment, settings } => {
                self.create_stage(name, deployment.as_deref(), settings).await?;
            }
            Step::UpdateStage { .. } => self.move_stage(step).await?,
            Step::PutUsagePlan { name, stage, id, plan, existing_keys, has_stage } => {
                let step = UsagePlanStep {
                    name,
                    stage,
                    id: id.as_deref(),
                    plan,
                    existing_keys,
                    has_stage: *has_stage,
                };
                aws.put_usage_plan(&api, &step).await?;
            }
            Step::DeleteUnused { deployments, roles } => self.prune(deployments, roles).await,
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
