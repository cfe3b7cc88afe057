//! `deployer deploy`: applies a plan, and rolls the stage back if its smoke test fails.

use std::collections::BTreeMap;
use std::path::Path;

use authorizer::config::TokenSource;
use serde_json::{Value as Json, json};

use super::build::{self, MovedAlias};
use super::danger::{self, Confirmation};
use super::pinned::{self, Binaries};
use super::plan::{plan_revision, write_plan};
use super::session::Session;
use super::smoke::SmokeTest;
use super::stage_move::{canary_json, ended_text, flush};
use super::{Failure, Invocation, described, find_route, local};
use crate::apply::{ApplyError, Options, Report, apply, revision_text, roll_back};
use crate::cli;
use crate::output::Exit;
use compiler::api::PresentedToken;
use compiler::definition::scheme_on_aws;
use compiler::project;
use deployment::desired::Desired;
use deployment::observed::{AwsTarget, Observed};
use deployment::plan::{Direction, FORMAT, Plan, SavedPlanError, state_fingerprint};

pub(super) fn run(arguments: &cli::Deploy, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let command = arguments.token_command.as_deref();
    let token = command.map(|command| local::token(command, &[])).transpose()?;
    let cli::Deploy { live, revision, build, .. } = arguments;
    let (session, desired, observed, binaries) = pinned::load(invocation, live, revision, build)?;
    let mut planned = plan_revision(&desired, &observed, revision.canary)?;
    if let Some(path) = &arguments.plan {
        planned = read_saved(path, &planned)?;
    }
    let mut deployment =
        Deployment { session, arguments, desired, observed, planned, token, binaries, done: 0 };
    if deployment.planned.is_empty() && !deployment.builds() {
        deployment.flush_unchanged()?;
        write_plan(&deployment.planned, invocation.output);
        return Ok(Exit::Success);
    }
    deployment.confirm()?;
    let moved = deployment.build()?;
    let result = deployment
        .check_functions()
        .and_then(|()| deployment.publish())
        .and_then(|()| deployment.apply());
    // Only the flush follows the update of the stage.
    let is_flush = matches!(&result, Err(Failure::Apply(ApplyError::NotFlushed { .. })));
    if matches!(
        &result,
        Err(Failure::Apply(_)
            | Failure::FunctionOutdated { .. }
            | Failure::FunctionUndescribed { .. }
            | Failure::FunctionTest { .. }
            | Failure::SmokeTest(_)
            | Failure::SmokeNotRolledBack { .. })
    ) && !is_flush
    {
        // The stage is unchanged or rolled back, so its functions must be too.
        build::restore(&deployment.session, &moved);
    }
    result
}

/// A plan and the context to apply it in.
struct Deployment<'a> {
    session: Session,
    arguments: &'a cli::Deploy,
    desired: Desired,
    observed: Observed,
    planned: Plan,
    token: Option<String>,
    binaries: Binaries,
    /// The number of steps that are done.
    done: usize,
}

