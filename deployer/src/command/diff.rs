//! `deployer diff`: shows the changes between two revisions.

use serde_json::json;

use super::{Failure, Invocation};
use crate::cli::{self, Files};
use crate::output::Exit;
use deployment::history::TargetError;
use deployment::observed::ObservedDeployment;
use deployment::plan::{diff, sort};
use deployment::record::{Record, Records};

pub(super) fn run(arguments: &cli::Diff, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let cli::Diff { from, to, dir, stage } = arguments;
    let files = Files { dir: dir.clone(), stage: stage.clone() };
    let api = invocation.compile_quietly(&files)?;
    let session = invocation.connect()?;
    let listed = session.existing_api(&api.name)?;
    let deployments = session.block_on(session.aws.deployments(&listed.id))?;
    let records = session.block_on(session.aws.records(&listed.id))?;
    let before = record(&deployments, &records, *from)?;
    let after = record(&deployments, &records, *to)?;
    let mut changes = diff(before, after);
    sort(&mut changes);
    let mut lines = vec![format!("{} ({}): revision {from} → revision {to}", api.name, listed.id)];
    if changes.is_empty() {
        lines.push("  no changes".to_owned());
    }
    lines.extend(changes.iter().map(|change| format!("  {change}")));
    let json = json!({
        "api": api.name,
        "id": listed.id,
        "from": from,
        "revision": to,
        "changes": changes,
    });
    invocation.output.data(&lines.join("\n"), &json);
    Ok(Exit::Success)
}

/// Returns the record of a revision that has a deployment.
fn record<'a>(
    deployments: &[ObservedDeployment],
    records: &'a Records,
    number: u32,
) -> Result<&'a Record, Failure> {
    let mut revisions = deployments.iter().filter_map(|one| one.revision.as_ref());
    if !revisions.any(|revision| revision.number == number) {
        return Err(TargetError::Unknown(number).into());
    }
    match records.get(&number) {
        Some(Ok(record)) => Ok(record),
        Some(Err(unreadable)) => {
            let reason = unreadable.reason.to_string();
            Err(Failure::RecordUnreadable { revision: number, reason })
        }
        None => {
            let reason = "does not exist".to_owned();
            Err(Failure::RecordUnreadable { revision: number, reason })
        }
    }
}
