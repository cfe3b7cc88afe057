//! `deploy --build` and `deploy --function-zip`: publishes the authorizers' functions, and points
//! their aliases at the new versions.

use std::collections::{BTreeMap, BTreeSet};

use authorizer::config::TokenSource;

use super::binary::{Binary, Fallback, binary, check_prerequisites};
use super::session::Session;
use super::{Failure, FunctionError, config};
use crate::apply::invoke::Invoke;
use crate::apply::probe::{ProbeError, probe};
use crate::cli;
use crate::package::Package;
use aws::lambda::PublishRequest;
use compiler::api::{Architecture, Arn};
use deployment::desired::Desired;
use deployment::function::{
    BuildMetadata, FunctionAlias, FunctionSettings, PublishedFunction, configuration_fingerprint,
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

/// Publishes the configuration's functions, and returns the aliases that were moved.
/// If one fails, restores those that were moved before it.
pub(super) fn run(
    session: &Session,
    desired: &Desired,
    observed: &Observed,
    arguments: &cli::Build,
    token: Option<&str>,
) -> Result<Vec<MovedAlias>, Failure> {
    let functions = functions(&session.aws.target, desired, observed)?;
    check_prerequisites(arguments)?;
    let publisher = Publisher { session, arguments, token };
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

/// Returns the functions to publish. Each must have an alias, for rollbacks.
fn functions(
    target: &AwsTarget,
    desired: &Desired,
    observed: &Observed,
) -> Result<Vec<Function>, Failure> {
    let mut functions = Vec::new();
    let mut names = BTreeSet::new();
    for (name, authorizer) in &desired.api.authorizers {
        let Some(arn) = authorizer.function_arn().filter(|_| !authorizer.is_pinned()) else {
            continue;
        };
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

/// The context in which functions are published.
struct Publisher<'a> {
    session: &'a Session,
    arguments: &'a cli::Build,
    token: Option<&'a str>,
}

impl Publisher<'_> {
    /// Publishes a version of a function, unless its alias is up to date.
    fn publish(&self, function: &Function) -> Result<Option<MovedAlias>, Failure> {
        let FunctionAlias { name, alias } = &function.aliased;
        let output = self.session.output;
        let current = self.session.block_on(self.session.aws.function_settings(name))?;
        if current.is_none() && self.arguments.function_role.is_none() {
            return Err(function_error(&function.arn, FunctionError::NoRole));
        }
        let binary = self.binary(current.as_ref())?;
        let build = BuildMetadata {
            config: function.config.clone(),
            binary: Some(binary.fingerprint.clone()),
            api: None,
        };
        if let PublishedFunction::Version { number, build: Some(current), .. } = &function.published
            && *current == build
        {
            output.note(&format!("alias {name}:{alias} is up to date (version {number})"));
            return Ok(None);
        }
        output.note(&format!(
            "publishing {name} with the configuration of authorizer `{}`",
            function.authorizer
        ));
        let settings = self.settings(current, &binary);
        let version = self.publish_version(function, &binary, &settings, &build)?.to_string();
        test_version(self.session, name, &version, &function.token, self.token)?;
        self.point_alias(&function.aliased, &version).map(Some)
    }

    /// Returns the binary, for the architecture of `--architecture` or the function's own.
    fn binary(&self, current: Option<&FunctionSettings>) -> Result<Binary, Failure> {
        let named = self.arguments.architecture.map(|one| Architecture::from(one.name()));
        let architecture = named.or_else(|| current.map(|one| one.architecture.clone()));
        let none: Option<Fallback<'_>> = None;
        binary(self.session, self.arguments, architecture.as_ref(), none)
    }

    /// Returns the settings of the version: those of the function, or those of a new one.
    fn settings(&self, current: Option<FunctionSettings>, binary: &Binary) -> FunctionSettings {
        let mut settings = current.unwrap_or_else(|| FunctionSettings {
            architecture: binary.architecture.clone(),
            // As in authorizer/Cargo.toml, for `cargo lambda deploy`.
            memory_mb: 256,
            timeout_seconds: 10,
            role: String::new(),
            environment: BTreeMap::new(),
            vpc: None,
        });
        settings.architecture = binary.architecture.clone();
        if let Some(role) = &self.arguments.function_role {
            settings.role.clone_from(role);
        }
        settings
    }

    fn publish_version(
        &self,
        function: &Function,
        binary: &Binary,
        settings: &FunctionSettings,
        build: &BuildMetadata,
    ) -> Result<u32, Failure> {
        let package = Package::new(&binary.bytes, &format!("{}\n", function.text));
        let package = package
            .map_err(|problem| Failure::Package { origin: binary.origin.clone(), problem })?;
        let request = PublishRequest {
            name: &function.aliased.name,
            zip: &package.bytes,
            code_sha256: &package.code_sha256,
            settings,
            description: &build.to_string(),
            // The function may be another program's.
            tags: &BTreeMap::new(),
        };
        Ok(self.session.block_on(self.session.aws.publish_function(&request))?)
    }

    fn point_alias(&self, function: &FunctionAlias, version: &str) -> Result<MovedAlias, Failure> {
        let session = self.session;
        let from = session.block_on(session.aws.alias_version(function))?;
        session.block_on(session.aws.point_alias(function, version))?;
        let FunctionAlias { name, alias } = function;
        session.output.note(&format!("alias {name}:{alias} → version {version}"));
        Ok(MovedAlias { function: function.clone(), from })
    }
}

/// Probes a version of a function before API Gateway invokes it.
pub(super) fn test_version(
    session: &Session,
    function: &str,
    version: &str,
    source: &TokenSource,
    token: Option<&str>,
) -> Result<(), Failure> {
    let transport = Invoke { aws: &session.aws, name: function, version, source };
    match session.block_on(probe(&session.aws, &transport, token)) {
        Ok(()) => Ok(()),
        Err(ProbeError::Call(error)) => Err(error.into()),
        Err(ProbeError::Problem { problem, .. }) => Err(Failure::FunctionTest {
            function: function.to_owned(),
            version: version.to_owned(),
            problem,
        }),
    }
}
