//! `deployer revoke`: adds an entry to a deny-list of portcullis.toml, and deploys it to every stage.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::danger::{self, Confirmation};
use super::deploy::{DeployOptions, Deployment, Served, deploy_stage};
use super::pinned::{self, Binaries};
use super::plan::check_preconditions;
use super::session::Session;
use super::stage_move::flush;
use super::{Failure, Invocation, commit, hash, local, write_bytes};
use crate::cli;
use crate::output::{Exit, Output};
use compiler::api::Api;
use compiler::project;
use compiler::source::diagnostic::{Diagnostic, Source, has_errors};
use compiler::source::manifest::Manifest;
use compiler::source::revocation::{Denial, Revocation};
use deployment::desired::Desired;
use deployment::function::{PublishedFunction, configuration_fingerprint};
use deployment::observed::Observed;
use deployment::plan::{Aspect, Change, Direction, Plan, Step, pending_changes, plan};
use deployment::revision::{Annotation, Message};
use gateway::clock;

pub(super) fn run(arguments: &cli::Revoke, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let files = RevokedFiles::new(arguments, invocation)?;
    let apis = files.compile(invocation)?;
    let command = arguments.token_command.as_deref();
    let token = command.map(|command| local::token(command, &[])).transpose()?;
    let session = invocation.connect()?;
    let revoke = Revoke { session, arguments, files, token };
    let mut stages = revoke.plan(apis)?;
    revoke.confirm(&mut stages)?;
    revoke.files.write()?;
    let results: Vec<StageResult> = stages.iter_mut().map(|stage| revoke.run(stage)).collect();
    revoke.write_result(&stages, &results);
    let is_complete = results.iter().all(StageResult::is_revoked);
    Ok(if is_complete { Exit::Success } else { Exit::Failed })
}

/// The project with the entry, which is not written yet.
struct RevokedFiles {
    folder: PathBuf,
    source: Arc<Source>,
    is_changed: bool,
    revocation: Revocation,
    /// The stages of the files, or those of `--stage`.
    stages: Vec<String>,
}

impl RevokedFiles {
    fn new(arguments: &cli::Revoke, invocation: Invocation<'_>) -> Result<Self, Failure> {
        let (folder, environment) = (&arguments.dir, invocation.environment);
        let source = project::read(&folder.join(project::MANIFEST))?;
        let before = valid(project::read_manifest(folder, &source, environment))?;
        let (denial, issuer) = denial(arguments)?;
        let revocation = Revocation::new(denial, issuer, &before)?;
        let edited = revocation.edit(&source.text, &before)?;
        let is_changed = edited.is_some();
        let source = match edited {
            Some(text) => Arc::new(Source { name: source.name.clone(), text }),
            None => source,
        };
        let after = valid(project::read_manifest(folder, &source, environment))?;
        revocation.check(&before, &after)?;
        let mut stages = arguments.stage.clone();
        if stages.is_empty() {
            stages = after.stages.into_keys().collect();
        }
        if stages.is_empty() {
            return Err(Failure::NoStage { api: after.name, stage: "dev".to_owned() });
        }
        Ok(Self { folder: folder.clone(), source, is_changed, revocation, stages })
    }

    /// Compiles the files for each stage.
    fn compile(&self, invocation: Invocation<'_>) -> Result<Vec<Api>, Failure> {
        let Self { folder, source, stages, .. } = self;
        let (environment, now) = (invocation.environment, clock::unix_time());
        let api = |stage: &String| {
            let project = project::load_source(folder, source, Some(stage), environment, now);
            project.api.ok_or(Failure::InvalidConfiguration(project.diagnostics))
        };
        stages.iter().map(api).collect()
    }

    fn path(&self) -> PathBuf {
        self.folder.join(project::MANIFEST)
    }

    /// Writes the file, unless it had the entry.
    fn write(&self) -> Result<(), Failure> {
        if self.is_changed {
            write_bytes(self.source.text.as_bytes(), &self.path())
        } else {
            Ok(())
        }
    }
}

