//! `deploy --build`: the authorizers' functions, built and deployed by `cargo lambda`, each to a
//! new version, and their aliases led there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::config;
use super::session::Session;
use super::{Failure, local, read_bytes, write};
use crate::apply::NO_TOKEN;
use crate::cli;
use crate::output::Output;
use compiler::fingerprint::fingerprint_of;
use deployment::desired::Desired;
use deployment::function::{Build, FunctionAlias, PublishedFunction, configuration};
use deployment::observed::{AwsTarget, Observed};

/// A function to publish.
struct Function {
    authorizer: String,
    arn: String,
    aliased: FunctionAlias,
    config: String,
    text: String,
    published: PublishedFunction,
}

/// An alias that was moved.
pub(super) struct Moved {
    function: FunctionAlias,
    from: Option<String>,
}

/// What `cargo lambda deploy` says of it.
#[derive(Deserialize)]
struct Deployed {
    version: String,
}

impl Deployed {
    /// Finds it behind the lines that say how far it is.
    fn read(told: &[u8]) -> Option<Self> {
        let start = told.iter().position(|byte| *byte == b'{')?;
        serde_json::from_slice(told.get(start..)?).ok()
    }
}

/// Builds and publishes what the files name, and says which aliases were moved. If one fails,
/// those that were moved before it are led back.
pub(super) fn run(
    session: &Session,
    desired: &Desired,
    observed: &Observed,
    arguments: &cli::Build,
    token: Option<&str>,
    output: Output,
) -> Result<Vec<Moved>, Failure> {
    let functions = functions(session, desired, observed)?;
    let source = arguments.build.clone().flatten().unwrap_or_else(|| PathBuf::from("."));
    let source = source.canonicalize().unwrap_or(source);
    ready(&source)?;
    let mut moved = Vec::new();
    for function in functions {
        match publish(session, &function, &source, arguments, token, output) {
            Ok(one) => moved.extend(one),
            Err(failure) => {
                back(session, &moved, output);
                return Err(failure);
            }
        }
    }
    Ok(moved)
}

/// Leads aliases back to where they led.
pub(super) fn back(session: &Session, moved: &[Moved], output: Output) {
    for Moved { function, from } in moved {
        let FunctionAlias { name, alias } = function;
        let Some(from) = from else {
            output.note(&format!("note: {name}:{alias} is new, and stays"));
            continue;
        };
        match session.wait(session.aws.point_alias(function, from)) {
            Ok(()) => output.note(&format!("{name}:{alias} leads to version {from} again")),
            Err(error) => output
                .note(&format!("{error}: lead {name}:{alias} back to version {from} yourself")),
        }
    }
}

/// Says which functions are to be built; nothing may be wrong with any of them.
fn functions(
    session: &Session,
    desired: &Desired,
    observed: &Observed,
) -> Result<Vec<Function>, Failure> {
    let mut functions = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, authorizer) in &desired.api.authorizers {
        let Some(arn) = &authorizer.function else { continue };
        let refused = |why: &str| Failure::Build(format!("{} {why}", arn.as_str()));
        let Some(aliased) = FunctionAlias::of(arn) else {
            return Err(refused("names no alias, which could be led to a new version and back"));
        };
        let place = &session.aws.place;
        if arn.account() != place.account || arn.region() != place.region {
            return Err(refused("is in another account or Region than this deploys to"));
        }
        if !seen.insert(aliased.name.clone()) {
            return Err(refused("serves two authorizers, and a function has one configuration"));
        }
        let Some(document) = desired.api.authorizer_document(name) else { continue };
        let published = observed.functions.get(arn.as_str()).cloned();
        functions.push(Function {
            authorizer: name.clone(),
            arn: arn.as_str().to_owned(),
            aliased,
            config: configuration(&document),
            text: config::text(&document)?,
            published: published.unwrap_or(PublishedFunction::Nothing),
        });
    }
    Ok(functions)
}

