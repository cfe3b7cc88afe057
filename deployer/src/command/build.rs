//! `deploy --build`: builds and publishes the authorizers' functions with `cargo lambda`, and points
//! their aliases at the new versions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use authorizer::config::TokenSource;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::session::Session;
use super::{Failure, FunctionError, config, local, read_bytes, write};
use crate::apply::probe::{ProbeError, ProbeResponse, Transport, probe};
use crate::cli;
use aws::{Aws, CallError};
use compiler::api::{Arn, PresentedToken};
use compiler::fingerprint::fingerprint_bytes;
use deployment::desired::Desired;
use deployment::function::{
    BuildMetadata, FunctionAlias, PublishedFunction, configuration_fingerprint,
};
use deployment::observed::{AwsTarget, Observed};

/// A function to publish.
struct Function {
    authorizer: String,
    arn: String,
    aliased: FunctionAlias,
    token: TokenSource,
    config: String,
    text: String,
    published: PublishedFunction,
}

/// An alias that was pointed at a new version.
pub(super) struct MovedAlias {
    function: FunctionAlias,
    from: Option<String>,
}

/// The report of `cargo lambda deploy`.
#[derive(Deserialize)]
struct Deployed {
    version: String,
}

impl Deployed {
    /// Reads the report, which follows the lines of progress.
    fn read(output: &[u8]) -> Option<Self> {
        let start = output.iter().position(|byte| *byte == b'{')?;
        serde_json::from_slice(output.get(start..)?).ok()
    }
}

/// Builds and publishes the configuration's functions, and returns the aliases that were moved.
/// If one fails, restores those that were moved before it.
pub(super) fn run(
    session: &Session,
    desired: &Desired,
    observed: &Observed,
    arguments: &cli::Build,
    token: Option<&str>,
) -> Result<Vec<MovedAlias>, Failure> {
    let functions = functions(&session.aws.target, desired, observed)?;
    let source = arguments.build.clone().flatten().unwrap_or_else(|| PathBuf::from("."));
    let source = source.canonicalize().unwrap_or(source);
    check_prerequisites(&source)?;
    let publisher = Publisher { session, arguments, source, token };
    let mut moved = Vec::new();
    for function in functions {
        match publisher.publish(&function) {
            Ok(one) => moved.extend(one),
            Err(failure) => {
                restore(session, &moved);
                return Err(failure);
            }
        }
    }
    Ok(moved)
}

/// Points aliases at their previous versions again.
pub(super) fn restore(session: &Session, moved: &[MovedAlias]) {
    for MovedAlias { function, from } in moved {
        let FunctionAlias { name, alias } = function;
        let text = match from {
            None => {
                format!("note: alias {name}:{alias} was created by this run and is left in place")
            }
            Some(from) => match session.block_on(session.aws.point_alias(function, from)) {
                Ok(()) => format!("alias {name}:{alias} restored to version {from}"),
                Err(error) => {
                    format!("{error}; restore alias {name}:{alias} to version {from} manually")
                }
            },
        };
        session.output.note(&text);
    }
}

/// Returns the functions to build. Each must have an alias, for rollbacks.
fn functions(
    target: &AwsTarget,
    desired: &Desired,
    observed: &Observed,
) -> Result<Vec<Function>, Failure> {
    let mut functions = Vec::new();
    let mut names = BTreeSet::new();
    for (name, authorizer) in &desired.api.authorizers {
        let Some(arn) = authorizer.function_arn() else { continue };
        let aliased = publishable(arn, target)?;
        if !names.insert(aliased.name.clone()) {
            return Err(function_error(arn.as_str(), FunctionError::Shared));
        }
        let Some(document) = desired.api.authorizer_document(name) else { continue };
        let published = observed.functions.get(arn.as_str()).cloned();
        functions.push(Function {
            authorizer: name.clone(),
            arn: arn.as_str().to_owned(),
            aliased,
            token: authorizer.token.clone(),
            config: configuration_fingerprint(&document),
            text: config::text(&document)?,
            published: published.unwrap_or(PublishedFunction::Missing),
        });
    }
    Ok(functions)
}

fn publishable(arn: &Arn, target: &AwsTarget) -> Result<FunctionAlias, Failure> {
    let aliased = FunctionAlias::of(arn)
        .ok_or_else(|| function_error(arn.as_str(), FunctionError::NoAlias))?;
    if arn.account() != target.account || arn.region() != target.region {
        let expected = format!("{}/{}", target.account, target.region);
        return Err(function_error(arn.as_str(), FunctionError::Elsewhere { expected }));
    }
    Ok(aliased)
}

