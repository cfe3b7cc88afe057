//! `deployer history`: what can be gone back to.

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::session::Session;
use super::{Failure, named};
use crate::apply::number;
use crate::cli;
use crate::output::{Exit, Output};
use compiler::compile::Environment;

pub(super) fn run(
    arguments: &cli::Live,
    access: &cli::Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let api = named(&arguments.files(), environment)?;
    let session = Session::open(access, output)?;
    let listed = session.must_find(&api.name)?;
    let stages = session.wait(session.aws.stages(&listed.id))?;
    let deployments = session.wait(session.aws.deployments(&listed.id))?;
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
    output.data(&lines.join("\n"), &json);
    Ok(Exit::Done)
}

/// Writes seconds of Unix time as RFC 3339 does.
pub(super) fn time(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
