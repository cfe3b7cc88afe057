//! The observed state on AWS: an API with its definition, stages and deployments, its roles and
//! its functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::function::{ObservedFunctions, PublishedFunction};
use crate::invoke_role::{Role, RoleOwner, path_and_name};
use crate::record::{Record, Records, UnreadableRecord};
use crate::revision::Revision;
use crate::stage_settings::ObservedSettings;
use crate::target::function_arn;
pub use crate::target::{
    AwsTarget, TAG_API, TAG_MANAGED, TAG_PLANS, TAG_REGION, api_tag, names_api,
};
use compiler::api::{Endpoint, EndpointConfiguration, Throttle};
use compiler::definition::ApiDefinition;

/// The observed state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observed {
    /// The account and the Region.
    pub target: AwsTarget,
    /// The settings of API Gateway for the account and the Region; the default ones if the desired
    /// settings do not depend on them.
    pub account: AccountSettings,
    /// The number of REST APIs in the Region, by endpoint type; empty if the plan creates none and
    /// changes no type. Those of others do not make a plan stale.
    #[serde(skip)]
    pub apis: BTreeMap<Endpoint, usize>,
    /// The API keys of the desired usage plan that do not exist.
    #[serde(skip)]
    pub missing_keys: BTreeSet<String>,
    /// The API, if one is managed by Portcullis under this name.
    pub api: Option<ObservedApi>,
    /// The invoke roles that were created for it, by name, and those of earlier versions that may
    /// have been.
    pub roles: BTreeMap<String, Role>,
    /// The authorizers' functions, by ARN, as far as the caller may read them.
    pub functions: BTreeMap<String, PublishedFunction>,
    /// The pinned functions that the files or the records name, by name.
    pub pinned: ObservedFunctions,
}

/// The settings of API Gateway for an account in a Region.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccountSettings {
    /// The ARN of the role that API Gateway writes logs with, if there is one.
    pub cloudwatch_role: Option<String>,
    /// The throttle of all requests to the account's APIs together, and the most that a stage or a
    /// method may have.
    pub throttle: Throttle,
}

impl AccountSettings {
    /// The settings of a new account in most Regions.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
    pub const DEFAULT: Self =
        Self { cloudwatch_role: None, throttle: Throttle { rate: 10_000.0, burst: 5_000 } };
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
    /// Its endpoint.
    pub endpoint: EndpointConfiguration,
    /// The current API definition, deployed or not.
    pub definition: ApiDefinition,
    /// The names of its authorizers, by id. Names are not unique.
    pub authorizers: BTreeMap<String, String>,
    /// The record of each revision, by its number.
    pub records: Records,
    /// Its stages by name.
    pub stages: BTreeMap<String, ObservedStage>,
    /// Its deployments, oldest first.
    pub deployments: Vec<ObservedDeployment>,
    /// The usage plan of the desired stage.
    pub usage_plan: Option<ObservedUsagePlan>,
}

/// A stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedStage {
    /// The id of the deployment that it serves.
    pub deployment: String,
    /// The deployments that it has served.
    pub served: ServedDeployments,
    /// Its canary, if it has one.
    pub canary: Option<Canary>,
    /// Its settings.
    pub settings: ObservedSettings,
}

/// The deployments that a stage has served, recorded at the end of its description. A deployment
/// that no stage has served may be of an interrupted run, and unverified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedDeployments {
    /// The rest of the description.
    pub description: String,
    /// The deployments, the latest last.
    pub deployments: Vec<ServedDeployment>,
}

/// A deployment that a stage has served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedDeployment {
    /// Its id.
    pub id: String,
    /// True if the stage was rolled back from it.
    pub rolled_back: bool,
}

impl ServedDeployments {
    const MARK: &str = "[portcullis served ";
    /// The prefix of the id of a deployment that the stage was rolled back from.
    const ROLLED_BACK: char = '!';
    /// The most ids. They fit a description, and fewer deployments are retained.
    const MAX_DEPLOYMENTS: usize = 20;

