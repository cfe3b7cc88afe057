//! `deployer doctor`: runs pre-deployment checks. Changes nothing on AWS.

use std::fmt::Display;

use serde_json::{Value as Json, json};

use super::session::Session;
use super::{Failure, Invocation};
use crate::cli;
use crate::output::Exit;
use aws::CallError;
use compiler::api::{Arn, AuthorizerFunction};
use deployment::desired::Desired;
use deployment::invoke_role::Role;
use deployment::observed::Observed;
use deployment::plan::{UnmetPrecondition, plan, unmet_preconditions};
use deployment::quota::usages;

pub(super) fn run(arguments: &cli::Live, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let api = invocation.compile(&arguments.files())?;
    let session = invocation.connect()?;
    let desired = session.desired(api)?;
    let mut checks = Checks::default();
    checks.ok("credentials", &session.aws.identity);
    checks.ok("region", &session.aws.target.region);
    functions(&session, &desired, &mut checks);
    roles(&session, &desired, &mut checks);
    let observed = session.observe(&desired)?;
    quotas(&desired, &observed, &mut checks);
    preconditions(&desired, &observed, &mut checks);
    if let Err(error) = desired.check_access_log() {
        checks.fail("access log", error);
    }
    invocation.output.data(&checks.text(), &checks.json());
    Ok(if checks.has_failures() { Exit::Failed } else { Exit::Success })
}

/// The checks, in order.
#[derive(Default)]
struct Checks(Vec<Check>);

struct Check {
    status: &'static str,
    subject: String,
    message: String,
}

impl Checks {
    fn ok(&mut self, subject: impl Display, message: impl Display) {
        self.add("ok", subject, message);
    }

    fn fail(&mut self, subject: impl Display, message: impl Display) {
        self.add("fail", subject, message);
    }

    fn unknown(&mut self, subject: impl Display, error: &CallError) {
        self.add("unknown", subject, &error.message);
    }

    fn add(&mut self, status: &'static str, subject: impl Display, message: impl Display) {
        self.0.push(Check { status, subject: subject.to_string(), message: message.to_string() });
    }

    fn has_failures(&self) -> bool {
        self.0.iter().any(|check| check.status == "fail")
    }

