//! `deployer history`: what can be gone back to.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Failure, Invocation};
use crate::apply::number;
use crate::cli;
use crate::output::Exit;

pub(super) fn run(arguments: &cli::Live, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile_quietly(&arguments.files())?;
    let session = invocation.connect()?;
    let listed = session.must_find(&api.name)?;
    let stages = session.block_on(session.aws.stages(&listed.id))?;
    let deployments = session.block_on(session.aws.deployments(&listed.id))?;
    let mut lines = vec![format!("{} ({})", api.name, listed.id)];
    let mut all: Vec<Json> = Vec::new();
    for deployment in deployments.iter().rev() {
        let on: Vec<&str> = (stages.iter())
            .filter(|(_, stage)| stage.deployment == deployment.id)
            .map(|(name, _)| name.as_str())
            .collect();
        let made = time(deployment.created);
        let mut line =
            format!("  {made}  {}  {}", deployment.id, number(deployment.revision.as_ref()));
        if !on.is_empty() {
            line.push_str("  ← ");
            line.push_str(&on.join(", "));
        }
        lines.push(line);
        all.push(json!({
            "deployment": deployment.id,
            "made": made,
            "revision": deployment.revision,
            "stages": on,
        }));
    }
    let json = json!({"api": api.name, "id": listed.id, "deployments": all});
    invocation.output.data(&lines.join("\n"), &json);
    Ok(Exit::Done)
}

/// Writes seconds of Unix time as RFC 3339 does.
pub(super) fn time(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
