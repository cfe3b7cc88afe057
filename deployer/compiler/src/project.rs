//! A folder → the compiled API. No other module of the crate reads files.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use authorizer::UnixTime;

use crate::api::Api;
use crate::compile::{self, Environment};
use crate::source::diagnostic::{Diagnostic, Diagnostics, Source, Span, has_errors};
use crate::source::manifest::Manifest;

/// The file name of the manifest.
pub const MANIFEST: &str = "portcullis.toml";

/// The largest OpenAPI document that is read. It may be larger than what API Gateway imports: examples and
/// descriptions are not a part of that.
const MAX_FILE_BYTES: u64 = 30_000_000;

const TOO_LARGE: &str = "larger than 30 MB";

/// The maximum size of another file that the manifest names. It becomes part of `authorizer.json`.
const MAX_NAMED_FILE_BYTES: u64 = 1_000_000;

/// The compiled files of a folder.
#[derive(Debug)]
pub struct Project {
    /// The API, if there is no error.
    pub api: Option<Api>,
    /// The errors, warnings and notes.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {cause}", .path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// The cause.
    pub cause: io::Error,
}

/// Compiles the files of a folder for a stage.
pub fn load(
    folder: &Path,
    stage: Option<&str>,
    environment: Environment<'_>,
    now: UnixTime,
) -> Result<Project, ReadError> {
    let source = read(&folder.join(MANIFEST))?;
    Ok(load_source(folder, &source, stage, environment, now))
}

/// Compiles the files of a folder for a stage, with another text of the manifest.
pub fn load_source(
    folder: &Path,
    source: &Arc<Source>,
    stage: Option<&str>,
    environment: Environment<'_>,
    now: UnixTime,
) -> Project {
    compile_manifest(folder, source, vec![folder.join(MANIFEST)], stage, environment, now)
}

/// Reads the manifest of a folder alone.
pub fn load_manifest(
    folder: &Path,
    environment: Environment<'_>,
) -> Result<(Option<Manifest>, Vec<Diagnostic>), ReadError> {
    let source = read(&folder.join(MANIFEST))?;
    Ok(read_manifest(folder, &source, environment))
}

/// Reads the manifest of a folder alone, from its text.
pub fn read_manifest(
    folder: &Path,
    source: &Arc<Source>,
    environment: Environment<'_>,
) -> (Option<Manifest>, Vec<Diagnostic>) {
    compile::manifest(source, environment, &|name| read_named(&folder.join(name)))
}

/// Compiles an OpenAPI document without a manifest, such as an export from AWS.
pub fn load_document(
    path: &Path,
    stage: Option<&str>,
    environment: Environment<'_>,
    now: UnixTime,
) -> Project {
    let literal = |part: Option<&std::ffi::OsStr>| {
        let part = part.unwrap_or_default().to_string_lossy().into_owned();
        quoted(&part)
    };
    let text = format!(
        "[api]\nname = {}\nopenapi = {}\n\n[stage.{}]\n",
        literal(path.file_stem()),
        literal(path.file_name()),
        quoted(stage.unwrap_or("dev"))
    );
    let source = Arc::new(Source { name: MANIFEST.to_owned(), text });
    let folder = path.parent().unwrap_or(Path::new("."));
    compile_manifest(folder, &source, Vec::new(), stage, environment, now)
}

/// Returns a text as a string literal of TOML and JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn compile_manifest(
    folder: &Path,
    source: &Arc<Source>,
    mut files: Vec<PathBuf>,
    stage: Option<&str>,
    environment: Environment<'_>,
    now: UnixTime,
) -> Project {
    let named = RefCell::new(Vec::new());
    let read_named = |name: &str| {
        let path = folder.join(name);
        let text = read_named(&path);
        named.borrow_mut().push(path);
        text
    };
    let (manifest, mut diagnostics) = compile::manifest(source, environment, &read_named);
    files.extend(named.take());
    let Some(manifest) = manifest else { return Project { api: None, diagnostics, files } };
    let (name, span) = &manifest.openapi;
    files.push(folder.join(name));
    let openapi = match read(&folder.join(name)) {
        Ok(openapi) => openapi,
        Err(ReadError { cause, .. }) => {
            diagnostics.extend(unreadable_document(source, *span, name, &cause));
            return Project { api: None, diagnostics, files };
        }
    };
    let (api, found) = compile::compile(&manifest, source, &openapi, stage, now);
    diagnostics.extend(found);
    let api = if has_errors(&diagnostics) { None } else { api };
    Project { api, diagnostics, files }
}

fn unreadable_document(
    manifest: &Arc<Source>,
    span: Span,
    name: &str,
    cause: &io::Error,
) -> Vec<Diagnostic> {
    let mut diagnostics = Diagnostics::new(Arc::clone(manifest));
    let help = format!("set `openapi` to a path relative to the directory of {MANIFEST}");
    diagnostics.error(span, format!("cannot read `{name}`: {cause}"), help);
    diagnostics.into_vec()
}

/// Returns the bytes of a file, to detect changes.
pub fn read_bytes(path: &Path) -> Option<Vec<u8>> {
    require_regular(path).ok()?;
    read_at_most(path, MAX_FILE_BYTES, TOO_LARGE).ok()
}

/// Writes a file for a program that Portcullis starts. Only the user can read it: it may have secrets.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Reads a file that the manifest names, besides the OpenAPI document.
pub fn read_named(path: &Path) -> Result<String, String> {
    let bytes = require_regular(path)
        .and_then(|()| read_at_most(path, MAX_NAMED_FILE_BYTES, "larger than 1 MB"));
    bytes.and_then(text).map_err(|cause| cause.to_string())
}

/// Checks that a path is that of a regular file: reading a device or a pipe may never end.
fn require_regular(path: &Path) -> io::Result<()> {
    let is_regular = fs::metadata(path)?.is_file();
    if is_regular { Ok(()) } else { Err(io::Error::other("not a regular file")) }
}

/// Reads a file up to a limit: a device and a pipe have no size.
fn read_at_most(path: &Path, limit: u64, too_large: &'static str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let is_larger = u64::try_from(read).is_ok_and(|read| read > limit);
    if is_larger { Err(io::Error::other(too_large)) } else { Ok(bytes) }
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    let invalid = |_| io::Error::new(io::ErrorKind::InvalidData, "not valid UTF-8");
    String::from_utf8(bytes).map_err(invalid)
}

/// Reads a file of the user.
pub fn read(path: &Path) -> Result<Arc<Source>, ReadError> {
    match read_at_most(path, MAX_FILE_BYTES, TOO_LARGE).and_then(text) {
        Ok(text) => Ok(Arc::new(Source { name: path.display().to_string(), text })),
        Err(cause) => Err(ReadError { path: path.to_owned(), cause }),
    }
}