    /// Reads a stage's description.
    pub fn read(text: &str) -> Self {
        let parts = text.rsplit_once(Self::MARK);
        let Some((description, ids)) =
            parts.and_then(|(description, ids)| Some((description, ids.strip_suffix(']')?)))
        else {
            return Self { description: text.to_owned(), deployments: Vec::new() };
        };
        let deployment = |text: &str| {
            let id = text.trim_start_matches(Self::ROLLED_BACK);
            ServedDeployment { id: id.to_owned(), rolled_back: id != text }
        };
        let deployments = ids.split(' ').map(deployment).filter(|one| !one.id.is_empty());
        Self { description: description.trim_end().to_owned(), deployments: deployments.collect() }
    }

    /// Returns the entry of a deployment, if the stage has served it.
    pub fn find(&self, deployment: &str) -> Option<&ServedDeployment> {
        self.deployments.iter().find(|one| one.id == deployment)
    }

    /// Returns the deployments with one more, the latest.
    #[must_use]
    pub fn with(mut self, deployment: &str) -> Self {
        self.deployments.retain(|one| one.id != deployment);
        self.push(ServedDeployment { id: deployment.to_owned(), rolled_back: false })
    }

    /// Returns the deployments with one that the stage was rolled back from.
    #[must_use]
    pub fn with_rolled_back(mut self, deployment: &str) -> Self {
        if let Some(known) = self.deployments.iter_mut().find(|one| one.id == deployment) {
            known.rolled_back = true;
            return self;
        }
        self.push(ServedDeployment { id: deployment.to_owned(), rolled_back: true })
    }

    fn push(mut self, deployment: ServedDeployment) -> Self {
        self.deployments.push(deployment);
        let old = self.deployments.len().saturating_sub(Self::MAX_DEPLOYMENTS);
        self.deployments.drain(..old);
        self
    }
}

impl fmt::Display for ServedDeployments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let space = if self.description.is_empty() { "" } else { " " };
        let ids = self.deployments.iter().map(|one| {
            if one.rolled_back {
                format!("{}{}", Self::ROLLED_BACK, one.id)
            } else {
                one.id.clone()
            }
        });
        let ids: Vec<String> = ids.collect();
        write!(f, "{}{space}{}{}]", self.description, Self::MARK, ids.join(" "))
    }
}

/// The deployments that a stage's requests reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// The id of the deployment that the stage serves.
    pub deployment: String,
    /// Its canary, if it has one.
    pub canary: Option<Canary>,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deployment {}", self.deployment)?;
        self.canary.as_ref().map_or(Ok(()), |Canary { deployment, percent }| {
            write!(f, " and canary: {percent} % deployment {deployment}")
        })
    }
}

impl ObservedStage {
    /// Returns the deployments that its requests reach.
    pub fn traffic(&self) -> Traffic {
        Traffic { deployment: self.deployment.clone(), canary: self.canary.clone() }
    }
}

/// A canary: a share of a stage's requests that another deployment serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Canary {
    /// The id of its deployment.
    pub deployment: String,
    /// Its share, in percent.
    pub percent: f64,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObservedDeployment {
    /// Its id.
    pub id: String,
    /// Its creation time, in seconds of Unix time.
    pub created: i64,
    /// Its revision, if Portcullis created it.
    pub revision: Option<Revision>,
}

/// A usage plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedUsagePlan {
    /// Its id.
    pub id: String,
    /// Its throttle, its quota and the ids of its keys.
    pub plan: compiler::api::UsagePlan,
    /// True if the stage is in it.
    pub has_stage: bool,
}