fn valid(read: (Option<Manifest>, Vec<Diagnostic>)) -> Result<Manifest, Failure> {
    match read {
        (Some(manifest), diagnostics) if !has_errors(&diagnostics) => Ok(manifest),
        (_, diagnostics) => Err(Failure::InvalidConfiguration(diagnostics)),
    }
}

/// Returns what is denied, and the issuer, if it is named.
fn denial(arguments: &cli::Revoke) -> Result<(Denial, Option<&str>), Failure> {
    let cli::Revoked { jti, sub, client, issuer } = &arguments.revoked;
    let of = arguments.of.as_deref();
    if let Some(jti) = jti {
        return Ok((Denial::TokenId(hash::value("--jti", jti)?), of));
    }
    if let Some(sub) = sub {
        return Ok((Denial::Subject(hash::value("--sub", sub)?), of));
    }
    if let Some(client) = client {
        return Ok((Denial::Client(hash::value("--client", client)?), of));
    }
    Ok((Denial::Issuer, issuer.as_deref()))
}

/// Returns the message of the new revisions. It has no value, which is personal data.
fn default_message(denial: &Denial) -> Option<Message> {
    let text = match denial {
        Denial::TokenId(_) => "revoke a token",
        Denial::Subject(_) => "revoke a subject",
        Denial::Client(_) => "revoke a client",
        Denial::Issuer => "revoke an issuer",
    };
    text.parse().ok()
}

/// The command, with its connection.
struct Revoke<'a> {
    session: Session,
    arguments: &'a cli::Revoke,
    files: RevokedFiles,
    token: Option<String>,
}

/// A stage, and the deployment that was shown for it.
struct PlannedStage {
    name: String,
    desired: Desired,
    observed: Observed,
    binaries: Binaries,
    plan: Plan,
    decision: Decision,
}

/// The action for a stage.
enum Decision {
    /// It is deployed.
    Deploy,
    /// It serves the entry.
    UpToDate,
    /// It does not exist.
    Missing,
    /// It has changes that were not deployed.
    Refused(Vec<Change>),
    /// Its dangerous changes are not confirmed.
    Failed(Failure),
}

/// The result for a stage.
enum StageResult {
    Revoked {
        served: Option<Served>,
        /// The functions that are released separately and may not have the entry.
        unpublished: Vec<String>,
    },
    UpToDate {
        unpublished: Vec<String>,
    },
    Missing,
    Refused(Vec<Change>),
    Failed(Failure),
}

