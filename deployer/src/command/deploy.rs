//! `deployer deploy`: carries out a plan, and puts the stage back if it does not answer.

use std::path::Path;

use serde_json::json;

use super::session::{Session, look};
use super::{Failure, build, local, plan::told, smoke};
use crate::apply::{self, ApplyError, Options, Report, apply};
use crate::cli;
use crate::output::{Exit, Output};
use aws::Kind;
use compiler::compile::Environment;
use compiler::project;
use deployment::observed::{AwsTarget, Observed};
use deployment::plan::{FORMAT, Plan, plan};

pub(super) fn run(
    arguments: &cli::Deploy,
    access: &cli::Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let token =
        arguments.token_command.as_deref().map(|command| local::token(command, &[])).transpose()?;
    let (session, desired, mut observed) = look(&arguments.live, access, environment, output)?;
    let mut planned = plan(&desired, &observed);
    if let Some(path) = &arguments.plan {
        let saved = saved(path)?;
        if saved.observed != planned.observed || saved.place != planned.place {
            let path = path.display();
            return Err(Failure::Stale(format!(
                "the plan {path} is about what is not so any more"
            )));
        }
        if saved.api != planned.api || saved.stage != planned.stage {
            let (api, stage) = (&saved.api, &saved.stage);
            return Err(Failure::Stale(format!("the plan is for the stage {stage} of {api}")));
        }
        planned = saved;
    }
    let builds = arguments.build.build.is_some();
    if planned.is_empty() && !builds {
        told(&planned, output);
        return Ok(Exit::Done);
    }
    if !arguments.yes && arguments.plan.is_none() {
        output.note(&planned.to_string());
        let functions = if builds { "build and publish the functions, and " } else { "" };
        let question = format!("\n{functions}do this to the stage {}? type yes:", planned.stage);
        if output.ask(&question).as_deref() != Some("yes") {
            return Err(Failure::NotConfirmed(format!("deploying {}", planned.api)));
        }
        // Whoever was asked may have taken a while.
        let now = session.observe(&desired)?;
        if deployment::plan::observation(&now) != planned.observed {
            let message = "AWS is not any more what was planned for".to_owned();
            return Err(Failure::Stale(message));
        }
        observed = now;
    } else {
        output.note(&planned.to_string());
    }
    let mut moved = Vec::new();
    if builds {
        let token = token.as_deref();
        moved = build::run(&session, &desired, &observed, &arguments.build, token, output)?;
        observed = session.observe(&desired)?;
        if arguments.plan.is_none() {
            planned = plan(&desired, &observed);
        }
        if !moved.is_empty() {
            planned = planned.asking(&desired);
        }
    }
    let stayed = |failure: &Failure| matches!(failure, Failure::Apply(_) | Failure::Smoke(_));
    let done = carry_out(&session, arguments, &planned, &observed, token.as_deref(), output);
    if done.as_ref().is_err_and(stayed) {
        // A stage that is as it was is to have the functions that it had.
        build::back(&session, &moved, output);
    }
    done
}

/// Makes the API what is planned.
fn carry_out(
    session: &Session,
    arguments: &cli::Deploy,
    planned: &Plan,
    observed: &Observed,
    token: Option<&str>,
    output: Output,
) -> Result<Exit, Failure> {
    if planned.is_empty() {
        told(planned, output);
        return Ok(Exit::Done);
    }
    let options = Options {
        token: token.map(str::to_owned),
        untested: arguments.untested_authorizer && session.aws.has_custom_endpoint(),
        canary: arguments.canary,
    };
    let tell = |text: &str| output.note(text);
    let report = session.wait(apply(&session.aws, planned, observed, &options, &tell))?;
    after(session, arguments, planned, &report, token, output)?;
    finished(planned, &report, output);
    Ok(Exit::Done)
}

/// Does what is done once the stage has moved, and puts it back if that fails.
fn after(
    session: &Session,
    arguments: &cli::Deploy,
    plan: &Plan,
    report: &Report,
    token: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    if arguments.flush_auth_cache {
        match session.wait(session.aws.flush(&report.api, &plan.stage)) {
            Err(error) if error.kind == Kind::Unsupported => output.note(&error.to_string()),
            result => result?,
        }
    }
    let Some(target) = &arguments.smoke else { return Ok(()) };
    let base = url(&plan.place, &report.api, &plan.stage);
    let target = if target.starts_with('/') { format!("{base}{target}") } else { target.clone() };
    let asked = smoke::ask(&target, token, arguments.smoke_status, output);
    if let Err(wrong) = session.wait(asked) {
        return Err(match session.wait(apply::put_back(&session.aws, report)) {
            Ok(()) => Failure::Smoke(wrong),
            Err(error) => ApplyError::NotBack(wrong, error).into(),
        });
    }
    Ok(())
}

fn finished(plan: &Plan, report: &Report, output: Output) {
    for note in &report.notes {
        output.note(&format!("note: {note}"));
    }
    let url = url(&plan.place, &report.api, &plan.stage);
    let revision = plan.revisions.1;
    output.data(
        &format!("{} serves revision {revision}: {url}", plan.stage),
        &json!({
            "api": plan.api,
            "id": report.api,
            "stage": plan.stage,
            "revision": revision,
            "deployment": report.deployment,
            "url": url,
            "notes": report.notes,
        }),
    );
}

/// Returns where a stage is reached.
pub(super) fn url(place: &AwsTarget, api: &str, stage: &str) -> String {
    let suffix = if place.partition == "aws-cn" { ".cn" } else { "" };
    format!("https://{api}.execute-api.{}.amazonaws.com{suffix}/{stage}", place.region)
}

fn saved(path: &Path) -> Result<Plan, Failure> {
    let source = project::read(path)?;
    let wrong = |cause: String| Failure::Stale(format!("{} is no plan: {cause}", path.display()));
    let plan: Plan =
        serde_json::from_str(&source.text).map_err(|error| wrong(error.to_string()))?;
    if plan.format != FORMAT {
        return Err(wrong(format!("its form is {}, not {FORMAT}", plan.format)));
    }
    Ok(plan)
}
