//! `deployer drift`: what somebody else changed since it was last deployed.

use serde_json::json;

use super::{Failure, Invocation};
use crate::cli;
use crate::output::Exit;
use deployment::plan::drift;

pub(super) fn run(arguments: &cli::Live, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile_quietly(&arguments.files())?;
    let session = invocation.connect()?;
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
    invocation.output.data(&text, &json!({"api": api.name, "id": observed.id, "drift": changes}));
    Ok(if changes.is_empty() { Exit::Done } else { Exit::Pending })
}