    fn text(&self) -> String {
        let line = |Check { status, subject, message }: &Check| {
            format!("{status:7}  {subject}: {message}")
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn json(&self) -> Json {
        let row = |Check { status, subject, message }: &Check| json!({"status": status, "subject": subject, "message": message});
        json!({"checks": self.0.iter().map(row).collect::<Vec<_>>()})
    }
}

fn functions(session: &Session, desired: &Desired, checks: &mut Checks) {
    for (name, authorizer) in &desired.api.authorizers {
        let subject = format!("function of {name}");
        if let Some(AuthorizerFunction::Pinned(function)) = &authorizer.function {
            pinned_function(session, subject, &function.name, checks);
            continue;
        }
        let Some(function) = authorizer.function_arn() else {
            checks.fail(
                subject,
                format!("missing `function` or `function_arn` in [authorizer.{name}]"),
            );
            continue;
        };
        match session.block_on(session.aws.function_state(function.as_str())) {
            Ok(Some(state)) if state == "Active" => checks.ok(subject, function.as_str()),
            Ok(Some(state)) => checks.fail(subject, format!("{} is {state}", function.as_str())),
            Ok(None) => {
                checks.fail(
                    subject,
                    format!("{} does not exist; deploy it first", function.as_str()),
                );
            }
            Err(error) => checks.unknown(subject, &error),
        }
    }
}

fn pinned_function(session: &Session, subject: String, name: &str, checks: &mut Checks) {
    match session.block_on(session.aws.observe_function(name)) {
        Ok(Some(function)) => {
            checks.ok(subject, format!("{name}, {} published versions", function.versions.len()));
        }
        Ok(None) => checks.ok(subject, format!("`deploy` will create {name}")),
        Err(error) => checks.unknown(subject, &error),
    }
}

fn roles(session: &Session, desired: &Desired, checks: &mut Checks) {
    for (name, authorizer) in &desired.api.authorizers {
        let (Some(role), Some(function)) = (&authorizer.invoke_role, authorizer.function_arn())
        else {
            continue;
        };
        let role_name = role.as_str().rsplit('/').next().unwrap_or_default();
        let is_managed = desired.roles.contains_key(role_name);
        let subject = format!("invoke role of {name}");
        match session.block_on(session.aws.role(role_name)) {
            Ok(Some(found)) => match problem(&found, function) {
                Some(problem) if is_managed => {
                    checks.fail(subject, format!("{problem}; `deploy` corrects it"));
                }
                Some(problem) => checks.fail(subject, problem),
                None => checks.ok(subject, role.as_str()),
            },
            Ok(None) if is_managed => {
                checks.ok(subject, format!("`deploy` will create {role_name}"));
            }
            Ok(None) => checks.fail(subject, format!("role {role_name} does not exist")),
            Err(error) => checks.unknown(subject, &error),
        }
        pass_role(session, name, role.as_str(), "apigateway.amazonaws.com", checks);
    }
    for version in desired.versions.values() {
        let (function, role) = (&version.function, &version.settings.role);
        pass_role(session, function, role, "lambda.amazonaws.com", checks);
    }
}

/// Checks that the caller may pass the role of an authorizer or a function to a service.
fn pass_role(session: &Session, of: &str, arn: &str, service: &str, checks: &mut Checks) {
    let subject = format!("iam:PassRole for {of}");
    if session.aws.identity.ends_with(":root") {
        checks.ok(subject, "allowed: root user");
        return;
    }
    match session.block_on(session.aws.may_pass_role(arn, service)) {
        Ok(true) => checks.ok(subject, format!("allowed to {service}")),
        Ok(false) => checks.fail(subject, format!("not allowed on {arn} to {service}")),
        Err(error) => checks.unknown(subject, &error),
    }
}

/// Returns the reason API Gateway cannot invoke the function with a role.
fn problem(role: &Role, function: &Arn) -> Option<String> {
    if let Some(problem) = role.trust_problem() {
        return Some(problem.to_string());
    }
    let exact = |policy: &Json| {
        let text = policy.to_string();
        let versions = format!("{}:*", function.unqualified());
        (text.contains(function.as_str()) || text.contains(&versions))
            && text.contains("lambda:InvokeFunction")
    };
    // Only inline policies are read: without one, a managed policy may be attached.
    if role.policies.is_empty() || role.policies.values().any(exact) {
        return None;
    }
    Some(format!("no policy allows lambda:InvokeFunction on {}", function.unqualified()))
}

/// Checks the quotas of the account and of the desired API.
fn quotas(desired: &Desired, observed: &Observed, checks: &mut Checks) {
    for usage in usages(desired, observed) {
        if !usage.exceeds_quota() {
            checks.ok(&usage.kind, &usage);
        } else if usage.can_be_increased() {
            let message = format!("{usage} (default quota); AWS increases it on request");
            checks.add("warning", &usage.kind, message);
        } else {
            checks.fail(&usage.kind, &usage);
        }
    }
}

/// Checks what AWS would refuse in the middle of a deployment.
fn preconditions(desired: &Desired, observed: &Observed, checks: &mut Checks) {
    let settings = &desired.api.stage_settings;
    let has_logs = settings.access_log.is_some() || settings.logging.is_some();
    if let Some(role) = observed.account.cloudwatch_role.as_ref().filter(|_| has_logs) {
        checks.ok("CloudWatch log role of the account", role);
    }
    let unmet = unmet_preconditions(desired, observed, &plan(desired, observed)).into_iter();
    // The check of the quotas has those.
    for unmet in unmet.filter(|unmet| !matches!(unmet, UnmetPrecondition::Quota { .. })) {
        let help = Failure::Precondition(unmet.clone()).help().unwrap_or_default();
        checks.fail("deployment", format!("{unmet}; {help}"));
    }
}
