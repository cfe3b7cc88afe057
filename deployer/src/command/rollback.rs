//! `deployer rollback`: one patch, back to a revision that was served before.

use serde_json::json;

use super::Failure;
use super::session::Session;
use crate::apply::number;
use crate::cli::{self, Files};
use crate::command::named;
use crate::output::{Exit, Output};
use aws::Kind;
use compiler::compile::Environment;
use deployment::observed::ObservedApi;
use deployment::plan::{Change, Patch, between};
use deployment::revision::Record;

pub(super) fn run(
    arguments: &cli::Rollback,
    access: &cli::Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let (dir, revision) = place(&arguments.place)?;
    let files = Files { dir: dir.into(), stage: Some(arguments.stage.clone()) };
    let api = named(&files, environment)?;
    let session = Session::open(access, output)?;
    let observed = session.observe_api(&api.name, &arguments.stage)?;
    let Some(stage) = observed.stages.get(&arguments.stage) else {
        let message = format!("{} has no stage {}", api.name, arguments.stage);
        return Err(Failure::NotThere(message));
    };
    let live = observed.live(&arguments.stage).cloned();
    let (deployment, target) =
        target(&observed, &arguments.stage, live.as_ref().map(|r| r.number), revision)?;
    let changes = changes(&observed, live.as_ref().map(|r| r.number), target);
    let lines: Vec<String> = changes.iter().map(|change| format!("\n  {change}")).collect();
    let rules = changes.iter().any(|change| change.aspect == "rules");
    let from = number(live.as_ref());
    let text = format!(
        "{} ({}), stage {}: from {from} back to revision {target}{}",
        api.name,
        observed.id,
        arguments.stage,
        lines.concat()
    );
    let json = json!({
        "api": api.name,
        "id": observed.id,
        "stage": arguments.stage,
        "from": live.as_ref().map(|revision| revision.number),
        "revision": target,
        "changes": changes,
    });
    if stage.deployment == deployment && stage.canary.is_none() {
        output.data(&format!("nothing to do: it serves revision {target}"), &json);
        return Ok(Exit::Done);
    }
    output.note(&text);
    if rules {
        output.note(
            "  note: functions keep the rules they have: point them back too, if it is these",
        );
    }
    if !arguments.yes && output.ask("\ngo back? type yes:").as_deref() != Some("yes") {
        return Err(Failure::NotConfirmed(format!("rolling back {}", arguments.stage)));
    }
    let mut patches = vec![Patch::replace("/deploymentId", &deployment)];
    if stage.canary.is_some() {
        patches.push(Patch::remove("/canarySettings"));
    }
    let now = session.wait(session.aws.update_stage(&observed.id, &arguments.stage, &patches))?;
    if now.deployment != deployment {
        let message = "somebody else moved the stage in the meantime".to_owned();
        return Err(Failure::Stale(message));
    }
    if arguments.flush_auth_cache {
        match session.wait(session.aws.flush(&observed.id, &arguments.stage)) {
            Err(error) if error.kind == Kind::Unsupported => output.note(&error.to_string()),
            result => result?,
        }
    }
    output.data(&format!("{} serves revision {target} again", arguments.stage), &json);
    Ok(Exit::Done)
}

/// Tells the folder and the revision apart.
fn place(words: &[String]) -> Result<(String, Option<u32>), Failure> {
    let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let dirs: Vec<&String> = words.iter().filter(|word| word.parse::<u32>().is_err()).collect();
    if numbers.len() > 1 || dirs.len() > 1 {
        return Err(Failure::Value {
            option: "[DIR] [REVISION]",
            value: words.join(" "),
            expected: "a folder and the number of a revision",
        });
    }
    let dir = dirs.first().map_or(".", |dir| dir.as_str());
    Ok((dir.to_owned(), numbers.first().copied()))
}

/// Returns the deployment of the revision, or of the one that the stage served before. One that
/// nothing served may be what a run died over before it was checked.
fn target(
    api: &ObservedApi,
    stage: &str,
    live: Option<u32>,
    revision: Option<u32>,
) -> Result<(String, u32), Failure> {
    let ours = api.deployments.iter().filter_map(|d| Some((d.revision.as_ref()?.number, &d.id)));
    let ours: Vec<(u32, &String)> = ours.collect();
    let here = api.stages.get(stage).map(|stage| &stage.served.deployments);
    let found = match revision {
        Some(wanted) => {
            let served = ours.iter().filter(|(_, id)| api.was_served(id));
            served.filter(|(number, _)| *number == wanted).max()
        }
        None => {
            let served = ours.iter().filter(|(_, id)| here.is_some_and(|here| here.contains(id)));
            served.filter(|(number, _)| live.is_none_or(|live| *number < live)).max()
        }
    };
    found.map(|(number, id)| ((*id).clone(), *number)).ok_or_else(|| {
        Failure::NotThere(match revision {
            Some(number) if ours.iter().any(|(there, _)| *there == number) => format!(
                "no stage served revision {number}, so nobody knows whether it was checked to \
                 the end: deploy its files again"
            ),
            Some(number) => format!("there is no revision {number}: see `deployer history`"),
            None => format!(
                "there is no earlier revision that {stage} served: see `deployer history`, and \
                 name one"
            ),
        })
    })
}

fn changes(api: &ObservedApi, live: Option<u32>, target: u32) -> Vec<Change> {
    let record = |number: u32| -> Option<&Record> { api.records.get(&number) };
    match (live.and_then(record), record(target)) {
        (Some(before), Some(after)) => {
            let mut changes = between(before, after);
            changes.sort_by(|a, b| (&a.danger, &a.subject).cmp(&(&b.danger, &b.subject)));
            changes
        }
        _ => Vec::new(),
    }
}
