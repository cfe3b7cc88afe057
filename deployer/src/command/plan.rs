//! `deployer plan`: shows the changes a deployment would make.

use serde_json::json;

use super::{Failure, Invocation, pinned, write};
use crate::cli;
use crate::output::{Exit, Output};
use deployment::desired::Desired;
use deployment::function::{FunctionDrift, FunctionState};
use deployment::observed::Observed;
use deployment::percent::Percent;
use deployment::plan::{Plan, plan, plan_canary, unmet_preconditions};

pub(super) fn run(arguments: &cli::Plan, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let cli::Plan { live, revision, build, .. } = arguments;
    let (_, desired, observed, _) = pinned::load(invocation, live, revision, build)?;
    let plan = plan_revision(&desired, &observed, revision.canary)?;
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

/// Returns the plan of a deployment to all requests of the stage, or to a canary's share. AWS would
/// refuse one whose preconditions are not met, after a part of it was made.
pub(super) fn plan_revision(
    desired: &Desired,
    observed: &Observed,
    canary: Option<Percent>,
) -> Result<Plan, Failure> {
    let plan = match canary {
        Some(percent) => plan_canary(desired, observed, percent)?,
        None => plan(desired, observed),
    };
    check_preconditions(desired, observed, &plan)?;
    Ok(plan)
}

/// Checks the preconditions of a plan.
pub(super) fn check_preconditions(
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
) -> Result<(), Failure> {
    let unmet = unmet_preconditions(desired, observed, plan);
    unmet.into_iter().next().map_or(Ok(()), |unmet| Err(unmet.into()))
}

/// Writes a plan; its JSON omits the details that only `deploy` needs.
pub(super) fn write_plan(plan: &Plan, output: Output) {
    let steps: Vec<String> = plan.steps.iter().map(deployment::plan::Step::description).collect();
    let json = json!({
        "api": plan.api,
        "id": plan.id,
        "stage": plan.stage,
        "target": plan.target,
        "revision": {"before": plan.revisions.0, "after": plan.revisions.1},
        "canary": plan.canary,
        "changes": plan.changes,
        "drift": plan.drift,
        "notes": plan.notes,
        "functions": plan.functions,
        "steps": steps,
        "estimate": plan.estimate(),
    });
    output.report(&plan.to_string(), &json, &plan.markdown());
}
