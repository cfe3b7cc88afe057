//! [`Plan`] → calls, in order. Makes no decisions: a difference from the plan is an error. A stage is
//! updated last, by one call, and rolled back if a later step fails.

use std::collections::{BTreeMap, BTreeSet};

use authorizer::config::TokenSource;
use aws::apigateway::UsagePlanStep;
use aws::{Aws, CallError, CallErrorKind};
use compiler::api::{AuthorizerShape, RouteKey};
use deployment::observed::{Observed, Traffic};
use deployment::plan::{Plan, PrunedVersion, Step};
use deployment::revision::Revision;
use deployment::target::function_arn;

mod authorizers;
pub(crate) mod invoke;
pub mod probe;
mod stage;
mod test_request;
mod verify;

use probe::Problem;
use stage::StageUndo;
pub use stage::{check_unchanged, roll_back};

/// The options of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A token that the authorizers must accept.
    pub token: Option<String>,
    /// The locations of tokens, by the authorizers' names on AWS without a fingerprint. Default: the
    /// header that is an identity source.
    pub token_sources: BTreeMap<String, TokenSource>,
    /// The variables of the stage, which may be identity sources.
    pub stage_variables: BTreeMap<String, String>,
    /// Continues if an authorizer cannot be tested; for custom endpoints only.
    pub allow_untested: bool,
    /// The number of the plan's steps that are done.
    pub done: usize,
    /// True if a role is new, and may not be assumable yet.
    pub has_new_role: bool,
}

/// The reason a plan was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A call failed, retries included.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An authorizer failed its test.
    #[error("authorizer `{name}` {problem}; no stage was updated")]
    Authorizer {
        /// Its name.
        name: String,
        /// The test's result.
        problem: Problem,
        /// The end of its log.
        log: String,
    },
    /// The authorizer cannot be tested, and `--untested-authorizer` is missing.
    #[error("authorizer `{0}` cannot be tested: TestInvokeAuthorizer is not supported")]
    Untestable(String),
    /// The API definition on AWS differs from the imported one.
    #[error("{mismatch}; no stage was updated")]
    Definition {
        /// The first difference.
        mismatch: MethodMismatch,
    },
    /// The stage was updated concurrently.
    #[error(transparent)]
    ConcurrentUpdate(Box<ConcurrentUpdate>),
    /// The stage was updated, and its authorizer result cache was not flushed.
    #[error(
        "stage `{stage}` was updated, but its authorizer result cache was not flushed: {error}"
    )]
    NotFlushed {
        /// The stage.
        stage: String,
        /// The reason.
        error: CallError,
    },
    /// A new stage was deleted, because its settings could not be made.
    #[error("{error}; stage `{stage}` was deleted again")]
    StageNotCreated {
        /// The stage.
        stage: String,
        /// The reason.
        error: CallError,
    },
    /// A new stage serves requests without its settings.
    #[error("{error}; stage `{stage}` has no settings, and was not deleted: {deletion}")]
    StageNotDeleted {
        /// The stage.
        stage: String,
        /// The reason its settings could not be made.
        error: Box<CallError>,
        /// The reason it was not deleted.
        deletion: Box<CallError>,
    },
    /// A version was not published before the steps that need its number.
    #[error("no version of function {0} was published; no stage was updated")]
    Unpublished(String),
    /// The stage differs from the plan, and the rollback failed.
    #[error("{mismatch}; rollback failed: {error}")]
    RollbackFailed {
        /// The difference from the plan.
        mismatch: Box<StageMismatch>,
        /// The rollback's failure.
        error: CallError,
    },
    /// The stage differed from the plan and was rolled back.
    #[error("{0}; stage rolled back")]
    RolledBack(Box<StageMismatch>),
}

/// A plan that was not applied completely.
#[derive(Debug)]
pub struct Unapplied {
    /// The reason.
    pub error: ApplyError,
    /// True unless the stage serves what it did before: if it was updated, or may have been.
    pub may_be_updated: bool,
}

