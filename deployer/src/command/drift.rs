//! `deployer drift`: detects changes that were made outside Portcullis since the last deployment.

use serde_json::json;

use super::{Failure, Invocation};
use crate::cli;
use crate::output::Exit;
use deployment::plan::{AccessImpact, Action, Aspect, Change, Subject, drift};

pub(super) fn run(arguments: &cli::Live, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile_quietly(&arguments.files())?;
    let session = invocation.connect()?;
    let observed = session.observe_api(&api.name, &arguments.stage)?;
    let mut changes = drift(&observed);
    let served = observed.stages.get(&arguments.stage);
    if let (Some(stage), None) = (served, observed.live_revision(&arguments.stage)) {
        changes.push(Change {
            action: Action::Update,
            subject: Subject::Stage(arguments.stage.clone()),
            aspect: Aspect::Deployment,
            before: None,
            after: Some(format!("{} (not created by Portcullis)", stage.deployment)),
            impact: AccessImpact::Security,
        });
    }
    let unknown = observed.last_import().and_then(Result::err);
    let text = if let (Some(unreadable), true) = (unknown, changes.is_empty()) {
        format!(
            "drift is unknown until the next deployment: the record of the last import {unreadable}"
        )
    } else if changes.is_empty() {
        "no drift detected".to_owned()
    } else {
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        format!("drift: changed outside Portcullis\n  {}", lines.join("\n  "))
    };
    invocation.output.data(
        &text,
        &json!({"api": api.name, "id": observed.id, "drift": changes, "drift_known": unknown.is_none()}),
    );
    Ok(match (changes.is_empty(), unknown) {
        (false, _) => Exit::Pending,
        (true, Some(_)) => Exit::Failed,
        (true, None) => Exit::Success,
    })
}
