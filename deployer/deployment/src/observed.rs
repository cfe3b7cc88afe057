//! What is on AWS: an API with its draft, stages and deployments, and the roles made for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::function::PublishedFunction;
use crate::record::{Record, Records, UnreadableRecord};
use crate::revision::Revision;
use compiler::api::{Endpoint, StageSettings};
use compiler::definition::ApiDefinition;

/// The tag that says which API of ours this is.
pub const TAG_API: &str = "portcullis:api";
/// The tag that says that it is ours to change.
pub const TAG_MANAGED: &str = "portcullis:managed";

/// The tag that says that there are usage plans for its stages.
pub const TAG_PLANS: &str = "portcullis:usage-plans";

/// Whose account and which Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsTarget {
    /// The account.
    pub account: String,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The Region.
    pub region: String,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observed {
    /// Where.
    pub target: AwsTarget,
    /// The API, if there is one with our tag and this name.
    pub api: Option<ObservedApi>,
    /// The roles made for it, by name.
    pub roles: BTreeMap<String, Role>,
    /// The authorizers' functions, by their ARNs, as far as the caller may look at them.
    pub functions: BTreeMap<String, PublishedFunction>,
}

/// An API.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedApi {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its endpoint type.
    pub endpoint: Endpoint,
    /// What is being edited.
    pub definition: ApiDefinition,
    /// Ids and names of its authorizers: names can stand there twice.
    pub authorizers: BTreeMap<String, String>,
    /// What was put into the draft with each revision, by revision.
    pub records: Records,
    /// Its stages by name.
    pub stages: BTreeMap<String, ObservedStage>,
    /// Its deployments, oldest first.
    pub deployments: Vec<ObservedDeployment>,
    /// The usage plan of the stage in question.
    pub usage_plan: Option<ObservedUsagePlan>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedStage {
    /// The deployment it serves.
    pub deployment: String,
    /// What it has served.
    pub served: ServedDeployments,
    /// A share of the requests that another deployment serves.
    pub canary: Option<Canary>,
    /// What it has beside the API.
    pub settings: StageSettings,
}

/// What a stage has served, as its description says behind anybody's own words. A deployment
/// that no stage served may be one that a run died over before it was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedDeployments {
    /// What else the description says.
    pub words: String,
    /// The ids of deployments, the latest last.
    pub deployments: Vec<String>,
}

impl ServedDeployments {
    const MARK: &str = "[portcullis served ";
    /// No more than fits a description; more are not kept by far.
    const MOST: usize = 20;

    /// Reads a stage's description.
    pub fn read(description: &str) -> Self {
        let ours = description.rsplit_once(Self::MARK);
        let Some((words, ids)) =
            ours.and_then(|(words, ids)| Some((words, ids.strip_suffix(']')?)))
        else {
            return Self { words: description.to_owned(), deployments: Vec::new() };
        };
        let deployments = ids.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        Self { words: words.trim_end().to_owned(), deployments }
    }

    /// Returns it with one more.
    #[must_use]
    pub fn and(mut self, deployment: &str) -> Self {
        self.deployments.retain(|id| id != deployment);
        self.deployments.push(deployment.to_owned());
        let old = self.deployments.len().saturating_sub(Self::MOST);
        self.deployments.drain(..old);
        self
    }
}

impl fmt::Display for ServedDeployments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.words.is_empty() { "" } else { " " };
        write!(f, "{}{space}{}{}]", self.words, Self::MARK, self.deployments.join(" "))
    }
}

/// A share of a stage's requests that another deployment serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// The deployment.
    pub deployment: String,
    /// Its share, in percent.
    pub percent: f64,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedDeployment {
    /// Its id.
    pub id: String,
    /// When it was made, in seconds of Unix time.
    pub created: i64,
    /// What we said of it, if it is ours.
    pub revision: Option<Revision>,
}

/// A usage plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedUsagePlan {
    /// Its id.
    pub id: String,
    /// What it allows, and the ids of its keys.
    pub plan: compiler::api::UsagePlan,
    /// Whether the stage is in it.
    pub has_stage: bool,
}

/// A role that API Gateway assumes to invoke an authorizer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Who may assume it.
    pub trust: Json,
    /// What it may do, by the names of its inline policies.
    pub policies: BTreeMap<String, Json>,
}

impl ObservedApi {
    /// Returns the deployment of this id.
    pub fn deployment(&self, id: &str) -> Option<&ObservedDeployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// Returns the revision that a stage serves, if it is one of ours.
    pub fn live_revision(&self, stage: &str) -> Option<&Revision> {
        self.deployment(&self.stages.get(stage)?.deployment)?.revision.as_ref()
    }

    /// Returns the newest of our revisions.
    pub fn newest_revision(&self) -> Option<(&ObservedDeployment, &Revision)> {
        let ours = self.deployments.iter().filter_map(|d| Some((d, d.revision.as_ref()?)));
        ours.max_by_key(|(_, revision)| revision.number)
    }

    /// Returns the record of a revision, if there is one that can be read.
    pub fn record(&self, revision: u32) -> Option<&Record> {
        self.records.get(&revision)?.as_ref().ok()
    }

    /// Returns the record of what was last put into the draft.
    pub fn last_import(&self) -> Option<Result<&Record, &UnreadableRecord>> {
        self.records.last_key_value().map(|(_, record)| record.as_ref())
    }

    /// Returns the deployments that stages use.
    pub fn deployments_in_use(&self) -> BTreeSet<&str> {
        let canaries = self.stages.values().filter_map(|stage| stage.canary.as_ref());
        let canaries = canaries.map(|canary| canary.deployment.as_str());
        self.stages.values().map(|stage| stage.deployment.as_str()).chain(canaries).collect()
    }

    /// Says whether a stage serves this deployment or did.
    pub fn was_served(&self, id: &str) -> bool {
        let served = |stage: &ObservedStage| {
            stage.deployment == id || stage.served.deployments.iter().any(|served| served == id)
        };
        self.stages.values().any(served)
    }

    /// Says whether it carries our tags.
    pub fn is_managed(&self) -> bool {
        self.tags.contains_key(TAG_API)
    }
}
