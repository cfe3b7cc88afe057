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
        // Opened again it would have a position of its own.
        Some(path) if path == Path::new("/dev/stdout") => {
            output.document(text);
            Ok(())
        }
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
        // What a descriptor leads to is the caller's open file, and another in its place is not.
        _ if ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder)) => append(bytes, path),
        Ok(old) if !old.is_file() => append(bytes, path),
        Ok(old) => replace(bytes, path, Some(old.permissions())),
        Err(_) => replace(bytes, path, None),
    };
    written.map_err(|cause| Failure::Unwritable { path: path.to_owned(), cause })
}

/// Writes to what cannot be replaced, such as a pipe or `/dev/stdout`, behind what is there.
fn append(bytes: &[u8], path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(bytes)
}

/// Writes a temporary file beside the file, and moves it there once it is on the disk. A new
/// file has the mode that the umask leaves; one that existed keeps its mode.
fn replace(bytes: &[u8], path: &Path, mode: Option<Permissions>) -> io::Result<()> {
    // A link stays one: what it leads to is replaced, or created.
    let target = path.canonicalize().or_else(|_| linked(path)).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // Never more than the mode it is to have, also while it is written.
    let created = mode.clone().unwrap_or(Permissions::from_mode(0o666));
    builder.prefix(".deployer-").permissions(created);
    let mut temporary = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    let file: &mut File = temporary.as_file_mut();
    if let Some(mode) = mode {
        // The umask took something of it.
        file.set_permissions(mode)?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    temporary.persist(target).map_err(|error| error.error)?;
    Ok(())
}

/// Returns what a link leads to that does not exist yet.
fn linked(path: &Path) -> io::Result<std::path::PathBuf> {
    let target = fs::read_link(path)?;
    Ok(path.parent().unwrap_or(Path::new("")).join(target))
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
