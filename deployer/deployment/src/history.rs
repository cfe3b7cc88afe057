//! The deployments that a stage can be rolled back to, and the obstacles to the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::observed::{ObservedApi, ObservedDeployment, ObservedStage};
use crate::record::Records;
use crate::revision::Revision;

/// The deployments of an API, with their stages and records.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// The stages by name.
    pub stages: &'a BTreeMap<String, ObservedStage>,
    /// The deployments, oldest first.
    pub deployments: &'a [ObservedDeployment],
    /// The record of each revision, by its number.
    pub records: &'a Records,
    /// The resources that revisions need and that do not exist any more.
    pub missing: &'a Missing,
}

/// Resources that revisions need and that do not exist any more, by ARN. What the caller may not read
/// is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The pinned versions of functions.
    pub versions: BTreeSet<String>,
    /// The roles that do not exist or that API Gateway cannot assume.
    pub roles: BTreeSet<String>,
}

/// The reason a rollback without a revision number does not select a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// No stage has served it: it may be of an interrupted run, which did not verify it.
    NeverServed,
    /// Only a canary has served it.
    CanaryOnly,
    /// The stage has not served it, but another one has.
    OtherStage,
    /// The stage was rolled back from it.
    RolledBack,
    /// A version of a function that it pins was deleted.
    VersionMissing,
    /// A role that it needs was deleted, or API Gateway cannot assume it.
    RoleMissing,
    /// Its record does not exist or cannot be read, so the changes are unknown.
    RecordUnreadable,
}

impl Obstacle {
    /// Returns whether a rollback to the revision is impossible, even by its number.
    pub const fn is_absolute(self) -> bool {
        match self {
            Self::NeverServed | Self::CanaryOnly | Self::VersionMissing | Self::RoleMissing => true,
            Self::OtherStage | Self::RolledBack | Self::RecordUnreadable => false,
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverServed => "never served",
            Self::CanaryOnly => "served by a canary only",
            Self::OtherStage => "served by other stages only",
            Self::RolledBack => "rolled back from",
            Self::VersionMissing => "left without its version of a function",
            Self::RoleMissing => "left without its invoke role",
            Self::RecordUnreadable => "record unreadable",
        })
    }
}

/// The reason a stage has no deployment to roll back to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The revision cannot be served again.
    #[error("revision {revision} was {obstacle}")]
    Obstacle {
        /// Its number.
        revision: u32,
        /// The reason.
        obstacle: Obstacle,
    },
    /// The API has no such revision.
    #[error("revision {0} does not exist")]
    Unknown(u32),
    /// The stage has served no earlier revision without an obstacle.
    #[error("stage `{stage}` has no earlier revision without an obstacle")]
    NoEarlier {
        /// The stage.
        stage: String,
    },
}

impl ObservedApi {
    /// Returns the deployments with their stages and records.
    pub fn history<'a>(&'a self, missing: &'a Missing) -> History<'a> {
        let (stages, deployments, records) = (&self.stages, &self.deployments, &self.records);
        History { stages, deployments, records, missing }
    }
}

impl<'a> History<'a> {
    /// Returns the obstacle to a rollback of a stage to a deployment.
    pub fn obstacle(&self, stage: &str, deployment: &ObservedDeployment) -> Option<Obstacle> {
        let id = deployment.id.as_str();
        let serves = |stage: &ObservedStage| stage.deployment == id;
        let has_served = |stage: &ObservedStage| serves(stage) || stage.served.find(id).is_some();
        let this = self.stages.get(stage);
        if this.is_some_and(serves) {
            return None;
        }
        if !self.stages.values().any(has_served) {
            let is_canary = |stage: &ObservedStage| {
                stage.canary.as_ref().is_some_and(|canary| canary.deployment == id)
            };
            let canary = self.stages.values().any(is_canary);
            return Some(if canary { Obstacle::CanaryOnly } else { Obstacle::NeverServed });
        }
        if let Some(obstacle) = self.missing_resource(deployment) {
            return Some(obstacle);
        }
        let entry = this.and_then(|stage| stage.served.find(id));
        if entry.is_some_and(|entry| entry.rolled_back) {
            return Some(Obstacle::RolledBack);
        }
        if !this.is_some_and(has_served) {
            return Some(Obstacle::OtherStage);
        }
        let number = deployment.revision.as_ref().map(|revision| revision.number);
        let record = number.and_then(|number| self.records.get(&number));
        (!matches!(record, Some(Ok(_)))).then_some(Obstacle::RecordUnreadable)
    }

    /// Returns whether a deployment lacks a version of a function or a role that it needs.
    pub fn missing_resource(&self, deployment: &ObservedDeployment) -> Option<Obstacle> {
        let number = deployment.revision.as_ref()?.number;
        let record = self.records.get(&number)?.as_ref().ok()?;
        let Missing { versions, roles } = self.missing;
        let lacks = |arn: Option<&String>, missing: &BTreeSet<String>| {
            arn.is_some_and(|arn| missing.contains(arn))
        };
        let mut authorizers = record.authorizers.values();
        if authorizers.clone().any(|one| lacks(one.function.as_ref(), versions)) {
            return Some(Obstacle::VersionMissing);
        }
        let lacks_role = authorizers.any(|one| lacks(one.invoke_role.as_ref(), roles));
        lacks_role.then_some(Obstacle::RoleMissing)
    }

    /// Returns the deployment of a revision; without one, that of the newest revision below the
    /// served one to which there is no obstacle.
    pub fn target(
        &self,
        stage: &str,
        revision: Option<u32>,
    ) -> Result<(&'a ObservedDeployment, &'a Revision), TargetError> {
        match revision {
            Some(number) => self.named(stage, number),
            None => self
                .previous(stage)
                .ok_or_else(|| TargetError::NoEarlier { stage: stage.to_owned() }),
        }
    }

    fn revisions(&self) -> impl Iterator<Item = (&'a ObservedDeployment, &'a Revision)> {
        self.deployments.iter().filter_map(|one| Some((one, one.revision.as_ref()?)))
    }

    fn named(
        &self,
        stage: &str,
        number: u32,
    ) -> Result<(&'a ObservedDeployment, &'a Revision), TargetError> {
        // An interrupted run may have left several of one number.
        let mut found = Err(TargetError::Unknown(number));
        for candidate in self.revisions().filter(|(_, revision)| revision.number == number) {
            match self.obstacle(stage, candidate.0).filter(|obstacle| obstacle.is_absolute()) {
                None => found = Ok(candidate),
                Some(obstacle) if found.is_err() => {
                    found = Err(TargetError::Obstacle { revision: number, obstacle });
                }
                Some(_) => {}
            }
        }
        found
    }

    fn previous(&self, stage: &str) -> Option<(&'a ObservedDeployment, &'a Revision)> {
        let served = self.stages.get(stage)?.deployment.as_str();
        let live = self.revisions().find(|(one, _)| one.id == served);
        let live = live.map(|(_, revision)| revision.number);
        let earlier = self.revisions().filter(|(one, revision)| {
            one.id != served && live.is_none_or(|live| revision.number < live)
        });
        let possible = earlier.filter(|(one, _)| self.obstacle(stage, one).is_none());
        possible.max_by_key(|(_, revision)| revision.number)
    }
}
