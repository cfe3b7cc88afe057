//! The files that commands read and write. A write is atomic: it replaces the whole file, or nothing.

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Failure;
use crate::output::Output;

/// Writes a document to a file, or to stdout.
pub(super) fn write(text: &str, path: Option<&Path>, output: Output) -> Result<(), Failure> {
    match path {
        // Opened again, it would have a file position of its own.
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
        // A descriptor refers to the caller's open file, which must not be replaced.
        _ if ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder)) => append(bytes, path),
        Ok(old) if !old.is_file() => append(bytes, path),
        Ok(old) => replace(bytes, path, Some(old.permissions())),
        Err(_) => replace(bytes, path, None),
    };
    written.map_err(|cause| Failure::Unwritable { path: path.to_owned(), cause })
}

/// Opens a file, or creates it, and returns a function that appends a line.
pub(super) fn open_to_append(
    path: &Path,
) -> Result<impl Fn(&str) -> io::Result<()> + Send + Sync + 'static, Failure> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    let file = file.map_err(|cause| Failure::Unwritable { path: path.to_owned(), cause })?;
    // One call, so that lines of concurrent requests do not mix.
    Ok(move |line: &str| (&file).write_all(format!("{line}\n").as_bytes()))
}

/// Appends to a file that cannot be replaced, such as a pipe or `/dev/stdout`.
fn append(bytes: &[u8], path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.write_all(bytes)
}

/// Writes a temporary file in the same directory, syncs it, and renames it. An existing file keeps
/// its mode; a new one gets the umask's.
fn replace(bytes: &[u8], path: &Path, mode: Option<Permissions>) -> io::Result<()> {
    // A symbolic link is preserved: its target is replaced or created.
    let target =
        path.canonicalize().or_else(|_| link_target(path)).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // Never more permissive than the final mode.
    let created = mode.clone().unwrap_or(Permissions::from_mode(0o666));
    builder.prefix(".deployer-").permissions(created);
    let directory = folder.unwrap_or(Path::new("."));
    let mut temporary = builder.tempfile_in(directory).map_err(without_path)?;
    let file: &mut File = temporary.as_file_mut();
    if let Some(mode) = mode {
        // The umask may have removed bits.
        file.set_permissions(mode)?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    temporary.persist(target).map_err(|error| error.error)?;
    Ok(())
}

/// Returns the error without the random name of the temporary file, which `tempfile` appends to the
/// operating system's message and does not expose otherwise.
fn without_path(error: io::Error) -> io::Error {
    let message = error.to_string();
    match message.split_once(" at path ") {
        Some((message, _)) => io::Error::new(error.kind(), message.to_owned()),
        None => error,
    }
}

/// Returns the target of a symbolic link whose target does not exist yet.
fn link_target(path: &Path) -> io::Result<PathBuf> {
    let target = fs::read_link(path)?;
    Ok(path.parent().unwrap_or(Path::new("")).join(target))
}

/// Returns the path of a file without symbolic links. The file may be missing, its directory may not.
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    let (Err(_), Some(folder), Some(name)) =
        (fs::symlink_metadata(path), path.parent(), path.file_name())
    else {
        return path.canonicalize();
    };
    Ok(folder.canonicalize()?.join(name))
}

/// Creates a temporary directory that only the user can read, which is deleted when the value is
/// dropped.
pub(super) fn temporary_directory() -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("portcullis-").permissions(Permissions::from_mode(0o700)).tempdir()
}

/// Reads a built function.
pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|cause| Failure::FunctionUnreadable { path: path.to_owned(), cause })
}

/// Returns whether a path exists, a broken symbolic link too.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Creates a directory, unless it exists.
pub(super) fn create_directory(path: &Path) -> Result<(), Failure> {
    let unwritable = |cause| Failure::Unwritable { path: path.to_owned(), cause };
    fs::create_dir_all(path).map_err(unwritable)
}
