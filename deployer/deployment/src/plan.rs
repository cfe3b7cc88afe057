//! (Desired, Observed) → [`Plan`]: the changes, by subject and impact, and the steps that apply
//! them. A plan is data: `apply` makes no decision that is not in it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::desired::Desired;
use crate::function::{FunctionDrift, Publication, function_drift};
use crate::json::JsonProblem;
use crate::observed::{AwsTarget, Observed, ObservedApi};
use crate::percent::Percent;
use crate::record::{Record, UnreadableRecord};
use crate::revision::{Annotation, Revision};
use canary::CanaryUpdate;
use compiler::api::Authorizer;
use compiler::definition::scheme_on_aws;
use compiler::fingerprint::fingerprint;

mod api_changes;
mod canary;
mod change;
mod changes;
mod estimate;
mod markdown;
mod preconditions;
mod prune;
mod revocation;
mod roles;
mod rule_changes;
mod stage;
mod steps;
mod text;

pub use canary::CanaryError;
pub use change::{AccessImpact, Action, Aspect, Change, Subject, UnknownName};
pub use changes::{diff, drift};
pub use estimate::Estimate;
pub use markdown::MAX_BYTES as MAX_MARKDOWN_BYTES;
pub use preconditions::{UnmetPrecondition, unmet_preconditions};
pub use prune::PrunedVersion;
pub use revocation::pending_changes;
pub use roles::unclear_note;
pub use rule_changes::{Direction, dangers, expired_keys};
pub use stage::{canary_patches, is_applied, move_stage, restore, restore_canary, serve};
pub use steps::{Step, plan_name};

/// The changes of a deployment, and the steps that apply them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The format of this value: [`FORMAT`].
    pub format: u32,
    /// The API's name.
    pub api: String,
    /// The stage.
    pub stage: String,
    /// The account and the Region.
    pub target: AwsTarget,
    /// The API's id, if it exists.
    pub id: Option<String>,
    /// The fingerprint of the observed state: a different one makes the plan stale.
    pub fingerprint: String,
    /// The revision that the stage serves, if any, and the one that it, or its canary, will serve.
    pub revisions: (Option<u32>, u32),
    /// The share of the requests that the new revision will serve; `None` for all.
    pub canary: Option<Percent>,
    /// The changes to what the stage serves; the most severe first.
    pub changes: Vec<Change>,
    /// The drift that this plan reverts: changes made outside Portcullis since the last deployment.
    pub drift: Vec<Change>,
    /// Remarks on the plan, each one sentence.
    pub notes: Vec<String>,
    /// The known drift of the authorizers' functions. No step publishes them.
    #[serde(default)]
    pub functions: Vec<FunctionDrift>,
    /// The fingerprint of the desired state. A plan that publishes versions is applied only if the
    /// files are unchanged: the number of a version is not known before.
    pub desired: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// The format of saved plans, and the only one that is read.
pub const FORMAT: u32 = 6;

/// The reason a text cannot be read as a plan.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// The plan has another format.
    #[error("has plan format {0}, expected {FORMAT}")]
    Format(u32),
    /// The text is not a plan.
    #[error("is not a saved plan: {0}")]
    NotAPlan(JsonProblem),
}

impl Plan {
    /// Reads a saved plan.
    pub fn read(text: &str) -> Result<Self, SavedPlanError> {
        /// The part of a plan that all formats have in common.
        #[derive(Deserialize)]
        struct Header {
            format: u32,
        }

        let Header { format } = parse(text)?;
        if format != FORMAT {
            return Err(SavedPlanError::Format(format));
        }
        parse(text)
    }

    /// Returns whether the plan has no steps.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the versions that the plan publishes.
    pub fn publications(&self) -> impl Iterator<Item = &Publication> {
        self.steps.iter().filter_map(|step| match step {
            Step::PublishVersion(publication) => Some(publication),
            _ => None,
        })
    }

    /// Returns the commit and the message of the revision that the plan creates.
    pub fn annotation(&self) -> Option<&Annotation> {
        self.steps.iter().find_map(|step| match step {
            Step::CreateDeployment { revision } => Some(&revision.annotation),
            _ => None,
        })
    }

