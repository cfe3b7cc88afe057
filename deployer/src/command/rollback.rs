//! `deployer rollback`: updates a stage to a revision that was served before, in one call.

use serde_json::{Value as Json, json};

use super::deploy::flush;
use super::session::Session;
use super::{Failure, Invocation};
use crate::apply::{ConcurrentUpdate, revision_text};
use crate::cli::{self, Files};
use crate::output::Exit;
use deployment::observed::{ObservedApi, ObservedStage};
use deployment::plan::{Aspect, Change, Patch, diff, sort};
use deployment::revision::Revision;

pub(super) fn run(arguments: &cli::Rollback, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let (dir, revision) = project_and_revision(&arguments.project_and_revision)?;
    let files = Files { dir: dir.into(), stage: Some(arguments.stage.clone()) };
    let api = invocation.compile_quietly(&files)?;
    let session = invocation.connect()?;
    let observed = session.observe_api(&api.name, &arguments.stage)?;
    let Some(stage) = observed.stages.get(&arguments.stage) else {
        return Err(Failure::NoStage { api: api.name, stage: arguments.stage.clone() });
    };
    let live = observed.live_revision(&arguments.stage);
    let target = target(&observed, &arguments.stage, live.map(|live| live.number), revision)?;
    let rollback = Rollback {
        api: &observed,
        name: &arguments.stage,
        stage,
        live,
        changes: changes(&observed, live.map(|live| live.number), target.1),
        deployment: target.0,
        revision: target.1,
    };
    let (json, revision) = (rollback.json(&api.name), rollback.revision);
    if rollback.is_done() {
        invocation
            .output
            .data(&format!("nothing to do: the stage serves revision {revision}"), &json);
        return Ok(Exit::Success);
    }
    rollback.confirm(&api.name, arguments.yes, &session)?;
    rollback.apply(&session)?;
    if arguments.flush_auth_cache {
        flush(&session, &observed.id, &arguments.stage)?;
    }
    let text = format!("stage {} serves revision {revision}", arguments.stage);
    invocation.output.data(&text, &json);
    Ok(Exit::Success)
}

/// A stage, and the revision to roll it back to.
struct Rollback<'a> {
    api: &'a ObservedApi,
    name: &'a str,
    stage: &'a ObservedStage,
    live: Option<&'a Revision>,
    changes: Vec<Change>,
    deployment: String,
    revision: u32,
}

impl Rollback<'_> {
    fn is_done(&self) -> bool {
        self.stage.deployment == self.deployment && self.stage.canary.is_none()
    }

    /// Shows the changes and prompts for confirmation.
    fn confirm(&self, api: &str, yes: bool, session: &Session) -> Result<(), Failure> {
        let (id, name, revision) = (&self.api.id, self.name, self.revision);
        let from = revision_text(self.live);
        let lines: Vec<String> = self.changes.iter().map(|line| format!("\n  {line}")).collect();
        session.output.note(&format!(
            "{api} ({id}), stage {name}: {from} → revision {revision}{}",
            lines.concat()
        ));
        if self.changes.iter().any(|change| change.aspect == Aspect::Configuration) {
            session.output.note(
                "  note: authorizer function aliases are not rolled back; update them separately",
            );
        }
        if !self.changes_are_known() {
            session
                .output
                .note("  note: the changes are unknown: a revision has no readable record");
        }
        let prompt = "\nRoll back? Type `yes` to confirm:";
        if !yes && session.output.prompt(prompt).as_deref() != Some("yes") {
            return Err(Failure::NotConfirmed { action: format!("roll back {name}") });
        }
        Ok(())
    }

    fn apply(&self, session: &Session) -> Result<(), Failure> {
        let mut patches = vec![Patch::replace("/deploymentId", &self.deployment)];
        if self.stage.canary.is_some() {
            patches.push(Patch::remove("/canarySettings"));
        }
        let update = session.aws.update_stage(&self.api.id, self.name, &patches);
        let now = session.block_on(update)?;
        if now.deployment == self.deployment {
            return Ok(());
        }
        Err(ConcurrentUpdate {
            stage: self.name.to_owned(),
            expected: Some(self.deployment.clone()),
            found: Some(now.deployment),
        }
        .into())
    }

    /// Returns whether both revisions have readable records.
    fn changes_are_known(&self) -> bool {
        let known = |number: u32| self.api.record(number).is_some();
        self.live.is_some_and(|live| known(live.number)) && known(self.revision)
    }

    fn json(&self, api: &str) -> Json {
        json!({
            "api": api,
            "id": self.api.id,
            "stage": self.name,
            "from": self.live.map(|revision| revision.number),
            "revision": self.revision,
            "changes": self.changes,
            "changes_known": self.changes_are_known(),
        })
    }
}

/// Separates the project directory from the revision number.
fn project_and_revision(words: &[String]) -> Result<(String, Option<u32>), Failure> {
    let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let dirs: Vec<&String> = words.iter().filter(|word| word.parse::<u32>().is_err()).collect();
    if numbers.len() > 1 || dirs.len() > 1 {
        return Err(Failure::InvalidOption {
            option: "[DIR] [REVISION]",
            value: words.join(" "),
            expected: "at most one directory and one revision number",
        });
    }
    let dir = dirs.first().map_or(".", |dir| dir.as_str());
    Ok((dir.to_owned(), numbers.first().copied()))
}

/// Returns the deployment of the revision, or of the last one that the stage served before. A
/// deployment that was never served may come from an interrupted run, which did not verify it.
fn target(
    api: &ObservedApi,
    stage: &str,
    live: Option<u32>,
    revision: Option<u32>,
) -> Result<(String, u32), Failure> {
    let revisions =
        api.deployments.iter().filter_map(|d| Some((d.revision.as_ref()?.number, &d.id)));
    let revisions: Vec<(u32, &String)> = revisions.collect();
    let stage_deployments = api.stages.get(stage).map(|stage| &stage.served.deployments);
    let found = match revision {
        Some(requested) => {
            let served = revisions.iter().filter(|(_, id)| api.was_served(id));
            served.filter(|(number, _)| *number == requested).max()
        }
        None => {
            let served = revisions
                .iter()
                .filter(|(_, id)| stage_deployments.is_some_and(|all| all.contains(id)));
            served.filter(|(number, _)| live.is_none_or(|live| *number < live)).max()
        }
    };
    found.map(|(number, id)| ((*id).clone(), *number)).ok_or_else(|| match revision {
        Some(requested) if revisions.iter().any(|(number, _)| *number == requested) => {
            Failure::UnservedRevision(requested)
        }
        Some(requested) => Failure::NoRevision(requested),
        None => Failure::NoEarlierRevision { stage: stage.to_owned() },
    })
}

fn changes(api: &ObservedApi, live: Option<u32>, target: u32) -> Vec<Change> {
    match (live.and_then(|live| api.record(live)), api.record(target)) {
        (Some(before), Some(after)) => {
            let mut changes = diff(before, after);
            sort(&mut changes);
            changes
        }
        _ => Vec::new(),
    }
}
