//! `deployer deploy`: applies a plan, and rolls the stage back if its smoke test fails. `revoke` deploys
//! every stage in the same way.

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
use crate::apply::{Options, Report, Unapplied, apply, revision_text, roll_back};
use crate::cli;
use crate::output::Exit;
use compiler::api::PresentedToken;
use compiler::definition::scheme_on_aws;
use compiler::project;
use deployment::desired::Desired;
use deployment::observed::{AwsTarget, Observed};
use deployment::percent::Percent;
use deployment::plan::{Direction, FORMAT, Plan, SavedPlanError, state_fingerprint};
use gateway::clock;

/// The longest TTL of an authorizer's result, in seconds.
/// <https://docs.aws.amazon.com/apigateway/latest/api/API_Authorizer.html>
const MAX_TTL: i64 = 3600;

pub(super) fn run(arguments: &cli::Deploy, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let command = arguments.token_command.as_deref();
    let token = command.map(|command| local::token(command, &[])).transpose()?;
    let cli::Deploy { live, revision, build, .. } = arguments;
    let (session, desired, observed, binaries) = pinned::load(invocation, live, revision, build)?;
    let mut planned = plan_revision(&desired, &observed, revision.canary)?;
    if let Some(path) = &arguments.plan {
        planned = read_saved(path, &planned, &desired)?;
    }
    let options = DeployOptions {
        plan: arguments.plan.as_deref(),
        canary: revision.canary,
        smoke: arguments.smoke.as_deref(),
        smoke_status: arguments.smoke_status,
        flush_auth_cache: arguments.flush_auth_cache,
        untested_authorizer: arguments.untested_authorizer,
        token: token.as_deref(),
        build,
    };
    let (session, options) = (&session, &options);
    let mut deployment = Deployment::new(session, options, desired, observed, planned, binaries);
    if !deployment.is_needed() {
        deployment.flush_unchanged()?;
        write_plan(&deployment.planned, invocation.output);
        return Ok(Exit::Success);
    }
    deployment.confirm(arguments)?;
    match deploy_stage(&mut deployment)? {
        Some(served) => invocation.output.data(&served.text, &served.json),
        None => write_plan(&deployment.planned, invocation.output),
    }
    Ok(Exit::Success)
}

/// Publishes the functions of a plan, applies it, and tests the stage. Returns what the stage serves;
/// `None` if nothing was left to apply after the functions were published.
pub(super) fn deploy_stage(deployment: &mut Deployment<'_>) -> Result<Option<Served>, Failure> {
    let moved = deployment.build()?;
    let prepared = deployment.check_functions().and_then(|()| deployment.publish());
    let result = prepared.and_then(|()| deployment.apply());
    if result.is_err() && !deployment.may_be_updated {
        // The stage is unchanged or rolled back, so its functions must be too.
        build::restore(deployment.session, &moved);
    }
    result
}

/// The options of a deployment, besides its confirmation.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeployOptions<'a> {
    /// The file of a saved plan.
    pub(super) plan: Option<&'a Path>,
    pub(super) canary: Option<Percent>,
    pub(super) smoke: Option<&'a str>,
    pub(super) smoke_status: Option<u16>,
    pub(super) flush_auth_cache: bool,
    pub(super) untested_authorizer: bool,
    /// A token that the authorizers must accept.
    pub(super) token: Option<&'a str>,
    pub(super) build: &'a cli::Build,
}

/// A plan and the context to apply it in.
pub(super) struct Deployment<'a> {
    pub(super) session: &'a Session,
    pub(super) options: &'a DeployOptions<'a>,
    pub(super) desired: Desired,
    pub(super) observed: Observed,
    pub(super) planned: Plan,
    pub(super) binaries: Binaries,
    /// The number of steps that are done.
    pub(super) done: usize,
    /// True if the stage was updated, or may have been, and was not rolled back.
    pub(super) may_be_updated: bool,
}

