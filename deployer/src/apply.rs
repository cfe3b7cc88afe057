//! [`Plan`] → calls, in order. Decides nothing: what is done is in the plan, and what is not as
//! the plan says ends it. A stage moves last, by one call, and back if what follows fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws::apigateway::{Checked, MethodsNow, UsagePlanStep};
use aws::{Aws, CallError, Kind};
use compiler::api::{AuthorizerShape, RouteKey, StageSettings};
use compiler::definition::{Authorization, Method, scheme_of};
use deployment::observed::{Observed, ObservedStage, TAG_API};
use deployment::plan::{Patch, Plan, Step, serve, undo};
use deployment::revision::Revision;

/// What is done beside the plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A token that must be let in.
    pub token: Option<String>,
    /// Go on though nobody can ask the authorizer; for stand-ins of AWS's only.
    pub untested: bool,
    /// Send this share of requests to the new deployment, in percent.
    pub canary: Option<f64>,
}

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A call failed for good.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An authorizer did not answer as it must.
    #[error("the authorizer {name} {what}; no stage was moved")]
    Authorizer {
        /// Its name.
        name: String,
        /// What it did.
        what: String,
        /// The end of what it logged.
        log: String,
    },
    /// There is nobody to ask, and that may not be passed over.
    #[error("the authorizer {0} cannot be tested there: TestInvokeAuthorizer is missing")]
    Untestable(String),
    /// The draft is not what was put into it.
    #[error("{0}; no stage was moved")]
    Draft(String),
    /// Somebody else was there in the meantime.
    #[error("{0}")]
    Stale(String),
    /// A share of nothing.
    #[error("the stage {0} is not there yet: a canary needs one that serves something")]
    NoStage(String),
    /// The stage did not become what it was to be, and could not be put back.
    #[error("{0}, and it could not be put back: {1}")]
    NotBack(String, CallError),
    /// The stage did not become what it was to be, and is again what it was.
    #[error("{0}; the stage is again what it was")]
    RolledBack(String),
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The API's id.
    pub api: String,
    /// The deployment that the stage serves now, if it moved.
    pub deployment: Option<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// How the stage is put back.
    back: Option<Back>,
}

/// How a stage is put back.
#[derive(Clone, Debug)]
enum Back {
    Delete(String),
    Patch(String, Vec<Patch>),
}

/// Carries out a plan.
pub async fn apply(
    aws: &Aws,
    plan: &Plan,
    observed: &Observed,
    options: &Options,
    tell: &dyn Fn(&str),
) -> Result<Report, ApplyError> {
    let known = observed.api.iter().flat_map(|api| &api.deployments);
    let mut run = Run {
        aws,
        plan,
        options,
        known: known.map(|deployment| deployment.id.clone()).collect(),
        authorizers: None,
        fresh_role: false,
        report: Report { api: plan.id.clone().unwrap_or_default(), ..Report::default() },
    };
    let count = plan.steps.len();
    for (number, step) in plan.steps.iter().enumerate() {
        tell(&format!("[{}/{count}] {}", number + 1, step.sentence()));
        run.step(step).await?;
    }
    Ok(run.report)
}

/// Puts a stage back to what it was before a plan was carried out.
pub async fn put_back(aws: &Aws, report: &Report) -> Result<(), CallError> {
    match &report.back {
        None => Ok(()),
        Some(Back::Delete(stage)) => aws.delete_stage(&report.api, stage).await,
        Some(Back::Patch(stage, patches)) => {
            aws.update_stage(&report.api, stage, patches).await.map(|_| ())
        }
    }
}

type Authorizers = BTreeMap<String, (String, AuthorizerShape)>;

struct Run<'a> {
    aws: &'a Aws,
    plan: &'a Plan,
    options: &'a Options,
    known: BTreeSet<String>,
    authorizers: Option<Authorizers>,
    fresh_role: bool,
    report: Report,
}

