//! `deployer undeploy`: deletes a stage, or the API with everything that was created for it.
//! Idempotent.

use std::collections::BTreeSet;

use serde_json::json;

use super::session::Session;
use super::{Failure, Invocation, danger};
use crate::cli::{self, Files};
use crate::output::Exit;
use aws::CallErrorKind;
use aws::apigateway::Dependent;
use compiler::api::Arn;
use deployment::desired::Desired;
use deployment::function::{ObservedVersion, api_fingerprint};
use deployment::invoke_role::{Ownership, Role};
use deployment::observed::{ObservedApi, TAG_API, names_api};
use deployment::plan::unclear_note;
use deployment::target::function_arn;

pub(super) fn run(arguments: &cli::Undeploy, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let files = Files { dir: arguments.dir.clone(), stage: arguments.stage.clone() };
    let api = invocation.compile_quietly(&files)?;
    if api.deployment_settings.protect {
        return Err(Failure::Protected(api.name));
    }
    let session = invocation.connect()?;
    let desired = session.desired(api)?;
    let deleted = match &arguments.stage {
        Some(stage) => delete_stage(&session, &desired, stage, arguments.yes)?,
        None => delete_api(&session, &desired, arguments.yes)?,
    };
    let text = match deleted.as_slice() {
        [] => "nothing to delete".to_owned(),
        deleted => format!("deleted {}", deleted.join(", ")),
    };
    invocation.output.data(&text, &json!({"api": desired.api.name, "deleted": deleted}));
    Ok(Exit::Success)
}

/// Prompts the user to confirm by typing the name of the resource.
fn confirm(resource: &str, name: &str, yes: bool, session: &Session) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let prompt = format!("\nDelete {resource}? Type `{name}` to confirm:");
    danger::confirm(session.output, &prompt, name, format!("delete {resource}"))
}

fn delete_stage(
    session: &Session,
    desired: &Desired,
    stage: &str,
    yes: bool,
) -> Result<Vec<String>, Failure> {
    let name = &desired.api.name;
    let Some(listed) = session.find_api(name)? else { return Ok(Vec::new()) };
    let api = session.block_on(session.aws.observe_api(listed, stage))?;
    let mut deleted = Vec::new();
    if api.stages.contains_key(stage) {
        let others: Vec<&str> =
            api.stages.keys().filter(|other| *other != stage).map(String::as_str).collect();
        session.output.note(&format!("will delete stage {stage} of API {name} ({})", api.id));
        session.output.note(&format!("  remaining stages: {}", list_or_none(&others)));
        check_dependents(session, &api.id, &[stage], false)?;
        confirm(&format!("stage {stage} of API {name}"), stage, yes, session)?;
    }
    if let Some(plan) = &api.usage_plan {
        session.block_on(session.aws.delete_usage_plan(&plan.id, &api.id, stage))?;
        deleted.push(format!("usage plan of stage {stage}"));
    }
    if api.stages.contains_key(stage) {
        session.block_on(session.aws.delete_stage(&api.id, stage))?;
        deleted.push(format!("stage {stage}"));
    }
    Ok(deleted)
}

fn delete_api(session: &Session, desired: &Desired, yes: bool) -> Result<Vec<String>, Failure> {
    let (aws, name) = (&session.aws, &desired.api.name);
    let mut deleted = Vec::new();
    let owner = desired.role_owner();
    let settings = &desired.api.deployment_settings.invoke_role;
    let mut names = session.block_on(aws.role_names(owner, settings))?;
    let api = match session.find_api(name)? {
        Some(listed) => Some(session.block_on(aws.observe_api(listed, &desired.api.stage))?),
        None => None,
    };
    names.extend(api.iter().flat_map(|api| api.role_names(owner)));
    let found = session.block_on(aws.invoke_roles(owner, &names))?;
    let is_own = |(name, role): &(&String, &Role)| owner.ownership(name, role) == Ownership::Own;
    let OwnFunctions { found: functions, deleted_roles } =
        own_functions(session, desired, api.as_ref())?;
    let (own, unclear): (Vec<_>, Vec<_>) = found.iter().partition(is_own);
    // A version that remains needs its execution role.
    let is_deleted = |(name, role): &&(&String, &Role)| {
        !role.is_execution_role() || deleted_roles.contains(*name)
    };
    let roles: Vec<&str> = own.iter().filter(is_deleted).map(|(name, _)| name.as_str()).collect();
    for (role, _) in unclear {
        session.output.note(&format!("note: {}", unclear_note(role)));
    }
    let known = api.clone();
    if let Some(api) = api {
        let stages: Vec<&str> = api.stages.keys().map(String::as_str).collect();
        session.output.note(&format!("will delete API {name} ({}) and everything in it", api.id));
        session.output.note(&format!("  stages: {}", list_or_none(&stages)));
        check_dependents(session, &api.id, &stages, true)?;
        session.output.note(&format!("  roles: {}", list_or_none(&roles)));
        let names: Vec<String> = functions.iter().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        session.output.note(&format!("  functions: {}", list_or_none(&names)));
        confirm(&format!("API {name}"), name, yes, session)?;
        for stage in &stages {
            let of_stage = session.block_on(aws.usage_plan(&api.tags, &api.id, name, stage))?;
            if let Some(plan) = of_stage {
                session.block_on(aws.delete_usage_plan(&plan.id, &api.id, stage))?;
                deleted.push(format!("usage plan of stage {stage}"));
            }
        }
        for function in desired.functions_without_role() {
            session.block_on(aws.revoke_invoke(function.as_str(), &api.id))?;
        }
        session.block_on(aws.delete_api(&api.id))?;
        deleted.push(format!("API {name} ({})", api.id));
    } else if !roles.is_empty() || !functions.is_empty() {
        confirm(&format!("the roles and functions of API {name}"), name, yes, session)?;
    }
    // Last: the API's stages need them. Another API may have been deployed with them meanwhile.
    let still = if functions.is_empty() {
        Vec::new()
    } else {
        own_functions(session, desired, known.as_ref())?.found
    };
    for function in functions.iter().filter(|function| still.contains(function)) {
        match function {
            Own::Function(name) => session.block_on(aws.delete_function(name))?,
            Own::Version(name, number) => session.block_on(aws.delete_version(name, *number))?,
        }
        deleted.push(function.to_string());
    }
    for role in &roles {
        session.block_on(aws.delete_role(role))?;
        deleted.push(format!("role {role}"));
    }
    Ok(deleted)
}