impl Revoke<'_> {
    const fn output(&self) -> Output {
        self.session.output
    }

    /// Plans every stage before any is changed.
    fn plan(&self, apis: Vec<Api>) -> Result<Vec<PlannedStage>, Failure> {
        if let Some(api) = apis.first() {
            self.session.existing_api(&api.name)?;
        }
        let stages = apis.into_iter().map(|api| self.plan_stage(api));
        let stages: Vec<PlannedStage> = stages.collect::<Result<_, _>>()?;
        let is_missing = |stage: &&PlannedStage| matches!(stage.decision, Decision::Missing);
        let missing = stages.iter().find(is_missing);
        let all_missing = stages.iter().filter(is_missing).count() == stages.len();
        match missing {
            Some(stage) if all_missing || !self.arguments.stage.is_empty() => {
                Err(Failure::NoStage { api: stage.plan.api.clone(), stage: stage.name.clone() })
            }
            _ => Ok(stages),
        }
    }

    fn plan_stage(&self, api: Api) -> Result<PlannedStage, Failure> {
        let (session, build) = (&self.session, &self.arguments.build);
        let name = api.stage.clone();
        let desired = session.desired(api)?;
        let observed = session.observe(&desired)?;
        let exists = observed.api.as_ref().is_some_and(|api| api.stages.contains_key(&name));
        let (desired, binaries) = if exists {
            // A revocation does not release another binary, unless it is named.
            pinned::prepare(session, desired, &observed, build.publishes().then_some(build))?
        } else {
            (desired, Binaries::new())
        };
        let plan = plan(&desired, &observed);
        let decision =
            if exists { self.decide(&plan, &desired, &observed) } else { Decision::Missing };
        if matches!(decision, Decision::Deploy) {
            check_preconditions(&desired, &observed, &plan)?;
        }
        Ok(PlannedStage { name, desired, observed, binaries, plan, decision })
    }

    fn decide(&self, plan: &Plan, desired: &Desired, observed: &Observed) -> Decision {
        if plan.is_empty() && !self.arguments.build.publishes() {
            return Decision::UpToDate;
        }
        if !plan.is_empty() && !self.arguments.with_pending_changes {
            let pending = pending_changes(plan, desired, observed);
            if !pending.is_empty() {
                return Decision::Refused(pending);
            }
        }
        Decision::Deploy
    }

    /// Shows what happens to each stage, and prompts for confirmation.
    fn confirm(&self, stages: &mut [PlannedStage]) -> Result<(), Failure> {
        let cli::Revoke { yes, allow_dangerous, .. } = *self.arguments;
        let confirmation = Confirmation::new(yes, allow_dangerous);
        for stage in stages.iter_mut() {
            self.show(stage);
            if matches!(stage.decision, Decision::Deploy) {
                let changes = &stage.plan.changes;
                let checked =
                    danger::check(changes, Direction::Forward, confirmation, self.output());
                if let Err(failure) = checked {
                    stage.decision = Decision::Failed(failure);
                }
            }
        }
        let is_deployed = |stage: &PlannedStage| matches!(stage.decision, Decision::Deploy);
        if !confirmation.prompts() || !stages.iter().any(is_deployed) {
            return Ok(());
        }
        let prompt = "\nRevoke? Type `yes` to confirm:";
        let revocation = &self.files.revocation;
        let action = format!("revoke `{}` of {}", revocation.denial.member(), revocation.issuer);
        danger::confirm(self.output(), prompt, "yes", action)
    }

    fn show(&self, stage: &PlannedStage) {
        let (name, output) = (&stage.name, self.output());
        match &stage.decision {
            Decision::Deploy => {
                output.note(&stage.plan.to_string());
                let is_canary = |change: &Change| change.aspect == Aspect::Canary;
                if stage.plan.changes.iter().any(is_canary) {
                    output.note(&format!(
                        "  note: the canary of stage {name} ends: its revision does not have the entry"
                    ));
                }
            }
            Decision::UpToDate => output.note(&format!("stage {name} is up to date")),
            Decision::Missing => output.note(&format!("stage {name} is not deployed")),
            Decision::Refused(pending) => {
                let lines: Vec<String> = pending.iter().map(|line| format!("\n  {line}")).collect();
                output.note(&format!(
                    "stage {name} has changes that are not deployed, and is skipped:{}\n  help: {}",
                    lines.concat(),
                    refused_help(name)
                ));
            }
            Decision::Failed(_) => {}
        }
    }

    /// Deploys a stage, if it is to be deployed, and flushes its authorizer result cache.
    fn run(&self, stage: &mut PlannedStage) -> StageResult {
        let decision = std::mem::replace(&mut stage.decision, Decision::UpToDate);
        let result = match decision {
            Decision::Deploy => self.deploy(stage),
            Decision::UpToDate => self.flush(stage),
            Decision::Missing => return StageResult::Missing,
            Decision::Refused(pending) => return StageResult::Refused(pending),
            Decision::Failed(failure) => Err(failure),
        };
        result.unwrap_or_else(|failure| {
            let name = &stage.name;
            self.output().note(&format!("error: stage {name}: {failure}"));
            let help = failure.help().map(|help| format!("  help: {help}"));
            self.output().note(&help.unwrap_or_default());
            StageResult::Failed(failure)
        })
    }

    /// Flushes the cache again: an earlier run may have been interrupted before.
    fn flush(&self, stage: &PlannedStage) -> Result<StageResult, Failure> {
        if let Some(id) = &stage.plan.id {
            flush(&self.session, id, &stage.name)?;
        }
        let unpublished = self.unpublished(&stage.desired, &stage.observed);
        Ok(StageResult::UpToDate { unpublished })
    }

    fn deploy(&self, stage: &mut PlannedStage) -> Result<StageResult, Failure> {
        let session = &self.session;
        // The stages before this one changed the API.
        let observed = session.observe(&stage.desired)?;
        let mut desired = pinned::pin(stage.desired.clone(), &observed, &stage.binaries)?;
        desired.annotation = self.annotation();
        let planned = plan(&desired, &observed);
        if has_unshown_changes(&stage.plan, &planned) {
            return Err(Failure::ChangedWhileWaiting);
        }
        let flushes = planned.steps.iter().any(|step| matches!(step, Step::FlushCache { .. }));
        let options = self.options(!flushes);
        let binaries = std::mem::take(&mut stage.binaries);
        let mut deployment =
            Deployment::new(session, &options, desired, observed, planned, binaries);
        let served = deploy_stage(&mut deployment)?;
        let Deployment { desired, observed, planned, .. } = deployment;
        if let (None, Some(id)) = (&served, &planned.id) {
            flush(session, id, &stage.name)?;
        }
        Ok(StageResult::Revoked { served, unpublished: self.unpublished(&desired, &observed) })
    }

    fn options(&self, flush_auth_cache: bool) -> DeployOptions<'_> {
        DeployOptions {
            plan: None,
            canary: None,
            smoke: None,
            smoke_status: None,
            flush_auth_cache,
            untested_authorizer: self.arguments.untested_authorizer,
            token: self.token.as_deref(),
            build: &self.arguments.build,
        }
    }

    fn annotation(&self) -> Annotation {
        let message = self.arguments.message.clone();
        let message = message.or_else(|| default_message(&self.files.revocation.denial));
        Annotation { commit: commit::commit(&self.files.folder), message }
    }

    /// Returns the functions that are released separately, trust the issuer, and are not known to have
    /// the entry.
    fn unpublished(&self, desired: &Desired, observed: &Observed) -> Vec<String> {
        let issuer = &self.files.revocation.issuer;
        let api = &desired.api;
        let mut functions = Vec::new();
        for (name, authorizer) in &api.authorizers {
            let trusts = authorizer.issuers.iter().any(|one| one.issuer == *issuer);
            let Some(arn) = authorizer.function_arn().filter(|_| !authorizer.is_pinned()) else {
                continue;
            };
            let Some(document) = api.authorizer_document(name).filter(|_| trusts) else { continue };
            let config = configuration_fingerprint(&document);
            let is_current = matches!(
                observed.functions.get(arn.as_str()),
                Some(PublishedFunction::Version { build: Some(build), .. }) if build.config == config
            );
            if !is_current {
                functions.push(arn.as_str().to_owned());
            }
        }
        functions
    }

    /// Writes where the entry is in effect.
    fn write_result(&self, stages: &[PlannedStage], results: &[StageResult]) {
        let Revocation { denial, issuer } = &self.files.revocation;
        let named = || stages.iter().map(|stage| &*stage.name).zip(results);
        let other = self.other_stages(stages);
        let lines: Vec<String> = named()
            .map(|(name, result)| format!("\n  {name}: {}", result.text(name)))
            .chain(other.iter().map(|name| {
                format!("\n  {name}: not changed, because portcullis.toml does not have the stage")
            }))
            .collect();
        let text = format!("deny-list of {issuer} (`{}`):{}", denial.member(), lines.concat());
        let api = stages.first().map(|stage| &stage.plan);
        let json = json!({
            "api": api.map(|plan| &plan.api),
            "id": api.and_then(|plan| plan.id.as_ref()),
            "issuer": issuer,
            "entry": denial.member(),
            "file": self.files.path(),
            "file_changed": self.files.is_changed,
            "stages": named().map(|(name, result)| result.json(name)).collect::<Vec<_>>(),
            "other_stages": other,
        });
        self.output().data(&text, &json);
    }

    /// Returns the stages on AWS that the files do not have.
    fn other_stages(&self, stages: &[PlannedStage]) -> Vec<String> {
        if !self.arguments.stage.is_empty() {
            return Vec::new();
        }
        let api = stages.first().and_then(|stage| stage.observed.api.as_ref());
        let names = api.into_iter().flat_map(|api| api.stages.keys());
        names.filter(|name| !self.files.stages.contains(name)).cloned().collect()
    }
}