/// Returns the records, without the content of those that the deployment with their number does not
/// have.
pub fn records_of(records: Records, deployments: &[ObservedDeployment]) -> Records {
    let is_other = |number: u32, record: &Record| {
        let revisions = deployments.iter().filter_map(|one| one.revision.as_ref());
        let mut revisions = revisions.filter(|revision| revision.number == number);
        revisions.any(|revision| revision.content != record.content())
    };
    let checked = |(number, record): (u32, Result<Record, UnreadableRecord>)| {
        let record = record.and_then(|record| {
            if is_other(number, &record) {
                Err(UnreadableRecord::of_other_deployment(&record))
            } else {
                Ok(record)
            }
        });
        (number, record)
    };
    records.into_iter().map(checked).collect()
}

impl ObservedApi {
    /// Returns the deployment with this id.
    pub fn deployment(&self, id: &str) -> Option<&ObservedDeployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// Returns the revision that a stage serves, if Portcullis deployed it.
    pub fn live_revision(&self, stage: &str) -> Option<&Revision> {
        self.deployment(&self.stages.get(stage)?.deployment)?.revision.as_ref()
    }

    /// Returns the newest revision and its deployment.
    pub fn newest_revision(&self) -> Option<(&ObservedDeployment, &Revision)> {
        let revisions = self.deployments.iter().filter_map(|d| Some((d, d.revision.as_ref()?)));
        revisions.max_by_key(|(_, revision)| revision.number)
    }

    /// Returns the record of the revision that a stage serves, if it exists and is readable.
    pub fn live_record(&self, stage: &str) -> Option<&Record> {
        self.record(self.live_revision(stage)?.number)
    }

    /// Returns the record of a revision, if it exists and is readable.
    pub fn record(&self, revision: u32) -> Option<&Record> {
        self.records.get(&revision)?.as_ref().ok()
    }

    /// Returns the record of the API definition that was imported last.
    pub fn last_import(&self) -> Option<Result<&Record, &UnreadableRecord>> {
        self.records.last_key_value().map(|(_, record)| record.as_ref())
    }

    /// Returns the ids of the deployments that stages or their canaries serve.
    pub fn deployments_in_use(&self) -> BTreeSet<&str> {
        let canaries = self.stages.values().filter_map(|stage| stage.canary.as_ref());
        let canaries = canaries.map(|canary| canary.deployment.as_str());
        self.stages.values().map(|stage| stage.deployment.as_str()).chain(canaries).collect()
    }

    /// Returns the text of a canary: its share and its revision.
    pub fn canary_text(&self, canary: &Canary) -> String {
        let revision = self.deployment(&canary.deployment).and_then(|one| one.revision.as_ref());
        match revision {
            Some(revision) => format!("{} % revision {}", canary.percent, revision.number),
            None => format!("{} % deployment {}", canary.percent, canary.deployment),
        }
    }

    /// Returns the names of the roles that deployments use and that may be created for the API.
    pub fn role_names(&self, owner: RoleOwner<'_>) -> BTreeSet<String> {
        let records = self.records.values().filter_map(|record| record.as_ref().ok());
        let authorizers = records.flat_map(|record| record.authorizers.values());
        let arns = authorizers.filter_map(|authorizer| authorizer.invoke_role.as_deref());
        let roles = arns.filter_map(path_and_name);
        let roles = roles.filter(|(path, name)| owner.may_own(path, name));
        roles.map(|(_, name)| name.to_owned()).collect()
    }

    /// Returns the names of the functions of a target of which deployments pin versions.
    pub fn pinned_functions(&self, target: &AwsTarget) -> BTreeSet<String> {
        let records = self.records.values().filter_map(|record| record.as_ref().ok());
        let authorizers = records.flat_map(|record| record.authorizers.values());
        let pinned = authorizers.filter_map(|authorizer| Some(authorizer.pinned_function()?.0));
        let names = pinned.filter_map(|arn| Some((arn, arn.rsplit(':').next()?)));
        let is_here = |(arn, name): &(&str, &str)| {
            function_arn(target, name).is_some_and(|here| here.as_str() == *arn)
        };
        names.filter(is_here).map(|(_, name)| name.to_owned()).collect()
    }

    /// Returns whether Portcullis manages the API.
    pub fn is_managed(&self) -> bool {
        self.tags.contains_key(TAG_API)
    }
}
