//! `deployer history`: lists the deployed revisions, and the obstacles to a rollback to them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Failure, Invocation};
use crate::apply::revision_text;
use crate::cli;
use crate::output::Exit;
use deployment::history::{History, Obstacle};
use deployment::observed::{ObservedDeployment, ObservedStage};
use deployment::revision::Revision;

pub(super) fn run(arguments: &cli::Live, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile_quietly(&arguments.files())?;
    let session = invocation.connect()?;
    let listed = session.existing_api(&api.name)?;
    let stages = session.block_on(session.aws.stages(&listed.id))?;
    let deployments = session.block_on(session.aws.deployments(&listed.id))?;
    let records = session.block_on(session.aws.records(&listed.id))?;
    let missing = session.missing(&records)?;
    let history = History {
        stages: &stages,
        deployments: &deployments,
        records: &records,
        missing: &missing,
    };
    let entries: Vec<Entry<'_>> = (deployments.iter().rev())
        .map(|deployment| Entry {
            deployment,
            stages: &stages,
            obstacle: history.obstacle(&arguments.stage, deployment),
        })
        .collect();
    let mut lines = vec![format!("{} ({})", api.name, listed.id)];
    lines.extend(entries.iter().map(Entry::text));
    let all: Vec<Json> = entries.iter().map(Entry::json).collect();
    let json = json!({"api": api.name, "id": listed.id, "deployments": all});
    invocation.output.data(&lines.join("\n"), &json);
    Ok(Exit::Success)
}

/// A deployment in the list.
struct Entry<'a> {
    deployment: &'a ObservedDeployment,
    stages: &'a BTreeMap<String, ObservedStage>,
    /// The obstacle to a rollback of the stage to it.
    obstacle: Option<Obstacle>,
}

impl Entry<'_> {
    /// Returns the stages that serve the deployment.
    fn serving(&self) -> impl Iterator<Item = (&str, &ObservedStage)> {
        let serving = self.stages.iter().filter(|(_, one)| one.deployment == self.deployment.id);
        serving.map(|(name, stage)| (name.as_str(), stage))
    }

    /// Returns the stages whose canaries serve the deployment, with their shares in percent.
    fn canaries(&self) -> impl Iterator<Item = (&str, f64)> {
        self.stages.iter().filter_map(|(name, stage)| {
            let canary = stage.canary.as_ref()?;
            (canary.deployment == self.deployment.id).then_some((name.as_str(), canary.percent))
        })
    }

    fn text(&self) -> String {
        let revision = self.deployment.revision.as_ref();
        let serving = self.serving().map(|(name, stage)| match &stage.canary {
            Some(canary) => format!("{name} {} %", 100.0 - canary.percent),
            None => name.to_owned(),
        });
        let canaries = self.canaries().map(|(name, percent)| format!("{name} canary {percent} %"));
        let serving: Vec<String> = serving.chain(canaries).collect();
        let mut line = format!(
            "  {}  {}  {}{}",
            time(self.deployment.created),
            self.deployment.id,
            revision_text(revision),
            annotation_text(revision)
        );
        if !serving.is_empty() {
            line.push_str("  ← ");
            line.push_str(&serving.join(", "));
        }
        if let Some(obstacle) = self.obstacle {
            line.push_str("  [");
            line.push_str(&obstacle.to_string());
            line.push(']');
        }
        line
    }

    fn json(&self) -> Json {
        let stages: Vec<&str> = self.serving().map(|(name, _)| name).collect();
        let canaries: BTreeMap<&str, f64> = self.canaries().collect();
        json!({
            "deployment": self.deployment.id,
            "created": time(self.deployment.created),
            "revision": self.deployment.revision,
            "stages": stages,
            "canaries": canaries,
            "obstacle": self.obstacle,
        })
    }
}

/// Returns the commit and the message of a revision, to follow its number.
pub(super) fn annotation_text(revision: Option<&Revision>) -> String {
    let Some(annotation) = revision.map(|revision| &revision.annotation) else {
        return String::new();
    };
    let commit = annotation.commit.as_ref().map(|commit| format!(", commit {commit}"));
    let message = annotation.message.as_ref().map(|message| format!(": {message}"));
    commit.into_iter().chain(message).collect()
}

/// Returns seconds of Unix time in RFC 3339 format.
pub(super) fn time(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
