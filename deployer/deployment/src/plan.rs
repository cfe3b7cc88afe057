//! (Desired, Observed) → [`Plan`]: what differs, by route and by meaning, and the steps that
//! make it equal. A plan is data: `apply` decides nothing that is not in it.

use serde::{Deserialize, Serialize};

use crate::desired::Desired;
use crate::function::{FunctionDrift, function_drift};
use crate::observed::{AwsTarget, Observed, ObservedApi};
use crate::record::{Record, UnreadableRecord};
use crate::revision::Revision;
use compiler::api::Authorizer;
use compiler::definition::scheme_on_aws;
use compiler::fingerprint::fingerprint;

mod api_changes;
mod change;
mod changes;
mod estimate;
mod prune;
mod stage;
mod steps;
mod text;

pub use change::{AccessImpact, Action, Aspect, Change, Subject, UnknownName};
pub use changes::{diff, drift, newly_public};
pub use estimate::Estimate;
pub use stage::{Patch, PatchOp, patches, serve, undo};
pub use steps::{Step, plan_name};

/// What differs and what is to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The format of this value: [`FORMAT`].
    pub format: u32,
    /// The API's name.
    pub api: String,
    /// The stage.
    pub stage: String,
    /// Where.
    pub target: AwsTarget,
    /// The API's id, if it is there already.
    pub id: Option<String>,
    /// A fingerprint of what was observed: what is not so any more has made the plan stale.
    pub fingerprint: String,
    /// The revision that the stage serves, and the one it is to serve.
    pub revisions: (Option<u32>, u32),
    /// What differs diff the files and what the stage serves; dangerous things first.
    pub changes: Vec<Change>,
    /// What somebody else changed since it was last deployed, and this plan undoes.
    pub drift: Vec<Change>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// Authorizers whose functions do not do what the files say, as far as that is known; to
    /// publish them is no step of this.
    #[serde(default)]
    pub functions: Vec<FunctionDrift>,
    /// What is done, in order.
    pub steps: Vec<Step>,
}

/// The format that plans are saved in, and the only one that is read.
pub const FORMAT: u32 = 2;

/// Why a text is no plan that can be carried out.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// Another version saved it.
    #[error("has format {0}, and this version reads format {FORMAT}: plan again")]
    Format(u32),
    /// It is not what was saved.
    #[error("is not a saved plan: {0}")]
    NotAPlan(#[from] serde_json::Error),
}

