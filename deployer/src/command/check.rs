//! `deployer check`: compiles and lints the configuration, offline.

use serde_json::json;

use super::{Failure, Invocation};
use crate::cli;
use crate::output::Exit;
use compiler::compile::find_newly_public;
use compiler::project;
use compiler::source::diagnostic::{Diagnostic, Severity, has_errors};
use gateway::clock;

pub(super) fn run(arguments: &cli::Check, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    let (files, output) = (&arguments.files, invocation.output);
    let mut project = project::load(
        &files.dir,
        files.stage.as_deref(),
        invocation.environment,
        clock::unix_time(),
    )?;
    let Some(api) = project.api else {
        return Err(Failure::InvalidConfiguration(project.diagnostics));
    };
    if let Some(path) = &arguments.against {
        project.diagnostics.extend(find_newly_public(&api, &project::read(path)?));
        if has_errors(&project.diagnostics) {
            return Err(Failure::InvalidConfiguration(project.diagnostics));
        }
    }
    let is_warning = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Warning;
    if arguments.deny_warnings && project.diagnostics.iter().any(is_warning) {
        return Err(Failure::InvalidConfiguration(project.diagnostics));
    }
    if !project.diagnostics.is_empty() {
        output.diagnostics(&project.diagnostics);
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let text = format!(
        "{}: valid ({} operation{}, {} authorizer{}, stage {})",
        api.name,
        api.routes.len(),
        plural(api.routes.len()),
        api.authorizers.len(),
        plural(api.authorizers.len()),
        api.stage
    );
    output.data(
        &text,
        &json!({"api": api.name, "operations": api.routes.len(), "authorizers": api.authorizers.len(), "stage": api.stage}),
    );
    Ok(Exit::Success)
}
