//! A stage's move to another deployment in one call, as `rollback` and `promote` make it.

use serde_json::{Value as Json, json};

use super::build::test_version;
use super::danger::{self, Confirmation};
use super::session::Session;
use super::{Failure, Invocation};
use crate::apply::{ConcurrentUpdate, check_unchanged, revision_text};
use crate::cli::{self, Files};
use crate::output::Exit;
use aws::{CallError, CallErrorKind};
use compiler::api::Api;
use compiler::definition::scheme_on_aws;
use deployment::history::Missing;
use deployment::observed::{Canary, ObservedApi, ObservedStage, Traffic};
use deployment::plan::{
    AccessImpact, Action, Aspect, Change, Direction, Subject, diff, expired_keys, flushes_cache,
    move_stage, sort,
};
use deployment::record::Record;
use deployment::revision::Revision;
use gateway::clock;

/// The stage of a command, as observed.
pub(super) struct StageTarget {
    pub(super) session: Session,
    pub(super) api: ObservedApi,
    pub(super) name: String,
    pub(super) stage: ObservedStage,
    pub(super) missing: Missing,
    /// The API of the files.
    compiled: Api,
}

impl StageTarget {
    /// Observes the stage, which must exist.
    pub(super) fn observe(
        files: &Files,
        stage: &str,
        invocation: Invocation<'_>,
    ) -> Result<Self, Failure> {
        let compiled = invocation.compile_quietly(files)?;
        let session = invocation.connect()?;
        let api = session.observe_api(&compiled.name, stage)?;
        let name = stage.to_owned();
        let Some(stage) = api.stages.get(stage).cloned() else {
            return Err(Failure::NoStage { api: compiled.name, stage: name });
        };
        let missing = session.missing(&api.records)?;
        Ok(Self { session, api, name, stage, missing, compiled })
    }
}

/// The command that moves a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Promotion,
    Rollback,
}

/// The options of a move.
#[derive(Clone, Copy, Debug)]
pub(super) struct MoveOptions {
    confirmation: Confirmation,
    flush_auth_cache: bool,
}

impl MoveOptions {
    /// Returns the options of the command line.
    pub(super) const fn new(confirmation: &cli::Confirmation, flush_auth_cache: bool) -> Self {
        let cli::Confirmation { yes, allow_dangerous } = *confirmation;
        Self { confirmation: Confirmation::new(yes, allow_dangerous), flush_auth_cache }
    }
}

/// A stage, and the deployment to serve all of its requests.
pub(super) struct StageMove<'a> {
    pub(super) kind: Move,
    pub(super) target: &'a StageTarget,
    /// The deployment to serve.
    pub(super) deployment: &'a str,
    /// The deployments that the stage is rolled back from.
    pub(super) rolled_back: Vec<&'a str>,
}

