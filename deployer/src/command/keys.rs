//! `deployer keys fetch`: fetches the key sets that are bundled with the configuration.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use authorizer::Config;
use authorizer::config::{Document, IssuerDocument};
use authorizer::keys::download::{Download, download};
use authorizer::keys::fetch::{FetchError, HttpFetch};
use authorizer::keys::proxy::Proxy;
use serde_json::{Value as Json, json};

use super::{Failure, Invocation, local, resolve, write_bytes};
use crate::cli;
use crate::output::Exit;
use compiler::project::{self, read_named};
use compiler::source::diagnostic::{Code, has_errors};
use compiler::source::keys_file::KeysFile;
use compiler::source::manifest::{Manifest, has_url};
use gateway::clock;

/// The deadline of an issuer. Longer than that of the function, because keys are bundled for slow
/// issuers too.
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) fn fetch(
    arguments: &cli::KeysFetch,
    invocation: Invocation<'_>,
) -> Result<Exit, Failure> {
    let output = invocation.output;
    let targets = targets(&manifest(&arguments.dir, invocation)?, &arguments.dir);
    if targets.is_empty() {
        return Err(Failure::NoBundledKeys);
    }
    let proxy = Proxy::from_environment(invocation.environment)?;
    let runtime = local::runtime()?;
    let mut results = Results::default();
    for target in &targets {
        output.note(&format!("fetching the keys of {}", target.issuer.issuer));
        let result = target.destination().and_then(|destination| {
            let file = runtime.block_on(target.fetch(proxy.clone()))?;
            write_keys(file, &destination)
        });
        results.add(target, result);
    }
    let Results { lines, written, failed, failed_issuers, fixes } = results;
    output.data(&lines.join("\n"), &json!({"written": written, "failed": failed}));
    if failed_issuers.is_empty() {
        return Ok(Exit::Success);
    }
    Err(Failure::KeysNotFetched { issuers: failed_issuers, fixes })
}

/// The reason a file of keys was not written.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    /// The issuer's keys cannot be fetched by any URL.
    #[error("the issuer has no URL to fetch keys from")]
    NoUrl,
    /// The issuer's settings are invalid.
    #[error("{0}")]
    Config(String),
    /// The path is a link out of the project.
    #[error(
        "it is a link to `{}`, which is not in `{}`; remove the link, or set `keys` to another path",
        .file.display(),
        .folder.display()
    )]
    Link {
        /// The path without symbolic links.
        file: PathBuf,
        /// The project.
        folder: PathBuf,
    },
    /// Another file has the path.
    #[error("the file exists and has no bundled keys; remove it, or set `keys` to another path")]
    OtherFile,
    /// The fetch failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] Failure),
}

impl KeysError {
    /// Returns the fix.
    fn help(&self, issuer: &str) -> String {
        let fixed = match self {
            Self::NoUrl => "set `jwks_uri`",
            Self::Write(Failure::Unwritable { path, cause })
                if cause.kind() == ErrorKind::NotFound =>
            {
                let folder = path.parent().unwrap_or(path).display();
                return format!("create the directory {folder}");
            }
            Self::Link { .. } | Self::OtherFile => "set `keys` to another path",
            Self::Write(_) => "check the path, its permissions and the disk space",
            Self::Fetch(FetchError::Connect { .. } | FetchError::Timeout { .. }) => {
                "check the network, HTTPS_PROXY and `ca_bundle`"
            }
            Self::Fetch(FetchError::IssuerSlash) => {
                let other = issuer.strip_suffix('/').map(str::to_owned);
                let other = other.unwrap_or_else(|| format!("{issuer}/"));
                return format!("set `issuer = \"{other}\"`, instead of `{issuer}`");
            }
            Self::Fetch(FetchError::KeySet(_)) => "check `jwks_uri` and `algorithms`",
            Self::Config(_) | Self::Fetch(_) => "check `issuer` and `jwks_uri`",
        };
        fixed.to_owned()
    }
}

/// The results of the issuers, in order.
#[derive(Default)]
struct Results {
    lines: Vec<String>,
    written: Vec<Json>,
    failed: Vec<Json>,
    failed_issuers: Vec<String>,
    fixes: BTreeSet<String>,
}