/// The difference of a method on AWS from the imported one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MethodMismatch {
    /// The imported method does not exist.
    #[error("{0} is missing from the API definition")]
    Missing(RouteKey),
    /// Its authorization or its integration differs.
    #[error("{name} differs from the imported definition: {difference}")]
    Different {
        /// The method and path.
        name: RouteKey,
        /// The members, each with the expected and the found value.
        difference: String,
    },
    /// The method was not imported.
    #[error("unexpected method {0} in the API definition")]
    Unexpected(RouteKey),
}

/// A concurrent update of a stage.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "stage `{stage}` was updated concurrently: expected {}, found {}",
    traffic_or_none(.expected.as_ref()),
    traffic_or_none(.found.as_ref())
)]
pub struct ConcurrentUpdate {
    /// The stage.
    pub stage: String,
    /// The deployments that it served before; none if the plan creates the stage.
    pub expected: Option<Traffic>,
    /// The deployments that it serves.
    pub found: Option<Traffic>,
}

fn traffic_or_none(traffic: Option<&Traffic>) -> String {
    traffic.map_or("no stage".to_owned(), Traffic::to_string)
}

impl From<ConcurrentUpdate> for ApplyError {
    fn from(update: ConcurrentUpdate) -> Self {
        Self::ConcurrentUpdate(Box::new(update))
    }
}

/// The difference of a stage from the plan.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StageMismatch {
    /// It serves another deployment, or has another canary.
    #[error("stage points at an unexpected deployment: expected {expected}, found {found}")]
    Traffic {
        /// The planned deployments.
        expected: Traffic,
        /// The deployments that it serves.
        found: Traffic,
    },
    /// Some of its settings have other values.
    #[error("stage settings were only partially applied: {} not set", .0.join(", "))]
    Settings(Vec<String>),
}

/// The result of applying a plan.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The API's id.
    pub api: String,
    /// The deployment that the plan created, or that the stage or its canary serves now.
    pub deployment: Option<String>,
    /// The deployments that the stage serves now, if it was updated.
    pub traffic: Option<Traffic>,
    /// Notes for the user.
    pub notes: Vec<String>,
    /// The rollback of the stage.
    undo: Option<StageUndo>,
}

impl Report {
    /// Returns whether the stage serves something else, or may do so, after this failure.
    const fn may_be_updated(&self, error: &ApplyError) -> bool {
        match error {
            ApplyError::RolledBack(_) | ApplyError::StageNotCreated { .. } => false,
            ApplyError::Call(error) if self.traffic.is_none() => {
                self.undo.is_some() && matches!(error.kind, CallErrorKind::OutcomeUnknown)
            }
            _ => self.traffic.is_some(),
        }
    }
}