impl StageMove<'_> {
    /// Shows the changes, prompts for confirmation, and updates the stage.
    pub(super) fn run(&self, options: MoveOptions) -> Result<Exit, Failure> {
        let StageTarget { session, api, name, stage, .. } = self.target;
        let json = self.json();
        let serves = revision_text(self.revision());
        if stage.deployment == self.deployment && stage.canary.is_none() {
            // An earlier run may have been interrupted before its flush.
            self.flush()?;
            session.output.data(&format!("nothing to do: the stage serves {serves}"), &json);
            return Ok(Exit::Success);
        }
        let changes = self.changes();
        self.confirm(&changes, options.confirmation)?;
        self.test_versions()?;
        self.apply()?;
        // A canary may share the cache: AWS does not document it. Without records, the changes are
        // unknown.
        let flushes =
            flushes_cache(&changes) || stage.canary.is_some() || !self.changes_are_known();
        if options.flush_auth_cache || flushes {
            self.flush()?;
        }
        let ended = stage.canary.as_ref().map(|canary| ended_text(api, canary, self.deployment));
        let text = format!("stage {name} serves {serves}{}", ended.unwrap_or_default());
        session.output.data(&text, &json);
        Ok(Exit::Success)
    }

    /// Flushes the authorizer cache of the moved stage. The command must not be run again without the
    /// number of the revision: it would be another move.
    fn flush(&self) -> Result<(), Failure> {
        let StageTarget { session, api, name, .. } = self.target;
        let flushed = flush(session, &api.id, name);
        flushed.map_err(|error| Failure::CacheNotFlushed {
            stage: name.clone(),
            revision: self.revision().map(|revision| revision.number),
            error,
        })
    }

    fn live(&self) -> Option<&Revision> {
        self.target.api.live_revision(&self.target.name)
    }

    /// Returns the revision to serve, if Portcullis deployed it.
    fn revision(&self) -> Option<&Revision> {
        self.target.api.deployment(self.deployment)?.revision.as_ref()
    }

    /// Shows the changes and prompts for confirmation.
    fn confirm(&self, changes: &[Change], confirmation: Confirmation) -> Result<(), Failure> {
        let StageTarget { session, api, name, stage, .. } = self.target;
        let (action, prompt) = match self.kind {
            Move::Promotion => ("promote the canary of", "\nPromote? Type `yes` to confirm:"),
            Move::Rollback => ("roll back", "\nRoll back? Type `yes` to confirm:"),
        };
        let canary = stage.canary.as_ref();
        let canary = canary.map(|canary| format!(", canary: {}", api.canary_text(canary)));
        let lines: Vec<String> = changes.iter().map(|line| format!("\n  {line}")).collect();
        session.output.note(&format!(
            "{} ({}), stage {name}: {}{} → {}{}",
            api.name,
            api.id,
            revision_text(self.live()),
            canary.unwrap_or_default(),
            revision_text(self.revision()),
            lines.concat()
        ));
        if self.keeps_rules_of_functions(changes) {
            session.output.note(
                "  note: functions that are released separately are not changed; update their aliases separately",
            );
        }
        let record = self.record(self.revision());
        if let Some(record) = record.filter(|record| record.endpoint != api.endpoint) {
            session.output.note(&format!(
                "  note: the endpoint of the API remains {}; the revision was deployed for {}",
                api.endpoint, record.endpoint
            ));
        }
        let mut dangers = changes.to_vec();
        if !self.changes_are_known() {
            session
                .output
                .note("  note: the changes are unknown: a revision has no readable record");
            dangers.push(self.unknown_change());
        }
        if stage.deployment != self.deployment {
            let record = self.record(self.revision());
            dangers.extend(
                record.map(|record| expired_keys(record, clock::unix_time())).unwrap_or_default(),
            );
        }
        danger::check(&dangers, Direction::Return, confirmation, session.output)?;
        if !confirmation.prompts() {
            return Ok(());
        }
        danger::confirm(session.output, prompt, "yes", format!("{action} {name}"))
    }

    /// Returns whether the configuration changes of an authorizer whose function does not move with
    /// the stage.
    fn keeps_rules_of_functions(&self, changes: &[Change]) -> bool {
        let is_pinned = |subject: &Subject| {
            let Subject::Authorizer(scheme) = subject else { return false };
            let record = self.record(self.revision());
            record.and_then(|record| record.authorizers.get(scheme)?.pinned.as_ref()).is_some()
        };
        let mut configured = changes.iter().filter(|one| one.aspect == Aspect::Configuration);
        configured.any(|change| !is_pinned(&change.subject))
    }

    /// Returns the change of a revision without a readable record: it may authorize any caller.
    fn unknown_change(&self) -> Change {
        Change {
            action: Action::Update,
            subject: Subject::Stage(self.target.name.clone()),
            aspect: Aspect::Deployment,
            before: Some(revision_text(self.live())),
            after: Some(format!("{}, whose rules are unknown", revision_text(self.revision()))),
            impact: AccessImpact::Widened,
        }
    }

    /// Probes the versions that the revision pins: one that was not used for long is inactive until it
    /// is invoked.
    fn test_versions(&self) -> Result<(), Failure> {
        let StageTarget { session, compiled, .. } = self.target;
        let Some(record) = self.record(self.revision()) else { return Ok(()) };
        for (scheme, authorizer) in &record.authorizers {
            let Some((arn, Some(version))) = authorizer.pinned_function() else { continue };
            let name = arn.rsplit(':').next().unwrap_or_default();
            let declared = compiled.authorizers.iter();
            let mut declared = declared.filter(|(name, _)| scheme_on_aws(name) == *scheme);
            let source = declared.next().map(|(_, one)| one.token.clone()).unwrap_or_default();
            test_version(session, name, &version.to_string(), &source, None)?;
        }
        Ok(())
    }

    fn record(&self, revision: Option<&Revision>) -> Option<&Record> {
        self.target.api.record(revision?.number)
    }

    /// Updates the stage in one call, if it has not changed since.
    fn apply(&self) -> Result<(), Failure> {
        let StageTarget { session, api, name, stage, .. } = self.target;
        session.block_on(check_unchanged(&session.aws, &api.id, name, stage))?;
        let patches = move_stage(stage, self.deployment, &self.rolled_back);
        let update = session.aws.update_stage(&api.id, name, &patches);
        let found = session.block_on(update)?.traffic();
        let expected = Traffic { deployment: self.deployment.to_owned(), canary: None };
        if found == expected {
            return Ok(());
        }
        let (expected, found) = (Some(expected), Some(found));
        Err(ConcurrentUpdate { stage: name.clone(), expected, found }.into())
    }

    /// Returns whether both revisions have readable records.
    fn changes_are_known(&self) -> bool {
        let StageTarget { api, stage, .. } = self.target;
        let known =
            |revision: Option<&Revision>| revision.is_some_and(|r| api.record(r.number).is_some());
        stage.deployment == self.deployment || known(self.live()) && known(self.revision())
    }

    /// Returns the changes to what the stage serves, as far as they are known.
    fn changes(&self) -> Vec<Change> {
        let StageTarget { api, name, stage, .. } = self.target;
        let record = |revision: Option<&Revision>| api.record(revision?.number);
        let mut changes = match (record(self.live()), record(self.revision())) {
            (Some(before), Some(after)) => diff(before, after),
            _ => Vec::new(),
        };
        let canary = stage.canary.as_ref();
        changes.extend(canary.filter(|one| one.deployment != self.deployment).map(|canary| {
            Change {
                action: Action::Remove,
                subject: Subject::Stage(name.clone()),
                aspect: Aspect::Canary,
                before: Some(api.canary_text(canary)),
                after: None,
                impact: AccessImpact::None,
            }
        }));
        sort(&mut changes);
        changes
    }

    fn json(&self) -> Json {
        let StageTarget { api, name, stage, .. } = self.target;
        json!({
            "api": api.name,
            "id": api.id,
            "stage": name,
            "from": self.live().map(|revision| revision.number),
            "revision": self.revision().map(|revision| revision.number),
            "ended_canary": stage.canary.as_ref().map(|canary| canary_json(api, canary)),
            "changes": self.changes(),
            "changes_known": self.changes_are_known(),
        })
    }
}

/// Flushes a stage's authorizer result cache, where that is supported.
pub(super) fn flush(session: &Session, api: &str, stage: &str) -> Result<(), CallError> {
    match session.block_on(session.aws.flush_authorizer_cache(api, stage)) {
        Err(error) if error.kind == CallErrorKind::Unsupported => {
            session.output.note(&error.to_string());
            Ok(())
        }
        result => result,
    }
}

/// Returns the end of a result's text: the canary that was ended, or promoted to `deployment`.
pub(super) fn ended_text(api: &ObservedApi, canary: &Canary, deployment: &str) -> String {
    let verb = if canary.deployment == deployment { "promoted" } else { "ended" };
    format!("; {verb} the canary ({})", api.canary_text(canary))
}

/// Returns a canary with the number of its revision.
pub(super) fn canary_json(api: &ObservedApi, canary: &Canary) -> Json {
    let revision = api.deployment(&canary.deployment).and_then(|one| one.revision.as_ref());
    json!({
        "deployment": canary.deployment,
        "percent": canary.percent,
        "revision": revision.map(|revision| revision.number),
    })
}
