//! The commands, one file each, and their failures.

use authorizer::config::IssuerDocument;
use authorizer::secure_url;

use crate::cli;
use crate::cli::generated::completions;
use crate::cli::{Arguments, AwsArguments, Command, Files, Live};
use crate::output::{Exit, Format, Output};
use ::dev::issuer;
use compiler::api::routing::ApiRouter;
use compiler::api::{Api, Route};
use compiler::compile::Environment;
use compiler::project;
use compiler::source::diagnostic::has_errors;
use deployment::desired::Desired;
use deployment::observed::Observed;
use deployment::revision::Annotation;
use gateway::{clock, router};

mod adopt;
mod binary;
mod build;
mod check;
mod commit;
mod config;
mod danger;
mod deploy;
mod described;
mod dev;
mod diff;
mod discover;
mod doctor;
mod download;
mod drift;
mod explain;
mod export;
mod failure;
mod files;
mod hash;
mod history;
mod iam;
mod init;
mod keys;
mod local;
mod man;
mod pinned;
mod plan;
mod promote;
mod revoke;
mod rollback;
mod sdk;
mod session;
mod smoke;
mod stage_move;
mod status;
mod test;
mod undeploy;

pub use failure::{DownloadError, Failure, FunctionError, Origin, SmokeFailure};
use files::{
    create_directory, exists, open_to_append, read_bytes, resolve, temporary_directory, write,
    write_bytes,
};
use session::Session;

/// The context of a command, besides its own arguments.
#[derive(Clone, Copy)]
struct Invocation<'a> {
    aws: &'a AwsArguments,
    environment: Environment<'a>,
    output: Output,
}

/// Runs a command and returns its exit status.
pub fn run(arguments: &Arguments, environment: Environment<'_>, output: Output) -> Exit {
    let invocation = Invocation { aws: &arguments.aws, environment, output };
    let is_plan = matches!(arguments.command, Command::Plan(_));
    if arguments.output == Format::Markdown && !is_plan {
        let failure = Failure::InvalidOption {
            option: "--output",
            value: "markdown".to_owned(),
            expected: "human or json: only `plan` writes Markdown",
        };
        failure.report(output);
        return failure.exit();
    }
    match dispatch(&arguments.command, invocation) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.report(output);
            failure.exit()
        }
    }
}

fn dispatch(command: &Command, invocation: Invocation<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Init(arguments) => init::run(arguments, invocation),
        Command::Check(arguments) => check::run(arguments, invocation),
        Command::Config(arguments) => config::run(arguments, invocation),
        Command::Export(arguments) => export::run(arguments, invocation),
        Command::Explain(arguments) => explain::run(arguments, invocation),
        Command::Dev(arguments) => dev::run(arguments, invocation),
        Command::Test(arguments) => test::run(arguments, invocation),
        Command::Plan(arguments) => plan::run(arguments, invocation),
        Command::Deploy(arguments) => deploy::run(arguments, invocation),
        Command::Status(arguments) => status::run(arguments, invocation),
        Command::History(arguments) => history::run(arguments, invocation),
        Command::Diff(arguments) => diff::run(arguments, invocation),
        Command::Drift(arguments) => drift::run(arguments, invocation),
        Command::Promote(arguments) => promote::run(arguments, invocation),
        Command::Rollback(arguments) => rollback::run(arguments, invocation),
        Command::Revoke(arguments) => revoke::run(arguments, invocation),
        Command::Undeploy(arguments) => undeploy::run(arguments, invocation),
        Command::Discover => discover::run(invocation),
        Command::Adopt(arguments) => adopt::run(arguments, invocation),
        Command::Sdk(arguments) => sdk::run(arguments, invocation),
        Command::Iam(arguments) => iam::run(arguments, invocation),
        Command::Hash(arguments) => hash::run(arguments, invocation),
        Command::Doctor(arguments) => doctor::run(arguments, invocation),
        Command::Keys(cli::Keys::Fetch(arguments)) => keys::fetch(arguments, invocation),
        Command::Completions(arguments) => {
            let Invocation { output, .. } = invocation;
            output.document(&completions(output.program, arguments.shell));
            Ok(Exit::Success)
        }
        Command::Man(arguments) => man::run(arguments, invocation),
    }
}

impl Invocation<'_> {
    /// Compiles the project and reports its warnings.
    fn compile(&self, files: &Files) -> Result<Api, Failure> {
        let project = project::load(
            &files.dir,
            files.stage.as_deref(),
            self.environment,
            clock::unix_time(),
        )?;
        match project.api {
            Some(api) if !has_errors(&project.diagnostics) => {
                self.output.warnings(&project.diagnostics);
                Ok(api)
            }
            _ => Err(Failure::InvalidConfiguration(project.diagnostics)),
        }
    }

    /// Compiles the project without reporting its warnings, for a command that does not deploy it.
    fn compile_quietly(&self, files: &Files) -> Result<Api, Failure> {
        let project = project::load(
            &files.dir,
            files.stage.as_deref(),
            self.environment,
            clock::unix_time(),
        )?;
        project.api.ok_or(Failure::InvalidConfiguration(project.diagnostics))
    }

    /// Connects to AWS.
    fn connect(&self) -> Result<Session, Failure> {
        Session::open(self.aws, self.output)
    }

    /// Compiles the project for a stage, and reads the current state from AWS.
    fn load_and_observe(
        &self,
        live: &Live,
        revision: &cli::NewRevision,
    ) -> Result<(Session, Desired, Observed), Failure> {
        let api = self.compile(&live.files())?;
        let session = self.connect()?;
        let mut desired = session.desired(api)?;
        desired.check_access_log()?;
        let (commit, message) = (commit::commit(&live.dir), revision.message.clone());
        desired.annotation = Annotation { commit, message };
        let observed = session.observe(&desired)?;
        Ok((session, desired, observed))
    }
}

/// Returns the route of a request; the path may have a query.
fn find_route<'a>(api: &'a Api, method: &str, path: &str) -> Option<&'a Route> {
    let path = path.split('?').next().unwrap_or(path);
    router::find(&ApiRouter::new(&api.routes), api, method, path).map(|found| found.route)
}

/// Returns the issuer of a running `dev` as a trusted one, with the audiences of the configured
/// issuers. The URL must be an http URL, which is only accepted for loopback addresses.
fn local_issuer(url: &str, configured: &[IssuerDocument]) -> Result<IssuerDocument, Failure> {
    if secure_url::parse(url).is_none_or(|parsed| parsed.scheme() != "http") {
        return Err(Failure::InvalidOption {
            option: "--local-issuer",
            value: url.to_owned(),
            expected: "the http URL of a local issuer, such as http://127.0.0.1:4010",
        });
    }
    Ok(issuer::trusted_issuer(url, configured))
}
