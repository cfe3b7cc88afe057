//! The description of functions, which is compared before an API is deployed in front of them. A function that does
//! not contain a route denies it or, with another requirement, allows other callers.

use std::collections::BTreeMap;

use authorizer::description::{Description, REQUEST};
use authorizer::routes::Requirement;
use serde_json::Value as Json;

use super::Failure;
use super::session::Session;
use aws::CallErrorKind;
use compiler::api::{Api, AuthorizerFunction, Security};
use deployment::desired::Desired;
use deployment::plan::{Plan, Step};

/// Checks that the functions that are released separately contain the routes of the API with their
/// requirements. A function without a description is an error, unless `allow_untested`.
pub(super) fn check(
    session: &Session,
    desired: &Desired,
    plan: &Plan,
    allow_untested: bool,
) -> Result<(), Failure> {
    if !plan.steps.iter().any(deploys) {
        return Ok(());
    }
    for (name, authorizer) in &desired.api.authorizers {
        let Some(AuthorizerFunction::Released(function)) = &authorizer.function else { continue };
        let wanted = requirements(&desired.api, name);
        if wanted.is_empty() {
            continue;
        }
        let version = function.qualifier().unwrap_or("$LATEST");
        match describe(session, &function.unqualified(), version) {
            Ok(found) => found.covers(plan.id.as_deref(), &wanted).map_err(|difference| {
                let (function, problem) = (function.as_str().to_owned(), difference.to_string());
                Failure::FunctionOutdated { function, problem }
            })?,
            Err(Undescribed::Failed(failure)) => return Err(failure),
            Err(Undescribed::Unknown(_)) if allow_untested => {
                let note = format!("note: the routes of {} are not known", function.as_str());
                session.output.note(&note);
            }
            Err(Undescribed::Unknown(problem)) => {
                let function = function.as_str().to_owned();
                return Err(Failure::FunctionUndescribed { function, problem });
            }
        }
    }
    Ok(())
}

/// Checks that a version that was just published contains the routes that it was published for.
pub(super) fn check_version(
    session: &Session,
    desired: &Desired,
    authorizer: &str,
    function: &str,
    version: u32,
) -> Result<(), Failure> {
    let name = format!("{function}:{version}");
    let found = match describe(session, function, &version.to_string()) {
        Ok(found) => found,
        Err(Undescribed::Failed(failure)) => return Err(failure),
        Err(Undescribed::Unknown(problem)) => {
            return Err(Failure::FunctionUndescribed { function: name, problem });
        }
    };
    let problem = match found.covers(None, &requirements(&desired.api, authorizer)) {
        Ok(()) if found.is_pinned() => return Ok(()),
        Ok(()) => "it is not pinned".to_owned(),
        Err(difference) => difference.to_string(),
    };
    Err(Failure::FunctionOutdated { function: name, problem })
}

/// Returns whether a step makes other requests reach the authorizers.
pub(super) fn deploys(step: &Step) -> bool {
    match step {
        Step::CreateStage { .. } | Step::UpdateCanary { .. } => true,
        Step::UpdateStage { changes_deployment, .. } => *changes_deployment,
        _ => false,
    }
}

/// Returns the requirement of each route of an authorizer, by method and path.
fn requirements(api: &Api, name: &str) -> BTreeMap<String, Requirement> {
    let requirement = |route: &compiler::api::Route| match &route.security {
        Security::Jwt { authorizer, requirement, .. } if authorizer == name => {
            Some((route.to_string(), requirement.clone()))
        }
        _ => None,
    };
    api.routes.iter().filter_map(requirement).collect()
}

/// The reason there is no description.
enum Undescribed {
    /// The call failed.
    Failed(Failure),
    /// The function cannot be invoked, or does not describe itself.
    Unknown(String),
}

fn describe(session: &Session, function: &str, version: &str) -> Result<Description, Undescribed> {
    let event: Json = serde_json::from_str(REQUEST).unwrap_or_default();
    let response = match session.block_on(session.aws.invoke(function, version, &event)) {
        Ok(response) => response,
        Err(error)
            if matches!(
                error.kind,
                CallErrorKind::Denied | CallErrorKind::NotFound | CallErrorKind::Unsupported
            ) =>
        {
            return Err(Undescribed::Unknown(error.to_string()));
        }
        Err(error) => return Err(Undescribed::Failed(error.into())),
    };
    let unknown = || Undescribed::Unknown("it returns no description of its routes".to_owned());
    Description::read(&response).ok_or_else(unknown)
}
