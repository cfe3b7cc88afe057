//! `deployer undeploy`: removes a stage, or the API with all that was made for it. What is
//! already gone is gone.

use serde_json::json;

use super::session::Session;
use super::{Failure, named};
use crate::cli::{self, Files};
use crate::output::{Exit, Output};
use aws::Kind;
use compiler::compile::Environment;
use deployment::desired::Desired;

pub(super) fn run(
    arguments: &cli::Undeploy,
    access: &cli::Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let files = Files { dir: arguments.dir.clone(), stage: arguments.stage.clone() };
    let api = named(&files, environment)?;
    if api.deployment.protect {
        return Err(Failure::Protected(api.name));
    }
    let session = Session::open(access, output)?;
    let desired = session.desired(api)?;
    let done = match &arguments.stage {
        Some(stage) => one_stage(&session, &desired, stage, arguments.yes, output)?,
        None => all(&session, &desired, arguments.yes, output)?,
    };
    let text = match done.as_slice() {
        [] => "nothing to do: it is gone".to_owned(),
        done => format!("removed {}", done.join(", ")),
    };
    output.data(&text, &json!({"api": desired.api.name, "removed": done}));
    Ok(Exit::Done)
}

/// Asks for a name to be typed: nobody does that by accident.
fn confirmed(what: &str, name: &str, yes: bool, output: Output) -> Result<(), Failure> {
    if yes || output.ask(&format!("\nthis removes {what}; type {name}:")).as_deref() == Some(name) {
        return Ok(());
    }
    Err(Failure::NotConfirmed(format!("removing {what}")))
}

fn one_stage(
    session: &Session,
    desired: &Desired,
    stage: &str,
    yes: bool,
    output: Output,
) -> Result<Vec<String>, Failure> {
    let name = &desired.api.name;
    let Some(listed) = session.find(name)? else { return Ok(Vec::new()) };
    let api = session.wait(session.aws.observe_api(listed, stage))?;
    let mut done = Vec::new();
    if api.stages.contains_key(stage) {
        let others: Vec<&str> =
            api.stages.keys().filter(|other| *other != stage).map(String::as_str).collect();
        output.note(&format!("{name} ({}): the stage {stage} goes", api.id));
        output.note(&format!("  what stays: {}", listed_or_nothing(&others)));
        told_dependents(session, &api.id, &[stage], output)?;
        confirmed(&format!("the stage {stage} of {name}"), stage, yes, output)?;
    }
    if let Some(plan) = &api.usage_plan {
        session.wait(session.aws.delete_usage_plan(&plan.id, &api.id, stage))?;
        done.push(format!("the usage plan of {stage}"));
    }
    if api.stages.contains_key(stage) {
        session.wait(session.aws.delete_stage(&api.id, stage))?;
        done.push(format!("the stage {stage}"));
    }
    Ok(done)
}

fn all(
    session: &Session,
    desired: &Desired,
    yes: bool,
    output: Output,
) -> Result<Vec<String>, Failure> {
    let (aws, name) = (&session.aws, &desired.api.name);
    let mut done = Vec::new();
    let roles = session.wait(aws.role_names(name))?;
    if let Some(listed) = session.find(name)? {
        let api = session.wait(aws.observe_api(listed, &desired.api.stage))?;
        let stages: Vec<&str> = api.stages.keys().map(String::as_str).collect();
        output.note(&format!("{name} ({}) goes, with everything in it", api.id));
        output.note(&format!("  stages: {}", listed_or_nothing(&stages)));
        told_dependents(session, &api.id, &stages, output)?;
        let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
        output.note(&format!("  roles: {}", listed_or_nothing(&roles)));
        confirmed(&format!("the API {name}"), name, yes, output)?;
        for stage in &stages {
            let of_stage = session.wait(aws.usage_plan_of(&api.tags, &api.id, name, stage))?;
            if let Some(plan) = of_stage {
                session.wait(aws.delete_usage_plan(&plan.id, &api.id, stage))?;
                done.push(format!("the usage plan of {stage}"));
            }
        }
        for function in desired.functions_without_role() {
            session.wait(aws.revoke_invoke(function.as_str(), &api.id))?;
        }
        session.wait(aws.delete_api(&api.id))?;
        done.push(format!("the API {name} ({})", api.id));
    } else if !roles.is_empty() {
        confirmed(&format!("the roles made for {name}"), name, yes, output)?;
    }
    // Last: while the API was there, its stages needed them.
    for role in &roles {
        session.wait(aws.delete_role(role))?;
        done.push(format!("the role {role}"));
    }
    Ok(done)
}

/// Tells what would not work any more.
fn told_dependents(
    session: &Session,
    api: &str,
    stages: &[&str],
    output: Output,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    for stage in stages {
        match session.wait(session.aws.dependents(api, stage)) {
            // Who may not look is told of none.
            Err(error) if matches!(error.kind, Kind::Denied | Kind::Unsupported) => {}
            result => found.extend(result?),
        }
    }
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    output.note(&format!("  what needs it: {}", listed_or_nothing(&found)));
    Ok(())
}

fn listed_or_nothing(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
