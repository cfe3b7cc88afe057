//! `deployer plan`: shows the changes a deployment would make.

use serde_json::json;

use super::{Failure, Invocation, write};
use crate::cli;
use crate::output::{Exit, Output};
use deployment::function::{FunctionDrift, FunctionState};
use deployment::plan::{Plan, plan};

pub(super) fn run(arguments: &cli::Plan, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let (_, desired, observed) = invocation.load_and_observe(&arguments.live)?;
    let plan = plan(&desired, &observed);
    if let Some(path) = &arguments.out {
        let text = serde_json::to_string_pretty(&plan).unwrap_or_default();
        write(&text, Some(path), invocation.output)?;
    }
    write_plan(&plan, invocation.output);
    // A function that does not exist or has no build metadata is not known to differ.
    let differs = |function: &FunctionDrift| {
        matches!(function.state, FunctionState::OtherConfiguration { .. })
    };
    let pending = !plan.is_empty() || plan.functions.iter().any(differs);
    let pending = arguments.detailed_exitcode && pending;
    Ok(if pending { Exit::Pending } else { Exit::Success })
}

/// Writes a plan; its JSON omits the details that only `deploy` needs.
pub(super) fn write_plan(plan: &Plan, output: Output) {
    let steps: Vec<String> = plan.steps.iter().map(deployment::plan::Step::description).collect();
    output.data(
        &plan.to_string(),
        &json!({
            "api": plan.api,
            "id": plan.id,
            "stage": plan.stage,
            "target": plan.target,
            "revision": {"before": plan.revisions.0, "after": plan.revisions.1},
            "changes": plan.changes,
            "drift": plan.drift,
            "notes": plan.notes,
            "functions": plan.functions,
            "steps": steps,
            "estimate": plan.estimate(),
        }),
    );
}
