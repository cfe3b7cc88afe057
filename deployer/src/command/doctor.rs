//! `deployer doctor`: looks for what would keep a deployment from working, and changes nothing.

use std::fmt::Display;

use serde_json::{Value as Json, json};

use super::quotas::{Usage, resources};
use super::session::Session;
use super::{Failure, Invocation};
use crate::cli;
use crate::output::Exit;
use aws::CallError;
use compiler::api::{Api, Arn, RouteKey};
use deployment::desired::{Desired, role_arn};
use deployment::observed::{ObservedApi, Role};

pub(super) fn run(arguments: &cli::Live, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile(&arguments.files())?;
    let session = invocation.connect()?;
    let desired = session.desired(api)?;
    let mut checks = Checks::default();
    checks.fine("credentials", &session.aws.identity);
    checks.fine("region", &session.aws.target.region);
    functions(&session, &desired, &mut checks);
    roles(&session, &desired, &mut checks);
    quotas(&session, &desired, &mut checks)?;
    log_role(&session, &desired.api, &mut checks);
    invocation.output.data(&checks.text(), &checks.json());
    Ok(if checks.fail() { Exit::Failed } else { Exit::Done })
}

/// What was checked, in order.
#[derive(Default)]
struct Checks(Vec<Check>);

struct Check {
    state: &'static str,
    what: String,
    text: String,
}

impl Checks {
    fn fine(&mut self, what: impl Display, text: impl Display) {
        self.add("fine", what, text);
    }

    fn wrong(&mut self, what: impl Display, text: impl Display) {
        self.add("wrong", what, text);
    }

    fn unknown(&mut self, what: impl Display, error: &CallError) {
        self.add("unknown", what, &error.message);
    }

    fn add(&mut self, state: &'static str, what: impl Display, text: impl Display) {
        self.0.push(Check { state, what: what.to_string(), text: text.to_string() });
    }

    fn fail(&self) -> bool {
        self.0.iter().any(|check| check.state == "wrong")
    }

    fn text(&self) -> String {
        let line = |Check { state, what, text }: &Check| format!("{state:7}  {what}: {text}");
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> Json {
        let row = |Check { state, what, text }: &Check| json!({"state": state, "what": what, "text": text});
        json!({"checks": self.0.iter().map(row).collect::<Vec<_>>()})
    }
}

fn functions(session: &Session, desired: &Desired, checks: &mut Checks) {
    for (name, authorizer) in &desired.api.authorizers {
        let what = format!("function of {name}");
        let Some(function) = &authorizer.function else {
            checks.wrong(what, format!("add `function_arn` to [authorizer.{name}]"));
            continue;
        };
        match session.block_on(session.aws.function_state(function.as_str())) {
            Ok(Some(state)) if state == "Active" => checks.fine(what, function.as_str()),
            Ok(Some(state)) => checks.wrong(what, format!("{} is {state}", function.as_str())),
            Ok(None) => {
                checks.wrong(what, format!("there is no {}: deploy it first", function.as_str()));
            }
            Err(error) => checks.unknown(what, &error),
        }
    }
}

fn roles(session: &Session, desired: &Desired, checks: &mut Checks) {
    for (name, authorizer) in &desired.api.authorizers {
        let (Some(role), Some(function)) = (&authorizer.invoke_role, &authorizer.function) else {
            continue;
        };
        let role_name = role.as_str().rsplit('/').next().unwrap_or_default();
        let ours = desired.roles.contains_key(role_name);
        let what = format!("invoke role of {name}");
        match session.block_on(session.aws.role(role_name)) {
            Ok(Some(found)) => match problem(&found, function) {
                Some(problem) if ours => {
                    checks.wrong(what, format!("{problem}; `deploy` mends it"));
                }
                Some(problem) => checks.wrong(what, problem),
                None => checks.fine(what, role.as_str()),
            },
            Ok(None) if ours => checks.fine(what, format!("`deploy` makes {role_name}")),
            Ok(None) => checks.wrong(what, format!("there is no role {role_name}")),
            Err(error) => checks.unknown(what, &error),
        }
        let arn = if ours {
            role_arn(&desired.api.name, role_name, &desired.target)
        } else {
            role.as_str().to_owned()
        };
        pass_role(session, name, &arn, checks);
    }
}

/// Checks that the caller may hand a role to API Gateway.
fn pass_role(session: &Session, name: &str, arn: &str, checks: &mut Checks) {
    let what = format!("iam:PassRole for {name}");
    if session.aws.identity.ends_with(":root") {
        checks.fine(what, "the root user may");
        return;
    }
    match session.block_on(session.aws.is_allowed("iam:PassRole", arn)) {
        Ok(true) => checks.fine(what, "allowed"),
        Ok(false) => checks.wrong(what, format!("not allowed on {arn}")),
        Err(error) => checks.unknown(what, &error),
    }
}

/// Returns what keeps API Gateway from invoking the function with a role.
fn problem(role: &Role, function: &Arn) -> Option<String> {
    let trusted = role.trust.to_string().contains("apigateway.amazonaws.com");
    if !trusted {
        return Some("apigateway.amazonaws.com may not assume it".to_owned());
    }
    let exact = |policy: &Json| {
        let text = policy.to_string();
        text.contains(function.as_str()) && text.contains("lambda:InvokeFunction")
    };
    // What is attached to it and not its own cannot be seen from here.
    if role.policies.is_empty() || role.policies.values().any(exact) {
        return None;
    }
    Some(format!("none of its policies names {}", function.as_str()))
}

/// Checks that the account has room for the API as it is to be.
fn quotas(session: &Session, desired: &Desired, checks: &mut Checks) -> Result<(), Failure> {
    let apis = session.block_on(session.aws.apis())?;
    let found = session.find(&desired.api.name)?;
    let is_new = usize::from(found.is_none());
    let methods = desired.definition.methods.keys();
    let paths = methods.map(RouteKey::path);
    let mut usages = vec![
        Usage::apis(apis.len() + is_new),
        Usage::resources(resources(paths)),
        Usage::authorizers(desired.definition.authorizers.len()),
    ];
    if let Some(listed) = found {
        let stage = &desired.api.stage;
        let api: ObservedApi = session.block_on(session.aws.observe_api(listed, stage))?;
        let is_new = usize::from(!api.stages.contains_key(stage));
        usages.push(Usage::stages(api.stages.len() + is_new));
    }
    for usage in usages {
        if usage.fits() {
            checks.fine(usage.what, usage);
        } else {
            checks.wrong(usage.what, usage);
        }
    }
    Ok(())
}

/// Checks the role by which API Gateway writes logs, if the stage has any.
fn log_role(session: &Session, api: &Api, checks: &mut Checks) {
    if api.stage_settings.access_log.is_none() && api.stage_settings.logging.is_none() {
        return;
    }
    let what = "account's log role";
    match session.block_on(session.aws.cloudwatch_role()) {
        Ok(Some(role)) => checks.fine(what, &role),
        Ok(None) => checks.wrong(
            what,
            "there is none, and API Gateway writes no logs without: set one in its settings",
        ),
        Err(error) => checks.unknown(what, &error),
    }
}
