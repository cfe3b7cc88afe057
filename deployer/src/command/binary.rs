//! The binary of the authorizers' functions: from a zip file, from the sources, from the release, or
//! from a version that was published before.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::download::download;
use super::session::Session;
use super::{Failure, Origin, local, read_bytes};
use crate::cli;
use crate::package::{architecture_of, bootstrap_of};
use compiler::api::Architecture;
use compiler::fingerprint::fingerprint_bytes;

/// The binary of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) bytes: Vec<u8>,
    /// Its fingerprint, for the build metadata.
    pub(super) fingerprint: String,
    pub(super) architecture: Architecture,
    pub(super) origin: Origin,
}

/// A published version, whose binary is used if there is no other one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fallback<'a> {
    /// The function's name.
    pub(super) name: &'a str,
    /// The version.
    pub(super) version: &'a str,
}

/// Checks what the options require, before anything is changed.
pub(super) fn check_prerequisites(arguments: &cli::Build) -> Result<(), Failure> {
    match sources(arguments) {
        Some(source) => check_sources(&source),
        None => Ok(()),
    }
}

/// Returns the binary: of `--function-zip`, of `--build`, of the zip beside this program, or of a
/// published version. Without an architecture, that of the binary is accepted.
pub(super) fn binary(
    session: &Session,
    arguments: &cli::Build,
    architecture: Option<&Architecture>,
    fallback: Option<Fallback<'_>>,
) -> Result<Binary, Failure> {
    let needed = architecture.cloned().unwrap_or(Architecture::Arm64);
    let found = if let Some(path) = &arguments.function_zip {
        of_zip(&read_bytes(path)?, Origin::Zip(path.clone()))?
    } else if let Some(source) = sources(arguments) {
        let bytes = build(session, &source, &needed)?;
        of_bytes(bytes, Origin::Sources(source))?
    } else if let Some(path) = released_zip(&needed) {
        of_zip(&read_bytes(&path)?, Origin::Zip(path))?
    } else if let Some(Fallback { name, version }) = fallback {
        of_version(session, name, version)?
    } else {
        return Err(Failure::NoBinary(needed));
    };
    match architecture {
        Some(expected) if *expected != found.architecture => Err(Failure::OtherArchitecture {
            origin: found.origin,
            expected: expected.clone(),
            found: found.architecture,
        }),
        _ => Ok(found),
    }
}

/// Returns the binary of a published version.
pub(super) fn of_version(session: &Session, name: &str, version: &str) -> Result<Binary, Failure> {
    let (owned, number) = (name.to_owned(), version.to_owned());
    let origin = Origin::Version { name: owned, version: number };
    let url = session.block_on(session.aws.function_code_url(name, version))?;
    let Some(url) = url else { return Err(Failure::NoCode(origin)) };
    match session.block_on(download(&url)) {
        Ok(zip) => of_zip(&zip, origin),
        Err(cause) => Err(Failure::Download { origin, cause }),
    }
}

fn of_zip(zip: &[u8], origin: Origin) -> Result<Binary, Failure> {
    match bootstrap_of(zip) {
        Ok(bytes) => of_bytes(bytes, origin),
        Err(problem) => Err(Failure::Package { origin, problem }),
    }
}

fn of_bytes(bytes: Vec<u8>, origin: Origin) -> Result<Binary, Failure> {
    let Some(architecture) = architecture_of(&bytes) else {
        return Err(Failure::UnknownArchitecture(origin));
    };
    let fingerprint = fingerprint_bytes(&bytes);
    Ok(Binary { bytes, fingerprint, architecture, origin })
}

/// Returns the zip of the package that this program is installed from: beside the program, or in the
/// folder of shared files.
fn released_zip(architecture: &Architecture) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let name = match architecture {
        Architecture::Arm64 => "authorizer-arm64.zip",
        Architecture::X86_64 => "authorizer-x86_64.zip",
        Architecture::Other(_) => return None,
    };
    let folder = program.parent()?;
    let shared = folder.parent().map(|prefix| prefix.join("share/portcullis"));
    let paths = [Some(folder.to_owned()), shared].into_iter().flatten();
    paths.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Returns the directory of the sources to build, if they are to be built.
fn sources(arguments: &cli::Build) -> Option<PathBuf> {
    let source = arguments.build.clone()?.unwrap_or_else(|| PathBuf::from("."));
    Some(source.canonicalize().unwrap_or(source))
}

/// Checks that the sources and `cargo lambda` exist.
fn check_sources(source: &Path) -> Result<(), Failure> {
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

/// Builds the function.
fn build(
    session: &Session,
    source: &Path,
    architecture: &Architecture,
) -> Result<Vec<u8>, Failure> {
    session.output.note(&format!("building the function for {architecture}"));
    let folder = local::folder()?;
    let target = target(session, architecture);
    let mut cargo = Command::new("cargo");
    cargo.args(["lambda", "build", "--manifest-path"]).arg(source.join("Cargo.toml"));
    cargo.arg("--lambda-dir").arg(folder.path());
    cargo.args(["--locked", "--profile", "lambda", "--package", "authorizer", "--target", target]);
    // Cargo reads its configuration from the current directory.
    cargo.current_dir(source);
    let program = "cargo lambda build";
    let status = cargo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).status();
    let status = status.map_err(|cause| Failure::ProgramNotStarted { program, cause })?;
    if !status.success() {
        return Err(Failure::ProgramFailed { program, status });
    }
    read_bytes(&folder.path().join("bootstrap/bootstrap"))
}

/// Returns the target. A static binary starts fastest; without that target and `rustup`, the
/// binary is linked with Lambda's C library.
fn target(session: &Session, architecture: &Architecture) -> &'static str {
    let (fixed, linked) = match architecture {
        Architecture::X86_64 => ("x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"),
        Architecture::Arm64 | Architecture::Other(_) => {
            ("aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu")
        }
    };
    let added = Command::new("rustup").args(["target", "add", fixed]).output();
    if added.is_ok_and(|output| output.status.success()) {
        return fixed;
    }
    let note = format!("note: `rustup target add {fixed}` failed; using {linked}");
    session.output.note(&note);
    linked
}
