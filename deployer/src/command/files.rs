//! The files that commands read and write. A file that is written is whole, or is what it was.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fs, io};

use super::Failure;
use crate::output::Output;

/// Writes a document to a file, or to stdout.
pub(super) fn write(text: &str, path: Option<&Path>, output: Output) -> Result<(), Failure> {
    match path {
        Some(path) => write_bytes(format!("{text}\n").as_bytes(), path),
        None => {
            output.document(text);
            Ok(())
        }
    }
}

/// Writes bytes to a file.
pub(super) fn write_bytes(bytes: &[u8], path: &Path) -> Result<(), Failure> {
    let written = match fs::metadata(path) {
        Ok(old) if !old.is_file() => overwrite(bytes, path),
        Ok(old) => replace(bytes, path, Some(old.permissions())),
        Err(_) => replace(bytes, path, None),
    };
    written.map_err(|cause| Failure::Unwritable { path: path.to_owned(), cause })
}

/// Writes to what is no regular file, such as a pipe, and cannot be replaced.
fn overwrite(bytes: &[u8], path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(bytes)
}

/// Writes a temporary file beside the file, and moves it there once it is on the disk. A new
/// file has the mode that the umask leaves; one that existed keeps its mode.
fn replace(bytes: &[u8], path: &Path, mode: Option<Permissions>) -> io::Result<()> {
    // A link stays one: what it leads to is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".deployer-").permissions(Permissions::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    let file: &mut File = temporary.as_file_mut();
    if let Some(mode) = mode {
        file.set_permissions(mode)?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    temporary.persist(target).map_err(|error| error.error)?;
    Ok(())
}

/// Reads a function that was built.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|cause| Failure::Binary { path: path.to_owned(), cause })
}

/// Creates a folder, if it does not exist.
pub(super) fn make_folder(path: &Path) -> Result<(), Failure> {
    let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
    fs::create_dir_all(path).map_err(unwritable)
}
