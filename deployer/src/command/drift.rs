//! `deployer drift`: what somebody else changed since it was last deployed.

use serde_json::json;

use super::session::Session;
use super::{Failure, named};
use crate::cli;
use crate::output::{Exit, Output};
use compiler::compile::Environment;
use deployment::plan::drift;

pub(super) fn run(
    arguments: &cli::Live,
    access: &cli::Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let api = named(&arguments.files(), environment)?;
    let session = Session::open(access, output)?;
    let observed = session.observe_api(&api.name, &arguments.stage)?;
    let mut changes = drift(&observed);
    let served = observed.stages.get(&arguments.stage);
    if let (Some(stage), None) = (served, observed.live(&arguments.stage)) {
        changes.push(deployment::plan::Change {
            sign: deployment::plan::Sign::Alter,
            subject: format!("stage {}", arguments.stage),
            aspect: "deployment".to_owned(),
            before: None,
            after: Some(format!("{}, which is none of ours", stage.deployment)),
            danger: deployment::plan::Danger::Security,
        });
    }
    let text = if changes.is_empty() {
        "nobody else changed anything".to_owned()
    } else {
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        format!("changed on AWS by somebody else:\n  {}", lines.join("\n  "))
    };
    output.data(&text, &json!({"api": api.name, "id": observed.id, "drift": changes}));
    Ok(if changes.is_empty() { Exit::Done } else { Exit::Pending })
}