/// The revisions that a stage serves after a deployment, as text and as JSON.
pub(super) struct Served {
    pub(super) text: String,
    pub(super) json: Json,
}

impl<'a> Deployment<'a> {
    pub(super) const fn new(
        session: &'a Session,
        options: &'a DeployOptions<'a>,
        desired: Desired,
        observed: Observed,
        planned: Plan,
        binaries: Binaries,
    ) -> Self {
        Self {
            session,
            options,
            desired,
            observed,
            planned,
            binaries,
            done: 0,
            may_be_updated: false,
        }
    }

    /// Returns whether functions that are released separately are published first.
    fn builds(&self) -> bool {
        let mut functions =
            self.desired.api.authorizers.values().filter_map(|one| one.function.as_ref());
        self.options.build.publishes() && functions.any(|function| function.pinned().is_none())
    }

    /// Returns whether the plan has steps, or functions are to be published.
    pub(super) fn is_needed(&self) -> bool {
        !self.planned.is_empty() || self.builds()
    }

    /// Shows the plan and, unless it is a saved one, prompts for confirmation.
    fn confirm(&mut self, arguments: &cli::Deploy) -> Result<(), Failure> {
        let output = self.session.output;
        output.note(&self.planned.to_string());
        // A saved plan was reviewed.
        let cli::Confirmation { yes, allow_dangerous } = arguments.confirmation;
        let is_saved = arguments.plan.is_some();
        let confirmation = Confirmation::new(yes && !is_saved, allow_dangerous);
        let direction =
            if self.planned.canary.is_some() { Direction::Return } else { Direction::Forward };
        danger::check(&self.planned.changes, direction, confirmation, output)?;
        if yes || is_saved {
            return Ok(());
        }
        let prompt = if self.builds() {
            "\nPublish the functions, and deploy? Type `yes` to confirm:"
        } else {
            "\nDeploy? Type `yes` to confirm:"
        };
        danger::confirm(output, prompt, "yes", format!("deploy {}", self.planned.api))?;
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
        let (session, DeployOptions { token, build, canary, .. }) = (self.session, *self.options);
        let moved = build::run(session, &self.desired, &self.observed, build, token)?;
        self.observed = session.observe(&self.desired)?;
        if self.options.plan.is_none() {
            self.planned = plan_revision(&self.desired, &self.observed, canary)?;
        }
        if !moved.is_empty() {
            self.planned = self.planned.clone().with_authorizer_tests(&self.desired);
        }
        Ok(moved)
    }

    /// Publishes the versions that the plan pins, and plans the other steps with their numbers.
    fn publish(&mut self) -> Result<(), Failure> {
        let Self { session, desired, observed, planned, binaries, .. } = self;
        let token = self.options.token;
        let published = planned.publications().map(|one| one.authorizer.clone()).collect();
        if planned.publications().next().is_some() {
            self.done = pinned::publish(session, desired, observed, planned, binaries, token)?;
            *desired = pinned::pin(desired.clone(), observed, binaries)?;
            if let Some(annotation) = planned.annotation() {
                // That of a saved plan.
                desired.annotation = annotation.clone();
            }
            *planned = plan_revision(desired, observed, planned.canary)?;
        }
        pinned::test_reused(session, desired, observed, planned, &published, token)
    }

    /// Flushes the cache of an unchanged stage if `--flush-auth-cache` is set, or if its deployment is
    /// so recent that the cache may have results of the one before: an earlier run may have been
    /// interrupted after the stage was updated.
    fn flush_unchanged(&self) -> Result<(), Failure> {
        let Some(api) = &self.observed.api else { return Ok(()) };
        let stage = api.stages.get(&self.planned.stage);
        let deployment = stage.and_then(|stage| api.deployment(&stage.deployment));
        let is_recent = deployment
            .is_some_and(|one| clock::unix_time().seconds() < one.created.saturating_add(MAX_TTL));
        if self.options.flush_auth_cache || is_recent {
            flush(self.session, &api.id, &self.planned.stage)?;
        }
        Ok(())
    }

