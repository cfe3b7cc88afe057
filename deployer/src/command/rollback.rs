//! `deployer rollback`: ends a stage's canary, or updates the stage to a revision that was served
//! before, in one call.

use super::stage_move::{Move, MoveOptions, StageMove, StageTarget};
use super::{Failure, Invocation};
use crate::cli::{self, Files};
use crate::output::Exit;

pub(super) fn run(arguments: &cli::Rollback, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let (dir, revision) = project_and_revision(&arguments.project_and_revision)?;
    let files = Files { dir: dir.into(), stage: Some(arguments.stage.clone()) };
    let target = StageTarget::observe(&files, &arguments.stage, invocation)?;
    let options = MoveOptions::new(&arguments.confirmation, arguments.flush_auth_cache);
    rollback(&target, revision)?.run(options)
}

/// Returns the move to a revision. Without a number, it only ends the canary, if there is one.
fn rollback(target: &StageTarget, revision: Option<u32>) -> Result<StageMove<'_>, Failure> {
    let StageTarget { api, name, stage, missing, .. } = target;
    let canary = stage.canary.as_ref().map(|canary| canary.deployment.as_str());
    let live = api.live_revision(name);
    let (deployment, is_earlier) = match (revision, canary) {
        (None, Some(_)) => (stage.deployment.as_str(), false),
        _ => {
            let (deployment, revision) = api.history(missing).target(name, revision)?;
            // Forward is not back: the revision served well.
            let is_earlier = live.is_some_and(|live| revision.number < live.number);
            (deployment.id.as_str(), is_earlier)
        }
    };
    let served = is_earlier.then_some(stage.deployment.as_str());
    let rolled_back = served.into_iter().chain(canary.filter(|canary| *canary != deployment));
    let rolled_back = rolled_back.collect();
    Ok(StageMove { kind: Move::Rollback, target, deployment, rolled_back })
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