impl Run<'_> {
    async fn step(&mut self, step: &Step) -> Result<(), ApplyError> {
        let (aws, api) = (self.aws, self.report.api.clone());
        match step {
            Step::CreateApi { name, endpoint, vpc_endpoints, tags } => {
                self.report.api = aws.create_api(name, endpoint, vpc_endpoints, tags).await?;
            }
            Step::Tag { set, unset } => aws.tag_api(&api, set, unset).await?,
            Step::Endpoint { from, to } => aws.change_endpoint(&api, from, to).await?,
            Step::Role { name, role, .. } => {
                let tags = BTreeMap::from([(TAG_API.to_owned(), self.plan.api.clone())]);
                aws.put_role(&self.plan.api, name, role, &tags).await?;
                self.fresh_role = true;
            }
            Step::Put { document } => aws.put_api(&api, document).await?,
            Step::Settle { authorizers, gateway_responses } => {
                let found = aws.reconcile_import(&api, authorizers, gateway_responses).await?;
                self.authorizers = Some(found);
            }
            Step::Permit { functions } => {
                for function in functions {
                    aws.grant_invoke(function, &api).await?;
                }
            }
            Step::Test { authorizers } => self.test(authorizers).await?,
            Step::Deploy { revision } => {
                self.report.deployment = Some(aws.deploy(&api, revision, &self.known).await?);
            }
            Step::Verify { methods } => self.verify(methods).await?,
            Step::CreateStage { name, deployment, settings } => {
                self.create_stage(name, deployment.as_deref(), settings).await?;
            }
            Step::MoveStage { .. } => self.move_stage(step).await?,
            Step::UsagePlan { name, stage, id, plan, keys_there, has_stage } => {
                let step = UsagePlanStep {
                    name,
                    stage,
                    id: id.as_deref(),
                    plan,
                    keys_there,
                    has_stage: *has_stage,
                };
                aws.put_usage_plan(&api, &step).await?;
            }
            Step::Prune { deployments, roles } => self.prune(deployments, roles).await,
        }
        Ok(())
    }

    async fn authorizers(&mut self) -> Result<Authorizers, ApplyError> {
        if self.authorizers.is_none() {
            self.authorizers = Some(self.aws.authorizers(&self.report.api).await?);
        }
        Ok(self.authorizers.clone().unwrap_or_default())
    }

    /// Asks every authorizer: what is no token must be refused, and a token let in.
    async fn test(&mut self, names: &BTreeSet<String>) -> Result<(), ApplyError> {
        let authorizers = self.authorizers().await?;
        // One that is not there was not found right either.
        if let Some(gone) = names.iter().find(|name| !authorizers.values().any(|(n, _)| n == *name))
        {
            let (name, what) = (scheme_of(gone).to_owned(), "is not there".to_owned());
            return Err(ApplyError::Authorizer { name, what, log: String::new() });
        }
        for (id, (name, shape)) in authorizers.iter().filter(|(_, (n, _))| names.contains(n)) {
            let scheme = scheme_of(name).to_owned();
            let garbage = match self.asked(id, shape, NO_TOKEN).await {
                Ok(answer) => answer,
                Err(error) if error.kind == Kind::Unsupported => {
                    if !self.options.untested {
                        return Err(ApplyError::Untestable(scheme));
                    }
                    let note = format!("{scheme} was not tested: nobody can ask it there");
                    self.report.notes.push(note);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if !refuses(&garbage) {
                let what = format!("did not refuse what is no token ({})", said(&garbage));
                return Err(ApplyError::Authorizer {
                    name: scheme,
                    what,
                    log: tail(&garbage, NO_TOKEN),
                });
            }
            let Some(token) = &self.options.token else { continue };
            let answer = self.asked(id, shape, token).await?;
            if answer.status != 200 || !allows(&answer) {
                let what = format!("did not let the given token in ({})", said(&answer));
                return Err(ApplyError::Authorizer {
                    name: scheme,
                    what,
                    log: tail(&answer, token),
                });
            }
        }
        Ok(())
    }

    /// Asks one authorizer; again, as long as its role may not have reached everywhere.
    async fn asked(
        &self,
        id: &str,
        shape: &AuthorizerShape,
        token: &str,
    ) -> Result<Checked, CallError> {
        let mut headers = BTreeMap::new();
        let mut path = "/".to_owned();
        for source in &shape.identity {
            if let Some(name) = source.strip_prefix("method.request.header.") {
                headers.insert(name.to_owned(), format!("Bearer {token}"));
            } else if let Some(name) = source.strip_prefix("method.request.querystring.") {
                path = format!("/?{name}={token}");
            }
        }
        let tries = if self.fresh_role { 20 } else { 3 };
        let mut answer = self.aws.ask_authorizer(&self.report.api, id, &headers, &path).await?;
        for _ in 1..tries {
            if answer.status < 500 {
                break;
            }
            let why = "API Gateway cannot invoke the authorizer yet";
            self.aws.wait(Duration::from_secs(3), why).await;
            answer = self.aws.ask_authorizer(&self.report.api, id, &headers, &path).await?;
        }
        Ok(answer)
    }

    /// Checks that the draft is what was put, mends who may call what where an import did not
    /// say so, and removes authorizers that nothing names.
    async fn verify(&mut self, methods: &BTreeMap<RouteKey, Method>) -> Result<(), ApplyError> {
        let (aws, api) = (self.aws, self.report.api.clone());
        let authorizers = self.authorizers().await?;
        let mut now = aws.methods_now(&api, &authorizers).await?;
        let open = |(name, wanted): &(&RouteKey, &Method)| {
            now.methods.get(*name).is_some_and(|is| is.authorization != wanted.authorization)
        };
        let wrong: Vec<(&RouteKey, &Method)> = methods.iter().filter(open).collect();
        if !wrong.is_empty() {
            for (route, method) in wrong {
                let resource = now.resources.get(route.path());
                let resource = resource.map(String::as_str).unwrap_or_default();
                let guard = &method.authorization;
                aws.guard_method(&api, resource, route.method(), guard, &authorizers).await?;
            }
            self.deploy_again().await?;
            now = aws.methods_now(&api, &authorizers).await?;
        }
        let otherwise = methods.iter().filter_map(|(name, wanted)| {
            let (is, wanted) = (now.methods.get(name)?.effect(), wanted.effect());
            (is != wanted).then(|| format!("{name}: {}", wanted.difference(&is)))
        });
        self.report.notes.extend(otherwise);
        if let Some(problem) = differs(&now, methods) {
            if let Some(deployment) = self.report.deployment.take() {
                aws.delete_deployment(&api, &deployment).await?;
            }
            return Err(ApplyError::Draft(problem));
        }
        let guards = methods.values().map(|method| &method.authorization);
        let wanted: BTreeSet<&String> = guards
            .filter_map(|guard| match guard {
                Authorization::Authorizer { name, .. } => Some(name),
                _ => None,
            })
            .collect();
        for (id, (name, _)) in &authorizers {
            if !now.used_authorizers.contains(id) || !wanted.contains(name) {
                aws.delete_authorizer(&api, id).await?;
            }
        }
        Ok(())
    }

    /// Replaces the deployment that was made of a draft that was not right.
    async fn deploy_again(&mut self) -> Result<(), ApplyError> {
        let revision = self.plan.steps.iter().find_map(|step| match step {
            Step::Deploy { revision } => Some(revision),
            _ => None,
        });
        let Some((revision, old)) = revision.zip(self.report.deployment.take()) else {
            return Ok(());
        };
        self.known.insert(old.clone());
        let new = self.aws.deploy(&self.report.api, revision, &self.known).await?;
        self.aws.delete_deployment(&self.report.api, &old).await?;
        self.report.deployment = Some(new);
        Ok(())
    }

    async fn create_stage(
        &mut self,
        name: &str,
        deployment: Option<&str>,
        settings: &StageSettings,
    ) -> Result<(), ApplyError> {
        if self.options.canary.is_some() {
            return Err(ApplyError::NoStage(name.to_owned()));
        }
        let (aws, api) = (self.aws, self.report.api.clone());
        if aws.stages(&api).await?.contains_key(name) {
            return Err(stale(name));
        }
        let deployment = self.deployment(deployment);
        let tags = BTreeMap::from([(TAG_API.to_owned(), self.plan.api.clone())]);
        aws.create_stage(&api, name, &deployment, settings, &tags).await?;
        self.report.deployment = Some(deployment);
        self.report.back = Some(Back::Delete(name.to_owned()));
        let plain = StageSettings {
            variables: settings.variables.clone(),
            tracing: settings.tracing,
            ..StageSettings::default()
        };
        let patches = deployment::plan::patches(&plain, settings);
        if !patches.is_empty() {
            let now = aws.update_stage(&api, name, &patches).await?;
            self.must_be(&now, None, settings).await?;
        }
        Ok(())
    }

    async fn move_stage(&mut self, step: &Step) -> Result<(), ApplyError> {
        let Step::MoveStage { name, before, to, moves, patches, settings } = step else {
            return Ok(());
        };
        let (aws, api) = (self.aws, self.report.api.clone());
        let stages = aws.stages(&api).await?;
        if stages.get(name).is_none_or(|stage| stage.deployment != before.deployment) {
            return Err(stale(name));
        }
        let target = moves.then(|| self.deployment(to.as_deref()));
        if let Some((percent, target)) = self.options.canary.zip(target.clone()) {
            let patches = [
                Patch::replace("/canarySettings/percentTraffic", percent.to_string()),
                Patch::replace("/canarySettings/deploymentId", target.clone()),
            ];
            aws.update_stage(&api, name, &patches).await?;
            self.report.deployment = Some(target);
            let end = Patch::remove("/canarySettings");
            self.report.back = Some(Back::Patch(name.clone(), vec![end]));
            return Ok(());
        }
        let mut patches = patches.clone();
        if let (Some(target), None) = (&target, to) {
            patches.extend(serve(target, &before.served));
        }
        self.report.back = Some(Back::Patch(name.clone(), undo(settings, before)));
        self.report.deployment.clone_from(&target);
        let now = aws.update_stage(&api, name, &patches).await?;
        self.must_be(&now, target.as_deref().or(Some(&before.deployment)), settings).await
    }

    /// Puts the stage back if it is not what it was to be.
    async fn must_be(
        &self,
        now: &ObservedStage,
        deployment: Option<&str>,
        settings: &StageSettings,
    ) -> Result<(), ApplyError> {
        let wrong = if deployment.is_some_and(|deployment| now.deployment != deployment) {
            "the stage serves another deployment than it was told to"
        } else if now.settings != *settings {
            "the stage did not take all of its settings"
        } else {
            return Ok(());
        };
        match put_back(self.aws, &self.report).await {
            Ok(()) => Err(ApplyError::RolledBack(wrong.to_owned())),
            Err(error) => Err(ApplyError::NotBack(wrong.to_owned(), error)),
        }
    }

    /// Returns the deployment to serve: the named one, or the one that was just made.
    fn deployment(&self, named: Option<&str>) -> String {
        named.map(str::to_owned).or_else(|| self.report.deployment.clone()).unwrap_or_default()
    }

    /// Removes what is not needed. What stays is removed next time: it harms nobody.
    async fn prune(&mut self, deployments: &[String], roles: &[String]) {
        for id in deployments {
            if let Err(error) = self.aws.delete_deployment(&self.report.api, id).await {
                self.report.notes.push(error.to_string());
            }
        }
        for role in roles {
            if let Err(error) = self.aws.delete_role(role).await {
                self.report.notes.push(error.to_string());
            }
        }
    }
}

/// In the form of a token, so that it reaches the function, and signed by nobody.
pub(crate) const NO_TOKEN: &str = "eyJhbGciOiJub25lIn0.e30.AA";

fn refuses(answer: &Checked) -> bool {
    matches!(answer.status, 401 | 403) || (answer.status == 200 && !allows(answer))
}

fn allows(answer: &Checked) -> bool {
    answer.policy.as_deref().is_none_or(|policy| policy.contains("\"Allow\""))
}

fn said(answer: &Checked) -> String {
    match answer.status {
        500.. => format!("{}: it could not be invoked", answer.status),
        status => status.to_string(),
    }
}

/// The end of a log: what happened, no more than fits a screen, and never the token.
fn tail(answer: &Checked, token: &str) -> String {
    let log = answer.log.replace(token, "…");
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
}

fn stale(stage: &str) -> ApplyError {
    ApplyError::Stale(format!("somebody else moved the stage {stage} in the meantime"))
}

/// Says what of the draft is not what was put.
fn differs(now: &MethodsNow, methods: &BTreeMap<RouteKey, Method>) -> Option<String> {
    for (name, wanted) in methods {
        let Some(is) = now.methods.get(name) else {
            return Some(format!("{name} is missing in the draft"));
        };
        if !is.is_as_safe_as(wanted) {
            let what = wanted.effect().difference(&is.effect());
            return Some(format!("{name} is not in the draft what was put there: {what}"));
        }
    }
    let more = now.methods.keys().find(|name| !methods.contains_key(*name))?;
    Some(format!("{more} is in the draft, and nobody put it there"))
}

/// Returns the number of a revision, for messages.
pub fn number(revision: Option<&Revision>) -> String {
    revision.map_or("no revision of ours".to_owned(), |r| format!("revision {}", r.number))
}
