//! Publishes the versions of functions that a plan pins, before the steps that need their numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::binary::{Binary, binary, check_prerequisites, of_version};
use super::build::test_version;
use super::described::{check_version, deploys};
use super::session::Session;
use super::{Failure, Invocation, config};
use crate::cli;
use crate::package::Package;
use aws::lambda::PublishRequest;
use compiler::api::{Architecture, AuthorizerFunction};
use deployment::desired::Desired;
use deployment::function::{DesiredVersion, ObservedFunction, ObservedVersion, Publication};
use deployment::observed::Observed;
use deployment::plan::{Plan, Step};
use deployment::record::Record;

/// The binaries to publish, by function.
pub(super) type Binaries = BTreeMap<String, Binary>;

/// Compiles the project for a stage, and reads the current state from AWS and the binaries to publish.
/// The desired state has the published versions.
pub(super) fn load(
    invocation: Invocation<'_>,
    live: &cli::Live,
    revision: &cli::NewRevision,
    arguments: &cli::Build,
) -> Result<(Session, Desired, Observed, Binaries), Failure> {
    let (session, desired, observed) = invocation.load_and_observe(live, revision)?;
    let (desired, binaries) = prepare(&session, desired, &observed, Some(arguments))?;
    Ok((session, desired, observed, binaries))
}

/// Reads the binaries to publish; without `arguments`, each function retains its binary. The desired
/// state has the published versions.
pub(super) fn prepare(
    session: &Session,
    desired: Desired,
    observed: &Observed,
    arguments: Option<&cli::Build>,
) -> Result<(Desired, Binaries), Failure> {
    check_managed(&desired, observed)?;
    let binaries = match arguments {
        Some(arguments) => binaries(session, arguments, &desired)?,
        None => Binaries::new(),
    };
    Ok((pin(desired, observed, &binaries)?, binaries))
}

/// Returns the desired state with the published versions of its functions, and with the binaries to
/// publish.
pub(super) fn pin(
    desired: Desired,
    observed: &Observed,
    binaries: &Binaries,
) -> Result<Desired, Failure> {
    let api = observed.api.as_ref();
    let live = api.and_then(|api| api.live_record(&desired.api.stage));
    let binaries = binaries.iter();
    let fingerprints: BTreeMap<String, String> =
        binaries.map(|(name, binary)| (name.clone(), binary.fingerprint.clone())).collect();
    Ok(desired.pinned(&observed.pinned, live, &fingerprints)?)
}

/// Checks that no pinned function is another program's: its code would be replaced.
fn check_managed(desired: &Desired, observed: &Observed) -> Result<(), Failure> {
    for version in desired.versions.values() {
        let function = observed.pinned.get(&version.function).and_then(Option::as_ref);
        if function.is_some_and(|function| !function.is_managed()) {
            return Err(Failure::FunctionNotManaged(version.function.clone()));
        }
    }
    Ok(())
}

/// Checks that no option is for functions of `function_arn` only, if all functions are pinned.
fn check_options(arguments: &cli::Build, desired: &Desired) -> Result<(), Failure> {
    let authorizers = desired.api.authorizers.values();
    if authorizers.filter(|one| one.function_arn().is_some()).any(|one| !one.is_pinned()) {
        return Ok(());
    }
    let architecture = arguments.architecture.map(cli::Architecture::name);
    let options = [
        ("--architecture", architecture, "`architecture` in [authorizer.NAME.function] instead"),
        (
            "--function-role",
            arguments.function_role.as_deref(),
            "`role_arn` in [authorizer.NAME.function] instead",
        ),
    ];
    for (option, value, expected) in options {
        if let Some(value) = value {
            return Err(Failure::InvalidOption { option, value: value.to_owned(), expected });
        }
    }
    Ok(())
}

/// Returns the binaries of the options or of the release, for the pinned functions. A function without
/// one keeps its binary.
fn binaries(
    session: &Session,
    arguments: &cli::Build,
    desired: &Desired,
) -> Result<Binaries, Failure> {
    let mut binaries = Binaries::new();
    if desired.versions.is_empty() {
        return Ok(binaries);
    }
    check_prerequisites(arguments)?;
    check_options(arguments, desired)?;
    let mut by_architecture: BTreeMap<Architecture, Option<Binary>> = BTreeMap::new();
    for version in desired.versions.values() {
        let architecture = &version.settings.architecture;
        if !by_architecture.contains_key(architecture) {
            let found = match binary(session, arguments, Some(architecture), None) {
                Ok(found) => Some(found),
                Err(Failure::NoBinary(_)) => None,
                Err(failure) => return Err(failure),
            };
            by_architecture.insert(architecture.clone(), found);
        }
        if let Some(Some(found)) = by_architecture.get(architecture) {
            binaries.insert(version.function.clone(), found.clone());
        }
    }
    Ok(binaries)
}

