//! `deployer doctor`: looks for what would keep a deployment from working, and changes nothing.

use std::fmt::Display;

use serde_json::{Value as Json, json};

use super::session::Session;
use super::{Failure, compiled};
use crate::cli;
use crate::output::{Exit, Output};
use aws::CallError;
use compiler::api::Arn;
use compiler::compile::Environment;
use deployment::desired::{Desired, role_arn};
use deployment::observed::{ObservedApi, Role};

/// What an account may have, unless it was raised.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
const APIS: usize = 600;
const RESOURCES: usize = 300;
const AUTHORIZERS: usize = 10;
const STAGES: usize = 10;

pub(super) fn run(
    arguments: &cli::Live,
    access: &cli::Access,
    environment: Environment<'_>,
    output: Output,
) -> Result<Exit, Failure> {
    let api = compiled(&arguments.files(), environment, output)?;
    let session = Session::open(access, output)?;
    let desired = session.desired(api)?;
    let mut told = Told::default();
    told.fine("credentials", &session.aws.identity);
    told.fine("region", &session.aws.place.region);
    functions(&session, &desired, &mut told);
    roles(&session, &desired, &mut told);
    room(&session, &desired, &mut told)?;
    if desired.api.stage_settings.access_log.is_some()
        || desired.api.stage_settings.logging.is_some()
    {
        match session.wait(session.aws.log_role()) {
            Ok(Some(role)) => told.fine("account's log role", &role),
            Ok(None) => told.wrong(
                "account's log role",
                "there is none, and API Gateway writes no logs without: set one in its settings",
            ),
            Err(error) => told.unknown("account's log role", &error),
        }
    }
    let wrong = told.rows.iter().any(|(state, ..)| *state == "wrong");
    let lines: Vec<String> =
        told.rows.iter().map(|(state, what, text)| format!("{state:7}  {what}: {text}")).collect();
    let rows: Vec<Json> = (told.rows.iter())
        .map(|(state, what, text)| json!({"state": state, "what": what, "text": text}))
        .collect();
    output.data(&lines.join("\n"), &json!({"checks": rows}));
    Ok(if wrong { Exit::Failed } else { Exit::Done })
}

#[derive(Default)]
struct Told {
    rows: Vec<(&'static str, String, String)>,
}

impl Told {
    fn fine(&mut self, what: impl Display, text: impl Display) {
        self.rows.push(("fine", what.to_string(), text.to_string()));
    }

    fn wrong(&mut self, what: impl Display, text: impl Display) {
        self.rows.push(("wrong", what.to_string(), text.to_string()));
    }

    fn unknown(&mut self, what: impl Display, error: &CallError) {
        self.rows.push(("unknown", what.to_string(), error.message.clone()));
    }
}

fn functions(session: &Session, desired: &Desired, told: &mut Told) {
    for (name, authorizer) in &desired.api.authorizers {
        let what = format!("function of {name}");
        let Some(function) = &authorizer.function else {
            told.wrong(what, format!("add `function_arn` to [authorizer.{name}]"));
            continue;
        };
        match session.wait(session.aws.function(function.as_str())) {
            Ok(Some(state)) if state == "Active" => told.fine(what, function.as_str()),
            Ok(Some(state)) => told.wrong(what, format!("{} is {state}", function.as_str())),
            Ok(None) => {
                told.wrong(what, format!("there is no {}: deploy it first", function.as_str()));
            }
            Err(error) => told.unknown(what, &error),
        }
    }
}

fn roles(session: &Session, desired: &Desired, told: &mut Told) {
    for (name, authorizer) in &desired.api.authorizers {
        let what = format!("invoke role of {name}");
        let (Some(role), Some(function)) = (&authorizer.invoke_role, &authorizer.function) else {
            continue;
        };
        let role_name = role.as_str().rsplit('/').next().unwrap_or_default();
        let ours = desired.roles.contains_key(role_name);
        match session.wait(session.aws.role(role_name)) {
            Ok(Some(found)) => match problem(&found, function) {
                Some(problem) if ours => told.wrong(what, format!("{problem}; `deploy` mends it")),
                Some(problem) => told.wrong(what, problem),
                None => told.fine(what, role.as_str()),
            },
            Ok(None) if ours => told.fine(what, format!("`deploy` makes {role_name}")),
            Ok(None) => told.wrong(what, format!("there is no role {role_name}")),
            Err(error) => told.unknown(what, &error),
        }
        let arn = if ours {
            role_arn(&desired.api.name, role_name, &desired.place)
        } else {
            role.as_str().to_owned()
        };
        if session.aws.identity.ends_with(":root") {
            told.fine(format!("iam:PassRole for {name}"), "the root user may");
            continue;
        }
        match session.wait(session.aws.may("iam:PassRole", &arn)) {
            Ok(true) => told.fine(format!("iam:PassRole for {name}"), "allowed"),
            Ok(false) => {
                told.wrong(format!("iam:PassRole for {name}"), format!("not allowed on {arn}"));
            }
            Err(error) => told.unknown(format!("iam:PassRole for {name}"), &error),
        }
    }
}

/// Says what keeps API Gateway from invoking the function with a role.
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

fn room(session: &Session, desired: &Desired, told: &mut Told) -> Result<(), Failure> {
    let apis = session.wait(session.aws.apis())?;
    let mut count = |what: &str, is: usize, most: usize| {
        let text = format!("{is} of {most}");
        if is < most { told.fine(what, text) } else { told.wrong(what, text) }
    };
    count("REST APIs", apis.len(), APIS);
    let mut paths: Vec<&str> = Vec::new();
    for route in desired.draft.methods.keys() {
        let path = route.path();
        paths.extend(path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default()));
        paths.push(path);
    }
    paths.sort_unstable();
    paths.dedup();
    count("resources", paths.len(), RESOURCES + 1);
    count("authorizers", desired.draft.authorizers.len(), AUTHORIZERS + 1);
    if let Some(listed) = session.find(&desired.api.name)? {
        let api: ObservedApi = session.wait(session.aws.observe_api(listed, &desired.api.stage))?;
        let is_new = usize::from(!api.stages.contains_key(&desired.api.stage));
        count("stages", api.stages.len() + is_new, STAGES + 1);
    }
    Ok(())
}
