//! `deployer promote`: routes all requests of a stage to its canary's revision, in one call.

use super::stage_move::{Move, MoveOptions, StageMove, StageTarget};
use super::{Failure, Invocation};
use crate::cli;
use crate::output::Exit;
use deployment::history::TargetError;

pub(super) fn run(arguments: &cli::Promote, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let live = &arguments.live;
    let target = StageTarget::observe(&live.files(), &live.stage, invocation)?;
    let Some(canary) = &target.stage.canary else {
        return Err(Failure::NoCanary { stage: target.name });
    };
    let history = target.api.history(&target.missing);
    let deployment = target.api.deployment(&canary.deployment);
    if let Some(obstacle) = deployment.and_then(|one| history.missing_resource(one)) {
        let revision = deployment.and_then(|one| one.revision.as_ref());
        let revision = revision.map(|revision| revision.number).unwrap_or_default();
        return Err(TargetError::Obstacle { revision, obstacle }.into());
    }
    let promotion = StageMove {
        kind: Move::Promotion,
        target: &target,
        deployment: &canary.deployment,
        rolled_back: Vec::new(),
    };
    promotion.run(MoveOptions::new(&arguments.confirmation, arguments.flush_auth_cache))
}