impl Deployment<'_> {
    const fn builds(&self) -> bool {
        self.arguments.build.publishes()
    }

    /// Shows the plan and, unless it is a saved one, prompts for confirmation.
    fn confirm(&mut self) -> Result<(), Failure> {
        let output = self.session.output;
        output.note(&self.planned.to_string());
        // A saved plan was reviewed.
        let yes = self.arguments.yes && self.arguments.plan.is_none();
        let confirmation = Confirmation::new(yes, self.arguments.allow_dangerous);
        let direction =
            if self.planned.canary.is_some() { Direction::Return } else { Direction::Forward };
        danger::check(&self.planned.changes, direction, confirmation, output)?;
        if self.arguments.yes || self.arguments.plan.is_some() {
            return Ok(());
        }
        let prompt = if self.builds() {
            "\nPublish the functions, and deploy? Type `yes` to confirm:"
        } else {
            "\nDeploy? Type `yes` to confirm:"
        };
        if output.prompt(prompt).as_deref() != Some("yes") {
            let action = format!("deploy {}", self.planned.api);
            return Err(Failure::NotConfirmed { action });
        }
        // AWS may have changed while the command waited for the user.
        self.observed = self.session.observe(&self.desired)?;
        if state_fingerprint(&self.observed) != self.planned.fingerprint {
            return Err(Failure::ChangedWhileWaiting);
        }
        Ok(())
    }

    /// Publishes the functions with `--build` or `--function-zip`, and plans again.
    fn build(&mut self) -> Result<Vec<MovedAlias>, Failure> {
        if !self.builds() {
            return Ok(Vec::new());
        }
        let (session, token) = (&self.session, self.token.as_deref());
        let build = &self.arguments.build;
        let moved = build::run(session, &self.desired, &self.observed, build, token)?;
        self.observed = session.observe(&self.desired)?;
        if self.arguments.plan.is_none() {
            let canary = self.arguments.revision.canary;
            self.planned = plan_revision(&self.desired, &self.observed, canary)?;
        }
        if !moved.is_empty() {
            self.planned = self.planned.clone().with_authorizer_tests(&self.desired);
        }
        Ok(moved)
    }

    /// Publishes the versions that the plan pins, and plans the other steps with their numbers.
    fn publish(&mut self) -> Result<(), Failure> {
        if self.planned.publications().next().is_none() {
            return Ok(());
        }
        if let Some(path) = &self.arguments.plan
            && self.planned.desired != self.desired.fingerprint()
        {
            return Err(Failure::FilesChanged(path.clone()));
        }
        let Self { session, desired, observed, planned, binaries, .. } = self;
        let token = self.token.as_deref();
        self.done = pinned::publish(session, desired, observed, planned, binaries, token)?;
        *desired = pinned::pin(desired.clone(), observed, binaries)?;
        *planned = plan_revision(desired, observed, self.arguments.revision.canary)?;
        Ok(())
    }

    /// Flushes the cache of an unchanged stage if `--flush-auth-cache` is set: an earlier flush may
    /// have failed after the stage was updated.
    fn flush_unchanged(&self) -> Result<(), Failure> {
        match &self.observed.api {
            Some(api) if self.arguments.flush_auth_cache => {
                Ok(flush(&self.session, &api.id, &self.planned.stage)?)
            }
            _ => Ok(()),
        }
    }

    /// Checks that the functions that are released separately contain the routes of the API.
    fn check_functions(&self) -> Result<(), Failure> {
        let allow_untested = self.arguments.untested_authorizer;
        described::check(&self.session, &self.desired, &self.planned, allow_untested)
    }

    /// Applies the plan and tests the stage.
    fn apply(&self) -> Result<Exit, Failure> {
        let (session, output) = (&self.session, self.session.output);
        if self.planned.is_empty() {
            write_plan(&self.planned, output);
            return Ok(Exit::Success);
        }
        let options = Options {
            token: self.token.clone(),
            token_sources: self.token_sources(),
            allow_untested: self.arguments.untested_authorizer && session.aws.has_custom_endpoint(),
            done: self.done,
            has_new_role: self.done > 0,
        };
        let progress = |text: &str| output.note(text);
        let applied = apply(&session.aws, &self.planned, &self.observed, &options, &progress);
        let report = session.block_on(applied)?;
        if self.arguments.flush_auth_cache {
            flush(session, &report.api, &self.planned.stage)?;
        }
        self.smoke_test(&report)?;
        self.write_result(&report);
        Ok(Exit::Success)
    }

    /// Returns the locations of tokens, by the authorizers' names on AWS without a fingerprint.
    fn token_sources(&self) -> BTreeMap<String, TokenSource> {
        let authorizers = self.desired.api.authorizers.iter();
        authorizers.map(|(name, one)| (scheme_on_aws(name), one.token.clone())).collect()
    }

    /// Runs the smoke test, and rolls the stage back if it fails.
    fn smoke_test(&self, report: &Report) -> Result<(), Failure> {
        let Some(target) = &self.arguments.smoke else { return Ok(()) };
        let session = &self.session;
        let base = url(&self.planned.target, &report.api, &self.planned.stage);
        let is_path = target.starts_with('/');
        let api = &self.desired.api;
        let route = is_path.then(|| find_route(api, "GET", target)).flatten();
        let source = api.token_source(route);
        let test = SmokeTest {
            url: if is_path { format!("{base}{target}") } else { target.clone() },
            token: self.token.as_deref().map(|token| PresentedToken::new(&source, token)),
            expected: self.arguments.smoke_status,
        };
        let Err(failure) = session.block_on(test.run(session.output)) else { return Ok(()) };
        Err(match session.block_on(roll_back(&session.aws, report)) {
            Ok(()) => Failure::SmokeTest(failure),
            Err(error) => Failure::SmokeNotRolledBack { failure, error },
        })
    }

    /// Writes what the stage serves now.
    fn write_result(&self, report: &Report) {
        let (plan, output) = (&self.planned, self.session.output);
        for note in &report.notes {
            output.note(&format!("note: {note}"));
        }
        let url = url(&plan.target, &report.api, &plan.stage);
        let (text, served) = self.served(report);
        let mut json = json!({
            "api": plan.api,
            "id": report.api,
            "stage": plan.stage,
            "url": url,
            "notes": report.notes,
        });
        if let (Some(json), Json::Object(served)) = (json.as_object_mut(), served) {
            json.extend(served);
        }
        output.data(&format!("stage {} serves {text}: {url}", plan.stage), &json);
    }

    /// Returns the revisions that the stage and its canary serve, as text and as members of JSON.
    fn served(&self, report: &Report) -> (String, Json) {
        let api = self.observed.api.as_ref();
        let before = api.and_then(|api| api.stages.get(&self.planned.stage));
        let deployment = report.traffic.as_ref().map(|traffic| traffic.deployment.as_str());
        let deployment = deployment.or(before.map(|stage| stage.deployment.as_str()));
        let (live, next) = self.planned.revisions;
        let Some(percent) = self.planned.canary else {
            let ended = api.zip(before.and_then(|stage| stage.canary.as_ref()));
            let text = ended.map(|(api, one)| ended_text(api, one, deployment.unwrap_or_default()));
            let json = json!({
                "revision": next,
                "deployment": deployment,
                "canary": null,
                "ended_canary": ended.map(|(api, canary)| canary_json(api, canary)),
            });
            return (format!("revision {next}{}", text.unwrap_or_default()), json);
        };
        let served = api.and_then(|api| api.live_revision(&self.planned.stage));
        let canary = report.traffic.as_ref().and_then(|traffic| traffic.canary.as_ref());
        let canary = canary.or(before.and_then(|stage| stage.canary.as_ref()));
        let canary = canary.map(|one| one.deployment.as_str());
        let json = json!({
            "revision": live,
            "deployment": deployment,
            "canary": {"deployment": canary, "percent": percent.as_f64(), "revision": next},
            "ended_canary": null,
        });
        (format!("{}; canary: {percent} revision {next}", revision_text(served)), json)
    }
}

/// Returns the URL of a stage.
pub(super) fn url(target: &AwsTarget, api: &str, stage: &str) -> String {
    let suffix = if target.partition == "aws-cn" { ".cn" } else { "" };
    format!("https://{api}.execute-api.{}.amazonaws.com{suffix}/{stage}", target.region)
}

/// Reads a saved plan, which must match the current state of AWS.
fn read_saved(path: &Path, current: &Plan) -> Result<Plan, Failure> {
    let source = project::read(path)?;
    let path = path.to_owned();
    let plan = Plan::read(&source.text).map_err(|error| match error {
        SavedPlanError::NotAPlan(cause) => Failure::InvalidPlan { path: path.clone(), cause },
        SavedPlanError::Format(found) => {
            Failure::PlanFormat { path: path.clone(), expected: FORMAT, found }
        }
    })?;
    if plan.fingerprint != current.fingerprint || plan.target != current.target {
        return Err(Failure::StalePlan(path));
    }
    if plan.api != current.api || plan.stage != current.stage {
        let of = |plan: &Plan| (plan.api.clone(), plan.stage.clone());
        return Err(Failure::PlanForAnotherStage { expected: of(current), found: of(&plan) });
    }
    Ok(plan)
}