fn function_error(arn: &str, problem: FunctionError) -> Failure {
    Failure::Function { arn: arn.to_owned(), problem }
}

/// The context in which functions are built and published.
struct Publisher<'a> {
    session: &'a Session,
    arguments: &'a cli::Build,
    source: PathBuf,
    token: Option<&'a str>,
}

impl Publisher<'_> {
    /// Builds a function and publishes a version of it, unless its alias is up to date.
    fn publish(&self, function: &Function) -> Result<Option<MovedAlias>, Failure> {
        let FunctionAlias { name, alias } = &function.aliased;
        let output = self.session.output;
        let architecture = self.architecture(function)?;
        let folder = local::folder()?;
        output.note(&format!("building {name} for {architecture}"));
        let binary = self.build(folder.path(), &architecture)?;
        let build =
            BuildMetadata { config: function.config.clone(), binary: Some(binary), api: None };
        if let PublishedFunction::Version { number, build: Some(current), .. } = &function.published
            && *current == build
        {
            output.note(&format!("alias {name}:{alias} is up to date (version {number})"));
            return Ok(None);
        }
        output.note(&format!(
            "deploying {name} with the configuration of authorizer `{}`",
            function.authorizer
        ));
        let version = self.deploy(function, folder.path(), &build)?;
        self.test(function, &version)?;
        self.point_alias(&function.aliased, &version).map(Some)
    }

    /// Returns the architecture of `--architecture`, or the function's own.
    fn architecture(&self, function: &Function) -> Result<String, Failure> {
        let known = match &function.published {
            PublishedFunction::Version { architecture, .. } => Some(architecture.clone()),
            // The function may exist without the alias.
            PublishedFunction::Missing => {
                let suffix = format!(":{}", function.aliased.alias);
                let bare = function.arn.strip_suffix(&suffix).unwrap_or(&function.arn);
                match self.session.block_on(self.session.aws.published_function(bare))? {
                    PublishedFunction::Version { architecture, .. } => Some(architecture),
                    PublishedFunction::Missing => None,
                }
            }
        };
        if known.is_none() && self.arguments.function_role.is_none() {
            return Err(function_error(&function.arn, FunctionError::NoRole));
        }
        let named = self.arguments.architecture.map(|one| one.name().to_owned());
        Ok(named.or(known).unwrap_or_else(|| "arm64".to_owned()))
    }

    /// Builds the function and returns its fingerprint.
    fn build(&self, folder: &Path, architecture: &str) -> Result<String, Failure> {
        // Cargo reads its configuration from the current directory.
        let mut build = self.cargo_lambda("build", folder, &self.source);
        build.args(["--locked", "--profile", "lambda", "--package", "authorizer"]);
        build.args(["--target", self.target(architecture)]);
        output_of(&mut build, "cargo lambda build")?;
        Ok(fingerprint_bytes(&read_bytes(&lambda_dir(folder).join("bootstrap/bootstrap"))?))
    }

    /// Deploys the built function and returns its new version.
    fn deploy(
        &self,
        function: &Function,
        folder: &Path,
        build: &BuildMetadata,
    ) -> Result<String, Failure> {
        let session = self.session;
        write(&function.text, Some(&folder.join("authorizer.json")), session.output)?;
        // `--include` packs a file under the path that is passed.
        let mut deploy = self.cargo_lambda("deploy", folder, folder);
        deploy.args(["--binary-name", "bootstrap", "--include", "authorizer.json"]);
        deploy.args(["--output-format", "json", "--description", &build.to_string()]);
        if let Some(role) = &self.arguments.function_role {
            deploy.args(["--role", role]);
        }
        if let Some(url) = &session.aws.endpoint {
            deploy.args(["--endpoint-url", url]);
        }
        // The keys may be a profile's or a role's: other credentials must not be mixed with them.
        deploy.env_remove("AWS_SESSION_TOKEN").env_remove("AWS_PROFILE");
        let variables = session.block_on(session.aws.environment())?;
        deploy.arg(&function.aliased.name).envs(variables);
        let report = output_of(&mut deploy, "cargo lambda deploy")?;
        Ok(Deployed::read(&report).ok_or(Failure::NoFunctionVersion)?.version)
    }

    /// Probes a version before its alias is pointed at it.
    fn test(&self, function: &Function, version: &str) -> Result<(), Failure> {
        let (aws, name) = (&self.session.aws, &function.aliased.name);
        let transport = Invoke { aws, name, version, source: &function.token };
        match self.session.block_on(probe(aws, &transport, self.token)) {
            Ok(()) => Ok(()),
            Err(ProbeError::Call(error)) => Err(error.into()),
            Err(ProbeError::Problem { problem, .. }) => Err(Failure::FunctionTest {
                function: name.clone(),
                version: version.to_owned(),
                problem,
            }),
        }
    }

    fn point_alias(&self, function: &FunctionAlias, version: &str) -> Result<MovedAlias, Failure> {
        let session = self.session;
        let from = session.block_on(session.aws.alias_version(function))?;
        session.block_on(session.aws.point_alias(function, version))?;
        let FunctionAlias { name, alias } = function;
        session.output.note(&format!("alias {name}:{alias} → version {version}"));
        Ok(MovedAlias { function: function.clone(), from })
    }

    /// Returns a command of `cargo lambda` about the sources, run in a folder.
    fn cargo_lambda(&self, command: &str, folder: &Path, current: &Path) -> Command {
        let mut cargo = Command::new("cargo");
        let manifest = self.source.join("Cargo.toml");
        cargo.args(["lambda", command, "--manifest-path"]).arg(manifest);
        cargo.arg("--lambda-dir").arg(lambda_dir(folder)).current_dir(current);
        cargo
    }

    /// Returns the target. A static binary starts fastest; without that target and `rustup`, the
    /// binary is linked with Lambda's C library.
    fn target(&self, architecture: &str) -> &'static str {
        let (fixed, linked) = if architecture == "arm64" {
            ("aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu")
        } else {
            ("x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu")
        };
        let added = Command::new("rustup").args(["target", "add", fixed]).output();
        if added.is_ok_and(|output| output.status.success()) {
            return fixed;
        }
        let note = format!("note: `rustup target add {fixed}` failed; using {linked}");
        self.session.output.note(&note);
        linked
    }
}