    /// Returns the plan with a test of all authorizers. Required after their functions were
    /// published, even if the API does not change.
    #[must_use]
    pub fn with_authorizer_tests(mut self, desired: &Desired) -> Self {
        if !self.steps.iter().any(|step| matches!(step, Step::TestAuthorizers { .. })) {
            self.steps
                .insert(0, Step::TestAuthorizers { authorizers: desired.portcullis_authorizers() });
        }
        self
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, SavedPlanError> {
    serde_json::from_str(text).map_err(|error| SavedPlanError::NotAPlan(error.into()))
}

/// Returns the fingerprint of an observed state; a plan of another one is stale.
pub fn state_fingerprint(observed: &Observed) -> String {
    fingerprint(observed)
}

/// Returns the plan from the observed to the desired state.
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let next = next_deployment(desired, observed.api.as_ref());
    build(desired, observed, &next, None)
}

/// Returns the plan of a canary: the desired revision serves a share of the stage's requests.
pub fn plan_canary(
    desired: &Desired,
    observed: &Observed,
    percent: Percent,
) -> Result<Plan, CanaryError> {
    let next = next_deployment(desired, observed.api.as_ref());
    let canary = CanaryUpdate::new(desired, observed.api.as_ref(), &next, percent)?;
    Ok(build(desired, observed, &next, Some(canary)))
}

fn build(
    desired: &Desired,
    observed: &Observed,
    next: &NextDeployment,
    canary: Option<CanaryUpdate<'_>>,
) -> Plan {
    let stage = &desired.api.stage;
    let api = observed.api.as_ref();
    let mut notes = Vec::new();
    let baseline = baseline(api, stage, &mut notes);
    let live = api.and_then(|api| api.live_revision(stage)).map(|revision| revision.number);
    let mut changes = match &baseline {
        Baseline::Recorded(before) => diff(before, &desired.record),
        Baseline::ObservedOnly(before) => diff(before, &Record::observed(&desired.definition)),
    };
    match canary.zip(api) {
        Some((canary, api)) => {
            changes.extend(canary.change(desired, api, next));
            let usage_plan_differs = steps::usage_plan_step(desired, Some(api)).is_some();
            notes.extend(canary.notes(desired, usage_plan_differs));
        }
        None => changes.extend(stage::changes(desired, observed)),
    }
    let steps = steps::steps(desired, observed, next, canary.as_ref(), flushes_cache(&changes));
    changes.extend(api_changes::roles(&steps, observed));
    changes.extend(api_changes::api(desired, api, canary.is_some()));
    sort(&mut changes);
    changes.dedup();
    let functions = function_drift(&desired.api, &observed.functions);
    notes.extend(unread_function_notes(desired, observed, &changes));
    let drift = api.map(drift).unwrap_or_default();
    if let Some(Err(unreadable)) = api.and_then(ObservedApi::last_import) {
        notes.push(format!("drift is unknown: the record of the last import {unreadable}"));
    }
    notes.extend(roles::unclear_notes(desired, observed));
    notes.extend(api.and_then(|api| api_changes::endpoint_note(desired, api)));
    notes.extend(preconditions::quota_notes(desired, observed));
    let without_binary = desired.publications.iter().filter(|one| one.build.binary.is_none());
    notes.extend(without_binary.map(|publication| {
        format!(
            "no binary for function {}: `deploy` requires `--function-zip` or `--build`",
            publication.function
        )
    }));
    Plan {
        format: FORMAT,
        api: desired.api.name.clone(),
        stage: stage.clone(),
        target: desired.target.clone(),
        id: api.map(|api| api.id.clone()),
        fingerprint: state_fingerprint(observed),
        revisions: (live, next.number()),
        canary: canary.map(|canary| canary.percent),
        changes,
        drift,
        notes,
        functions,
        desired: desired.fingerprint(),
        steps,
    }
}

/// Returns whether cached results may be incorrect: a route was added or may have been
/// tightened, or another function or configuration decides.
pub fn flushes_cache(changes: &[Change]) -> bool {
    changes.iter().any(|change| {
        let is_added = change.action == Action::Add && matches!(change.subject, Subject::Route(_));
        is_added || change.impact != AccessImpact::None
    })
}

/// Sorts changes into the order in which they are shown: the most severe first.
pub fn sort(changes: &mut [Change]) {
    changes.sort_by(|a, b| (a.impact, &a.subject).cmp(&(b.impact, &b.subject)));
}

/// Returns a note for each authorizer whose configuration changes, and whose function the caller
/// may not read.
fn unread_function_notes(
    desired: &Desired,
    observed: &Observed,
    changes: &[Change],
) -> Vec<String> {
    let is_unread = |authorizer: &Authorizer| {
        let function = authorizer.function_arn().filter(|_| !authorizer.is_pinned());
        function.is_some_and(|arn| !observed.functions.contains_key(arn.as_str()))
    };
    let unread = desired.api.authorizers.iter().filter(|(_, authorizer)| is_unread(authorizer));
    let subjects = unread.map(|(scheme, _)| Subject::Authorizer(scheme_on_aws(scheme)));
    let has_new_configuration = |subject: &Subject| {
        changes
            .iter()
            .any(|change| change.aspect == Aspect::Configuration && change.subject == *subject)
    };
    subjects
        .filter(has_new_configuration)
        .map(|subject| format!(
            "the configuration of {subject} changes: publish its function first (`deploy --build`)"
        ))
        .collect()
}

/// The record that the desired state is compared with.
enum Baseline {
    /// The record of the revision that the stage serves.
    Recorded(Record),
    /// The API definition as AWS shows it, without scopes and authorizers' configurations: the
    /// served revision has no readable record.
    ObservedOnly(Record),
}

fn baseline(api: Option<&ObservedApi>, stage: &str, notes: &mut Vec<String>) -> Baseline {
    let Some(api) = api.filter(|api| api.stages.contains_key(stage)) else {
        return Baseline::Recorded(Record::default());
    };
    let live = api.live_revision(stage);
    let deployment = match live.and_then(|revision| api.records.get(&revision.number)) {
        Some(Ok(record)) => return Baseline::Recorded(record.clone()),
        Some(Err(UnreadableRecord { reason, .. })) => format!("deployment whose record {reason}"),
        None => "deployment without a record".to_owned(),
    };
    notes.push(format!(
        "stage {stage} serves a {deployment}: compared with the current API definition, without scopes"
    ));
    Baseline::ObservedOnly(Record::observed(&api.definition))
}

/// The deployment that the stage will serve.
#[derive(Clone, Debug, PartialEq, Eq)]
enum NextDeployment {
    /// The current one.
    Current(Revision),
    /// An existing one that another stage serves.
    Existing { id: String, revision: Revision },
    /// A new one. It replaces a deployment of the same content that no stage serves.
    New { revision: Revision, replaces: Option<String> },
}

impl NextDeployment {
    fn number(&self) -> u32 {
        match self {
            Self::Current(revision)
            | Self::Existing { revision, .. }
            | Self::New { revision, .. } => revision.number,
        }
    }
}

fn next_deployment(desired: &Desired, api: Option<&ObservedApi>) -> NextDeployment {
    let content = desired.record.content();
    let new = |number, replaces| {
        let tool = env!("CARGO_PKG_VERSION").to_owned();
        let annotation = desired.annotation.clone();
        NextDeployment::New {
            revision: Revision { number, content: content.clone(), tool, annotation },
            replaces,
        }
    };
    let Some(api) = api else { return new(1, None) };
    // A change of the endpoint requires a new deployment.
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-api-migration.html
    let is_at_endpoint = api.endpoint == desired.api.endpoint;
    let matches = |revision: &Revision| {
        // A revision without a readable record cannot be compared later. One whose version was deleted
        // cannot be served.
        is_at_endpoint
            && revision.content == content
            && api
                .record(revision.number)
                .is_some_and(|record| record.functions() == desired.record.functions())
    };
    if let Some(revision) =
        api.live_revision(&desired.api.stage).filter(|revision| matches(revision))
    {
        return NextDeployment::Current(revision.clone());
    }
    // A deployment in use, as a canary too, was verified when it was created.
    let serving = api.deployments_in_use().into_iter().filter_map(|id| api.deployment(id));
    let mut serving = serving.filter_map(|d| Some((d, d.revision.as_ref()?)));
    if let Some((deployment, revision)) = serving.find(|(_, revision)| matches(revision)) {
        return NextDeployment::Existing { id: deployment.id.clone(), revision: revision.clone() };
    }
    match api.newest_revision() {
        Some((deployment, revision))
            if revision.content == content
                && !api.deployments_in_use().contains(deployment.id.as_str()) =>
        {
            new(revision.number, Some(deployment.id.clone()))
        }
        Some((_, revision)) => new(revision.number.saturating_add(1), None),
        None => new(1, None),
    }
}