/// Publishes the versions of a plan, after the roles that they need, and adds both to the observed
/// state. Returns the number of steps that were done.
pub(super) fn publish(
    session: &Session,
    desired: &Desired,
    observed: &mut Observed,
    plan: &Plan,
    binaries: &Binaries,
    token: Option<&str>,
) -> Result<usize, Failure> {
    for publication in plan.publications() {
        if publication.base.is_none() && !binaries.contains_key(&publication.function) {
            let version = desired.versions.get(&publication.authorizer);
            let version = version.ok_or(Failure::NoAuthorizer)?;
            return Err(Failure::NoBinary(version.settings.architecture.clone()));
        }
    }
    let steps = plan
        .steps
        .iter()
        .take_while(|step| matches!(step, Step::PutRole { .. } | Step::PublishVersion(_)));
    let mut done = 0;
    for step in steps {
        done += 1;
        session.output.note(&format!("[{done}/{}] {}", plan.steps.len(), step.description()));
        match step {
            Step::PutRole { name, role, .. } => {
                session.block_on(session.aws.put_role(name, role))?;
                observed.roles.insert(name.clone(), role.clone());
            }
            Step::PublishVersion(publication) => {
                let known = versions(observed, &publication.function);
                let version =
                    publish_version(session, desired, publication, binaries, &known, token)?;
                add(observed, publication, version);
            }
            _ => {}
        }
    }
    Ok(done)
}

/// Returns the numbers of the published versions of a function.
fn versions(observed: &Observed, function: &str) -> BTreeSet<u32> {
    let found = observed.pinned.get(function).and_then(Option::as_ref);
    found.into_iter().flat_map(|one| &one.versions).map(|version| version.number).collect()
}

/// Tests the versions to which a plan moves the stage, except those that were just `published`: the run
/// that published one may have been interrupted before its test.
pub(super) fn test_reused(
    session: &Session,
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
    published: &BTreeSet<String>,
    token: Option<&str>,
) -> Result<(), Failure> {
    if !plan.steps.iter().any(deploys) {
        return Ok(());
    }
    let api = observed.api.as_ref();
    let live = api.and_then(|api| api.live_record(&desired.api.stage));
    let live = live.map(Record::functions).unwrap_or_default();
    for (name, declared) in &desired.api.authorizers {
        let Some(AuthorizerFunction::Pinned(function)) = &declared.function else { continue };
        let arn = declared.function_arn();
        let version = arn.and_then(|arn| arn.qualifier()?.parse::<u32>().ok());
        let (Some(arn), Some(version)) = (arn, version) else { continue };
        let serves = live.values().any(|one| *one == Some(arn.as_str()));
        if serves || published.contains(name) {
            continue;
        }
        test_version(session, &function.name, &version.to_string(), &declared.token, token)?;
        check_version(session, desired, name, &function.name, version)?;
    }
    Ok(())
}

fn publish_version(
    session: &Session,
    desired: &Desired,
    publication: &Publication,
    binaries: &Binaries,
    known: &BTreeSet<u32>,
    token: Option<&str>,
) -> Result<ObservedVersion, Failure> {
    let Publication { authorizer, function, .. } = publication;
    let missing = || Failure::NoAuthorizer;
    let version = desired.versions.get(authorizer).ok_or_else(missing)?;
    let declared = desired.api.authorizers.get(authorizer).ok_or_else(missing)?;
    let document = desired.api.authorizer_document(authorizer).ok_or_else(missing)?;
    let binary = match binaries.get(function) {
        Some(binary) => binary.clone(),
        None => live_binary(session, publication, version)?,
    };
    let mut build = publication.build.clone();
    build.binary = Some(binary.fingerprint);
    let package = Package::new(&binary.bytes, &config::text(&document)?)
        .map_err(|problem| Failure::Package { origin: binary.origin, problem })?;
    let request = PublishRequest {
        name: function,
        zip: &package.bytes,
        code_sha256: &package.code_sha256,
        settings: &version.settings,
        description: &build.to_string(),
        tags: &desired.tags,
    };
    let number = session.block_on(session.aws.publish_function(&request))?;
    session.output.note(&format!("  version {number} of {function}"));
    let tested = test_version(session, function, &number.to_string(), &declared.token, token)
        .and_then(|()| check_version(session, desired, authorizer, function, number));
    if let Err(failure) = tested {
        // Another run would use it again. If it is not deleted, that run tests it.
        let is_refused = matches!(
            failure,
            Failure::FunctionTest { .. }
                | Failure::FunctionOutdated { .. }
                | Failure::FunctionUndescribed { .. }
        );
        if is_refused
            && !known.contains(&number)
            && let Err(error) = session.block_on(session.aws.delete_version(function, number))
        {
            session.output.note(&format!("note: {error}"));
        }
        return Err(failure);
    }
    let settings = version.settings.clone();
    Ok(ObservedVersion { number, build: Some(build), code_sha256: package.code_sha256, settings })
}

/// Returns the binary of the version that the stage serves.
fn live_binary(
    session: &Session,
    publication: &Publication,
    version: &DesiredVersion,
) -> Result<Binary, Failure> {
    let architecture = &version.settings.architecture;
    let Some(base) = publication.base else {
        return Err(Failure::NoBinary(architecture.clone()));
    };
    let binary = of_version(session, &publication.function, &base.to_string())?;
    if binary.architecture != *architecture {
        let (expected, found) = (architecture.clone(), binary.architecture);
        return Err(Failure::OtherArchitecture { origin: binary.origin, expected, found });
    }
    match &version.binary {
        Some(expected) if *expected != binary.fingerprint => Err(Failure::OtherBinary {
            origin: binary.origin,
            function: publication.function.clone(),
        }),
        _ => Ok(binary),
    }
}

fn add(observed: &mut Observed, publication: &Publication, version: ObservedVersion) {
    let entry = observed.pinned.entry(publication.function.clone()).or_default();
    let function = entry.get_or_insert_with(ObservedFunction::default);
    function.versions.retain(|known| known.number != version.number);
    function.versions.push(version);
    function.versions.sort_by_key(|version| version.number);
}