/// Lambda's `Invoke`, of one version.
struct Invoke<'a> {
    aws: &'a Aws,
    name: &'a str,
    version: &'a str,
    source: &'a TokenSource,
}

impl Transport for Invoke<'_> {
    fn attempts(&self) -> u32 {
        3
    }

    async fn send(&self, token: &str) -> Result<ProbeResponse, CallError> {
        let AwsTarget { account, partition, region } = &self.aws.target;
        let arn = format!("arn:{partition}:execute-api:{region}:{account}:probe/probe/GET/");
        let event = event(&arn, self.source, token);
        Ok(ProbeResponse::of_invoke(&self.aws.invoke(self.name, self.version, &event).await?))
    }
}

/// Returns an event with a token at its location.
fn event(arn: &str, source: &TokenSource, token: &str) -> Json {
    match (source, PresentedToken::new(source, token)) {
        (TokenSource::Header { .. }, PresentedToken::Header { value, .. }) => {
            json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": value})
        }
        (_, PresentedToken::Header { name, value }) => {
            json!({"type": "REQUEST", "methodArn": arn, "headers": {name: value}})
        }
        (_, PresentedToken::Query { name, value }) => {
            json!({"type": "REQUEST", "methodArn": arn, "queryStringParameters": {name: value}})
        }
    }
}

fn lambda_dir(folder: &Path) -> PathBuf {
    folder.join("lambda")
}

/// Runs a program and returns its stdout.
fn output_of(command: &mut Command, program: &'static str) -> Result<Vec<u8>, Failure> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|cause| Failure::ProgramNotStarted { program, cause })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Failure::ProgramFailed { program, status: output.status })
    }
}

/// Checks that the sources and `cargo lambda` exist.
fn check_prerequisites(source: &Path) -> Result<(), Failure> {
    if !source.join("authorizer/Cargo.toml").exists() {
        return Err(Failure::NoSource(source.to_owned()));
    }
    let version = Command::new("cargo").args(["lambda", "--version"]).output();
    if version.is_ok_and(|output| output.status.success()) {
        Ok(())
    } else {
        Err(Failure::NoCargoLambda)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::event;

    #[test]
    fn a_probe_has_the_token_at_its_location() {
        for (source, kind, member, value) in [
            (json!({"header": "X"}), "TOKEN", "/authorizationToken", "Bearer x"),
            (json!({"header": "X", "scheme": "none"}), "TOKEN", "/authorizationToken", "x"),
            (json!({"cookie": "s"}), "REQUEST", "/headers/Cookie", "s=x"),
            (json!({"query": "t"}), "REQUEST", "/queryStringParameters/t", "x"),
        ] {
            let event = event("arn", &serde_json::from_value(source).unwrap(), "x");
            assert_eq!((&event["type"], &event["methodArn"]), (&json!(kind), &json!("arn")));
            assert_eq!(event.pointer(member), Some(&json!(value)), "{event}");
        }
    }
}
