//! A folder → the compiled API: the files are read here and nowhere else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::api::Api;
use crate::compile::{self, Environment};
use crate::source::diagnostic::{Diagnostic, Diagnostics, Source, Span, has_errors};

/// The manifest's name in its folder.
pub const MANIFEST: &str = "portcullis.toml";

/// No OpenAPI document that API Gateway imports is larger.
const MAX_FILE_BYTES: u64 = 6_000_000;

/// A folder's files, read and compiled.
#[derive(Debug)]
pub struct Project {
    /// The API, if nothing is wrong with it.
    pub api: Option<Api>,
    /// What is wrong, or worth a look.
    pub diagnostics: Vec<Diagnostic>,
    /// The files it is made of, as far as they are known.
    pub files: Vec<PathBuf>,
}

/// A file that cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {cause}", .path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub cause: io::Error,
}

/// Reads the files of a folder and compiles them for a stage.
pub fn load(
    folder: &Path,
    stage: Option<&str>,
    environment: Environment<'_>,
) -> Result<Project, ReadError> {
    let manifest = folder.join(MANIFEST);
    let source = read(&manifest)?;
    Ok(compiled(folder, &source, vec![manifest], stage, environment))
}

/// Reads an OpenAPI document that says by itself what API Gateway needs, such as an export.
pub fn load_document(path: &Path, stage: Option<&str>, environment: Environment<'_>) -> Project {
    let name = |part: Option<&std::ffi::OsStr>| {
        let part = part.unwrap_or_default().to_string_lossy().into_owned();
        quoted(&part)
    };
    let text = format!(
        "[api]\nname = {}\nopenapi = {}\n\n[stage.{}]\n",
        name(path.file_stem()),
        name(path.file_name()),
        quoted(stage.unwrap_or("dev"))
    );
    let source = Arc::new(Source { name: MANIFEST.to_owned(), text });
    let folder = path.parent().unwrap_or(Path::new("."));
    compiled(folder, &source, Vec::new(), stage, environment)
}

/// Writes a text as TOML and JSON do alike.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn compiled(
    folder: &Path,
    source: &Arc<Source>,
    mut files: Vec<PathBuf>,
    stage: Option<&str>,
    environment: Environment<'_>,
) -> Project {
    let (manifest, mut diagnostics) = compile::manifest(source, environment);
    let Some(manifest) = manifest else { return Project { api: None, diagnostics, files } };
    let (name, span) = &manifest.openapi;
    files.push(folder.join(name));
    let openapi = match read(&folder.join(name)) {
        Ok(openapi) => openapi,
        Err(ReadError { cause, .. }) => {
            diagnostics.extend(unreadable(source, *span, name, &cause));
            return Project { api: None, diagnostics, files };
        }
    };
    let (api, found) = compile::compile(&manifest, source, &openapi, stage);
    diagnostics.extend(found);
    let api = if has_errors(&diagnostics) { None } else { api };
    Project { api, diagnostics, files }
}

fn unreadable(
    manifest: &Arc<Source>,
    span: Span,
    name: &str,
    cause: &io::Error,
) -> Vec<Diagnostic> {
    let mut diagnostics = Diagnostics::new(Arc::clone(manifest));
    let help = format!("the path is relative to the folder of {MANIFEST}");
    diagnostics.error(span, format!("`{name}` cannot be read: {cause}"), help);
    diagnostics.into_vec()
}

/// Returns what is in a file, to see whether it changed.
pub fn read_bytes(path: &Path) -> Option<Vec<u8>> {
    fs::read(path).ok()
}

/// Writes a file for a program of ours.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
}

/// Reads a file of the user's.
pub fn read(path: &Path) -> Result<Arc<Source>, ReadError> {
    let text = fs::metadata(path).and_then(|metadata| {
        if metadata.len() > MAX_FILE_BYTES {
            let cause = "it is larger than 6 MB, the most that API Gateway imports";
            return Err(io::Error::other(cause));
        }
        fs::read_to_string(path)
    });
    match text {
        Ok(text) => Ok(Arc::new(Source { name: path.display().to_string(), text })),
        Err(cause) => Err(ReadError { path: path.to_owned(), cause }),
    }
}
