//! `deployer undeploy`: removes a stage, or the API with all that was made for it. What is
//! already gone is gone.

use serde_json::json;

use super::session::Session;
use super::{Failure, Invocation};
use crate::cli::{self, Files};
use crate::output::Exit;
use aws::CallErrorKind;
use deployment::desired::Desired;

pub(super) fn run(arguments: &cli::Undeploy, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let files = Files { dir: arguments.dir.clone(), stage: arguments.stage.clone() };
    let api = invocation.compile_quietly(&files)?;
    if api.deployment_settings.protect {
        return Err(Failure::Protected(api.name));
    }
    let session = invocation.connect()?;
    let desired = session.desired(api)?;
    let done = match &arguments.stage {
        Some(stage) => one_stage(&session, &desired, stage, arguments.yes)?,
        None => all(&session, &desired, arguments.yes)?,
    };
    let text = match done.as_slice() {
        [] => "nothing to do: it is gone".to_owned(),
        done => format!("removed {}", done.join(", ")),
    };
    invocation.output.data(&text, &json!({"api": desired.api.name, "removed": done}));
    Ok(Exit::Done)
}

/// Asks for a name to be typed: nobody does that by accident.
fn confirmed(what: &str, name: &str, yes: bool, session: &Session) -> Result<(), Failure> {
    let question = format!("\nthis removes {what}; type {name}:");
    if yes || session.output.ask(&question).as_deref() == Some(name) {
        return Ok(());
    }
    Err(Failure::NotConfirmed { action: format!("removing {what}") })
}

fn one_stage(
    session: &Session,
    desired: &Desired,
    stage: &str,
    yes: bool,
) -> Result<Vec<String>, Failure> {
    let name = &desired.api.name;
    let Some(listed) = session.find(name)? else { return Ok(Vec::new()) };
    let api = session.block_on(session.aws.observe_api(listed, stage))?;
    let mut done = Vec::new();
    if api.stages.contains_key(stage) {
        let others: Vec<&str> =
            api.stages.keys().filter(|other| *other != stage).map(String::as_str).collect();
        session.output.note(&format!("{name} ({}): the stage {stage} goes", api.id));
        session.output.note(&format!("  what stays: {}", listed_or_nothing(&others)));
        told_dependents(session, &api.id, &[stage])?;
        confirmed(&format!("the stage {stage} of {name}"), stage, yes, session)?;
    }
    if let Some(plan) = &api.usage_plan {
        session.block_on(session.aws.delete_usage_plan(&plan.id, &api.id, stage))?;
        done.push(format!("the usage plan of {stage}"));
    }
    if api.stages.contains_key(stage) {
        session.block_on(session.aws.delete_stage(&api.id, stage))?;
        done.push(format!("the stage {stage}"));
    }
    Ok(done)
}

fn all(session: &Session, desired: &Desired, yes: bool) -> Result<Vec<String>, Failure> {
    let (aws, name) = (&session.aws, &desired.api.name);
    let mut done = Vec::new();
    let roles = session.block_on(aws.role_names(name))?;
    if let Some(listed) = session.find(name)? {
        let api = session.block_on(aws.observe_api(listed, &desired.api.stage))?;
        let stages: Vec<&str> = api.stages.keys().map(String::as_str).collect();
        session.output.note(&format!("{name} ({}) goes, with everything in it", api.id));
        session.output.note(&format!("  stages: {}", listed_or_nothing(&stages)));
        told_dependents(session, &api.id, &stages)?;
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        session.output.note(&format!("  roles: {}", listed_or_nothing(&roles)));
        confirmed(&format!("the API {name}"), name, yes, session)?;
        for stage in &stages {
            let of_stage = session.block_on(aws.usage_plan(&api.tags, &api.id, name, stage))?;
            if let Some(plan) = of_stage {
                session.block_on(aws.delete_usage_plan(&plan.id, &api.id, stage))?;
                done.push(format!("the usage plan of {stage}"));
            }
        }
        for function in desired.functions_without_role() {
            session.block_on(aws.revoke_invoke(function.as_str(), &api.id))?;
        }
        session.block_on(aws.delete_api(&api.id))?;
        done.push(format!("the API {name} ({})", api.id));
    } else if !roles.is_empty() {
        confirmed(&format!("the roles made for {name}"), name, yes, session)?;
    }
    // Last: while the API was there, its stages needed them.
    for role in &roles {
        session.block_on(aws.delete_role(role))?;
        done.push(format!("the role {role}"));
    }
    Ok(done)
}

/// Tells what would not work any more.
fn told_dependents(session: &Session, api: &str, stages: &[&str]) -> Result<(), Failure> {
    let mut found = Vec::new();
    for stage in stages {
        match session.block_on(session.aws.dependents(api, stage)) {
            // Who may not look is told of none.
            Err(error)
                if matches!(error.kind, CallErrorKind::Denied | CallErrorKind::Unsupported) => {}
            result => found.extend(result?),
        }
    }
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    session.output.note(&format!("  what needs it: {}", listed_or_nothing(&found)));
    Ok(())
}

fn listed_or_nothing(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