impl Plan {
    /// Reads a saved plan.
    pub fn read(text: &str) -> Result<Self, SavedPlanError> {
        /// What the plans of all versions have.
        #[derive(Deserialize)]
        struct Any {
            format: u32,
        }

        let Any { format } = serde_json::from_str(text)?;
        if format != FORMAT {
            return Err(SavedPlanError::Format(format));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Says whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns the plan that also has the authorizers asked: their functions are new, whatever
    /// becomes of the API.
    #[must_use]
    pub fn with_authorizer_tests(mut self, desired: &Desired) -> Self {
        if !self.steps.iter().any(|step| matches!(step, Step::TestAuthorizers { .. })) {
            self.steps
                .insert(0, Step::TestAuthorizers { authorizers: desired.portcullis_authorizers() });
        }
        self
    }
}

/// Returns what says whether a plan is still about what is there.
pub fn state_fingerprint(observed: &Observed) -> String {
    fingerprint(observed)
}

/// Plans.
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let stage = &desired.api.stage;
    let api = observed.api.as_ref();
    let mut notes = Vec::new();
    let baseline = baseline(api, stage, &mut notes);
    let live = api.and_then(|api| api.live_revision(stage)).map(|revision| revision.number);
    let target = target(desired, api);
    let mut changes = match &baseline {
        Baseline::Recorded(before) => diff(before, &desired.record),
        Baseline::ObservedOnly(before) => diff(before, &Record::observed(&desired.definition)),
    };
    let (Baseline::Recorded(before) | Baseline::ObservedOnly(before)) = &baseline;
    changes.extend(newly_public(before, &desired.api));
    changes.extend(stage::changes(desired, api));
    changes.extend(api_changes::roles(desired, observed));
    changes.extend(api_changes::api(desired, api));
    sort(&mut changes);
    changes.dedup();
    let functions = function_drift(&desired.api, &observed.functions);
    notes.extend(unseen_rules(desired, observed, &changes));
    let drift = api.map(drift).unwrap_or_default();
    if let Some(Err(unreadable)) = api.and_then(ObservedApi::last_import) {
        notes.push(format!("drift is unknown: the latest record {unreadable}"));
    }
    let steps = steps::steps(desired, observed, &target);
    Plan {
        format: FORMAT,
        api: desired.api.name.clone(),
        stage: stage.clone(),
        target: desired.target.clone(),
        id: api.map(|api| api.id.clone()),
        fingerprint: state_fingerprint(observed),
        revisions: (live, target.number()),
        changes,
        drift,
        notes,
        functions,
        steps,
    }
}

/// Puts changes in the order in which they are shown: the gravest first.
pub fn sort(changes: &mut [Change]) {
    changes.sort_by(|a, b| (a.impact, &a.subject).cmp(&(b.impact, &b.subject)));
}

/// Returns a note for each authorizer whose rules change, and whose function the caller may not
/// look at.
fn unseen_rules(desired: &Desired, observed: &Observed, changes: &[Change]) -> Vec<String> {
    let is_unseen = |authorizer: &Authorizer| {
        let function = authorizer.function.as_ref();
        function.is_some_and(|arn| !observed.functions.contains_key(arn.as_str()))
    };
    let unseen = desired.api.authorizers.iter().filter(|(_, authorizer)| is_unseen(authorizer));
    let subjects = unseen.map(|(scheme, _)| Subject::Authorizer(scheme_on_aws(scheme)));
    let changes_rules = |subject: &Subject| {
        changes
            .iter()
            .any(|change| change.aspect == Aspect::Configuration && change.subject == *subject)
    };
    subjects
        .filter(changes_rules)
        .map(|subject| format!(
            "what {subject} decides by changes: its function needs the new authorizer.json (`deploy --build`) first"
        ))
        .collect()
}

/// What the stage serves, as far as it is known.
enum Baseline {
    /// What we recorded of it.
    Recorded(Record),
    /// What AWS shows of the API definition, without scopes and authorizers' rules: there is no
    /// record of what the stage serves, or none that can be read.
    ObservedOnly(Record),
}

fn baseline(api: Option<&ObservedApi>, stage: &str, notes: &mut Vec<String>) -> Baseline {
    let Some(api) = api.filter(|api| api.stages.contains_key(stage)) else {
        return Baseline::Recorded(Record::default());
    };
    let live = api.live_revision(stage);
    let why = match live.and_then(|revision| api.records.get(&revision.number)) {
        Some(Ok(record)) => return Baseline::Recorded(record.clone()),
        Some(Err(UnreadableRecord { reason, .. })) => format!("whose record {reason}"),
        None => "that has no record".to_owned(),
    };
    notes.push(format!(
        "the stage {stage} serves a deployment {why}: this compares with what is being edited, without scopes"
    ));
    Baseline::ObservedOnly(Record::observed(&api.definition))
}

/// The deployment that the stage is to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// The one it serves.
    Same(Revision),
    /// One that another stage serves.
    Other { id: String, revision: Revision },
    /// A new one; in the place of one that holds the same and that no stage serves.
    New { revision: Revision, replaces: Option<String> },
}

impl Target {
    fn number(&self) -> u32 {
        match self {
            Self::Same(revision) | Self::Other { revision, .. } | Self::New { revision, .. } => {
                revision.number
            }
        }
    }
}

fn target(desired: &Desired, api: Option<&ObservedApi>) -> Target {
    let content = desired.record.content();
    let new = |number, replaces| {
        let tool = env!("CARGO_PKG_VERSION").to_owned();
        Target::New { revision: Revision { number, content: content.clone(), tool }, replaces }
    };
    let Some(api) = api else { return new(1, None) };
    let known = |revision: &Revision| {
        // One without a record that can be read cannot be compared with any more.
        revision.content == content && api.record(revision.number).is_some()
    };
    if let Some(revision) = api.live_revision(&desired.api.stage).filter(|revision| known(revision))
    {
        return Target::Same(revision.clone());
    }
    // What a stage serves, or a share of it, was checked when it was deployed.
    let serving = api.deployments_in_use().into_iter().filter_map(|id| api.deployment(id));
    let mut serving = serving.filter_map(|d| Some((d, d.revision.as_ref()?)));
    if let Some((deployment, revision)) = serving.find(|(_, revision)| known(revision)) {
        return Target::Other { id: deployment.id.clone(), revision: revision.clone() };
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
