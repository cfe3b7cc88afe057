//! `deployer history`: lists the deployed revisions.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Failure, Invocation};
use crate::apply::revision_text;
use crate::cli;
use crate::output::Exit;

pub(super) fn run(arguments: &cli::Live, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile_quietly(&arguments.files())?;
    let session = invocation.connect()?;
    let listed = session.existing_api(&api.name)?;
    let stages = session.block_on(session.aws.stages(&listed.id))?;
    let deployments = session.block_on(session.aws.deployments(&listed.id))?;
    let mut lines = vec![format!("{} ({})", api.name, listed.id)];
    let mut all: Vec<Json> = Vec::new();
    for deployment in deployments.iter().rev() {
        let stage_names: Vec<&str> = (stages.iter())
            .filter(|(_, stage)| stage.deployment == deployment.id)
            .map(|(name, _)| name.as_str())
            .collect();
        let created = time(deployment.created);
        let mut line = format!(
            "  {created}  {}  {}",
            deployment.id,
            revision_text(deployment.revision.as_ref())
        );
        if !stage_names.is_empty() {
            line.push_str("  ← ");
            line.push_str(&stage_names.join(", "));
        }
        lines.push(line);
        all.push(json!({
            "deployment": deployment.id,
            "created": created,
            "revision": deployment.revision,
            "stages": stage_names,
        }));
    }
    let json = json!({"api": api.name, "id": listed.id, "deployments": all});
    invocation.output.data(&lines.join("\n"), &json);
    Ok(Exit::Success)
}

/// Returns seconds of Unix time in RFC 3339 format.
pub(super) fn time(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