/// A function that was made for the API, or a version that was published for it.
#[derive(PartialEq, Eq)]
enum Own {
    Function(String),
    Version(String, u32),
}

impl std::fmt::Display for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Function(name) => write!(f, "function {name}"),
            Self::Version(name, number) => write!(f, "version {number} of function {name}"),
        }
    }
}

/// The functions and versions to delete.
struct OwnFunctions {
    found: Vec<Own>,
    /// The names of the execution roles that no remaining version has.
    deleted_roles: BTreeSet<String>,
}

/// Returns the pinned functions with the API's tag, without aliases and without versions of other
/// APIs. Of any other function, only the versions that the API published and that no alias names.
fn own_functions(
    session: &Session,
    desired: &Desired,
    api: Option<&ObservedApi>,
) -> Result<OwnFunctions, Failure> {
    let name = &desired.api.name;
    let own = api_fingerprint(name);
    let owner = desired.role_owner();
    let path = owner.path(&desired.api.deployment_settings.invoke_role);
    let own_id = api.map(|api| api.id.as_str()).unwrap_or_default();
    let mut names = api.map(|api| api.pinned_functions(&desired.target)).unwrap_or_default();
    names.extend(desired.versions.values().map(|version| version.function.clone()));
    let (mut found, mut deleted_roles) = (Vec::new(), BTreeSet::new());
    if names.is_empty() {
        return Ok(OwnFunctions { found, deleted_roles });
    }
    let invoked = session.block_on(session.aws.functions_of_other_apis(own_id))?;
    for function in names {
        let role = owner.execution_role_name(&path, &function);
        let Some(observed) = session.block_on(session.aws.observe_function(&function))? else {
            deleted_roles.insert(role);
            continue;
        };
        let arn = function_arn(&desired.target, &function);
        let arn = arn.as_ref().map(Arn::as_str).unwrap_or_default();
        let published = |version: &&ObservedVersion| {
            let build = version.build.as_ref();
            build.is_some_and(|build| build.api.as_ref() == Some(&own))
        };
        let is_alone =
            observed.aliases.is_empty() && observed.versions.iter().all(|v| published(&v));
        let is_invoked = invoked.iter().any(|other| names_function(other, arn));
        let is_own = observed.tags.get(TAG_API).is_some_and(|tag| names_api(tag, name));
        if is_alone && !is_invoked && is_own {
            found.push(Own::Function(function));
            deleted_roles.insert(role);
            continue;
        }
        let aliased = |number: u32| observed.aliases.values().any(|one| one.contains(&number));
        let versions = observed.versions.iter().filter(published);
        let versions = versions.filter(|version| !aliased(version.number));
        let versions =
            versions.filter(|version| !invoked.contains(&format!("{arn}:{}", version.number)));
        let deleted: BTreeSet<u32> = versions.map(|version| version.number).collect();
        let mut remaining = observed.versions.iter().filter(|one| !deleted.contains(&one.number));
        let has_role =
            |version: &ObservedVersion| version.settings.role.rsplit('/').next() == Some(&role);
        if !remaining.any(has_role) {
            deleted_roles.insert(role);
        }
        found.extend(deleted.into_iter().map(|number| Own::Version(function.clone(), number)));
    }
    Ok(OwnFunctions { found, deleted_roles })
}

/// Returns whether an ARN names a function, or a version or alias of it.
fn names_function(arn: &str, function: &str) -> bool {
    arn.strip_prefix(function).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// Lists the resources that depend on the stages. AWS does not delete a stage that a custom domain is
/// mapped to: this is known before anything else is deleted.
fn check_dependents(
    session: &Session,
    api: &str,
    stages: &[&str],
    is_whole_api: bool,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    for stage in stages {
        match session.block_on(session.aws.dependents(api, stage)) {
            // Without the permission, or on an emulator, the dependents are unknown.
            Err(error)
                if matches!(error.kind, CallErrorKind::Denied | CallErrorKind::Unsupported) => {}
            result => found.extend(result?),
        }
    }
    let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    session.output.note(&format!("  dependent resources: {}", list_or_none(&texts)));
    let mapping = found.into_iter().find_map(|dependent| match dependent {
        Dependent::BasePathMapping { domain, path, names_stage } if names_stage || is_whole_api => {
            Some((domain, path))
        }
        _ => None,
    });
    match mapping {
        Some((domain, path)) => Err(Failure::MappedDomain { domain, path }),
        None => Ok(()),
    }
}

fn list_or_none(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