fn publish(
    session: &Session,
    function: &Function,
    source: &Path,
    arguments: &cli::Build,
    token: Option<&str>,
    output: Output,
) -> Result<Option<Moved>, Failure> {
    let FunctionAlias { name, alias } = &function.aliased;
    let known = match &function.published {
        PublishedFunction::Version { architecture, .. } => Some(architecture.clone()),
        // The function may be there without the alias.
        PublishedFunction::Nothing => {
            let bare = function.arn.strip_suffix(&format!(":{alias}")).unwrap_or(&function.arn);
            match session.wait(session.aws.published(bare))? {
                PublishedFunction::Version { architecture, .. } => Some(architecture),
                PublishedFunction::Nothing => None,
            }
        }
    };
    if known.is_none() && arguments.function_role.is_none() {
        return Err(Failure::Build(format!(
            "there is no function {name} yet, and --function-role does not say what it runs as"
        )));
    }
    let wanted = arguments.architecture.map(|one| one.name().to_owned());
    let architecture = wanted.or(known).unwrap_or_else(|| "arm64".to_owned());
    let folder = local::folder()?;
    let lambda = folder.path().join("lambda");
    output.note(&format!("building {name} for {architecture}"));
    // There, because Cargo reads its configuration from where it is run.
    let mut build = cargo_lambda("build", source, source, &lambda);
    build.args(["--locked", "--profile", "lambda", "--package", "authorizer"]);
    build.args(["--target", target(&architecture, output)]);
    ended(&mut build, "cargo lambda build")?;
    let binary = fingerprint_of(&read_bytes(&lambda.join("bootstrap/bootstrap"))?);
    let build = Build { config: function.config.clone(), binary: Some(binary) };
    if let PublishedFunction::Version { number, build: Some(is), .. } = &function.published
        && *is == build
    {
        output.note(&format!("{name}:{alias} is that already, version {number}"));
        return Ok(None);
    }
    write(&function.text, Some(&folder.path().join("authorizer.json")), output)?;
    output.note(&format!("deploying {name} with the rules of {}", function.authorizer));
    // Here, because what is included is packed by the path that is given.
    let mut deploy = cargo_lambda("deploy", source, folder.path(), &lambda);
    deploy.args(["--binary-name", "bootstrap", "--include", "authorizer.json"]);
    deploy.args(["--output-format", "json", "--description", &build.to_string()]);
    if let Some(role) = &arguments.function_role {
        deploy.args(["--role", role]);
    }
    if let Some(url) = &session.aws.endpoint {
        deploy.args(["--endpoint-url", url]);
    }
    // The keys may be a profile's or a role's: nothing of other ones may be left beside them.
    deploy.env_remove("AWS_SESSION_TOKEN").env_remove("AWS_PROFILE");
    deploy.arg(name).envs(session.wait(session.aws.environment())?);
    let told = ended(&mut deploy, "cargo lambda deploy")?;
    let deployed = Deployed::read(&told).ok_or_else(|| {
        Failure::Build("cargo lambda deploy does not say which version it made".to_owned())
    })?;
    ask(session, name, &deployed.version, token)?;
    let from = session.wait(session.aws.aliased(&function.aliased))?;
    session.wait(session.aws.point_alias(&function.aliased, &deployed.version))?;
    output.note(&format!("{name}:{alias} leads to version {}", deployed.version));
    Ok(Some(Moved { function: function.aliased.clone(), from }))
}

/// Asks a version before anything leads to it: what is no token must be refused, and the given
/// one let in.
fn ask(session: &Session, name: &str, version: &str, token: Option<&str>) -> Result<(), Failure> {
    let AwsTarget { account, partition, region } = &session.aws.place;
    let asked = |token: &str| {
        let event = json!({
            "type": "TOKEN",
            "methodArn": format!("arn:{partition}:execute-api:{region}:{account}:asking/asking/GET/"),
            "authorizationToken": format!("Bearer {token}"),
        });
        session.wait(session.aws.invoke(name, version, &event))
    };
    let wrong = |what: &str, answer: &Json| {
        let said = answer.get("errorMessage").and_then(Json::as_str).unwrap_or("no error");
        Failure::Build(format!(
            "version {version} of {name} {what} ({said}), and nothing was led to it"
        ))
    };
    let answer = asked(NO_TOKEN)?;
    if answer.get("errorMessage").and_then(Json::as_str) != Some("Unauthorized") {
        return Err(wrong("did not refuse what is no token", &answer));
    }
    let Some(token) = token else { return Ok(()) };
    let answer = asked(token)?;
    if answer.get("policyDocument").is_none() {
        return Err(wrong("did not let the given token in", &answer));
    }
    Ok(())
}

/// A static binary starts soonest. Where Rust has no standard library for one, and `rustup` cannot
/// get it, it is linked with that of Lambda's system.
fn target(architecture: &str, output: Output) -> &'static str {
    let (fixed, linked) = if architecture == "arm64" {
        ("aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu")
    } else {
        ("x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu")
    };
    let added = Command::new("rustup").args(["target", "add", fixed]).output();
    if added.is_ok_and(|ended| ended.status.success()) {
        return fixed;
    }
    output.note(&format!("note: `rustup target add {fixed}` does not work here: using {linked}"));
    linked
}

/// A command of `cargo lambda` about the sources in a folder, run in that one or another.
fn cargo_lambda(command: &str, source: &Path, folder: &Path, lambda: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["lambda", command, "--manifest-path"]).arg(source.join("Cargo.toml"));
    cargo.arg("--lambda-dir").arg(lambda).current_dir(folder);
    cargo
}

/// Runs a program and returns what it wrote to stdout.
fn ended(command: &mut Command, what: &str) -> Result<Vec<u8>, Failure> {
    let ended = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let ended = ended.map_err(|error| Failure::Build(format!("{what} does not start: {error}")))?;
    if ended.status.success() {
        Ok(ended.stdout)
    } else {
        Err(Failure::Build(format!("{what} ended with {}", ended.status)))
    }
}

/// Says what is missing before anything is done.
fn ready(source: &Path) -> Result<(), Failure> {
    if !source.join("authorizer/Cargo.toml").exists() {
        return Err(Failure::NoSource(source.to_owned()));
    }
    let version = Command::new("cargo").args(["lambda", "--version"]).output();
    if version.is_ok_and(|ended| ended.status.success()) {
        Ok(())
    } else {
        Err(Failure::NoCargoLambda)
    }
}