impl Results {
    fn add(&mut self, target: &Target, result: Result<KeysFile, KeysError>) {
        let (issuer, path) = (&target.issuer.issuer, target.file.display().to_string());
        match result {
            Ok(KeysFile { jwks_uri, read_at, jwks, .. }) => {
                let count = jwks.get("keys").and_then(Json::as_array).map_or(0, Vec::len);
                let plural = if count == 1 { "" } else { "s" };
                self.lines.push(format!("{path}: {count} key{plural} of {issuer}"));
                self.written.push(json!({
                    "authorizer": target.authorizer,
                    "issuer": issuer,
                    "file": path,
                    "jwks_uri": jwks_uri,
                    "read_at": read_at,
                    "keys": count,
                }));
            }
            Err(error) => {
                self.fixes.insert(error.help(issuer));
                let error = error.to_string();
                self.lines.push(format!("{path}: not written: {error}"));
                self.failed_issuers.push(issuer.clone());
                self.failed.push(json!({
                    "authorizer": target.authorizer,
                    "issuer": issuer,
                    "file": path,
                    "error": error,
                }));
            }
        }
    }
}

/// Reads the manifest. The files of keys may be missing or invalid: the command writes them.
fn manifest(folder: &Path, invocation: Invocation<'_>) -> Result<Manifest, Failure> {
    let (manifest, mut diagnostics) = project::load_manifest(folder, invocation.environment)?;
    diagnostics.retain(|diagnostic| diagnostic.code != Code::BundledKeys);
    match manifest {
        Some(manifest) if !has_errors(&diagnostics) => Ok(manifest),
        _ => Err(Failure::InvalidConfiguration(diagnostics)),
    }
}

/// An issuer with bundled keys.
struct Target {
    authorizer: String,
    issuer: IssuerDocument,
    ca_bundle: Option<String>,
    folder: PathBuf,
    file: PathBuf,
}

fn targets(manifest: &Manifest, folder: &Path) -> Vec<Target> {
    let mut targets = Vec::new();
    for (name, authorizer) in &manifest.authorizers {
        for (issuer, declared) in authorizer.settings.issuers.iter().zip(&authorizer.issuers) {
            let Some((file, _)) = &declared.keys else { continue };
            targets.push(Target {
                authorizer: name.clone(),
                issuer: IssuerDocument { keys: None, ..issuer.clone() },
                ca_bundle: authorizer.settings.ca_bundle.clone(),
                folder: folder.to_owned(),
                file: folder.join(file),
            });
        }
    }
    targets
}

impl Target {
    /// Fetches the keys as the function does, with the clock of the response.
    async fn fetch(&self, proxy: Option<Proxy>) -> Result<KeysFile, KeysError> {
        if !has_url(&self.issuer.issuer, self.issuer.jwks_uri.as_deref()) {
            return Err(KeysError::NoUrl);
        }
        let document = Document {
            issuers: vec![self.issuer.clone()],
            ca_bundle: self.ca_bundle.clone(),
            ..Document::default()
        };
        let invalid = |error: String| KeysError::Config(error);
        let config = Config::resolve(&document).map_err(|errors| invalid(errors.to_string()))?;
        let issuer = config.issuers().first().ok_or_else(|| invalid("no issuer".to_owned()))?;
        let fetch = Arc::new(HttpFetch::new(config.ca_bundle()).with_proxy(proxy));
        let Download { jwks_uri, jwks } = download(issuer, fetch, DEADLINE).await?;
        let read_at = clock::unix_time().seconds();
        Ok(KeysFile { issuer: self.issuer.issuer.clone(), jwks_uri: Some(jwks_uri), read_at, jwks })
    }

    /// Returns the path to write, without symbolic links. It is in the project, and it is missing or a
    /// file of bundled keys: the manifest may be another person's, and must not name files to destroy.
    fn destination(&self) -> Result<PathBuf, KeysError> {
        let resolved = |path: &Path| {
            let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
            resolve(path).map_err(unwritable)
        };
        let (folder, file) = (resolved(&self.folder)?, resolved(&self.file)?);
        if !file.starts_with(&folder) {
            return Err(KeysError::Link { file, folder });
        }
        let is_missing = file.try_exists().is_ok_and(|exists| !exists);
        let is_keys_file = || read_named(&file).is_ok_and(|text| KeysFile::is_keys_file(&text));
        if is_missing || is_keys_file() {
            return Ok(file);
        }
        Err(KeysError::OtherFile)
    }
}

/// Writes the file of the keys, and returns its content.
fn write_keys(file: KeysFile, path: &Path) -> Result<KeysFile, KeysError> {
    let text = serde_json::to_string_pretty(&file);
    let text = text.map_err(|error| KeysError::Config(error.to_string()))?;
    write_bytes(format!("{text}\n").as_bytes(), path)?;
    Ok(file)
}