/// Applies a plan; reports each step to `progress`.
pub async fn apply(
    aws: &Aws,
    plan: &Plan,
    observed: &Observed,
    options: &Options,
    progress: &dyn Fn(&str),
) -> Result<Report, Unapplied> {
    let known = observed.api.iter().flat_map(|api| &api.deployments);
    let mut run = Run {
        aws,
        plan,
        options,
        known: known.map(|deployment| deployment.id.clone()).collect(),
        authorizers: None,
        has_new_role: options.has_new_role,
        report: Report { api: plan.id.clone().unwrap_or_default(), ..Report::default() },
    };
    let count = options.done + plan.steps.len();
    for (number, step) in plan.steps.iter().enumerate() {
        progress(&format!("[{}/{count}] {}", options.done + number + 1, step.description()));
        if let Err(error) = run.step(step).await {
            let may_be_updated = run.report.may_be_updated(&error);
            return Err(Unapplied { error, may_be_updated });
        }
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
    has_new_role: bool,
    report: Report,
}

impl Run<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), ApplyError> {
        let (aws, api) = (self.aws, self.report.api.clone());
        match step {
            Step::CreateApi { name, endpoint, tags } => {
                self.report.api = aws.create_api(name, endpoint, tags).await?;
            }
            Step::TagApi { set, unset } => aws.tag_api(&api, set, unset).await?,
            Step::UpdateEndpoint { to, .. } => aws.update_endpoint(&api, to).await?,
            Step::PutRole { name, role, .. } => {
                aws.put_role(name, role).await?;
                self.has_new_role = true;
            }
            Step::ImportDefinition { document } => aws.import_definition(&api, document).await?,
            Step::ReconcileImport { authorizers, gateway_responses } => {
                let found =
                    aws.reconcile_import(&api, authorizers, gateway_responses.as_ref()).await?;
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
            Step::UpdateStage { .. } => self.update_stage(step).await?,
            Step::UpdateCanary { .. } => self.update_canary(step).await?,
            Step::PutUsagePlan { name, stage, plan, existing } => {
                let step = UsagePlanStep { name, stage, plan, existing: existing.as_ref() };
                aws.put_usage_plan(&api, &step).await?;
            }
            Step::DeleteUsagePlan { stage, id, .. } => {
                aws.delete_usage_plan(id, &api, stage).await?;
            }
            Step::PublishVersion(publication) => {
                return Err(ApplyError::Unpublished(publication.function.clone()));
            }
            Step::FlushCache { stage } => self.flush(stage).await?,
            Step::DeleteUnused { deployments, roles, versions } => {
                // A deployment that could not be deleted may be served now: it needs the others.
                if self.prune_deployments(deployments).await {
                    self.prune_roles(roles).await;
                    self.prune_versions(versions).await;
                }
            }
        }
        Ok(())
    }

    /// Flushes the authorizer cache of a stage. Emulators without one have nothing to flush.
    async fn flush(&mut self, stage: &str) -> Result<(), ApplyError> {
        match self.aws.flush_authorizer_cache(&self.report.api, stage).await {
            Err(error) if error.kind == CallErrorKind::Unsupported => {
                self.report.notes.push(error.to_string());
                Ok(())
            }
            result => {
                result.map_err(|error| ApplyError::NotFlushed { stage: stage.to_owned(), error })
            }
        }
    }

    /// Deletes unused versions of functions. A failure is only a note: the next run retries.
    /// Another API's authorizer may name a version too.
    async fn prune_versions(&mut self, versions: &[PrunedVersion]) {
        if versions.is_empty() {
            return;
        }
        let invoked = match self.aws.functions_of_other_apis(&self.report.api).await {
            Ok(invoked) => invoked,
            Err(error) => return self.report.notes.push(error.to_string()),
        };
        let is_invoked = |PrunedVersion { function, number }: &&PrunedVersion| {
            function_arn(&self.aws.target, function).is_none_or(|arn| {
                invoked.contains(arn.with_qualifier(&number.to_string()).as_str())
            })
        };
        let unused = versions.iter().filter(|version| !is_invoked(version));
        for PrunedVersion { function, number } in unused {
            if let Err(error) = self.aws.delete_version(function, *number).await {
                self.report.notes.push(error.to_string());
            }
        }
    }

    /// Deletes unused deployments. A failure is only a note: the next run retries. Returns whether all
    /// were deleted.
    async fn prune_deployments(&mut self, deployments: &[String]) -> bool {
        let failures = self.report.notes.len();
        for id in deployments {
            if let Err(error) = self.aws.delete_deployment(&self.report.api, id).await {
                self.report.notes.push(error.to_string());
            }
        }
        self.report.notes.len() == failures
    }

    /// Deletes unused roles. A failure is only a note: the next run retries.
    async fn prune_roles(&mut self, roles: &[String]) {
        for role in roles {
            if let Err(error) = self.aws.delete_role(role).await {
                self.report.notes.push(error.to_string());
            }
        }
    }
}

/// Returns the text for a revision in messages.
pub fn revision_text(revision: Option<&Revision>) -> String {
    revision.map_or("unknown revision (not deployed by Portcullis)".to_owned(), |r| {
        format!("revision {}", r.number)
    })
}