/// Returns whether a plan has changes that were not shown. The number of a version may differ: another
/// stage published it.
fn has_unshown_changes(shown: &Plan, now: &Plan) -> bool {
    let is_shown = |change: &Change| {
        shown.changes.iter().any(|other| {
            other == change
                || change.aspect == Aspect::Function
                    && other.aspect == Aspect::Function
                    && other.subject == change.subject
        })
    };
    !now.changes.iter().all(is_shown)
}

fn refused_help(stage: &str) -> String {
    format!("run `deployer deploy --stage {stage}` first, or add `--with-pending-changes`")
}

impl StageResult {
    /// Returns whether no request of the stage is authorized by older rules. A stage that does not exist
    /// has no requests.
    const fn is_revoked(&self) -> bool {
        match self {
            Self::Revoked { unpublished, .. } | Self::UpToDate { unpublished } => {
                unpublished.is_empty()
            }
            Self::Missing => true,
            Self::Refused(_) | Self::Failed(_) => false,
        }
    }

    const fn status(&self) -> &'static str {
        match self {
            _ if !self.is_revoked() && !matches!(self, Self::Refused(_) | Self::Failed(_)) => {
                "function_not_published"
            }
            Self::Revoked { .. } => "revoked",
            Self::UpToDate { .. } => "up_to_date",
            Self::Missing => "not_deployed",
            Self::Refused(_) => "pending_changes",
            Self::Failed(_) => "failed",
        }
    }

    fn text(&self, stage: &str) -> String {
        match self {
            Self::Revoked { unpublished, .. } | Self::UpToDate { unpublished }
                if !unpublished.is_empty() =>
            {
                let functions = unpublished.join(", ");
                format!(
                    "not revoked: publish {functions} with its new configuration (`--build` or `--function-zip`), and re-run"
                )
            }
            Self::Revoked { served: Some(served), .. } => format!("revoked; {}", served.text),
            Self::Revoked { served: None, .. } => "revoked".to_owned(),
            Self::UpToDate { .. } => "revoked; nothing to deploy".to_owned(),
            Self::Missing => "not deployed".to_owned(),
            Self::Refused(_) => {
                format!(
                    "not revoked: it has changes that are not deployed: {}",
                    refused_help(stage)
                )
            }
            Self::Failed(failure) => format!("not revoked: {failure}"),
        }
    }

    fn json(&self, stage: &str) -> Json {
        let mut json = json!({"stage": stage, "status": self.status()});
        let more = match self {
            Self::Revoked { served, unpublished } => json!({
                "served": served.as_ref().map(|served| &served.json),
                "functions": unpublished,
            }),
            Self::UpToDate { unpublished } => json!({"functions": unpublished}),
            Self::Missing => json!({}),
            Self::Refused(pending) => json!({"changes": pending, "help": refused_help(stage)}),
            Self::Failed(failure) => json!({
                "code": failure.code().name(),
                "error": failure.to_string(),
                "help": failure.help(),
            }),
        };
        if let (Some(json), Json::Object(more)) = (json.as_object_mut(), more) {
            json.extend(more);
        }
        json
    }
}
