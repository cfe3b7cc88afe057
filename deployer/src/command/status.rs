//! `deployer status`: shows the revision that a stage serves.

use std::collections::BTreeMap;

use serde_json::json;

use super::deploy::url;
use super::history::annotation_text;
use super::stage_move::canary_json;
use super::{Failure, Invocation};
use crate::apply::revision_text;
use crate::cli;
use crate::output::Exit;
use deployment::plan::drift;
use deployment::record::Record;
use deployment::revision::Revision;

pub(super) fn run(arguments: &cli::Live, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile_quietly(&arguments.files())?;
    let session = invocation.connect()?;
    let observed = session.observe_api(&api.name, &arguments.stage)?;
    let Some(stage) = observed.stages.get(&arguments.stage) else {
        return Err(Failure::NoStage { api: api.name, stage: arguments.stage.clone() });
    };
    let live = observed.live_revision(&arguments.stage);
    let deployment = observed.deployment(&stage.deployment);
    let deployed = deployment.map(|deployment| super::history::time(deployment.created));
    let url = url(&session.aws.target, &observed.id, &arguments.stage);
    let drift = drift(&observed);
    let record = |revision: Option<&Revision>| observed.record(revision?.number);
    let of_canary =
        stage.canary.as_ref().and_then(|canary| observed.deployment(&canary.deployment));
    let served = record(live).map(functions).unwrap_or_default();
    let in_canary = record(of_canary.and_then(|one| one.revision.as_ref())).map(functions);
    let mut lines = vec![
        format!("{} ({}), stage {}", api.name, observed.id, arguments.stage),
        format!(
            "  serves {}, deployed {}{}",
            revision_text(live),
            deployed.as_deref().unwrap_or("at an unknown time"),
            annotation_text(live)
        ),
        format!("  at {url}"),
    ];
    let canary = stage.canary.as_ref();
    lines.extend(canary.map(|canary| format!("  canary: {}", observed.canary_text(canary))));
    lines.extend(served.iter().map(|(name, function)| format!("  authorizer {name} → {function}")));
    lines.extend(
        in_canary
            .iter()
            .flatten()
            .map(|(name, function)| format!("  canary: authorizer {name} → {function}")),
    );
    let unknown = observed.last_import().and_then(Result::err);
    lines.push(match drift.len() {
        0 if unknown.is_some() => "  drift is unknown until the next deployment".to_owned(),
        0 => "  no drift detected".to_owned(),
        1 => "  1 drifted resource: run `deployer drift`".to_owned(),
        count => format!("  {count} drifted resources: run `deployer drift`"),
    });
    let json = json!({
        "api": api.name,
        "id": observed.id,
        "stage": arguments.stage,
        "revision": live,
        "deployment": stage.deployment,
        "deployed": deployed,
        "url": url,
        "canary": canary.map(|canary| canary_json(&observed, canary)),
        "settings": stage.settings,
        "authorizers": served,
        "canary_authorizers": in_canary,
        "drift": drift,
        "drift_known": unknown.is_none(),
    });
    invocation.output.data(&lines.join("\n"), &json);
    Ok(Exit::Success)
}

/// Returns what the authorizers of a revision invoke, by scheme.
fn functions(record: &Record) -> BTreeMap<&str, &str> {
    let functions = record.functions().into_iter();
    functions.map(|(name, function)| (name, function.unwrap_or("Cognito user pool"))).collect()
}