    /// Checks that the functions that are released separately contain the routes of the API.
    fn check_functions(&self) -> Result<(), Failure> {
        let allow_untested = self.options.untested_authorizer;
        described::check(self.session, &self.desired, &self.planned, allow_untested)
    }

    /// Applies the plan and tests the stage.
    fn apply(&mut self) -> Result<Option<Served>, Failure> {
        let (session, output) = (self.session, self.session.output);
        if self.planned.is_empty() {
            self.flush_unchanged()?;
            return Ok(None);
        }
        let options = Options {
            token: self.options.token.map(str::to_owned),
            token_sources: self.token_sources(),
            stage_variables: self.desired.api.stage_settings.variables.clone(),
            allow_untested: self.options.untested_authorizer && session.aws.has_custom_endpoint(),
            done: self.done,
            has_new_role: self.done > 0,
        };
        let progress = |text: &str| output.note(text);
        let applied = apply(&session.aws, &self.planned, &self.observed, &options, &progress);
        let report = session.block_on(applied).map_err(|Unapplied { error, may_be_updated }| {
            self.may_be_updated = may_be_updated;
            error
        })?;
        self.may_be_updated = true;
        if self.options.flush_auth_cache {
            flush(session, &report.api, &self.planned.stage)?;
        }
        self.smoke_test(&report)?;
        Ok(Some(self.result(&report)))
    }

    /// Returns the locations of tokens, by the authorizers' names on AWS without a fingerprint.
    fn token_sources(&self) -> BTreeMap<String, TokenSource> {
        let authorizers = self.desired.api.authorizers.iter();
        authorizers.map(|(name, one)| (scheme_on_aws(name), one.token.clone())).collect()
    }

    /// Runs the smoke test, and rolls the stage back if it fails.
    fn smoke_test(&mut self, report: &Report) -> Result<(), Failure> {
        let Some(target) = self.options.smoke else { return Ok(()) };
        let session = self.session;
        let base = url(&self.planned.target, &report.api, &self.planned.stage);
        let is_path = target.starts_with('/');
        let api = &self.desired.api;
        let route = is_path.then(|| find_route(api, "GET", target)).flatten();
        let source = api.token_source(route);
        let test = SmokeTest {
            url: if is_path { format!("{base}{target}") } else { target.to_owned() },
            token: self.options.token.map(|token| PresentedToken::new(&source, token)),
            expected: self.options.smoke_status,
        };
        let Err(failure) = session.block_on(test.run(session.output)) else { return Ok(()) };
        Err(match session.block_on(roll_back(&session.aws, report)) {
            Ok(()) => {
                self.may_be_updated = false;
                self.note_endpoint();
                Failure::SmokeTest(failure)
            }
            Err(error) => Failure::SmokeNotRolledBack { failure, error },
        })
    }

    /// Writes a note if the plan changed the endpoint, which a rollback of the stage does not restore.
    fn note_endpoint(&self) {
        let endpoint = &self.desired.api.endpoint;
        let before = self.observed.api.as_ref().map(|api| &api.endpoint);
        if let Some(before) = before.filter(|before| *before != endpoint) {
            self.session.output.note(&format!(
                "note: the endpoint of the API is {endpoint} now, and was {before}: deploy the earlier files to restore it"
            ));
        }
    }

    /// Writes the notes of a report, and returns what the stage serves now.
    fn result(&self, report: &Report) -> Served {
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
        Served { text: format!("stage {} serves {text}: {url}", plan.stage), json }
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

/// Reads a saved plan, which must match the current state of AWS and of the files.
fn read_saved(path: &Path, current: &Plan, desired: &Desired) -> Result<Plan, Failure> {
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
    // The files decide what the functions are compared with, and what is published.
    if plan.desired != desired.fingerprint() {
        return Err(Failure::FilesChanged(path));
    }
    Ok(plan)
}
